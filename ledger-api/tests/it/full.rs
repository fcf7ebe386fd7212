//! Operations in full: what the issuer API's examples show comes back, lists stay put, searches find.

use ledger_api::operation_view::ApiOperation;
use ledger_api::queries::OperationFilter;
use ledger_api::queries::full::{ListFilter, Scope};
use ledger_api::queries::search::{Range, SearchCriteria, SearchError};
use ledger_api::{Ledger, error::ApiError, line, words};
use ledger_core::annotations::Annotations;
use ledger_core::command::{AccountSelector, OperationKind, Triplet};
use ledger_core::ids::{OperationId, Seq};
use ledger_core::text::{ExternalReference, IssuerId, OperationReference, ServicePoster};
use ledger_core::time::Timestamp;
use ledger_store::{LogOptions, StoreKind};
use serde_json::{Value, json};

use crate::bank;

/// A ledger and what is sent to it, line by line.
struct Desk {
    ledger: Ledger,
    lines: u32,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger = bank::open(&dir.path().join("d"), StoreKind::Redb);
        let mut desk = Self {
            ledger,
            lines: 0,
            dir,
        };
        let done = |desk: &mut Desk, command: &str, body: Value| {
            let line = json!({"command": command, "body": body});
            assert!(desk.send(line).is_ok(), "{command}");
        };
        done(
            &mut desk,
            "configure-issuer",
            json!({"timeZone": "Europe/Berlin", "businessDate": "2022-12-05"}),
        );
        done(
            &mut desk,
            "define-product",
            json!({
                "productReference": PRODUCT, "currency": "EUR", "workingMode": "PAY_LATER",
                "feeTypes": ["MARKUP_FEE"],
                "defaultCreditLimitAmount": eur(1_000_000),
            }),
        );
        for (name, parent) in [
            ("TOP", None),
            ("MID", Some("TOP")),
            ("LOW", Some("MID")),
            ("SIDE", None),
        ] {
            let body = json!({
                "issuerAccountExternalReference": name, "productReference": PRODUCT,
                "parentExternalReference": parent,
                "payingAccountType": parent.map(|_| "ROOT_PAYS"),
            });
            done(&mut desk, "open-account", body);
        }
        desk
    }

    /// Sends a line; gives the operation it posted, or the code it was refused with.
    fn send(&mut self, mut line: Value) -> Result<Option<OperationId>, String> {
        self.lines += 1;
        line["issuerId"] = json!("1234");
        if line.get("correlationId").is_none() {
            line["correlationId"] = json!(format!("line {}", self.lines));
        }
        let answer = match self.ledger.execute(&line.to_string()) {
            Ok(answer) => answer,
            Err(error) => return Err(error.code().to_owned()),
        };
        match answer.outcome {
            Ok(accepted) => Ok(accepted.operation),
            Err(refusal) => Err(refusal.rejection.code().to_owned()),
        }
    }

    fn post(
        &mut self,
        command: &str,
        account: &str,
        reference: &str,
        fields: Value,
    ) -> OperationId {
        let line = operation(command, account, reference, fields);
        self.send(line).expect("carried out").expect("an operation")
    }

    fn retrieved(&self, account: &str, id: OperationId, scope: Scope) -> Option<ApiOperation> {
        let found = self.ledger.operation(None, &named(account), id, scope);
        found.expect("the log is read")
    }

    fn reopened(self) -> Self {
        self.ledger.close().expect("the ledger closes");
        Self {
            ledger: bank::open(&self.dir.path().join("d"), StoreKind::Redb),
            ..self
        }
    }

    fn listed(&self, account: &str, filter: &ListFilter) -> (Vec<String>, bool, Seq) {
        let page = self.ledger.list_operations(None, &named(account), filter);
        let page = page.expect("the log is read");
        (references(&page.operations), page.more, page.position)
    }

    fn found(&self, criteria: &SearchCriteria) -> Vec<String> {
        let issuers = [IssuerId::new("1234").expect("an id")];
        let page = self
            .ledger
            .search_operations(&issuers, criteria, 0, 10, None, Scope::default());
        let page = page.expect("the criteria are right");
        assert!(page.complete && !page.more);
        references(&page.operations)
    }
}

const PRODUCT: &str = "PDT_1234_VISA_DEBIT_CLASSIC_SHARE";

fn eur(cents: i64) -> Value {
    json!({"value": cents, "exponent": 2, "isoCode": "EUR"})
}

fn named(account: &str) -> AccountSelector {
    AccountSelector::External(ExternalReference::new(account).expect("a reference"))
}

fn references(operations: &[ApiOperation]) -> Vec<String> {
    let references = operations.iter();
    references
        .map(|operation| operation.external_operation_reference.clone())
        .collect()
}

