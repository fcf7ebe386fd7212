//! What a client written for the source's API sends and expects beside the examples: lists given one by one,
//! what is embedded, what is left out, cards by their references, periods, events by what they are about.

use std::sync::Arc;
use std::thread;

use ledger_api::http::config::ErrorProfile;
use ledger_api::http::{Config, Server};
use ledger_api::{Ledger, clock};
use serde_json::{Value, json};

use super::desk::{Client, Desk, ISSUER, Said, eur, fee, on, operation, purchase, reversal};

const ALWAYS: &str = "startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";

/// The triplets' references in a list of operations.
fn references(told: &Value) -> Vec<&str> {
    let shown = told.as_array().expect("a list").iter();
    let reference = |shown: &'static str| move |of| text(of, shown);
    shown.map(reference("externalOperationReference")).collect()
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {of}"))
}

fn listed(client: &Client, account: &str, query: &str) -> Value {
    client
        .get(&on(account, &format!("operations?{ALWAYS}{query}")))
        .data()
}

fn retrieved(client: &Client, account: &str, id: &str, query: &str) -> Value {
    client
        .get(&on(account, &format!("operations/{id}?{query}")))
        .data()
}

fn with(mut body: Value, fields: Value) -> Value {
    let all = body.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    body
}

/// A message of the authorization system that is approved.
fn message(id: &str, case: &str, cents: i64) -> Value {
    json!({
        "transactionId": id, "businessCaseId": case, "transactionType": "Authorization",
        "totalBillingAmount": eur(cents), "transactionDate": "2023-01-02T08:00:00.000Z",
        "financialType": "Purchase", "cardAcceptorName": "HOTEL", "approvalCode": "A1",
    })
}

#[test]
fn only_the_fields_that_are_named_are_shown() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    let id = client
        .done(&on("A1", "post-fee-operation"), &fee("F1", 1_500))
        .operation();
    let small = json!({"operationKind": "FEE", "referenceAmount": {"value": 1_500}});
    for query in [
        "filter=operationKind,referenceAmount.value",
        // As clients made of the source's description write lists.
        "filter=operationKind&filter=referenceAmount.value&filter=none",
    ] {
        assert_eq!(retrieved(client, "A1", &id, query), small);
        assert_eq!(
            listed(client, "A1", &format!("&{query}")),
            json!([small.clone()])
        );
        let said = Said::json(&operation("F1", json!({})));
        let told = client.call(
            "POST",
            &on("A1", &format!("inquire-operation?{query}")),
            &said,
        );
        assert_eq!(told.data(), small);
    }
    // Of a command too, which is carried out once whatever is asked to be shown of it.
    let target = on("A1", "post-fee-operation?filter=none");
    let told = client.command("filtered", &target, &fee("F2", 100));
    assert_eq!(told.data(), json!({}));
    let again = client.command("filtered", &on("A1", "post-fee-operation"), &fee("F2", 100));
    assert!(again.is_replayed());
    // A filter that is none refuses before anything is done.
    let target = on("A1", "post-fee-operation?filter=a..b");
    let refusal = client
        .command("unfiltered", &target, &fee("F3", 100))
        .refusal();
    assert_eq!(refusal, (400, "INVALID_REQUEST".into(), "filter".into()));
    assert_eq!(client.balance("A1")["accountBalance"], eur(1_600));
    // What is no list is still given once.
    let (status, code, field) = client
        .get(&on("A1", "balance?minPosition=1&minPosition=1"))
        .refusal();
    assert_eq!(
        (status, &*code, &*field),
        (400, "INVALID_REQUEST", "minPosition")
    );
}

#[test]
fn a_bonus_shows_the_operation_it_rewards_and_a_reversal_its_original() {
    let desk = Desk::with_accounts(&[("TOP", None), ("LOW", Some("TOP"))]);
    let client = &desk.client;
    let bought = client
        .done(
            &on("LOW", "post-transaction-operation"),
            &purchase("P1", 2_500),
        )
        .operation();
    let bonus = |reference: &str, rewarded: Value| {
        let points = json!({
            "bonusProgramReference": "BP",
            "loyaltyPointAmount": {"unit": "POINT", "cumulatedValue": -25},
        });
        let body = operation(reference, with(points, rewarded));
        client
            .done(&on("TOP", "post-bonus-operation"), &body)
            .operation()
    };
    let by_id = bonus(
        "B1",
        json!({"rewardedOperationIdentifier": {"operationId": bought}}),
    );
    let by_triplet = bonus(
        "B2",
        json!({
            "rewardedExternalMatchingOperationDate": "2023-01-02T09:00:00.000Z",
            "rewardedExternalMatchingOperationReference": "P1",
            "rewardedExternalMatchingOperationServicePoster": "ISSUER",
        }),
    );
    let reversed = client
        .done(&on("TOP", "reverse-bonus-operation"), &{
            let mut body = reversal("R1", "B1");
            body.as_object_mut()
                .expect("an object")
                .remove("reversalReason");
            body
        })
        .operation();
    for (id, parent) in [
        (&by_id, &bought),
        (&by_triplet, &bought),
        (&reversed, &by_id),
    ] {
        let shown = retrieved(client, "TOP", id, "embed=parentOperation&embed=addendum");
        let identifier = json!({"operationId": parent});
        assert_eq!(shown["parentOperationIdentifier"], identifier, "{shown}");
        assert_eq!(shown["parentOperation"]["operationIdentifier"], identifier);
        let alone = retrieved(client, "TOP", id, "");
        assert_eq!(alone.get("parentOperation"), None);
    }
    // A search embeds as the others do.
    let said = Said::json(&json!({"operationIdentifier": {"operationId": reversed}}));
    let found = client.call(
        "POST",
        "/api/v2/search-operations?embed=parentOperation",
        &said,
    );
    let parent = &found.data()[0]["parentOperation"];
    assert_eq!(parent["externalOperationReference"], "B1");
}

