//! What bodies look like, in JSON Schema, for the published description.
//!
//! Tests hold these against the reader of the lines ([`mod@crate::line`]): what has every field here is read,
//! and every field of the example lines is here.

use ledger_core::annotations::{
    AcquisitionMaterial, EntryMode, SPECIFIC_FIELDS_MAX, ValidationMode,
};
use ledger_core::authorization::{ResultType, TransactionSubType, TransactionType};
use ledger_core::command::OperationKind;
use ledger_core::form::LIST_ENTRIES_MAX;
use ledger_core::money::Amount;
use ledger_core::text;
use serde_json::{Map, Value, json};

use super::reads::event_stores::BUSINESS_REF_BYTES_MAX;
use crate::line::OPERATION_NAMES;

/// The schema of the body of a command, or of a question, by its name.
pub(crate) fn body(name: &str) -> Value {
    match name {
        "configure-issuer" => object(&["timeZone"], configure_issuer()),
        "define-product" => object(
            &["productReference", "currency", "workingMode"],
            define_product(),
        ),
        "define-bonus-program" => object(
            &["bonusProgramReference"],
            vec![
                (
                    "bonusProgramReference",
                    plain(text::BonusProgramReference::BYTES_MAX),
                ),
                ("monetary", flag()),
                ("loyaltyUnits", list(plain(text::LoyaltyUnit::BYTES_MAX))),
            ],
        ),
        "advance-business-date" => object(&["businessDate"], vec![("businessDate", day())]),
        "open-account" => object(&["productReference"], open_account()),
        "set-credit-limit" => object(&["creditLimitAmount"], vec![("creditLimitAmount", limit())]),
        "close-account" => object(&[], vec![]),
        "record-authorization" => object(
            &[
                "transactionId",
                "businessCaseId",
                "transactionType",
                "transactionDate",
            ],
            authorization(),
        ),
        "create-offline-reservation" => object(
            &["offlineReservationReference", "amount"],
            vec![
                (
                    "offlineReservationReference",
                    plain(text::ReservationReference::BYTES_MAX),
                ),
                ("amount", positive()),
            ],
        ),
        "cancel-offline-reservation" => object(
            &["offlineReservationReference"],
            vec![(
                "offlineReservationReference",
                plain(text::ReservationReference::BYTES_MAX),
            )],
        ),
        "reset-balance" => object(&OWN, own(vec![])),
        "inquire-operation" => object(&OWN, triplet(&OWN)),
        "inquire-business-cases" => object(
            &[],
            vec![
                ("accountReference", account_reference()),
                (
                    "issuerAccountExternalReference",
                    plain(text::ExternalReference::BYTES_MAX),
                ),
                (
                    "businessCaseIds",
                    list(plain(text::BusinessCaseId::BYTES_MAX)),
                ),
                ("startTime", instant()),
                ("endTime", instant()),
            ],
        ),
        "search-operations" => object(&[], search()),
        "search-event-stores" => list(object(
            &["businessRefType"],
            vec![
                ("businessRefType", plain(BUSINESS_REF_BYTES_MAX)),
                ("businessRefValues", list(plain(BUSINESS_REF_BYTES_MAX))),
            ],
        )),
        _ => operation(name),
    }
}

/// Posts and reversals.
fn operation(name: &str) -> Value {
    let stem = name.trim_end_matches("-operation");
    let kind = |stem: &str| {
        OPERATION_NAMES
            .iter()
            .find(|(known, _)| *known == stem)
            .map(|(_, kind)| *kind)
    };
    if let Some(kind) = stem.strip_prefix("post-").and_then(kind) {
        let (required, fields) = post(kind);
        let mut names: Vec<&str> = OWN.to_vec();
        names.extend(required);
        let mut fields = own(fields);
        fields.retain(|(name, _)| kind != OperationKind::Bonus || *name != "valueDate");
        return object(&names, fields);
    }
    let kind = stem.strip_prefix("reverse-").and_then(kind);
    let mut required: Vec<&str> = [OWN, MATCHING].concat();
    let mut fields = own(triplet(&MATCHING));
    fields.retain(|(name, _)| *name != "valueDate");
    fields.push(("reversalReason", choice(&["REVERSAL_ON_DEMAND"])));
    if kind.is_some_and(OperationKind::is_partly_reversible) {
        fields.push(("referenceAmount", nonzero()));
    }
    if kind == Some(OperationKind::Fee) {
        required.push("reversalReason");
        fields.push(("feeType", plain(text::FeeType::BYTES_MAX)));
    }
    object(&required, fields)
}