fn operation(command: &str, account: &str, reference: &str, mut fields: Value) -> Value {
    let mut line =
        json!({"command": command, "account": {"issuerAccountExternalReference": account}});
    for at in ["postingDate", "origin", "username", "correlationId"] {
        if let Some(value) = fields.as_object_mut().and_then(|fields| fields.remove(at)) {
            line[at] = value;
        }
    }
    let own = json!({
        "externalOperationDate": "2022-12-05T09:00:00.000Z",
        "externalOperationReference": reference,
        "externalOperationServicePoster": "ISSUER",
    });
    for (name, value) in own.as_object().expect("an object") {
        let fields = fields.as_object_mut().expect("an object");
        fields.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    line["body"] = fields;
    line
}

/// The operation of an example as a body to post, and what the engine finds by itself.
pub(crate) fn body_of(example: &Value) -> Value {
    let mut body = example.as_object().expect("an object").clone();
    // A card number is refused wherever it stands; the engine gives the others.
    for name in [
        "pan",
        "issuerId",
        "operationIdentifier",
        "operationKind",
        "postingDate",
        "reversal",
        "adjustment",
        "debit",
        "partialOperation",
        "status",
        "postingAccountIdentifier",
        "productIdentifier",
    ] {
        body.remove(name);
    }
    if let Some(card) = body.remove("cardIdentifier") {
        body.insert("cardReference".to_owned(), card["cardReference"].clone());
    }
    Value::Object(body)
}

#[test]
fn the_examples_operation_comes_back_as_it_was() {
    let example = include_str!("../data/retrieve-operation.response.json");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let mut expected = example["data"].clone();
    let mut desk = Desk::new();
    let mut body = body_of(&expected);
    body["postingDate"] = expected["postingDate"].clone();
    let id = desk.post("post-transaction-operation", "TOP", "unused", body);
    let view = desk
        .retrieved("TOP", id, Scope::default())
        .expect("it is there");
    let shown: Value = serde_json::to_value(&view).expect("JSON");

    // The engine's own ids are other ones, and a card number is not kept.
    expected.as_object_mut().expect("an object").remove("pan");
    expected["operationIdentifier"]["operationId"] = json!(id.to_string());
    expected["postingAccountIdentifier"] = shown["postingAccountIdentifier"].clone();
    assert_eq!(shown, expected);
    // Digit by digit: the rate is no number that was computed with.
    let text = serde_json::to_string(&view).expect("JSON");
    assert!(text.contains(r#""exchangeRate":0.007087,"#), "{text}");
}

#[test]
fn the_examples_list_has_what_it_shows() {
    let example = include_str!("../data/list-operations.response.json");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let mut desk = Desk::new();
    let commands = ["post-transaction-operation", "post-fee-operation"];
    for (operation, command) in example["data"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(commands)
    {
        let mut body = body_of(operation);
        body["postingDate"] = operation["postingDate"].clone();
        if command == "post-fee-operation" {
            // The platform's own fee; callers post theirs. Its amount at the acceptor is its own.
            body["externalOperationServicePoster"] = json!("ISSUER");
            body.as_object_mut()
                .expect("an object")
                .remove("transactionAmount");
        }
        desk.post(command, "TOP", "unused", body);
    }
    let filter = ListFilter {
        start: Some(line::instant("2022-12-05T09:37:00Z").expect("an instant")),
        end: Some(line::instant("2022-12-06T00:00:00Z").expect("an instant")),
        ..ListFilter::default()
    };
    let page = desk
        .ledger
        .list_operations(None, &named("TOP"), &filter)
        .expect("a list");
    assert_eq!(page.operations.len(), 2);
    for (shown, example) in page
        .operations
        .iter()
        .zip(example["data"].as_array().expect("a list"))
    {
        let shown = serde_json::to_value(shown).expect("JSON");
        for (name, value) in example.as_object().expect("an object") {
            match name.as_str() {
                "pan" => assert_eq!(shown.get("pan"), None),
                "operationIdentifier" | "externalOperationServicePoster" => {}
                name => assert_eq!(shown[name], *value, "{name}"),
            }
        }
    }
}

#[test]
fn what_a_command_carries_is_shown() {
    let mut desk = Desk::new();
    let fee = json!({
        "feeType": "MARKUP_FEE", "referenceAmount": eur(100), "adjustment": true,
        "adjustmentReason": "COMMERCIAL_ADJUSTMENT", "subFeeType": "S", "frequency": "YEARLY",
        "origin": "PORTAL", "username": "ann", "specificFields": {"shop": "12", "area": "N"},
        "printOnStatement": false, "correction": true,
    });
    let fee = desk.post("post-fee-operation", "TOP", "F1", fee);
    let back = json!({
        "reversalReason": "REVERSAL_ON_DEMAND", "referenceAmount": eur(-40), "username": "bob",
        "externalMatchingOperationDate": "2022-12-05T09:00:00.000Z",
        "externalMatchingOperationReference": "F1",
        "externalMatchingOperationServicePoster": "ISSUER",
    });
    let back = desk.post("reverse-fee-operation", "TOP", "R1", back);
    let pay = json!({
        "referenceAmount": eur(-5_000), "paymentChannel": "CASH", "sepa": false,
        "overPaymentAccountIdentifier": {"issuerAccountExternalReference": "ELSEWHERE"},
    });
    let pay = desk.post("post-payment-operation", "TOP", "P1", pay);
    let out =
        json!({"reimbursementType": "FULL", "destinationIban": "DE89 3704 0044 0532 0130 00"});
    let out = desk.post("post-reimbursement-operation", "TOP", "O1", out);
    let interest = json!({
        "interestType": "DEBIT", "referenceAmount": eur(70), "interestStartDate": "2022-11-01",
        "interestEndDate": "2022-11-30", "interestCondition": "STD",
    });
    let interest = desk.post("post-interest-operation", "TOP", "I1", interest);
    let reset = desk.post(
        "reset-balance",
        "TOP",
        "Z1",
        json!({"description": "goodwill"}),
    );

    let shown = |id| {
        let view = desk.retrieved(
            "TOP",
            id,
            Scope {
                parent_operation: true,
                ..Scope::default()
            },
        );
        serde_json::to_value(view.expect("it is there")).expect("JSON")
    };
    for (id, expected) in [
        (
            fee,
            json!({
                "operationKind": "FEE", "feeType": "MARKUP_FEE", "adjustment": true,
                "adjustmentReason": "COMMERCIAL_ADJUSTMENT", "subFeeType": "S", "frequency": "YEARLY",
                "origin": "PORTAL", "username": "ann", "specificFields": {"area": "N", "shop": "12"},
                "printOnStatement": false, "correction": true, "reversal": false, "debit": true,
            }),
        ),
        (
            back,
            json!({
                "operationKind": "FEE", "feeType": "MARKUP_FEE", "reversal": true, "debit": false,
                "partialOperation": true, "referenceAmount": eur(-40), "username": "bob",
                "reversalReason": "REVERSAL_ON_DEMAND", "externalMatchingOperationReference": "F1",
                "parentOperationIdentifier": {"operationId": fee.to_string()},
            }),
        ),
        (
            pay,
            json!({
                "operationKind": "PAY", "paymentChannel": "CASH", "sepa": false,
                "paymentTrigger": "ON_DEMAND",
                "overPaymentAccountIdentifier": {"issuerAccountExternalReference": "ELSEWHERE"},
            }),
        ),
        (
            out,
            json!({
                "operationKind": "RMB", "reimbursementType": "FULL", "referenceAmount": eur(4_940),
                "destinationIban": "DE89370400440532013000", "reimbursementTrigger": "ON_DEMAND",
            }),
        ),
        (
            interest,
            json!({
                "operationKind": "INT", "interestType": "DEBIT", "interestCondition": "STD",
                "interestStartDate": "2022-10-31T23:00:00.000+00:00",
                "interestEndDate": "2022-11-29T23:00:00.000+00:00",
            }),
        ),
        (
            reset,
            json!({
                "operationKind": "RST_BAL", "referenceAmount": eur(-70), "description": "goodwill",
                "status": "PROCESSED",
            }),
        ),
    ] {
        let shown = shown(id);
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(shown[name], *value, "{name} of {id}");
        }
    }
    // A reversal shows its original if that is asked for, and what is absent is not written.
    assert_eq!(
        shown(back)["parentOperation"]["externalOperationReference"],
        "F1"
    );
    let alone = desk
        .retrieved("TOP", back, Scope::default())
        .expect("it is there");
    assert_eq!(alone.parent_operation, None);
    assert!(
        !serde_json::to_string(&alone)
            .expect("JSON")
            .contains("null")
    );
}

#[test]
fn flaws_of_annotations_are_named() {
    let mut desk = Desk::new();
    let fee = |fields: Value| {
        let mut all = json!({"feeType": "MARKUP_FEE", "referenceAmount": eur(1)});
        let given = fields.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(given);
        ("post-fee-operation", all)
    };
    let out = |iban: &str| {
        let body = json!({"reimbursementType": "FULL", "destinationIban": iban});
        ("post-reimbursement-operation", body)
    };
    let buy = |name: &str, value: Value| {
        let mut body = json!({"operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(1)});
        body[name] = value;
        ("post-transaction-operation", body)
    };
    for ((command, body), code, field) in [
        (
            fee(json!({"destinationIban": "DE89370400440532013000"})),
            "INVALID_REQUEST",
            "destinationIban",
        ),
        (
            fee(json!({"specificFields": {"a": 1}})),
            "INVALID_REQUEST",
            "specificFields.a",
        ),
        (
            fee(json!({"specificFields": []})),
            "INVALID_REQUEST",
            "specificFields",
        ),
        (
            fee(json!({"specificFields": {"": "v"}})),
            "INVALID_REQUEST",
            "specificFields.?",
        ),
        (
            fee(json!({"specificFields": {"4546172396081630": "v"}})),
            "PAN_NOT_ALLOWED",
            "specificFields.?",
        ),
        (
            fee(json!({"specificFields": {"a": "4546172396081630"}})),
            "PAN_NOT_ALLOWED",
            "specificFields.a",
        ),
        (
            fee(json!({"username": "4546172396081630"})),
            "PAN_NOT_ALLOWED",
            "username",
        ),
        (fee(json!({"origin": 7})), "INVALID_REQUEST", "origin"),
        (
            out("DE88370400440532013000"),
            "INVALID_IBAN",
            "destinationIban",
        ),
        (
            buy("pan", json!("4546172396081630")),
            "PAN_NOT_ALLOWED",
            "pan",
        ),
        (
            buy("maskedPan", json!("4546172396081630")),
            "PAN_NOT_ALLOWED",
            "maskedPan",
        ),
        (
            buy("brand", json!("4546172396081630")),
            "PAN_NOT_ALLOWED",
            "brand",
        ),
        (
            buy("entryMode", json!("LASER")),
            "INVALID_REQUEST",
            "entryMode",
        ),
        (
            buy("exchangeRate", json!("04546172396081630")),
            "PAN_NOT_ALLOWED",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!("4546172396081630.5")),
            "PAN_NOT_ALLOWED",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!(378_282_246_310_005.0)),
            "PAN_NOT_ALLOWED",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!("0")),
            "INVALID_REQUEST",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!(-0.5)),
            "INVALID_REQUEST",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!(0.123_456_789_012_345_68)),
            "INVALID_REQUEST",
            "exchangeRate",
        ),
        (
            buy("exchangeRate", json!(true)),
            "INVALID_REQUEST",
            "exchangeRate",
        ),
        (
            buy("destinationIban", json!("DE89370400440532013000")),
            "INVALID_REQUEST",
            "destinationIban",
        ),
    ] {
        let mut text = operation(command, "TOP", "X", body);
        text["issuerId"] = json!("1234");
        text["correlationId"] = json!("c");
        let refused = line::parse(&text.to_string()).expect_err("refused");
        assert_eq!((refused.code(), refused.field()), (code, field), "{text}");
    }
    let rates = [
        json!("0.5"),
        json!(0.5),
        json!(2),
        json!("0.123456789012345678"),
    ];
    for (place, rate) in rates.into_iter().enumerate() {
        let (command, body) = buy("exchangeRate", rate);
        desk.post(command, "TOP", &format!("rate {place}"), body);
    }
}

