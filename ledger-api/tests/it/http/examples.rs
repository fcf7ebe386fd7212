//! The source's own examples about operations and balance: requests are taken as they stand, and answers are
//! equal, but for what the engine numbers itself.
//!
//! Its other examples are of systems that the ledger does not have yet: contracts, future updates, history of
//! an account, changes of an account by PATCH.

use serde_json::{Value, json};

use super::desk::{Desk, ISSUER, Said, eur, on, purchase};
use crate::full::body_of;

const FEE: &str = r#"{
  "description": "Manual fee description",
  "externalOperationReference": "1234F123456",
  "externalOperationDate": "2023-01-02T14:20:34.715Z",
  "externalOperationServicePoster": "ISSUER",
  "feeType": "MANUAL_FEE",
  "referenceAmount": {
    "value": 1500,
    "exponent": 2,
    "isoCode": "EUR"
  },
  "valueDate": "2023-01-02T00:00:00.000Z"
}"#;

const REVERSAL: &str = r#"{
  "reversalReason": "REVERSAL_ON_DEMAND",
  "description": "reversal description",
  "externalMatchingOperationReference": "1234F123456",
  "externalMatchingOperationDate": "2023-01-02T14:20:34.715Z",
  "externalMatchingOperationServicePoster": "ISSUER",
  "referenceAmount": {
    "value": -1500,
    "exponent": 2,
    "isoCode": "EUR"
  },
  "externalOperationReference": "1234R123456",
  "externalOperationDate": "2023-01-02T14:56:16.402Z",
  "externalOperationServicePoster": "ISSUER"
}"#;

fn answer(correlation: &str, at: &str, milliseconds: u64, operation: &str) -> Value {
    json!({
        "responseMetadata": {
            "correlationId": correlation,
            "statusMessage": "Executed successfully",
            "statusCode": 200,
            "responseDateTime": at,
            "timeTakenMs": milliseconds,
        },
        "data": {"operationIdentifier": {"operationId": operation}},
    })
}

#[test]
fn the_fee_and_its_reversal_are_answered_as_the_source_answers_them() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let reference = desk.client.balance("A1")["accountReference"].clone();
    let by_reference = format!(
        "{ISSUER}/accounts/{}/",
        reference.as_str().expect("a reference")
    );
    let calls = [
        (
            // The two ways to name an account are one account.
            format!("{by_reference}post-fee-operation"),
            FEE,
            "2023-01-02T14:25:44.444Z",
            answer(
                "b91d2d16-9fe2-42fb-a4ab-cc3f74a6ba31",
                "2023-01-02T15:25:44.444+0100",
                343,
                "1000000000376077",
            ),
        ),
        (
            on("A1", "reverse-fee-operation"),
            REVERSAL,
            "2023-01-02T15:01:31.184Z",
            answer(
                "83cc5b32-681a-449e-8cac-21c0c40bf8bd",
                "2023-01-02T16:01:31.184+0100",
                196,
                "1000000000376078",
            ),
        ),
    ];
    let mut operations = Vec::new();
    for (target, request, at, mut expected) in calls {
        desk.at(at);
        let correlation = expected["responseMetadata"]["correlationId"].clone();
        let correlation = correlation.as_str().expect("text");
        let said = Said::text("application/json", request).with("WL-Correlation-ID", correlation);
        let told = desk.client.call("POST", &target, &said);
        let operation = told.operation();
        // What is ours: our number, and no time taken in an answer that is the same for ever.
        expected["data"]["operationIdentifier"]["operationId"] = json!(operation);
        expected["responseMetadata"]["timeTakenMs"] = json!(0);
        assert_eq!(told.json(), expected);
        assert_eq!(told.header("WL-Correlation-ID"), Some(correlation));
        assert_eq!(told.header("Content-Type"), Some("application/json"));
        assert_eq!(operation.len(), 16);
        operations.push(operation.parse::<u64>().expect("a number"));
    }
    assert_eq!(operations[1], operations[0] + 1);
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(0));
}

/// A service on the day of the examples, with their purchase and fee on the account TOP. The first has the
/// fields of the example for one operation, or of the one for lists.
fn on_the_day(operations: &[(&str, Value)]) -> (Desk, Vec<String>) {
    let desk = Desk::empty(false);
    desk.at("2022-12-05T09:37:27.670Z");
    desk.client.set_up("2022-12-05");
    desk.client.open("TOP", None);
    let posted = operations.iter().map(|(command, body)| {
        let told = desk.client.done(&on("TOP", command), body);
        told.operation()
    });
    let posted = posted.collect();
    (desk, posted)
}

