//! Commands that show: accounts, balances, operations, journal, trial balance.

use std::io::Write;

use clap::Args;
use ledger_api::queries::{OperationFilter, PAGE_OPERATIONS_MAX};
use ledger_api::views::{AccountView, BalanceView, OperationView, TrialBalanceView};
use ledger_core::command::AccountSelector;
use ledger_core::ids::AccountReference;
use ledger_core::text::{ExternalReference, IssuerId};
use ledger_core::time::{BusinessDate, Timestamp};

use super::books::Books;
use super::place::PlaceArgs;
use super::table::{self, Columns};
use super::{CliError, Ended, write_json, write_page};

/// Which account.
#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    /// Issuer; needed where there are several.
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// The engine's account reference, 20 digits.
    #[arg(long, value_name = "REFERENCE")]
    account: Option<String>,
    /// The issuer's account reference.
    #[arg(long, value_name = "REFERENCE", conflicts_with = "account")]
    external: Option<String>,
}

/// Arguments of `balance`.
#[derive(Debug, Args)]
pub(super) struct BalanceArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Also show the balance of operations with a value date up to this day (yyyy-MM-dd).
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    value_date: Option<BusinessDate>,
    /// Also show the balance as known at this instant, by posting date (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    known_at: Option<Timestamp>,
}

/// Arguments of `operations`.
#[derive(Debug, Args)]
pub(super) struct OperationsArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// Only operations posted at or after this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    start: Option<Timestamp>,
    /// Only operations posted before this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    end: Option<Timestamp>,
    /// Also list operations that were refused.
    #[arg(long)]
    refused: bool,
    /// Page, from 0.
    #[arg(long, default_value_t = 0)]
    page: usize,
    /// Operations on a page, at most 1000.
    #[arg(long, default_value_t = 100, value_parser = parse_page_size)]
    page_size: usize,
    /// Show the latest operations first.
    #[arg(long)]
    latest: bool,
}

/// Arguments of `journal`.
#[derive(Debug, Args)]
pub(super) struct JournalArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    account: AccountArgs,
}

fn parse_day(text: &str) -> Result<BusinessDate, String> {
    ledger_api::line::day(text).ok_or_else(|| "must be a date such as 2023-01-02".to_owned())
}

pub(super) fn parse_page_size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok();
    let size = size.filter(|size| (1..=PAGE_OPERATIONS_MAX).contains(size));
    size.ok_or_else(|| format!("must be 1 to {PAGE_OPERATIONS_MAX}"))
}

