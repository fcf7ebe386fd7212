//! Operations with everything that is known about them: by id, by triplet, and in lists that stay put
//! while others post.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use ledger_core::command::{AccountSelector, OperationKind, Triplet};
use ledger_core::event::Record;
use ledger_core::ids::{AccountIndex, OperationId, Seq};
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::history::{Entry, History};
use ledger_core::text::IssuerId;
use ledger_core::time::Timestamp;

use super::approvals::Approvals;
use super::search::SEARCH_RECORDS_MAX;
use super::{PAGE_OPERATIONS_MAX, find};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::operation_view::{ApiOperation, api_operation};

/// Where to look for one operation, and what to show with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whether operations of the accounts below count too (`allAccountHierarchy`).
    pub hierarchy: bool,
    /// Whether a reversal shows its original, and a bonus what it rewards (`embed=parentOperation`).
    pub parent_operation: bool,
    /// Whether a clearing shows what is told of its authorization (`embed=authorization`).
    pub authorization: bool,
}

/// Which operations to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFilter {
    /// Where to look, and what to show.
    pub scope: Scope,
    /// Posted at or after.
    pub start: Option<Timestamp>,
    /// Posted before.
    pub end: Option<Timestamp>,
    /// Whether remembered refusals are listed too.
    pub include_refused: bool,
    /// Whether operations are listed of which was said that they are not printed on statements.
    pub include_unprinted: bool,
    /// Only operations of the card with this reference, or whose number has it. To know them the records are
    /// read from the first page on, [`SEARCH_RECORDS_MAX`] at most.
    pub pan_reference: Option<String>,
    /// Kinds that are left out. To know them the records are read from the first page on.
    pub excluded_kinds: Vec<OperationKind>,
    /// Whether the first page has the latest operations, the latest first.
    pub newest_first: bool,
    /// Page, from 0.
    pub page: usize,
    /// Operations on a page, from 1 to [`PAGE_OPERATIONS_MAX`]. The issuer API calls this `offset`.
    pub page_size: usize,
    /// Nothing that was recorded after this is listed; absent: as of now. With the position of the first
    /// page the others stay where they were, whatever is posted meanwhile. What became of an operation
    /// since (its status) is shown as of now.
    pub as_of: Option<Seq>,
}

impl Default for ListFilter {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            start: None,
            end: None,
            include_refused: false,
            include_unprinted: true,
            pan_reference: None,
            excluded_kinds: Vec::new(),
            newest_first: false,
            page: 0,
            page_size: 100,
            as_of: None,
        }
    }
}

impl ListFilter {
    /// Whether only the records tell what is listed.
    fn needs_records(&self) -> bool {
        !self.excluded_kinds.is_empty() || self.pan_reference.is_some()
    }

    /// Whether an operation is listed, as far as its record tells.
    fn lets_through(&self, view: &ApiOperation) -> bool {
        let is_excluded = |kind: &OperationKind| kind.code() == view.operation_kind;
        let of_card = self.pan_reference.as_ref().is_none_or(|wanted| {
            let card = view.card_identifier.as_ref();
            let card = card.and_then(|card| card.card_reference.as_ref());
            view.pan_reference.as_ref() == Some(wanted) || card == Some(wanted)
        });
        of_card && !self.excluded_kinds.iter().any(is_excluded)
    }
}

/// A page of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationPage {
    /// The operations, in the order that was asked for.
    pub operations: Vec<ApiOperation>,
    /// Whether more follow, as far as was looked.
    pub more: bool,
    /// Whether everything was looked at that had to be; if not, [`SEARCH_RECORDS_MAX`] records were read, and
    /// a shorter period says more.
    pub complete: bool,
    /// The position that this is as of; to be given for the other pages.
    pub position: Seq,
}

/// An operation by its place: when it was posted, and its record.
pub(super) type Place = (Timestamp, Seq);

impl Ledger {
    /// One operation of an account, by its id. An operation of another account is absent, so that nothing
    /// about it is told, unless it is below the account and that is asked for.
    ///
    /// # Errors
    /// [`ApiError::Rejected`] or [`ApiError::IssuerRequired`] when there is no such account, or when the log
    /// cannot be read.
    pub fn operation(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        id: OperationId,
        scope: Scope,
    ) -> Result<Option<ApiOperation>, ApiError> {
        let index = find(self.reader().books().portfolio(), issuer, account)?;
        let Some(record) = self.operation_record(id)? else {
            return Ok(None);
        };
        let is_in_scope = {
            let books = self.reader().books();
            record
                .account()
                .is_some_and(|of| covers(books.portfolio(), index, of, scope.hierarchy))
        };
        if !is_in_scope {
            return Ok(None);
        }
        self.shown(record, scope)
    }

