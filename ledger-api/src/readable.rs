//! An event in the names of the replay format, where those exist.
//!
//! What a command said is its `body` there, so that such a line can be replayed; what the engine decided
//! stands beside it. Every field of an event is here, so that a line which contradicts its event shows.

mod authorizations;

use ledger_core::command::{
    AccountAction, ConfigureIssuer, DefineProduct, OpenAccount, OperationKind, PayingAccountType,
    PostBonus, PostDetail, PostFee, PostOperation, PostPayment, PostTransaction,
    ReversalValueDating, ReverseOperation, ScriptRule, Triplet, WorkingMode,
};
use ledger_core::event::{Decided, Event, EventBody};
use ledger_core::ids::{AccountIndex, AccountReference};
use ledger_core::labels::TransactionLabel;
use ledger_core::money::{Amount, Unit};
use ledger_core::time::{Moment, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::annotation_fields;
use crate::line::{MATCHING, OPERATION_NAMES, OWN, PAYING, RESET_BALANCE, REWARDED, TripletNames};
use crate::views::instant;
use crate::words;

/// A command and what was decided about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Readable {
    /// Where the command came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// Who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Name of the command.
    command: String,
    /// Which account it was about, if about an existing one.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posting_date: Option<String>,
    body: Value,
    /// What the engine added.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<Value>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Value>,
}

impl Readable {
    /// Name of the command.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Whether it was refused.
    pub(crate) fn is_rejected(&self) -> bool {
        self.rejected.is_some()
    }

    pub(crate) fn of(event: &Event) -> Self {
        let mut readable = Self::of_body(&event.body);
        if let Some(annotations) = &event.annotations {
            readable.origin = annotations.origin.as_ref().map(ToString::to_string);
            readable.username = annotations.username.as_ref().map(ToString::to_string);
            if let Value::Object(body) = &mut readable.body {
                annotation_fields::insert(body, annotations);
            }
        }
        readable
    }

    fn of_body(body: &EventBody) -> Self {
        match body {
            EventBody::IssuerConfigured {
                issuer_id: _,
                configuration,
                business_date,
            } => Self {
                decided: Some(json!({"businessDate": business_date.to_string()})),
                ..Self::plain("configure-issuer", configuration_body(configuration))
            },
            EventBody::ProductDefined(product) => {
                Self::plain("define-product", product_body(product))
            }
            EventBody::BonusProgramDefined(program) => Self::plain(
                "define-bonus-program",
                json!({
                    "bonusProgramReference": program.reference.as_str(),
                    "monetary": program.monetary,
                    "loyaltyUnits": texts(&program.loyalty_units, |unit| unit.as_str()),
                }),
            ),
            EventBody::BusinessDateAdvanced(advance) => Self::plain(
                "advance-business-date",
                json!({"businessDate": advance.business_date.to_string()}),
            ),
            EventBody::AccountOpened {
                account,
                opening,
                currency,
                working_mode,
                credit_limit_minor,
                parent,
            } => Self {
                decided: Some(json!({
                    "accountReference": reference(*account),
                    "currency": currency.code(),
                    "workingMode": working_mode_code(*working_mode),
                    "creditLimitMinor": credit_limit_minor,
                    "parentAccountReference": parent.map(reference),
                })),
                ..Self::plain("open-account", opening_body(opening))
            },
            EventBody::CreditLimitSet {
                account,
                posting_date,
                change,
            } => Self::on_account(
                *account,
                *posting_date,
                &AccountAction::SetCreditLimit(change.clone()),
            ),
            EventBody::AccountClosed {
                account,
                posting_date,
            } => Self::on_account(*account, *posting_date, &AccountAction::Close),
            EventBody::OperationPosted { decided, operation } => Self {
                decided: Some(Value::Object(decided_fields(decided))),
                ..Self::posting(decided, operation)
            },
            EventBody::OperationCleared {
                decided,
                released_minor,
                operation,
            } => {
                let mut fields = decided_fields(decided);
                fields.insert("releasedValue".to_owned(), (*released_minor).into());
                Self {
                    decided: Some(Value::Object(fields)),
                    ..Self::posting(decided, operation)
                }
            }
            EventBody::AuthorizationRecorded { decided, message } => Self {
                account: Some(account(decided.account)),
                posting_date: decided.posting_date.map(instant),
                decided: Some(without_nulls(authorizations::decided_fields(decided))),
                ..Self::plain(
                    "record-authorization",
                    authorizations::message_body(message),
                )
            },
            EventBody::OfflineReservationCreated {
                account: index,
                posting_date,
                reservation,
            } => Self {
                account: Some(account(*index)),
                posting_date: posting_date.map(instant),
                ..Self::plain(
                    "create-offline-reservation",
                    authorizations::reservation_body(reservation),
                )
            },
            EventBody::OfflineReservationCancelled {
                account: index,
                posting_date,
                cancellation,
                released_minor,
            } => Self {
                account: Some(account(*index)),
                posting_date: posting_date.map(instant),
                decided: Some(json!({"releasedValue": released_minor})),
                ..Self::plain(
                    "cancel-offline-reservation",
                    authorizations::cancellation_body(cancellation),
                )
            },
            EventBody::OperationReversed {
                decided,
                original,
                contra,
                cancels_pending,
                partial,
                reversal,
            } => {
                let mut fields = decided_fields(decided);
                fields.insert("originalOperationId".to_owned(), text(original));
                fields.insert("contraKind".to_owned(), contra.kind.code().into());
                let detail = contra.detail.as_ref().map(|detail| detail.as_str());
                fields.insert("contraDetail".to_owned(), detail.into());
                fields.insert("cancelsPending".to_owned(), (*cancels_pending).into());
                fields.insert("partial".to_owned(), (*partial).into());
                Self {
                    account: Some(account(decided.account)),
                    posting_date: decided.posting_date.map(instant),
                    decided: Some(Value::Object(fields)),
                    ..Self::plain(
                        &operation_command("reverse", reversal.kind),
                        reversal_body(reversal),
                    )
                }
            }
            EventBody::OperationRejected {
                account,
                posting_date,
                action,
                rejection,
            } => Self {
                rejected: Some(json!({
                    "code": rejection.code(),
                    "field": rejection.field(),
                    "message": rejection.to_string(),
                })),
                ..Self::on_account(*account, *posting_date, action)
            },
        }
    }

