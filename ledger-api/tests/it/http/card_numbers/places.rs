//! Every place of a call that text can be put into, as the published description has them.

use std::collections::BTreeMap;
use std::fs;

use ledger_core::text::{ExternalReference, IssuerId, Label};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// An example line for each command.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/every-field.jsonl");

/// Headers whose text is read, whether a call needs it or not.
const HEADERS: [&str; 5] = [
    "WL-Correlation-ID",
    "Idempotency-Key",
    "WL-Origin",
    "WL-Username",
    "Last-Event-ID",
];

/// A call that would be understood, and the place in it that is written over.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) method: &'static str,
    /// With its variable elements in braces.
    template: String,
    query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    pub(super) spot: Spot,
    /// Longest text that is looked into here; none where only some texts are possible at all.
    pub(super) longest: Option<usize>,
    /// Whether a number is written with zeros before it, so that it has twenty digits.
    pub(super) is_padded: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Spot {
    Element(String),
    Query(String),
    /// The name of a parameter.
    QueryName,
    Header(&'static str),
    Body(Vec<Step>),
}

/// On the way into a body.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Field(String),
    First,
    /// The text is the name of a field.
    Name,
}

impl Place {
    /// Path and query, with a text in its spot.
    pub(super) fn target(&self, text: &str) -> String {
        let mut target = String::new();
        for (place, part) in self.template.split(['{', '}']).enumerate() {
            let is_here = matches!(&self.spot, Spot::Element(name) if name == part);
            match place % 2 {
                0 => target.push_str(part),
                _ if is_here => target.extend(utf8_percent_encode(text, NON_ALPHANUMERIC)),
                _ => target.push_str(element(part)),
            }
        }
        let mut query = self.query.clone();
        match &self.spot {
            Spot::Query(name) => {
                query.retain(|(known, _)| known != name);
                query.push((name.clone(), text.to_owned()));
            }
            Spot::QueryName => query.push((text.to_owned(), "x".to_owned())),
            Spot::Element(_) | Spot::Header(_) | Spot::Body(_) => {}
        }
        if !query.is_empty() {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(query)
                .finish();
            target = format!("{target}?{query}");
        }
        target
    }

    /// The body, with a text in its spot, and otherwise as nobody said it before, so that nothing is refused for
    /// being known already.
    pub(super) fn body(&self, text: &str, count: usize) -> Option<Value> {
        let mut body = self.body.clone()?;
        rename(&mut body, count);
        if let Spot::Body(steps) = &self.spot {
            put(&mut body, steps, text);
        }
        Some(body)
    }
}

/// Gives a command, or a line, a name of its own.
fn rename(body: &mut Value, count: usize) {
    if body.get("command").is_some() {
        body["correlationId"] = json!(format!("line {count}"));
        rename(&mut body["body"], count);
    }
    for name in [
        "externalOperationReference",
        "transactionId",
        "offlineReservationReference",
    ] {
        if body.get(name).is_some() {
            body[name] = json!(format!("N{count}"));
        }
    }
}

/// What stands for an element of a path.
fn element(name: &str) -> &'static str {
    match name {
        "issuerId" => "every",
        "accountReference" => "10000000000000000000",
        "issuerAccountExternalReference" => "G1",
        "operationId" => "1000000000000011",
        "transactionId" => "T2",
        "businessCaseId" => "BC-1",
        "businessRefType" => "ACCOUNT",
        "businessRefValue" => "G1",
        other => panic!("{other} has no example"),
    }
}

fn put(body: &mut Value, steps: &[Step], text: &str) {
    let Some((step, rest)) = steps.split_first() else {
        *body = json!(text);
        return;
    };
    match step {
        Step::First => {
            if body.get(0).is_none() {
                *body = json!([null]);
            }
            put(&mut body[0], rest, text);
        }
        Step::Field(name) => {
            if !body.is_object() {
                *body = json!({});
            }
            put(&mut body[name], rest, text);
        }
        Step::Name => {
            if !body.is_object() {
                *body = json!({});
            }
            body[text] = json!("x");
        }
    }
}

/// The example lines.
pub(super) fn examples() -> String {
    fs::read_to_string(EXAMPLES).expect("read")
}