#[test]
fn a_clearing_shows_its_authorization_and_is_found_by_what_it_says() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    client.done(
        &on("A1", "record-authorization"),
        &message("M1", "BC-1", 6_000),
    );
    let clearing = |reference: &str, case: Value| {
        let body = with(
            purchase(reference, 3_000),
            json!({
                "authorizationBusinessCaseIdentifier": case, "finalClearing": false,
                "cardAcceptorName": "RYOKAN-HOTEL", "approvalCode": "103725",
                "transactionDate": "2023-01-02T10:00:00Z",
            }),
        );
        client
            .done(&on("A1", "post-transaction-operation"), &body)
            .operation()
    };
    let cleared = [
        clearing("P1", json!("BC-1")),
        // As the source shows it, and as it comes back.
        clearing("P2", json!({"businessCaseId": "BC-1"})),
    ];
    for id in &cleared {
        let shown = retrieved(client, "A1", id, "embed=authorization");
        let case = &shown["authorizationBusinessCaseIdentifier"];
        assert_eq!(*case, json!({"businessCaseId": "BC-1"}));
        let told = json!({"transactionDate": "2023-01-02T08:00:00.000+00:00"});
        assert_eq!(shown["authorization"], told);
        assert_eq!(retrieved(client, "A1", id, "").get("authorization"), None);
    }
    let shown = listed(client, "A1", "&embed=authorization,addendum");
    assert!(shown[1].get("authorization").is_some(), "{shown}");
    for criterion in [
        json!({"cardAcceptorName": "ryokan%"}),
        json!({"approvalCode": "103725"}),
        json!({"operationKinds": ["TRN", "DISPUTE"]}),
    ] {
        let said = Said::json(&with(
            json!({
                "postingAccountIdentifier": {"issuerAccountExternalReference": "A1"},
                "transactionDateFrom": "2023-01-02T10:00:00Z",
                "transactionDateTo": "2023-01-02T10:00:00Z",
            }),
            criterion,
        ));
        let found = client
            .call("POST", "/api/v2/search-operations", &said)
            .data();
        assert_eq!(references(&found), ["P2", "P1"], "{}", said.body.len());
    }
}

