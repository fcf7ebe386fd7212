//! What a record says, as far as it says it by itself: a proof is read without a ledger, so names that only
//! the records before it give (of the issuer, or of an account's currency) are not there.

use ledger_core::command::{AccountAction, PostDetail, PostOperation, Triplet};
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::{AccountReference, OperationId};
use ledger_core::money::Amount;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::views::instant;

/// One record in words. Its shape belongs to the version of the proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProofView {
    /// What happened, such as `OPERATION_POSTED`.
    pub event: String,
    /// Place of the issuer in the order of their first configuration, from 0.
    pub issuer_index: u32,
    /// The correlation id of the command.
    pub correlation_id: String,
    /// What was configured, defined or opened, by its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_reference: Option<String>,
    /// Id of the operation; absent for a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// Kind, such as FEE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_kind: Option<String>,
    /// Fee type, adjustment reason or interest type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether it reverses another operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversal: Option<bool>,
    /// Whether it reverses a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_operation: Option<bool>,
    /// The operation it reverses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_operation_id: Option<String>,
    /// Why a command was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection_code: Option<String>,
    /// What was moved, asked for, or set as a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<ProofAmount>,
    /// When it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posting_date: Option<String>,
    /// When it counts from, or the business date that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_date: Option<String>,
    /// Whether it waited for its value date when it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<bool>,
    /// First part of the triplet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_operation_date: Option<String>,
    /// Second part of the triplet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_operation_reference: Option<String>,
    /// Third part of the triplet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_operation_service_poster: Option<String>,
    /// Text for the cardholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An amount, as far as a record names it: a command without an amount names no currency either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofAmount {
    /// Minor units or points, debit positive.
    pub value: i64,
    /// Digits after the decimal point.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exponent: Option<u32>,
    /// Currency code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iso_code: Option<String>,
    /// `program/unit` of points.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub points: Option<String>,
}