/// Required and own fields of a kind of posting.
fn post(kind: OperationKind) -> (Vec<&'static str>, Vec<(&'static str, Value)>) {
    let payment = vec![
        (
            "referenceAmount",
            if kind == OperationKind::Load {
                negative()
            } else {
                nonzero()
            },
        ),
        ("paymentChannel", plain(text::ReasonCode::BYTES_MAX)),
        ("paymentReason", label()),
        ("sepa", flag()),
    ];
    match kind {
        OperationKind::Fee => (
            vec!["feeType", "referenceAmount"],
            vec![
                // Positive, but for an adjustment.
                ("referenceAmount", nonzero()),
                ("feeType", plain(text::FeeType::BYTES_MAX)),
                ("subFeeType", label()),
                ("frequency", label()),
                ("adjustment", flag()),
                (
                    "adjustmentReason",
                    choice(&[
                        "ERROR_DURING_ACQUISITION",
                        "INVALID_OPERATION",
                        "COMMERCIAL_ADJUSTMENT",
                        "DISPUTE_RESULT",
                        "CONFIGURATION_REPROCESSING",
                    ]),
                ),
            ],
        ),
        OperationKind::Bonus => {
            let mut fields = triplet(&REWARDED);
            fields.extend([
                ("referenceAmount", nonzero()),
                (
                    "bonusProgramReference",
                    plain(text::BonusProgramReference::BYTES_MAX),
                ),
                (
                    "loyaltyPointAmount",
                    object(
                        &["unit", "cumulatedValue"],
                        vec![
                            ("unit", plain(text::LoyaltyUnit::BYTES_MAX)),
                            (
                                "cumulatedValue",
                                whole(-Amount::MINOR_MAX, Amount::MINOR_MAX),
                            ),
                        ],
                    ),
                ),
                ("rewardedOperationIdentifier", operation_identifier()),
            ]);
            (vec!["bonusProgramReference"], fields)
        }
        OperationKind::Interest => (
            vec!["interestType", "referenceAmount"],
            vec![
                ("referenceAmount", nonzero()),
                ("interestType", choice(&["CREDIT", "DEBIT"])),
                ("interestStartDate", moment()),
                ("interestEndDate", moment()),
                ("interestCondition", label()),
            ],
        ),
        OperationKind::Payment => {
            let mut fields = payment;
            fields.push(("overPaymentAccountIdentifier", account_identifier()));
            (vec!["referenceAmount"], fields)
        }
        OperationKind::Load => (vec!["referenceAmount"], payment),
        OperationKind::Unload => (
            vec!["referenceAmount"],
            vec![("referenceAmount", positive())],
        ),
        OperationKind::BalanceAdjustment => (
            vec!["balanceAdjustmentReason", "referenceAmount"],
            vec![
                ("referenceAmount", nonzero()),
                (
                    "balanceAdjustmentReason",
                    plain(text::ReasonCode::BYTES_MAX),
                ),
            ],
        ),
        OperationKind::Reimbursement => (
            vec![],
            vec![
                ("referenceAmount", positive()),
                ("reimbursementType", choice(&["FULL", "PARTIAL", "MAX"])),
                ("reimbursementReason", label()),
                (
                    "destinationIban",
                    json!({"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$"}),
                ),
            ],
        ),
        OperationKind::Transaction => (vec!["operationCode", "referenceAmount"], transaction()),
        OperationKind::ResetBalance => (vec![], vec![]),
    }
}

