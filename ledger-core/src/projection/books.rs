//! The books: what readers see. A fold of the durable log: the portfolio, each account's history,
//! and the general ledger.

use std::collections::{BTreeSet, HashMap};
use std::hint::black_box;

use crate::event::{EventBody, Record, Refusal};
use crate::ids::{AccountIndex, OperationId, Seq};
use crate::money::{Quantity, Unit};
use crate::portfolio::{Movement, Portfolio, TOUCHED_RECORDS_MAX};
use crate::projection::case_files::CaseFiles;
use crate::projection::general_ledger::{GeneralLedger, Total};
use crate::projection::gist::{Booked, Brief, Gist, entry_of};
use crate::projection::history::{Entry, Histories, History};
use crate::projection::restoration::{RestoredBand, joined};
use crate::projection::timeline::Timeline;
use crate::time::{BusinessDate, Timestamp};

/// Everything queries are answered from, as of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    portfolio: Portfolio,
    histories: Histories,
    /// Accounts by the one above them: (above, below).
    below: BTreeSet<(AccountIndex, AccountIndex)>,
    /// Remembered refusals, by account.
    refused: HashMap<AccountIndex, Vec<Refusal>>,
    general_ledger: GeneralLedger,
    case_files: CaseFiles,
    timeline: Timeline,
    last_seq: Option<Seq>,
}

impl Books {
    /// Folds records in, in order.
    pub fn apply_all(&mut self, records: &[Record]) {
        for records in records.chunks(TOUCHED_RECORDS_MAX) {
            let briefs: Vec<_> = records.iter().map(Brief::of).collect();
            self.apply_brief(records, &briefs);
        }
    }

    /// Folds records in, in order, of which these are the briefs.
    ///
    /// # Panics
    /// When there are not as many.
    pub fn apply_brief(&mut self, records: &[Record], briefs: &[Brief]) {
        assert_eq!(records.len(), briefs.len(), "each record has its brief");
        let briefs = briefs.chunks(TOUCHED_RECORDS_MAX);
        for (records, briefs) in records.chunks(TOUCHED_RECORDS_MAX).zip(briefs) {
            let both = || briefs.iter().zip(records);
            self.touch(both());
            for (brief, record) in both() {
                self.fold(record, brief);
            }
        }
    }

    /// Folds one record in, without its brief: what [`Self::apply_brief`] does can be checked against it.
    pub fn apply(&mut self, record: &Record) {
        let general_ledger = &mut self.general_ledger;
        self.portfolio.apply(record, &mut |portfolio, movement| {
            general_ledger.book(portfolio, &movement);
        });
        self.last_seq = Some(record.seq);
        self.timeline.add(record);
        match &record.event.body {
            EventBody::AccountOpened {
                account, parent, ..
            } => {
                self.below.extend(parent.map(|parent| (parent, *account)));
                self.histories.open();
            }
            EventBody::OperationRejected { .. } => {
                if let Some((account, refusal)) = record.refusal() {
                    self.refused.entry(account).or_default().push(refusal);
                }
            }
            EventBody::OperationPosted { .. } | EventBody::OperationReversed { .. } => {
                self.note(record);
            }
            EventBody::OperationCleared { .. } => {
                self.note(record);
                self.case_files.add(&self.portfolio, record);
            }
            EventBody::AuthorizationRecorded { .. } => {
                self.case_files.add(&self.portfolio, record);
            }
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => {}
        }
    }

    fn fold(&mut self, record: &Record, brief: &Brief) {
        if let Gist::Plain { account, entry, .. } = brief.gist
            && let Some(booked) = brief.booked
        {
            self.post(account, entry, booked, record);
        } else {
            self.apply(record);
        }
    }

    /// Folds in a plain posting. All that is read of the record is what selects the contra account, where the kind alone
    /// does not.
    fn post(&mut self, account: AccountIndex, entry: Entry, booked: Booked, record: &Record) {
        debug_assert_eq!(entry.seq, record.seq, "the brief is of this record");
        let Booked {
            kind,
            has_detail,
            script,
        } = booked;
        let quantity = Quantity {
            value: entry.minor,
            unit: Unit::Money,
        };
        self.portfolio.post_at_once(account, quantity, kind);
        let movement = Movement {
            operation: OperationId::of(entry.seq),
            account,
            quantity,
            value_date: entry.value_date,
            script,
            kind,
            detail: has_detail.then(|| record.contra_detail()).flatten(),
        };
        self.general_ledger.book(&self.portfolio, &movement);
        self.histories.add(account, entry);
        self.last_seq = Some(entry.seq);
    }

