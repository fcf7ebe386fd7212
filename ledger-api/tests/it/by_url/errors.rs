//! What is said where there is no answer, and what cannot be asked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::served::{Served, command, fee, furnished, say};

#[test]
fn what_does_not_go_together_is_refused_before_anybody_is_called() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let nobody = "http://127.0.0.1:1";
    for (args, said) in [
        (
            &["accounts", "--url", nobody, "--data", "d"][..],
            "cannot be used with",
        ),
        (
            &["accounts", "--url", nobody, "--store", "redb"],
            "cannot be used with",
        ),
        (
            &["accounts", "--data", "d", "--token", "t"],
            "name it by --url [INVALID_REQUEST]",
        ),
        (
            &["accounts", "--url", "127.0.0.1:8080"],
            "[INVALID_REQUEST]",
        ),
        (
            &["accounts", "--url", "ftp://127.0.0.1"],
            "must begin with http:// or https://",
        ),
        (
            &["accounts", "--url", "http://me:secret@127.0.0.1"],
            "must not hold a user",
        ),
        (
            &["accounts", "--url", nobody, "--token", "a b"],
            "without spaces [INVALID_REQUEST]",
        ),
        (
            &["accounts", "--url", nobody, "--ca", "none"],
            "none: No such file",
        ),
        (
            &["verify", "--url", nobody],
            "verify the backup by --data BACKUP [INVALID_REQUEST]",
        ),
        (&["post", "none", "--url", nobody], "none: No such file"),
    ] {
        let told = say(dir, args);
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.err.contains(said), "{args:?}: {told:?}");
        assert!(!told.err.contains("secret"), "{told:?}");
    }
    assert_eq!(
        std::fs::read_dir(dir).expect("read").count(),
        0,
        "nothing was made"
    );
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(dir.join("in"), furnished("wl")).expect("written");
    std::fs::write(dir.join("results"), "of before").expect("written");
    // Whoever had this port a moment ago has it no more.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let url = format!("http://{}", port.expect("a port"));
    for args in [
        &["accounts"][..],
        &["replay", "in", "--results", "results"],
        &["post", "in"],
    ] {
        let said = say(dir, &[args, &["--url", &url]].concat());
        assert_eq!(
            (said.code, said.error()),
            (Some(2), "SERVICE_UNREACHABLE"),
            "{said:?}"
        );
        assert!(
            said.err
                .starts_with(&format!("error: {url} gives no answer: ")),
            "{said:?}"
        );
        assert!(
            said.err.contains("is `ledger serve` running there?"),
            "{said:?}"
        );
    }
    let results = std::fs::read_to_string(dir.join("results")).expect("read");
    assert_eq!(
        results, "of before",
        "nothing came of it, so nothing is overwritten"
    );
}

/// A service of a few answers, each to one call: status line with headers, and body. Gives its URL.
fn answering(answers: &'static [(&str, &str)]) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answering = thread::spawn(move || {
        for (head, body) in answers {
            let (mut stream, _) = listener.accept().expect("a caller");
            let _ = stream.read(&mut [0; 4096]).expect("a question");
            let length = format!("Connection: close\r\nContent-Length: {}", body.len());
            write!(stream, "HTTP/1.1 {head}\r\n{length}\r\n\r\n{body}").expect("told");
        }
    });
    (url, answering)
}

#[test]
fn another_service_is_told_from_a_ledger() {
    let (url, answering) = answering(&[("200 OK", "<html>"), ("404 Not Found", "{}")]);
    let dir = tempfile::tempdir().expect("a directory");
    for _ in 0..2 {
        let said = say(dir.path(), &["head", "--url", &url]);
        assert_eq!(
            (said.code, said.error()),
            (Some(2), "ANSWER_UNREADABLE"),
            "{said:?}"
        );
    }
    answering.join().expect("both came");
}

#[test]
fn a_service_without_time_is_asked_again_if_it_says_when() {
    const BUSY: &str = r#"{"errors":[{"code":"BUSY","message":"the queue is full"}]}"#;
    const STATUS: &str = r#"{"responseMetadata":{},"data":{"status":"ACCEPTING","sequence":7}}"#;
    let (url, answering) = answering(&[
        ("429 Too Many Requests\r\nRetry-After: 0", BUSY),
        ("503 Service Unavailable\r\nRetry-After: 0", BUSY),
        ("200 OK", STATUS),
        ("503 Service Unavailable", BUSY),
    ]);
    let dir = tempfile::tempdir().expect("a directory");
    let ask = || say(dir.path(), &["status", "--url", &url]);
    assert_eq!(ask().out, "ACCEPTING, 7 records\n");
    let refused = ask();
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.err, "error: the queue is full [BUSY]\n");
    answering.join().expect("four came");
}

#[test]
fn a_service_refuses_in_the_words_of_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let served = Served::start(dir);
    let unknown = say(
        dir,
        &[
            "balance",
            "--external",
            "A1",
            "--url",
            &served.url,
            "--json",
        ],
    );
    assert_eq!(
        unknown.err,
        "{\"error\":{\"code\":\"ISSUER_NOT_FOUND\",\"field\":\"issuerId\",\"message\":\"the issuer does not exist\"}}\n"
    );
    assert_eq!(unknown.code, Some(2));
    std::fs::write(dir.join("in"), furnished("wl") + &fee("wl", "c", "A9", 1)).expect("written");
    let replay = ["replay", "in", "--url", &served.url];
    assert_eq!(say(dir, &replay).code, Some(0));
    let strict = say(dir, &[&replay[..], &["--strict"]].concat());
    assert_eq!(strict.code, Some(1), "a refused line counts: {strict:?}");
    served.stop();
}

#[test]
fn the_environment_names_a_service_where_nothing_else_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(dir.join("in"), furnished("wl")).expect("written");
    std::fs::write(dir.join("other"), furnished("other")).expect("written");
    let served = Served::start(dir);
    let issuers = |args: &[&str], url: &str| {
        let mut command = command(dir, &[args, &["--json"]].concat());
        let output = command.env("LEDGER_URL", url).output().expect("it runs");
        let said = super::served::Said::from(output);
        let own = said.out.matches("\"wl\"").count();
        (said.code, own, said.out.matches("\"other\"").count())
    };
    let url = &served.url;
    assert_eq!(issuers(&["replay", "in"], url).0, Some(0));
    assert_eq!(
        issuers(&["replay", "other", "--data", "here"], url).0,
        Some(0)
    );
    assert_eq!(issuers(&["accounts"], url), (Some(0), 2, 0));
    assert_eq!(
        issuers(&["accounts", "--data", "here"], url),
        (Some(0), 0, 2)
    );
    assert_eq!(
        issuers(&["accounts", "--url", url], "http://127.0.0.1:1"),
        (Some(0), 2, 0)
    );
    // Set and empty is not set; and there is no ledger-data here.
    assert_eq!(issuers(&["accounts"], "").0, Some(2));
    served.stop();
}
