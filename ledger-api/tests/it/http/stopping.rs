//! A service that is told to stop finishes what it took.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use super::desk::{Desk, ISSUER, Said, eur, fee, on};
use super::process::Process;
use crate::history::verified_records;

/// A call of which the half was sent.
struct HalfSent {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl HalfSent {
    fn begin(address: &str) -> Self {
        let body = fee("F1", 1_500).to_string();
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        let mut stream = TcpStream::connect(address).expect("it is reached");
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            on("A1", "post-fee-operation"),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // Only a call that is under way is told to go on.
        let mut reply = [0; 25];
        stream.read_exact(&mut reply).expect("an answer");
        assert_eq!(&reply, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(first).expect("sent");
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    /// The whole answer; it is the last on its connection.
    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).expect("sent");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

#[test]
fn a_call_under_way_is_answered_and_no_other_is_taken() {
    let mut desk = Desk::with_accounts(&[("A1", None)]);
    let half = HalfSent::begin(desk.client.address());
    desk.stop();
    // Whoever comes now is not let in, as soon as the service has heard of it.
    while TcpStream::connect(desk.client.address()).is_ok() {}
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("operationIdentifier"), "{answer}");
    desk.wait();
    let account = &desk.ledger.accounts()[0];
    assert_eq!(
        (account.account_balance.value, account.operations),
        (1_500, 1)
    );
}

#[test]
fn who_follows_events_does_not_hold_up_the_end() {
    let mut desk = Desk::with_accounts(&[("A1", None)]);
    let target = format!("{ISSUER}/event-stores/stream");
    let stream = desk.client.open_call("GET", &target, &Said::default());
    let mut lines =
        BufReader::new(stream.expect("it is reached").into_body().into_reader()).lines();
    assert!(lines.next().expect("an event").is_ok());
    desk.stop();
    // The stream ends as one that has said all.
    let rest: Result<Vec<_>, _> = lines.collect();
    assert!(rest.is_ok(), "{rest:?}");
    desk.wait();
}

#[test]
fn a_process_that_is_told_to_stop_closes_its_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(&dir.path().join("d"));
    process.client.set_up("2023-01-02");
    process.client.open("A1", None);
    let half = HalfSent::begin(process.client.address());
    process.terminate();
    while TcpStream::connect(process.client.address()).is_ok() {}
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (status, written) = process.end();
    assert_eq!(status.code(), Some(0), "{written}");
    assert_eq!(verified_records(dir.path(), "d"), 5);

    // Nothing is missing, and the next one goes on from there.
    let process = Process::start(&dir.path().join("d"));
    assert_eq!(process.client.balance("A1")["accountBalance"], eur(1_500));
}