impl ProofView {
    /// The words for a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let mut view = Self {
            issuer_index: record.event.issuer.0,
            correlation_id: Uuid::from_bytes(record.event.correlation.0).to_string(),
            account_reference: record
                .account()
                .map(|account| AccountReference::of(account).to_string()),
            ..Self::default()
        };
        view.event = view.take_body(record).to_owned();
        view
    }

    /// Takes what the kinds of event have each for themselves; gives the name of the kind.
    fn take_body(&mut self, record: &Record) -> &'static str {
        match &record.event.body {
            EventBody::IssuerConfigured {
                issuer_id,
                business_date,
                ..
            } => {
                self.name = Some(issuer_id.to_string());
                self.value_date = Some(business_date.to_string());
                "ISSUER_CONFIGURED"
            }
            EventBody::ProductDefined(product) => {
                self.name = Some(product.reference.to_string());
                "PRODUCT_DEFINED"
            }
            EventBody::BonusProgramDefined(program) => {
                self.name = Some(program.reference.to_string());
                "BONUS_PROGRAM_DEFINED"
            }
            EventBody::BusinessDateAdvanced(advance) => {
                self.value_date = Some(advance.business_date.to_string());
                "BUSINESS_DATE_ADVANCED"
            }
            EventBody::AccountOpened {
                opening,
                currency,
                credit_limit_minor,
                ..
            } => {
                self.name = opening.external_reference.as_ref().map(|r| r.to_string());
                self.amount = Some(ProofAmount::money(Amount {
                    minor: *credit_limit_minor,
                    currency: *currency,
                }));
                "ACCOUNT_OPENED"
            }
            EventBody::CreditLimitSet { change, .. } => {
                self.amount = Some(ProofAmount::money(change.credit_limit));
                "CREDIT_LIMIT_SET"
            }
            EventBody::AccountClosed { .. } => "ACCOUNT_CLOSED",
            EventBody::OperationRejected {
                posting_date,
                action,
                rejection,
                ..
            } => {
                self.rejection_code = Some(rejection.code().to_owned());
                self.posting_date = Some(instant(posting_date.unwrap_or(record.recorded_at)));
                self.take_action(action);
                "OPERATION_REJECTED"
            }
            EventBody::OperationPosted { operation, .. } => {
                self.take_operation(record, operation.reference_amount);
                "OPERATION_POSTED"
            }
            EventBody::OperationCleared { operation, .. } => {
                self.take_operation(record, operation.reference_amount);
                "OPERATION_CLEARED"
            }
            EventBody::AuthorizationRecorded { decided, message } => {
                self.name = Some(message.transaction_id.to_string());
                self.detail = Some(decided.result_type.code().to_owned());
                self.amount = message.billing_amount.map(ProofAmount::money);
                self.posting_date =
                    Some(instant(decided.posting_date.unwrap_or(record.recorded_at)));
                "AUTHORIZATION_RECORDED"
            }
            EventBody::OfflineReservationCreated {
                posting_date,
                reservation,
                ..
            } => {
                self.name = Some(reservation.reference.to_string());
                self.amount = Some(ProofAmount::money(reservation.amount));
                self.posting_date = Some(instant(posting_date.unwrap_or(record.recorded_at)));
                "OFFLINE_RESERVATION_CREATED"
            }
            EventBody::OfflineReservationCancelled {
                posting_date,
                cancellation,
                ..
            } => {
                self.name = Some(cancellation.reference.to_string());
                self.posting_date = Some(instant(posting_date.unwrap_or(record.recorded_at)));
                "OFFLINE_RESERVATION_CANCELLED"
            }
            EventBody::OperationReversed { reversal, .. } => {
                self.take_operation(record, reversal.reference_amount);
                "OPERATION_REVERSED"
            }
        }
    }

    fn take_operation(&mut self, record: &Record, asked: Option<Amount>) {
        let Some(operation) = record.operation() else {
            return;
        };
        let decided = operation.decided;
        self.operation_id = Some(operation.id.to_string());
        self.operation_kind = Some(operation.kind.code().to_owned());
        self.detail = operation.post.and_then(detail);
        self.reversal = Some(operation.original.is_some());
        self.partial_operation = Some(operation.partial);
        self.parent_operation_id = operation
            .original
            .map(|(original, _)| OperationId::to_string(&original));
        self.amount = Some(ProofAmount {
            value: decided.quantity.value,
            exponent: asked.map(|amount| amount.currency.exponent()),
            iso_code: asked.map(|amount| amount.currency.code().to_owned()),
            points: operation.post.and_then(points),
        });
        self.posting_date = Some(instant(operation.posting_date));
        self.value_date = Some(decided.value_date.to_string());
        self.pending = Some(decided.pending);
        self.description = operation.description.map(|text| text.to_string());
        self.take_triplet(operation.triplet);
    }

    /// Takes what a refused command asked for.
    fn take_action(&mut self, action: &AccountAction) {
        match action {
            AccountAction::Post(post) => {
                self.operation_kind = Some(post.detail.kind().code().to_owned());
                self.reversal = Some(false);
                self.detail = detail(&post.detail);
                self.amount = asked(post);
                self.description = post.description.as_ref().map(|text| text.to_string());
            }
            AccountAction::Reverse(reverse) => {
                self.operation_kind = Some(reverse.kind.code().to_owned());
                self.reversal = Some(true);
                self.amount = reverse.reference_amount.map(ProofAmount::money);
                self.description = reverse.description.as_ref().map(|text| text.to_string());
            }
            AccountAction::SetCreditLimit(set) => {
                self.name = Some("set-credit-limit".to_owned());
                self.amount = Some(ProofAmount::money(set.credit_limit));
            }
            AccountAction::Close => self.name = Some("close-account".to_owned()),
            AccountAction::RecordAuthorization(message) => {
                self.name = Some("record-authorization".to_owned());
                self.amount = message.billing_amount.map(ProofAmount::money);
            }
            AccountAction::CreateOfflineReservation(reservation) => {
                self.name = Some("create-offline-reservation".to_owned());
                self.amount = Some(ProofAmount::money(reservation.amount));
            }
            AccountAction::CancelOfflineReservation(_) => {
                self.name = Some("cancel-offline-reservation".to_owned());
            }
        }
        if let Some(triplet) = action.triplet() {
            self.take_triplet(triplet);
        }
    }

    fn take_triplet(&mut self, triplet: &Triplet) {
        self.external_operation_date = Some(instant(triplet.date));
        self.external_operation_reference = Some(triplet.reference.to_string());
        self.external_operation_service_poster = Some(triplet.service_poster.to_string());
    }
}

impl ProofAmount {
    fn money(amount: Amount) -> Self {
        Self {
            value: amount.minor,
            exponent: Some(amount.currency.exponent()),
            iso_code: Some(amount.currency.code().to_owned()),
            points: None,
        }
    }
}

fn asked(post: &PostOperation) -> Option<ProofAmount> {
    let PostDetail::Bonus(bonus) = &post.detail else {
        return post.reference_amount.map(ProofAmount::money);
    };
    let Some(asked) = &bonus.points else {
        return post.reference_amount.map(ProofAmount::money);
    };
    Some(ProofAmount {
        value: asked.value,
        exponent: None,
        iso_code: None,
        points: points(&post.detail),
    })
}

fn detail(post: &PostDetail) -> Option<String> {
    post.contra_detail().map(str::to_owned)
}

fn points(post: &PostDetail) -> Option<String> {
    let PostDetail::Bonus(bonus) = post else {
        return None;
    };
    let points = bonus.points.as_ref()?;
    Some(format!("{}/{}", bonus.program, points.unit))
}
