//! Acceptance vectors of the specification, over HTTP. Vectors 1 and 2 are the examples.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::desk::{Client, Desk, ISSUER, Said, Told, eur, fee, on, operation, purchase, reversal};

/// Vector 3.
#[test]
fn a_root_is_liable_for_the_balances_it_pays() {
    let desk = Desk::with_accounts(&[("ROOT", None), ("A", Some("ROOT")), ("B", Some("ROOT"))]);
    let buy = |account: &str, reference: &str, cents| {
        let body = purchase(reference, cents);
        desk.client
            .done(&on(account, "post-transaction-operation"), &body);
        let root = desk.client.balance("ROOT");
        (
            root["accountBalance"].clone(),
            root["liableBalance"].clone(),
        )
    };
    assert_eq!(buy("A", "P1", 7_000), (eur(0), eur(7_000)));
    assert_eq!(buy("ROOT", "P2", 10_000), (eur(10_000), eur(17_000)));
    assert_eq!(buy("B", "P3", 5_000), (eur(10_000), eur(22_000)));
    assert_eq!(desk.client.balance("A")["accountBalance"], eur(7_000));
    assert_eq!(desk.client.balance("B")["accountBalance"], eur(5_000));
}

/// Vector 4.
#[test]
fn offline_reservations_add_up_and_are_given_back() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let done = |command: &str, body: Value| {
        desk.client.done(&on("A1", command), &body);
        let shown = desk.client.balance("A1");
        (shown["reservedAmount"].clone(), shown["openToBuy"].clone())
    };
    let first = json!({"offlineReservationReference": "R1", "amount": eur(20_000)});
    let second = json!({"offlineReservationReference": "R2", "amount": eur(10_000)});
    let reserve = "create-offline-reservation";
    assert_eq!(done(reserve, first), (eur(20_000), eur(980_000)));
    assert_eq!(done(reserve, second), (eur(30_000), eur(970_000)));
    let back = json!({"offlineReservationReference": "R1"});
    let free = "cancel-offline-reservation";
    assert_eq!(done(free, back), (eur(10_000), eur(990_000)));
}

/// Vector 5.
#[test]
fn a_fee_and_its_reversal_are_two_operations_that_net_nothing() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let mut posted = fee("1234F123456", 1_500);
    posted["externalOperationDate"] = json!("2023-01-02T14:20:34.715Z");
    let mut back = reversal("1234R123456", "1234F123456");
    back["externalMatchingOperationDate"] = json!("2023-01-02T14:20:34.715Z");
    back["referenceAmount"] = eur(-1_500);
    let first = desk.client.done(&on("A1", "post-fee-operation"), &posted);
    let second = desk.client.done(&on("A1", "reverse-fee-operation"), &back);
    assert_ne!(first.operation(), second.operation());
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(0));
    let listed = listed(&desk.client.get(&all_of("A1")));
    assert_eq!(listed, [first.operation(), second.operation()]);

    back["externalOperationReference"] = json!("1234R123457");
    let again = desk
        .client
        .command("another", &on("A1", "reverse-fee-operation"), &back);
    let field = "externalMatchingOperationReference";
    assert_eq!(
        again.refusal(),
        (
            409,
            "OPERATION_ALREADY_REVERSED".to_owned(),
            field.to_owned()
        )
    );
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(0));
}

/// Vector 6.
#[test]
fn a_hundred_at_once_under_one_correlation_id_are_one_event_and_one_answer() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let before = desk.position();
    let ready = Barrier::new(100);
    let told: Vec<Told> = thread::scope(|scope| {
        let callers = (0..100).map(|_| {
            let (client, ready) = (desk.client.another(), &ready);
            scope.spawn(move || {
                let (target, body) = (on("A1", "post-fee-operation"), fee("F1", 1_500));
                ready.wait();
                client.command("one of a hundred", &target, &body)
            })
        });
        let callers: Vec<_> = callers.collect();
        let told = callers.into_iter().map(|caller| caller.join());
        told.map(|told| told.expect("it is answered")).collect()
    });
    assert_eq!(desk.position(), before + 1);
    assert_eq!(told[0].status, 200);
    for another in &told {
        assert_eq!(another.text(), told[0].text());
        assert_eq!(
            another.header("X-Ledger-Position"),
            Some((before + 1).to_string().as_str())
        );
    }
    assert_eq!(told.iter().filter(|told| told.is_replayed()).count(), 99);
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(1_500));
}

/// Vector 6, of a refusal: it is remembered, too.
#[test]
fn a_refusal_is_answered_for_ever() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let mut body = fee("F1", 1_500);
    body["feeType"] = json!("NO_SUCH_FEE");
    let target = on("A1", "post-fee-operation");
    let first = desk.client.command("c1", &target, &body);
    assert_eq!(
        first.refusal(),
        (400, "FEE_TYPE_NOT_ALLOWED".to_owned(), "feeType".to_owned())
    );
    desk.at("2023-06-01T12:00:00Z");
    let again = desk.client.command("c1", &target, &body);
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    assert!(!first.is_replayed() && again.is_replayed());
}

