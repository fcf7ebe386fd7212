//! One line of the replay format: a command in JSON, with what is expected after it.
//!
//! The names are those of the operations API. What cannot be read is a [`Rejection`] that names the
//! field; what can be read is judged by the core alone.

mod authorizations;
pub(crate) mod posting;

use ledger_core::command::{
    AccountAction, AccountSelector, AdjustmentReason, AdvanceBusinessDate, Command,
    ConfigureIssuer, DefineBonusProgram, DefineProduct, InterestType, LoyaltyPoints, OnAccount,
    OpenAccount, OperationCode, OperationKind, PayingAccountType, PostBonus, PostDetail, PostFee,
    PostOperation, PostPayment, PostTransaction, ReimbursementType, Request, ReversalValueDating,
    ReverseOperation, ScriptRule, SetCreditLimit, Triplet, WorkingMode,
};
use ledger_core::ids::CorrelationId;
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::Amount;
use ledger_core::rejection::Rejection;
use ledger_core::text::{IssuerId, Label, holds_card_number};
use ledger_core::time::{TimeZone, Timestamp};
use serde_json::error::Category;
use uuid::Uuid;

use crate::annotation_fields;
use crate::fields::Fields;
use crate::json::cursor::Cursor;
use crate::json::flat::{self, Node, Value};
use crate::json::quotes::Quotes;
use crate::json::scan::{self, Entries};
use crate::json::{Json, trimmed};

/// A line that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The command.
    pub request: Request,
    /// What the account must show once the line is applied.
    pub expect: Expect,
}

/// Amounts that the account named on a line must show once the line is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expect {
    /// Its balance.
    pub account_balance: Option<Amount>,
    /// Its open-to-buy.
    pub open_to_buy: Option<Amount>,
}

/// Longest line, in bytes. The longest command there can be is shorter.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// Longest correlation id, in characters.
pub const CORRELATION_ID_CHARS_MAX: usize = 128;

/// Reads a line.
///
/// # Errors
/// What is wrong with it, and in which field.
pub fn parse(text: &str) -> Result<Line, Rejection> {
    if text.len() > LINE_BYTES_MAX {
        return Err(too_long());
    }
    let plain = trimmed(text);
    let Some(quotes) = Quotes::of_plain(plain) else {
        return parse_any(text);
    };
    if let Some(line) = posting::read(Cursor::new(plain, &quotes)) {
        return Ok(line);
    }
    let mut entries = Entries::new();
    match scan::scan(Cursor::new(plain, &quotes), &mut entries) {
        Some(()) => read(Node::first_of(&entries)),
        None => parse_any(text),
    }
}

/// Reads a line that need not be plain.
pub(crate) fn parse_any(text: &str) -> Result<Line, Rejection> {
    let json: Json<'_> = serde_json::from_str(text).map_err(|error| {
        let problem = match (error.classify(), error.to_string().split_once(" at line ")) {
            // In the words of `json.rs`.
            (Category::Data, Some((problem, _))) => problem.to_owned(),
            // The position helps; the text of the error could repeat what the line holds.
            _ => format!("is not JSON that can be read, at column {}", error.column()),
        };
        Rejection::invalid("", problem)
    })?;
    read(Node::first_of(&flat::of_tree(&json)))
}

fn read(line: Option<Node<'_>>) -> Result<Line, Rejection> {
    let line = line.expect("a text that was read has a value");
    let line = Fields::of("", line)?;
    let issuer: Option<IssuerId> = line.text("issuerId")?;
    let issuer = line.required("issuerId", issuer)?;
    let correlation = correlation_id(&issuer, &line)?;
    let name = line.raw_text("command")?;
    let name = line.required("command", name)?;
    // The body's fields are named as the operations API names them, without a prefix.
    let body = line.take("body").unwrap_or(Node::EMPTY);
    if !matches!(body.value(), Value::Object(_)) {
        return Err(line.invalid("body", "must be an object"));
    }
    let body = Fields::of("", body)?;
    let command = command(name, &line, &body)?;
    let annotations = annotation_fields::take(&command, &line, &body)?;
    body.finish()?;
    let expect = expect(&command, &line)?;
    line.finish()?;
    Ok(Line {
        request: Request {
            issuer,
            correlation,
            command,
            annotations,
        },
        expect,
    })
}

