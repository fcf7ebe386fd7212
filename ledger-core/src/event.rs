//! Events: what happened, with everything that was decided, so that a fold needs no clock and no
//! configuration but the events before it.
//!
//! These types are the disk format: variants and fields are only ever added at the end of their
//! list, and golden bytes in `ledger-store` pin them.

use bincode::de::BorrowDecoder;
use bincode::de::read::Reader;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Encode};

use crate::annotations::Annotations;
use crate::authorization::{DecidedAuthorization, RecordAuthorization, SecondKey};
use crate::command::{
    AccountAction, AdvanceBusinessDate, CancelOfflineReservation, ConfigureIssuer,
    CreateOfflineReservation, DefineBonusProgram, DefineProduct, OpenAccount, OperationKind,
    PostDetail, PostOperation, ReverseOperation, SetCreditLimit, Triplet, WorkingMode,
};
use crate::ids::{AccountIndex, CorrelationId, IssuerIndex, OperationId, Seq};
use crate::money::{Currency, Quantity};
use crate::rejection::Rejection;
use crate::text::{Description, IssuerId, Label, ReasonCode};
use crate::time::{BusinessDate, Timestamp};

/// One record of the log: an event at its place, with when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Place in the log.
    pub seq: Seq,
    /// When the engine recorded it; never earlier than the record before.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What one command did.
///
/// Encoded, it is issuer, correlation id and body, followed by the annotations if there are any. It is a
/// payload of its own: whether it has annotations is known by whether bytes remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The issuer whose command it was.
    pub issuer: IssuerIndex,
    /// The command's correlation id.
    pub correlation: CorrelationId,
    /// What happened.
    pub body: EventBody,
    /// What the command carried along; never an empty box.
    pub annotations: Option<Box<Annotations>>,
}

impl Encode for Event {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Self {
            issuer,
            correlation,
            body,
            annotations,
        } = self;
        issuer.encode(encoder)?;
        correlation.encode(encoder)?;
        body.encode(encoder)?;
        match annotations {
            Some(annotations) => annotations.encode(encoder),
            None => Ok(()),
        }
    }
}

impl<'de, C> BorrowDecode<'de, C> for Event {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            issuer: BorrowDecode::borrow_decode(decoder)?,
            correlation: BorrowDecode::borrow_decode(decoder)?,
            body: BorrowDecode::borrow_decode(decoder)?,
            annotations: match decoder.borrow_reader().peek_read(1) {
                Some(_) => Some(BorrowDecode::borrow_decode(decoder)?),
                None => None,
            },
        })
    }
}

/// The kinds of event. Variant order is the disk format.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub enum EventBody {
    /// An issuer was created or reconfigured.
    IssuerConfigured {
        /// The issuer's id.
        issuer_id: IssuerId,
        /// The configuration.
        configuration: ConfigureIssuer,
        /// The business date from here on.
        business_date: BusinessDate,
    },
    /// A product was created or changed.
    ProductDefined(DefineProduct),
    /// A bonus program was created or changed.
    BonusProgramDefined(DefineBonusProgram),
    /// The business date moved.
    BusinessDateAdvanced(AdvanceBusinessDate),
    /// An account was opened.
    AccountOpened {
        /// Its place.
        account: AccountIndex,
        /// What was asked.
        opening: OpenAccount,
        /// Its currency, from the product.
        currency: Currency,
        /// Its working mode, from the product.
        working_mode: WorkingMode,
        /// Its credit limit in minor units, given or defaulted.
        credit_limit_minor: i64,
        /// Its parent.
        parent: Option<AccountIndex>,
    },
    /// A credit limit changed.
    CreditLimitSet {
        /// The account.
        account: AccountIndex,
        /// The posting date, if the command carried one.
        posting_date: Option<Timestamp>,
        /// What was asked.
        change: SetCreditLimit,
    },
    /// An account was closed.
    AccountClosed {
        /// The account.
        account: AccountIndex,
        /// The posting date, if the command carried one.
        posting_date: Option<Timestamp>,
    },
    /// An operation was posted.
    OperationPosted {
        /// What was decided.
        decided: Decided,
        /// What was asked.
        operation: PostOperation,
    },
    /// An operation was reversed, in full or in part, by a new operation.
    OperationReversed {
        /// What was decided.
        decided: Decided,
        /// The operation it reverses.
        original: OperationId,
        /// The contra key of the original, whose legs this mirrors.
        contra: ContraKey,
        /// Whether this ends a pending original, which then never becomes effective.
        cancels_pending: bool,
        /// Whether this is less than the whole original.
        partial: bool,
        /// What was asked.
        reversal: Box<ReverseOperation>,
    },
    /// A well-formed command on an existing account was refused by a business rule.
    OperationRejected {
        /// The account.
        account: AccountIndex,
        /// The posting date, if the command carried one.
        posting_date: Option<Timestamp>,
        /// What was asked.
        action: Box<AccountAction>,
        /// Why it was refused.
        rejection: Rejection,
    },
    /// A message of the authorization system was recorded, approved or declined.
    AuthorizationRecorded {
        /// What was decided.
        decided: Box<DecidedAuthorization>,
        /// What was asked, or told.
        message: Box<RecordAuthorization>,
    },
    /// A scheme transaction was posted, and what was reserved for it given free.
    OperationCleared {
        /// What was decided.
        decided: Decided,
        /// What its business case reserves no longer, in minor units; zero or more. While the
        /// operation is pending it stays reserved, for the operation alone.
        released_minor: i64,
        /// What was asked: a [`PostDetail::Clearing`].
        operation: Box<PostOperation>,
    },
    /// An offline reservation was made.
    OfflineReservationCreated {
        /// The account.
        account: AccountIndex,
        /// The posting date, if the command carried one.
        posting_date: Option<Timestamp>,
        /// What was asked.
        reservation: CreateOfflineReservation,
    },
    /// An offline reservation was ended.
    OfflineReservationCancelled {
        /// The account.
        account: AccountIndex,
        /// The posting date, if the command carried one.
        posting_date: Option<Timestamp>,
        /// What was asked.
        cancellation: CancelOfflineReservation,
        /// What it gave free, in minor units.
        released_minor: i64,
    },
}

