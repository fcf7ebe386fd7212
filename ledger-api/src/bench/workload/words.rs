//! The texts that all operations of a workload share.

use ledger_core::command::{Command, Request};
use ledger_core::ids::CorrelationId;
use ledger_core::money::Currency;
use ledger_core::text::{
    FeeType, IssuerId, Label, ProductReference, ReasonCode, ServicePoster, TextError,
};

/// The texts that all operations share.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) issuer: IssuerId,
    pub(super) product: ProductReference,
    pub(super) fee_type: FeeType,
    pub(super) on_demand: ReasonCode,
    pub(super) channel: ReasonCode,
    pub(super) bank: ServicePoster,
    pub(super) clearing: ServicePoster,
    pub(super) acceptor: Label,
    pub(super) country: Label,
    pub(super) category: Label,
    pub(super) currency: Currency,
}

impl Words {
    /// The texts.
    ///
    /// # Errors
    /// Never: they are short and printable.
    pub(super) fn new() -> Result<Self, TextError> {
        Ok(Self {
            issuer: IssuerId::new("bench")?,
            product: ProductReference::new("CLASSIC")?,
            fee_type: FeeType::new("MANUAL_FEE")?,
            on_demand: ReasonCode::new("REVERSAL_ON_DEMAND")?,
            channel: ReasonCode::new("DIRECT_DEBIT")?,
            bank: ServicePoster::new("BANK")?,
            clearing: ServicePoster::new("CLEARING")?,
            acceptor: Label::new("MARKTHALLE NORD")?,
            country: Label::new("276")?,
            category: Label::new("5411")?,
            currency: Currency::from_code("EUR").expect("a currency"),
        })
    }

    /// A request of the one issuer.
    pub(super) fn request(&self, correlation: CorrelationId, command: Command) -> Request {
        Request {
            issuer: self.issuer.clone(),
            correlation,
            command,
            annotations: None,
        }
    }
}