pub(crate) fn too_long() -> Rejection {
    Rejection::invalid("", format!("a line has at most {LINE_BYTES_MAX} bytes"))
}

fn correlation_id(issuer: &IssuerId, line: &Fields<'_>) -> Result<CorrelationId, Rejection> {
    let text = line.raw_text("correlationId")?;
    correlation_of(issuer, text.ok_or(Rejection::CorrelationIdRequired)?)
}

/// The correlation id that an issuer means by a text. A UUID is taken as it is; any other printable text
/// becomes the version-5 UUID of that text in the issuer's namespace.
///
/// # Errors
/// When it is too long, unprintable, or holds a card number.
pub fn correlation_of(issuer: &IssuerId, text: &str) -> Result<CorrelationId, Rejection> {
    if let Ok(uuid) = Uuid::try_parse(text) {
        return Ok(CorrelationId(uuid.into_bytes()));
    }
    if holds_card_number(text) {
        return Err(Rejection::CardNumberNotAllowed {
            field: "correlationId".to_owned(),
        });
    }
    let length = text.chars().count();
    if !(1..=CORRELATION_ID_CHARS_MAX).contains(&length) || text.chars().any(char::is_control) {
        return Err(Rejection::InvalidCorrelationId);
    }
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, issuer.as_str().as_bytes());
    Ok(CorrelationId(
        Uuid::new_v5(&namespace, text.as_bytes()).into_bytes(),
    ))
}

fn expect(command: &Command, line: &Fields<'_>) -> Result<Expect, Rejection> {
    let Some(fields) = line.object("expect")? else {
        return Ok(Expect::default());
    };
    if !matches!(command, Command::OnAccount(_) | Command::OpenAccount(_)) {
        return Err(line.invalid("expect", "belongs on a line that names an account"));
    }
    let account_balance = fields.amount("accountBalance")?;
    let open_to_buy = fields.amount("openToBuy")?;
    fields.finish()?;
    Ok(Expect {
        account_balance,
        open_to_buy,
    })
}

fn command(name: &str, line: &Fields<'_>, body: &Fields<'_>) -> Result<Command, Rejection> {
    // Any line of a history may carry it; it means something to commands on accounts alone.
    let posting_date = line.instant("postingDate")?;
    Ok(match name {
        "configure-issuer" => Command::ConfigureIssuer(configure_issuer(body)?),
        "define-product" => Command::DefineProduct(define_product(body)?),
        "define-bonus-program" => Command::DefineBonusProgram(define_bonus_program(body)?),
        "advance-business-date" => {
            let business_date = body.day("businessDate")?;
            let business_date = body.required("businessDate", business_date)?;
            Command::AdvanceBusinessDate(AdvanceBusinessDate { business_date })
        }
        "open-account" => Command::OpenAccount(open_account(body)?),
        "set-credit-limit" => {
            let credit_limit = body.amount("creditLimitAmount")?;
            let credit_limit = body.required("creditLimitAmount", credit_limit)?;
            on_account(
                line,
                posting_date,
                AccountAction::SetCreditLimit(SetCreditLimit { credit_limit }),
            )?
        }
        "close-account" => on_account(line, posting_date, AccountAction::Close)?,
        RESET_BALANCE => {
            let post = post_operation(OperationKind::ResetBalance, body)?;
            on_account(line, posting_date, AccountAction::Post(post))?
        }
        "record-authorization" => {
            let message = Box::new(authorizations::record(body)?);
            on_account(
                line,
                posting_date,
                AccountAction::RecordAuthorization(message),
            )?
        }
        "create-offline-reservation" => {
            let action = AccountAction::CreateOfflineReservation(authorizations::create(body)?);
            on_account(line, posting_date, action)?
        }
        "cancel-offline-reservation" => {
            let action = AccountAction::CancelOfflineReservation(authorizations::cancel(body)?);
            on_account(line, posting_date, action)?
        }
        _ => {
            let action = match operation_command(name) {
                Some((Direction::Post, kind)) => AccountAction::Post(post_operation(kind, body)?),
                Some((Direction::Reverse, kind)) => {
                    AccountAction::Reverse(Box::new(reverse_operation(kind, body)?))
                }
                None => return Err(line.invalid("command", "is not a command")),
            };
            on_account(line, posting_date, action)?
        }
    })
}