#[test]
fn the_operation_comes_back_as_the_source_shows_it() {
    let example = include_str!("../../data/retrieve-operation.response.json");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let mut expected = example["data"].clone();
    let mut body = body_of(&expected);
    body.as_object_mut()
        .expect("an object")
        .remove("postingDate");
    let (desk, posted) = on_the_day(&[("post-transaction-operation", body)]);
    let told = desk
        .client
        .get(&on("TOP", &format!("operations/{}", posted[0])));
    let shown = told.data();

    // The engine's ids are its own, and it keeps no card number.
    expected.as_object_mut().expect("an object").remove("pan");
    expected["operationIdentifier"]["operationId"] = json!(posted[0]);
    expected["postingAccountIdentifier"] = shown["postingAccountIdentifier"].clone();
    assert_eq!(shown, expected);
    // Digit by digit: the rate is no number that was computed with.
    assert!(told.text().contains(r#""exchangeRate":0.007087,"#));
}

#[test]
fn the_list_shows_what_the_source_shows() {
    let example = include_str!("../../data/list-operations.response.json");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let examples = example["data"].as_array().expect("a list");
    let mut purchase = body_of(&examples[0]);
    let mut fee = body_of(&examples[1]);
    // The example's fee is the platform's own, whose name callers may not claim, and shows its amount twice.
    fee["externalOperationServicePoster"] = json!("ISSUER");
    for body in [&mut purchase, &mut fee] {
        body.as_object_mut()
            .expect("an object")
            .remove("postingDate");
    }
    fee.as_object_mut()
        .expect("an object")
        .remove("transactionAmount");
    let (desk, posted) = on_the_day(&[
        ("post-transaction-operation", purchase),
        ("post-fee-operation", fee),
    ]);
    let query = "operations?offset=100&page=0&allAccountHierarchy=true\
                 &startTime=2022-12-05T09:37:00Z&endTime=2022-12-06T00:00:00Z";
    let told = desk.client.get(&on("TOP", query));
    let shown = told.data();
    let shown = shown.as_array().expect("a list");
    assert_eq!(shown.len(), examples.len());
    for ((shown, example), id) in shown.iter().zip(examples).zip(posted) {
        let mut expected = example.clone();
        let fields = expected.as_object_mut().expect("an object");
        fields.remove("pan");
        fields.insert("operationIdentifier".to_owned(), json!({"operationId": id}));
        if example["feeType"] == "MARKUP_FEE" {
            fields.insert("externalOperationServicePoster".to_owned(), json!("ISSUER"));
        }
        // The list shows more of an operation than the example does.
        let known = shown.as_object().expect("an object").iter();
        let shown: Value = known
            .filter(|(name, _)| expected.get(name.as_str()).is_some())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        assert_eq!(shown, expected);
    }
    let links = &told.json()["responseMetadata"]["links"];
    assert_eq!(links["self"], json!(on("TOP", query)));
    assert_eq!(links.get("next"), None);
}

/// Vector 2.
#[test]
fn the_balance_of_a_root_shows_a_childs_purchase_as_the_source_shows_it() {
    let expected = json!({
        "acceptedAmount": eur(25_000),
        "accountBalance": eur(0),
        "activeCreditLimitAmount": eur(1_000_000),
        "authorizedAmount": eur(0),
        "currentCycleStartDate": "2022-12-19T14:10:44.000+00:00",
        "externalReservedAmount": eur(0),
        "openToBuy": eur(975_000),
        "prevailingOpenToBuy": eur(975_000),
    });
    let desk = Desk::empty(false);
    desk.at("2022-12-19T14:10:44.321Z");
    desk.client.set_up("2022-12-20");
    desk.client.open("ROOT", None);
    desk.at("2022-12-20T08:00:00Z");
    desk.client.open("CHILD", Some("ROOT"));
    let mut bought = purchase("P1", 25_000);
    bought["externalOperationDate"] = json!("2022-12-20T08:00:00Z");
    desk.client
        .done(&on("CHILD", "post-transaction-operation"), &bought);

    let shown = desk.client.balance("ROOT");
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(shown[name], *value, "{name}");
    }
    let child = desk.client.balance("CHILD");
    assert_eq!(child["accountBalance"], eur(25_000));
    assert_eq!(
        child["currentCycleStartDate"],
        "2022-12-20T08:00:00.000+00:00"
    );
}
