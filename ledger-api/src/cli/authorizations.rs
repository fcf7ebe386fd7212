//! Commands that show what the authorization system asked and told, and what it has reserved.

use std::io::Write;

use clap::Args;
use ledger_api::queries::authorizations::AuthorizationFilter;
use ledger_api::queries::business_cases::BusinessCaseFilter;
use ledger_api::views::authorizations::{AuthorizationView, BusinessCaseView};
use ledger_core::text::{BusinessCaseId, TransactionId};
use ledger_core::time::Timestamp;

use super::books::Books;
use super::place::PlaceArgs;
use super::show::{AccountArgs, check_period, parse_instant, parse_page_size};
use super::table::{self, Columns};
use super::{CliError, Ended, write_page};

/// Arguments of `authorizations`.
#[derive(Debug, Args)]
pub(super) struct AuthorizationsArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Only the message with this transaction id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["start", "end", "page", "page_size", "latest"])]
    transaction: Option<String>,
    /// Only messages sent at or after this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    start: Option<Timestamp>,
    /// Only messages sent before this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    end: Option<Timestamp>,
    /// Page, from 0.
    #[arg(long, default_value_t = 0)]
    page: usize,
    /// Messages on a page, at most 1000.
    #[arg(long, default_value_t = 100, value_parser = parse_page_size)]
    page_size: usize,
    /// Show the latest messages first.
    #[arg(long)]
    latest: bool,
}

/// Arguments of `business-cases`.
#[derive(Debug, Args)]
pub(super) struct BusinessCasesArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Only the business cases with these ids; needed where no account is named.
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,
    /// Only cases with a message sent at or after this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    start: Option<Timestamp>,
    /// Only cases with a message sent before this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    end: Option<Timestamp>,
    /// Page, from 0.
    #[arg(long, default_value_t = 0)]
    page: usize,
    /// Cases on a page, at most 1000.
    #[arg(long, default_value_t = 100, value_parser = parse_page_size)]
    page_size: usize,
}

pub(super) fn authorizations(
    books: &Books<'_>,
    args: &AuthorizationsArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    check_period(args.start, args.end)?;
    let (issuer, account) = args.account.required()?;
    let (messages, more) = match &args.transaction {
        Some(id) => {
            let id = TransactionId::new(id);
            let id = id.map_err(|error| CliError::Usage(format!("--transaction {error}")))?;
            let message = books.authorization(issuer.as_ref(), &account, &id)?;
            (vec![message], false)
        }
        None => {
            let filter = AuthorizationFilter {
                as_of: None,
                start: args.start,
                end: args.end,
                page: args.page,
                page_size: args.page_size,
                newest_first: args.latest,
            };
            books.authorizations(issuer.as_ref(), &account, filter)?
        }
    };
    write_page(
        out,
        json,
        (&messages, more),
        args.page,
        authorizations_table,
    )?;
    Ok(Ended::Well)
}

fn authorizations_table(
    messages: &[AuthorizationView],
    out: &mut impl Write,
) -> Result<(), CliError> {
    let columns = Columns {
        headings: &[
            "Transaction",
            "Business case",
            "Sent",
            "Type",
            "Amount",
            "Result",
            "Code",
            "Reserved",
            "Open to buy",
        ],
        numbers: &[4, 7, 8],
    };
    let rows = messages.iter().map(|message| {
        let amount = message.total_billing_amount.as_ref();
        vec![
            message.transaction_id.clone(),
            message.business_case_id.clone(),
            message.transaction_date.clone(),
            message.transaction_type.to_string(),
            amount.map(table::debit_or_credit).unwrap_or_default(),
            message
                .decline_reason
                .as_ref()
                .unwrap_or(&message.result_type)
                .to_string(),
            message.result_code.clone().unwrap_or_default(),
            table::signed(&message.reserve_amount),
            message
                .open_to_buy
                .as_ref()
                .map(table::signed)
                .unwrap_or_default(),
        ]
    });
    Ok(table::write(out, &columns, rows)?)
}

pub(super) fn business_cases(
    books: &Books<'_>,
    args: &BusinessCasesArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    check_period(args.start, args.end)?;
    let issuer = args.account.issuer()?;
    let ids = args.cases.iter().map(|id| BusinessCaseId::new(id));
    let ids = ids.collect::<Result<_, _>>();
    let filter = BusinessCaseFilter {
        as_of: None,
        account: args.account.selector()?,
        ids: ids.map_err(|error| CliError::Usage(format!("--case {error}")))?,
        start: args.start,
        end: args.end,
        page: args.page,
        page_size: args.page_size,
    };
    if filter.account.is_none() && filter.ids.is_empty() {
        let problem = "name an account by --account or --external, or business cases by --case";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let (cases, more) = books.business_cases(issuer.as_ref(), &filter)?;
    write_page(out, json, (&cases, more), args.page, business_cases_table)?;
    Ok(Ended::Well)
}

fn business_cases_table(cases: &[BusinessCaseView], out: &mut impl Write) -> Result<(), CliError> {
    let columns = Columns {
        headings: &[
            "Business case",
            "Account",
            "Status",
            "Reserve",
            "Still reserved",
            "Until",
            "Messages",
            "Operations",
        ],
        numbers: &[3, 4, 6],
    };
    let rows = cases.iter().map(|case| {
        vec![
            case.business_case_id.clone(),
            case.account_reference.clone(),
            case.account_reserve_status.to_string(),
            table::signed(&case.reserve_billing_amount),
            table::signed(&case.account_reserve_billing_amount),
            case.reserve_expiry_date.clone(),
            case.authorizations.len().to_string(),
            case.operation_ids.join(" "),
        ]
    });
    Ok(table::write(out, &columns, rows)?)
}