    /// One operation of an account, by its external triplet.
    ///
    /// The records of the account are read, beginning with those posted nearest to the external date, which
    /// is when most are; only for a triplet that names nothing are all of them.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn operation_by_triplet(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        triplet: &Triplet,
        scope: Scope,
    ) -> Result<Option<ApiOperation>, ApiError> {
        let found = self.operation_by_triplet_among(issuer, account, triplet, scope, usize::MAX)?;
        Ok(found.0)
    }

    /// As [`Self::operation_by_triplet`], of which at most so many records are read; with it whether all were that had
    /// to be.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn operation_by_triplet_among(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        triplet: &Triplet,
        scope: Scope,
        mut records: usize,
    ) -> Result<(Option<ApiOperation>, bool), ApiError> {
        let index = find(self.reader().books().portfolio(), issuer, account)?;
        let found = self.by_triplets(index, &[triplet], scope.hierarchy, &mut records)?;
        match found.into_values().next() {
            Some(record) => Ok((self.shown(record, scope)?, true)),
            None => Ok((None, records > 0)),
        }
    }

    /// A page of the operations of an account, or of an account and all below it, in posting order.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn list_operations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: &ListFilter,
    ) -> Result<OperationPage, ApiError> {
        let size = filter.page_size.clamp(1, PAGE_OPERATIONS_MAX);
        let skipped = filter.page.saturating_mul(size);
        // One more than is shown says whether more follow. Where kinds are left out, how many it takes is
        // only known from the records, of which so many are read.
        let wanted = match filter.needs_records() {
            false => skipped.saturating_add(size + 1),
            true => SEARCH_RECORDS_MAX + 1,
        };
        // Records are read without holding the books, so that the writer need not wait.
        let (mut places, position) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let last = books.last_seq().unwrap_or(Seq(0));
            let position = filter.as_of.map_or(last, |as_of| as_of.min(last));
            let mut places = Vec::new();
            let accounts = accounts(&books, index, filter.scope.hierarchy);
            let known = |of: &AccountIndex| books.history(*of).len() + books.refused(*of).len();
            // Nothing is collected for a page that there is not.
            let is_there = skipped < accounts.iter().map(known).sum();
            for account in accounts.into_iter().filter(|_| is_there) {
                places.extend(first_places(&books, account, filter, position, wanted));
                if filter.include_refused {
                    places.extend(refused_places(&books, account, filter, position));
                }
            }
            (places, position)
        };
        in_order(&mut places, filter.newest_first);
        let (records, more, complete) = match filter.needs_records() {
            false => {
                let more = places.len() > skipped.saturating_add(size);
                let page = places.iter().skip(skipped).take(size);
                let records = page.filter_map(|(_, seq)| self.reader().record(*seq).transpose());
                (records.collect::<Result<_, _>>()?, more, true)
            }
            true => self.page_without(&places, filter, skipped, size)?,
        };
        Ok(OperationPage {
            operations: self.shown_all(&records, filter.scope)?,
            more,
            complete,
            position,
        })
    }

    /// A page of what remains when operations are left out for what their records say; whether more remain,
    /// and whether all were looked at.
    fn page_without(
        &self,
        places: &[Place],
        filter: &ListFilter,
        skipped: usize,
        size: usize,
    ) -> Result<(Vec<Record>, bool, bool), ApiError> {
        let (mut passed, mut page) = (0, Vec::new());
        for (read, (_, seq)) in places.iter().enumerate() {
            if read == SEARCH_RECORDS_MAX {
                return Ok((page, false, false));
            }
            let Some(record) = self.reader().record(*seq)? else {
                continue;
            };
            let view = api_view(self.reader().books().portfolio(), &record);
            if !view.is_some_and(|view| filter.lets_through(&view)) {
                continue;
            }
            if page.len() == size {
                return Ok((page, true, true));
            }
            passed += 1;
            if passed > skipped {
                page.push(record);
            }
        }
        Ok((page, false, true))
    }

    /// The record that posted the operation with this id, if readers have it.
    pub(super) fn operation_record(&self, id: OperationId) -> Result<Option<Record>, ApiError> {
        if self.reader().last_seq().is_none_or(|last| id.seq() > last) {
            return Ok(None);
        }
        let record = self.reader().record(id.seq())?;
        Ok(record.filter(|record| record.operation().is_some()))
    }

    /// The view of a record that readers have.
    fn shown(&self, record: Record, scope: Scope) -> Result<Option<ApiOperation>, ApiError> {
        Ok(self.shown_all(&[record], scope)?.pop())
    }

    /// The views of records that readers have, in their order; of those that have one.
    pub(super) fn shown_all(
        &self,
        records: &[Record],
        scope: Scope,
    ) -> Result<Vec<ApiOperation>, ApiError> {
        let mut parents = match scope.parent_operation {
            true => self.parents(records)?,
            false => HashMap::new(),
        };
        let mut approvals = Approvals::new(self);
        let mut views = Vec::with_capacity(records.len());
        for record in records {
            let authorization = match scope.authorization {
                true => approvals.of(record)?,
                false => None,
            };
            let books = self.reader().books();
            let parent = parents.remove(&record.seq);
            let parent = parent.and_then(|parent| api_view(books.portfolio(), &parent));
            let Some(view) = api_view(books.portfolio(), record) else {
                continue;
            };
            views.push(ApiOperation {
                parent_operation_identifier: view.parent_operation_identifier.or_else(|| {
                    let parent = parent.as_ref()?;
                    parent.operation_identifier.clone()
                }),
                parent_operation: parent.map(Box::new),
                authorization,
                ..view
            });
        }
        Ok(views)
    }
}

