//! Everything that can be called.

use axum::http::Method;

use super::endpoint::{Endpoint, Scope, Shape, Work};
use super::{bulk, feed, journal, reads};

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
        "reverse-load-operation",
        Scope::OperationsWrite,
        "Reverse a load",
    ),
    (
        "reverse-unload-operation",
        Scope::OperationsWrite,
        "Reverse an unload",
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
        "reset-balance",
        Scope::OperationsWrite,
        "Bring the balance to zero",
    ),
    (
        "reverse-reset-balance-operation",
        Scope::OperationsWrite,
        "Take back that the balance was brought to zero",
    ),
    (
        "record-authorization",
        Scope::AuthorizationsWrite,
        "Record a message of the authorization system",
    ),
    (
        "create-offline-reservation",
        Scope::AuthorizationsWrite,
        "Reserve an amount to be spent offline",
    ),
    (
        "cancel-offline-reservation",
        Scope::AuthorizationsWrite,
        "Give free what an offline reservation holds",
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
            let path = format!("{account}/{command}");
            let shape = match *command {
                "record-authorization" => "AuthorizationDone",
                _ if *scope == Scope::OperationsWrite => "OperationDone",
                _ => "AccountDone",
            };
            all.push(command_at(&path, command, suffix, *scope, summary, shape));
        }
        all.extend(on_account(account, suffix));
    }
    for (command, scope, summary) in ISSUER_COMMANDS {
        let path = format!("/issuers/{{issuerId}}/{command}");
        let shape = match *command {
            "open-account" => "AccountDone",
            _ => "Done",
        };
        all.push(command_at(&path, command, "", *scope, summary, shape));
    }
    all.extend(of_issuer());
    all
}

fn command_at(
    path: &str,
    command: &'static str,
    suffix: &str,
    scope: Scope,
    summary: &str,
    shape: &'static str,
) -> Endpoint {
    Endpoint {
        method: Method::POST,
        path: format!("{BASE}{path}"),
        name: camel(command) + suffix,
        summary: summary.to_owned(),
        scope,
        parameters: &[],
        answer: Shape::One(shape),
        work: Work::Command(command),
    }
}

/// Questions about an account.
fn on_account(account: &str, suffix: &str) -> Vec<Endpoint> {
    use reads::{accounts, authorizations, operations};
    let at = |path: &str, name: &str, scope, summary: &str, parameters, answer, work| Endpoint {
        method: match work {
            Work::Ask(..) => Method::POST,
            Work::Command(_) | Work::Read(_) | Work::Whole(_) => Method::GET,
        },
        path: format!("{BASE}{account}{path}"),
        name: name.to_owned() + suffix,
        summary: summary.to_owned(),
        scope,
        parameters,
        answer,
        work,
    };
    let (accounts_read, operations_read, authorizations_read) = (
        Scope::AccountsRead,
        Scope::OperationsRead,
        Scope::AuthorizationsRead,
    );
    vec![
        at(
            "",
            "retrieveAccount",
            accounts_read,
            "Retrieve an account",
            accounts::ONE,
            Shape::One("AccountView"),
            Work::Read(accounts::one),
        ),
        at(
            "/balance",
            "retrieveFinancialInformation",
            accounts_read,
            "Retrieve balance, open-to-buy and points",
            accounts::BALANCE,
            Shape::One("BalanceView"),
            Work::Read(accounts::balance),
        ),
        at(
            "/operations",
            "listOperations",
            operations_read,
            "List the operations of a period",
            operations::LIST,
            Shape::List("ApiOperation"),
            Work::Read(operations::list),
        ),
        at(
            "/operation-entries",
            "listOperationEntries",
            operations_read,
            "List operations in brief, and refused ones",
            operations::ENTRIES,
            Shape::List("OperationView"),
            Work::Read(operations::entries),
        ),
        at(
            "/operations/{operationId}",
            "retrieveOperation",
            operations_read,
            "Retrieve an operation",
            operations::ONE,
            Shape::One("ApiOperation"),
            Work::Read(operations::one),
        ),
        at(
            "/inquire-operation",
            "inquireOperation",
            operations_read,
            "Retrieve an operation by its external triplet",
            operations::ONE,
            Shape::One("ApiOperation"),
            Work::Ask("inquire-operation", operations::inquire),
        ),
        at(
            "/journal",
            "showAccountJournal",
            Scope::IssuersRead,
            "Show the legs of the journal of an account, one a line",
            &[],
            Shape::Other("application/x-ndjson"),
            Work::Whole(journal::show),
        ),
        at(
            "/authorizations",
            "listAuthorizations",
            authorizations_read,
            "List the authorization messages of a period",
            authorizations::LIST,
            Shape::List("AuthorizationView"),
            Work::Read(authorizations::list),
        ),
        at(
            "/authorizations/{transactionId}",
            "retrieveAuthorization",
            authorizations_read,
            "Retrieve an authorization message",
            authorizations::ONE,
            Shape::One("AuthorizationView"),
            Work::Read(authorizations::one),
        ),
        at(
            "/reserves",
            "listReserves",
            authorizations_read,
            "List what authorizations reserve now",
            authorizations::RESERVES,
            Shape::List("ReserveView"),
            Work::Read(authorizations::reserves),
        ),
        at(
            "/authorization-business-cases",
            "listBusinessCases",
            authorizations_read,
            "List the business cases of a period",
            authorizations::CASES,
            Shape::List("BusinessCaseView"),
            Work::Read(authorizations::cases),
        ),
        at(
            "/authorization-business-cases/{businessCaseId}",
            "retrieveBusinessCase",
            authorizations_read,
            "Retrieve a business case",
            authorizations::ONE,
            Shape::One("BusinessCaseView"),
            Work::Read(authorizations::case),
        ),
    ]
}

