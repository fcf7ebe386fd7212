//! What those who run the service see: probes, metrics, the log, and how it stops.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ledger_api::http::Config;
use serde_json::Value;

use super::service::{Service, get, plain, post};
use super::token_endpoint::with_tokens;
use crate::command_line::text;

const A1: &str = "/api/v2/issuers/mine/accounts/external-accounts/A1";

fn watched(config: Config) -> Service {
    let service = Service::start(Config {
        metrics_listen: Some(([127, 0, 0, 1], 0).into()),
        ..config
    });
    service.furnish("mine");
    service
}

fn metrics(service: &Service) -> String {
    let address = service.metrics.expect("listened at");
    get(&plain(), &format!("http://{address}/metrics"), &[]).text
}

/// A process that serves, with what it said so far.
struct Process {
    child: Child,
    address: String,
    metrics: String,
}

impl Process {
    fn start(dir: &Path, limit_blocks: Option<u32>, args: &[&str]) -> Self {
        let limit = limit_blocks.map_or(String::new(), |blocks| {
            format!("trap '' XFSZ; ulimit -f {blocks}; ")
        });
        let mut child = Command::new("sh")
            .current_dir(dir)
            .arg("-c")
            .arg(format!("{limit}exec \"$0\" \"$@\" 2>log"))
            .arg(env!("CARGO_BIN_EXE_ledger"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
            ])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = || {
            let mut line = String::new();
            out.read_line(&mut line).expect("a line");
            let address = line.trim().rsplit(' ').next().expect("an address");
            address.trim_end_matches("/metrics").to_owned()
        };
        let (address, metrics) = (line(), line());
        Self {
            child,
            address,
            metrics,
        }
    }

