//! Data directories that earlier programs wrote open, say what they said, and go on.
//!
//! Each was written by the program of its time from `examples/card-portfolio.jsonl`: its first 400 lines
//! and then closed, or its first 500 and killed. They are never written anew; a new format gets its own.

use std::path::Path;
use std::process::Command;

use ledger_api::Ledger;
use ledger_api::export::export;
use ledger_api::import::import;
use ledger_core::command::AccountSelector;
use ledger_core::text::ExternalReference;
use ledger_store::{EventLog as _, LogHead, LogOptions, StoreKind, recovery};

const EXAMPLE: &str = include_str!("../../../examples/card-portfolio.jsonl");

struct Old {
    name: &'static str,
    store: StoreKind,
    lines: usize,
    records: u64,
    chain: &'static str,
    /// Of ACC-000001, in cents.
    balance: i128,
}

const CLOSED_BALANCE: i128 = 88_034;
const KILLED_BALANCE: i128 = 54_796;

const OLD: &[Old] = &[
    Old {
        name: "v1-sled-closed",
        store: StoreKind::Sled,
        lines: 400,
        records: 397,
        chain: "4b181dc8a263f8d16184c568bc0a452649f10bb6c91992a8e2d137bba14502bc",
        balance: CLOSED_BALANCE,
    },
    Old {
        name: "v1-sled-crashed",
        store: StoreKind::Sled,
        lines: 500,
        records: 494,
        chain: "55c1e2fbf9a67b63c4ad0ddcb54ee8942a2fbc8adfb96d02b2898d66c1857b12",
        balance: KILLED_BALANCE,
    },
    Old {
        name: "v2-sled-closed",
        store: StoreKind::Sled,
        lines: 400,
        records: 397,
        chain: "08f1463590fda7a31e0974b8487f6b4bad27af8b045d4896e7ef24b704b0536b",
        balance: CLOSED_BALANCE,
    },
    Old {
        name: "v2-sled-crashed",
        store: StoreKind::Sled,
        lines: 500,
        records: 494,
        chain: "ea870e64ca1d203215819c38a08d3e0bc73cf4f005595bab6cff5ff4dba908cc",
        balance: KILLED_BALANCE,
    },
    Old {
        name: "v2-redb-closed",
        store: StoreKind::Redb,
        lines: 400,
        records: 397,
        chain: "39b0d626f9692cbeb59b87feebbbe3784be88a6f52207493d866587eb7c90342",
        balance: CLOSED_BALANCE,
    },
    Old {
        name: "v2-redb-crashed",
        store: StoreKind::Redb,
        lines: 500,
        records: 494,
        chain: "74f8f4450b65d1c7f6e1a5d1d231020ac964353b87a28312f205d8fd82480dfe",
        balance: KILLED_BALANCE,
    },
    Old {
        name: "v3-sled-closed",
        store: StoreKind::Sled,
        lines: 400,
        records: 397,
        chain: "0c0d036aaaf9394fae11150245cb016345926ae9dbe1f82a095be8dc910265c6",
        balance: CLOSED_BALANCE,
    },
    Old {
        name: "v3-sled-crashed",
        store: StoreKind::Sled,
        lines: 500,
        records: 494,
        chain: "3e514bb765e5d407cbcd874f45ad7842bce02f557d7c6b4648476b31d0a16921",
        balance: KILLED_BALANCE,
    },
];

fn unpack(name: &str, to: &Path) {
    let archive = format!(
        "{}/../ledger-store/tests/data/{name}.tar.gz",
        env!("CARGO_MANIFEST_DIR")
    );
    let unpacked = Command::new("tar")
        .args(["-xzSf", &archive, "-C"])
        .arg(to)
        .status()
        .expect("tar runs");
    assert!(unpacked.success(), "{archive}");
}

#[test]
fn directories_of_every_format_open_and_go_on() {
    for old in OLD {
        let dir = tempfile::tempdir().expect("a directory");
        unpack(old.name, dir.path());
        let data = dir.path().join(old.name);

        let recovered = recovery::recover(&data).expect(old.name);
        let head = recovered.log.head();
        assert_eq!(recovered.log.store(), old.store, "{}", old.name);
        assert_eq!(head.last_seq, old.records, "{}", old.name);
        assert_eq!(head.chain.to_string(), old.chain, "{}", old.name);
        // Those that have a checkpoint have one of version 1, which is left out; the last have none.
        assert_eq!(recovered.covered, LogHead::EMPTY, "{}", old.name);
        drop(recovered);

        let ledger = Ledger::open(&data).expect(old.name);
        assert_eq!(ledger.verify().expect(old.name).records, old.records);
        let account =
            AccountSelector::External(ExternalReference::new("ACC-000001").expect("a name"));
        let balance = ledger
            .balance(None, &account, None, None)
            .expect("an account");
        assert_eq!(balance.account_balance.value, old.balance, "{}", old.name);

        // It is exported, also with the longer blocks of its time, and made again.
        let mut lines = Vec::new();
        export(&ledger, 1, &mut lines).expect(old.name);
        let to = dir.path().join("imported");
        let imported = import(&lines[..], &to, LogOptions::default(), &mut |_| ());
        assert_eq!(imported.expect(old.name).head.chain.to_string(), old.chain);

        // What it was told it knows; what comes next it takes.
        let mut lines = EXAMPLE.lines();
        for line in lines.by_ref().take(old.lines) {
            ledger.execute(line).expect("answered");
        }
        assert_eq!(
            ledger.reader().last_seq().map(|seq| seq.0),
            Some(old.records)
        );
        for line in lines {
            ledger.execute(line).expect("answered");
        }
        assert_eq!(ledger.reader().last_seq().map(|seq| seq.0), Some(769));
        ledger.close().expect("closes");
        let ledger = Ledger::open(&data).expect(old.name);
        assert_eq!(ledger.verify().expect(old.name).records, 769);
    }
}