/// Vector 7.
#[test]
fn a_correlation_id_with_another_amount_is_refused_without_an_event() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let target = on("A1", "post-fee-operation");
    let first = desk.client.command("c1", &target, &fee("F1", 1_500));
    let before = desk.position();
    let other = desk.client.command("c1", &target, &fee("F1", 1_600));
    assert_eq!(
        other.refusal(),
        (
            422,
            "IDEMPOTENCY_PAYLOAD_MISMATCH".to_owned(),
            "referenceAmount".to_owned()
        )
    );
    assert_eq!(desk.position(), before);
    assert!(!other.is_replayed());
    // Under its other name, the id is the same.
    let said = Said::json(&fee("F1", 1_500)).with("Idempotency-Key", "c1");
    let again = desk.client.call("POST", &target, &said);
    assert!(again.is_replayed());
    assert_eq!(again.text(), first.text());
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(1_500));
}

/// Vector 8.
#[test]
fn a_triplet_under_another_correlation_id_names_the_operation_that_has_it() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let target = on("A1", "post-fee-operation");
    let first = desk
        .client
        .command("c1", &target, &fee("F1", 1_500))
        .operation();
    for (correlation, cents, is_same) in [("c2", 1_500, true), ("c3", 1_600, false)] {
        let told = desk.client.command(correlation, &target, &fee("F1", cents));
        assert_eq!(
            told.refusal(),
            (
                409,
                "DUPLICATE_EXTERNAL_TRIPLET".to_owned(),
                "externalOperationReference".to_owned()
            )
        );
        let error = &told.json()["errors"][0];
        assert_eq!(error["operationIdentifier"]["operationId"], json!(first));
        assert_eq!(error["samePayload"], json!(is_same));
    }
    // Among many, what is known is skipped.
    let line = |correlation: &str, cents| {
        json!({
            "issuerId": "1234", "correlationId": correlation, "command": "post-fee-operation",
            "account": {"issuerAccountExternalReference": "A1"}, "body": fee("F1", cents),
        })
        .to_string()
    };
    let lines = format!("{}\n{}\n", line("c4", 1_500), line("c5", 1_600));
    let said = Said::text("application/x-ndjson", &lines);
    let told = desk
        .client
        .call("POST", &format!("{ISSUER}/bulk-operations"), &said);
    let results: Vec<Value> = told
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (result, outcome) in results.iter().zip(["SKIPPED_DUPLICATE", "CONFLICT"]) {
        assert_eq!(result["outcome"], json!(outcome));
        assert_eq!(result["operationId"], json!(first));
        assert_eq!(result["code"], json!("DUPLICATE_EXTERNAL_TRIPLET"));
    }
    assert_eq!(results.len(), 2);
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(1_500));
}

/// Vector 9.
#[test]
fn points_change_no_amount_of_money() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    desk.client
        .done(&on("A1", "post-fee-operation"), &fee("F1", 1_500));
    let mut before = desk.client.balance("A1");
    let body = operation(
        "B1",
        json!({
            "bonusProgramReference": "BP",
            "loyaltyPointAmount": {"unit": "POINT", "cumulatedValue": -250},
        }),
    );
    desk.client.done(&on("A1", "post-bonus-operation"), &body);
    let after = desk.client.balance("A1");
    assert_eq!(before["loyaltyPoints"], json!([]));
    before["loyaltyPoints"] =
        json!([{"bonusProgramReference": "BP", "unit": "POINT", "cumulatedValue": -250}]);
    assert_eq!(after, before);
}

/// Vector 14.
#[test]
fn a_search_takes_wildcards_and_one_range() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let mut places = [
        ("T1", "Platinum Hotel"),
        ("T2", "Harbour hill"),
        ("T3", "Alpine Wolfgang"),
    ]
    .map(|(reference, name)| {
        let mut body = purchase(reference, 1_000);
        body["cardAcceptorName"] = json!(name);
        let told = desk
            .client
            .done(&on("A1", "post-transaction-operation"), &body);
        (name, told.operation())
    })
    .into_iter();
    let search = |criteria: Value| {
        let mut body = json!({
            "issuerId": "1234",
            "postingAccountIdentifier": {"issuerAccountExternalReference": "A1"},
            "postingDateFrom": "2023-01-02T00:00:00Z", "postingDateTo": "2023-01-03T00:00:00Z",
        });
        let all = body.as_object_mut().expect("an object");
        all.extend(criteria.as_object().expect("an object").clone());
        desk.client
            .call("POST", "/api/v2/search-operations", &Said::json(&body))
    };
    let mut pattern = |text: &str| {
        let (name, id) = places.next().expect("one for each");
        let found = search(json!({"cardAcceptorName": text}));
        assert_eq!(listed(&found), [id], "{text} finds {name}");
    };
    pattern("Plat%");
    pattern("%hill");
    pattern("Al%gang");
    assert_eq!(
        listed(&search(json!({"cardAcceptorName": "Plat"}))),
        [""; 0]
    );
    for (criteria, code) in [
        (
            json!({"virtualServiceCardExternalReference": "V", "virtualServiceCardNumber": "1"}),
            "SEARCH_VSC_EXCLUSIVE",
        ),
        (
            json!({
                "transactionDateFrom": "2023-01-02T00:00:00Z",
                "transactionDateTo": "2023-01-03T00:00:00Z",
            }),
            "SEARCH_GROUP2_EXACTLY_ONE",
        ),
    ] {
        let (status, told, _) = search(criteria).refusal();
        assert_eq!((status, told.as_str()), (400, code));
    }
}

