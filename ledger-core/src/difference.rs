//! Field-by-field comparison of two commands under one correlation id or one triplet.
//!
//! The recorded command lies in the log as it was given, so the answer is exact and names the field.
//! Names are those of the operations API. A field that is absent in one and present in the other is
//! a difference, even where the engine would have defaulted it to the same value.

use crate::annotations::{Annotations, InterestNotes, TransactionNotes};
use crate::authorization::RecordAuthorization;
use crate::command::{
    AccountAction, AdvanceBusinessDate, CancelOfflineReservation, Command, ConfigureIssuer,
    CreateOfflineReservation, DefineBonusProgram, DefineProduct, OpenAccount, PostBonus,
    PostClearing, PostDetail, PostFee, PostOperation, PostPayment, PostTransaction,
    ReverseOperation, Triplet,
};
use crate::event::{EventBody, Record};
use crate::ids::AccountIndex;
use crate::time::Timestamp;

/// The name of the first field in which `submitted` differs from what `recorded` holds, or none.
///
/// `account` is the account that the submitted command names, if it names one that exists.
#[must_use]
pub fn from_recorded(
    recorded: &Record,
    submitted: &Command,
    annotations: Option<&Annotations>,
    account: Option<AccountIndex>,
) -> Option<&'static str> {
    command(recorded, submitted, account)
        .or_else(|| annotations_of(recorded.event.annotations.as_deref(), annotations))
}

fn command(
    recorded: &Record,
    submitted: &Command,
    account: Option<AccountIndex>,
) -> Option<&'static str> {
    match (&recorded.event.body, submitted) {
        (
            EventBody::IssuerConfigured { configuration, .. },
            Command::ConfigureIssuer(submitted),
        ) => configure_issuer(configuration, submitted),
        (EventBody::ProductDefined(recorded), Command::DefineProduct(submitted)) => {
            define_product(recorded, submitted)
        }
        (EventBody::BonusProgramDefined(recorded), Command::DefineBonusProgram(submitted)) => {
            define_bonus_program(recorded, submitted)
        }
        (EventBody::BusinessDateAdvanced(recorded), Command::AdvanceBusinessDate(submitted)) => {
            let AdvanceBusinessDate { business_date } = recorded;
            first(&[("businessDate", *business_date == submitted.business_date)])
        }
        (EventBody::AccountOpened { opening, .. }, Command::OpenAccount(submitted)) => {
            open_account(opening, submitted)
        }
        (_, Command::OnAccount(submitted)) => {
            let Some((recorded_account, posting_date, action)) = recorded_action(recorded) else {
                return Some("command");
            };
            if let Some(field) = shape(action, &submitted.action) {
                return Some(field);
            }
            first(&[("account", account == Some(recorded_account))])
                .or_else(|| action_fields(action, &submitted.action))
                .or_else(|| first(&[("postingDate", posting_date == submitted.posting_date)]))
        }
        (
            _,
            Command::ConfigureIssuer(_)
            | Command::DefineProduct(_)
            | Command::DefineBonusProgram(_)
            | Command::AdvanceBusinessDate(_)
            | Command::OpenAccount(_),
        ) => Some("command"),
    }
}

/// Whether `submitted`, on `account`, asks for exactly the operation that `recorded` posted, whatever
/// its correlation id and posting date.
#[must_use]
pub fn is_same_operation(
    recorded: &Record,
    submitted: &AccountAction,
    annotations: Option<&Annotations>,
    account: AccountIndex,
) -> bool {
    recorded_action(recorded).is_some_and(|(recorded_account, _, action)| {
        recorded_account == account
            && shape(action, submitted).is_none()
            && action_fields(action, submitted).is_none()
            && annotations_of(recorded.event.annotations.as_deref(), annotations).is_none()
    })
}

