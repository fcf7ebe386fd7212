//! Queries: from the books to views. Nothing is decided here.

mod approvals;
pub mod authorizations;
pub mod business_cases;
pub mod full;
mod parents;
pub mod reserves;
pub mod search;

use std::ops::Range;

use ledger_core::command::{AccountAction, AccountSelector};
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::{
    AccountIndex, AccountReference, CommodityIndex, IssuerIndex, OperationId, Seq,
};
use ledger_core::money::Unit;
use ledger_core::portfolio::{AccountStatus, Issuer, Portfolio};
use ledger_core::projection::books::Books;
use ledger_core::projection::general_ledger::{Discrepancy, LedgerUnit, legs, name_of};
use ledger_core::projection::history::Entry;
use ledger_core::rejection::Rejection;
use ledger_core::text::IssuerId;
use ledger_core::time::{BusinessDate, Timestamp};

use self::full::{ListFilter, first_places, in_order, refused_places};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::operation_view::posted_at;
use crate::views::{
    AccountView, AmountView, AsOfView, BalanceView, CreditLimitView, IssuerView, JournalView,
    OperationView, PointsView, TrialBalanceReport, TrialBalanceView, instant,
};

/// Most operations on one page of a list.
pub const PAGE_OPERATIONS_MAX: usize = 1_000;

/// Which operations of an account to list.
#[derive(Debug, Clone, Copy)]
pub struct OperationFilter {
    /// Posted at or after.
    pub start: Option<Timestamp>,
    /// Posted before.
    pub end: Option<Timestamp>,
    /// Whether remembered refusals are listed too.
    pub include_refused: bool,
    /// Page, from 0.
    pub page: usize,
    /// Operations on a page, at most [`PAGE_OPERATIONS_MAX`]. The issuer API calls this `offset`.
    pub page_size: usize,
    /// Whether the first page has the latest operations, the latest first.
    pub newest_first: bool,
    /// Nothing that was recorded after this is listed; absent: as of now. With the position of the first page
    /// the others stay where they were, whatever is posted meanwhile.
    pub as_of: Option<Seq>,
}

impl OperationFilter {
    fn page_of(&self, places: Range<usize>) -> (Range<usize>, bool) {
        page_of(places, self.page, self.page_size, self.newest_first)
    }
}

/// The part of these places, which are in order, that is on a page, and whether more follow it.
fn page_of(
    places: Range<usize>,
    page: usize,
    page_size: usize,
    newest_first: bool,
) -> (Range<usize>, bool) {
    let size = page_size.clamp(1, PAGE_OPERATIONS_MAX);
    let skipped = page.saturating_mul(size).min(places.len());
    let shown = size.min(places.len() - skipped);
    let more = skipped + shown < places.len();
    let page = if newest_first {
        let end = places.end - skipped;
        end - shown..end
    } else {
        let start = places.start + skipped;
        start..start + shown
    };
    (page, more)
}

impl Ledger {
    /// Every issuer, in the order in which they were first configured.
    #[must_use]
    pub fn issuers(&self) -> Vec<IssuerView> {
        let books = self.reader().books();
        let issuers = books.portfolio().issuers();
        issuers.map(|(_, issuer)| issuer_view(issuer)).collect()
    }

    /// One issuer.
    ///
    /// # Errors
    /// [`ApiError::Rejected`] when there is no such issuer.
    pub fn issuer(&self, id: &IssuerId) -> Result<IssuerView, ApiError> {
        let books = self.reader().books();
        let portfolio = books.portfolio();
        let index = find_issuer(portfolio, id)?;
        Ok(issuer_view(portfolio.issuer(index)))
    }