#[test]
fn cards_are_known_by_their_references_and_never_by_their_number() {
    let desk = Desk::with_accounts(&[("A1", None), ("A2", Some("A1"))]);
    let client = &desk.client;
    let card = |reference: &str, fields: Value| with(purchase(reference, 100), fields);
    let nested = json!({"cardIdentifier": {
        "cardReference": "2000000000356059", "issuerCardExternalReference": "C-1", "panReference": "PR-1",
    }});
    let flat = json!({"cardReference": "2000000000356060", "panReference": "PR-2"});
    let target = on("A1", "post-transaction-operation");
    let id = client
        .done(&target, &card("P1", nested.clone()))
        .operation();
    client.done(&target, &card("P2", flat));
    client.done(&on("A1", "post-fee-operation"), &fee("F1", 100));
    client.done(&on("A2", "post-transaction-operation"), &card("P3", nested));
    let shown = retrieved(client, "A1", &id, "");
    assert_eq!(
        shown["cardIdentifier"],
        json!({"cardReference": "2000000000356059", "issuerCardExternalReference": "C-1"})
    );
    assert_eq!(shown["panReference"], "PR-1");
    for (query, found) in [
        ("&panReference=PR-1", vec!["P1"]),
        ("&panReference=2000000000356059", vec!["P1"]),
        ("&panReference=PR-2", vec!["P2"]),
        ("&panReference=PR-3", vec![]),
        (
            "&panReference=PR-1&allAccountHierarchy=true",
            vec!["P1", "P3"],
        ),
        (
            "&panReference=PR-1&allAccountHierarchy=true&sort=desc&offset=1",
            vec!["P3"],
        ),
        (
            "&panReference=PR-1&allAccountHierarchy=true&offset=1&page=1",
            vec!["P3"],
        ),
    ] {
        assert_eq!(references(&listed(client, "A1", query)), found, "{query}");
    }
    let pan = "4546172396081630";
    for (fields, field) in [
        (json!({"pan": pan}), "pan"),
        (json!({"pan": "anything"}), "pan"),
        (json!({"panReference": pan}), "panReference"),
        (
            json!({"cardIdentifier": {"panReference": pan}}),
            "cardIdentifier.panReference",
        ),
        (
            json!({"cardIdentifier": {"pan": pan}}),
            "cardIdentifier.pan",
        ),
    ] {
        let told = client.command("number", &target, &card("P4", fields));
        assert_eq!(
            told.refusal(),
            (400, "PAN_NOT_ALLOWED".into(), field.into())
        );
    }
    // Two references of one card contradict each other.
    let two = json!({"cardReference": "1", "cardIdentifier": {"cardReference": "2"}});
    let refusal = client.command("two", &target, &card("P4", two)).refusal();
    assert_eq!(
        refusal,
        (400, "INVALID_REQUEST".into(), "cardReference".into())
    );
    let said = Said::json(&json!({"pan": pan, "postingDateFrom": "2023-01-01T00:00:00Z"}));
    let refusal = client
        .call("POST", "/api/v2/search-operations", &said)
        .refusal();
    assert_eq!(refusal.1, "PAN_NOT_ALLOWED");
}

#[test]
fn what_statements_leave_out_is_listed_if_asked_for() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    let target = on("A1", "post-fee-operation");
    for (reference, printed) in [
        ("F1", None),
        ("F2", Some(false)),
        ("F3", Some(true)),
        ("F4", None),
    ] {
        let printed = printed.map_or(json!({}), |printed| json!({"printOnStatement": printed}));
        client.done(&target, &with(fee(reference, 100), printed));
    }
    let other = with(fee("F5", 100), json!({"feeType": "OTHER"}));
    let refused = client.command("refused", &target, &other).refusal();
    assert_eq!(refused.1, "FEE_TYPE_NOT_ALLOWED");
    for (query, found) in [
        ("", vec!["F1", "F3", "F4"]),
        ("&printOnStatement=true", vec!["F1", "F3", "F4"]),
        (
            "&printOnStatement=false",
            vec!["F1", "F2", "F3", "F4", "F5"],
        ),
        // What is left out takes no place on a page.
        ("&offset=2", vec!["F1", "F3"]),
        ("&offset=2&page=1", vec!["F4"]),
        ("&offset=2&sort=desc", vec!["F4", "F3"]),
        (
            "&excludeOperationKinds=SUBPAYOP&includeOriginalAccount=true",
            vec!["F1", "F3", "F4"],
        ),
    ] {
        assert_eq!(references(&listed(client, "A1", query)), found, "{query}");
    }
    // In brief everything is listed, and pages stay put while others post.
    let brief = |target: &str| client.get(target).json();
    let first = brief(&on(
        "A1",
        "operation-entries?includeRefused=true&offset=2&sort=desc",
    ));
    assert_eq!(references(&first["data"]), ["F5", "F4"]);
    client.done(&target, &fee("F6", 100));
    let refused = client.command(
        "later",
        &target,
        &with(fee("F7", 100), json!({"feeType": "OTHER"})),
    );
    assert_eq!(refused.status, 400);
    let second = brief(text(&first["responseMetadata"]["links"], "next"));
    assert_eq!(references(&second["data"]), ["F3", "F2"]);
    let third = brief(text(&second["responseMetadata"]["links"], "next"));
    assert_eq!(references(&third["data"]), ["F1"]);
    assert_eq!(third["responseMetadata"]["links"].get("next"), None);
    let now = brief(&on("A1", "operation-entries?offset=1&sort=desc"));
    assert_eq!(references(&now["data"]), ["F6"]);
    // It counts all the same, and is shown by its id.
    assert_eq!(client.balance("A1")["accountBalance"], eur(500));
}