/// A recorded action, borrowed from wherever its event keeps it.
#[derive(Clone, Copy)]
enum Action<'a> {
    SetCreditLimit(&'a crate::command::SetCreditLimit),
    Close,
    Post(&'a PostOperation),
    Reverse(&'a ReverseOperation),
    RecordAuthorization(&'a RecordAuthorization),
    CreateOfflineReservation(&'a CreateOfflineReservation),
    CancelOfflineReservation(&'a CancelOfflineReservation),
}

fn recorded_action(record: &Record) -> Option<(AccountIndex, Option<Timestamp>, Action<'_>)> {
    match &record.event.body {
        EventBody::CreditLimitSet {
            account,
            posting_date,
            change,
        } => Some((*account, *posting_date, Action::SetCreditLimit(change))),
        EventBody::AccountClosed {
            account,
            posting_date,
        } => Some((*account, *posting_date, Action::Close)),
        EventBody::OperationPosted { decided, operation } => Some((
            decided.account,
            decided.posting_date,
            Action::Post(operation),
        )),
        EventBody::OperationCleared {
            decided, operation, ..
        } => Some((
            decided.account,
            decided.posting_date,
            Action::Post(operation),
        )),
        EventBody::AuthorizationRecorded { decided, message } => Some((
            decided.account,
            decided.posting_date,
            Action::RecordAuthorization(message),
        )),
        EventBody::OfflineReservationCreated {
            account,
            posting_date,
            reservation,
        } => Some((
            *account,
            *posting_date,
            Action::CreateOfflineReservation(reservation),
        )),
        EventBody::OfflineReservationCancelled {
            account,
            posting_date,
            cancellation,
            released_minor: _,
        } => Some((
            *account,
            *posting_date,
            Action::CancelOfflineReservation(cancellation),
        )),
        EventBody::OperationReversed {
            decided, reversal, ..
        } => Some((
            decided.account,
            decided.posting_date,
            Action::Reverse(reversal),
        )),
        EventBody::OperationRejected {
            account,
            posting_date,
            action,
            ..
        } => {
            let action = match action.as_ref() {
                AccountAction::SetCreditLimit(change) => Action::SetCreditLimit(change),
                AccountAction::Close => Action::Close,
                AccountAction::Post(post) => Action::Post(post),
                AccountAction::Reverse(reverse) => Action::Reverse(reverse),
                AccountAction::RecordAuthorization(message) => Action::RecordAuthorization(message),
                AccountAction::CreateOfflineReservation(reservation) => {
                    Action::CreateOfflineReservation(reservation)
                }
                AccountAction::CancelOfflineReservation(cancellation) => {
                    Action::CancelOfflineReservation(cancellation)
                }
            };
            Some((*account, *posting_date, action))
        }
        EventBody::IssuerConfigured { .. }
        | EventBody::ProductDefined(_)
        | EventBody::BonusProgramDefined(_)
        | EventBody::BusinessDateAdvanced(_)
        | EventBody::AccountOpened { .. } => None,
    }
}

fn shape(recorded: Action<'_>, submitted: &AccountAction) -> Option<&'static str> {
    let same = match (recorded, submitted) {
        (Action::SetCreditLimit(_), AccountAction::SetCreditLimit(_))
        | (Action::Close, AccountAction::Close)
        | (Action::CreateOfflineReservation(_), AccountAction::CreateOfflineReservation(_))
        | (Action::CancelOfflineReservation(_), AccountAction::CancelOfflineReservation(_)) => true,
        (Action::RecordAuthorization(_), AccountAction::RecordAuthorization(_)) => true,
        (Action::Post(a), AccountAction::Post(b)) => a.detail.kind() == b.detail.kind(),
        (Action::Reverse(a), AccountAction::Reverse(b)) => a.kind == b.kind,
        (
            Action::SetCreditLimit(_)
            | Action::Close
            | Action::Post(_)
            | Action::Reverse(_)
            | Action::RecordAuthorization(_)
            | Action::CreateOfflineReservation(_)
            | Action::CancelOfflineReservation(_),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_),
        ) => false,
    };
    first(&[("command", same)])
}

fn action_fields(recorded: Action<'_>, submitted: &AccountAction) -> Option<&'static str> {
    match (recorded, submitted) {
        (Action::SetCreditLimit(a), AccountAction::SetCreditLimit(b)) => {
            first(&[("creditLimitAmount", a == b)])
        }
        (Action::Close, AccountAction::Close) => None,
        (Action::Post(a), AccountAction::Post(b)) => post_operation(a, b),
        (Action::Reverse(a), AccountAction::Reverse(b)) => reverse_operation(a, b),
        (Action::RecordAuthorization(a), AccountAction::RecordAuthorization(b)) => {
            record_authorization(a, b)
        }
        (Action::CreateOfflineReservation(a), AccountAction::CreateOfflineReservation(b)) => {
            let CreateOfflineReservation { reference, amount } = a;
            first(&[
                ("offlineReservationReference", *reference == b.reference),
                ("amount", *amount == b.amount),
            ])
        }
        (Action::CancelOfflineReservation(a), AccountAction::CancelOfflineReservation(b)) => {
            let CancelOfflineReservation { reference } = a;
            first(&[("offlineReservationReference", *reference == b.reference)])
        }
        (
            Action::SetCreditLimit(_)
            | Action::Close
            | Action::Post(_)
            | Action::Reverse(_)
            | Action::RecordAuthorization(_)
            | Action::CreateOfflineReservation(_)
            | Action::CancelOfflineReservation(_),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_),
        ) => Some("command"),
    }
}

/// The first name whose fields are not the same.
fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields.iter().find(|(_, same)| !same).map(|(name, _)| *name)
}

/// The same command may be tried again by another user or from another place, so `origin` and `username`
/// are not compared.
fn annotations_of(a: Option<&Annotations>, b: Option<&Annotations>) -> Option<&'static str> {
    if a.is_none() && b.is_none() {
        return None;
    }
    let b = b.unwrap_or(Annotations::NONE);
    let Annotations {
        origin: _,
        username: _,
        specific_fields,
        print_on_statement,
        correction,
        destination_iban,
        over_payment_account,
        interest,
        transaction,
        pan_reference,
        reimbursement_reason,
    } = a.unwrap_or(Annotations::NONE);
    first(&[
        ("specificFields", *specific_fields == b.specific_fields),
        (
            "printOnStatement",
            *print_on_statement == b.print_on_statement,
        ),
        ("correction", *correction == b.correction),
        ("destinationIban", *destination_iban == b.destination_iban),
        (
            "overPaymentAccountIdentifier",
            *over_payment_account == b.over_payment_account,
        ),
        ("panReference", *pan_reference == b.pan_reference),
        (
            "reimbursementReason",
            *reimbursement_reason == b.reimbursement_reason,
        ),
    ])
    .or_else(|| interest_notes(interest, &b.interest))
    .or_else(|| transaction_notes(transaction, &b.transaction))
}

fn interest_notes(a: &InterestNotes, b: &InterestNotes) -> Option<&'static str> {
    let InterestNotes {
        start_date,
        end_date,
        condition,
    } = a;
    first(&[
        ("interestStartDate", *start_date == b.start_date),
        ("interestEndDate", *end_date == b.end_date),
        ("interestCondition", *condition == b.condition),
    ])
}

fn transaction_notes(a: &TransactionNotes, b: &TransactionNotes) -> Option<&'static str> {
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
    } = a;
    first(&[
        ("brand", *brand == b.brand),
        ("cardScheme", *card_scheme == b.card_scheme),
        ("cardTypeCode", *card_type_code == b.card_type_code),
        (
            "cardAcceptorZipCode",
            *card_acceptor_zip_code == b.card_acceptor_zip_code,
        ),
        (
            "acquisitionMaterial",
            *acquisition_material == b.acquisition_material,
        ),
        ("entryMode", *entry_mode == b.entry_mode),
        ("validationMode", *validation_mode == b.validation_mode),
        ("exchangeRate", *exchange_rate == b.exchange_rate),
        (
            "reconciliationAmount",
            *reconciliation_amount == b.reconciliation_amount,
        ),
        (
            "pointOfSaleEnvironment",
            *point_of_sale_environment == b.point_of_sale_environment,
        ),
        (
            "mailPhoneEcommerceAndPaymentIndicator",
            *indicator == b.mail_phone_ecommerce_and_payment_indicator,
        ),
        ("operationDate", *operation_date == b.operation_date),
        (
            "cardIdentifier.issuerCardExternalReference",
            *issuer_card_external_reference == b.issuer_card_external_reference,
        ),
        ("cashAmount", *cash_amount == b.cash_amount),
        ("poiAmount", *poi_amount == b.poi_amount),
        ("gratuityAmount", *gratuity_amount == b.gratuity_amount),
        ("surchargeAmount", *surcharge_amount == b.surcharge_amount),
        (
            "exchangeRateDate",
            *exchange_rate_date == b.exchange_rate_date,
        ),
        (
            "exchangeRateSource",
            *exchange_rate_source == b.exchange_rate_source,
        ),
        ("terminalId", *terminal_id == b.terminal_id),
        (
            "schemeTransactionIdentifier",
            *scheme_transaction_identifier == b.scheme_transaction_identifier,
        ),
    ])
}