    fn terminate(&mut self) {
        let killed = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(killed.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_service_that_takes_no_commands_is_not_ready_and_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(dir.path(), Some(12_000), &["--store", "redb"]);
    let at = |path: &str| format!("{}{path}", process.address);
    let operators = |path: &str| get(&plain(), &format!("{}{path}", process.metrics), &[]);
    for (command, body) in [
        ("configure-issuer", r#"{"timeZone":"UTC"}"#),
        (
            "define-product",
            r#"{"productReference":"CARD","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["ANNUAL"]}"#,
        ),
        (
            "open-account",
            r#"{"issuerAccountExternalReference":"A1","productReference":"CARD","creditLimitAmount":{"value":100000000,"exponent":2,"isoCode":"EUR"}}"#,
        ),
    ] {
        let told = post(
            &plain(),
            &at(&format!("/api/v2/issuers/mine/{command}")),
            &[],
            body,
        );
        assert_eq!(told.status, 200, "{}", told.text);
    }
    assert_eq!(
        get(&plain(), &at("/readyz"), &[]).text,
        r#"{"status":"READY"}"#
    );
    assert!(operators("/metrics").text.contains("ledger_accepting 1"));
    let failed = (0..100).find_map(|round| {
        let lines: String = (0..5_000)
            .map(|number| {
                let number = round * 5_000 + number;
                format!(
                    r#"{{"issuerId":"mine","correlationId":"f{number}","command":"post-fee-operation","account":{{"issuerAccountExternalReference":"A1"}},"body":{{"feeType":"ANNUAL","referenceAmount":{{"value":1,"exponent":2,"isoCode":"EUR"}},"externalOperationDate":"2026-01-01T00:00:00Z","externalOperationReference":"r{number}","externalOperationServicePoster":"CORE"}}}}"#
                ) + "\n"
            })
            .collect();
        let told = post(&plain(), &at("/api/v2/issuers/mine/bulk-operations"), &[], &lines);
        (told.status != 200).then_some(told)
    });
    assert_eq!(failed.expect("the disk is full").code(), "OUTCOME_UNKNOWN");

    let public = get(&plain(), &at("/readyz"), &[]);
    assert_eq!(
        (public.status, public.json()["code"].as_str()),
        (503, Some("STORE_IO"))
    );
    assert!(!public.text.contains("ledger-data"), "{}", public.text);
    let own = operators("/readyz");
    assert_eq!(
        (own.status, own.json()["status"].as_str()),
        (503, Some("READ_ONLY"))
    );
    assert!(own.text.contains("ledger-data"), "{}", own.text);
    assert_eq!(get(&plain(), &at("/livez"), &[]).status, 200);
    assert!(operators("/metrics").text.contains("ledger_accepting 0"));
    // What was durable can be asked for.
    assert_eq!(get(&plain(), &at(A1), &[]).status, 200);
    let told = post(&plain(), &at(&format!("{A1}/close-account")), &[], "");
    assert_eq!(
        (told.status, told.code().as_str()),
        (503, "SERVICE_UNAVAILABLE")
    );
    process.terminate();
    assert!(!process.child.wait().expect("ended").success());
    let log = fs::read_to_string(dir.path().join("log")).expect("a log");
    assert!(
        log.contains(r#""level":"ERROR""#) && log.contains("File too large"),
        "{log}"
    );
}

#[test]
fn a_service_that_stops_answers_what_it_has_taken() {
    let service = watched(Config::default());
    let address = service.metrics.expect("listened at");
    let head = format!(
        "POST {A1}/close-account HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
    );
    let mut slow = TcpStream::connect(service.address).expect("connected");
    slow.write_all(head.as_bytes()).expect("sent");
    // It is taken once it is counted.
    while !metrics(&service).contains("ledger_http_calls_under_way 1") {
        std::thread::sleep(Duration::from_millis(5));
    }
    service.stop();
    let told = get(&plain(), &format!("http://{address}/readyz"), &[]);
    assert_eq!(
        (told.status, told.json()["status"].as_str()),
        (503, Some("STOPPING"))
    );
    assert_eq!(
        get(&plain(), &format!("http://{address}/livez"), &[]).status,
        200
    );
    while TcpStream::connect(service.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    slow.write_all(b"{}").expect("sent");
    let mut told = String::new();
    slow.read_to_string(&mut told).expect("an answer");
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[test]
fn calls_are_counted_by_endpoint_status_and_code_and_never_by_path() {
    let service = watched(Config::default());
    assert_eq!(service.get(&format!("{A1}/balance"), &[]).status, 200);
    assert_eq!(service.get(&A1.replace("A1", "A2"), &[]).status, 404);
    assert_eq!(service.get("/secret/path", &[]).status, 404);
    assert_eq!(
        service.post(&format!("{A1}/close-account"), &[], "").status,
        200
    );
    let told = metrics(&service);
    for line in [
        r#"ledger_http_answers_total{endpoint="retrieveFinancialInformationByExternalReference",status="200"} 1"#,
        r#"ledger_http_answers_total{endpoint="retrieveAccountByExternalReference",status="404"} 1"#,
        r#"ledger_http_answers_total{endpoint="",status="404"} 1"#,
        r#"ledger_http_refusals_total{code="ACCOUNT_NOT_FOUND"} 1"#,
        r#"ledger_http_refusals_total{code="NOT_FOUND"} 1"#,
        "ledger_posting_seconds_count 1",
        "ledger_http_call_seconds_count 4",
        "ledger_log_position 4",
        "ledger_queue_requests 0",
        "ledger_http_calls_under_way 0",
        "ledger_retained_history_bytes ",
        "ledger_http_connections_refused_total 0",
        "ledger_log_appends_total 4",
        "ledger_log_appended_records_total 4",
        "ledger_log_append_seconds_total ",
        "ledger_tokens_issued_total 0",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(!told.contains("secret") && !told.contains("A1"), "{told}");
    // The service itself does not tell them.
    assert_eq!(service.get("/metrics", &[]).status, 404);
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let service = watched(Config::default());
    service.get(A1, &[]);
    service.get(&A1.replace("A1", "A2"), &[]);
    let told = metrics(&service);
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/grafana-dashboard.json"
    );
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("read")).expect("JSON");
    let mut names = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let question = target["expr"].as_str().expect("an expression");
            let words = question.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in words.filter(|word| word.starts_with("ledger_")) {
                names += 1;
                assert!(told.contains(&format!("\n{name}")), "{name} is not told");
            }
        }
    }
    assert!(names > 10);
}

/// Lines about calls in the log of a process.
fn calls(dir: &Path) -> Vec<Value> {
    let log = fs::read_to_string(dir.join("log")).expect("a log");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines
        .filter(|line: &Value| line["message"] == "call")
        .collect()
}

#[test]
fn the_log_has_a_line_for_each_call_and_nothing_of_what_was_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, secret) = with_tokens(dir.path());
    let auth = config.auth.expect("given");
    let file = format!(
        "[auth]\nissuer = {:?}\naudience = {:?}\n[token]\nkey = \"key.pem\"\nclients = \"clients.toml\"\n",
        auth.issuer, auth.audience
    );
    fs::write(dir.path().join("c.toml"), file).expect("written");
    let mut process = Process::start(dir.path(), None, &["--config", "c.toml"]);
    let at = |path: &str| format!("{}{path}", process.address);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("grant_type=client_credentials&client_id=core&client_secret={secret}");
    let granted = post(&plain(), &at("/oauth2/token"), &[form], &body).json();
    let token = granted["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let bearer = format!("Bearer {token}");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let path = format!("{A1}/post-fee-operation?note=hush");
    let given = [
        ("authorization", bearer.as_str()),
        ("wl-correlation-id", "my-correlation"),
        ("traceparent", parent.as_str()),
        ("wl-username", "hush-user"),
    ];
    let told = post(&plain(), &at(&path), &given, r#"{"hush":"hush"}"#);
    assert!(
        told.header("traceparent")
            .starts_with(&format!("00-{trace}-"))
    );
    assert!(told.header("traceparent").ends_with("-01"));
    let card = [
        ("authorization", bearer.as_str()),
        ("wl-correlation-id", "4111111111111111"),
    ];
    post(&plain(), &at(&path), &card, "");
    get(&plain(), &at("/hush"), &[]);
    process.terminate();
    assert!(process.child.wait().expect("ended").success());

    let log = fs::read_to_string(dir.path().join("log")).expect("a log");
    for never in [
        "hush",
        "4111111111111111",
        secret.as_str(),
        token.as_str(),
        "A1",
        "eyJ",
    ] {
        assert!(!log.contains(never), "{never}: {log}");
    }
    let calls = calls(dir.path());
    assert_eq!(calls.len(), 4);
    let line = &calls[1];
    for (name, value) in [
        ("method", "POST"),
        ("endpoint", "postFeeOperationByExternalReference"),
        ("code", "INVALID_REQUEST"),
        ("correlation", "my-correlation"),
        ("client", "core"),
        ("trace", trace),
    ] {
        assert_eq!(line[name], value, "{line}");
    }
    assert_eq!(line["status"], 400);
    assert!(line["duration_us"].is_u64());
    // A card number is not logged; the call has a correlation id that was made for it.
    assert_eq!(calls[2]["correlation"].as_str().map(str::len), Some(36));
    assert_eq!(calls[2]["trace"].as_str().map(str::len), Some(32));
    assert!(calls[3]["client"].is_null());
    assert_eq!(calls[3]["endpoint"], "");
    let output = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir.path())
        .args(["verify"])
        .output()
        .expect("the binary runs");
    assert!(
        output.status.success(),
        "closed in order: {}",
        text(&output.stderr)
    );
}
