//! A bank with one product and any number of accounts, as requests and as the events they become.

use ledger_core::authorization::{
    RecordAuthorization, ResultType, TransactionSubType, TransactionType,
};
use ledger_core::command::{
    AccountAction, AccountSelector, Command, ConfigureIssuer, DefineProduct, OnAccount,
    OpenAccount, OperationCode, PostClearing, PostDetail, PostFee, PostOperation, PostTransaction,
    Request, ReversalValueDating, Triplet, WorkingMode,
};
use ledger_core::ids::CorrelationId;
use ledger_core::labels::TransactionLabels;
use ledger_core::money::{Amount, Currency};
use ledger_core::text::{
    BusinessCaseId, ExternalReference, FeeType, IssuerId, OperationReference, ProductReference,
    ServicePoster, TransactionId,
};
use ledger_core::time::{BusinessDate, TimeZone, Timestamp};

/// 2026-01-01T00:00:00Z, when everything here happens.
pub(crate) const NOW: Timestamp = Timestamp(1_767_225_600_000);
/// The day of [`NOW`].
pub(crate) const TODAY: BusinessDate = BusinessDate(20_454);

pub(crate) fn euro() -> Currency {
    Currency::from_code("EUR").unwrap()
}

pub(crate) fn eur(minor: i64) -> Amount {
    Amount {
        minor,
        currency: euro(),
    }
}

pub(crate) fn configuration() -> ConfigureIssuer {
    ConfigureIssuer {
        time_zone: TimeZone::from_name("UTC").unwrap(),
        business_date: Some(TODAY),
        reversal_value_dating: ReversalValueDating::BusinessDate,
        accounting_script: Vec::new(),
        balance_adjustment_reasons: Vec::new(),
        value_date_ahead_days_max: None,
        value_date_back_days_max: None,
    }
}

pub(crate) fn product() -> DefineProduct {
    DefineProduct {
        reference: ProductReference::new("CARD").unwrap(),
        currency: euro(),
        working_mode: WorkingMode::PayLater,
        fee_types: vec![FeeType::new("ANNUAL").unwrap()],
        default_credit_limit: Some(eur(100_000)),
    }
}

pub(crate) fn opening(account: u64) -> OpenAccount {
    OpenAccount {
        external_reference: Some(external(account)),
        product: ProductReference::new("CARD").unwrap(),
        credit_limit: None,
        parent: None,
        parent_reference: None,
        bonus_programs: Vec::new(),
        no_parent_notification: false,
        no_otb_check: false,
        paying: ledger_core::command::PayingAccountType::ItselfPays,
    }
}

pub(crate) fn external(account: u64) -> ExternalReference {
    ExternalReference::new(&format!("A{account}")).unwrap()
}

pub(crate) fn triplet(number: u64) -> Triplet {
    Triplet {
        date: NOW,
        reference: OperationReference::new(&format!("r{number}")).unwrap(),
        service_poster: ServicePoster::new("CORE").unwrap(),
    }
}

pub(crate) fn fee_operation(number: u64, minor: i64) -> PostOperation {
    PostOperation {
        triplet: triplet(number),
        reference_amount: Some(eur(minor)),
        value_date: None,
        description: None,
        external_code: None,
        detail: PostDetail::Fee(PostFee {
            fee_type: FeeType::new("ANNUAL").unwrap(),
            sub_fee_type: None,
            frequency: None,
            adjustment: false,
            adjustment_reason: None,
        }),
    }
}

/// The advice that so much was approved for the business case with this number.
pub(crate) fn authorization(number: u64, minor: i64) -> RecordAuthorization {
    RecordAuthorization {
        transaction_id: TransactionId::new(&format!("t{number}")).unwrap(),
        business_case: business_case(number),
        transaction_type: TransactionType::Authorization,
        sub_type: TransactionSubType::Advice,
        financial_type: None,
        billing_amount: Some(eur(minor)),
        transaction_amount: None,
        transaction_date: NOW,
        result_type: Some(ResultType::Approval),
        result_code: None,
        approval_code: None,
        reserve_expiry_date: None,
        merchant_category_code: None,
        card_acceptor_name: None,
        card_acceptor_city: None,
        card_acceptor_country: None,
        card_acceptor_id_code: None,
        card_reference: None,
        masked_pan: None,
    }
}

pub(crate) fn business_case(number: u64) -> BusinessCaseId {
    BusinessCaseId::new(&format!("c{number}")).unwrap()
}

/// A purchase that consumes what the business case with this number has reserved.
pub(crate) fn clearing(number: u64, minor: i64) -> PostOperation {
    let transaction = PostTransaction {
        operation_code: OperationCode::NormalPurchase,
        transaction_amount: None,
        transaction_date: None,
        labels: TransactionLabels::new(),
    };
    let triplet = Triplet {
        service_poster: ServicePoster::new("CAS").unwrap(),
        ..triplet(number)
    };
    PostOperation {
        triplet,
        detail: PostDetail::Clearing(Box::new(PostClearing {
            transaction,
            business_case: business_case(number),
            is_final: false,
        })),
        ..fee_operation(number, minor)
    }
}

/// A command of the bank, sent under the correlation id with this number.
pub(crate) fn request(correlation: u64, command: Command) -> Request {
    Request {
        issuer: IssuerId::new("BANK").unwrap(),
        correlation: CorrelationId(u128::from(correlation).to_be_bytes()),
        command,
        annotations: None,
    }
}

/// Creates the bank, its product and an account: three records, correlation ids from 1,000,000 on.
pub(crate) fn setup() -> Vec<Request> {
    vec![
        request(1_000_000, Command::ConfigureIssuer(configuration())),
        request(1_000_001, Command::DefineProduct(product())),
        request(1_000_002, Command::OpenAccount(opening(1))),
    ]
}

/// How many records [`setup`] makes.
pub(crate) const SETUP_RECORDS: u64 = 3;

/// A fee of 1.00 on the account, under the correlation id and the triplet with this number.
pub(crate) fn fee(number: u64) -> Request {
    fee_of(number, 100)
}

/// A fee of this many minor units; zero is refused and not recorded.
pub(crate) fn fee_of(number: u64, minor: i64) -> Request {
    let on = OnAccount {
        account: AccountSelector::External(external(1)),
        posting_date: None,
        action: AccountAction::Post(fee_operation(number, minor)),
    };
    request(number, Command::OnAccount(on))
}

/// The number [`fee`] was given.
pub(crate) fn number(correlation: CorrelationId) -> u64 {
    u64::try_from(u128::from_be_bytes(correlation.0)).unwrap()
}
