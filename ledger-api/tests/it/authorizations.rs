//! The reads of what the authorization system asked and told, and of what it reserved.

use ledger_api::queries::authorizations::AuthorizationFilter;
use ledger_api::queries::business_cases::BusinessCaseFilter;
use ledger_api::views::authorizations::{AuthorizationView, BusinessCaseView};
use ledger_api::{ApiError, Ledger, line};
use ledger_core::command::AccountSelector;
use ledger_core::text::{BusinessCaseId, ExternalReference, TransactionId};
use ledger_core::time::Timestamp;
use serde_json::{Value, json};

use crate::command_line::{json_lines, ledger, text};

/// 2 January 2023, 15:00 in Berlin.
const NOW: Timestamp = Timestamp(1_672_668_000_000);

fn send(ledger: &Ledger, number: usize, command: &str, account: Option<&str>, body: &Value) {
    let mut line = json!({
        "issuerId": "wl", "correlationId": format!("c{number}"), "command": command, "body": body,
    });
    if let Some(account) = account {
        line["account"] = json!({"issuerAccountExternalReference": account});
    }
    let answer = ledger.execute(&line.to_string()).expect("an answer");
    answer.outcome.expect("accepted");
}

fn eur(cents: i64) -> Value {
    json!({"value": cents, "exponent": 2, "isoCode": "EUR"})
}

/// A hotel: reserved, extended, confirmed, cleared in two parts; and a purchase that was declined.
fn scene(ledger: &Ledger) {
    let account = |name: &str| {
        json!({"issuerAccountExternalReference": name, "productReference": "CLASSIC",
            "creditLimitAmount": eur(100_000)})
    };
    let product =
        json!({"productReference": "CLASSIC", "currency": "EUR", "workingMode": "PAY_LATER"});
    let zone = json!({"timeZone": "Europe/Berlin"});
    let message = |id: &str, case: &str, kind: &str, minute: u32, cents: i64| {
        json!({
            "transactionId": id, "businessCaseId": case, "transactionType": kind,
            "transactionDate": format!("2023-01-02T12:{minute:02}:00Z"),
            "totalBillingAmount": eur(cents), "financialType": "Purchase", "cardAcceptorName": "HOTEL",
        })
    };
    let clearing = |reference: &str, cents: i64, is_final: bool| {
        json!({
            "operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(cents),
            "authorizationBusinessCaseIdentifier": "HOTEL", "finalClearing": is_final,
            "externalOperationDate": "2023-01-02T13:00:00Z",
            "externalOperationReference": reference, "externalOperationServicePoster": "CAS",
        })
    };
    let authorization = "record-authorization";
    let transaction = "post-transaction-operation";
    let commands = [
        ("configure-issuer", None, zone),
        ("define-product", None, product),
        ("open-account", None, account("A1")),
        ("open-account", None, account("A2")),
        (
            authorization,
            Some("A1"),
            message("T1", "HOTEL", "Authorization", 1, 30_000),
        ),
        (
            authorization,
            Some("A1"),
            message("T2", "SHOP", "Authorization", 2, 90_000),
        ),
        (
            authorization,
            Some("A1"),
            message("T3", "HOTEL", "ReserveUpdate", 3, 50_000),
        ),
        (
            authorization,
            Some("A1"),
            message("T4", "HOTEL", "Confirmation", 4, 45_000),
        ),
        (transaction, Some("A1"), clearing("P1", 20_000, false)),
        (
            authorization,
            Some("A2"),
            message("T5", "TAXI", "Authorization", 5, 1_000),
        ),
        (
            "create-offline-reservation",
            Some("A1"),
            json!({"offlineReservationReference": "R1", "amount": eur(700)}),
        ),
    ];
    for (number, (command, account, body)) in commands.iter().enumerate() {
        send(ledger, number, command, *account, body);
    }
}

fn account(name: &str) -> AccountSelector {
    AccountSelector::External(ExternalReference::new(name).expect("a reference"))
}

fn case_id(text: &str) -> BusinessCaseId {
    BusinessCaseId::new(text).expect("an id")
}

const ALL: AuthorizationFilter = AuthorizationFilter {
    as_of: None,
    start: None,
    end: None,
    page: 0,
    page_size: 100,
    newest_first: false,
};

fn ids(messages: &[AuthorizationView]) -> Vec<&str> {
    messages
        .iter()
        .map(|of| of.transaction_id.as_str())
        .collect()
}

fn case_ids(cases: &[BusinessCaseView]) -> Vec<&str> {
    cases
        .iter()
        .map(|of| of.business_case_id.as_str())
        .collect()
}