// Each function takes its struct apart, so that a new field cannot be forgotten here.

fn configure_issuer(a: &ConfigureIssuer, b: &ConfigureIssuer) -> Option<&'static str> {
    let ConfigureIssuer {
        time_zone,
        business_date,
        reversal_value_dating,
        accounting_script,
        balance_adjustment_reasons,
        value_date_ahead_days_max,
        value_date_back_days_max,
    } = a;
    first(&[
        ("timeZone", *time_zone == b.time_zone),
        ("businessDate", *business_date == b.business_date),
        (
            "reversalValueDating",
            *reversal_value_dating == b.reversal_value_dating,
        ),
        (
            "accountingScript",
            *accounting_script == b.accounting_script,
        ),
        (
            "balanceAdjustmentReasons",
            *balance_adjustment_reasons == b.balance_adjustment_reasons,
        ),
        (
            "maxForwardValueDays",
            *value_date_ahead_days_max == b.value_date_ahead_days_max,
        ),
        (
            "maxBackValueDays",
            *value_date_back_days_max == b.value_date_back_days_max,
        ),
    ])
}

fn define_product(a: &DefineProduct, b: &DefineProduct) -> Option<&'static str> {
    let DefineProduct {
        reference,
        currency,
        working_mode,
        fee_types,
        default_credit_limit,
    } = a;
    first(&[
        ("productReference", *reference == b.reference),
        ("currency", *currency == b.currency),
        ("workingMode", *working_mode == b.working_mode),
        ("feeTypes", *fee_types == b.fee_types),
        (
            "defaultCreditLimitAmount",
            *default_credit_limit == b.default_credit_limit,
        ),
    ])
}