fn transaction() -> Vec<(&'static str, Value)> {
    let mut fields = acceptor();
    fields.extend([
        ("referenceAmount", nonzero()),
        ("operationCode", choice(&[
            "CASH_ADVANCE",
            "CASH_BACK",
            "CASH_WITHDRAWAL",
            "CREDIT",
            "FUND_TRANSFER",
            "NORMAL_PURCHASE",
            "REFUND_PURCHASE",
            "LOAD",
        ])),
        ("transactionAmount", amount()),
        ("transactionDate", instant()),
        ("acquirerReferenceData", label()),
        ("authorizationBusinessCaseIdentifier", json!({"anyOf": [
            plain(text::BusinessCaseId::BYTES_MAX),
            object(&["businessCaseId"], vec![("businessCaseId", plain(text::BusinessCaseId::BYTES_MAX))]),
        ]})),
        ("cardIdentifier", card_identifier(&["cardReference", "issuerCardExternalReference", "panReference"])),
        ("cashAmount", amount()),
        ("poiAmount", amount()),
        ("gratuityAmount", amount()),
        ("surchargeAmount", amount()),
        ("exchangeRateDate", instant()),
        ("exchangeRateSource", label()),
        ("terminalId", label()),
        ("schemeTransactionIdentifier", label()),
        ("finalClearing", json!({"type": "boolean", "default": true, "description": "Whether what its business case still reserves is given free; else as much as the operation is worth."})),
        ("brand", label()),
        ("cardScheme", label()),
        ("cardTypeCode", label()),
        ("cardAcceptorZipCode", label()),
        ("acquisitionMaterial", codes(AcquisitionMaterial::CODES.iter().map(|(code, _)| *code))),
        ("entryMode", codes(EntryMode::CODES.iter().map(|(code, _)| *code))),
        ("validationMode", codes(ValidationMode::CODES.iter().map(|(code, _)| *code))),
        ("exchangeRate", json!({"type": ["string", "number"], "exclusiveMinimum": 0, "pattern": "^[0-9]{1,6}([.][0-9]{1,6})?$", "maximum": 1_000_000})),
        ("reconciliationAmount", amount()),
        ("pointOfSaleEnvironment", label()),
        ("mailPhoneEcommerceAndPaymentIndicator", label()),
        ("operationDate", instant()),
    ]);
    fields
}

/// What messages and transactions say of the acceptor and the card.
fn acceptor() -> Vec<(&'static str, Value)> {
    [
        "merchantCategoryCode",
        "cardAcceptorName",
        "cardAcceptorCity",
        "cardAcceptorCountry",
        "cardAcceptorIdCode",
        "approvalCode",
        "cardReference",
        "panReference",
        "maskedPan",
    ]
    .map(|name| (name, label()))
    .to_vec()
}

