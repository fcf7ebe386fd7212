//! Searching operations by criteria, across issuers.
//!
//! Source: issuer API, "Retrieve operations by criteria": at least one criterion of a first group says whose
//! operations, one range of a second group when, and the others are optional.

use ledger_core::command::{AccountSelector, OperationKind, PostDetail};
use ledger_core::event::{OperationView as Operation, Record};
use ledger_core::ids::{AccountIndex, IssuerIndex, OperationId, Seq};
use ledger_core::labels::TransactionLabel;
use ledger_core::money::{Amount, Unit};
use ledger_core::projection::books::Books;
use ledger_core::text::IssuerId;
use ledger_core::time::Timestamp;
use thiserror::Error;

use super::PAGE_OPERATIONS_MAX;
use super::full::{Place, Scope, first_that, in_order};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::operation_view::ApiOperation;

/// Most records that one search reads. What the books know by themselves (account, posting date, amount) is
/// compared before, and costs none.
pub const SEARCH_RECORDS_MAX: usize = 20_000;

/// What to search for. Both ends of a range belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchCriteria {
    /// Group 1: `issuerCompanyExternalReference`. The ledger knows no companies, so this matches nothing.
    pub company: Option<String>,
    /// Group 1: `postingAccountIdentifier`.
    pub account: Option<AccountSelector>,
    /// Group 1: `virtualServiceCardExternalReference`. The ledger knows no virtual cards, so this matches
    /// nothing.
    pub virtual_card_external_reference: Option<String>,
    /// Group 1: `virtualServiceCardNumber`; as above.
    pub virtual_card_number: Option<String>,
    /// Group 1: `operationIdentifier`; no range of group 2 is needed then.
    pub operation: Option<OperationId>,
    /// Group 2: `transactionDateFrom`, `transactionDateTo`.
    pub transaction_date: Range<Timestamp>,
    /// Group 2: `postingDateFrom`, `postingDateTo`.
    pub posting_date: Range<Timestamp>,
    /// `referenceAmountFrom`, `referenceAmountTo`, debit positive; of one currency, and so are those found.
    pub reference_amount: Range<Amount>,
    /// `approvalCode`, exactly.
    pub approval_code: Option<String>,
    /// `cardAcceptorName`: `%` stands for any text, also none. Letter case is not compared: acquirers write
    /// names in capitals, and those who search mostly do not.
    pub card_acceptor_name: Option<String>,
    /// `operationKinds`: any of these; none given: any at all; an empty list: none
    /// (see [`crate::words::kinds`]).
    pub kinds: Option<Vec<OperationKind>>,
}

/// The two ends of a range, as they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    /// The lower end.
    pub from: Option<T>,
    /// The upper end.
    pub to: Option<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// The operations on the page, the latest posted first.
    pub operations: Vec<ApiOperation>,
    /// Whether more follow, as far as was looked.
    pub more: bool,
    /// Whether everything was looked at that had to be; if not, [`SEARCH_RECORDS_MAX`] records were read, and
    /// a shorter range says more.
    pub complete: bool,
    /// The position that this is as of.
    pub position: Seq,
}

/// Why a search cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SearchError {
    /// No criterion says whose operations.
    #[error("a company, an account, a virtual card or an operation must be given")]
    Group1Required,
    /// Both or neither of the two ranges of dates were given.
    #[error("exactly one of the ranges of transaction dates and posting dates must be given")]
    Group2ExactlyOne,
    /// A range has one end only.
    #[error("both ends of a range must be given")]
    RangeIncomplete {
        /// The end that is missing.
        field: &'static str,
    },
    /// The virtual card was named in both ways.
    #[error("a virtual card must be named by its reference or by its number, not both")]
    VirtualCardExclusive,
    /// A range of dates ends before it begins.
    #[error("the range must not end before it begins")]
    PeriodInvalid {
        /// Its lower end.
        field: &'static str,
    },
    /// The amounts of a range are of two currencies, or the upper one is less.
    #[error("both amounts must be of one currency, and the upper one not be less")]
    AmountRangeInvalid,
}

impl SearchError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Group1Required => "SEARCH_GROUP1_REQUIRED",
            Self::Group2ExactlyOne => "SEARCH_GROUP2_EXACTLY_ONE",
            Self::RangeIncomplete { .. } => "SEARCH_RANGE_INCOMPLETE",
            Self::VirtualCardExclusive => "SEARCH_VSC_EXCLUSIVE",
            Self::PeriodInvalid { .. } => "PERIOD_INVALID",
            Self::AmountRangeInvalid => "SEARCH_AMOUNT_RANGE_INVALID",
        }
    }

    /// The field at fault, in the names of the issuer API.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Group1Required => "postingAccountIdentifier",
            Self::Group2ExactlyOne => "postingDateFrom",
            Self::RangeIncomplete { field } | Self::PeriodInvalid { field } => field,
            Self::VirtualCardExclusive => "virtualServiceCardNumber",
            Self::AmountRangeInvalid => "referenceAmountTo",
        }
    }
}