fn define_bonus_program(a: &DefineBonusProgram, b: &DefineBonusProgram) -> Option<&'static str> {
    let DefineBonusProgram {
        reference,
        monetary,
        loyalty_units,
    } = a;
    first(&[
        ("bonusProgramReference", *reference == b.reference),
        ("monetary", *monetary == b.monetary),
        ("loyaltyUnits", *loyalty_units == b.loyalty_units),
    ])
}

fn open_account(a: &OpenAccount, b: &OpenAccount) -> Option<&'static str> {
    let OpenAccount {
        external_reference,
        product,
        credit_limit,
        parent,
        parent_reference,
        bonus_programs,
        no_parent_notification,
        no_otb_check,
        paying,
    } = a;
    first(&[
        (
            "issuerAccountExternalReference",
            *external_reference == b.external_reference,
        ),
        ("productReference", *product == b.product),
        ("creditLimitAmount", *credit_limit == b.credit_limit),
        ("parentExternalReference", *parent == b.parent),
        (
            "parentAccountReference",
            *parent_reference == b.parent_reference,
        ),
        (
            "bonusProgramReferences",
            *bonus_programs == b.bonus_programs,
        ),
        (
            "noParentNotification",
            *no_parent_notification == b.no_parent_notification,
        ),
        ("noOtbCheck", *no_otb_check == b.no_otb_check),
        ("payingAccountType", *paying == b.paying),
    ])
}