#[test]
fn a_balance_is_told_exactly_as_of_a_position() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    let mut known = vec![(desk.position(), 0, "2023-01-02")];
    let bonus_free = |reference: &str, cents: i64, value: &str| {
        with(fee(reference, cents), json!({"valueDate": value}))
    };
    client.done(&on("A1", "post-fee-operation"), &fee("F1", 100));
    known.push((desk.position(), 100, "2023-01-02"));
    client.done(
        &on("A1", "post-fee-operation"),
        &bonus_free("F2", 20, "2023-01-03"),
    );
    known.push((desk.position(), 100, "2023-01-02"));
    client.done(
        &on("A1", "post-payment-operation"),
        &operation("P1", json!({"referenceAmount": eur(-7)})),
    );
    known.push((desk.position(), 93, "2023-01-02"));
    client.done(
        &format!("{ISSUER}/advance-business-date"),
        &json!({"businessDate": "2023-01-03"}),
    );
    known.push((desk.position(), 113, "2023-01-03"));
    client.done(&on("A1", "reverse-fee-operation"), &reversal("R1", "F1"));
    known.push((desk.position(), 13, "2023-01-03"));
    for (position, cents, day) in &known {
        let told = client
            .get(&on("A1", &format!("balance?asOfPosition={position}")))
            .data();
        let expected = json!({
            "valueDate": day, "knownAt": null, "position": position, "accountBalance": eur(*cents),
        });
        assert_eq!(told["asOf"], expected);
        assert_eq!(told["accountBalance"], eur(13), "beside it is what is now");
    }
    // With the other axes: what was known then of a later day.
    let (position, _, _) = known[2];
    let asked = format!("balance?asOfPosition={position}&valueDateAsOf=2023-01-09");
    let told = client.get(&on("A1", &asked)).data();
    assert_eq!(told["asOf"]["accountBalance"], eur(120));
    let told = client
        .get(&on("A1", "balance?asOfPosition=10000"))
        .refusal();
    assert_eq!(
        told,
        (409, "POSITION_NOT_REACHED".into(), "asOfPosition".into())
    );
    assert_eq!(
        client.balance("A1")["activeCreditLimit"],
        json!({"creditLimitAmount": eur(1_000_000)})
    );
}