    /// Every account, in the order of opening.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountView> {
        let books = self.reader().books();
        let portfolio = books.portfolio();
        portfolio
            .accounts()
            .map(|(index, _)| account_view(portfolio, index))
            .collect()
    }

    /// A page of the accounts of an issuer, in the order of opening, and whether there are more.
    ///
    /// # Errors
    /// [`ApiError::Rejected`] when there is no such issuer.
    pub fn accounts_of(
        &self,
        issuer: &IssuerId,
        page: usize,
        page_size: usize,
    ) -> Result<(Vec<AccountView>, bool), ApiError> {
        let size = page_size.clamp(1, PAGE_OPERATIONS_MAX);
        let books = self.reader().books();
        let portfolio = books.portfolio();
        let issuer = find_issuer(portfolio, issuer)?;
        let accounts = portfolio.accounts();
        let own = accounts.filter(|(_, account)| account.issuer == issuer);
        // One more than is shown says whether more follow.
        let own = own.skip(page.saturating_mul(size)).take(size + 1);
        let mut views: Vec<_> = own
            .map(|(index, _)| account_view(portfolio, index))
            .collect();
        let more = views.len() > size;
        views.truncate(size);
        Ok((views, more))
    }

    /// One account.
    ///
    /// # Errors
    /// As [`Self::balance`].
    pub fn account(
        &self,
        issuer: &IssuerId,
        account: &AccountSelector,
    ) -> Result<AccountView, ApiError> {
        let books = self.reader().books();
        let portfolio = books.portfolio();
        let index = find(portfolio, Some(issuer), account)?;
        Ok(account_view(portfolio, index))
    }

    /// Balance, open-to-buy and points of one account; with `valued` or `known`, also its balance on
    /// the two time axes (value date at most `valued`, posted at or before `known`).
    ///
    /// # Errors
    /// [`ApiError::Rejected`] or [`ApiError::IssuerRequired`] when there is no such account.
    pub fn balance(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> Result<BalanceView, ApiError> {
        let books = self.reader().books();
        let index = find(books.portfolio(), issuer, account)?;
        Ok(balance_view(&books, index, valued, known, None))
    }

    /// As [`Self::balance`], with the balance as the log had it up to `position`, one that it reaches: exactly,
    /// whatever was recorded since. The business date that counts is the one then, unless `valued` is given.
    /// What stands beside it in the view is as of now.
    ///
    /// # Errors
    /// As [`Self::balance`].
    pub fn balance_at(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        position: Seq,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> Result<BalanceView, ApiError> {
        let books = self.reader().books();
        let index = find(books.portfolio(), issuer, account)?;
        Ok(balance_view(&books, index, valued, known, Some(position)))
    }

    /// A page of the operations of one account, in posting order, and whether there are more.
    ///
    /// # Errors
    /// As [`Self::balance`], or when the log cannot be read.
    pub fn operations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: OperationFilter,
    ) -> Result<(Vec<OperationView>, bool), ApiError> {
        if let Some(position) = filter.as_of {
            return self.operations_at(issuer, account, filter, position);
        }
        // Records are read without holding the books, so that the writer need not wait.
        let (index, page, more) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let history = books.history(index);
            if filter.include_refused && !books.refused(index).is_empty() {
                // Only put in order do they tell what is on a page.
                let position = books.last_seq().unwrap_or(Seq(0));
                drop(books);
                return self.operations_at(issuer, account, filter, position);
            }
            let posted = history.posted_between(filter.start, filter.end);
            let (page, more) = filter.page_of(posted);
            (index, seqs(history.entries(page)), more)
        };
        let mut views = self.in_brief(index, page)?;
        if filter.newest_first {
            views.reverse();
        }
        Ok((views, more))
    }

    /// As [`Self::operations`], of what was recorded up to a position.
    fn operations_at(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: OperationFilter,
        position: Seq,
    ) -> Result<(Vec<OperationView>, bool), ApiError> {
        let size = filter.page_size.clamp(1, PAGE_OPERATIONS_MAX);
        let skipped = filter.page.saturating_mul(size);
        let list = ListFilter {
            start: filter.start,
            end: filter.end,
            newest_first: filter.newest_first,
            ..ListFilter::default()
        };
        let (index, mut places) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let known = books.history(index).len() + books.refused(index).len();
            if skipped >= known {
                return Ok((Vec::new(), false));
            }
            let wanted = skipped.saturating_add(size + 1);
            let mut places = first_places(&books, index, &list, position, wanted);
            if filter.include_refused {
                places.extend(refused_places(&books, index, &list, position));
            }
            (index, places)
        };
        in_order(&mut places, filter.newest_first);
        let more = places.len() > skipped.saturating_add(size);
        let page = places.into_iter().skip(skipped).take(size);
        Ok((self.in_brief(index, page.map(|(_, seq)| seq))?, more))
    }

    /// Views of these records of an account, in their order.
    fn in_brief(
        &self,
        index: AccountIndex,
        page: impl IntoIterator<Item = Seq>,
    ) -> Result<Vec<OperationView>, ApiError> {
        let mut views = Vec::new();
        for seq in page {
            let Some(record) = self.reader().record(seq)? else {
                continue;
            };
            let books = self.reader().books();
            views.extend(operation_view(books.portfolio(), index, &record));
        }
        Ok(views)
    }

    /// Hands every leg of the journal to `visit`, in booking order; of one account, of one issuer, or
    /// of all.
    ///
    /// # Errors
    /// As [`Self::balance`], when the log cannot be read, or what `visit` returns.
    pub fn journal<E: From<ApiError>>(
        &self,
        issuer: Option<&IssuerId>,
        account: Option<&AccountSelector>,
        mut visit: impl FnMut(JournalView) -> Result<(), E>,
    ) -> Result<(), E> {
        let (only_issuer, only_account) = {
            let books = self.reader().books();
            let portfolio = books.portfolio();
            let issuer_index = issuer.map(|id| find_issuer(portfolio, id)).transpose()?;
            let account = account
                .map(|account| find(portfolio, issuer, account))
                .transpose()?;
            (issuer_index, account)
        };
        let mut portfolio = Portfolio::default();
        for record in self.reader().records() {
            let record = record.map_err(ApiError::from)?;
            let mut views = Vec::new();
            portfolio.apply(&record, &mut |portfolio, movement| {
                let issuer = portfolio.account(movement.account).issuer;
                if only_issuer.is_none_or(|only| only == issuer)
                    && only_account.is_none_or(|only| only == movement.account)
                {
                    views.extend(journal_views(portfolio, &record, &movement));
                }
            });
            views.into_iter().try_for_each(&mut visit)?;
        }
        Ok(())
    }

    /// The trial balance, and every promise of it that does not hold (there should be none).
    #[must_use]
    pub fn trial_balance(&self) -> TrialBalanceReport {
        self.trial_balance_of(|_| true)
    }

    /// The lines of the trial balance of one issuer, without asking whether its promises hold, which every account
    /// has to be looked at for.
    #[must_use]
    pub fn trial_balance_lines(&self, issuer: &IssuerId) -> Vec<TrialBalanceView> {
        trial_balance_lines(&self.reader().books(), |of| of == issuer)
    }

    /// As [`Self::trial_balance`], of the issuers that `is_shown` says.
    #[must_use]
    pub fn trial_balance_of(&self, is_shown: impl Fn(&IssuerId) -> bool) -> TrialBalanceReport {
        let books = self.reader().books();
        let portfolio = books.portfolio();
        let lines = trial_balance_lines(&books, &is_shown);
        let is_shown = |index| is_shown(&portfolio.issuer(index).id);
        let discrepancies = books.general_ledger().discrepancies(portfolio);
        let discrepancies = discrepancies.iter().filter(|found| match found {
            Discrepancy::Unbalanced { issuer, .. } | Discrepancy::ControlDiffers { issuer, .. } => {
                is_shown(*issuer)
            }
        });
        TrialBalanceReport {
            lines,
            discrepancies: discrepancies.map(|found| format!("{found:?}")).collect(),
        }
    }
}