    fn note(&mut self, record: &Record) {
        if let Some(account) = record.account() {
            self.histories.add(account, entry_of(record));
        }
    }

    /// The books of which these are the parts, as of the record at `last_seq`.
    ///
    /// # Panics
    /// When the bands do not come in the order of opening.
    #[must_use]
    pub fn restored(
        portfolio: Portfolio,
        case_files: CaseFiles,
        timeline: Timeline,
        bands: Vec<RestoredBand>,
        totals: Vec<Total>,
        last_seq: Seq,
    ) -> Self {
        let (histories, refused) = joined(bands, portfolio.accounts.len());
        let below = portfolio
            .accounts()
            .filter_map(|(index, account)| Some((account.parent?, index)));
        Self {
            below: below.collect(),
            portfolio,
            histories,
            refused,
            general_ledger: GeneralLedger::restored(totals),
            case_files,
            timeline,
            last_seq: Some(last_seq),
        }
    }

    /// Brings what is about to change into the processor's cache. The loops are so short that the
    /// processor runs ahead in them, and waits for many places in memory at a time.
    fn touch<'a>(&self, all: impl Iterator<Item = (&'a Brief, &'a Record)> + Clone) {
        let accounts = all
            .clone()
            .filter_map(|(brief, record)| brief.account(record));
        let accounts: Vec<_> = accounts
            .filter(|index| self.histories.has(*index))
            .collect();
        let mut touched = 0;
        for (_, record) in all.clone().filter(|(brief, _)| brief.has_detail()) {
            touched ^= record.contra_detail().map_or(0, |detail| detail.len()) as i128;
        }
        for index in &accounts {
            touched ^= self.portfolio.touch(*index) ^ i128::from(self.histories.touch(*index));
        }
        let next: Vec<_> = accounts
            .iter()
            .map(|index| self.histories.next(*index))
            .collect();
        for next in next.iter().flatten() {
            touched ^= i128::from(self.histories.touch_next(*next));
        }
        black_box(touched);
    }

    /// Issuers, accounts, live balances.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// Totals of double entry.
    #[must_use]
    pub fn general_ledger(&self) -> &GeneralLedger {
        &self.general_ledger
    }

    /// Where the messages of the authorization system lie.
    #[must_use]
    pub fn case_files(&self) -> &CaseFiles {
        &self.case_files
    }

    /// Business dates by position, and what statements leave out.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Operations of an account that this book has.
    #[must_use]
    pub fn history(&self, account: AccountIndex) -> History<'_> {
        self.histories.of(account)
    }

    /// An account and all below it, the account first.
    #[must_use]
    pub fn hierarchy_under(&self, account: AccountIndex) -> Vec<AccountIndex> {
        let mut found = vec![account];
        let mut looked = 0;
        while let Some(above) = found.get(looked).copied() {
            let all = (above, AccountIndex(0))..=(above, AccountIndex(u32::MAX));
            found.extend(self.below.range(all).map(|(_, below)| *below));
            looked += 1;
        }
        found
    }

    /// Remembered refusals of operations of an account that this book has, in the order of the log.
    #[must_use]
    pub fn refused(&self, account: AccountIndex) -> &[Refusal] {
        self.refused.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Balance of an account in minor units: operations with a value date of at most `valued`
    /// (absent: the business date), posted at or before `known` (absent: all).
    #[must_use]
    pub fn balance_minor(
        &self,
        account: AccountIndex,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> i128 {
        let issuer = self.portfolio.account(account).issuer;
        let valued = valued.unwrap_or(self.portfolio.issuer(issuer).business_date);
        self.history(account).balance(Some(valued), known)
    }

    /// Balance of an account in minor units as the log up to the record at `position` has it: operations with
    /// a value date of at most `valued` (absent: the business date then), posted at or before `known` (absent:
    /// all). Looks through all operations of the account.
    #[must_use]
    pub fn balance_minor_at(
        &self,
        account: AccountIndex,
        position: Seq,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> i128 {
        let issuer = self.portfolio.account(account).issuer;
        let then = || self.timeline.business_date(issuer, position);
        // Before its issuer there was no account either, and no operation.
        let valued = valued.or_else(then);
        self.history(account).balance_at(position, valued, known)
    }

    /// Memory held for the histories of all accounts, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        self.histories.retained_bytes()
    }

    /// Place of the last record folded in, if there is one.
    #[must_use]
    pub fn last_seq(&self) -> Option<Seq> {
        self.last_seq
    }
}