#[test]
fn an_operation_is_shown_to_its_account_only() {
    let mut desk = Desk::new();
    let id = desk.post(
        "post-payment-operation",
        "LOW",
        "P1",
        json!({"referenceAmount": eur(-1)}),
    );
    let all = Scope {
        hierarchy: true,
        ..Scope::default()
    };
    let found = |account, id, scope| desk.retrieved(account, id, scope).is_some();
    assert!(found("LOW", id, Scope::default()));
    assert!(found("MID", id, all) && found("TOP", id, all));
    assert!(!found("TOP", id, Scope::default()));
    assert!(!found("SIDE", id, all));
    // No operation, and none yet.
    assert!(!found("LOW", OperationId::of(Seq(1)), all));
    assert!(!found("LOW", OperationId::of(Seq(99)), all));

    let triplet = |reference: &str| Triplet {
        date: line::instant("2022-12-05T09:00:00.000Z").expect("an instant"),
        reference: OperationReference::new(reference).expect("a reference"),
        service_poster: ServicePoster::new("ISSUER").expect("a poster"),
    };
    for (account, reference, scope, is_found) in [
        ("LOW", "P1", Scope::default(), true),
        ("TOP", "P1", all, true),
        ("TOP", "P1", Scope::default(), false),
        ("LOW", "P2", all, false),
    ] {
        let found =
            desk.ledger
                .operation_by_triplet(None, &named(account), &triplet(reference), scope);
        assert_eq!(found.expect("the log is read").is_some(), is_found);
    }
}

