//! Every query, of a service and then of the directory that it served.

use super::served::{Said, Served, say, scene};

const A1: [&str; 4] = ["--issuer", "wl", "--external", "A1"];

/// Each in words of the command line.
fn queries() -> Vec<Vec<&'static str>> {
    let of_a1 = |words: &[&'static str]| [&words[..1], &A1, &words[1..]].concat();
    let demo = |words: &[&'static str]| {
        [
            &words[..1],
            &["--issuer", "demo", "--external", "ACC-000001"],
            &words[1..],
        ]
        .concat()
    };
    let mut all = vec![
        vec!["accounts"],
        vec!["trial-balance"],
        vec!["journal"],
        vec!["journal", "--issuer", "two/2"],
        vec!["journal", "--account", "10000000000000000001"],
        vec!["journal", "--issuer", "nobody"],
        vec!["head"],
        vec!["balance", "--account", "10000000000000000003"],
        vec!["balance", "--account", "10000000000000000099"],
        vec!["balance", "--issuer", "two/2", "--external", "A 2/ü"],
        // Which of the issuers is meant?
        vec!["balance", "--external", "A1"],
        vec!["balance", "--issuer", "nobody", "--external", "A1"],
        vec!["balance", "--issuer", "wl", "--external", "A9"],
        vec!["operations", "--account", "10000000000000000099"],
        vec![
            "business-cases",
            "--issuer",
            "wl",
            "--case",
            "SHOP",
            "--case",
            "HOTEL",
            "--case",
            "none",
        ],
        vec!["business-cases", "--case", "SHOP"],
    ];
    all.extend([
        of_a1(&["balance"]),
        of_a1(&["operations", "--refused"]),
        of_a1(&["authorizations"]),
        of_a1(&["authorizations", "--latest", "--page-size", "2"]),
        of_a1(&[
            "authorizations",
            "--latest",
            "--page-size",
            "2",
            "--page",
            "1",
        ]),
        of_a1(&[
            "authorizations",
            "--start",
            "2023-01-02T12:02:00Z",
            "--end",
            "2023-01-02T12:03:00Z",
        ]),
        of_a1(&["authorizations", "--transaction", "T2"]),
        of_a1(&["authorizations", "--transaction", "T/9"]),
        of_a1(&["business-cases"]),
        of_a1(&["business-cases", "--page-size", "1"]),
        of_a1(&[
            "business-cases",
            "--case",
            "HOTEL",
            "--start",
            "2023-01-02T12:02:00+00:00",
        ]),
        of_a1(&["journal"]),
        demo(&[
            "balance",
            "--value-date",
            "2025-03-01",
            "--known-at",
            "2025-06-30T12:00:00+02:00",
        ]),
        demo(&["balance", "--value-date", "2025-03-01"]),
        demo(&["operations"]),
        demo(&[
            "operations",
            "--latest",
            "--page-size",
            "7",
            "--page",
            "2",
            "--refused",
        ]),
        demo(&["operations", "--page-size", "5000"]),
        demo(&[
            "operations",
            "--start",
            "2025-02-01T00:00:00Z",
            "--end",
            "2025-04-01T00:00:00Z",
        ]),
    ]);
    all
}

#[test]
fn every_query_says_the_same_of_a_service_and_of_its_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(dir.join("scene"), scene()).expect("written");
    let portfolio = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/card-portfolio.jsonl"
    );
    let made = say(dir, &["replay", "scene", portfolio, "--data", "d"]);
    assert_eq!(
        made.code,
        Some(1),
        "some lines cannot be read: {}",
        made.err
    );

    let served = Served::start(dir);
    let ask = |query: &[&str], place: &[&str]| -> [Said; 2] {
        let shown = say(dir, &[query, place].concat());
        [shown, say(dir, &[query, place, &["--json"]].concat())]
    };
    let of_service: Vec<_> = queries()
        .iter()
        .map(|query| ask(query, &["--url", &served.url]))
        .collect();
    let status = ask(&["status"], &["--url", &served.url]);
    served.stop();
    let (mut answered, mut refused) = (0, 0);
    for (query, of_service) in queries().iter().zip(of_service) {
        assert_eq!(of_service, ask(query, &["--data", "d"]), "{query:?}");
        match of_service[0].code {
            Some(0) => answered += usize::from(!of_service[1].out.is_empty()),
            _ => refused += 1,
        }
    }
    assert_eq!(
        (answered, refused),
        (25, 9),
        "all of them ask for something"
    );

    let of_directory = ask(&["status"], &["--data", "d"]);
    for (of_service, of_directory) in status.iter().zip(of_directory) {
        assert_eq!(
            of_service.out.replace("ACCEPTING", "CLOSED"),
            of_directory.out
        );
        assert_eq!(of_service.code, Some(0));
    }
}