fn trial_balance_lines(
    books: &Books,
    is_shown: impl Fn(&IssuerId) -> bool,
) -> Vec<TrialBalanceView> {
    let totals = books.general_ledger().trial_balance();
    let lines = totals.filter_map(|total| {
        let issuer = books.portfolio().issuer(total.issuer);
        is_shown(&issuer.id).then(|| TrialBalanceView {
            issuer_id: issuer.id.to_string(),
            unit: unit_name(issuer, total.unit),
            exponent: exponent_of(total.unit),
            gl_account: total.code.to_string(),
            name: name_of(&total.code).into(),
            debits: total.debits,
            credits: total.credits,
            net: total.debits - total.credits,
        })
    });
    lines.collect()
}

fn seqs(entries: Vec<Entry>) -> Vec<Seq> {
    entries.into_iter().map(|entry| entry.seq).collect()
}

/// The account that is meant; the issuer may be left out where there is one only, or where the
/// engine's own reference names the account, which is unique across issuers.
fn find(
    portfolio: &Portfolio,
    issuer: Option<&IssuerId>,
    account: &AccountSelector,
) -> Result<AccountIndex, ApiError> {
    let mut issuers = match issuer {
        Some(id) => vec![find_issuer(portfolio, id)?],
        None => portfolio.issuers().map(|(index, _)| index).collect(),
    };
    let found = match account {
        AccountSelector::Reference(reference) => issuers
            .into_iter()
            .find_map(|issuer| portfolio.by_reference(issuer, *reference)),
        AccountSelector::External(reference) => match (issuers.pop(), issuers.is_empty()) {
            (None, _) => return Err(Rejection::IssuerNotFound.into()),
            (Some(issuer), true) => portfolio.by_external(issuer, reference),
            (Some(_), false) => return Err(ApiError::IssuerRequired),
        },
    };
    found.ok_or_else(|| {
        let field = account.field().to_owned();
        Rejection::AccountNotFound { field }.into()
    })
}

