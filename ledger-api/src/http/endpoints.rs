//! Everything that can be called.

use axum::http::Method;

use super::endpoint::{Endpoint, Scope, Work};
use super::{bulk, reads};

/// Where the source's calls live.
pub(crate) const BASE: &str = "/api/v2";

/// The two ways to name an account, and what is added to the name of the operation.
const ACCOUNTS: [(&str, &str); 2] = [
    ("/issuers/{issuerId}/accounts/{accountReference}", ""),
    (
        "/issuers/{issuerId}/accounts/external-accounts/{issuerAccountExternalReference}",
        "ByExternalReference",
    ),
];

/// Commands on an account: the name in path and replay format, and what it does.
const ACCOUNT_COMMANDS: &[(&str, Scope, &str)] = &[
    ("post-fee-operation", Scope::OperationsWrite, "Post a fee"),
    (
        "reverse-fee-operation",
        Scope::OperationsWrite,
        "Reverse a fee, wholly or in part",
    ),
    (
        "post-bonus-operation",
        Scope::OperationsWrite,
        "Post a bonus, in money or in points",
    ),
    (
        "reverse-bonus-operation",
        Scope::OperationsWrite,
        "Reverse a bonus",
    ),
    (
        "post-interest-operation",
        Scope::OperationsWrite,
        "Post interest",
    ),
    (
        "reverse-interest-operation",
        Scope::OperationsWrite,
        "Reverse interest",
    ),
    (
        "post-balance-adjustment-operation",
        Scope::OperationsWrite,
        "Adjust the balance",
    ),
    (
        "reverse-balance-adjustment-operation",
        Scope::OperationsWrite,
        "Reverse a balance adjustment, wholly or in part",
    ),
    (
        "post-payment-operation",
        Scope::OperationsWrite,
        "Post a payment",
    ),
    (
        "reverse-payment-operation",
        Scope::OperationsWrite,
        "Reverse a payment",
    ),
    (
        "post-reimbursement-operation",
        Scope::OperationsWrite,
        "Pay out a credit balance",
    ),
    (
        "reverse-reimbursement-operation",
        Scope::OperationsWrite,
        "Reverse a reimbursement",
    ),
    (
        "post-load-operation",
        Scope::OperationsWrite,
        "Load funds onto a prepaid account",
    ),
    (
        "post-unload-operation",
        Scope::OperationsWrite,
        "Take funds off a prepaid account",
    ),
    (
        "post-transaction-operation",
        Scope::OperationsWrite,
        "Post a scheme transaction from clearing",
    ),
    (
        "reverse-transaction-operation",
        Scope::OperationsWrite,
        "Reverse a scheme transaction",
    ),
    (
        "set-credit-limit",
        Scope::AccountsWrite,
        "Change the permanent credit limit",
    ),
    ("close-account", Scope::AccountsWrite, "Close the account"),
];

/// Commands of an issuer.
const ISSUER_COMMANDS: &[(&str, Scope, &str)] = &[
    (
        "configure-issuer",
        Scope::IssuersWrite,
        "Create an issuer, or configure it anew",
    ),
    ("define-product", Scope::IssuersWrite, "Define a product"),
    (
        "define-bonus-program",
        Scope::IssuersWrite,
        "Define a bonus program",
    ),
    (
        "advance-business-date",
        Scope::IssuersWrite,
        "Move the business date forward",
    ),
    ("open-account", Scope::AccountsWrite, "Open an account"),
];

/// Every endpoint, in the order of the published description.
pub(crate) fn all() -> Vec<Endpoint> {
    let mut all = Vec::new();
    for (account, suffix) in ACCOUNTS {
        for (command, scope, summary) in ACCOUNT_COMMANDS {
            all.push(Endpoint {
                method: Method::POST,
                path: format!("{BASE}{account}/{command}"),
                name: camel(command) + suffix,
                summary: (*summary).to_owned(),
                scope: *scope,
                work: Work::Command(command),
            });
        }
        let read = |path: &str, name: &str, scope, summary: &str, work| Endpoint {
            method: Method::GET,
            path: format!("{BASE}{account}{path}"),
            name: name.to_owned() + suffix,
            summary: summary.to_owned(),
            scope,
            work: Work::Read(work),
        };
        all.push(read(
            "",
            "retrieveAccount",
            Scope::AccountsRead,
            "Retrieve an account",
            reads::account,
        ));
        all.push(read(
            "/balance",
            "retrieveFinancialInformation",
            Scope::AccountsRead,
            "Retrieve balance, open-to-buy and points",
            reads::balance,
        ));
        all.push(read(
            "/operations",
            "listOperations",
            Scope::OperationsRead,
            "List the operations of a period",
            reads::operations,
        ));
    }
    for (command, scope, summary) in ISSUER_COMMANDS {
        all.push(Endpoint {
            method: Method::POST,
            path: format!("{BASE}/issuers/{{issuerId}}/{command}"),
            name: camel(command),
            summary: (*summary).to_owned(),
            scope: *scope,
            work: Work::Command(command),
        });
    }
    all.push(Endpoint {
        method: Method::POST,
        path: format!("{BASE}/issuers/{{issuerId}}/bulk-operations"),
        name: "bulkOperations".to_owned(),
        summary: "Carry out many commands, given as lines of the replay format".to_owned(),
        scope: Scope::OperationsWrite,
        work: Work::Whole(bulk::carry_out),
    });
    all
}

/// `post-fee-operation` as `postFeeOperation`.
fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '-' => upper = true,
            c if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}
