//! How often, how much at once, how large and how slow a call may be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use ledger_api::http::Config;
use ledger_api::http::config::LimitsConfig;

use super::service::Service;

const PATH: &str = "/api/v2/issuers/mine/accounts/external-accounts/A1";

fn some(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

fn seconds(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).expect("not zero")
}

fn limited(limits: LimitsConfig) -> Service {
    let service = Service::start(Config {
        limits,
        metrics_listen: Some(([127, 0, 0, 1], 0).into()),
        ..Config::default()
    });
    service.furnish("mine");
    service
}

fn send(service: &Service, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).expect("connected");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("set");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

/// Begins a call that lets its body, `{}`, be waited for.
fn begin_closing(service: &Service, header: &str) -> TcpStream {
    let head = format!(
        "POST {PATH}/close-account HTTP/1.1\r\nhost: x\r\n{header}content-type: application/json\r\ncontent-length: 2\r\n\r\n"
    );
    send(service, &head)
}

/// Everything until the service closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // It may be closed with something unread, which is told as an error after what was said.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).expect("text")
}

#[test]
fn a_client_that_calls_too_often_is_told_when_to_come_back() {
    let service = limited(LimitsConfig {
        client_calls_per_second: some(1),
        client_burst: some(5),
        ..LimitsConfig::default()
    });
    let told: Vec<_> = (0..20).map(|_| service.get(PATH, &[])).collect();
    let answered = told.iter().filter(|told| told.status == 200).count();
    assert!(answered >= 5, "{answered}");
    let refused = told
        .iter()
        .find(|told| told.status == 429)
        .expect("refused");
    assert_eq!(refused.code(), "RATE_LIMITED");
    assert_eq!(refused.header("retry-after"), "1");
    // Those who watch over the service are never refused.
    assert_eq!(service.get("/livez", &[]).status, 200);
}

#[test]
fn calls_at_once_are_bounded_for_one_and_for_all() {
    for (limits, code) in [
        (
            LimitsConfig {
                client_calls_max: some(1),
                ..LimitsConfig::default()
            },
            "RATE_LIMITED",
        ),
        (
            LimitsConfig {
                calls_max: some(1),
                ..LimitsConfig::default()
            },
            "BUSY",
        ),
    ] {
        let service = limited(limits);
        // It has begun, and lets its body be waited for.
        let (mut slow, refused) = loop {
            let slow = begin_closing(&service, "connection: close\r\n");
            let told = (0..100).map(|_| service.get(PATH, &[]));
            // One of these may have come first, and have been the one that was let in.
            if let Some(told) = told.into_iter().find(|told| told.status == 429) {
                break (slow, told);
            }
        };
        assert_eq!(refused.code(), code);
        assert_eq!(refused.header("retry-after"), "1");
        slow.write_all(b"{}").expect("sent");
        let told = rest(slow);
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert_eq!(service.get(PATH, &[]).status, 200);
    }
}

