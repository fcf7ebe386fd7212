//! Where a value comes from, and what is refused.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use ledger_api::http::{Config, ConfigFlags};
use serde_json::Value;

use crate::command_line::{ledger, text};

/// Starts the service, reads what it says of its configuration, and stops it.
fn configuration(dir: &Path, args: &[&str], environment: &[(&str, &str)]) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir)
        .arg("serve")
        .args(args)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    log.read_line(&mut line).expect("a line");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    let shown = line["configuration"].as_str().expect("a configuration");
    serde_json::from_str(shown).expect("JSON")
}

const FILE: &str = r#"
data = "of-file"
listen = "127.0.0.1:0"
strict = true
log = "info"
[limits]
client_burst = 7
calls_max = 70
"#;

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("c.toml"), FILE).expect("written");
    let file: &[&str] = &["--config", "c.toml"];
    let with_data: &[&str] = &["--config", "c.toml", "--data", "of-flag"];
    let data: &[(&str, &str)] = &[("LEDGER_SERVE_DATA", "of-environment")];
    let limits: &[(&str, &str)] = &[
        ("LEDGER_SERVE_LIMITS__CALLS_MAX", "71"),
        ("LEDGER_SERVE_STRICT", "false"),
    ];
    for (args, environment, shown) in [
        (file, &[][..], ["of-file", "true", "7", "70"]),
        (file, data, ["of-environment", "true", "7", "70"]),
        (with_data, data, ["of-flag", "true", "7", "70"]),
        (file, limits, ["of-file", "false", "7", "71"]),
        (
            &["--listen", "127.0.0.1:0"],
            &[],
            ["ledger-data", "false", "20000", "8192"],
        ),
    ] {
        let config = configuration(dir.path(), args, environment);
        let limits = &config["limits"];
        let found = [
            &config["data"],
            &config["strict"],
            &limits["client_burst"],
            &limits["calls_max"],
        ];
        let found = found.map(|value| value.to_string().replace('"', ""));
        assert_eq!(found, shown, "{args:?} {environment:?}");
    }
}

#[test]
fn what_may_be_a_secret_is_not_shown() {
    let config = |text: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("c.toml"), text).expect("written");
        Config::load(Some(&dir.path().join("c.toml")), &ConfigFlags::default())
    };
    let shown = config(
        r#"
        auth = { issuer = "i", audience = "a" }
        token = { key = "-----BEGIN PRIVATE KEY-----", clients = "hidden-clients" }
        tls = { certificate = "shown.pem", key = "hidden-key" }
        "#,
    );
    let shown = shown.expect("a configuration").masked();
    assert!(shown.contains("shown.pem"), "{shown}");
    assert!(
        !shown.contains("PRIVATE") && !shown.contains("hidden"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("c.toml");
    for (file, problem) in [
        ("lisen = 3", "lisen"),
        ("[limits]\nburst = 3", "burst"),
        ("[limits]\ncalls_max = 0", "limits.calls_max"),
        (
            "[limits]\nheader_bytes_max = 100",
            "limits.header_bytes_max: must be at least 8192",
        ),
        ("listen = \"here\"", "listen"),
        ("store = \"files\"", "files"),
        ("[auth]\nissuer = \"i\"", "audience"),
        (
            "[auth]\nissuer = \"i\"\naudience = \"a\"",
            "auth.keys: is required without `token`",
        ),
        (
            "[token]\nkey = \"k\"\nclients = \"c\"",
            "token: needs `auth`",
        ),
        ("[tls]\ncertificate = \"c\"", "key"),
        ("listen = \"0.0.0.0:80\"", "listen: without `auth`"),
        (
            "listen = \"0.0.0.0:80\"\ninsecure_no_auth = true",
            "listen: without `tls`",
        ),
        (
            "listen = \"[::]:80\"\n[auth]\nkeys = \"k\"\nissuer = \"i\"\naudience = \"a\"",
            "listen: without `tls`",
        ),
        ("this is not TOML", "c.toml"),
    ] {
        fs::write(&path, file).expect("written");
        let error = Config::load(Some(&path), &ConfigFlags::default());
        let error = error.expect_err(file).to_string();
        assert!(error.contains(problem), "{file}: {error}");
    }
    let missing = Config::load(Some(Path::new("nowhere.toml")), &ConfigFlags::default());
    assert!(
        missing
            .expect_err("missing")
            .to_string()
            .contains("nowhere.toml")
    );

    let output = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .args(["serve", "--json", "--data"])
        .arg(dir.path().join("none"))
        .env("LEDGER_SERVE_LISEN", "x")
        .output()
        .expect("the binary runs");
    let error = text(&output.stderr);
    assert!(
        error.contains("LISEN") && error.contains("INVALID_CONFIGURATION"),
        "{error}"
    );
    assert!(
        !dir.path().join("none").exists(),
        "nothing is opened before"
    );
}

#[test]
fn what_is_insecure_must_be_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("c.toml");
    for file in [
        "listen = \"127.0.0.9:80\"",
        "listen = \"[::1]:80\"",
        "listen = \"0.0.0.0:80\"\ninsecure_no_auth = true\ninsecure_plain_http = true",
        "listen = \"0.0.0.0:80\"\ninsecure_no_auth = true\n[tls]\ncertificate = \"c\"\nkey = \"k\"",
        "listen = \"0.0.0.0:80\"\ninsecure_plain_http = true\n[auth]\nkeys = \"k\"\nissuer = \"i\"\naudience = \"a\"",
    ] {
        fs::write(&path, file).expect("written");
        Config::load(Some(&path), &ConfigFlags::default()).expect(file);
    }
}

/// A ledger that was made on the way would stand in the way of the one that was meant.
#[test]
fn a_service_that_cannot_run_leaves_no_ledger_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let problem = format!("cannot listen at {taken}");
    for (args, problem) in [
        (["--listen", &taken].as_slice(), problem.as_str()),
        (
            &["--listen", "127.0.0.1:0", "--metrics-listen", &taken],
            &problem,
        ),
        (
            &["--listen", "127.0.0.1:0", "--config", "c.toml"],
            "none.pem",
        ),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let file = "[tls]\ncertificate = \"none.pem\"\nkey = \"none.pem\"\n";
        fs::write(dir.path().join("c.toml"), file).expect("written");
        let refused = ledger(dir.path(), &[&["serve", "--data", "data"], args].concat());
        let told = text(&refused.stderr);
        assert!(
            !refused.status.success() && told.contains(problem),
            "{told}"
        );
        assert!(!dir.path().join("data").exists(), "{args:?}");
    }
}