/// An example line of every command, by its name.
fn lines() -> BTreeMap<String, Value> {
    let mut lines = BTreeMap::new();
    for line in examples().lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let command = line["command"].as_str().expect("a name").to_owned();
        lines.entry(command).or_insert(line);
    }
    lines
}

/// A body that is understood, by the last part of a path that says of what.
fn example(name: &str, lines: &BTreeMap<String, Value>) -> Value {
    match name {
        "search-operations" => json!({
            "issuerId": "every", "postingDateFrom": "2024-01-01T00:00:00Z",
            "postingDateTo": "2025-01-01T00:00:00Z",
        }),
        "inquire-business-cases" | "authorization-business-cases" => {
            json!({"issuerAccountExternalReference": "G1"})
        }
        "event-stores" => json!([{"businessRefType": "ACCOUNT", "businessRefValues": ["G1"]}]),
        "inquire-operation" => json!({
            "externalOperationDate": "2024-03-01T10:00:00.125Z", "externalOperationReference": "f1",
            "externalOperationServicePoster": "ISSUER",
        }),
        command => lines[command]["body"].clone(),
    }
}

/// Every place of every call that is described, but for the lines of one with many.
pub(super) fn all(description: &Value) -> Vec<Place> {
    let lines = lines();
    let mut places = Vec::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (name, method) in [("get", "GET"), ("post", "POST")] {
            if let Some(operation) = methods.get(name) {
                of_call(description, path, method, operation, &lines, &mut places);
            }
        }
    }
    places
}

fn found<'d>(description: &'d Value, reference: &str) -> &'d Value {
    let found = description.pointer(reference.trim_start_matches('#'));
    found.expect("it is described")
}

fn of_call(
    description: &Value,
    path: &str,
    method: &'static str,
    operation: &Value,
    lines: &BTreeMap<String, Value>,
    places: &mut Vec<Place>,
) {
    let parameters = operation["parameters"].as_array().expect("a list").iter();
    let parameters = parameters.map(|one| match one["$ref"].as_str() {
        Some(shared) => found(description, shared),
        None => one,
    });
    let parameters: Vec<_> = parameters.filter(|one| one["in"] == "query").collect();
    let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let schema = schema.map(|pointer| found(description, pointer));
    let name = path.rsplit('/').find(|part| *part != "search");
    let name = name.expect("a last part");
    let place = Place {
        method,
        template: path.to_owned(),
        query: parameters
            .iter()
            .filter(|parameter| parameter["required"] == json!(true))
            .map(|parameter| {
                let name = parameter["name"].as_str().expect("a name");
                let is_end = matches!(name, "endTime" | "toDate");
                let day = if is_end { "2199" } else { "1999" };
                (name.to_owned(), format!("{day}-01-01T00:00:00Z"))
            })
            .collect(),
        body: schema.map(|_| example(name, lines)),
        spot: Spot::QueryName,
        longest: Some(usize::MAX),
        is_padded: false,
    };
    let mut add = |spot: Spot, longest, is_padded| {
        places.push(Place {
            spot,
            longest,
            is_padded,
            ..place.clone()
        });
    };
    for (place, name) in path.split(['{', '}']).enumerate() {
        if place % 2 == 1 {
            add(Spot::Element(name.to_owned()), None, false);
            if element(name).starts_with('1') {
                add(Spot::Element(name.to_owned()), None, true);
            }
        }
    }
    for parameter in parameters {
        let name = parameter["name"].as_str().expect("a name").to_owned();
        add(Spot::Query(name), Some(usize::MAX), false);
    }
    // Taken everywhere, and not described.
    add(Spot::Query("filter".to_owned()), Some(usize::MAX), false);
    add(Spot::QueryName, Some(usize::MAX), false);
    for name in HEADERS {
        add(Spot::Header(name), Some(usize::MAX), false);
    }
    if let Some(schema) = schema {
        of_schema(schema, &mut Vec::new(), &mut |steps, longest, is_padded| {
            add(Spot::Body(steps), longest, is_padded);
        });
    }
}