impl SearchCriteria {
    /// Checks that the criteria make a search.
    ///
    /// # Errors
    /// What is missing or too much.
    pub fn check(&self) -> Result<(), SearchError> {
        let by_reference = self.virtual_card_external_reference.is_some();
        let by_number = self.virtual_card_number.is_some();
        if by_reference && by_number {
            return Err(SearchError::VirtualCardExclusive);
        }
        let whose = [
            self.company.is_some(),
            self.account.is_some(),
            by_reference,
            by_number,
            self.operation.is_some(),
        ];
        if !whose.contains(&true) {
            return Err(SearchError::Group1Required);
        }
        let transacted = ends(
            self.transaction_date,
            ["transactionDateFrom", "transactionDateTo"],
        )?;
        let posted = ends(self.posting_date, ["postingDateFrom", "postingDateTo"])?;
        match (transacted, posted) {
            (Some(_), Some(_)) => return Err(SearchError::Group2ExactlyOne),
            (None, None) if self.operation.is_none() => return Err(SearchError::Group2ExactlyOne),
            (Some((from, to)), None) if from > to => {
                let field = "transactionDateFrom";
                return Err(SearchError::PeriodInvalid { field });
            }
            (None, Some((from, to))) if from > to => {
                let field = "postingDateFrom";
                return Err(SearchError::PeriodInvalid { field });
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        let names = ["referenceAmountFrom", "referenceAmountTo"];
        match ends(self.reference_amount, names)? {
            Some((from, to)) if from.currency != to.currency || from.minor > to.minor => {
                Err(SearchError::AmountRangeInvalid)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a criterion is about what the ledger keeps nothing of.
    fn matches_nothing(&self) -> bool {
        self.company.is_some()
            || self.virtual_card_external_reference.is_some()
            || self.virtual_card_number.is_some()
            || self.kinds.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether an operation of an account is meant, as far as its record says.
    fn meets(&self, books: &Books, operation: &Operation<'_>) -> bool {
        let transaction = match operation.post {
            Some(PostDetail::Transaction(transaction)) => Some(transaction),
            Some(PostDetail::Clearing(clearing)) => Some(&clearing.transaction),
            Some(_) | None => None,
        };
        let of_kind = self
            .kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&operation.kind));
        let label = |label| transaction.and_then(|of| of.labels.get(label));
        let approved = self.approval_code.as_ref().is_none_or(|wanted| {
            label(TransactionLabel::ApprovalCode).is_some_and(|code| code == wanted)
        });
        let accepted = self.card_acceptor_name.as_ref().is_none_or(|wanted| {
            label(TransactionLabel::CardAcceptorName).is_some_and(|name| is_like(name, wanted))
        });
        let transacted = complete(self.transaction_date).is_none_or(|(from, to)| {
            let at = transaction.and_then(|of| of.transaction_date);
            at.is_some_and(|at| (from..=to).contains(&at))
        });
        let posted = complete(self.posting_date)
            .is_none_or(|(from, to)| (from..=to).contains(&operation.posting_date));
        let amount = complete(self.reference_amount).is_none_or(|(from, to)| {
            let account = books.portfolio().account(operation.decided.account);
            operation.decided.quantity.unit == Unit::Money
                && account.currency == from.currency
                && (from.minor..=to.minor).contains(&operation.decided.quantity.value)
        });
        of_kind && approved && accepted && transacted && posted && amount
    }

    /// Places of what may be meant of an account, by what the books know without the records: the latest, more than
    /// are read.
    fn places_in(&self, books: &Books, index: AccountIndex, position: Seq) -> Vec<Place> {
        let history = books.history(index);
        let (start, end) = match complete(self.posting_date) {
            // The upper end belongs to the range, which counts in milliseconds.
            Some((from, to)) => (Some(from), to.0.checked_add(1).map(Timestamp)),
            None => (None, None),
        };
        let posted = history.posted_between(start, end);
        let amount = complete(self.reference_amount);
        first_that(history, posted, true, SEARCH_RECORDS_MAX + 1, |entry| {
            entry.seq <= position
                && amount.is_none_or(|(from, to)| (from.minor..=to.minor).contains(&entry.minor))
        })
    }
}

impl Ledger {
    /// A page of the operations that meet all criteria, the latest posted first. Of `issuers`, the ones the
    /// caller may see; an issuer that does not exist has no operations. `scope` says what is shown with them.
    ///
    /// # Errors
    /// [`ApiError::Search`] when the criteria make no search, or when the log cannot be read.
    pub fn search_operations(
        &self,
        issuers: &[IssuerId],
        criteria: &SearchCriteria,
        page: usize,
        page_size: usize,
        as_of: Option<Seq>,
        scope: Scope,
    ) -> Result<SearchPage, ApiError> {
        criteria.check()?;
        let size = page_size.clamp(1, PAGE_OPERATIONS_MAX);
        let skipped = page.saturating_mul(size);
        let (places, issuers, position) = self.candidates(issuers, criteria, as_of);
        let mut found = SearchPage {
            operations: Vec::new(),
            more: false,
            complete: true,
            position,
        };
        let (mut passed, mut shown) = (0, Vec::new());
        for (read, (_, seq)) in places.into_iter().enumerate() {
            if read == SEARCH_RECORDS_MAX {
                found.complete = false;
                break;
            }
            let Some(record) = self.reader().record(seq)? else {
                continue;
            };
            if !self.is_meant(&record, criteria, &issuers) {
                continue;
            }
            if shown.len() == size {
                found.more = true;
                break;
            }
            passed += 1;
            if passed > skipped {
                shown.push(record);
            }
        }
        found.operations = self.shown_all(&shown, scope)?;
        Ok(found)
    }

    /// Places of all that may be meant, the latest first, with the issuers that exist and the position.
    fn candidates(
        &self,
        issuers: &[IssuerId],
        criteria: &SearchCriteria,
        as_of: Option<Seq>,
    ) -> (Vec<Place>, Vec<IssuerIndex>, Seq) {
        let books = self.reader().books();
        let portfolio = books.portfolio();
        let last = books.last_seq().unwrap_or(Seq(0));
        let position = as_of.map_or(last, |as_of| as_of.min(last));
        let issuers = issuers.iter().filter_map(|id| portfolio.issuer_index(id));
        let issuers: Vec<_> = issuers.collect();
        let mut places = Vec::new();
        if criteria.matches_nothing() {
            return (places, issuers, position);
        }
        match (&criteria.account, criteria.operation) {
            // Whether its account is the one meant is seen from the record.
            (_, Some(id)) if id.seq() <= position => places.push((Timestamp(0), id.seq())),
            (_, Some(_)) | (None, None) => {}
            (Some(account), None) => {
                for issuer in &issuers {
                    if let Some(index) = account_of(&books, *issuer, account) {
                        places.extend(criteria.places_in(&books, index, position));
                    }
                }
            }
        }
        // The writer need not wait for what follows.
        drop(books);
        in_order(&mut places, true);
        (places, issuers, position)
    }

    fn is_meant(
        &self,
        record: &Record,
        criteria: &SearchCriteria,
        issuers: &[IssuerIndex],
    ) -> bool {
        let Some(operation) = record.operation() else {
            return false;
        };
        let issuer = record.event.issuer;
        let books = self.reader().books();
        let on_account = criteria.account.as_ref().is_none_or(|account| {
            account_of(&books, issuer, account) == Some(operation.decided.account)
        });
        issuers.contains(&issuer) && on_account && criteria.meets(&books, &operation)
    }
}

fn account_of(
    books: &Books,
    issuer: IssuerIndex,
    account: &AccountSelector,
) -> Option<AccountIndex> {
    match account {
        AccountSelector::Reference(reference) => books.portfolio().by_reference(issuer, *reference),
        AccountSelector::External(reference) => books.portfolio().by_external(issuer, reference),
    }
}

/// Both ends of a range, if both were given.
fn complete<T>(range: Range<T>) -> Option<(T, T)> {
    Some((range.from?, range.to?))
}

/// Both ends of a range, or none.
fn ends<T>(range: Range<T>, names: [&'static str; 2]) -> Result<Option<(T, T)>, SearchError> {
    match (range.from, range.to) {
        (Some(from), Some(to)) => Ok(Some((from, to))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(SearchError::RangeIncomplete { field: names[0] }),
        (Some(_), None) => Err(SearchError::RangeIncomplete { field: names[1] }),
    }
}

/// Each letter by itself, so that a part of a text is what it is in the whole; a final sigma is a sigma.
fn in_one_case(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// Whether a text is what a pattern describes, in which `%` stands for any text, also none.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (in_one_case(text), in_one_case(pattern));
    let mut parts = pattern.split('%');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        // No `%` at all.
        return rest.is_empty();
    };
    // Each part is taken where it comes first, which leaves the most for those behind it.
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_stands_for_any_text() {
        for (text, pattern) in [
            ("ΚΩΣΤΑΣ ΑΕ", "ΚΩΣ%"),
            ("Κώστας", "%Σ"),
            ("Platinum Hotel", "Plat%"),
            ("Notting Hill", "%hill"),
            ("Alpine Wolfgang", "Al%gang"),
            ("RYOKAN-HOTEL IN JAPAN", "ryokan%japan"),
            ("abcabc", "a%b%c"),
            ("aXbXb", "a%b"),
            ("abc", "ABC"),
            ("abc", "%"),
            ("", "%"),
            ("", ""),
            ("abc", "%b%"),
            ("Žižkov", "ž%KOV"),
        ] {
            assert!(is_like(text, pattern), "{text} is like {pattern}");
        }
        for (text, pattern) in [
            ("Grand Platinum", "Plat%"),
            ("Hillside", "%hill"),
            ("Algan", "Al%gang"),
            ("abc", "ab"),
            ("abc", ""),
            // Nothing is counted twice.
            ("ab", "ab%b"),
            ("abc", "%b%d%"),
        ] {
            assert!(!is_like(text, pattern), "{text} is not like {pattern}");
        }
    }
}