#[test]
fn pages_stay_put_while_others_post() {
    let mut desk = Desk::new();
    let accounts = ["TOP", "LOW", "MID", "LOW", "SIDE", "TOP", "MID"];
    for (place, account) in accounts.into_iter().enumerate() {
        let posted = format!("2022-12-0{}T10:00:00Z", 1 + place % 4);
        let fields = json!({"referenceAmount": eur(-1), "postingDate": posted});
        desk.post(
            "post-payment-operation",
            account,
            &format!("P{place}"),
            fields,
        );
    }
    let mut filter = ListFilter {
        scope: Scope {
            hierarchy: true,
            ..Scope::default()
        },
        page_size: 2,
        ..ListFilter::default()
    };
    // In posting order: days 1 (P0), 2 (P1, P5), 3 (P2, P6), 4 (P3). The other hierarchy's is left out.
    let (first, more, position) = desk.listed("TOP", &filter);
    assert_eq!(
        (first, more),
        (vec!["P0".to_owned(), "P1".to_owned()], true)
    );
    filter.as_of = Some(position);
    for (place, at) in [
        "2022-12-01T09:00:00Z",
        "2022-12-03T11:00:00Z",
        "2022-12-05T09:00:00Z",
    ]
    .iter()
    .enumerate()
    {
        let fields = json!({"referenceAmount": eur(-1), "postingDate": at});
        desk.post(
            "post-payment-operation",
            "LOW",
            &format!("LATE{place}"),
            fields,
        );
    }
    let mut pages = Vec::new();
    for page in 0..4 {
        filter.page = page;
        let (references, more, at) = desk.listed("TOP", &filter);
        assert_eq!(at, position);
        assert_eq!(more, page < 2, "page {page}");
        pages.extend(references);
    }
    assert_eq!(pages, ["P0", "P1", "P5", "P2", "P6", "P3"]);
    filter.newest_first = true;
    filter.page = 1;
    assert_eq!(desk.listed("TOP", &filter).0, ["P2", "P5"]);
    // Without the position, what came since is there.
    filter = ListFilter {
        scope: filter.scope,
        ..ListFilter::default()
    };
    let all = [
        "LATE0", "P0", "P1", "P5", "P2", "P6", "LATE1", "P3", "LATE2",
    ];
    assert_eq!(desk.listed("TOP", &filter).0, all);
    filter.start = line::instant("2022-12-03T10:00:00Z");
    filter.end = line::instant("2022-12-04T10:00:00Z");
    assert_eq!(desk.listed("TOP", &filter).0, ["P2", "P6", "LATE1"]);
    assert_eq!(
        desk.listed(
            "SIDE",
            &ListFilter {
                scope: filter.scope,
                ..ListFilter::default()
            }
        )
        .0,
        ["P4"]
    );
}

