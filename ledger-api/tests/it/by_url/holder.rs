//! A directory that a service has open.

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
    // Whoever only replays serves nothing.
    served.stop();
    let mut replaying = command(dir, &["replay", "-", "--data", "d", "--results", "out"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    while say(dir, &["status", "--data", "d"]).out.contains("CLOSED") {}
    let said = say(dir, &["accounts", "--data", "d"]);
    assert!(
        said.err.contains("is already open [STORE_LOCKED]"),
        "{said:?}"
    );
    drop(replaying.stdin.take());
    assert!(replaying.wait().expect("it ends").success());
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