fn api_view(portfolio: &Portfolio, record: &Record) -> Option<ApiOperation> {
    api_operation(portfolio, record.account()?, record)
}

/// The accounts that are meant.
pub(super) fn accounts(books: &Books, index: AccountIndex, hierarchy: bool) -> Vec<AccountIndex> {
    match hierarchy {
        true => books.hierarchy_under(index),
        false => vec![index],
    }
}

/// Whether an account is the one meant, or below it.
fn covers(portfolio: &Portfolio, meant: AccountIndex, of: AccountIndex, hierarchy: bool) -> bool {
    let mut at = Some(of);
    while let Some(place) = at {
        if place == meant {
            return true;
        }
        at = portfolio.account(place).parent.filter(|_| hierarchy);
    }
    false
}

/// The first operations of an account that are listed, in the order asked for: as many as are wanted, and some more.
pub(super) fn first_places(
    books: &Books,
    account: AccountIndex,
    filter: &ListFilter,
    position: Seq,
    wanted: usize,
) -> Vec<Place> {
    let history = books.history(account);
    let posted = history.posted_between(filter.start, filter.end);
    let timeline = books.timeline();
    first_that(history, posted, filter.newest_first, wanted, |entry| {
        entry.seq <= position && (filter.include_unprinted || !timeline.is_unprinted(entry.seq))
    })
}

/// The first of these operations of which something is so, from either end: as many as are wanted, and some more.
pub(super) fn first_that(
    history: History<'_>,
    mut rest: Range<usize>,
    newest_first: bool,
    wanted: usize,
    is_so: impl Fn(&Entry) -> bool,
) -> Vec<Place> {
    let mut places = Vec::new();
    // It takes a few goes; each longer than the one before, for there may be much that is passed over.
    let mut length = wanted;
    while !rest.is_empty() && places.len() < wanted {
        let count = length.min(rest.len());
        length = length.saturating_mul(2).min(GO_ENTRIES_MAX.max(wanted));
        let (go, left) = match newest_first {
            true => (rest.end - count..rest.end, rest.start..rest.end - count),
            false => (rest.start..rest.start + count, rest.start + count..rest.end),
        };
        rest = left;
        let entries = history.entries(go).into_iter();
        places.extend(entries.filter(&is_so).map(place));
    }
    places
}

/// Entries of a history that are copied in one go, unless more are wanted.
const GO_ENTRIES_MAX: usize = 65_536;

/// The remembered refusals of an account that are listed, in the order of the log.
pub(super) fn refused_places<'a>(
    books: &'a Books,
    account: AccountIndex,
    filter: &'a ListFilter,
    position: Seq,
) -> impl Iterator<Item = Place> + 'a {
    let until_then = books.refused(account).iter();
    until_then
        .take_while(move |refusal| refusal.seq <= position)
        .filter(|refusal| is_between(refusal.posted_at, filter.start, filter.end))
        .map(|refusal| (refusal.posted_at, refusal.seq))
}

fn is_between(at: Timestamp, start: Option<Timestamp>, end: Option<Timestamp>) -> bool {
    start.is_none_or(|start| at >= start) && end.is_none_or(|end| at < end)
}

fn place(entry: Entry) -> Place {
    (entry.posted_at, entry.seq)
}

pub(super) fn in_order(places: &mut [Place], newest_first: bool) {
    match newest_first {
        true => places.sort_unstable_by_key(|place| Reverse(*place)),
        false => places.sort_unstable(),
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::projection::history::Histories;
    use ledger_core::time::BusinessDate;

    use super::*;

    #[test]
    fn the_first_from_either_end_are_found_however_far_apart_they_are() {
        let mut histories = Histories::default();
        histories.open();
        for n in 0..1_000_u32 {
            let entry = Entry {
                // Some are posted before others that were recorded before them.
                posted_at: Timestamp(i64::from(n / 10 * 10 + n * 7 % 10)),
                seq: Seq(u64::from(n) + 1),
                value_date: BusinessDate(0),
                minor: i64::from(n * 31 % 97),
            };
            histories.add(AccountIndex(0), entry);
        }
        let history = histories.of(AccountIndex(0));
        for (wanted, rest) in [(0, 0), (2, 1_000), (7, 600), (50, 1_000), (1_000, 1_000)] {
            for newest_first in [false, true] {
                let is_so = |entry: &Entry| entry.minor == 5;
                let found = first_that(history, 0..rest, newest_first, wanted, is_so);
                let mut all = history.entries(0..rest);
                all.retain(is_so);
                let mut all: Vec<_> = all.into_iter().map(place).collect();
                in_order(&mut all, newest_first);
                let mut sorted = found.clone();
                in_order(&mut sorted, newest_first);
                assert!(found.len() >= wanted.min(all.len()));
                assert_eq!(sorted[..], all[..found.len()], "{wanted} of {rest}");
            }
        }
    }
}