#[test]
fn refusals_are_listed_and_kinds_left_out_if_asked_for() {
    let mut desk = Desk::new();
    let pay = |n: i64| json!({"referenceAmount": eur(-n)});
    desk.post("post-payment-operation", "TOP", "P1", pay(1));
    let other = json!({"feeType": "OTHER", "referenceAmount": eur(5), "username": "ann"});
    let refused = desk.send(operation("post-fee-operation", "TOP", "F1", other));
    assert_eq!(refused, Err("FEE_TYPE_NOT_ALLOWED".to_owned()));
    let fee = json!({"feeType": "MARKUP_FEE", "referenceAmount": eur(5)});
    desk.post("post-fee-operation", "TOP", "F2", fee);
    desk.post("post-payment-operation", "TOP", "P2", pay(2));

    let mut filter = ListFilter {
        include_refused: true,
        ..ListFilter::default()
    };
    assert_eq!(desk.listed("TOP", &filter).0, ["P1", "F1", "F2", "P2"]);
    let page = desk
        .ledger
        .list_operations(None, &named("TOP"), &filter)
        .expect("a list");
    let refused = serde_json::to_value(&page.operations[1]).expect("JSON");
    assert_eq!(refused["status"], "IN_ERROR");
    assert_eq!(refused["rejectionCode"], "FEE_TYPE_NOT_ALLOWED");
    assert_eq!(refused["referenceAmount"], eur(5));
    assert_eq!(refused["username"], "ann");
    assert_eq!(refused.get("operationIdentifier"), None);

    filter.include_refused = false;
    filter.excluded_kinds =
        words::kinds("excludeOperationKinds", ["FEE", "SUBPAYOP"]).expect("kinds");
    filter.page_size = 1;
    assert_eq!(desk.listed("TOP", &filter).0, ["P1"]);
    assert!(desk.listed("TOP", &filter).1);
    filter.page = 1;
    assert_eq!(desk.listed("TOP", &filter).0, ["P2"]);
    assert!(!desk.listed("TOP", &filter).1);
    // What the engine posts nothing of leaves nothing out.
    assert_eq!(
        words::kinds(
            "k",
            ["BAL", "DISPUTE", "WRITE_OFF", "CRD_INST", "CRD_INST_INIT"]
        ),
        Ok(Vec::new())
    );
    assert!(words::kinds("k", ["TIP"]).is_err());
}

#[test]
fn bonuses_of_a_page_show_what_each_rewards() {
    let mut desk = Desk::new();
    let program = json!({"bonusProgramReference": "BP", "loyaltyUnits": ["POINT"]});
    let defined = json!({"command": "define-bonus-program", "body": program});
    assert_eq!(desk.send(defined), Ok(None));
    let body = json!({
        "issuerAccountExternalReference": "BEST", "productReference": PRODUCT,
        "bonusProgramReferences": ["BP"],
    });
    assert_eq!(
        desk.send(json!({"command": "open-account", "body": body})),
        Ok(None)
    );
    let body = json!({
        "issuerAccountExternalReference": "BELOW", "productReference": PRODUCT,
        "parentExternalReference": "BEST",
    });
    assert_eq!(
        desk.send(json!({"command": "open-account", "body": body})),
        Ok(None)
    );

    let date = |name: &str| format!("2022-12-0{}T09:00:00.000Z", &name[1..]);
    for (name, account) in [
        ("P1", "BELOW"),
        ("P2", "BEST"),
        ("P3", "BELOW"),
        ("P4", "BEST"),
    ] {
        let pay = json!({"referenceAmount": eur(-1), "externalOperationDate": date(name)});
        desk.post("post-payment-operation", account, name, pay);
    }
    // The same one twice, in the order of neither posting nor dates.
    let rewarded = ["P3", "P1", "P3", "P4"];
    for (n, name) in rewarded.iter().enumerate() {
        let bonus = json!({
            "bonusProgramReference": "BP",
            "loyaltyPointAmount": {"unit": "POINT", "cumulatedValue": -25},
            "rewardedExternalMatchingOperationDate": date(name),
            "rewardedExternalMatchingOperationReference": name,
            "rewardedExternalMatchingOperationServicePoster": "ISSUER",
        });
        desk.post("post-bonus-operation", "BEST", &format!("B{n}"), bonus);
    }
    let filter = ListFilter {
        scope: Scope {
            parent_operation: true,
            ..Scope::default()
        },
        excluded_kinds: vec![OperationKind::Payment],
        ..ListFilter::default()
    };
    let page = desk.ledger.list_operations(None, &named("BEST"), &filter);
    let page = page.expect("a list").operations;
    let parents = page.iter().map(|bonus| bonus.parent_operation.as_deref());
    let parents: Vec<_> = parents.map(|of| of.expect("a parent").clone()).collect();
    assert_eq!(references(&parents), rewarded);
}

