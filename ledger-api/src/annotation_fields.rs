//! Annotations in JSON: taken from the fields of a line, and written into a line again.
//!
//! `origin` and `username` stand beside the correlation id, all others in the body of the commands that
//! have them.

use std::collections::BTreeMap;

use ledger_core::annotations::{
    AcquisitionMaterial, Annotations, EntryMode, InterestNotes, TransactionNotes, ValidationMode,
};
use ledger_core::command::{AccountAction, AccountSelector, Command, OperationKind};
use ledger_core::iban::Iban;
use ledger_core::rejection::Rejection;
use ledger_core::text::Label;
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::line::one_of;
use crate::readable::{amount, moment, text};
use crate::views::instant;

/// The field that says which card.
pub(crate) const CARD: &str = "cardIdentifier";

/// Takes the annotations that a command may have.
pub(crate) fn take(
    command: &Command,
    line: &Fields<'_>,
    body: &Fields<'_>,
) -> Result<Option<Box<Annotations>>, Rejection> {
    let mut annotations = None;
    // Most lines have none of these names, and nothing is set up for those.
    if line.has("origin") || line.has("username") {
        annotations = Some(Annotations {
            origin: line.text("origin")?,
            username: line.text("username")?,
            ..Annotations::default()
        });
    }
    if let Command::OnAccount(on) = command {
        let posted = match &on.action {
            AccountAction::Post(post) => Some(post.detail.kind()),
            AccountAction::Reverse(_) => None,
            AccountAction::RecordAuthorization(_) => {
                if body.has_untaken() {
                    let (card, _) = card(body)?;
                    annotations.get_or_insert_default().pan_reference = card;
                }
                return Ok(annotations.and_then(Annotations::carried));
            }
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_) => {
                return Ok(annotations.and_then(Annotations::carried));
            }
        };
        if body.has_untaken() {
            let annotations = annotations.get_or_insert_default();
            annotations.specific_fields = specific_fields(body)?;
            annotations.print_on_statement = body.flag("printOnStatement")?;
            annotations.correction = body.flag("correction")?;
            if let Some(kind) = posted {
                of_kind(kind, body, annotations)?;
            }
        }
    }
    Ok(annotations.and_then(Annotations::carried))
}

fn of_kind(
    kind: OperationKind,
    body: &Fields<'_>,
    annotations: &mut Annotations,
) -> Result<(), Rejection> {
    match kind {
        OperationKind::Reimbursement => {
            let text = body.raw_text("destinationIban")?;
            annotations.destination_iban = text.map(iban).transpose()?;
            annotations.reimbursement_reason = body.text("reimbursementReason")?;
        }
        OperationKind::Payment => {
            annotations.over_payment_account = over_payment_account(body)?;
        }
        OperationKind::Interest => {
            annotations.interest = InterestNotes {
                start_date: body.moment("interestStartDate")?,
                end_date: body.moment("interestEndDate")?,
                condition: body.text("interestCondition")?,
            };
        }
        OperationKind::Transaction => {
            let (pan_reference, external) = card(body)?;
            annotations.pan_reference = pan_reference;
            annotations.transaction = TransactionNotes {
                issuer_card_external_reference: external,
                ..transaction(body)?
            };
        }
        OperationKind::Fee
        | OperationKind::Bonus
        | OperationKind::BalanceAdjustment
        | OperationKind::Load
        | OperationKind::Unload
        | OperationKind::ResetBalance => {}
    }
    Ok(())
}

/// What is said of a card beside its reference: that of its number, and the issuer's own.
fn card(body: &Fields<'_>) -> Result<(Option<Label>, Option<Label>), Rejection> {
    let (mut pan_reference, mut external) = (None, None);
    if let Some(card) = body.object(CARD)? {
        // It was read with the command.
        let _: Option<Label> = card.text("cardReference")?;
        pan_reference = card.text("panReference")?;
        external = card.text("issuerCardExternalReference")?;
        card.finish()?;
    }
    Ok((one_of(body, "panReference", pan_reference)?, external))
}

fn iban(text: &str) -> Result<Iban, Rejection> {
    Iban::new(text).ok_or_else(|| Rejection::InvalidIban {
        field: "destinationIban".to_owned(),
    })
}

fn specific_fields<K: Ord + crate::fields::FieldText, V: crate::fields::FieldText>(
    body: &Fields<'_>,
) -> Result<BTreeMap<K, V>, Rejection> {
    match body.object("specificFields")? {
        Some(fields) => fields.all_texts(),
        None => Ok(BTreeMap::new()),
    }
}

fn over_payment_account(body: &Fields<'_>) -> Result<Option<AccountSelector>, Rejection> {
    let Some(account) = body.object("overPaymentAccountIdentifier")? else {
        return Ok(None);
    };
    let reference = account.account_reference("accountReference")?;
    let external = account.text("issuerAccountExternalReference")?;
    account.finish()?;
    // As with the account of a command, the reference alone counts if both are given.
    let reference = reference.map(AccountSelector::Reference);
    let selector = reference.or_else(|| external.map(AccountSelector::External));
    selector.map(Some).ok_or_else(|| {
        let problem = "needs accountReference or issuerAccountExternalReference";
        body.invalid("overPaymentAccountIdentifier", problem)
    })
}