/// What was decided about a posting or a reversal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct Decided {
    /// The account.
    pub account: AccountIndex,
    /// The posting date the command carried; absent: when it was recorded.
    pub posting_date: Option<Timestamp>,
    /// When it impacts balances.
    pub value_date: BusinessDate,
    /// What it moves.
    pub quantity: Quantity,
    /// Whether its value date was in the future, so that it waits for the business date.
    pub pending: bool,
    /// Which of the issuer's accounting scripts books it.
    pub script: u32,
}

/// What selects the contra account of an operation in an accounting script. Variant order is the
/// disk format.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct ContraKey {
    /// Kind of the original operation.
    pub kind: OperationKind,
    /// Fee type, adjustment reason, or `CREDIT`/`DEBIT` for interest.
    pub detail: Option<ReasonCode>,
}

/// One view of a posting or a reversal, for those who do not care which of the two it was.
#[derive(Debug, Clone, Copy)]
pub struct OperationView<'a> {
    /// Its id.
    pub id: OperationId,
    /// Kind; a reversal has the kind of its original.
    pub kind: OperationKind,
    /// What was decided.
    pub decided: &'a Decided,
    /// When it was posted: its own posting date, or when it was recorded.
    pub posting_date: Timestamp,
    /// Name of the operation outside.
    pub triplet: &'a Triplet,
    /// Text for the cardholder.
    pub description: Option<&'a Description>,
    /// The issuer's own code.
    pub external_code: Option<&'a Label>,
    /// Fields of the kind, for a posting.
    pub post: Option<&'a PostDetail>,
    /// For a reversal: the original and its triplet.
    pub original: Option<(OperationId, &'a Triplet)>,
    /// Whether it reverses less than the whole original.
    pub partial: bool,
}

/// A refusal of an operation, as lists know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// When it would have been posted: the posting date it carried, or when it was recorded.
    pub posted_at: Timestamp,
    /// Its record.
    pub seq: Seq,
}

impl Record {
    /// The account and the refusal, if this record remembers that an operation or a reversal was refused.
    /// What else may be refused on an account is no operation, and in no list of them.
    #[must_use]
    pub fn refusal(&self) -> Option<(AccountIndex, Refusal)> {
        let EventBody::OperationRejected {
            account,
            posting_date,
            action,
            ..
        } = &self.event.body
        else {
            return None;
        };
        action.triplet()?;
        let refusal = Refusal {
            posted_at: posting_date.unwrap_or(self.recorded_at),
            seq: self.seq,
        };
        Some((*account, refusal))
    }