fn triplet(a: &Triplet, b: &Triplet, names: [&'static str; 3]) -> Option<&'static str> {
    let Triplet {
        date,
        reference,
        service_poster,
    } = a;
    first(&[
        (names[0], *date == b.date),
        (names[1], *reference == b.reference),
        (names[2], *service_poster == b.service_poster),
    ])
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

/// Names the business case of a clearing; a scheme transaction without one is no clearing of a case.
const BUSINESS_CASE: &str = "authorizationBusinessCaseIdentifier";

const REWARDED: [&str; 3] = [
    "rewardedExternalMatchingOperationDate",
    "rewardedExternalMatchingOperationReference",
    "rewardedExternalMatchingOperationServicePoster",
];

fn post_operation(a: &PostOperation, b: &PostOperation) -> Option<&'static str> {
    let PostOperation {
        triplet: a_triplet,
        reference_amount,
        value_date,
        description,
        external_code,
        detail,
    } = a;
    first(&[("referenceAmount", *reference_amount == b.reference_amount)])
        .or_else(|| post_detail(detail, &b.detail))
        .or_else(|| triplet(a_triplet, &b.triplet, OWN))
        .or_else(|| {
            first(&[
                ("valueDate", *value_date == b.value_date),
                ("description", *description == b.description),
                ("externalOperationCode", *external_code == b.external_code),
            ])
        })
}

fn post_detail(a: &PostDetail, b: &PostDetail) -> Option<&'static str> {
    match (a, b) {
        (PostDetail::Fee(a), PostDetail::Fee(b)) => {
            let PostFee {
                fee_type,
                sub_fee_type,
                frequency,
                adjustment,
                adjustment_reason,
            } = a;
            first(&[
                ("feeType", *fee_type == b.fee_type),
                ("subFeeType", *sub_fee_type == b.sub_fee_type),
                ("frequency", *frequency == b.frequency),
                ("adjustment", *adjustment == b.adjustment),
                (
                    "adjustmentReason",
                    *adjustment_reason == b.adjustment_reason,
                ),
            ])
        }
        (PostDetail::Bonus(a), PostDetail::Bonus(b)) => {
            let PostBonus {
                program,
                points,
                rewarded_operation,
                rewarded_triplet,
            } = a.as_ref();
            first(&[
                ("bonusProgramReference", *program == b.program),
                ("loyaltyPointAmount", *points == b.points),
                (
                    "rewardedOperationIdentifier",
                    *rewarded_operation == b.rewarded_operation,
                ),
            ])
            .or_else(|| match (rewarded_triplet, &b.rewarded_triplet) {
                (Some(a), Some(b)) => triplet(a, b, REWARDED),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => Some(REWARDED[0]),
            })
        }
        (PostDetail::Interest(a), PostDetail::Interest(b)) => first(&[("interestType", a == b)]),
        (PostDetail::Payment(a), PostDetail::Payment(b))
        | (PostDetail::Load(a), PostDetail::Load(b)) => payment(a, b),
        (
            PostDetail::BalanceAdjustment { reason: a },
            PostDetail::BalanceAdjustment { reason: b },
        ) => first(&[("balanceAdjustmentReason", a == b)]),
        (PostDetail::Reimbursement(a), PostDetail::Reimbursement(b)) => {
            first(&[("reimbursementType", a == b)])
        }
        (PostDetail::Unload, PostDetail::Unload)
        | (PostDetail::ResetBalance, PostDetail::ResetBalance) => None,
        (PostDetail::Transaction(a), PostDetail::Transaction(b)) => transaction(a, b),
        (PostDetail::Clearing(a), PostDetail::Clearing(b)) => {
            let PostClearing {
                transaction: a_transaction,
                business_case,
                is_final,
            } = a.as_ref();
            transaction(a_transaction, &b.transaction).or_else(|| {
                first(&[
                    (BUSINESS_CASE, *business_case == b.business_case),
                    ("finalClearing", *is_final == b.is_final),
                ])
            })
        }
        (PostDetail::Transaction(a), PostDetail::Clearing(b)) => {
            transaction(a, &b.transaction).or(Some(BUSINESS_CASE))
        }
        (PostDetail::Clearing(a), PostDetail::Transaction(b)) => {
            transaction(&a.transaction, b).or(Some(BUSINESS_CASE))
        }
        (
            PostDetail::Fee(_)
            | PostDetail::Bonus(_)
            | PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::BalanceAdjustment { .. }
            | PostDetail::Reimbursement(_)
            | PostDetail::Load(_)
            | PostDetail::Unload
            | PostDetail::Transaction(_)
            | PostDetail::ResetBalance
            | PostDetail::Clearing(_),
            _,
        ) => Some("command"),
    }
}

fn payment(a: &PostPayment, b: &PostPayment) -> Option<&'static str> {
    let PostPayment {
        channel,
        reason,
        sepa,
    } = a;
    first(&[
        ("paymentChannel", *channel == b.channel),
        ("paymentReason", *reason == b.reason),
        ("sepa", *sepa == b.sepa),
    ])
}