/// Questions about an issuer, and what is asked of it as a whole.
fn of_issuer() -> Vec<Endpoint> {
    use reads::{accounts, authorizations, books, event_stores, operations, state};
    let at =
        |method, path: &str, name: &str, scope, summary: &str, parameters, answer, work| Endpoint {
            method,
            path: format!("{BASE}{path}"),
            name: name.to_owned(),
            summary: summary.to_owned(),
            scope,
            parameters,
            answer,
            work,
        };
    vec![
        at(
            Method::POST,
            "/search-operations",
            "searchOperations",
            Scope::OperationsRead,
            "Search operations by criteria",
            operations::SEARCH,
            Shape::List("ApiOperation"),
            Work::Ask("search-operations", operations::search),
        ),
        at(
            Method::GET,
            "/issuers",
            "listIssuers",
            Scope::IssuersRead,
            "List the issuers that the caller may see",
            books::LIST,
            Shape::List("IssuerView"),
            Work::Read(books::issuers),
        ),
        at(
            Method::GET,
            "/trial-balance",
            "retrieveWholeTrialBalance",
            Scope::IssuersRead,
            "Retrieve the trial balance of all issuers that the caller may see, and whether it holds",
            books::ONE,
            Shape::One("TrialBalanceReport"),
            Work::Read(books::whole_trial_balance),
        ),
        at(
            Method::GET,
            "/journal",
            "showWholeJournal",
            Scope::IssuersRead,
            "Show the legs of the journal of all issuers that the caller may see, one a line",
            &[],
            Shape::Other("application/x-ndjson"),
            Work::Whole(journal::show),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/journal",
            "showJournal",
            Scope::IssuersRead,
            "Show the legs of the journal of an issuer, one a line",
            &[],
            Shape::Other("application/x-ndjson"),
            Work::Whole(journal::show),
        ),
        at(
            Method::GET,
            "/head",
            "retrieveHead",
            Scope::EventsRead,
            "Retrieve where the log ends and what it adds up to",
            state::ONE,
            Shape::One("HeadFile"),
            Work::Read(state::head),
        ),
        at(
            Method::GET,
            "/status",
            "retrieveStatus",
            Scope::EventsRead,
            "Retrieve whether commands are accepted",
            state::ONE,
            Shape::One("StatusView"),
            Work::Read(state::status),
        ),
        at(
            Method::POST,
            "/issuers/{issuerId}/inquire-business-cases",
            "inquireBusinessCases",
            Scope::AuthorizationsRead,
            "List business cases of an account, or with some ids",
            authorizations::INQUIRY,
            Shape::List("BusinessCaseView"),
            Work::Ask("inquire-business-cases", authorizations::inquire_cases),
        ),
        at(
            Method::POST,
            "/issuers/{issuerId}/authorization-business-cases/search",
            "searchBusinessCases",
            Scope::AuthorizationsRead,
            "List business cases of an account, or with some ids, as the source names it",
            authorizations::INQUIRY,
            Shape::List("BusinessCaseView"),
            Work::Ask("inquire-business-cases", authorizations::inquire_cases),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}",
            "retrieveIssuer",
            Scope::IssuersRead,
            "Retrieve an issuer",
            books::ONE,
            Shape::One("IssuerView"),
            Work::Read(books::issuer),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/accounts",
            "listAccounts",
            Scope::AccountsRead,
            "List the accounts of an issuer",
            accounts::LIST,
            Shape::List("AccountView"),
            Work::Read(accounts::list),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/trial-balance",
            "retrieveTrialBalance",
            Scope::IssuersRead,
            "Retrieve the trial balance",
            books::ONE,
            Shape::List("TrialBalanceView"),
            Work::Read(books::trial_balance),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/event-stores",
            "listEvents",
            Scope::EventsRead,
            "List events from a position on",
            feed::LIST,
            Shape::One("EventsView"),
            Work::Read(feed::list),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/businessRefType/{businessRefType}/businessRefValue/{businessRefValue}/event-stores",
            "retrieveEventStores",
            Scope::EventsRead,
            "List the events about an account, an operation, a card or the issuer",
            event_stores::LIST,
            Shape::List("EventStoreView"),
            Work::Read(event_stores::list),
        ),
        at(
            Method::POST,
            "/issuers/{issuerId}/event-stores/search",
            "searchEventStores",
            Scope::EventsRead,
            "List the events about any of some accounts, operations and cards",
            event_stores::LIST,
            Shape::List("EventStoreView"),
            Work::Ask("search-event-stores", event_stores::search),
        ),
        at(
            Method::GET,
            "/issuers/{issuerId}/event-stores/stream",
            "followEvents",
            Scope::EventsRead,
            "Follow events as they happen",
            feed::STREAM,
            Shape::Other("text/event-stream"),
            Work::Whole(feed::follow),
        ),
        at(
            Method::POST,
            "/issuers/{issuerId}/bulk-operations",
            "bulkOperations",
            Scope::OperationsWrite,
            "Carry out many commands, given as lines of the replay format; the token must have the scope of each",
            &[],
            Shape::Other("application/x-ndjson"),
            Work::Whole(bulk::carry_out),
        ),
    ]
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::line;

    /// Lines of the replay format, of every command but some reversals.
    const COMMANDS: &str = include_str!("../fuzz/commands.jsonl");

    #[test]
    fn a_command_needs_one_scope_by_whichever_way_it_comes() {
        let scopes: BTreeMap<_, _> = ACCOUNT_COMMANDS
            .iter()
            .chain(ISSUER_COMMANDS)
            .map(|(name, scope, _)| (*name, *scope))
            .collect();
        let mut seen = BTreeMap::new();
        for text in COMMANDS.lines() {
            let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let name = json["command"].as_str().expect("a name").to_owned();
            let Ok(line) = line::parse(text) else {
                continue;
            };
            let scope = Scope::of(&line.request.command);
            assert_eq!(Some(&scope), scopes.get(name.as_str()), "{name}");
            seen.insert(name, scope);
        }
        let unseen = scopes.keys().filter(|name| !seen.contains_key(**name));
        assert!(
            unseen.clone().all(|name| name.starts_with("reverse-")),
            "{:?}",
            unseen.collect::<Vec<_>>()
        );
    }
}