    /// The operation this record posted, if it posted one.
    #[must_use]
    pub fn operation(&self) -> Option<OperationView<'_>> {
        match &self.event.body {
            EventBody::OperationPosted { decided, operation } => {
                Some(self.posting(decided, operation))
            }
            EventBody::OperationCleared {
                decided, operation, ..
            } => Some(self.posting(decided, operation)),
            EventBody::OperationReversed {
                decided,
                original,
                reversal,
                partial,
                ..
            } => Some(OperationView {
                id: OperationId::of(self.seq),
                kind: reversal.kind,
                decided,
                posting_date: decided.posting_date.unwrap_or(self.recorded_at),
                triplet: &reversal.triplet,
                description: reversal.description.as_ref(),
                external_code: reversal.external_code.as_ref(),
                post: None,
                original: Some((*original, &reversal.matching)),
                partial: *partial,
            }),
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OperationRejected { .. }
            | EventBody::AuthorizationRecorded { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => None,
        }
    }

    /// What selects the contra account of the operation that this record posted, besides its kind.
    pub(crate) fn contra_detail(&self) -> Option<&str> {
        let EventBody::OperationPosted { operation, .. } = &self.event.body else {
            return None;
        };
        operation.detail.contra_detail()
    }

    fn posting<'a>(&self, decided: &'a Decided, operation: &'a PostOperation) -> OperationView<'a> {
        OperationView {
            id: OperationId::of(self.seq),
            kind: operation.detail.kind(),
            decided,
            posting_date: decided.posting_date.unwrap_or(self.recorded_at),
            triplet: &operation.triplet,
            description: operation.description.as_ref(),
            external_code: operation.external_code.as_ref(),
            post: Some(&operation.detail),
            original: None,
            partial: false,
        }
    }

    /// The name outside that the record has taken, if it has taken one.
    #[must_use]
    pub fn second_key(&self) -> Option<SecondKey<'_>> {
        match &self.event.body {
            EventBody::OperationPosted { operation, .. } => {
                Some(SecondKey::Triplet(&operation.triplet))
            }
            EventBody::OperationCleared { operation, .. } => {
                Some(SecondKey::Triplet(&operation.triplet))
            }
            EventBody::OperationReversed { reversal, .. } => {
                Some(SecondKey::Triplet(&reversal.triplet))
            }
            EventBody::AuthorizationRecorded { message, .. } => {
                Some(SecondKey::Transaction(&message.transaction_id))
            }
            EventBody::OfflineReservationCreated { reservation, .. } => {
                Some(SecondKey::Reservation(&reservation.reference))
            }
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OperationRejected { .. }
            | EventBody::OfflineReservationCancelled { .. } => None,
        }
    }

    /// The account the record is about, if it is about one.
    #[must_use]
    pub fn account(&self) -> Option<AccountIndex> {
        match &self.event.body {
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_) => None,
            EventBody::AccountOpened { account, .. }
            | EventBody::CreditLimitSet { account, .. }
            | EventBody::AccountClosed { account, .. }
            | EventBody::OperationRejected { account, .. }
            | EventBody::OfflineReservationCreated { account, .. }
            | EventBody::OfflineReservationCancelled { account, .. } => Some(*account),
            EventBody::OperationPosted { decided, .. }
            | EventBody::OperationCleared { decided, .. }
            | EventBody::OperationReversed { decided, .. } => Some(decided.account),
            EventBody::AuthorizationRecorded { decided, .. } => Some(decided.account),
        }
    }
}

impl PostDetail {
    /// What selects the contra account of such an operation besides its kind.
    #[must_use]
    pub fn contra_detail(&self) -> Option<&str> {
        match self {
            Self::Fee(fee) => Some(fee.fee_type.as_str()),
            Self::Interest(interest_type) => Some(interest_type.code()),
            Self::BalanceAdjustment { reason } => Some(reason.as_str()),
            Self::Bonus(_)
            | Self::Payment(_)
            | Self::Reimbursement(_)
            | Self::Load(_)
            | Self::Unload
            | Self::Transaction(_)
            | Self::ResetBalance
            | Self::Clearing(_) => None,
        }
    }

    /// What selects the contra account of such an operation.
    #[must_use]
    pub fn contra_key(&self) -> ContraKey {
        let detail = self.contra_detail().map(|detail| {
            ReasonCode::new(detail).expect("every detail is as short and printable as a reason")
        });
        ContraKey {
            kind: self.kind(),
            detail,
        }
    }
}