fn transaction(body: &Fields<'_>) -> Result<TransactionNotes, Rejection> {
    Ok(TransactionNotes {
        brand: body.text("brand")?,
        card_scheme: body.text("cardScheme")?,
        card_type_code: body.text("cardTypeCode")?,
        card_acceptor_zip_code: body.text("cardAcceptorZipCode")?,
        acquisition_material: body.choice("acquisitionMaterial", AcquisitionMaterial::CODES)?,
        entry_mode: body.choice("entryMode", EntryMode::CODES)?,
        validation_mode: body.choice("validationMode", ValidationMode::CODES)?,
        exchange_rate: body.exchange_rate("exchangeRate")?,
        reconciliation_amount: body.amount("reconciliationAmount")?,
        point_of_sale_environment: body.text("pointOfSaleEnvironment")?,
        mail_phone_ecommerce_and_payment_indicator: body
            .text("mailPhoneEcommerceAndPaymentIndicator")?,
        operation_date: body.instant("operationDate")?,
        issuer_card_external_reference: None,
        cash_amount: body.amount("cashAmount")?,
        poi_amount: body.amount("poiAmount")?,
        gratuity_amount: body.amount("gratuityAmount")?,
        surcharge_amount: body.amount("surchargeAmount")?,
        exchange_rate_date: body.instant("exchangeRateDate")?,
        exchange_rate_source: body.text("exchangeRateSource")?,
        terminal_id: body.text("terminalId")?,
        scheme_transaction_identifier: body.text("schemeTransactionIdentifier")?,
    })
}

/// Writes the annotations that stand in a body into it.
pub(crate) fn insert(body: &mut Map<String, Value>, annotations: &Annotations) {
    // Every field is named, so that a new one must be given its name here.
    let Annotations {
        origin: _,
        username: _,
        specific_fields,
        print_on_statement,
        correction,
        destination_iban,
        over_payment_account,
        interest:
            InterestNotes {
                start_date,
                end_date,
                condition,
            },
        transaction: notes,
        pan_reference,
        reimbursement_reason,
    } = annotations;
    let specific_fields: Map<_, _> = specific_fields
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let specific_fields = (!specific_fields.is_empty()).then(|| specific_fields.into());
    let given = [
        ("specificFields", specific_fields),
        ("printOnStatement", print_on_statement.map(Value::from)),
        ("correction", correction.map(Value::from)),
        ("destinationIban", destination_iban.as_ref().map(text)),
        (
            "overPaymentAccountIdentifier",
            over_payment_account.as_ref().map(account_identifier),
        ),
        ("interestStartDate", start_date.map(moment).map(Value::from)),
        ("interestEndDate", end_date.map(moment).map(Value::from)),
        ("interestCondition", condition.as_ref().map(text)),
        ("panReference", pan_reference.as_ref().map(text)),
        (
            "reimbursementReason",
            reimbursement_reason.as_ref().map(text),
        ),
    ];
    let given = given.into_iter().chain(transaction_fields(notes));
    body.extend(given.filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

fn transaction_fields(notes: &TransactionNotes) -> [(&'static str, Option<Value>); 21] {
    let TransactionNotes {
        brand,
        card_scheme,
        card_type_code,
        card_acceptor_zip_code,
        acquisition_material,
        entry_mode,
        validation_mode,
        exchange_rate,
        reconciliation_amount,
        point_of_sale_environment,
        mail_phone_ecommerce_and_payment_indicator: indicator,
        operation_date,
        issuer_card_external_reference,
        cash_amount,
        poi_amount,
        gratuity_amount,
        surcharge_amount,
        exchange_rate_date,
        exchange_rate_source,
        terminal_id,
        scheme_transaction_identifier,
    } = notes;
    let label = |label: &Option<ledger_core::text::Label>| label.as_ref().map(text);
    let code = |code: Option<&'static str>| code.map(Value::from);
    [
        ("brand", label(brand)),
        ("cardScheme", label(card_scheme)),
        ("cardTypeCode", label(card_type_code)),
        ("cardAcceptorZipCode", label(card_acceptor_zip_code)),
        (
            "acquisitionMaterial",
            code(acquisition_material.map(AcquisitionMaterial::code)),
        ),
        ("entryMode", code(entry_mode.map(EntryMode::code))),
        (
            "validationMode",
            code(validation_mode.map(ValidationMode::code)),
        ),
        // As text, since not every number of JSON is read back as it was written.
        ("exchangeRate", exchange_rate.as_ref().map(text)),
        ("reconciliationAmount", reconciliation_amount.map(amount)),
        ("pointOfSaleEnvironment", label(point_of_sale_environment)),
        ("mailPhoneEcommerceAndPaymentIndicator", label(indicator)),
        (
            "operationDate",
            operation_date.map(instant).map(Value::from),
        ),
        (
            CARD,
            issuer_card_external_reference
                .as_ref()
                .map(|reference| json!({"issuerCardExternalReference": reference.as_str()})),
        ),
        ("cashAmount", cash_amount.map(amount)),
        ("poiAmount", poi_amount.map(amount)),
        ("gratuityAmount", gratuity_amount.map(amount)),
        ("surchargeAmount", surcharge_amount.map(amount)),
        (
            "exchangeRateDate",
            exchange_rate_date.map(instant).map(Value::from),
        ),
        ("exchangeRateSource", label(exchange_rate_source)),
        ("terminalId", label(terminal_id)),
        (
            "schemeTransactionIdentifier",
            label(scheme_transaction_identifier),
        ),
    ]
}

/// An account, in the way it was named.
fn account_identifier(account: &AccountSelector) -> Value {
    match account {
        AccountSelector::Reference(reference) => {
            json!({"accountReference": reference.to_string()})
        }
        AccountSelector::External(reference) => {
            json!({"issuerAccountExternalReference": reference.as_str()})
        }
    }
}
