//! The published description of the service, in OpenAPI 3.1, made of the list of endpoints.

use ledger_core::text::{IssuerId, Label};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::bulk;
use super::codes::CODES;
use super::commands;
use super::endpoint::{Endpoint, Kind, Parameter, Scope, Shape, Work};
use super::endpoints;
use super::feed;
use super::reads::event_stores::EventStoreView;
use super::schema;
use crate::head_file::HeadFile;
use crate::line::CORRELATION_ID_CHARS_MAX;
use crate::operation_view::ApiOperation;
use crate::status::StatusView;
use crate::views::authorizations::{AuthorizationView, BusinessCaseView, ReserveView};
use crate::views::{
    AccountView, BalanceView, IssuerView, OperationView, TrialBalanceReport, TrialBalanceView,
};

/// The description, as JSON.
#[must_use]
pub fn description() -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints::all() {
        let path = paths
            .entry(endpoint.path.clone())
            .or_insert_with(|| json!({"parameters": path_parameters(&endpoint.path)}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation(&endpoint);
    }
    let scopes: Map<String, Value> = Scope::ALL
        .iter()
        .map(|scope| (scope.name().to_owned(), json!("")))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ledger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Operations of card accounts, posted and reversed as immutable events. Amounts are in minor units, debit positive, credit negative; open-to-buy alone is an availability. Every answer in the envelope can be narrowed by the query parameter `filter`, which names the fields of its data that are to be shown; it is not among the parameters here, since what is answered then has less than its schema requires.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "parameters": {"CorrelationId": {
                "name": "WL-Correlation-ID",
                "in": "header",
                "description": "Names a command so that it is carried out only once; every answer repeats it.",
                "schema": {"type": "string", "minLength": 1, "maxLength": CORRELATION_ID_CHARS_MAX, "pattern": "^[!-~]([ -~]*[!-~])?$"},
            }},
            "responses": refusals(),
            "schemas": schemas(),
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes}},
                },
            },
        },
    })
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let control = r"\u0000-\u001f\u007f-\u009f";
    let others = IssuerId::BYTES_MAX - 1;
    let issuer_id = format!("^[^{control}.][^{control}]{{0,{others}}}$");
    let parameter = |name: &str| {
        let pattern = match name {
            "accountReference" => "^[0-9]{20}$",
            "operationId" => "^1[0-9]{15}$",
            "businessRefType" | "businessRefValue" => "^[ -~]{1,64}$",
            "issuerId" => &issuer_id,
            _ => "^[A-Za-z0-9][ -.0-~]{0,17}$",
        };
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "pattern": pattern}})
    };
    names.map(parameter).collect()
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = endpoint.parameters.iter().map(parameter).collect();
    parameters.push(json!({"$ref": "#/components/parameters/CorrelationId"}));
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success(endpoint));
    for status in statuses(endpoint) {
        let shared = format!("#/components/responses/{}", refusal_name(status));
        responses.insert(status.to_string(), json!({"$ref": shared}));
    }
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses,
        "security": [{"oauth2": [endpoint.scope.name()]}],
    });
    match endpoint.work {
        Work::Command(name) | Work::Ask(name, _) => {
            let is_required = schema::body(name).get("required").is_some()
                || name.starts_with("search-")
                || name.starts_with("inquire-");
            operation["requestBody"] = json!({
                "required": is_required,
                "content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{}", body_name(name))}}},
            });
        }
        Work::Whole(_) if endpoint.scope == Scope::OperationsWrite => {
            operation["requestBody"] = json!({
                "required": true,
                "description": format!("At most {} lines, each a command of the replay format.", bulk::BULK_LINES_MAX),
                // Any text is lines; what is wrong with one is said in its result.
                "content": {"application/x-ndjson": {"schema": {}}},
            });
        }
        Work::Read(_) | Work::Whole(_) => {}
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Instant => schema::instant(),
        Kind::Day => schema::day(),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number(least, most) => {
            json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
        }
        Kind::Text => {
            json!({"type": "string", "maxLength": Label::BYTES_MAX, "pattern": "^[ -~]*$"})
        }
        Kind::Choice(codes) => json!({"type": "string", "enum": codes}),
        Kind::Some(codes) => json!({
            "type": "array",
            "items": {"type": "string", "enum": codes},
            "minItems": 1,
        }),
    };
    let mut described = json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.meaning,
        "schema": schema,
    });
    if matches!(parameter.kind, Kind::Some(_)) {
        described["style"] = json!("form");
        described["explode"] = json!(false);
    }
    described
}

fn success(endpoint: &Endpoint) -> Value {
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let data = match endpoint.answer {
        Shape::One(name) => of(name),
        Shape::List(name) => json!({"type": "array", "items": of(name)}),
        Shape::Other(media_type) => {
            return json!({"description": "Done", "content": {media_type: {"schema": {"type": "string"}}}});
        }
    };
    json!({
        "description": "Done",
        "headers": {
            "X-Ledger-Position": {"schema": {"type": "integer", "format": "int64"}, "description": "How far the log reached."},
            "Idempotent-Replayed": {"schema": {"type": "string", "enum": ["true"]}, "description": "The answer is the one that was given before."},
        },
        "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["responseMetadata", "data"],
            "properties": {"responseMetadata": of("ResponseMetadata"), "data": data},
        }}},
    })
}