/// Every place of an example line of every command.
pub(super) fn of_lines(description: &Value) -> Vec<Place> {
    let text = |longest: usize| json!({"type": "string", "maxLength": longest, "pattern": "."});
    let number = json!({"type": "string", "pattern": "^[0-9]{20}$"});
    let choice = json!({"type": "string"});
    let amount = json!({"type": "object", "properties": {"isoCode": choice}});
    let mut places = Vec::new();
    for (command, line) in lines() {
        let end = format!("/{command}");
        let paths = description["paths"].as_object().expect("paths").iter();
        let mut paths = paths.filter(|(path, _)| path.ends_with(&end));
        let (_, described) = paths.next().expect("every command can be called");
        let pointer = &described["post"]["requestBody"]["content"]["application/json"]["schema"];
        let pointer = pointer["$ref"].as_str().expect("a body");
        let mut fields = json!({
            "issuerId": text(IssuerId::BYTES_MAX),
            "correlationId": text(usize::MAX),
            "origin": text(Label::BYTES_MAX / 4),
            "username": text(Label::BYTES_MAX / 4),
            "command": choice,
            "body": description.pointer(pointer.trim_start_matches('#')),
        });
        if line.get("account").is_some() {
            fields["account"] = json!({"type": "object", "properties": {
                "accountReference": number,
                "issuerAccountExternalReference": text(ExternalReference::BYTES_MAX),
            }});
            fields["postingDate"] = choice.clone();
            fields["expect"] = json!({"type": "object", "properties": {"accountBalance": amount}});
        }
        let schema = json!({"type": "object", "properties": fields, "additionalProperties": false});
        of_schema(
            &schema,
            &mut Vec::new(),
            &mut |steps, longest, is_padded| {
                places.push(Place {
                    method: "POST",
                    template: String::new(),
                    query: Vec::new(),
                    body: Some(line.clone()),
                    spot: Spot::Body(steps),
                    longest,
                    is_padded,
                });
            },
        );
    }
    places
}

type Add<'a> = dyn FnMut(Vec<Step>, Option<usize>, bool) + 'a;

/// The type of a schema beside null; none where there are several.
fn kind(schema: &Value) -> Option<&str> {
    if let Some(kinds) = schema["type"].as_array() {
        let mut kinds = kinds.iter().filter(|kind| *kind != "null");
        let first = kinds.next();
        return first.filter(|_| kinds.next().is_none())?.as_str();
    }
    schema["type"].as_str()
}

fn of_schema(schema: &Value, at: &mut Vec<Step>, add: &mut Add<'_>) {
    match kind(schema) {
        Some("object") => {
            let none = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&none);
            for (name, property) in properties {
                at.push(Step::Field(name.clone()));
                of_schema(property, at, add);
                at.pop();
            }
            let others = &schema["additionalProperties"];
            if others.is_object() {
                at.push(Step::Field("a".to_owned()));
                of_schema(others, at, add);
                at.pop();
            }
            // Within a field, something else that is missing may be told first.
            let is_told = others.is_object() || at.is_empty();
            at.push(Step::Name);
            add(at.clone(), is_told.then_some(usize::MAX), false);
            at.pop();
        }
        Some("array") => {
            at.push(Step::First);
            of_schema(&schema["items"], at, add);
            at.pop();
        }
        Some("integer" | "boolean") => {}
        Some("string") => {
            // In an entry of a list, what another field excludes may be told first.
            let is_of_entry = at
                .iter()
                .rev()
                .skip(1)
                .any(|step| matches!(step, Step::First));
            let longest = schema["maxLength"]
                .as_u64()
                .and_then(|most| usize::try_from(most).ok())
                .filter(|_| !is_of_entry);
            add(at.clone(), longest, false);
            if schema["pattern"]
                .as_str()
                .is_some_and(|pattern| pattern.contains("[0-9]{"))
            {
                add(at.clone(), None, true);
            }
        }
        // A day, or an instant; a number, or the text of one.
        None if schema.get("anyOf").is_some() || schema["type"].is_array() => {
            add(at.clone(), None, false);
        }
        other => panic!("{other:?} is of no type that is known here: {schema}"),
    }
}