fn find_issuer(portfolio: &Portfolio, id: &IssuerId) -> Result<IssuerIndex, ApiError> {
    Ok(portfolio
        .issuer_index(id)
        .ok_or(Rejection::IssuerNotFound)?)
}

fn issuer_view(issuer: &Issuer) -> IssuerView {
    IssuerView {
        issuer_id: issuer.id.to_string(),
        time_zone: issuer.configuration().time_zone.name().to_owned(),
        business_date: issuer.business_date.to_string(),
    }
}

fn account_view(portfolio: &Portfolio, index: AccountIndex) -> AccountView {
    let account = portfolio.account(index);
    let amount = |minor| AmountView::new(minor, account.currency);
    AccountView {
        issuer_id: portfolio.issuer(account.issuer).id.to_string(),
        account_reference: AccountReference::of(index).to_string(),
        issuer_account_external_reference: portfolio
            .external_reference(index)
            .map(ToString::to_string),
        account_balance: amount(account.balance_minor),
        open_to_buy: portfolio.open_to_buy(index).map(amount),
        operations: account.operations,
    }
}

fn balance_view(
    books: &Books,
    index: AccountIndex,
    valued: Option<BusinessDate>,
    known: Option<Timestamp>,
    position: Option<Seq>,
) -> BalanceView {
    let portfolio = books.portfolio();
    let account = portfolio.account(index);
    let issuer = portfolio.issuer(account.issuer);
    let amount = |minor| AmountView::new(minor, account.currency);
    let reserved = portfolio.reserved(index);
    let AccountView {
        issuer_id,
        account_reference,
        issuer_account_external_reference,
        ..
    } = account_view(portfolio, index);
    let as_of = (valued.is_some() || known.is_some() || position.is_some()).then(|| {
        let then = position.and_then(|at| books.timeline().business_date(account.issuer, at));
        AsOfView {
            value_date: valued.or(then).unwrap_or(issuer.business_date).to_string(),
            known_at: known.map(instant),
            position: position.map(|at| at.0),
            account_balance: amount(match position {
                Some(at) => books.balance_minor_at(index, at, valued, known),
                None => books.balance_minor(index, valued, known),
            }),
        }
    });
    BalanceView {
        issuer_id,
        account_reference,
        issuer_account_external_reference,
        status: match account.status {
            AccountStatus::Active => "ACTIVE".into(),
            AccountStatus::Closed => "CLOSED".into(),
        },
        business_date: issuer.business_date.to_string(),
        current_cycle_start_date: instant(whole_second(portfolio.opened_at(index))),
        account_balance: amount(account.balance_minor),
        accepted_amount: amount(account.accepted_minor),
        payments: amount(account.payments_minor),
        active_credit_limit_amount: amount(account.active_credit_limit_minor().into()),
        active_credit_limit: Some(CreditLimitView {
            credit_limit_amount: amount(account.active_credit_limit_minor().into()),
        }),
        external_reserved_amount: amount(reserved.below_minor),
        reserved_amount: amount(reserved.offline_minor),
        authorized_amount: amount(0),
        liable_balance: portfolio.liable_minor(index).map(amount),
        open_to_buy: portfolio.open_to_buy(index).map(amount),
        prevailing_open_to_buy: portfolio.prevailing_open_to_buy(index).map(amount),
        loyalty_points: portfolio
            .points(account.root)
            .map(|(commodity, value)| points_view(issuer, commodity, value))
            .collect(),
        as_of,
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(1_000))
}

fn points_view(issuer: &Issuer, commodity: CommodityIndex, value: i128) -> PointsView {
    let (program, unit) = issuer.commodity_at(commodity);
    PointsView {
        bonus_program_reference: program.to_string(),
        unit: unit.to_string(),
        cumulated_value: value,
    }
}