fn transaction(a: &PostTransaction, b: &PostTransaction) -> Option<&'static str> {
    let PostTransaction {
        operation_code,
        transaction_amount,
        transaction_date,
        merchant_category_code,
        card_acceptor_name,
        card_acceptor_city,
        card_acceptor_country,
        card_acceptor_id_code,
        approval_code,
        acquirer_reference_data,
        card_reference,
        masked_pan,
    } = a;
    first(&[
        ("operationCode", *operation_code == b.operation_code),
        (
            "transactionAmount",
            *transaction_amount == b.transaction_amount,
        ),
        ("transactionDate", *transaction_date == b.transaction_date),
        (
            "merchantCategoryCode",
            *merchant_category_code == b.merchant_category_code,
        ),
        (
            "cardAcceptorName",
            *card_acceptor_name == b.card_acceptor_name,
        ),
        (
            "cardAcceptorCity",
            *card_acceptor_city == b.card_acceptor_city,
        ),
        (
            "cardAcceptorCountry",
            *card_acceptor_country == b.card_acceptor_country,
        ),
        (
            "cardAcceptorIdCode",
            *card_acceptor_id_code == b.card_acceptor_id_code,
        ),
        ("approvalCode", *approval_code == b.approval_code),
        (
            "acquirerReferenceData",
            *acquirer_reference_data == b.acquirer_reference_data,
        ),
        ("cardReference", *card_reference == b.card_reference),
        ("maskedPan", *masked_pan == b.masked_pan),
    ])
}

fn record_authorization(a: &RecordAuthorization, b: &RecordAuthorization) -> Option<&'static str> {
    let RecordAuthorization {
        transaction_id,
        business_case,
        transaction_type,
        sub_type,
        financial_type,
        billing_amount,
        transaction_amount,
        transaction_date,
        result_type,
        result_code,
        approval_code,
        reserve_expiry_date,
        merchant_category_code,
        card_acceptor_name,
        card_acceptor_city,
        card_acceptor_country,
        card_acceptor_id_code,
        card_reference,
        masked_pan,
    } = a;
    first(&[
        ("totalBillingAmount", *billing_amount == b.billing_amount),
        ("transactionId", *transaction_id == b.transaction_id),
        ("businessCaseId", *business_case == b.business_case),
        ("transactionType", *transaction_type == b.transaction_type),
        ("transactionSubType", *sub_type == b.sub_type),
        ("financialType", *financial_type == b.financial_type),
        ("totalAmount", *transaction_amount == b.transaction_amount),
        ("transactionDate", *transaction_date == b.transaction_date),
        ("resultType", *result_type == b.result_type),
        ("resultCode", *result_code == b.result_code),
        ("approvalCode", *approval_code == b.approval_code),
        (
            "reserveExpiryDate",
            *reserve_expiry_date == b.reserve_expiry_date,
        ),
        (
            "merchantCategoryCode",
            *merchant_category_code == b.merchant_category_code,
        ),
        (
            "cardAcceptorName",
            *card_acceptor_name == b.card_acceptor_name,
        ),
        (
            "cardAcceptorCity",
            *card_acceptor_city == b.card_acceptor_city,
        ),
        (
            "cardAcceptorCountry",
            *card_acceptor_country == b.card_acceptor_country,
        ),
        (
            "cardAcceptorIdCode",
            *card_acceptor_id_code == b.card_acceptor_id_code,
        ),
        ("cardReference", *card_reference == b.card_reference),
        ("maskedPan", *masked_pan == b.masked_pan),
    ])
}

fn reverse_operation(a: &ReverseOperation, b: &ReverseOperation) -> Option<&'static str> {
    let ReverseOperation {
        kind,
        triplet: a_triplet,
        matching,
        reference_amount,
        reversal_reason,
        fee_type,
        description,
        external_code,
    } = a;
    first(&[
        ("command", *kind == b.kind),
        ("referenceAmount", *reference_amount == b.reference_amount),
    ])
    .or_else(|| triplet(matching, &b.matching, MATCHING))
    .or_else(|| triplet(a_triplet, &b.triplet, OWN))
    .or_else(|| {
        first(&[
            ("reversalReason", *reversal_reason == b.reversal_reason),
            ("feeType", *fee_type == b.fee_type),
            ("description", *description == b.description),
            ("externalOperationCode", *external_code == b.external_code),
        ])
    })
}
