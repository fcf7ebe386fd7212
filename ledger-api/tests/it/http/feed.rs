//! What happened, in the order of the log: asked for, and followed.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use super::desk::{Client, Desk, ISSUER, Said, fee, on, reversal};

/// An event as it comes down a stream: its id, its name, its data.
type Event = (u64, String, Value);

/// The next events of a stream that is opened now.
fn follow(client: &Client, query: &str, said: &Said, count: usize) -> Vec<Event> {
    let target = format!("{ISSUER}/event-stores/stream{query}");
    let response = client.open_call("GET", &target, said);
    let response = response.expect("it is reached");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = Vec::new();
    let (mut id, mut name, mut data) = (0, String::new(), Value::Null);
    for line in BufReader::new(response.into_body().into_reader()).lines() {
        let line = line.expect("text");
        match line.split_once(": ") {
            Some(("id", text)) => id = text.parse().expect("a number"),
            Some(("event", text)) => text.clone_into(&mut name),
            Some(("data", text)) => data = serde_json::from_str(text).expect("JSON"),
            Some(_) | None => {}
        }
        if line.is_empty() && !data.is_null() {
            events.push((id, name.clone(), data.take()));
            if events.len() == count {
                break;
            }
        }
    }
    events
}

#[test]
fn the_feed_shows_what_happened_in_order() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let said = Said::command("c1", &fee("F1", 1_500))
        .with("WL-Origin", "PORTAL")
        .with("WL-Username", "ann");
    let posted = desk
        .client
        .call("POST", &on("A1", "post-fee-operation"), &said)
        .operation();
    let mut typeless = fee("F2", 1);
    typeless["feeType"] = json!("NO_SUCH_FEE");
    desk.client
        .command("c2", &on("A1", "post-fee-operation"), &typeless);
    desk.client
        .done(&on("A1", "reverse-fee-operation"), &reversal("R1", "F1"));

    let feed = desk.client.get(&format!("{ISSUER}/event-stores")).data();
    assert_eq!(feed["nextPosition"], json!(desk.position() + 1));
    let events = feed["events"].as_array().expect("a list");
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().expect("text");
            (
                event["position"].as_u64().expect("a number"),
                text("businessRefType"),
                text("eventType"),
                text("eventSubType"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "ISSUER", "configure-issuer", "DONE"),
            (2, "ISSUER", "define-bonus-program", "DONE"),
            (3, "ISSUER", "define-product", "DONE"),
            (4, "ACCOUNT", "open-account", "DONE"),
            (5, "OPERATION", "post-fee-operation", "DONE"),
            (6, "ACCOUNT", "post-fee-operation", "REJECTED"),
            (7, "OPERATION", "reverse-fee-operation", "DONE"),
        ]
    );
    let fee = &events[4];
    assert_eq!(fee["businessRefValue"], json!(posted));
    assert_eq!(
        (&fee["origin"], &fee["userId"]),
        (&json!("PORTAL"), &json!("ann"))
    );
    assert_eq!(fee["eventDate"], "2023-01-02T14:00:00.000+00:00");
}

#[test]
fn the_feed_is_read_on_from_where_it_ended() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    for place in 0..20 {
        desk.client.done(
            &on("A1", "post-fee-operation"),
            &fee(&format!("F{place}"), 1),
        );
    }
    let mut positions = Vec::new();
    let mut from = json!(1);
    loop {
        let target = format!("{ISSUER}/event-stores?fromPosition={from}&limit=7");
        let page = desk.client.get(&target).data();
        let events = page["events"].as_array().expect("a list").clone();
        if events.is_empty() {
            break;
        }
        positions.extend(events.iter().map(|event| event["position"].clone()));
        from = page["nextPosition"].clone();
    }
    let all: Vec<_> = (1..=desk.position())
        .map(|position| json!(position))
        .collect();
    assert_eq!(positions, all);
}

#[test]
fn a_feed_shows_one_issuer_alone() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    desk.client.done(
        "/api/v2/issuers/other/configure-issuer",
        &json!({"timeZone": "Europe/Paris"}),
    );
    desk.client
        .done(&on("A1", "post-fee-operation"), &fee("F1", 1));
    let positions = |issuer: &str| -> Vec<Value> {
        let target = format!("/api/v2/issuers/{issuer}/event-stores");
        let feed = desk.client.get(&target).data();
        let events = feed["events"].as_array().expect("a list").iter();
        events.map(|event| event["position"].clone()).collect()
    };
    assert_eq!(positions("other"), [json!(5)]);
    assert_eq!(
        positions("1234"),
        [1, 2, 3, 4, 6].map(|position| json!(position))
    );
}

#[test]
fn a_stream_is_taken_up_where_it_was_broken_off() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    for place in 0..6 {
        desk.client.done(
            &on("A1", "post-fee-operation"),
            &fee(&format!("F{place}"), 1),
        );
    }
    let feed = desk.client.get(&format!("{ISSUER}/event-stores")).data();
    let all: Vec<Event> = feed["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| {
            let position = event["position"].as_u64().expect("a number");
            let name = event["eventType"].as_str().expect("text");
            (position, name.to_owned(), event.clone())
        })
        .collect();
    let at = |id: &str| Said::default().with("Last-Event-ID", id);
    let client = &desk.client;
    assert_eq!(follow(client, "", &Said::default(), 4), all[..4]);
    assert_eq!(follow(client, "", &at("4"), 6), all[4..]);
    assert_eq!(
        follow(client, "?fromPosition=8", &Said::default(), 3),
        all[7..]
    );
    // Whoever comes back was further already.
    assert_eq!(follow(client, "?fromPosition=2", &at("9"), 1), all[9..]);
}

#[test]
fn a_stream_brings_what_happens_while_it_is_open() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let next = desk.position() + 1;
    let client = desk.client.another();
    let following = std::thread::spawn(move || {
        let query = format!("?fromPosition={next}");
        follow(&client, &query, &Said::default(), 3)
    });
    for place in 0..3 {
        desk.client.done(
            &on("A1", "post-fee-operation"),
            &fee(&format!("F{place}"), 1),
        );
    }
    let events = following.join().expect("they come");
    let ids: Vec<_> = events.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids, [next, next + 1, next + 2]);
}