#[derive(Clone, Copy)]
enum Direction {
    Post,
    Reverse,
}

/// What the operations are called in the names of commands.
pub(crate) const OPERATION_NAMES: [(&str, OperationKind); 10] = [
    ("fee", OperationKind::Fee),
    ("bonus", OperationKind::Bonus),
    ("interest", OperationKind::Interest),
    ("payment", OperationKind::Payment),
    ("balance-adjustment", OperationKind::BalanceAdjustment),
    ("reimbursement", OperationKind::Reimbursement),
    ("load", OperationKind::Load),
    ("unload", OperationKind::Unload),
    ("transaction", OperationKind::Transaction),
    (RESET_BALANCE, OperationKind::ResetBalance),
];

/// What the issuer API calls the posting that resets a balance. The name that the others would suggest
/// is read too.
pub(crate) const RESET_BALANCE: &str = "reset-balance";

fn operation_command(name: &str) -> Option<(Direction, OperationKind)> {
    let name = name.strip_suffix("-operation")?;
    let (direction, name) = match name.strip_prefix("post-") {
        Some(name) => (Direction::Post, name),
        None => (Direction::Reverse, name.strip_prefix("reverse-")?),
    };
    let (_, kind) = OPERATION_NAMES.iter().find(|(known, _)| *known == name)?;
    Some((direction, *kind))
}

fn on_account(
    line: &Fields<'_>,
    posting_date: Option<Timestamp>,
    action: AccountAction,
) -> Result<Command, Rejection> {
    let account = line.object("account")?;
    let account = line.required("account", account)?;
    let reference = account.account_reference("accountReference")?;
    let external = account.text("issuerAccountExternalReference")?;
    account.finish()?;
    // Source: issuer API, AccountIdentifier: if both are given, the reference alone counts.
    let account = match (reference, external) {
        (Some(reference), _) => AccountSelector::Reference(reference),
        (None, Some(external)) => AccountSelector::External(external),
        (None, None) => {
            let problem = "needs accountReference or issuerAccountExternalReference";
            return Err(line.invalid("account", problem));
        }
    };
    Ok(Command::OnAccount(OnAccount {
        account,
        posting_date,
        action,
    }))
}

fn configure_issuer(body: &Fields<'_>) -> Result<ConfigureIssuer, Rejection> {
    let zone = body.raw_text("timeZone")?;
    let zone = body.required("timeZone", zone)?;
    let time_zone = TimeZone::from_name(zone).ok_or_else(|| {
        body.invalid(
            "timeZone",
            "must be a zone of the IANA database, such as Europe/Prague",
        )
    })?;
    let dating = [
        ("BUSINESS_DATE", ReversalValueDating::BusinessDate),
        ("ORIGINAL", ReversalValueDating::Original),
    ];
    let dating = body.choice("reversalValueDating", &dating)?;
    let rules = body.list("accountingScript")?;
    Ok(ConfigureIssuer {
        time_zone,
        business_date: body.day("businessDate")?,
        reversal_value_dating: dating.unwrap_or(ReversalValueDating::BusinessDate),
        accounting_script: rules
            .into_iter()
            .flatten()
            .map(|(_, node)| script_rule(node))
            .collect::<Result<_, _>>()?,
        balance_adjustment_reasons: body.texts("balanceAdjustmentReasons")?,
        value_date_ahead_days_max: body.days("maxForwardValueDays")?,
        value_date_back_days_max: body.days("maxBackValueDays")?,
    })
}

fn script_rule(node: Node<'_>) -> Result<ScriptRule, Rejection> {
    let rule = Fields::of("accountingScript", node)?;
    let kinds = OperationKind::ALL.map(|kind| (kind.code(), kind));
    let kind = rule.choice("operationKind", &kinds)?;
    let kind = rule.required("operationKind", kind)?;
    let detail = match kind {
        OperationKind::Fee => rule.text("feeType")?,
        OperationKind::BalanceAdjustment => rule.text("balanceAdjustmentReason")?,
        OperationKind::Interest => rule.text("interestType")?,
        OperationKind::Bonus
        | OperationKind::Payment
        | OperationKind::Reimbursement
        | OperationKind::Load
        | OperationKind::Unload
        | OperationKind::Transaction
        | OperationKind::ResetBalance => None,
    };
    let contra = rule.text("contraAccount")?;
    let contra = rule.required("contraAccount", contra)?;
    rule.finish()?;
    Ok(ScriptRule {
        kind,
        detail,
        contra,
    })
}