/// Statuses that an endpoint can answer with beside 200.
fn statuses(endpoint: &Endpoint) -> Vec<u16> {
    let mut statuses: Vec<u16> = CODES.iter().map(|code| code.status).collect();
    statuses.dedup();
    let has_body = !matches!(endpoint.work, Work::Read(_));
    statuses.retain(|status| match status {
        405 => false,
        413 | 415 => has_body,
        409 | 422 => !matches!(endpoint.work, Work::Whole(_)),
        _ => true,
    });
    statuses
}

fn codes_of(status: u16) -> String {
    let codes = CODES.iter().filter(|code| code.status == status);
    let codes: Vec<&str> = codes.map(|code| code.code).collect();
    codes.join(", ")
}

fn refusal_name(status: u16) -> String {
    format!("Refused{status}")
}

/// The answers that refuse a call, by what [`refusal_name`] calls them.
fn refusals() -> Value {
    let mut refusals = Map::new();
    for code in CODES {
        refusals.entry(refusal_name(code.status)).or_insert_with(|| {
            json!({
                "description": codes_of(code.status),
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Failure"}},
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                },
            })
        });
    }
    Value::Object(refusals)
}

/// `post-fee-operation` as `PostFeeOperationRequest`.
fn body_name(command: &str) -> String {
    let words = command.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + "Request"
}

fn schemas() -> Value {
    let mut schemas = Vec::new();
    add::<ApiOperation>(&mut schemas);
    add::<AuthorizationView>(&mut schemas);
    add::<BusinessCaseView>(&mut schemas);
    add::<ReserveView>(&mut schemas);
    add::<AccountView>(&mut schemas);
    add::<BalanceView>(&mut schemas);
    add::<TrialBalanceView>(&mut schemas);
    add::<TrialBalanceReport>(&mut schemas);
    add::<IssuerView>(&mut schemas);
    add::<OperationView>(&mut schemas);
    add::<HeadFile>(&mut schemas);
    add::<StatusView>(&mut schemas);
    add::<feed::EventsView>(&mut schemas);
    add::<EventStoreView>(&mut schemas);
    add::<commands::OperationDone>(&mut schemas);
    add::<commands::AccountDone>(&mut schemas);
    add::<commands::AuthorizationDone>(&mut schemas);
    let mut all: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    for endpoint in endpoints::all() {
        if let Work::Command(name) | Work::Ask(name, _) = endpoint.work {
            all.insert(body_name(name), schema::body(name));
        }
    }
    all.insert("Done".to_owned(), json!({"type": "object"}));
    all.insert("ResponseMetadata".to_owned(), metadata());
    all.insert(
        "Failure".to_owned(),
        json!({
            "type": "object",
            "required": ["responseMetadata", "errors"],
            "properties": {
                "responseMetadata": {"$ref": "#/components/schemas/ResponseMetadata"},
                "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
            },
        }),
    );
    let fault = json!({
        "code": {"type": "string", "description": "Stable, for programs."},
        "field": {"type": "string", "description": "The field at fault."},
        "message": {"type": "string", "description": "For people."},
        "operationIdentifier": {"type": "object", "properties": {"operationId": {"type": "string"}}},
        "samePayload": {"type": "boolean"},
    });
    all.insert(
        "Fault".to_owned(),
        json!({"type": "object", "required": ["code", "message"], "properties": fault}),
    );
    let mut problem = fault;
    problem["type"] = json!({"type": "string"});
    problem["title"] = json!({"type": "string"});
    problem["status"] = json!({"type": "integer"});
    problem["detail"] = json!({"type": "string"});
    problem["correlationId"] = json!({"type": "string"});
    all.insert(
        "Problem".to_owned(),
        json!({
            "type": "object",
            "required": ["type", "title", "status", "code"],
            "properties": problem,
        }),
    );
    Value::Object(all)
}

fn metadata() -> Value {
    json!({
        "type": "object",
        "required": ["correlationId", "statusMessage", "statusCode", "responseDateTime", "timeTakenMs"],
        "properties": {
            "correlationId": {"type": "string"},
            "statusMessage": {"type": "string"},
            "statusCode": {"type": "integer"},
            "responseDateTime": {"type": "string", "description": "Local time of the issuer, its offset without a colon."},
            "timeTakenMs": {"type": "integer", "format": "int64"},
            "links": {
                "type": "object",
                "required": ["self"],
                "properties": {"self": {"type": "string"}, "next": {"type": "string"}},
            },
            "complete": {"type": "boolean", "description": "False where a search looked at as much as one may, and there was more."},
        },
    })
}

/// Adds a view and what it is made of.
fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}
