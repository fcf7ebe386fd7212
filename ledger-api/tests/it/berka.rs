//! Real bank accounts, 1993 to 1998, against the balances the bank printed.
//!
//! The file (Berka and Sochorova, PKDD'99) is not ours to keep here: `LEDGER_BERKA_CSV` says where it
//! is. Without it these tests say that they skipped.

use std::fmt::Write as _;
use std::path::PathBuf;

use ledger_api::Ledger;
use ledger_api::replay::{LineResult, Source, Summary, replay};

/// Columns of the file that are used.
struct Row {
    account: String,
    date: String,
    is_credit: bool,
    kind: String,
    amount: i64,
    printed: i64,
    diff: i64,
    running: i64,
    reference: String,
}

fn rows() -> Option<Vec<Row>> {
    let Some(path) = std::env::var_os("LEDGER_BERKA_CSV").map(PathBuf::from) else {
        eprintln!("skipped: LEDGER_BERKA_CSV names no file");
        return None;
    };
    let mut file = csv::Reader::from_path(&path).expect("the file opens");
    let headings = file.headers().expect("the file has headings").clone();
    let place = |name: &str| {
        headings
            .iter()
            .position(|h| h == name)
            .expect("a known heading")
    };
    let [
        account,
        date,
        direction,
        kind,
        amount,
        printed,
        diff,
        running,
        reference,
    ] = [
        "account_id",
        "date",
        "direction",
        "kind",
        "amount_minor",
        "balance_after_minor",
        "diff_minor",
        "running_sum_minor",
        "trans_id",
    ]
    .map(place);
    let rows = file.records().map(|record| {
        let record = record.expect("a row");
        let number = |place: usize| record[place].parse().expect("a number");
        Row {
            account: record[account].to_owned(),
            date: record[date].to_owned(),
            is_credit: &record[direction] == "credit",
            kind: record[kind].to_owned(),
            amount: number(amount),
            printed: number(printed),
            diff: number(diff),
            running: number(running),
            reference: record[reference].to_owned(),
        }
    });
    Some(rows.collect())
}

fn amount(minor: i64) -> String {
    format!(r#"{{"value":{minor},"exponent":2,"isoCode":"CZK"}}"#)
}

/// The commands of the history. The file counts credit positive, the ledger debit.
fn lines(rows: &[Row], with_corrections: bool) -> String {
    let mut text = String::new();
    let mut line = |correlation: &str, rest: &str| {
        writeln!(
            text,
            r#"{{"issuerId":"czb","correlationId":"{correlation}",{rest}}}"#
        )
        .expect("text grows");
    };
    line(
        "issuer",
        r#""command":"configure-issuer","body":{"timeZone":"Europe/Prague"}"#,
    );
    line(
        "product",
        r#""command":"define-product","body":{"productReference":"CURRENT","currency":"CZK","workingMode":"PAY_BEFORE","feeTypes":["STATEMENT_FEE"]}"#,
    );
    let mut opened = std::collections::HashSet::new();
    for row in rows {
        let account = &row.account;
        if opened.insert(account.clone()) {
            let body = format!(
                r#"{{"issuerAccountExternalReference":"{account}","productReference":"CURRENT"}}"#
            );
            line(
                &format!("open-{account}"),
                &format!(r#""command":"open-account","body":{body}"#),
            );
        }
        let signed = if row.is_credit {
            -row.amount
        } else {
            row.amount
        };
        let (command, fields) = match (row.kind.as_str(), row.is_credit) {
            ("fee", _) => ("fee", r#""feeType":"STATEMENT_FEE","#),
            ("interest", _) => ("interest", r#""interestType":"CREDIT","#),
            ("penalty_interest", _) => ("interest", r#""interestType":"DEBIT","#),
            ("payment", true) => ("payment", ""),
            ("payment", false) => ("transaction", r#""operationCode":"FUND_TRANSFER","#),
            ("cash", true) => ("load", r#""paymentChannel":"CASH","#),
            ("cash", false) => ("transaction", r#""operationCode":"CASH_WITHDRAWAL","#),
            (kind, _) => panic!("{kind} is not a kind of the file"),
        };
        let midnight = format!("{}T00:00:00Z", row.date);
        let mut post = |command: &str,
                        fields: &str,
                        reference: &str,
                        value: i64,
                        after: Option<i64>| {
            let triplet = format!(
                r#""externalOperationDate":"{midnight}","externalOperationReference":"{reference}","externalOperationServicePoster":"BANK""#
            );
            let expect = after.map_or(String::new(), |after| {
                format!(r#","expect":{{"accountBalance":{}}}"#, amount(-after))
            });
            line(
                reference,
                &format!(
                    r#""command":"post-{command}-operation","account":{{"issuerAccountExternalReference":"{account}"}},"postingDate":"{midnight}","body":{{{fields}"referenceAmount":{},"valueDate":"{midnight}",{triplet}}}{expect}"#,
                    amount(value)
                ),
            );
        };
        if with_corrections && row.diff != 0 {
            post(command, fields, &row.reference, signed, None);
            let reason = r#""balanceAdjustmentReason":"BANK_ROUNDING","#;
            let reference = format!("{}-DIFF", row.reference);
            post(
                "balance-adjustment",
                reason,
                &reference,
                -row.diff,
                Some(row.printed),
            );
        } else {
            let after = if with_corrections {
                row.printed
            } else {
                row.running
            };
            post(command, fields, &row.reference, signed, Some(after));
        }
    }
    text
}

fn replay_text(ledger: &Ledger, text: &str) -> Summary {
    let tell = |told: &[LineResult], _| {
        for result in told {
            assert_eq!(result.rejection, None, "line {}", result.line);
            assert_eq!(result.failed, [], "line {}", result.line);
        }
        Ok(())
    };
    replay(ledger, text.as_bytes(), Source::File, tell).expect("the replay runs to its end")
}

fn check(with_corrections: bool) {
    let Some(rows) = rows() else { return };
    let text = lines(&rows, with_corrections);
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(dir.path()).expect("a new ledger opens");
    let first = replay_text(&ledger, &text);
    let operations = u64::try_from(rows.len()).expect("few");
    assert_eq!(
        (first.applied, first.expectations_checked),
        (first.lines, operations)
    );
    ledger.close().expect("the ledger closes");

    // After reopening, everything is known and nothing is applied again.
    let ledger = Ledger::open(dir.path()).expect("the ledger opens again");
    let second = replay_text(&ledger, &text);
    assert_eq!((second.applied, second.skipped_duplicate), (0, first.lines));
    let last = |row: &Row| {
        if with_corrections {
            row.printed
        } else {
            row.running
        }
    };
    let mut finals = std::collections::BTreeMap::new();
    for row in &rows {
        finals.insert(row.account.clone(), -i128::from(last(row)));
    }
    for account in ledger.accounts() {
        let external = account
            .issuer_account_external_reference
            .expect("it was given one");
        assert_eq!(
            account.account_balance.value, finals[&external],
            "account {external}"
        );
    }
    ledger.verify().expect("the ledger verifies");
    ledger.close().expect("the ledger closes");
}

#[test]
fn every_running_sum_of_a_real_bank_is_reproduced() {
    check(false);
}

#[test]
fn every_printed_balance_is_reproduced_with_the_banks_corrections() {
    check(true);
}