#[test]
fn a_slow_or_silent_caller_is_not_waited_for() {
    let service = limited(LimitsConfig {
        header_timeout_s: seconds(1),
        body_timeout_s: seconds(1),
        idle_timeout_s: seconds(2),
        ..LimitsConfig::default()
    });
    let unfinished = send(&service, "GET / HTTP/1.1\r\nhost: x\r\n");
    let silent = send(&service, "");
    let bodiless = begin_closing(&service, "");
    let kept = send(&service, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(!rest(unfinished).contains("200"), "the head never ended");
    assert_eq!(rest(silent), "");
    let told = rest(bodiless);
    assert!(told.starts_with("HTTP/1.1 408"), "{told}");
    assert!(told.contains("REQUEST_TIMEOUT"), "{told}");
    assert!(
        rest(kept).starts_with("HTTP/1.1 200"),
        "answered, and closed when nothing followed"
    );
}

#[test]
fn a_call_under_way_is_no_silence() {
    let service = limited(LimitsConfig {
        body_timeout_s: seconds(60),
        idle_timeout_s: seconds(1),
        ..LimitsConfig::default()
    });
    let mut slow = begin_closing(&service, "");
    // One that is silent for as long as is allowed, and then another.
    for _ in 0..2 {
        assert_eq!(rest(send(&service, "")), "");
    }
    slow.write_all(b"{}").expect("sent");
    let told = rest(slow);
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let service = limited(LimitsConfig {
        header_bytes_max: 8 * 1024,
        headers_max: some(20),
        ..LimitsConfig::default()
    });
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "y".repeat(10_000)
    );
    assert!(rest(send(&service, &long)).starts_with("HTTP/1.1 431"));
    let many: String = (0..40).map(|number| format!("a{number}: y\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert!(rest(send(&service, &many)).starts_with("HTTP/1.1 431"));
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    let service = limited(LimitsConfig {
        connections_max: some(2),
        ..LimitsConfig::default()
    });
    let open: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = send(&service, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
            let mut first = [0; 12];
            stream.read_exact(&mut first).expect("an answer");
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    assert_eq!(
        rest(send(&service, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")),
        ""
    );
    let metrics = super::service::get(
        &super::service::plain(),
        &format!("http://{}/metrics", service.metrics.expect("listened at")),
        &[],
    );
    assert!(
        metrics.text.contains("ledger_http_connections 2"),
        "{}",
        metrics.text
    );
    assert!(
        metrics
            .text
            .contains("ledger_http_connections_refused_total 1")
    );
    drop(open);
}

/// Begins a call whose answer goes on for as long as it is read.
fn begin(service: &Service, path: &str) -> TcpStream {
    let mut stream = send(service, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

/// Asks until what others held was given back.
fn is_let_in_again(service: &Service, path: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    while service.get(path, &[]).status != 200 {
        assert!(Instant::now() < until, "{path} is still refused");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_answer_that_goes_on_is_a_call_under_way() {
    for (limits, code) in [
        (
            LimitsConfig {
                client_calls_max: some(2),
                ..LimitsConfig::default()
            },
            "RATE_LIMITED",
        ),
        (
            LimitsConfig {
                calls_max: some(2),
                ..LimitsConfig::default()
            },
            "BUSY",
        ),
    ] {
        let service = limited(limits);
        let stream = "/api/v2/issuers/mine/event-stores/stream";
        let followed = [begin(&service, stream), begin(&service, stream)];
        let told = service.get(PATH, &[]);
        assert_eq!((told.status, told.code().as_str()), (429, code));
        drop(followed);
        is_let_in_again(&service, PATH);
    }
}

/// Their bodies may be long, and all of them are kept until the last byte is there.
#[test]
fn a_few_calls_bring_many_commands_at_a_time() {
    let service = limited(LimitsConfig::default());
    let bulk = "/api/v2/issuers/mine/bulk-operations";
    let head = format!(
        "POST {bulk} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 9\r\n\r\n"
    );
    let mut slow: Vec<_> = (0..64).map(|_| send(&service, &head)).collect();
    let until = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        // Ours may have come first, and one of these been refused in its place.
        slow.push(send(&service, &head));
        let told = service.post(bulk, &[("content-type", "application/x-ndjson")], "{}");
        if told.status == 429 {
            break told;
        }
        assert!(Instant::now() < until, "all are taken: {told:?}");
    };
    assert_eq!(refused.code(), "BUSY");
    assert_eq!(service.get(PATH, &[]).status, 200);
    drop(slow);
}

/// Each has a thread and books of its own, and may be read as slowly as somebody likes.
#[test]
fn a_few_calls_read_the_whole_log_at_a_time() {
    let service = limited(LimitsConfig {
        body_timeout_s: seconds(5),
        ..LimitsConfig::default()
    });
    for call in 0..3 {
        let lines: Vec<_> = (0..10_000)
            .map(|n| format!(
                r#"{{"issuerId":"mine","correlationId":"{call}-{n}","command":"post-payment-operation","account":{{"issuerAccountExternalReference":"A1"}},"body":{{"referenceAmount":{{"value":-1,"exponent":2,"isoCode":"EUR"}},"externalOperationDate":"2026-01-01T00:00:00Z","externalOperationReference":"{call}-{n}","externalOperationServicePoster":"CORE"}}}}"#
            ))
            .collect();
        let told = service.post(
            "/api/v2/issuers/mine/bulk-operations",
            &[],
            &lines.join("\n"),
        );
        assert_eq!(
            told.text.matches("APPLIED").count(),
            10_000,
            "{}",
            told.text
        );
    }
    // More than what lies between the two ends takes in, so that whoever does not read on holds it up.
    let journal = "/api/v2/issuers/mine/journal";
    let unread: Vec<_> = (0..8).map(|_| begin(&service, journal)).collect();
    for path in [journal, "/api/v2/head"] {
        let told = service.get(path, &[]);
        assert_eq!((told.status, told.code().as_str()), (429, "BUSY"), "{path}");
    }
    assert_eq!(service.get(PATH, &[]).status, 200);
    // Nobody can hold up the others for long.
    let others: Vec<_> = (0..8)
        .map(|_| {
            is_let_in_again(&service, "/api/v2/head");
            begin(&service, journal)
        })
        .collect();
    assert_eq!(others.len(), unread.len(), "in the place of all of them");
    for slow in unread {
        let told = rest(slow);
        assert!(
            !told.ends_with("\r\n0\r\n\r\n"),
            "it is not taken for the whole journal"
        );
    }
}
