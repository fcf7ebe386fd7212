//! Heads kept elsewhere and proofs against them, as a user and a stranger to the ledger see them.

use std::fs;
use std::path::Path;

use ledger_api::head_file::HeadFile;
use ledger_api::kept_file::KeptFileError;
use ledger_api::proof_file::{ProofFile, Standing, Unproven};
use ledger_store::kept_head::KeptHead;
use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::{json_lines, ledger, text};

const SCENE: &str = r#"{"issuerId":"wl","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin","businessDate":"2023-01-02"}}
{"issuerId":"wl","correlationId":"s2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}
{"issuerId":"wl","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":1000000,"exponent":2,"isoCode":"EUR"}}}
"#;

fn fee(number: u32, cents: i64, fee_type: &str) -> String {
    format!(
        "{{\"issuerId\":\"wl\",\"correlationId\":\"c{number}\",\"command\":\"post-fee-operation\",\"account\":{{\"issuerAccountExternalReference\":\"A1\"}},\"postingDate\":\"2023-01-02T14:20:34Z\",\"body\":{{\"feeType\":\"{fee_type}\",\"referenceAmount\":{{\"value\":{cents},\"exponent\":2,\"isoCode\":\"EUR\"}},\"externalOperationDate\":\"2023-01-02T14:20:34.715Z\",\"externalOperationReference\":\"F{number}\",\"externalOperationServicePoster\":\"ISSUER\"}}}}\n"
    )
}

fn reversal(number: u32, of: u32) -> String {
    format!(
        "{{\"issuerId\":\"wl\",\"correlationId\":\"c{number}\",\"command\":\"reverse-fee-operation\",\"account\":{{\"issuerAccountExternalReference\":\"A1\"}},\"postingDate\":\"2023-01-02T15:00:00Z\",\"body\":{{\"reversalReason\":\"REVERSAL_ON_DEMAND\",\"externalOperationDate\":\"2023-01-02T15:00:00Z\",\"externalOperationReference\":\"R{number}\",\"externalOperationServicePoster\":\"ISSUER\",\"externalMatchingOperationDate\":\"2023-01-02T14:20:34.715Z\",\"externalMatchingOperationReference\":\"F{of}\",\"externalMatchingOperationServicePoster\":\"ISSUER\"}}}}\n"
    )
}

/// Runs the binary, which must end like this, and gives what it printed.
fn run(dir: &Path, args: &str, status: i32) -> String {
    let args: Vec<_> = args.split(' ').collect();
    let output = ledger(dir, &args);
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(status),
        "{args:?} {printed} {said}"
    );
    printed + &said
}

fn json(dir: &Path, args: &str) -> Value {
    json_lines(run(dir, &format!("{args} --json"), 0).as_bytes()).remove(0)
}

fn replay(dir: &Path, data: &str, lines: &str) {
    fs::write(dir.join("in"), lines).expect("written");
    run(dir, &format!("replay in --data {data}"), 0);
}

fn keep_head(dir: &Path, data: &str, file: &str) -> KeptHead {
    let printed = run(dir, &format!("head --data {data} --json"), 0);
    fs::write(dir.join(file), &printed).expect("written");
    HeadFile::read(&printed).expect("a head")
}

/// Records 1 to 3 are the scene, 4 and 5 fees, 6 a reversal, 7 a refusal.
fn history() -> String {
    let mut lines = SCENE.to_owned();
    lines += &fee(1, 1_500, "MANUAL_FEE");
    lines += &fee(2, 700, "MANUAL_FEE");
    lines += &reversal(3, 1);
    lines += &fee(4, 900, "CARD_FEE");
    lines
}

/// A ledger `d` of seven records with its head in `head`, and then one record more.
fn scene() -> (TempDir, KeptHead) {
    let dir = tempfile::tempdir().expect("a directory");
    replay(dir.path(), "d", &history());
    let head = keep_head(dir.path(), "d", "head");
    replay(dir.path(), "d", &fee(5, 100, "MANUAL_FEE"));
    (dir, head)
}

