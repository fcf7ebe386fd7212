//! A bank with some accounts, for tests of what many clients do at once.

use std::path::Path;

use ledger_api::ledger::LedgerOptions;
use ledger_api::{Ledger, line};
use ledger_core::command::{AccountSelector, Request};
use ledger_core::text::ExternalReference;
use ledger_core::time::Timestamp;
use ledger_store::StoreKind;

/// 2 January 2023, 15:00 in Berlin.
pub(crate) const NOW: Timestamp = Timestamp(1_672_668_000_000);

pub(crate) fn open(dir: &Path, store: StoreKind) -> Ledger {
    let options = LedgerOptions {
        store: Some(store),
        now: Box::new(|| NOW),
    };
    Ledger::open_with(dir, options).expect("the ledger opens")
}

/// The issuer, its product, and so many accounts, A0 and on.
pub(crate) fn scene(ledger: &Ledger, accounts: u64) {
    let head = r#""issuerId":"wl","correlationId""#;
    let mut lines = vec![
        format!(
            r#"{{{head}:"s1","command":"configure-issuer","body":{{"timeZone":"Europe/Berlin"}}}}"#
        ),
        format!(
            r#"{{{head}:"s2","command":"define-product","body":{{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}}}"#
        ),
    ];
    lines.extend((0..accounts).map(|account| {
        format!(
            r#"{{{head}:"open {account}","command":"open-account","body":{{"issuerAccountExternalReference":"A{account}","productReference":"CLASSIC","creditLimitAmount":{}}}}}"#,
            amount(1_000_000)
        )
    }));
    for line in lines {
        let answer = ledger.execute(&line).expect("an answer");
        answer.outcome.expect("accepted");
    }
}

fn amount(cents: i64) -> String {
    format!(r#"{{"value":{cents},"exponent":2,"isoCode":"EUR"}}"#)
}

pub(crate) fn fee(account: u64, correlation: &str, reference: &str, cents: i64) -> Request {
    let fields = format!(
        r#""feeType":"MANUAL_FEE","referenceAmount":{}"#,
        amount(cents)
    );
    on_account(
        "post-fee-operation",
        account,
        correlation,
        reference,
        &fields,
    )
}

/// Reverses the fee with the reference `original`.
pub(crate) fn reversal(
    account: u64,
    correlation: &str,
    reference: &str,
    original: &str,
) -> Request {
    let fields = format!(
        r#""reversalReason":"REVERSAL_ON_DEMAND","externalMatchingOperationDate":"{DATE}","externalMatchingOperationReference":"{original}","externalMatchingOperationServicePoster":"ISSUER""#
    );
    on_account(
        "reverse-fee-operation",
        account,
        correlation,
        reference,
        &fields,
    )
}

const DATE: &str = "2023-01-02T14:20:34.715Z";

fn on_account(
    command: &str,
    account: u64,
    correlation: &str,
    reference: &str,
    fields: &str,
) -> Request {
    let line = format!(
        r#"{{"issuerId":"wl","correlationId":"{correlation}","command":"{command}","account":{{"issuerAccountExternalReference":"A{account}"}},"body":{{{fields},"externalOperationDate":"{DATE}","externalOperationReference":"{reference}","externalOperationServicePoster":"ISSUER"}}}}"#
    );
    line::parse(&line).expect("the line is right").request
}

/// The live balance of an account.
pub(crate) fn balance(ledger: &Ledger, account: u64) -> i128 {
    let reference = ExternalReference::new(&format!("A{account}")).expect("a reference");
    let account = AccountSelector::External(reference);
    let shown = ledger.balance(None, &account, None, None);
    shown.expect("the account exists").account_balance.value
}