    fn plain(command: &str, body: Value) -> Self {
        Self {
            origin: None,
            username: None,
            command: command.to_owned(),
            account: None,
            posting_date: None,
            body: without_nulls(body),
            decided: None,
            rejected: None,
        }
    }

    fn posting(decided: &Decided, operation: &PostOperation) -> Self {
        Self {
            account: Some(account(decided.account)),
            posting_date: decided.posting_date.map(instant),
            ..Self::plain(
                &operation_command("post", operation.detail.kind()),
                posting_body(operation),
            )
        }
    }

    fn on_account(
        index: AccountIndex,
        posting_date: Option<Timestamp>,
        action: &AccountAction,
    ) -> Self {
        let plain = match action {
            AccountAction::SetCreditLimit(change) => Self::plain(
                "set-credit-limit",
                json!({"creditLimitAmount": amount(change.credit_limit)}),
            ),
            AccountAction::Close => Self::plain("close-account", json!({})),
            AccountAction::Post(operation) => Self::plain(
                &operation_command("post", operation.detail.kind()),
                posting_body(operation),
            ),
            AccountAction::Reverse(reversal) => Self::plain(
                &operation_command("reverse", reversal.kind),
                reversal_body(reversal),
            ),
            AccountAction::RecordAuthorization(message) => Self::plain(
                "record-authorization",
                authorizations::message_body(message),
            ),
            AccountAction::CreateOfflineReservation(reservation) => Self::plain(
                "create-offline-reservation",
                authorizations::reservation_body(reservation),
            ),
            AccountAction::CancelOfflineReservation(cancellation) => Self::plain(
                "cancel-offline-reservation",
                authorizations::cancellation_body(cancellation),
            ),
        };
        Self {
            account: Some(account(index)),
            posting_date: posting_date.map(instant),
            ..plain
        }
    }
}

fn operation_command(direction: &str, kind: OperationKind) -> String {
    if (direction, kind) == ("post", OperationKind::ResetBalance) {
        return RESET_BALANCE.to_owned();
    }
    let name = OPERATION_NAMES.iter().find(|(_, known)| *known == kind);
    let (name, _) = name.expect("every kind has its name");
    format!("{direction}-{name}-operation")
}

/// Optional fields that a command does not have are not written.
fn without_nulls(mut body: Value) -> Value {
    if let Value::Object(fields) = &mut body {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

pub(crate) fn text(value: &impl ToString) -> Value {
    Value::String(value.to_string())
}

fn texts<'a, T: 'a>(values: &'a [T], as_str: impl Fn(&'a T) -> &'a str) -> Vec<&'a str> {
    values.iter().map(as_str).collect()
}

fn reference(index: AccountIndex) -> String {
    AccountReference::of(index).to_string()
}

fn account(index: AccountIndex) -> Value {
    json!({"accountReference": reference(index)})
}

pub(crate) fn amount(amount: Amount) -> Value {
    let Amount { minor, currency } = amount;
    json!({"value": minor, "exponent": currency.exponent(), "isoCode": currency.code()})
}

pub(crate) fn moment(moment: Moment) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Instant(at) => instant(at),
    }
}