#[test]
fn messages_of_an_account_are_listed_in_pages() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let list = |filter| {
        let listed = ledger.authorizations(None, &account("A1"), filter);
        listed.expect("the account exists")
    };
    let (all, more) = list(ALL);
    assert_eq!((ids(&all), more), (vec!["T1", "T2", "T3", "T4"], false));
    let page = AuthorizationFilter {
        page: 1,
        page_size: 2,
        newest_first: true,
        ..ALL
    };
    assert_eq!(ids(&list(page).0), ["T2", "T1"]);
    assert!(list(AuthorizationFilter { page: 0, ..page }).1);
    let period = AuthorizationFilter {
        start: line::instant("2023-01-02T12:02:00Z"),
        end: line::instant("2023-01-02T12:04:00Z"),
        ..ALL
    };
    assert_eq!(ids(&list(period).0), ["T2", "T3"]);
    let declined = &all[1];
    assert_eq!(declined.result_type, "Decline");
    assert_eq!(declined.result_code.as_deref(), Some("51"));
    assert_eq!(
        declined.decline_reason.as_deref(),
        Some("INSUFFICIENT_OPEN_TO_BUY")
    );
    assert_eq!(declined.reserve_amount.value, 0);
    let confirmed = &all[3];
    assert_eq!(confirmed.result_code.as_deref(), Some("00"));
    assert_eq!(confirmed.reserve_amount.value, 45_000);
    assert_eq!(
        confirmed.open_to_buy.expect("a credit account").value,
        55_000
    );
}

#[test]
fn a_message_is_found_by_its_transaction_id_on_its_account() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let find = |name: &str, id: &str| {
        let id = TransactionId::new(id).expect("an id");
        ledger.authorization(None, &account(name), &id)
    };
    let found = find("A1", "T1").expect("it is there");
    assert_eq!(found.business_case_id, "HOTEL");
    assert_eq!(found.card_acceptor_name.as_deref(), Some("HOTEL"));
    for (name, id) in [("A1", "T9"), ("A2", "T1")] {
        assert!(matches!(find(name, id), Err(ApiError::NoRecord(_))));
    }
}

#[test]
fn a_business_case_tells_what_it_still_reserves() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let find = |name: &str, id: &str| ledger.business_case(None, &account(name), &case_id(id));
    let hotel = find("A1", "HOTEL").expect("it is there");
    assert_eq!(ids(&hotel.authorizations), ["T1", "T3", "T4"]);
    assert_eq!(hotel.operation_ids.len(), 1);
    assert_eq!(hotel.reserve_billing_amount.value, 45_000);
    assert_eq!(hotel.account_reserve_billing_amount.value, 25_000);
    assert_eq!(hotel.account_reserve_status, "Active");
    assert_eq!(hotel.reserve_expiry_date, "2023-01-09");
    let shop = find("A1", "SHOP").expect("it is there");
    assert_eq!(shop.account_reserve_status, "None");
    for (name, id) in [("A1", "NONE"), ("A2", "HOTEL")] {
        let error = find(name, id).expect_err("the account has no such case");
        assert_eq!(error.code(), "BUSINESS_CASE_NOT_FOUND");
    }
}

#[test]
fn business_cases_are_listed_by_account_period_and_ids() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let all = BusinessCaseFilter {
        page_size: 100,
        ..BusinessCaseFilter::default()
    };
    let list = |filter: BusinessCaseFilter| ledger.business_cases(None, &filter);
    let of_account = BusinessCaseFilter {
        account: Some(account("A1")),
        ..all.clone()
    };
    let (cases, more) = list(of_account.clone()).expect("the account exists");
    assert_eq!((case_ids(&cases), more), (vec!["HOTEL", "SHOP"], false));
    let page = BusinessCaseFilter {
        page: 1,
        page_size: 1,
        ..of_account.clone()
    };
    let (cases, more) = list(page).expect("the account exists");
    assert_eq!((case_ids(&cases), more), (vec!["SHOP"], false));
    let late = BusinessCaseFilter {
        start: line::instant("2023-01-02T12:03:00Z"),
        ..of_account
    };
    assert_eq!(
        case_ids(&list(late).expect("the account exists").0),
        ["HOTEL"]
    );
    let by_id = BusinessCaseFilter {
        ids: ["TAXI", "NONE", "HOTEL", "TAXI"].map(case_id).to_vec(),
        ..all.clone()
    };
    let (cases, _) = list(by_id.clone()).expect("there is one issuer");
    assert_eq!(case_ids(&cases), ["TAXI", "HOTEL"]);
    let by_id_and_period = BusinessCaseFilter {
        end: line::instant("2023-01-02T12:05:00Z"),
        ..by_id
    };
    assert_eq!(
        case_ids(&list(by_id_and_period).expect("there is one issuer").0),
        ["HOTEL"]
    );
    assert_eq!(list(all).expect_err("of what?").code(), "INVALID_REQUEST");
}

#[test]
fn what_is_reserved_is_in_the_balance_and_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    for opening in 0..2 {
        let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("opens");
        if opening == 0 {
            scene(&ledger);
        }
        let balance = ledger.balance(None, &account("A1"), None, None);
        let balance = balance.expect("the account exists");
        assert_eq!(balance.account_balance.value, 20_000);
        assert_eq!(balance.external_reserved_amount.value, 25_000);
        assert_eq!(balance.reserved_amount.value, 700);
        assert_eq!(balance.open_to_buy.expect("a credit account").value, 54_300);
        let hotel = ledger.business_case(None, &account("A1"), &case_id("HOTEL"));
        assert_eq!(hotel.expect("it is there").authorizations.len(), 3);
        ledger.close().expect("closes");
    }
}