#[test]
fn a_head_is_the_same_however_the_ledger_came_about_and_in_every_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    replay(dir, "d", &history());
    let head = json(dir, "head --data d");
    assert_eq!(
        (&head["sequence"], &head["store"]),
        (&7.into(), &"sled".into())
    );
    assert!(
        head["recordedAt"]
            .as_str()
            .expect("a time")
            .ends_with("+00:00")
    );
    run(dir, "copy --from d --to e --store redb", 0);
    let copy = json(dir, "head --data e");
    for name in [
        "sequence",
        "chainHash",
        "stateHash",
        "treeRoot",
        "recordedAt",
    ] {
        assert_eq!(copy[name], head[name], "{name}");
    }
    assert_eq!(copy["store"], "redb");
    fs::remove_file(dir.join("d/CHECKPOINT")).expect("a checkpoint");
    assert_eq!(json(dir, "head --data d"), head);
    let shown = run(dir, "head --data d", 0);
    for name in ["chainHash", "stateHash", "treeRoot"] {
        assert!(
            shown.contains(head[name].as_str().expect("a hash")),
            "{shown}"
        );
    }
}

#[test]
fn a_log_is_verified_against_the_head_that_was_kept_and_from_there() {
    let (dir, _) = scene();
    let dir = dir.path();
    let whole = run(dir, "verify --data d --head head", 0);
    assert!(whole.contains("verified 8 records"), "{whole}");
    assert!(whole.contains("the one of the head of record 7"), "{whole}");
    assert_eq!(json(dir, "verify --data d --head head")["head"], 7);
    let after = json(dir, "verify --data d --after-head head");
    assert_eq!(
        (&after["records"], &after["afterHead"]),
        (&1.into(), &7.into())
    );
    assert_eq!(after["chain"], json(dir, "verify --data d")["chain"]);
    let after = run(dir, "verify --data d --after-head head", 0);
    assert!(after.contains("not checked: records 1 to 7"), "{after}");
    assert!(
        after.contains("not checked: the tree root and the state hash"),
        "{after}"
    );
}

#[test]
fn a_history_written_anew_is_refused_against_the_head_that_was_kept() {
    let (dir, _) = scene();
    let dir = dir.path();
    replay(
        dir,
        "other",
        &(history() + &fee(5, 100, "MANUAL_FEE")).replace("700", "699"),
    );
    run(dir, "verify --data other", 0);
    for option in ["--head", "--after-head"] {
        let said = run(dir, &format!("verify --data other {option} head"), 2);
        assert!(said.contains("[LOG_NOT_OF_HEAD]"), "{said}");
    }
    // Nor does it get a proof.
    let said = run(dir, "prove --record 4 --data other --head head", 2);
    assert!(
        said.contains("another tree root at record 7 [LOG_NOT_OF_HEAD]"),
        "{said}"
    );
    let said = run(dir, "prove --since head --data other", 2);
    assert!(said.contains("[LOG_NOT_OF_HEAD]"), "{said}");
    // A log that lost its end.
    replay(dir, "shorter", SCENE);
    for args in [
        "verify --data shorter --head head",
        "verify --data shorter --after-head head",
        "prove --record 1 --data shorter --head head",
    ] {
        let said = run(dir, args, 2);
        assert!(said.contains("[LOG_ENDS_BEFORE_HEAD]"), "{said}");
    }
}