#[test]
fn authorizations_are_told_as_the_source_tells_them() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    let target = on("A1", "record-authorization");
    let first = with(
        message("M1", "BC-1", 6_000),
        json!({"totalAmount": eur(6_100), "cardIdentifier": {"cardReference": "C1", "panReference": "PR"}}),
    );
    client.done(&target, &first);
    let position = desk.position();
    let declined = with(
        message("M2", "BC-2", 2_000_000),
        json!({"transactionDate": "2023-01-02T09:00:00.000Z"}),
    );
    client.done(&target, &declined);
    let reference = client.balance("A1")["accountReference"].clone();
    let all = client
        .get(&on("A1", &format!("authorizations?{ALWAYS}")))
        .data();
    let expected = json!({
        "accountIdentifier": {"accountReference": reference, "issuerAccountExternalReference": "A1"},
        "authorizationIdentifier": {"transactionId": "M1"},
        "authorizationBusinessCaseIdentifier": {"businessCaseId": "BC-1"},
        "transactionType2": "Authorization", "transactionType": "Authorization",
        "transactionSubType": "Request", "financialType": "Purchase", "resultType": "Approval",
        "declined": false, "cardReference": "C1", "panReference": "PR", "totalAmount": eur(6_100),
        "totalBillingAmount": eur(6_000), "openToBuy": eur(994_000),
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(all[0][name], *value, "{name}");
    }
    assert_eq!(
        (&all[1]["declined"], &all[1]["resultType"]),
        (&json!(true), &json!("Decline"))
    );

    let case = client
        .get(&on("A1", "authorization-business-cases/BC-1"))
        .data();
    let expected = json!({
        "businessCaseIdentifier": {"businessCaseId": "BC-1"}, "accountReserveStatus": "Active",
        "accountReserveBillingAmount": eur(6_000), "reserveBillingAmount": eur(6_000),
        "reserveAmount": eur(6_100), "financialType": "Purchase", "cardAcceptorName": "HOTEL",
        "firstAuthorizationIdentifier": {"transactionId": "M1"},
        "firstAuthorizationTransactionDate": "2023-01-02T08:00:00.000+00:00",
        "lastAuthorizationIdentifier": {"transactionId": "M1"},
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(case[name], *value, "{name}");
    }

    let held = client.get(&on("A1", "reserves")).data();
    let expected = json!([{
        "businessCaseIdentifier": {"businessCaseId": "BC-1"}, "billingAmount": eur(6_000),
        "amount": eur(6_100), "expiryTime": text(&held[0], "expiryTime"),
        "operationTime": "2023-01-02T08:00:00.000+00:00",
        "firstAuthorizationIdentifier": {"transactionId": "M1"}, "financialType": "Purchase",
        "approvalCode": "A1", "cardAcceptorName": "HOTEL",
    }]);
    // What was declined holds nothing.
    assert_eq!(held, expected);
    // It counts to the end of its last day, in Berlin.
    let last = text(&case, "reserveExpiryDate");
    assert!(
        text(&held[0], "expiryTime").starts_with(&format!("{last}T23:00")),
        "{held}"
    );

    // The source asks for a period with every question, the reads of one thing included.
    for (period, status) in [
        (
            "startTime=2023-01-02T08:00:00Z&endTime=2023-01-02T08:00:01Z",
            200,
        ),
        (
            "startTime=2023-01-02T08:00:01Z&endTime=2023-01-02T09:00:00Z",
            404,
        ),
        (
            "startTime=2023-01-01T00:00:00Z&endTime=2023-01-02T08:00:00Z",
            404,
        ),
        // On the clocks of the issuer, an hour ahead in winter.
        (
            "startTime=2023-01-02T09:00:00.000&endTime=2023-01-02T09:00:01.000",
            200,
        ),
        (
            "startTime=2023-01-02T09:00:00%2B0100&endTime=2023-01-02T09:00:01%2B0100",
            200,
        ),
        (
            "startTime=2023-01-02T08:00:00&endTime=2023-01-02T09:00:00",
            404,
        ),
        (
            "startTime=2023-01-02T08:00:00Z&endTime=2023-01-02T07:00:00Z",
            400,
        ),
    ] {
        for one in ["authorizations/M1", "authorization-business-cases/BC-1"] {
            let told = client.get(&on("A1", &format!("{one}?{period}")));
            assert_eq!(told.status, status, "{one} {period}: {}", told.text());
        }
    }

    // Where the source has the enquiry, and as of a position.
    let path = format!("{ISSUER}/authorization-business-cases/search");
    let period = json!({"startTime": "2023-01-01T00:00:00Z", "endTime": "2024-01-01T00:00:00Z"});
    for (asked, query, found) in [
        (
            json!({"accountReference": reference}),
            "",
            vec!["BC-1", "BC-2"],
        ),
        (
            json!({"accountReference": reference}),
            "&offset=1&page=1",
            vec!["BC-2"],
        ),
        (
            json!({"issuerAccountExternalReference": "A1"}),
            "&userReference=U",
            vec!["BC-1", "BC-2"],
        ),
        (
            json!({"businessCaseIds": ["BC-2", "BC-9", "BC-1"]}),
            "",
            vec!["BC-2", "BC-1"],
        ),
        (
            json!({"businessCaseIds": ["BC-2"]}),
            &format!("&asOfPosition={position}"),
            vec![],
        ),
    ] {
        let said = Said::json(&with(asked, period.clone()));
        let target = format!("{path}?requestorReference=R{query}");
        let told = client.call("POST", &target, &said).data();
        let cases: Vec<_> = told.as_array().expect("a list").iter().collect();
        let cases: Vec<_> = cases
            .iter()
            .map(|case| text(case, "businessCaseId"))
            .collect();
        assert_eq!(cases, found, "{query}");
    }
    for list in ["authorizations", "authorization-business-cases"] {
        let now = client.get(&on("A1", &format!("{list}?{ALWAYS}&offset=1")));
        let next = now.json()["responseMetadata"]["links"]["next"].clone();
        assert!(
            next.as_str().expect("a link").contains("asOfPosition="),
            "{next}"
        );
        let then = client.get(&on(
            "A1",
            &format!("{list}?{ALWAYS}&asOfPosition={position}"),
        ));
        assert_eq!(then.data().as_array().expect("a list").len(), 1, "{list}");
    }
}

#[test]
fn events_are_listed_by_what_they_are_about() {
    let desk = Desk::with_accounts(&[("A1", None), ("A2", None)]);
    let client = &desk.client;
    let reference = client.balance("A1")["accountReference"].clone();
    let reference = reference.as_str().expect("text");
    let target = on("A1", "post-fee-operation");
    let said = Said::json(&fee("F1", 100))
        .with("WL-Origin", "PORTAL")
        .with("WL-Username", "ann");
    let id = client.call("POST", &target, &said).operation();
    client.done(&on("A2", "post-fee-operation"), &fee("F2", 100));
    desk.at("2023-01-02T15:00:00Z");
    client.done(&on("A1", "reverse-fee-operation"), &reversal("R1", "F1"));
    let bought = with(
        purchase("P1", 100),
        json!({"cardReference": "CARD-1", "panReference": "PR"}),
    );
    client.done(&on("A2", "post-transaction-operation"), &bought);
    let other = with(fee("F5", 100), json!({"feeType": "OTHER"}));
    client.command("refused", &target, &other);
    let period = "fromDate=2023-01-02T00:00:00Z&toDate=2023-01-03T00:00:00Z";
    let about = |kind: &str, value: &str, query: &str| {
        let path = format!("{ISSUER}/businessRefType/{kind}/businessRefValue/{value}/event-stores");
        client.get(&format!("{path}?{query}"))
    };
    let types = |told: Value| -> Vec<String> {
        let shown = told.as_array().expect("a list").iter();
        shown
            .map(|event| {
                format!(
                    "{} {}",
                    text(event, "eventType"),
                    text(event, "eventSubType")
                )
            })
            .collect()
    };
    let (opened, posted, reversed, refused, bought) = (
        "open-account DONE",
        "post-fee-operation DONE",
        "reverse-fee-operation DONE",
        "post-fee-operation REJECTED",
        "post-transaction-operation DONE",
    );
    for (kind, value, query, found) in [
        (
            "ACCOUNT",
            reference,
            period,
            vec![opened, posted, reversed, refused],
        ),
        (
            "ACCOUNT",
            "A1",
            period,
            vec![opened, posted, reversed, refused],
        ),
        ("ACCOUNT", "A2", period, vec![opened, posted, bought]),
        ("ACCOUNT", "none", period, vec![]),
        ("OPERATION", &id, period, vec![posted, reversed]),
        ("CARD", "CARD-1", period, vec![bought]),
        ("CARD", "PR", period, vec![bought]),
        ("CONTRACT", "A1", period, vec![]),
        ("ISSUER", "5678", period, vec![]),
        (
            "ACCOUNT",
            "A1",
            &format!("{period}&eventType=open-account"),
            vec![opened],
        ),
        (
            "ACCOUNT",
            "A1",
            &format!("{period}&origin=PORTAL"),
            vec![posted],
        ),
        (
            "ACCOUNT",
            "A1",
            &format!("{period}&offset=3"),
            vec![opened, posted, reversed],
        ),
        (
            "ACCOUNT",
            "A1",
            &format!("{period}&offset=3&page=1"),
            vec![refused],
        ),
        (
            "ACCOUNT",
            "A1",
            "fromDate=2023-01-02T15:00:00Z&toDate=2023-01-03T00:00:00Z",
            vec![reversed, refused],
        ),
        // On the clocks of the issuer, as in the source's examples.
        (
            "ACCOUNT",
            "A1",
            "fromDate=2023-01-02T16:00:00&toDate=2023-01-03T00:00:00",
            vec![reversed, refused],
        ),
        (
            "ACCOUNT",
            "A1",
            "fromDate=2023-01-02T00:00:00Z&toDate=2023-01-02T15:00:00Z",
            vec![opened, posted],
        ),
    ] {
        assert_eq!(
            types(about(kind, value, query).data()),
            found,
            "{kind} {value} {query}"
        );
    }
    let defined = types(about("ISSUER", "1234", period).data());
    assert_eq!(defined.len(), 3, "{defined:?}");

    let told = about("OPERATION", &id, &format!("{period}&offset=1")).json();
    let next = text(&told["responseMetadata"]["links"], "next").to_owned();
    assert_eq!(types(client.get(&next).data()), [reversed]);
    let event = &told["data"][0];
    let expected = json!({
        "issuerId": "1234", "businessRefType": "OPERATION", "businessRefValue": id,
        "origin": "PORTAL", "userId": "ann", "eventType": "post-fee-operation",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(event[name], *value, "{name}");
    }
    let payload: Value = serde_json::from_str(text(event, "payload")).expect("JSON in a text");
    assert!(payload.to_string().contains("\"F1\""), "{payload}");

    let search = |asked: Value| {
        let target = format!("{ISSUER}/event-stores/search?{period}");
        client.call("POST", &target, &Said::json(&asked))
    };
    let found = search(json!([
        {"businessRefType": "CARD", "businessRefValues": ["CARD-9", "CARD-1"]},
        {"businessRefType": "OPERATION", "businessRefValues": [id]},
    ]));
    assert_eq!(types(found.data()), [posted, reversed, bought]);
    assert_eq!(search(json!([])).data(), json!([]));
    let asking_nothing = |times| search(json!(vec![json!({"businessRefType": "CARD"}); times]));
    assert_eq!(asking_nothing(100).data(), json!([]));
    for (told, field) in [
        (search(json!({})), ""),
        (asking_nothing(101), ""),
        (
            search(json!([{"businessRefValues": ["A1"]}])),
            "businessRefType",
        ),
        (
            search(json!([{"businessRefType": "CARD", "other": 1}])),
            "other",
        ),
        (
            about("ACCOUNT", "A1", "toDate=2023-01-03T00:00:00Z"),
            "fromDate",
        ),
        (
            about("ACCOUNT", "A1", "fromDate=2023-01-03T00:00:00Z&toDate=soon"),
            "toDate",
        ),
    ] {
        assert_eq!(
            told.refusal(),
            (400, "INVALID_REQUEST".into(), field.into())
        );
    }
    let told = about("CARD", "4546172396081630", period).refusal();
    assert_eq!(
        told,
        (400, "PAN_NOT_ALLOWED".into(), "businessRefValue".into())
    );
    let feed = client.get(&format!("{ISSUER}/event-stores?limit=1")).json();
    let next = text(&feed["responseMetadata"]["links"], "next");
    assert_eq!(
        next,
        format!("{ISSUER}/event-stores?limit=1&fromPosition=2")
    );
}

#[test]
fn bodies_are_taken_as_the_sources_description_has_them() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    // Some of its field names end in a blank, one of them in a field that is required.
    client.done(
        &format!("{ISSUER}/configure-issuer"),
        &json!({"timeZone": "Europe/Berlin", "balanceAdjustmentReasons": ["DISPUTE_ADJUSTMENT"]}),
    );
    let adjusted = operation(
        "B1",
        json!({"balanceAdjustmentReason ": "DISPUTE_ADJUSTMENT", "referenceAmount": eur(-900)}),
    );
    client.done(&on("A1", "post-balance-adjustment-operation"), &adjusted);
    let adjusted = with(
        fee("F1", 100),
        json!({"adjustment": true, "adjustmentReason ": "COMMERCIAL_ADJUSTMENT"}),
    );
    let id = client
        .done(&on("A1", "post-fee-operation"), &adjusted)
        .operation();
    assert_eq!(
        retrieved(client, "A1", &id, "")["adjustmentReason"],
        "COMMERCIAL_ADJUSTMENT"
    );

    let paid = operation("P1", json!({"referenceAmount": eur(-50)}));
    let id = client
        .done(&on("A1", "post-payment-operation"), &paid)
        .operation();
    let shown = retrieved(
        client,
        "A1",
        &id,
        "filter=paymentChannel,sepa,paymentTrigger",
    );
    let defaults = json!({
        "paymentChannel": "NO_CHANNEL_PROVIDED", "sepa": false, "paymentTrigger": "ON_DEMAND",
    });
    assert_eq!(shown, defaults);
    // How it was triggered is told, and not asked.
    let told = client.command(
        "how",
        &on("A1", "post-payment-operation"),
        &with(paid, json!({"paymentTrigger": "CYCLIC"})),
    );
    assert_eq!(
        told.refusal(),
        (400, "INVALID_REQUEST".into(), "paymentTrigger".into())
    );

    let out = operation(
        "O1",
        json!({"referenceAmount": eur(10), "reimbursementReason": "GOODWILL"}),
    );
    let id = client
        .done(&on("A1", "post-reimbursement-operation"), &out)
        .operation();
    let shown = retrieved(client, "A1", &id, "filter=reimbursementReason");
    assert_eq!(shown, json!({"reimbursementReason": "GOODWILL"}));

    // Additional amounts and what the rate is of.
    let more = json!({
        "cashAmount": eur(1), "gratuityAmount": eur(2), "surchargeAmount": eur(3),
        "poiAmount": {"value": 4, "exponent": 2, "isoCode": "USD"},
        "exchangeRateDate": "2023-01-01T00:00:00.000+00:00", "exchangeRateSource": "ECB",
        "terminalId": "T1", "schemeTransactionIdentifier": "TX",
    });
    let bought = with(purchase("P2", 840), more.clone());
    let target = on("A1", "post-transaction-operation");
    let id = client.done(&target, &bought).operation();
    let names: Vec<_> = more
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    let shown = retrieved(client, "A1", &id, &format!("filter={}", names.join(",")));
    assert_eq!(shown, more);

    // A date with the offset as the source's metadata writes it.
    let dated = with(
        fee("F9", 0),
        json!({
            "externalOperationDate": "2023-01-02T10:00:00.000+0100", "referenceAmount": eur(1),
        }),
    );
    let id = client
        .done(&on("A1", "post-fee-operation"), &dated)
        .operation();
    let shown = retrieved(client, "A1", &id, "");
    assert_eq!(
        shown["externalOperationDate"],
        "2023-01-02T09:00:00.000+00:00"
    );

    // A reset says what it came to, again and again.
    let target = on("A1", "reset-balance");
    let asked = operation("Z1", json!({}));
    let told = client.command("reset", &target, &asked);
    assert_eq!(told.data()["referenceAmount"], eur(-1));
    let again = client.command("reset", &target, &asked);
    assert!(again.is_replayed());
    assert_eq!(again.body, told.body);
}

#[test]
fn an_operation_of_every_kind_is_found_by_its_triplet() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let client = &desk.client;
    client.done(
        &format!("{ISSUER}/define-product"),
        &json!({"productReference": "PREPAID", "currency": "EUR", "workingMode": "PAY_BEFORE"}),
    );
    client.done(
        &format!("{ISSUER}/open-account"),
        &json!({"issuerAccountExternalReference": "PRE", "productReference": "PREPAID"}),
    );
    let points = json!({
        "bonusProgramReference": "BP", "loyaltyPointAmount": {"unit": "POINT", "cumulatedValue": -5},
    });
    let amount = |cents: i64| json!({"referenceAmount": eur(cents)});
    // What is paid out below, and taken off.
    let funds = operation("FUNDS", amount(-5_000));
    client.done(&on("A1", "post-payment-operation"), &funds);
    let funds = operation("LOADED", amount(-1_000));
    client.done(&on("PRE", "post-load-operation"), &funds);
    for (account, kind, code, fields) in [
        (
            "A1",
            "fee",
            "FEE",
            json!({"feeType": "MANUAL_FEE", "referenceAmount": eur(100)}),
        ),
        ("A1", "bonus", "BONUS", points),
        (
            "A1",
            "interest",
            "INT",
            json!({"interestType": "DEBIT", "referenceAmount": eur(10)}),
        ),
        (
            "A1",
            "balance-adjustment",
            "BAL_ADJ",
            json!({"balanceAdjustmentReason": "GOODWILL", "referenceAmount": eur(5)}),
        ),
        ("A1", "payment", "PAY", amount(-900)),
        ("A1", "reimbursement", "RMB", amount(20)),
        (
            "A1",
            "transaction",
            "TRN",
            json!({"operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(30)}),
        ),
        ("PRE", "load", "LOAD", amount(-500)),
        ("PRE", "unload", "LOAD", amount(50)),
    ] {
        if kind == "balance-adjustment" {
            client.done(
                &format!("{ISSUER}/configure-issuer"),
                &json!({"timeZone": "Europe/Berlin", "balanceAdjustmentReasons": ["GOODWILL"]}),
            );
        }
        let reference = format!("{kind}-1");
        let target = on(account, &format!("post-{kind}-operation"));
        let posted = client
            .done(&target, &operation(&reference, fields))
            .operation();
        let mut back = reversal(&format!("{kind}-2"), &reference);
        back.as_object_mut()
            .expect("an object")
            .remove("reversalReason");
        if kind == "fee" {
            back["reversalReason"] = json!("REVERSAL_ON_DEMAND");
        }
        let target = on(account, &format!("reverse-{kind}-operation"));
        let reversed = client.done(&target, &back).operation();
        for (number, id, is_reversal) in [(1, &posted, false), (2, &reversed, true)] {
            let said = Said::json(&operation(&format!("{kind}-{number}"), json!({})));
            let target = on(account, "inquire-operation?embed=parentOperation");
            let found = client.call("POST", &target, &said).data();
            assert_eq!(found["operationIdentifier"]["operationId"], **id, "{kind}");
            assert_eq!(found["reversal"], is_reversal, "{kind}");
            if kind != "unload" {
                assert_eq!(found["operationKind"], code, "{kind}");
            }
            let parent = &found["parentOperation"]["operationIdentifier"]["operationId"];
            assert_eq!(
                parent.as_str(),
                is_reversal.then_some(posted.as_str()),
                "{kind}"
            );
        }
    }
    let reset = client.done(&on("A1", "reset-balance"), &operation("RESET", json!({})));
    let said = Said::json(&operation("RESET", json!({})));
    let found = client
        .call("POST", &on("A1", "inquire-operation"), &said)
        .data();
    assert_eq!(found["operationKind"], "RST_BAL");
    let id = &found["operationIdentifier"]["operationId"];
    assert_eq!(id.as_str(), Some(reset.operation().as_str()));
}

#[test]
fn refusals_have_the_sources_statuses_where_that_is_asked_for() {
    for (profile, statuses) in [
        (ErrorProfile::Ledger, [409, 422, 404]),
        (ErrorProfile::Worldline, [400, 400, 404]),
    ] {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            error_profile: profile,
            ..Config::default()
        };
        let ledger = Arc::new(Ledger::in_memory(clock::now));
        let server = Server::configured(ledger, &config).expect("set up");
        let client = Client::new(&format!("http://{}", server.address()));
        let stop = server.stopper();
        let running = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(server.run()).expect("it ran");
        });
        client.set_up("2023-01-02");
        client.open("A1", None);
        let target = on("A1", "post-fee-operation");
        client.command("first", &target, &fee("F1", 100)).data();
        let told = [
            client.command("second", &target, &fee("F1", 100)),
            client.command("first", &target, &fee("F1", 200)),
            client.get(&on("none", "balance")),
        ];
        for (told, status) in told.iter().zip(statuses) {
            assert_eq!(told.status, status, "{}", told.text());
            assert_eq!(told.json()["responseMetadata"]["statusCode"], status);
        }
        let codes = told.map(|told| told.refusal().1);
        let same = [
            "DUPLICATE_EXTERNAL_TRIPLET",
            "IDEMPOTENCY_PAYLOAD_MISMATCH",
            "ACCOUNT_NOT_FOUND",
        ];
        assert_eq!(codes, same, "the codes are the same");
        stop();
        running.join().expect("it ends well");
    }
}
