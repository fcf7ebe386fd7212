//! Workloads for the benchmarks: the same requests in the same order every time.

use ledger_core::command::{
    AccountAction, AccountSelector, Command, ConfigureIssuer, DefineProduct, OnAccount,
    OpenAccount, PostDetail, PostFee, PostOperation, Request, ReversalValueDating, Triplet,
    WorkingMode,
};
use ledger_core::ids::{AccountIndex, AccountReference, CorrelationId};
use ledger_core::money::{Amount, Currency};
use ledger_core::text::{
    FeeType, IssuerId, OperationReference, ProductReference, ServicePoster, TextError,
};
use ledger_core::time::{TimeZone, Timestamp};

/// 2 January 2023, 15:00 in Berlin: when everything in a benchmark happens.
pub const NOW: Timestamp = Timestamp(1_672_668_000_000);

/// Accounts that postings are spread over.
pub const ACCOUNTS: u32 = 100_000;

/// The fixed parts of a posting.
#[derive(Debug, Clone)]
pub struct Workload {
    issuer: IssuerId,
    product: ProductReference,
    fee_type: FeeType,
    poster: ServicePoster,
    currency: Currency,
    zone: TimeZone,
    /// Postings made so far.
    made: u64,
}

impl Workload {
    /// A workload that has made nothing yet.
    ///
    /// # Errors
    /// Never: the texts are within their limits.
    pub fn new() -> Result<Self, TextError> {
        Ok(Self {
            issuer: IssuerId::new("bench")?,
            product: ProductReference::new("CLASSIC")?,
            fee_type: FeeType::new("MANUAL_FEE")?,
            poster: ServicePoster::new("ISSUER")?,
            currency: Currency::from_code("EUR").expect("a currency"),
            zone: TimeZone::from_name("Europe/Berlin").expect("a zone"),
            made: 0,
        })
    }

    /// The commands that open [`ACCOUNTS`] accounts.
    #[must_use]
    pub fn scene(&self) -> Vec<Request> {
        let configure = Command::ConfigureIssuer(ConfigureIssuer {
            time_zone: self.zone,
            business_date: None,
            reversal_value_dating: ReversalValueDating::BusinessDate,
            accounting_script: Vec::new(),
            balance_adjustment_reasons: Vec::new(),
            value_date_ahead_days_max: None,
            value_date_back_days_max: None,
        });
        let define = Command::DefineProduct(DefineProduct {
            reference: self.product.clone(),
            currency: self.currency,
            working_mode: WorkingMode::PayLater,
            fee_types: vec![self.fee_type.clone()],
            default_credit_limit: None,
        });
        let open = Command::OpenAccount(OpenAccount {
            external_reference: None,
            product: self.product.clone(),
            credit_limit: None,
            parent: None,
            parent_reference: None,
            bonus_programs: Vec::new(),
            no_parent_notification: false,
            no_otb_check: false,
        });
        let openings = std::iter::repeat_n(open, usize::try_from(ACCOUNTS).unwrap_or(0));
        let commands = [configure, define].into_iter().chain(openings);
        (0..)
            .zip(commands)
            .map(|(n, command)| self.request(u64::MAX - n, command))
            .collect()
    }

    /// The next `count` postings: fees, each on another account, none seen before.
    pub fn postings(&mut self, count: u64) -> Vec<Request> {
        let first = self.made;
        self.made += count;
        (first..self.made).map(|n| self.posting(n)).collect()
    }

    fn posting(&self, n: u64) -> Request {
        // Scattered like the accounts of a card portfolio, not in order of opening.
        let place = scatter(n) % u64::from(ACCOUNTS);
        let account = AccountIndex(u32::try_from(place).unwrap_or(0));
        let reference = OperationReference::new(&format!("F{n:011}"));
        let operation = PostOperation {
            triplet: Triplet {
                date: NOW,
                reference: reference.expect("twelve characters"),
                service_poster: self.poster.clone(),
            },
            reference_amount: Some(Amount {
                minor: 150,
                currency: self.currency,
            }),
            value_date: None,
            description: None,
            external_code: None,
            detail: PostDetail::Fee(PostFee {
                fee_type: self.fee_type.clone(),
                sub_fee_type: None,
                frequency: None,
                adjustment: false,
                adjustment_reason: None,
            }),
        };
        self.request(
            n,
            Command::OnAccount(OnAccount {
                account: AccountSelector::Reference(AccountReference::of(account)),
                posting_date: None,
                action: AccountAction::Post(operation),
            }),
        )
    }

    fn request(&self, n: u64, command: Command) -> Request {
        // As scattered as random identifiers, and different for every n.
        let halves = u128::from(scatter(n)) << 64 | u128::from(n);
        let correlation = CorrelationId(halves.to_le_bytes());
        Request {
            issuer: self.issuer.clone(),
            correlation,
            command,
        }
    }
}

/// A number without pattern for each number (the finalizer of `SplitMix64`).
fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