#[test]
fn operations_reversals_and_refusals_are_proven_without_the_ledger() {
    let (dir, _) = scene();
    let dir = dir.path();
    let elsewhere = tempfile::tempdir().expect("a directory");
    fs::copy(dir.join("head"), elsewhere.path().join("head")).expect("copied");
    let mut shown = String::new();
    for what in [
        "1000000000000004",
        "1000000000000006",
        "--correlation c4",
        "--record 3",
        "1000000000000008",
    ] {
        let proof = elsewhere.path().join("proof");
        let out = proof.to_str().expect("a path");
        run(
            dir,
            &format!("prove {what} --data d --head head --out {out}"),
            0,
        );
        let checked = json(elsewhere.path(), "check-proof proof --head head");
        let record = &checked["record"];
        let word = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        let words = ["event", "operationId", "parentOperationId", "rejectionCode"].map(word);
        shown += &format!(
            "{what}: {} of {} {} {} {}\n",
            checked["sequence"],
            checked["treeSize"],
            checked["standing"],
            words.join(" "),
            record["amount"],
        );
        // Without the head, only the file vouches for the root.
        let alone = json(elsewhere.path(), "check-proof proof");
        assert_eq!(alone["standing"], "FILE_ALONE");
    }
    expect_test::expect![[r#"
        1000000000000004: 4 of 7 "KEPT_HEAD" OPERATION_POSTED 1000000000000004 - - {"exponent":2,"isoCode":"EUR","value":1500}
        1000000000000006: 6 of 7 "KEPT_HEAD" OPERATION_REVERSED 1000000000000006 1000000000000004 - {"value":-1500}
        --correlation c4: 7 of 7 "KEPT_HEAD" OPERATION_REJECTED - - FEE_TYPE_NOT_ALLOWED {"exponent":2,"isoCode":"EUR","value":900}
        --record 3: 3 of 7 "KEPT_HEAD" ACCOUNT_OPENED - - - {"exponent":2,"isoCode":"EUR","value":1000000}
        1000000000000008: 8 of 8 "CONTINUES_KEPT_HEAD" OPERATION_POSTED 1000000000000008 - - {"exponent":2,"isoCode":"EUR","value":100}
    "#]].assert_eq(&shown);
    let alone = run(elsewhere.path(), "check-proof proof", 0);
    assert!(
        alone.contains("nothing but this file vouches for the root"),
        "{alone}"
    );
}

#[test]
fn a_log_is_proven_to_continue_the_head_that_was_kept() {
    let (dir, _) = scene();
    let dir = dir.path();
    run(dir, "prove --since head --data d --out proof", 0);
    let checked = json(dir, "check-proof proof --head head");
    assert_eq!(checked["standing"], "CONTINUES_KEPT_HEAD");
    assert_eq!(
        (&checked["continues"], &checked["record"]),
        (&7.into(), &Value::Null)
    );
    // The later head is in the proof only as what continues the earlier one.
    keep_head(dir, "d", "later");
    run(dir, "check-proof proof --head later", 1);
}

#[test]
fn a_proof_is_written_over_neither_the_head_nor_the_ledger() {
    let (dir, _) = scene();
    let dir = dir.path();
    let head = fs::read(dir.join("head")).expect("read");
    for what in [
        "--since head --out head",
        "--record 4 --head head --out ./head",
        "--record 4 --out d/MANIFEST",
        "--record 4 --out d/log/new",
    ] {
        let said = run(dir, &format!("prove {what} --data d"), 2);
        assert!(said.contains("--out must be neither"), "{said}");
    }
    std::os::unix::fs::symlink("d/MANIFEST", dir.join("elsewhere")).expect("linked");
    run(dir, "prove --record 4 --out elsewhere --data d", 2);
    assert_eq!(fs::read(dir.join("head")).expect("read"), head);
    run(dir, "verify --data d", 0);
    // Over another proof it may be.
    for _ in 0..2 {
        run(dir, "prove --record 4 --data d --out proof", 0);
    }
}

#[test]
fn the_exit_status_says_whether_it_is_proven_refuted_or_not_to_be_read() {
    let (dir, _) = scene();
    let dir = dir.path();
    run(
        dir,
        "prove 1000000000000004 --data d --head head --out proof",
        0,
    );
    let proof = fs::read_to_string(dir.join("proof")).expect("a proof");
    let head = fs::read_to_string(dir.join("head")).expect("a head");
    keep_head(dir, "d", "later");
    let file = |name: &str, text: &str| fs::write(dir.join(name), text).expect("written");
    file("edited", &proof.replace("1500", "1400"));
    file(
        "newer",
        &proof.replace("\"ledgerProof\": 1", "\"ledgerProof\": 2"),
    );
    file(
        "twice",
        &proof.replace("\"ledgerProof\": 1", "\"ledgerProof\": 1, \"tree\": 1"),
    );
    file(
        "more",
        &proof.replace("\"ledgerProof\": 1", "\"ledgerProof\": 1, \"extra\": 1"),
    );
    file("no-json", "proof");
    file("long", &" ".repeat(2 << 20));
    file("deep", &"[".repeat(100_000));
    file("empty", "");
    file(
        "head-edited",
        &head.replace("\"sequence\":7", "\"sequence\":6"),
    );
    let table = [
        (
            "check-proof proof --head head",
            0,
            "the one of the kept head",
        ),
        ("check-proof proof --head later", 1, "[PROOF_OF_OTHER_HEAD]"),
        ("check-proof edited", 1, "[FILE_CHANGED]"),
        (
            "check-proof newer",
            2,
            "version 2, which this program cannot read",
        ),
        ("check-proof twice", 2, "[FILE_UNREADABLE]"),
        ("check-proof more", 2, "[FILE_UNREADABLE]"),
        ("check-proof no-json", 2, "[FILE_UNREADABLE]"),
        ("check-proof long", 2, "it is too long [FILE_UNREADABLE]"),
        ("check-proof deep", 2, "[FILE_UNREADABLE]"),
        ("check-proof empty", 2, "[FILE_UNREADABLE]"),
        ("check-proof missing", 2, "[IO]"),
        (
            "check-proof head",
            2,
            "it has no ledgerProof [FILE_UNREADABLE]",
        ),
        ("check-proof proof --head proof", 2, "it has no ledgerHead"),
        ("check-proof proof --head head-edited", 2, "[FILE_CHANGED]"),
        ("verify --data d --head head-edited", 2, "[FILE_CHANGED]"),
        (
            "prove 1000000000000007 --data d",
            2,
            "no operation 1000000000000007 [RECORD_NOT_FOUND]",
        ),
        ("prove 1000000000000099 --data d", 2, "[RECORD_NOT_FOUND]"),
        ("prove 7 --data d", 2, "16 digits"),
        ("prove --record 0 --data d", 2, "[RECORD_NOT_FOUND]"),
        ("prove --record 9 --data d", 2, "[RECORD_NOT_FOUND]"),
        ("prove --correlation c9 --data d", 2, "[RECORD_NOT_FOUND]"),
        (
            "prove --correlation c1 --issuer no --data d",
            2,
            "[ISSUER_NOT_FOUND]",
        ),
        ("prove --data d", 2, "required"),
        ("head --data nowhere", 2, "[LEDGER_NOT_FOUND]"),
    ];
    for (args, status, said) in table {
        let printed = run(dir, args, status);
        assert!(printed.contains(said), "{args}: {printed}");
    }
}

/// Whoever edits the words can also put the right checksum; then the payload tells.
#[test]
fn words_that_the_payload_does_not_say_are_refused() {
    let (dir, head) = scene();
    let printed = run(dir.path(), "prove 1000000000000004 --data d --head head", 0);
    let file = ProofFile::read(&printed).expect("a proof");
    assert_eq!(
        file.check(Some(&head)).expect("proven").standing,
        Standing::KeptHead
    );
    let mut edited = file.clone();
    let view = &mut edited.record.as_mut().expect("a record").view;
    view.amount.as_mut().expect("an amount").value = 1_400;
    assert_eq!(
        ProofFile::read(&serde_json::to_string(&edited).expect("JSON")),
        Err(KeptFileError::Changed { kind: "proof" })
    );
    let edited = serde_json::to_string(&edited.sealed()).expect("JSON");
    let edited = ProofFile::read(&edited).expect("its checksum is right");
    assert_eq!(edited.check(Some(&head)), Err(Unproven::ViewEdited(4)));
    assert_eq!(edited.check(None), Err(Unproven::ViewEdited(4)));
    // The same with another payload, another place, another time.
    let changes: [fn(&mut ledger_api::proof_file::RecordPart); 3] = [
        |record| record.payload[20] ^= 1,
        |record| record.sequence = 5,
        |record| record.recorded_at_ms += 1,
    ];
    for change in changes {
        let mut edited = file.clone();
        change(edited.record.as_mut().expect("a record"));
        let refused = edited.sealed().check(None);
        assert!(matches!(refused, Err(Unproven::Refuted(_))), "{refused:?}");
    }
}

#[test]
fn no_bit_of_a_kept_file_can_be_another() {
    let (dir, head) = scene();
    let dir = dir.path();
    let kept = fs::read(dir.join("head")).expect("a head");
    each_flip(&kept, |text| {
        if let Ok(read) = HeadFile::read(text) {
            assert_eq!(read, head, "{text}");
        }
    });
    // A record newer than the head, so that the proof has every part there is.
    let proof = run(dir, "prove 1000000000000008 --data d --head head", 0);
    let whole = ProofFile::read(&proof).expect("a proof");
    each_flip(proof.as_bytes(), |text| {
        if let Ok(read) = ProofFile::read(text) {
            assert_eq!(read, whole, "{text}");
        }
    });
}

fn each_flip(bytes: &[u8], check: impl Fn(&str)) {
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = str::from_utf8(&flipped) {
            check(text);
        }
    }
}