#[test]
fn what_would_take_too_many_records_is_said_not_guessed() {
    let mut desk = Desk::new();
    for name in ["P1", "P2"] {
        let pay = json!({"referenceAmount": eur(-1)});
        desk.post("post-payment-operation", "TOP", name, pay);
    }
    let inquire = |name: &str, records| {
        let triplet = Triplet {
            date: line::instant("2022-12-05T09:00:00.000Z").expect("a time"),
            reference: OperationReference::new(name).expect("a name"),
            service_poster: ServicePoster::new("ISSUER").expect("a name"),
        };
        let scope = Scope::default();
        let found =
            desk.ledger
                .operation_by_triplet_among(None, &named("TOP"), &triplet, scope, records);
        let (found, is_complete) = found.expect("the log is read");
        (found.is_some(), is_complete)
    };
    // Both are as far from the date, so the first is looked at first.
    assert_eq!(inquire("P1", 1), (true, true));
    assert_eq!(inquire("P2", 1), (false, false));
    assert_eq!(inquire("P2", 2), (true, true));
    assert_eq!(inquire("P3", 2), (false, false));
    assert_eq!(inquire("P3", 3), (false, true));
    // A page that there is not costs nothing.
    let filter = ListFilter {
        page: usize::MAX,
        ..ListFilter::default()
    };
    assert_eq!(desk.listed("TOP", &filter).0, [""; 0]);
    assert!(!desk.listed("TOP", &filter).1);
}

#[test]
fn what_else_was_refused_is_on_no_page() {
    let mut desk = Desk::new();
    let pay = |n: i64| json!({"referenceAmount": eur(-n)});
    let fee = |n: i64| json!({"feeType": "OTHER", "referenceAmount": eur(n)});
    let cancel = || {
        json!({
            "command": "cancel-offline-reservation",
            "account": {"issuerAccountExternalReference": "SIDE"},
            "body": {"offlineReservationReference": "R1"},
        })
    };
    desk.post("post-payment-operation", "SIDE", "P1", pay(1));
    for (n, name) in [(1, "F1"), (2, "F2"), (3, "F3")] {
        let refused = desk.send(operation("post-fee-operation", "SIDE", name, fee(n)));
        assert_eq!(refused, Err("FEE_TYPE_NOT_ALLOWED".to_owned()));
        let other = desk.send(cancel());
        assert_eq!(other, Err("OFFLINE_RESERVATION_NOT_FOUND".to_owned()));
    }
    desk.post("post-payment-operation", "SIDE", "P2", pay(2));

    let pages_are_full = |desk: &Desk| {
        let mut filter = ListFilter {
            include_refused: true,
            page_size: 2,
            ..ListFilter::default()
        };
        let pages = [0, 1, 2].map(|page| {
            filter.page = page;
            let (names, more, _) = desk.listed("SIDE", &filter);
            (names, more)
        });
        let page = |names: [&str; 2], more| (names.map(str::to_owned).to_vec(), more);
        assert_eq!(
            pages[..2],
            [page(["P1", "F1"], true), page(["F2", "F3"], true)]
        );
        assert_eq!(pages[2], (vec!["P2".to_owned()], false));
        for as_of in [None, desk.ledger.reader().last_seq()] {
            let brief = OperationFilter {
                start: None,
                end: None,
                include_refused: true,
                page: 1,
                page_size: 2,
                newest_first: true,
                as_of,
            };
            let (page, more) = desk
                .ledger
                .operations(None, &named("SIDE"), brief)
                .expect("a list");
            let names = page
                .iter()
                .map(|of| of.external_operation_reference.as_str());
            assert_eq!((names.collect(), more), (vec!["F2", "F1"], true));
        }
    };
    pages_are_full(&desk);
    // And as they are restored from the checkpoint.
    let desk = desk.reopened();
    pages_are_full(&desk);
}

