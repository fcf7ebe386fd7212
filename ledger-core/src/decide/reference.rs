//! Deciding the commands that set the scene: issuers, business dates, accounts.

use crate::command::{
    AdvanceBusinessDate, Command, ConfigureIssuer, OpenAccount, Request, WorkingMode,
};
use crate::decide::{HIERARCHY_LEVELS_MAX, index_of};
use crate::event::EventBody;
use crate::ids::{AccountIndex, IssuerIndex};
use crate::money::{Amount, Currency};
use crate::portfolio::{AccountStatus, Issuer};
use crate::rejection::Rejection;
use crate::state::LedgerState;
use crate::text::IssuerId;
use crate::time::Timestamp;

/// Decides a command that is not on an account: whose event it is, and what happened.
///
/// Such commands are few, so they are copied where the others are moved.
pub(super) fn decide(
    state: &LedgerState,
    issuer: Option<IssuerIndex>,
    request: &Request,
    now: Timestamp,
) -> Result<(IssuerIndex, EventBody), Rejection> {
    if let Command::ConfigureIssuer(configuration) = &request.command {
        let (id, configuration) = (request.issuer.clone(), configuration.clone());
        let body = configure_issuer(state, issuer, id, configuration, now)?;
        let next = || IssuerIndex(index_of(state.portfolio.issuers.len()));
        return Ok((issuer.unwrap_or_else(next), body));
    }
    let issuer = issuer.ok_or(Rejection::IssuerNotFound)?;
    let body = match request.command.clone() {
        Command::DefineProduct(product) => EventBody::ProductDefined(product),
        Command::DefineBonusProgram(program) => EventBody::BonusProgramDefined(program),
        Command::AdvanceBusinessDate(advance) => {
            advance_business_date(state.portfolio.issuer(issuer), advance)?
        }
        Command::OpenAccount(opening) => open_account(state, issuer, opening)?,
        Command::ConfigureIssuer(_) | Command::OnAccount(_) => {
            unreachable!("these were decided before")
        }
    };
    Ok((issuer, body))
}

fn configure_issuer(
    state: &LedgerState,
    known: Option<IssuerIndex>,
    issuer_id: IssuerId,
    configuration: ConfigureIssuer,
    now: Timestamp,
) -> Result<EventBody, Rejection> {
    let business_date = match known {
        None => {
            let today = configuration.time_zone.day_of(now);
            configuration.business_date.unwrap_or(today)
        }
        Some(issuer) => {
            let present = state.portfolio.issuer(issuer).business_date;
            // Only `advance-business-date` moves the date, since it also makes operations effective.
            if configuration
                .business_date
                .is_some_and(|date| date != present)
            {
                return Err(Rejection::BusinessDateNotAdvancing { present });
            }
            present
        }
    };
    Ok(EventBody::IssuerConfigured {
        issuer_id,
        configuration,
        business_date,
    })
}

fn advance_business_date(
    issuer: &Issuer,
    advance: AdvanceBusinessDate,
) -> Result<EventBody, Rejection> {
    let present = issuer.business_date;
    if advance.business_date <= present {
        return Err(Rejection::BusinessDateNotAdvancing { present });
    }
    Ok(EventBody::BusinessDateAdvanced(advance))
}

fn open_account(
    state: &LedgerState,
    issuer_index: IssuerIndex,
    opening: OpenAccount,
) -> Result<EventBody, Rejection> {
    let portfolio = &state.portfolio;
    let issuer = portfolio.issuer(issuer_index);
    if let Some(external) = &opening.external_reference
        && portfolio.by_external(issuer_index, external).is_some()
    {
        return Err(Rejection::AccountAlreadyExists);
    }
    let (_, product) = issuer
        .product(&opening.product)
        .ok_or(Rejection::ProductNotFound)?;
    for program in &opening.bonus_programs {
        if !issuer.programs.contains_key(program) {
            return Err(Rejection::BonusProgramNotFound);
        }
    }
    let parent = find_parent(state, issuer_index, &opening)?;
    if let Some(parent) = parent {
        check_parent(state, parent, product.currency)?;
    }
    let limit = opening.credit_limit.or(product.default_credit_limit);
    if let Some(limit) = limit {
        check_credit_limit(limit, product.currency, product.working_mode)?;
    }
    Ok(EventBody::AccountOpened {
        account: AccountIndex(index_of(portfolio.accounts.len())),
        currency: product.currency,
        working_mode: product.working_mode,
        credit_limit_minor: limit.map_or(0, |limit| limit.minor),
        parent,
        opening,
    })
}

fn find_parent(
    state: &LedgerState,
    issuer: IssuerIndex,
    opening: &OpenAccount,
) -> Result<Option<AccountIndex>, Rejection> {
    let portfolio = &state.portfolio;
    let (found, field) = match (&opening.parent, opening.parent_reference) {
        (None, None) => return Ok(None),
        (Some(external), _) => (
            portfolio.by_external(issuer, external),
            "parentExternalReference",
        ),
        (None, Some(reference)) => (
            portfolio.by_reference(issuer, reference),
            "parentAccountReference",
        ),
    };
    found.map(Some).ok_or_else(|| Rejection::AccountNotFound {
        field: field.to_owned(),
    })
}

fn check_parent(
    state: &LedgerState,
    parent: AccountIndex,
    currency: Currency,
) -> Result<(), Rejection> {
    let parent = state.portfolio.account(parent);
    if parent.status == AccountStatus::Closed {
        return Err(Rejection::AccountClosed);
    }
    // Sums of a hierarchy would mean nothing across currencies.
    if parent.currency != currency {
        return Err(Rejection::currency(
            "productReference",
            parent.currency,
            currency,
        ));
    }
    if u32::from(parent.depth) + 2 > HIERARCHY_LEVELS_MAX {
        return Err(Rejection::HierarchyTooDeep {
            levels_max: HIERARCHY_LEVELS_MAX,
        });
    }
    Ok(())
}

pub(super) fn check_credit_limit(
    limit: Amount,
    currency: Currency,
    working_mode: WorkingMode,
) -> Result<(), Rejection> {
    const FIELD: &str = "creditLimitAmount";
    if limit.currency != currency {
        return Err(Rejection::currency(FIELD, currency, limit.currency));
    }
    if limit.minor != 0 && working_mode == WorkingMode::PayBefore {
        return Err(Rejection::WorkingModeMismatch {
            field: FIELD.to_owned(),
        });
    }
    Ok(())
}