fn working_mode_code(mode: WorkingMode) -> &'static str {
    match mode {
        WorkingMode::PayLater => "PAY_LATER",
        WorkingMode::PayBefore => "PAY_BEFORE",
        WorkingMode::PayNow => "PAY_NOW",
    }
}

fn decided_fields(decided: &Decided) -> Map<String, Value> {
    // The account and the posting date stand where a command has them.
    let Decided {
        account: _,
        posting_date: _,
        value_date,
        quantity,
        pending,
        script,
    } = decided;
    let unit = match quantity.unit {
        Unit::Money => json!("MONEY"),
        Unit::Points(commodity) => json!({"points": commodity.0}),
    };
    let mut fields = Map::new();
    fields.insert("valueDate".to_owned(), text(value_date));
    fields.insert("value".to_owned(), quantity.value.into());
    fields.insert("unit".to_owned(), unit);
    fields.insert("pending".to_owned(), (*pending).into());
    fields.insert("script".to_owned(), (*script).into());
    fields
}

fn configuration_body(configuration: &ConfigureIssuer) -> Value {
    let dating = match configuration.reversal_value_dating {
        ReversalValueDating::BusinessDate => "BUSINESS_DATE",
        ReversalValueDating::Original => "ORIGINAL",
    };
    let rules = configuration.accounting_script.iter().map(script_rule);
    json!({
        "timeZone": configuration.time_zone.name(),
        "businessDate": configuration.business_date.map(|day| day.to_string()),
        "reversalValueDating": dating,
        "accountingScript": rules.collect::<Vec<_>>(),
        "balanceAdjustmentReasons":
            texts(&configuration.balance_adjustment_reasons, |reason| reason.as_str()),
        "maxForwardValueDays": configuration.value_date_ahead_days_max,
        "maxBackValueDays": configuration.value_date_back_days_max,
    })
}

fn script_rule(rule: &ScriptRule) -> Value {
    let mut fields = Map::new();
    fields.insert("operationKind".to_owned(), rule.kind.code().into());
    fields.insert("contraAccount".to_owned(), rule.contra.as_str().into());
    if let Some(detail) = &rule.detail {
        let name = match rule.kind {
            OperationKind::Fee => "feeType",
            OperationKind::BalanceAdjustment => "balanceAdjustmentReason",
            OperationKind::Interest => "interestType",
            OperationKind::Bonus
            | OperationKind::Payment
            | OperationKind::Reimbursement
            | OperationKind::Load
            | OperationKind::Unload
            | OperationKind::Transaction
            | OperationKind::ResetBalance => "detail",
        };
        fields.insert(name.to_owned(), detail.as_str().into());
    }
    Value::Object(fields)
}

fn product_body(product: &DefineProduct) -> Value {
    json!({
        "productReference": product.reference.as_str(),
        "currency": product.currency.code(),
        "workingMode": working_mode_code(product.working_mode),
        "feeTypes": texts(&product.fee_types, |fee_type| fee_type.as_str()),
        "defaultCreditLimitAmount": product.default_credit_limit.map(amount),
    })
}

fn opening_body(opening: &OpenAccount) -> Value {
    let external = |reference: &ledger_core::text::ExternalReference| reference.to_string();
    // Lines of exports never change, so the field is only there where it says something new.
    let paying = PAYING
        .iter()
        .find(|(_, paying)| *paying == opening.paying && *paying != PayingAccountType::default())
        .map(|(code, _)| *code);
    json!({
        "issuerAccountExternalReference": opening.external_reference.as_ref().map(external),
        "productReference": opening.product.as_str(),
        "creditLimitAmount": opening.credit_limit.map(amount),
        "parentExternalReference": opening.parent.as_ref().map(external),
        "parentAccountReference": opening.parent_reference.map(|parent| parent.to_string()),
        "bonusProgramReferences": texts(&opening.bonus_programs, |program| program.as_str()),
        "noParentNotification": opening.no_parent_notification,
        "noOtbCheck": opening.no_otb_check,
        "payingAccountType": paying,
    })
}