fn define_product(body: &Fields<'_>) -> Result<DefineProduct, Rejection> {
    let modes = [
        ("PAY_LATER", WorkingMode::PayLater),
        ("PAY_BEFORE", WorkingMode::PayBefore),
        ("PAY_NOW", WorkingMode::PayNow),
    ];
    let reference = body.text("productReference")?;
    let currency = body.currency("currency")?;
    let working_mode = body.choice("workingMode", &modes)?;
    Ok(DefineProduct {
        reference: body.required("productReference", reference)?,
        currency: body.required("currency", currency)?,
        working_mode: body.required("workingMode", working_mode)?,
        fee_types: body.texts("feeTypes")?,
        default_credit_limit: body.amount("defaultCreditLimitAmount")?,
    })
}

fn define_bonus_program(body: &Fields<'_>) -> Result<DefineBonusProgram, Rejection> {
    let reference = body.text("bonusProgramReference")?;
    Ok(DefineBonusProgram {
        reference: body.required("bonusProgramReference", reference)?,
        monetary: body.flag("monetary")?.unwrap_or(false),
        loyalty_units: body.texts("loyaltyUnits")?,
    })
}

/// Codes of the field `payingAccountType`.
pub(crate) const PAYING: [(&str, PayingAccountType); 2] = [
    ("ITSELF_PAYS", PayingAccountType::ItselfPays),
    ("ROOT_PAYS", PayingAccountType::RootPays),
];

fn open_account(body: &Fields<'_>) -> Result<OpenAccount, Rejection> {
    let product = body.text("productReference")?;
    Ok(OpenAccount {
        external_reference: body.text("issuerAccountExternalReference")?,
        product: body.required("productReference", product)?,
        credit_limit: body.amount("creditLimitAmount")?,
        parent: body.text("parentExternalReference")?,
        parent_reference: body.account_reference("parentAccountReference")?,
        bonus_programs: body.texts("bonusProgramReferences")?,
        no_parent_notification: body.flag("noParentNotification")?.unwrap_or(false),
        no_otb_check: body.flag("noOtbCheck")?.unwrap_or(false),
        paying: body
            .choice("payingAccountType", &PAYING)?
            .unwrap_or_default(),
    })
}

/// Names of the three fields of a triplet.
pub(crate) struct TripletNames {
    pub(crate) date: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) service_poster: &'static str,
}

pub(crate) const OWN: TripletNames = TripletNames {
    date: "externalOperationDate",
    reference: "externalOperationReference",
    service_poster: "externalOperationServicePoster",
};
pub(crate) const MATCHING: TripletNames = TripletNames {
    date: "externalMatchingOperationDate",
    reference: "externalMatchingOperationReference",
    service_poster: "externalMatchingOperationServicePoster",
};
pub(crate) const REWARDED: TripletNames = TripletNames {
    date: "rewardedExternalMatchingOperationDate",
    reference: "rewardedExternalMatchingOperationReference",
    service_poster: "rewardedExternalMatchingOperationServicePoster",
};

pub(crate) fn triplet(body: &Fields<'_>, names: &TripletNames) -> Result<Triplet, Rejection> {
    let date = body.instant(names.date)?;
    let reference = body.text(names.reference)?;
    let service_poster = body.text(names.service_poster)?;
    Ok(Triplet {
        date: body.required(names.date, date)?,
        reference: body.required(names.reference, reference)?,
        service_poster: body.required(names.service_poster, service_poster)?,
    })
}

fn post_operation(kind: OperationKind, body: &Fields<'_>) -> Result<PostOperation, Rejection> {
    Ok(PostOperation {
        triplet: triplet(body, &OWN)?,
        reference_amount: body.amount("referenceAmount")?,
        value_date: body.moment("valueDate")?,
        description: body.text("description")?,
        external_code: body.text("externalOperationCode")?,
        detail: post_detail(kind, body)?,
    })
}