/// A line of the replay format says no more than its fields.
#[test]
fn a_final_clearing_is_said_of_a_business_case() {
    let body = json!({
        "operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(1), "finalClearing": true,
        "externalOperationDate": "2023-01-02T13:00:00Z",
        "externalOperationReference": "P1", "externalOperationServicePoster": "CAS",
    });
    let line = json!({
        "issuerId": "wl", "correlationId": "c", "command": "post-transaction-operation",
        "account": {"issuerAccountExternalReference": "A1"}, "body": body,
    });
    let refusal = line::parse(&line.to_string()).expect_err("there is no business case");
    assert_eq!(
        (refusal.code(), refusal.field()),
        ("INVALID_REQUEST", "finalClearing")
    );
}

/// As a user asks: a decline is carried out, told with its reason, and listed.
#[test]
fn the_command_line_tells_what_was_decided_and_what_is_held() {
    let dir = tempfile::tempdir().expect("a directory");
    let command = |number: usize, command: &str, body: Value| {
        json!({
            "issuerId": "wl", "correlationId": format!("c{number}"), "command": command,
            "account": {"issuerAccountExternalReference": "A1"}, "body": body,
        })
        .to_string()
    };
    let message = |id: &str, case: &str, cents: i64| {
        json!({
            "transactionId": id, "businessCaseId": case, "transactionType": "Authorization",
            "transactionDate": "2023-01-02T12:00:00Z", "totalBillingAmount": eur(cents),
        })
    };
    let mut lines = vec![
        r#"{"issuerId":"wl","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin","businessDate":"2023-01-02"}}"#.to_owned(),
        r#"{"issuerId":"wl","correlationId":"s2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER"}}"#.to_owned(),
        r#"{"issuerId":"wl","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":10000,"exponent":2,"isoCode":"EUR"}}}"#.to_owned(),
    ];
    lines.push(command(
        1,
        "record-authorization",
        message("T1", "C1", 6_000),
    ));
    lines.push(command(
        2,
        "record-authorization",
        message("T2", "C2", 6_000),
    ));
    lines.push(command(
        3,
        "record-authorization",
        message("T1", "C1", 6_000),
    ));
    lines.push(command(
        4,
        "record-authorization",
        message("T1", "C1", 7_000),
    ));
    std::fs::write(dir.path().join("in"), lines.join("\n")).expect("written");
    let replayed = ledger(
        dir.path(),
        &["replay", "in", "--data", "d", "--results", "out"],
    );
    assert_eq!(
        replayed.status.code(),
        Some(1),
        "{}",
        text(&replayed.stderr)
    );
    let results = json_lines(&std::fs::read(dir.path().join("out")).expect("results"));
    let results: Vec<_> = results[3..]
        .iter()
        .map(|line| {
            (
                line["outcome"].as_str(),
                line["resultType"].as_str(),
                line["declineReason"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        results,
        [
            (Some("APPLIED"), Some("Approval"), None),
            (
                Some("APPLIED"),
                Some("Decline"),
                Some("INSUFFICIENT_OPEN_TO_BUY")
            ),
            (Some("SKIPPED_DUPLICATE"), None, None),
            (Some("CONFLICT"), None, None),
        ]
    );
    let show = |args: &[&str]| {
        let output = ledger(dir.path(), &[args, &["--data", "d"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        let lines: Vec<_> = shown.lines().map(str::trim).collect();
        lines.join("\n")
    };
    expect_test::expect![[r#"
        Transaction  Business case  Sent                           Type                 Amount  Result                    Code   Reserved  Open to buy
        T1           C1             2023-01-02T12:00:00.000+00:00  Authorization  60.00 EUR DR  Approval                  00    60.00 EUR    40.00 EUR
        T2           C2             2023-01-02T12:00:00.000+00:00  Authorization  60.00 EUR DR  INSUFFICIENT_OPEN_TO_BUY  51     0.00 EUR    40.00 EUR"#]].assert_eq(&show(&["authorizations", "--external", "A1"]));
    expect_test::expect![[r#"
        Business case  Account               Status    Reserve  Still reserved  Until       Messages  Operations
        C1             10000000000000000001  Active  60.00 EUR       60.00 EUR  2023-01-09         1"#]].assert_eq(&show(&["business-cases", "--case", "C1"]));
    let one = show(&[
        "authorizations",
        "--external",
        "A1",
        "--transaction",
        "T2",
        "--json",
    ]);
    assert_eq!(json_lines(one.as_bytes())[0]["resultCode"], "51");
    for (args, code) in [
        (&["business-cases", "--data", "d"][..], 2),
        (
            &[
                "authorizations",
                "--external",
                "A1",
                "--transaction",
                "T9",
                "--data",
                "d",
            ],
            2,
        ),
    ] {
        assert_eq!(ledger(dir.path(), args).status.code(), Some(code));
    }
}