/// A card, by the references that a body may give of it.
fn card_identifier(names: &[&'static str]) -> Value {
    object(&[], names.iter().map(|name| (*name, label())).collect())
}

fn authorization() -> Vec<(&'static str, Value)> {
    let mut fields = acceptor();
    fields.extend([
        (
            "cardIdentifier",
            card_identifier(&["cardReference", "panReference"]),
        ),
        ("transactionId", plain(text::TransactionId::BYTES_MAX)),
        ("businessCaseId", plain(text::BusinessCaseId::BYTES_MAX)),
        (
            "transactionType",
            codes(TransactionType::CODES.iter().map(|(code, _)| *code)),
        ),
        (
            "transactionSubType",
            codes(TransactionSubType::CODES.iter().map(|(code, _)| *code)),
        ),
        ("financialType", label()),
        ("totalBillingAmount", amount()),
        ("totalAmount", amount()),
        ("transactionDate", instant()),
        (
            "resultType",
            codes(ResultType::CODES.iter().map(|(code, _)| *code)),
        ),
        ("resultCode", label()),
        ("reserveExpiryDate", day()),
    ]);
    fields
}

fn configure_issuer() -> Vec<(&'static str, Value)> {
    let kinds: Vec<&str> = OperationKind::ALL.iter().map(|kind| kind.code()).collect();
    let rule = object(
        &["operationKind", "contraAccount"],
        vec![
            ("operationKind", choice(&kinds)),
            ("feeType", plain(text::FeeType::BYTES_MAX)),
            (
                "balanceAdjustmentReason",
                plain(text::ReasonCode::BYTES_MAX),
            ),
            ("interestType", choice(&["CREDIT", "DEBIT"])),
            ("contraAccount", plain(text::GlCode::BYTES_MAX)),
        ],
    );
    vec![
        (
            "timeZone",
            json!({"type": "string", "description": "A zone of the IANA database.", "examples": ["Europe/Berlin"]}),
        ),
        ("businessDate", day()),
        (
            "reversalValueDating",
            choice(&["BUSINESS_DATE", "ORIGINAL"]),
        ),
        ("accountingScript", list(rule)),
        (
            "balanceAdjustmentReasons",
            list(plain(text::ReasonCode::BYTES_MAX)),
        ),
        ("maxForwardValueDays", whole(0, 36_525)),
        ("maxBackValueDays", whole(0, 36_525)),
    ]
}

fn define_product() -> Vec<(&'static str, Value)> {
    vec![
        ("productReference", plain(text::ProductReference::BYTES_MAX)),
        ("currency", currency()),
        (
            "workingMode",
            choice(&["PAY_LATER", "PAY_BEFORE", "PAY_NOW"]),
        ),
        ("feeTypes", list(plain(text::FeeType::BYTES_MAX))),
        ("defaultCreditLimitAmount", limit()),
    ]
}

fn open_account() -> Vec<(&'static str, Value)> {
    vec![
        (
            "issuerAccountExternalReference",
            plain(text::ExternalReference::BYTES_MAX),
        ),
        ("productReference", plain(text::ProductReference::BYTES_MAX)),
        ("creditLimitAmount", limit()),
        (
            "parentExternalReference",
            plain(text::ExternalReference::BYTES_MAX),
        ),
        ("parentAccountReference", account_reference()),
        (
            "bonusProgramReferences",
            list(plain(text::BonusProgramReference::BYTES_MAX)),
        ),
        ("noParentNotification", flag()),
        ("noOtbCheck", flag()),
        ("payingAccountType", choice(&["ROOT_PAYS", "ITSELF_PAYS"])),
    ]
}

fn search() -> Vec<(&'static str, Value)> {
    let posted = OperationKind::ALL.iter().map(|kind| kind.code());
    // Those that the engine posts nothing of may be asked for.
    let kinds: Vec<&str> = posted.chain(crate::words::KINDS_NOT_POSTED).collect();
    vec![
        ("issuerId", plain(text::IssuerId::BYTES_MAX)),
        ("issuerCompanyExternalReference", label()),
        ("postingAccountIdentifier", account_identifier()),
        ("virtualServiceCardExternalReference", label()),
        ("virtualServiceCardNumber", label()),
        ("operationIdentifier", operation_identifier()),
        ("transactionDateFrom", instant()),
        ("transactionDateTo", instant()),
        ("postingDateFrom", instant()),
        ("postingDateTo", instant()),
        ("referenceAmountFrom", amount()),
        ("referenceAmountTo", amount()),
        ("approvalCode", label()),
        ("cardAcceptorName", label()),
        ("operationKinds", list(choice(&kinds))),
    ]
}

/// What every posting and reversal has, and what this one has beside.
fn own(fields: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    let mut all = triplet(&OWN);
    all.extend([
        ("valueDate", moment()),
        ("description", json!({"type": "string", "maxLength": text::Description::BYTES_MAX / UTF_8_BYTES_MAX, "pattern": PRINTABLE})),
        ("externalOperationCode", label()),
        ("printOnStatement", flag()),
        ("correction", flag()),
        ("specificFields", json!({
            "type": "object",
            "maxProperties": SPECIFIC_FIELDS_MAX,
            "propertyNames": {"pattern": "^[!-~]+$", "minLength": 1, "maxLength": text::SpecificFieldName::BYTES_MAX},
            "additionalProperties": {"type": "string", "maxLength": text::SpecificFieldValue::BYTES_MAX / UTF_8_BYTES_MAX, "pattern": PRINTABLE},
        })),
    ]);
    all.extend(fields);
    all
}

const OWN: [&str; 3] = [
    "externalOperationDate",
    "externalOperationReference",
    "externalOperationServicePoster",
];
const MATCHING: [&str; 3] = [
    "externalMatchingOperationDate",
    "externalMatchingOperationReference",
    "externalMatchingOperationServicePoster",
];
const REWARDED: [&str; 3] = [
    "rewardedExternalMatchingOperationDate",
    "rewardedExternalMatchingOperationReference",
    "rewardedExternalMatchingOperationServicePoster",
];

fn triplet(names: &[&'static str; 3]) -> Vec<(&'static str, Value)> {
    vec![
        (names[0], instant()),
        (names[1], plain(text::OperationReference::BYTES_MAX)),
        (names[2], plain(text::ServicePoster::BYTES_MAX)),
    ]
}

fn object(required: &[&str], fields: Vec<(&'static str, Value)>) -> Value {
    let properties: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema)| {
            let is_required = required.contains(&name);
            let schema = if is_required { schema } else { or_null(schema) };
            (name.to_owned(), schema)
        })
        .collect();
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A field that need not be there may be null as well, as many programs write it.
fn or_null(mut schema: Value) -> Value {
    match schema.get_mut("type") {
        Some(Value::Array(kinds)) => kinds.push(json!("null")),
        Some(kind) => *kind = json!([kind, "null"]),
        None => {}
    }
    for (choices, null) in [("enum", Value::Null), ("anyOf", json!({"type": "null"}))] {
        if let Some(Value::Array(given)) = schema.get_mut(choices) {
            given.push(null);
        }
    }
    schema
}

fn account_identifier() -> Value {
    json!({
        "type": "object",
        "properties": {
            "accountReference": account_reference(),
            "issuerAccountExternalReference": plain(text::ExternalReference::BYTES_MAX),
        },
        "minProperties": 1,
        "additionalProperties": false,
    })
}

fn operation_identifier() -> Value {
    object(
        &["operationId"],
        vec![(
            "operationId",
            json!({"type": "string", "pattern": "^1[0-9]{15}$"}),
        )],
    )
}

/// Text of an identifier: printable ASCII, of which a byte is a character.
fn plain(bytes_max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": bytes_max, "pattern": "^[ -~]+$"})
}

pub(super) fn label() -> Value {
    json!({"type": "string", "maxLength": text::Label::BYTES_MAX / UTF_8_BYTES_MAX, "pattern": PRINTABLE})
}

/// Anything but control characters.
const PRINTABLE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// Limits are in bytes; so many characters always fit.
const UTF_8_BYTES_MAX: usize = 4;

fn choice(codes: &[&str]) -> Value {
    json!({"type": "string", "enum": codes})
}

fn codes<'a>(all: impl Iterator<Item = &'a str>) -> Value {
    choice(&all.collect::<Vec<_>>())
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items, "maxItems": LIST_ENTRIES_MAX})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn whole(least: i64, most: i64) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
}