fn post_detail(kind: OperationKind, body: &Fields<'_>) -> Result<PostDetail, Rejection> {
    Ok(match kind {
        OperationKind::Fee => PostDetail::Fee(post_fee(body)?),
        OperationKind::Bonus => PostDetail::Bonus(Box::new(post_bonus(body)?)),
        OperationKind::Interest => {
            let text = body.raw_text("interestType")?;
            let known = interest_type(body.required("interestType", text)?);
            PostDetail::Interest(known.ok_or(Rejection::InterestTypeInvalid)?)
        }
        OperationKind::Payment => PostDetail::Payment(post_payment(body)?),
        OperationKind::BalanceAdjustment => {
            let reason = body.text("balanceAdjustmentReason")?;
            let reason = body.required("balanceAdjustmentReason", reason)?;
            PostDetail::BalanceAdjustment { reason }
        }
        OperationKind::Reimbursement => {
            let types = [
                ("FULL", ReimbursementType::Full),
                ("PARTIAL", ReimbursementType::Partial),
                ("MAX", ReimbursementType::Max),
            ];
            let how = body.choice("reimbursementType", &types)?;
            PostDetail::Reimbursement(how.unwrap_or(ReimbursementType::Max))
        }
        OperationKind::Load => PostDetail::Load(post_payment(body)?),
        OperationKind::Unload => PostDetail::Unload,
        OperationKind::ResetBalance => PostDetail::ResetBalance,
        OperationKind::Transaction => authorizations::clearing(post_transaction(body)?, body)?,
    })
}

fn interest_type(code: &str) -> Option<InterestType> {
    let all = [InterestType::Credit, InterestType::Debit];
    all.into_iter().find(|known| known.code() == code)
}

fn post_fee(body: &Fields<'_>) -> Result<PostFee, Rejection> {
    let reasons = [
        (
            "ERROR_DURING_ACQUISITION",
            AdjustmentReason::ErrorDuringAcquisition,
        ),
        ("INVALID_OPERATION", AdjustmentReason::InvalidOperation),
        (
            "COMMERCIAL_ADJUSTMENT",
            AdjustmentReason::CommercialAdjustment,
        ),
        ("DISPUTE_RESULT", AdjustmentReason::DisputeResult),
        (
            "CONFIGURATION_REPROCESSING",
            AdjustmentReason::ConfigurationReprocessing,
        ),
    ];
    let fee_type = body.text("feeType")?;
    Ok(PostFee {
        fee_type: body.required("feeType", fee_type)?,
        sub_fee_type: body.text("subFeeType")?,
        frequency: body.text("frequency")?,
        adjustment: body.flag("adjustment")?.unwrap_or(false),
        adjustment_reason: body.choice("adjustmentReason", &reasons)?,
    })
}

fn post_bonus(body: &Fields<'_>) -> Result<PostBonus, Rejection> {
    let program = body.text("bonusProgramReference")?;
    let program = body.required("bonusProgramReference", program)?;
    let rewarded_operation = match body.object("rewardedOperationIdentifier")? {
        None => None,
        Some(identifier) => {
            let id = identifier.operation_id("operationId")?;
            let id = identifier.required("operationId", id)?;
            identifier.finish()?;
            Some(id)
        }
    };
    let names = [REWARDED.date, REWARDED.reference, REWARDED.service_poster];
    let rewarded_triplet = match names.iter().any(|name| body.has(name)) {
        true => Some(triplet(body, &REWARDED)?),
        false => None,
    };
    Ok(PostBonus {
        program,
        points: loyalty_points(body)?,
        rewarded_operation,
        rewarded_triplet,
    })
}

/// Source: specification, A15: `cumulatedValue` is the name, `value` an alias, both are one too many.
fn loyalty_points(body: &Fields<'_>) -> Result<Option<LoyaltyPoints>, Rejection> {
    let Some(points) = body.object("loyaltyPointAmount")? else {
        return Ok(None);
    };
    let unit = points.text("unit")?;
    let unit = points.required("unit", unit)?;
    let value = match (points.integer("cumulatedValue")?, points.integer("value")?) {
        (Some(_), Some(_)) => {
            return Err(points.invalid("value", "is another name of cumulatedValue; give one"));
        }
        (value, alias) => points.required("cumulatedValue", value.or(alias))?,
    };
    points.finish()?;
    Ok(Some(LoyaltyPoints { unit, value }))
}