fn insert_triplet(fields: &mut Map<String, Value>, triplet: &Triplet, names: &TripletNames) {
    fields.insert(names.date.to_owned(), instant(triplet.date).into());
    let reference = triplet.reference.as_str().into();
    fields.insert(names.reference.to_owned(), reference);
    let poster = triplet.service_poster.as_str().into();
    fields.insert(names.service_poster.to_owned(), poster);
}

fn posting_body(operation: &PostOperation) -> Value {
    let mut fields = Map::new();
    insert_triplet(&mut fields, &operation.triplet, &OWN);
    let mut insert = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    insert("referenceAmount", operation.reference_amount.map(amount));
    insert(
        "valueDate",
        operation.value_date.map(moment).map(Value::from),
    );
    insert("description", operation.description.as_ref().map(text));
    insert(
        "externalOperationCode",
        operation.external_code.as_ref().map(text),
    );
    insert_detail(&mut fields, &operation.detail);
    Value::Object(fields)
}

fn insert_detail(fields: &mut Map<String, Value>, detail: &PostDetail) {
    let own = match detail {
        PostDetail::Fee(fee) => fee_fields(fee),
        PostDetail::Bonus(bonus) => bonus_fields(bonus),
        PostDetail::Interest(interest_type) => json!({"interestType": interest_type.code()}),
        PostDetail::Payment(payment) | PostDetail::Load(payment) => payment_fields(payment),
        PostDetail::BalanceAdjustment { reason } => {
            json!({"balanceAdjustmentReason": reason.as_str()})
        }
        PostDetail::Reimbursement(how) => {
            json!({"reimbursementType": words::reimbursement_type(*how)})
        }
        PostDetail::Unload | PostDetail::ResetBalance => json!({}),
        PostDetail::Transaction(transaction) => transaction_fields(transaction),
        PostDetail::Clearing(clearing) => authorizations::clearing_fields(clearing),
    };
    if let Value::Object(own) = without_nulls(own) {
        fields.extend(own);
    }
}

fn fee_fields(fee: &PostFee) -> Value {
    let reason = fee.adjustment_reason.map(words::adjustment_reason);
    json!({
        "feeType": fee.fee_type.as_str(),
        "subFeeType": fee.sub_fee_type.as_ref().map(text),
        "frequency": fee.frequency.as_ref().map(text),
        "adjustment": fee.adjustment,
        "adjustmentReason": reason,
    })
}

fn bonus_fields(bonus: &PostBonus) -> Value {
    let points = bonus
        .points
        .as_ref()
        .map(|points| json!({"unit": points.unit.as_str(), "cumulatedValue": points.value}));
    let rewarded = bonus
        .rewarded_operation
        .map(|id| json!({"operationId": text(&id)}));
    let mut fields = Map::new();
    fields.insert(
        "bonusProgramReference".to_owned(),
        bonus.program.as_str().into(),
    );
    fields.insert("loyaltyPointAmount".to_owned(), points.into());
    fields.insert("rewardedOperationIdentifier".to_owned(), rewarded.into());
    if let Some(triplet) = &bonus.rewarded_triplet {
        insert_triplet(&mut fields, triplet, &REWARDED);
    }
    Value::Object(fields)
}

fn payment_fields(payment: &PostPayment) -> Value {
    json!({
        "paymentChannel": payment.channel.as_ref().map(text),
        "paymentReason": payment.reason.as_ref().map(text),
        "sepa": payment.sepa,
    })
}

fn transaction_fields(transaction: &PostTransaction) -> Value {
    let mut fields = Map::new();
    let code = words::operation_code(transaction.operation_code);
    fields.insert("operationCode".to_owned(), code.into());
    let at_the_acceptor = transaction.transaction_amount.map(amount);
    fields.insert("transactionAmount".to_owned(), at_the_acceptor.into());
    let at = transaction.transaction_date.map(instant);
    fields.insert("transactionDate".to_owned(), at.into());
    for label in TransactionLabel::ALL {
        let text = transaction.labels.get(label);
        fields.insert(label.field().to_owned(), text.into());
    }
    Value::Object(fields)
}

fn reversal_body(reversal: &ReverseOperation) -> Value {
    let mut fields = Map::new();
    insert_triplet(&mut fields, &reversal.triplet, &OWN);
    insert_triplet(&mut fields, &reversal.matching, &MATCHING);
    let optional = [
        ("referenceAmount", reversal.reference_amount.map(amount)),
        (
            "reversalReason",
            reversal.reversal_reason.as_ref().map(text),
        ),
        ("feeType", reversal.fee_type.as_ref().map(text)),
        ("description", reversal.description.as_ref().map(text)),
        (
            "externalOperationCode",
            reversal.external_code.as_ref().map(text),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}