fn operation_view(
    portfolio: &Portfolio,
    index: AccountIndex,
    record: &Record,
) -> Option<OperationView> {
    let account = portfolio.account(index);
    let issuer = portfolio.issuer(account.issuer);
    let issuer_id = issuer.id.to_string();
    let account_reference = AccountReference::of(index).to_string();
    if let EventBody::OperationRejected {
        action, rejection, ..
    } = &record.event.body
    {
        let triplet = action.triplet()?;
        let (kind, reversal) = match action.as_ref() {
            AccountAction::Post(post) => (post.detail.kind(), false),
            AccountAction::Reverse(reverse) => (reverse.kind, true),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_) => return None,
        };
        return Some(OperationView {
            issuer_id,
            account_reference,
            operation_id: None,
            operation_kind: kind.code().into(),
            reversal,
            partial_operation: false,
            parent_operation_id: None,
            status: "REJECTED".into(),
            rejection_code: Some(rejection.code().into()),
            posting_date: instant(posted_at(record)),
            value_date: None,
            value_day: None,
            reference_amount: asked_amount(action),
            loyalty_point_amount: None,
            debit: None,
            detail: None,
            external_operation_date: instant(triplet.date),
            external_operation_reference: triplet.reference.to_string(),
            external_operation_service_poster: triplet.service_poster.to_string(),
            description: None,
        });
    }
    let operation = record.operation()?;
    let decided = operation.decided;
    let original = operation
        .original
        .map_or(operation.id, |(original, _)| original);
    let status = if portfolio.is_cancelled(operation.id) {
        "CANCELLED"
    } else if portfolio.is_pending(account.issuer, decided.value_date, (original, operation.id)) {
        "CAS_PENDING"
    } else {
        "PROCESSED"
    };
    let value = i128::from(decided.quantity.value);
    let (money, points) = match decided.quantity.unit {
        Unit::Money => (Some(AmountView::new(value, account.currency)), None),
        Unit::Points(commodity) => (None, Some(points_view(issuer, commodity, value))),
    };
    let zone = issuer.configuration().time_zone;
    Some(OperationView {
        issuer_id,
        account_reference,
        operation_id: Some(operation.id.to_string()),
        operation_kind: operation.kind.code().into(),
        reversal: operation.original.is_some(),
        partial_operation: operation.partial,
        parent_operation_id: operation.original.map(|(original, _)| original.to_string()),
        status: status.into(),
        rejection_code: None,
        posting_date: instant(operation.posting_date),
        value_date: Some(instant(zone.start_of(decided.value_date))),
        value_day: Some(decided.value_date.to_string()),
        reference_amount: money,
        loyalty_point_amount: points,
        debit: Some(value > 0),
        detail: operation
            .post
            .and_then(|post| post.contra_detail())
            .map(str::to_owned),
        external_operation_date: instant(operation.triplet.date),
        external_operation_reference: operation.triplet.reference.to_string(),
        external_operation_service_poster: operation.triplet.service_poster.to_string(),
        description: operation.description.map(ToString::to_string),
    })
}

fn asked_amount(action: &AccountAction) -> Option<AmountView> {
    let amount = match action {
        AccountAction::Post(post) => post.reference_amount,
        AccountAction::Reverse(reverse) => reverse.reference_amount,
        AccountAction::SetCreditLimit(_)
        | AccountAction::Close
        | AccountAction::RecordAuthorization(_)
        | AccountAction::CreateOfflineReservation(_)
        | AccountAction::CancelOfflineReservation(_) => None,
    };
    amount.map(|amount| AmountView::new(i128::from(amount.minor), amount.currency))
}

fn journal_views(
    portfolio: &Portfolio,
    record: &Record,
    movement: &ledger_core::portfolio::Movement<'_>,
) -> [JournalView; 2] {
    let account = portfolio.account(movement.account);
    let issuer = portfolio.issuer(account.issuer);
    legs(portfolio, movement).map(|leg| JournalView {
        position: record.seq.0,
        issuer_id: issuer.id.to_string(),
        operation_id: OperationId::to_string(&movement.operation),
        account_reference: AccountReference::of(movement.account).to_string(),
        operation_kind: movement.kind.code().into(),
        booking_date: issuer.business_date.to_string(),
        value_date: movement.value_date.to_string(),
        gl_account: leg.code.to_string(),
        debit: leg.value.max(0),
        credit: -leg.value.min(0),
        unit: unit_name(issuer, leg.unit),
        exponent: exponent_of(leg.unit),
    })
}

fn exponent_of(unit: LedgerUnit) -> u32 {
    match unit {
        LedgerUnit::Currency(currency) => currency.exponent(),
        LedgerUnit::Points(_) => 0,
    }
}

fn unit_name(issuer: &Issuer, unit: LedgerUnit) -> String {
    match unit {
        LedgerUnit::Currency(currency) => currency.code().to_owned(),
        LedgerUnit::Points(commodity) => {
            let (program, unit) = issuer.commodity_at(commodity);
            format!("{program}/{unit}")
        }
    }
}