fn post_payment(body: &Fields<'_>) -> Result<PostPayment, Rejection> {
    Ok(PostPayment {
        channel: body.text("paymentChannel")?,
        reason: body.text("paymentReason")?,
        sepa: body.flag("sepa")?,
    })
}

/// Codes of the field `operationCode`.
const OPERATION_CODES: [(&str, OperationCode); 8] = [
    ("CASH_ADVANCE", OperationCode::CashAdvance),
    ("CASH_BACK", OperationCode::CashBack),
    ("CASH_WITHDRAWAL", OperationCode::CashWithdrawal),
    ("CREDIT", OperationCode::Credit),
    ("FUND_TRANSFER", OperationCode::FundTransfer),
    ("NORMAL_PURCHASE", OperationCode::NormalPurchase),
    ("REFUND_PURCHASE", OperationCode::RefundPurchase),
    ("LOAD", OperationCode::Load),
];

fn post_transaction(body: &Fields<'_>) -> Result<PostTransaction, Rejection> {
    let operation_code = body.choice("operationCode", &OPERATION_CODES)?;
    Ok(PostTransaction {
        operation_code: body.required("operationCode", operation_code)?,
        transaction_amount: body.amount("transactionAmount")?,
        transaction_date: body.instant("transactionDate")?,
        labels: transaction_labels(body)?,
    })
}

fn transaction_labels(body: &Fields<'_>) -> Result<TransactionLabels, Rejection> {
    let mut labels = TransactionLabels::new();
    body.label(TransactionLabel::MerchantCategoryCode, &mut labels)?;
    body.label(TransactionLabel::CardAcceptorName, &mut labels)?;
    body.label(TransactionLabel::CardAcceptorCity, &mut labels)?;
    body.label(TransactionLabel::CardAcceptorCountry, &mut labels)?;
    body.label(TransactionLabel::CardAcceptorIdCode, &mut labels)?;
    body.label(TransactionLabel::ApprovalCode, &mut labels)?;
    body.label(TransactionLabel::AcquirerReferenceData, &mut labels)?;
    if let Some(card) = card_reference(body)? {
        labels = labels.with(TransactionLabel::CardReference, &card);
    }
    body.label(TransactionLabel::MaskedPan, &mut labels)?;
    Ok(labels)
}

/// The reference of a card, alone or in its identifier. What else the identifier has is taken with the
/// annotations.
fn card_reference(body: &Fields<'_>) -> Result<Option<Label>, Rejection> {
    let nested = match body.look_into(annotation_fields::CARD)? {
        Some(card) => card.text("cardReference")?,
        None => None,
    };
    one_of(body, "cardReference", nested)
}

/// A text that may stand in a field, or be given elsewhere, or both if it is the same.
pub(crate) fn one_of(
    body: &Fields<'_>,
    name: &str,
    elsewhere: Option<Label>,
) -> Result<Option<Label>, Rejection> {
    let own: Option<Label> = body.text(name)?;
    match (&own, &elsewhere) {
        (Some(own), Some(other)) if own != other => {
            let problem = "is another one than in cardIdentifier; give one";
            Err(body.invalid(name, problem))
        }
        (Some(_) | None, Some(_) | None) => Ok(own.or(elsewhere)),
    }
}

fn reverse_operation(
    kind: OperationKind,
    body: &Fields<'_>,
) -> Result<ReverseOperation, Rejection> {
    Ok(ReverseOperation {
        kind,
        triplet: triplet(body, &OWN)?,
        matching: triplet(body, &MATCHING)?,
        reference_amount: body.amount("referenceAmount")?,
        reversal_reason: body.text("reversalReason")?,
        fee_type: body.text("feeType")?,
        description: body.text("description")?,
        external_code: body.text("externalOperationCode")?,
    })
}

/// An instant from RFC 3339 text.
#[must_use]
pub fn instant(text: &str) -> Option<ledger_core::time::Timestamp> {
    crate::dates::to_instant(text)
}

/// A calendar day from `yyyy-MM-dd` text.
#[must_use]
pub fn day(text: &str) -> Option<ledger_core::time::BusinessDate> {
    crate::dates::to_day(text)
}