pub(super) fn day() -> Value {
    json!({"type": "string", "format": "date", "pattern": "^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$"})
}

pub(super) fn instant() -> Value {
    json!({"type": "string", "format": "date-time", "examples": ["2023-01-02T14:20:34.715Z"]})
}

/// A day, or an instant of it.
fn moment() -> Value {
    json!({"anyOf": [instant(), day()]})
}

fn account_reference() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{20}$", "examples": ["10000000000000000001"]})
}

fn currency() -> Value {
    json!({"type": "string", "pattern": "^[A-Z]{3}$", "description": "A currency of ISO 4217 that has minor units.", "examples": ["EUR"]})
}

fn amount_of(value: Value) -> Value {
    let mut amount = object(
        &["value", "exponent", "isoCode"],
        vec![
            ("value", value),
            ("exponent", whole(0, 4)),
            ("isoCode", currency()),
        ],
    );
    amount["description"] =
        json!("Minor units, debit positive; the exponent is that of the currency.");
    amount
}

fn amount() -> Value {
    amount_of(whole(-Amount::MINOR_MAX, Amount::MINOR_MAX))
}

fn nonzero() -> Value {
    let mut value = whole(-Amount::MINOR_MAX, Amount::MINOR_MAX);
    value["not"] = json!({"const": 0});
    amount_of(value)
}

fn positive() -> Value {
    amount_of(whole(1, Amount::MINOR_MAX))
}

fn negative() -> Value {
    amount_of(whole(-Amount::MINOR_MAX, -1))
}

/// Zero or more.
fn limit() -> Value {
    amount_of(whole(0, Amount::MINOR_MAX))
}
