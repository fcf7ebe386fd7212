//! A directory that a service has open.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use super::served::{Served, command, furnished, say};

#[test]
fn a_directory_that_is_served_says_where() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(dir.join("in"), furnished("wl")).expect("written");
    assert_eq!(say(dir, &["replay", "in", "--data", "d"]).code, Some(0));
    let served = Served::start(dir);
    for command in [
        &["accounts"][..],
        &["journal"],
        &["balance", "--external", "A1"],
        &["replay", "in"],
        &["post", "in"],
    ] {
        let said = say(dir, &[command, &["--data", "d"]].concat());
        assert_eq!(said.code, Some(2));
        let url = &served.url;
        let expected = format!("error: d is served at {url}; use --url {url} [STORE_LOCKED]\n");
        assert_eq!(said.err, expected);
    }
    for command in [
        &["verify"][..],
        &["export"],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let said = say(dir, &[command, &["--data", "d"]].concat());
        assert_eq!(
            (said.code, said.error()),
            (Some(2), "STORE_LOCKED"),
            "{said:?}"
        );
        assert!(
            said.err.contains(&served.url) && said.err.contains("ledger backup"),
            "{said:?}"
        );
    }
    // These are asked of the process that has it open, as ever.
    for query in [&["status", "--data", "d"], &["head", "--data", "d"]] {
        assert_eq!(say(dir, query).code, Some(0));
    }
    served.stop();
}

#[test]
fn a_directory_that_is_open_and_not_served_is_just_locked() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let mut posting = command(dir, &["post", "-", "--data", "d"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = posting.stdin.take().expect("a pipe");
    input
        .write_all(furnished("wl").as_bytes())
        .expect("it reads");
    let mut answer = String::new();
    let mut answers = BufReader::new(posting.stdout.take().expect("a pipe"));
    answers.read_line(&mut answer).expect("an answer");
    assert_eq!(answer, "1: APPLIED\n", "and it waits for more");
    let said = say(dir, &["accounts", "--data", "d"]);
    assert_eq!(
        said.err,
        "error: the data directory d is already open [STORE_LOCKED]\n"
    );
    drop(input);
    assert!(posting.wait().expect("it ends").success());
}

#[test]
fn an_address_for_all_is_named_by_one_of_this_machine() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let open = ["--insecure-no-auth", "--insecure-plain-http", "--data", "d"];
    let served = Served::with(dir, &[&["--listen", "0.0.0.0:0"][..], &open].concat());
    let port = served.url.rsplit_once(':').expect("a port").1;
    let said = say(dir, &["accounts", "--data", "d"]);
    let url = format!("http://127.0.0.1:{port}");
    assert!(said.err.contains(&format!("use --url {url} ")), "{said:?}");
    assert_eq!(say(dir, &["accounts", "--url", &url]).code, Some(0));
    served.stop();
}