#[test]
fn a_paying_account_shows_what_it_is_liable_for() {
    let mut desk = Desk::new();
    let pay = |n: i64| json!({"referenceAmount": eur(n)});
    desk.post("post-payment-operation", "MID", "P1", pay(7_000));
    desk.post("post-payment-operation", "TOP", "P2", pay(10_000));
    desk.post("post-payment-operation", "LOW", "P3", pay(5_000));
    let shown = |account| {
        let balance = desk.ledger.balance(None, &named(account), None, None);
        serde_json::to_value(balance.expect("an account")).expect("JSON")
    };
    assert_eq!(shown("TOP")["accountBalance"], eur(10_000));
    assert_eq!(shown("TOP")["liableBalance"], eur(22_000));
    assert_eq!(shown("LOW").get("liableBalance"), None);
    assert_eq!(shown("SIDE")["liableBalance"], eur(0));
}

#[test]
fn a_log_with_annotations_is_exported_and_imported() {
    let mut desk = Desk::new();
    let fields = json!({
        "operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(100), "username": "ann",
        "specificFields": {"a": "b"}, "exchangeRate": 0.5, "entryMode": "CHIP",
        "reconciliationAmount": eur(99), "operationDate": "2022-12-05T08:00:00.000Z",
    });
    desk.post("post-transaction-operation", "LOW", "T1", fields);
    desk.post("reset-balance", "LOW", "Z1", json!({"origin": "BATCH"}));
    let pay = json!({
        "referenceAmount": eur(-1),
        "overPaymentAccountIdentifier": {"accountReference": "10000000000000000001"},
    });
    desk.post("post-payment-operation", "LOW", "P1", pay);
    let mut lines = Vec::new();
    ledger_api::export::export(&desk.ledger, 1, &mut lines).expect("exported");

    // Each line is one that can be replayed, and says all that was carried along.
    let records: Vec<_> = desk
        .ledger
        .reader()
        .records()
        .map(|r| r.expect("sound"))
        .collect();
    let exported: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .filter(|line: &Value| line.get("sequence").is_some())
        .collect();
    assert_eq!(exported.len(), records.len());
    let mut carried = 0;
    for (exported, record) in exported.iter().zip(&records) {
        let names = [
            "issuerId",
            "correlationId",
            "origin",
            "username",
            "command",
            "account",
            "body",
        ];
        let replayed: serde_json::Map<_, _> = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), exported.get(name)?.clone())))
            .collect();
        let request = line::parse(&Value::Object(replayed).to_string())
            .expect("a line")
            .request;
        assert_eq!(request.annotations, record.event.annotations);
        carried += usize::from(request.annotations.is_some());
    }
    assert_eq!(carried, 3);
    let options = LogOptions {
        store: Some(StoreKind::Redb),
        ..LogOptions::default()
    };
    let to = desk.dir.path().join("imported");
    ledger_api::import::import(lines.as_slice(), &to, options, &mut |_| ()).expect("imported");
    let imported = Ledger::open(&to).expect("opens");
    let again: Vec<_> = imported
        .reader()
        .records()
        .map(|r| r.expect("sound"))
        .collect();
    assert!(again == records);
    let last = again
        .iter()
        .rev()
        .find_map(|record| record.event.annotations.clone());
    assert!(last.is_some_and(|annotations| *annotations != *Annotations::NONE));
}

fn between<T>(from: T, to: T) -> Range<T> {
    Range {
        from: Some(from),
        to: Some(to),
    }
}

fn at(text: &str) -> Timestamp {
    line::instant(text).expect("an instant")
}

#[test]
fn a_search_needs_to_know_whose_and_when() {
    let range = between(at("2022-12-01T00:00:00Z"), at("2022-12-31T23:59:59Z"));
    let posting = SearchCriteria {
        posting_date: range,
        ..SearchCriteria::default()
    };
    let of_account = SearchCriteria {
        account: Some(named("TOP")),
        ..posting.clone()
    };
    assert_eq!(of_account.check(), Ok(()));
    let amount = |minor| ledger_core::money::Amount {
        minor,
        currency: ledger_core::money::Currency::from_code("EUR").expect("a currency"),
    };
    for (criteria, error, code) in [
        (
            posting.clone(),
            SearchError::Group1Required,
            "SEARCH_GROUP1_REQUIRED",
        ),
        (
            SearchCriteria {
                account: Some(named("TOP")),
                ..SearchCriteria::default()
            },
            SearchError::Group2ExactlyOne,
            "SEARCH_GROUP2_EXACTLY_ONE",
        ),
        (
            SearchCriteria {
                transaction_date: range,
                ..of_account.clone()
            },
            SearchError::Group2ExactlyOne,
            "SEARCH_GROUP2_EXACTLY_ONE",
        ),
        (
            SearchCriteria {
                posting_date: Range { to: None, ..range },
                ..of_account.clone()
            },
            SearchError::RangeIncomplete {
                field: "postingDateTo",
            },
            "SEARCH_RANGE_INCOMPLETE",
        ),
        (
            SearchCriteria {
                reference_amount: Range {
                    from: None,
                    to: Some(amount(1)),
                },
                ..of_account.clone()
            },
            SearchError::RangeIncomplete {
                field: "referenceAmountFrom",
            },
            "SEARCH_RANGE_INCOMPLETE",
        ),
        (
            SearchCriteria {
                reference_amount: between(amount(2), amount(1)),
                ..of_account.clone()
            },
            SearchError::AmountRangeInvalid,
            "SEARCH_AMOUNT_RANGE_INVALID",
        ),
        (
            SearchCriteria {
                posting_date: between(at("2022-12-02T00:00:00Z"), at("2022-12-01T00:00:00Z")),
                ..of_account.clone()
            },
            SearchError::PeriodInvalid {
                field: "postingDateFrom",
            },
            "PERIOD_INVALID",
        ),
        (
            SearchCriteria {
                virtual_card_external_reference: Some("V".to_owned()),
                virtual_card_number: Some("N".to_owned()),
                ..posting
            },
            SearchError::VirtualCardExclusive,
            "SEARCH_VSC_EXCLUSIVE",
        ),
    ] {
        assert_eq!(criteria.check(), Err(error));
        assert_eq!(ApiError::from(error).code(), code);
        assert!(!error.field().is_empty());
    }
}