/// Vector 19.
#[test]
fn pages_stay_where_they_are_while_writers_post() {
    const FIRST: usize = 60;
    let desk = Desk::with_accounts(&[("ROOT", None), ("A", Some("ROOT")), ("B", Some("ROOT"))]);
    let post = |client: &Client, account: &str, reference: &str| {
        client.done(&on(account, "post-fee-operation"), &fee(reference, 1));
    };
    for place in 0..FIRST {
        post(
            &desk.client,
            ["ROOT", "A", "B"][place % 3],
            &format!("F{place}"),
        );
    }
    let writers = Writers::default();
    thread::scope(|scope| {
        for account in ["A", "B"] {
            let (client, writers) = (desk.client.another(), &writers);
            scope.spawn(move || {
                let mut place = 0;
                while !writers.stop.load(Ordering::Relaxed) {
                    if place < writers.wanted.load(Ordering::Relaxed) {
                        post(&client, account, &format!("{account} late {place}"));
                        place += 1;
                        writers.posted.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::yield_now();
                }
            });
        }
        // They end with the reader, also with one that fails.
        let _ended = Ended(&writers);
        for sort in ["asc", "desc"] {
            let all = all_of("ROOT");
            let first = format!("{all}&allAccountHierarchy=true&offset=7&sort={sort}");
            pages_are_as_of_the_first(&desk, &writers, &first, sort);
        }
    });
}

/// Two who post while a third reads, some operations for each page.
#[derive(Default)]
struct Writers {
    stop: AtomicBool,
    /// Operations that each of them is to have posted.
    wanted: AtomicU64,
    /// Operations that both have posted.
    posted: AtomicU64,
}

struct Ended<'a>(&'a Writers);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Follows the links from a first page, and asserts that every operation that the log had then is there once,
/// in order, and none that came later, though some did.
fn pages_are_as_of_the_first(desk: &Desk, writers: &Writers, first: &str, sort: &str) {
    let mut found = Vec::new();
    let mut as_of = None;
    let mut target = Some(first.to_owned());
    let mut pages = 0;
    while let Some(this) = target {
        let wanted = writers.wanted.fetch_add(2, Ordering::Relaxed) + 2;
        let told = desk.client.get(&this);
        let position: u64 = told
            .header("X-Ledger-Position")
            .and_then(|position| position.parse().ok())
            .expect("a position");
        assert_eq!(*as_of.get_or_insert(position), position);
        // So that something comes between any two pages.
        while writers.posted.load(Ordering::Relaxed) < 2 * wanted {
            thread::yield_now();
        }
        found.extend(listed(&told));
        let links = told.json()["responseMetadata"]["links"].clone();
        target = links["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert!(pages > 8, "there is more than a page or two");
    let as_of = as_of.expect("a first page");
    let last = 1_000_000_000_000_000 + as_of;
    // What the log had then: everything is a fee, but for what set the scene.
    let all = format!(
        "{}&allAccountHierarchy=true&offset=1000&asOfPosition={as_of}",
        all_of("ROOT")
    );
    let mut expected = listed(&desk.client.get(&all));
    assert!(expected.len() >= 60);
    assert_eq!(
        expected.iter().collect::<BTreeSet<_>>().len() as u64,
        as_of - SCENE_RECORDS
    );
    assert!(
        expected
            .iter()
            .all(|id| id.parse::<u64>().expect("a number") <= last)
    );
    if sort == "desc" {
        expected.reverse();
    }
    assert_eq!(found, expected);
}

/// An issuer, a product, a program, three accounts.
const SCENE_RECORDS: u64 = 6;

/// The list of all operations of an account.
fn all_of(account: &str) -> String {
    on(
        account,
        "operations?startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z",
    )
}

/// The ids of a list of operations.
fn listed(told: &Told) -> Vec<String> {
    let data = told.data();
    let ids = data.as_array().expect("a list").iter();
    ids.map(|operation| {
        let id = operation["operationIdentifier"]["operationId"].as_str();
        id.expect("an id").to_owned()
    })
    .collect()
}