/// Refuses a period that ends before it begins.
pub(super) fn check_period(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<(), CliError> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => {
            Err(CliError::Usage("--end is before --start".to_owned()))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

pub(super) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    let problem = "must be a date and time such as 2023-01-02T14:20:34Z";
    ledger_api::line::instant(text).ok_or_else(|| problem.to_owned())
}

impl AccountArgs {
    pub(super) fn issuer(&self) -> Result<Option<IssuerId>, CliError> {
        let issuer = self.issuer.as_deref().map(IssuerId::new).transpose();
        issuer.map_err(|error| CliError::Usage(format!("--issuer {error}")))
    }

    pub(super) fn selector(&self) -> Result<Option<AccountSelector>, CliError> {
        if let Some(text) = &self.account {
            let number = text.parse().ok().map(AccountReference::from_number);
            let problem = || CliError::Usage("--account must be 20 digits".to_owned());
            return Ok(Some(AccountSelector::Reference(
                number.ok_or_else(problem)?,
            )));
        }
        let external = self
            .external
            .as_deref()
            .map(ExternalReference::new)
            .transpose();
        let external = external.map_err(|error| CliError::Usage(format!("--external {error}")))?;
        Ok(external.map(AccountSelector::External))
    }

    pub(super) fn required(&self) -> Result<(Option<IssuerId>, AccountSelector), CliError> {
        let selector = self.selector()?;
        let problem = || CliError::Usage("name an account by --account or --external".to_owned());
        Ok((self.issuer()?, selector.ok_or_else(problem)?))
    }
}

pub(super) fn accounts(
    books: &Books<'_>,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let accounts = books.accounts()?;
    if json {
        accounts
            .iter()
            .try_for_each(|account| write_json(out, account))?;
    } else {
        accounts_table(&accounts, out)?;
    }
    Ok(Ended::Well)
}

/// Also what a replay shows at its end.
pub(super) fn accounts_table(
    accounts: &[AccountView],
    out: &mut impl Write,
) -> Result<(), CliError> {
    let columns = Columns {
        headings: &[
            "Issuer",
            "Account",
            "External reference",
            "Balance",
            "Open to buy",
            "Operations",
        ],
        numbers: &[3, 4, 5],
    };
    let rows = accounts.iter().map(|account| {
        vec![
            account.issuer_id.clone(),
            account.account_reference.clone(),
            account
                .issuer_account_external_reference
                .clone()
                .unwrap_or_default(),
            table::debit_or_credit(&account.account_balance),
            account
                .open_to_buy
                .as_ref()
                .map(table::signed)
                .unwrap_or_default(),
            account.operations.to_string(),
        ]
    });
    Ok(table::write(out, &columns, rows)?)
}

pub(super) fn balance(
    books: &Books<'_>,
    args: &BalanceArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let (issuer, account) = args.account.required()?;
    let balance = books.balance(issuer.as_ref(), &account, args.value_date, args.known_at)?;
    if json {
        write_json(out, &balance)?;
    } else {
        balance_table(&balance, out)?;
    }
    Ok(Ended::Well)
}

fn balance_table(balance: &BalanceView, out: &mut impl Write) -> Result<(), CliError> {
    let external = balance
        .issuer_account_external_reference
        .clone()
        .unwrap_or_default();
    let none = || "none".to_owned();
    let mut rows = vec![
        [
            "Account".to_owned(),
            format!("{} {external}", balance.account_reference),
        ],
        ["Status".to_owned(), balance.status.to_string()],
        ["Business date".to_owned(), balance.business_date.clone()],
        [
            "Balance".to_owned(),
            table::debit_or_credit(&balance.account_balance),
        ],
        [
            "Accepted".to_owned(),
            table::debit_or_credit(&balance.accepted_amount),
        ],
        ["Payments".to_owned(), table::signed(&balance.payments)],
        [
            "Credit limit".to_owned(),
            table::signed(&balance.active_credit_limit_amount),
        ],
        [
            "Reserved by authorizations".to_owned(),
            table::signed(&balance.external_reserved_amount),
        ],
        [
            "Reserved offline".to_owned(),
            table::signed(&balance.reserved_amount),
        ],
        [
            "Open to buy".to_owned(),
            balance
                .open_to_buy
                .as_ref()
                .map_or_else(none, table::signed),
        ],
        [
            "Prevailing open to buy".to_owned(),
            balance
                .prevailing_open_to_buy
                .as_ref()
                .map_or_else(none, table::signed),
        ],
    ];
    for points in &balance.loyalty_points {
        rows.push([
            format!("{} {}", points.bonus_program_reference, points.unit),
            table::points(points.cumulated_value),
        ]);
    }
    if let Some(as_of) = &balance.as_of {
        let known = as_of.known_at.as_ref().map(|at| format!(", known at {at}"));
        rows.push([
            format!("Valued {}{}", as_of.value_date, known.unwrap_or_default()),
            table::debit_or_credit(&as_of.account_balance),
        ]);
    }
    let columns = Columns {
        headings: &["", ""],
        numbers: &[1],
    };
    Ok(table::write(
        out,
        &columns,
        rows.into_iter().map(Vec::from),
    )?)
}

pub(super) fn operations(
    books: &Books<'_>,
    args: &OperationsArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    check_period(args.start, args.end)?;
    let (issuer, account) = args.account.required()?;
    let filter = OperationFilter {
        as_of: None,
        start: args.start,
        end: args.end,
        include_refused: args.refused,
        page: args.page,
        page_size: args.page_size,
        newest_first: args.latest,
    };
    let (operations, more) = books.operations(issuer.as_ref(), &account, filter)?;
    write_page(out, json, (&operations, more), args.page, operations_table)?;
    Ok(Ended::Well)
}

fn operations_table(operations: &[OperationView], out: &mut impl Write) -> Result<(), CliError> {
    let columns = Columns {
        headings: &[
            "Operation",
            "Kind",
            "Posted",
            "Value date",
            "Amount",
            "Status",
            "Reference",
        ],
        numbers: &[4],
    };
    let rows = operations.iter().map(|operation| {
        let points = operation.loyalty_point_amount.as_ref();
        let amount = operation
            .reference_amount
            .as_ref()
            .map(table::debit_or_credit);
        let reversal = if operation.reversal { " reversal" } else { "" };
        vec![
            operation.operation_id.clone().unwrap_or_default(),
            format!("{}{reversal}", operation.operation_kind),
            operation.posting_date.clone(),
            operation.value_day.clone().unwrap_or_default(),
            amount
                .or_else(|| {
                    points.map(|of| format!("{} {}", of.unit, table::points(of.cumulated_value)))
                })
                .unwrap_or_default(),
            operation
                .rejection_code
                .as_ref()
                .unwrap_or(&operation.status)
                .to_string(),
            operation.external_operation_reference.clone(),
        ]
    });
    Ok(table::write(out, &columns, rows)?)
}

pub(super) fn journal(
    books: &Books<'_>,
    args: &JournalArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let issuer = args.account.issuer()?;
    let selector = args.account.selector()?;
    if json {
        books.journal(issuer.as_ref(), selector.as_ref(), |leg| {
            Ok(write_json(out, &leg)?)
        })?;
        return Ok(Ended::Well);
    }
    // The journal can be as long as the log: lines of fixed width need no table in memory.
    writeln!(
        out,
        "{:>10}  {:16}  {:20}  {:8}  {:10}  {:10}  {:24}  {:>16}  {:>16}  Unit",
        "Position",
        "Operation",
        "Account",
        "Kind",
        "Booked",
        "Value date",
        "GL account",
        "Debit",
        "Credit"
    )?;
    books.journal(issuer.as_ref(), selector.as_ref(), |leg| {
        let side = |value: i64| {
            if value == 0 {
                String::new()
            } else {
                table::magnitude(value.into(), leg.exponent)
            }
        };
        Ok(writeln!(
            out,
            "{:>10}  {:16}  {:20}  {:8}  {:10}  {:10}  {:24}  {:>16}  {:>16}  {}",
            leg.position,
            leg.operation_id,
            leg.account_reference,
            leg.operation_kind,
            leg.booking_date,
            leg.value_date,
            leg.gl_account,
            side(leg.debit),
            side(leg.credit),
            leg.unit,
        )?)
    })?;
    Ok(Ended::Well)
}

pub(super) fn trial_balance(
    books: &Books<'_>,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let report = books.trial_balance()?;
    if json {
        report
            .lines
            .iter()
            .try_for_each(|line| write_json(out, line))?;
    } else {
        trial_balance_table(&report.lines, out)?;
    }
    if report.discrepancies.is_empty() {
        return Ok(Ended::Well);
    }
    for found in &report.discrepancies {
        super::eprint_line(&format!("does not hold: {found}"));
    }
    Ok(Ended::WithFindings)
}

fn trial_balance_table(lines: &[TrialBalanceView], out: &mut impl Write) -> Result<(), CliError> {
    let columns = Columns {
        headings: &[
            "Issuer",
            "Unit",
            "GL account",
            "Name",
            "Debits",
            "Credits",
            "Net",
        ],
        numbers: &[4, 5, 6],
    };
    let mut rows = Vec::new();
    let mut sums: Vec<(String, String, u32, i128, i128)> = Vec::new();
    for line in lines {
        let amount = |sum: i128| table::magnitude(sum, line.exponent);
        let side = if line.net < 0 { "CR" } else { "DR" };
        rows.push(vec![
            line.issuer_id.clone(),
            line.unit.clone(),
            line.gl_account.clone(),
            line.name.to_string(),
            amount(line.debits),
            amount(line.credits),
            if line.net == 0 {
                amount(0)
            } else {
                format!("{} {side}", amount(line.net))
            },
        ]);
        match sums.last_mut() {
            Some((issuer, unit, _, debits, credits))
                if *issuer == line.issuer_id && *unit == line.unit =>
            {
                *debits += line.debits;
                *credits += line.credits;
            }
            Some(_) | None => sums.push((
                line.issuer_id.clone(),
                line.unit.clone(),
                line.exponent,
                line.debits,
                line.credits,
            )),
        }
    }
    for (issuer, unit, exponent, debits, credits) in sums {
        let amount = |sum: i128| table::magnitude(sum, exponent);
        rows.push(vec![
            issuer,
            unit,
            "Total".to_owned(),
            String::new(),
            amount(debits),
            amount(credits),
            amount(debits - credits),
        ]);
    }
    Ok(table::write(out, &columns, rows)?)
}
