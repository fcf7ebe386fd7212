//! The texts that all operations of a workload share.

use ledger_core::command::{Command, Request};
use ledger_core::ids::CorrelationId;
use ledger_core::labels::{TransactionLabel, TransactionLabels};
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
    /// What a purchase tells of where it was made.
    pub(super) labels: TransactionLabels,
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
            labels: labels()?,
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

fn labels() -> Result<TransactionLabels, TextError> {
    Ok(TransactionLabels::new()
        .with(TransactionLabel::MerchantCategoryCode, &Label::new("5411")?)
        .with(
            TransactionLabel::CardAcceptorName,
            &Label::new("MARKTHALLE NORD")?,
        )
        .with(TransactionLabel::CardAcceptorCountry, &Label::new("276")?))
}