#[test]
fn a_search_finds_what_meets_all_criteria() {
    let mut desk = Desk::new();
    for (reference, name, code, cents, day) in [
        ("T1", "PLATINUM HOTEL", "A1", 500, 1),
        ("T2", "Notting Hill", "A2", 1_500, 2),
        ("T3", "Alpine Wolfgang", "A1", 2_500, 3),
    ] {
        let fields = json!({
            "operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(cents),
            "cardAcceptorName": name, "approvalCode": code,
            "transactionDate": format!("2022-12-0{day}T08:00:00Z"),
            "postingDate": format!("2022-12-0{day}T10:00:00Z"),
        });
        desk.post("post-transaction-operation", "TOP", reference, fields);
    }
    let fee = json!({"feeType": "MARKUP_FEE", "referenceAmount": eur(500), "postingDate": "2022-12-04T10:00:00Z"});
    let fee = desk.post("post-fee-operation", "TOP", "F1", fee);
    let all = SearchCriteria {
        account: Some(named("TOP")),
        posting_date: between(at("2022-12-01T00:00:00Z"), at("2022-12-31T00:00:00Z")),
        ..SearchCriteria::default()
    };
    assert_eq!(desk.found(&all), ["F1", "T3", "T2", "T1"]);
    let like = |pattern: &str| SearchCriteria {
        card_acceptor_name: Some(pattern.to_owned()),
        ..all.clone()
    };
    assert_eq!(desk.found(&like("Plat%")), ["T1"]);
    assert_eq!(desk.found(&like("%hill")), ["T2"]);
    assert_eq!(desk.found(&like("Al%gang")), ["T3"]);
    assert_eq!(desk.found(&like("Plat")), [""; 0]);
    let cents = |minor| ledger_core::money::Amount {
        minor,
        currency: ledger_core::money::Currency::from_code("EUR").expect("a currency"),
    };
    let of_amount = SearchCriteria {
        reference_amount: between(cents(500), cents(1_500)),
        ..all.clone()
    };
    assert_eq!(desk.found(&of_amount), ["F1", "T2", "T1"]);
    let approved = SearchCriteria {
        approval_code: Some("A1".to_owned()),
        ..all.clone()
    };
    assert_eq!(desk.found(&approved), ["T3", "T1"]);
    let fees = SearchCriteria {
        kinds: Some(vec![OperationKind::Fee]),
        ..all.clone()
    };
    assert_eq!(desk.found(&fees), ["F1"]);
    let none = SearchCriteria {
        kinds: Some(Vec::new()),
        ..all.clone()
    };
    assert_eq!(desk.found(&none), [""; 0]);
    let transacted = SearchCriteria {
        posting_date: Range::default(),
        transaction_date: between(at("2022-12-02T08:00:00Z"), at("2022-12-03T08:00:00Z")),
        ..all.clone()
    };
    assert_eq!(desk.found(&transacted), ["T3", "T2"]);
    let company = SearchCriteria {
        company: Some("ACME".to_owned()),
        ..all.clone()
    };
    assert_eq!(desk.found(&company), [""; 0]);
    let by_id = SearchCriteria {
        operation: Some(fee),
        ..SearchCriteria::default()
    };
    assert_eq!(desk.found(&by_id), ["F1"]);
    let elsewhere = SearchCriteria {
        account: Some(named("SIDE")),
        ..by_id.clone()
    };
    assert_eq!(desk.found(&elsewhere), [""; 0]);
    // Another issuer's caller sees none of it.
    let others = [IssuerId::new("5678").expect("an id")];
    for criteria in [&all, &by_id] {
        let page = desk
            .ledger
            .search_operations(&others, criteria, 0, 10, None, Scope::default());
        assert!(page.expect("a page").operations.is_empty());
    }
    let issuers = [IssuerId::new("1234").expect("an id")];
    let page = desk
        .ledger
        .search_operations(&issuers, &all, 1, 3, None, Scope::default())
        .expect("a page");
    assert_eq!(
        (references(&page.operations), page.more),
        (vec!["T1".to_owned()], false)
    );
}
