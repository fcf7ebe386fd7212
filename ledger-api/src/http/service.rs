//! What every call is answered from.

use std::sync::Arc;

use ledger_core::text::IssuerId;
use ledger_core::time::TimeZone;

use super::auth::Client;
use super::config::ErrorProfile;
use super::guard::Guard;
use crate::ledger::Ledger;

/// The ledger, and how it is served.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) ledger: Arc<Ledger>,
    /// Whether a command must bring its correlation id.
    pub(crate) strict: bool,
    /// Which statuses refusals have.
    pub(crate) error_profile: ErrorProfile,
    /// What every call passes.
    pub(crate) guard: Guard,
}

impl Service {
    /// The zone of an issuer, if there is one: the first it ever had, so that an answer given again has the same
    /// times in the same words.
    pub(crate) fn zone(&self, issuer: &str) -> Option<TimeZone> {
        let issuer = IssuerId::new(issuer).ok()?;
        let books = self.ledger.reader().books();
        let portfolio = books.portfolio();
        let index = portfolio.issuer_index(&issuer)?;
        portfolio
            .issuer(index)
            .configurations
            .first()
            .map(|first| first.time_zone)
    }

    /// The issuers whose operations a search of the caller may find: the one that is named, or all.
    pub(crate) fn visible(&self, client: &Client, named: Option<&IssuerId>) -> Vec<IssuerId> {
        let books = self.ledger.reader().books();
        let all = books
            .portfolio()
            .issuers()
            .map(|(_, issuer)| issuer.id.clone());
        all.filter(|id| named.is_none_or(|named| named == id) && client.may_see(id.as_str()))
            .collect()
    }

    /// How far the log reaches that readers see.
    pub(crate) fn position(&self) -> u64 {
        self.ledger.reader().last_seq().map_or(0, |seq| seq.0)
    }
}
