//! The operations of a benchmark: the same requests for the same numbers.
//!
//! Half are purchases, a quarter payments, a quarter fees, each under its own correlation id and
//! triplet, on accounts drawn at random and named by the engine's reference. Some reverse an earlier
//! operation, nine in ten one of the last, the others any; some are sent again, drawn from the last
//! ones, as a sender does who got no answer.
//!
//! Several clients hand in side by side, and none knows how far the others are. So each has a [`Lane`]
//! of its own, and what it reverses or repeats is of its own lane, earlier in it. The result is then
//! the same however the lanes meet, and [`Prediction`] says what it is.

mod mix;
mod words;

use ledger_core::command::{
    AccountAction, AccountSelector, Command, ConfigureIssuer, DefineProduct, OnAccount,
    OpenAccount, OperationCode, OperationKind, PostDetail, PostFee, PostOperation, PostPayment,
    PostTransaction, Request, ReversalValueDating, ReverseOperation, Triplet, WorkingMode,
};
use ledger_core::ids::{AccountIndex, AccountReference, CorrelationId};
use ledger_core::money::Amount;
use ledger_core::text::OperationReference;
use ledger_core::time::{TimeZone, Timestamp};

use self::mix::{Class, Kind, Mix, below, scatter};
use self::words::Words;
use super::plan::Plan;

/// When the first operation was performed outside: 2 January 2023, 15:00 in Berlin.
pub const FIRST_DATE: Timestamp = Timestamp(1_672_668_000_000);

/// How far back in its lane a request lies, at most, that is sent again.
const REPEATED_BACK_MAX: u64 = 8_192;
/// How far back in its lane an operation lies, at most, that is reversed soon.
const REVERSED_SOON_BACK_MAX: u64 = 8_192;
/// One of so many reversals is not soon, but of any operation before it.
const REVERSED_LATE_EVERY: u64 = 10;
/// Draws for an operation that can be reversed or repeated; then one is posted instead.
const DRAWS_MAX: u64 = 8;

/// A workload, from which lanes are made.
#[derive(Debug, Clone)]
pub struct Workload {
    plan: Plan,
    words: Words,
}

/// The operations that one client hands in, in order.
#[derive(Debug, Clone)]
pub struct Lane {
    words: Words,
    mix: Mix,
    number: u64,
    made: u64,
    count: u64,
    /// Which of the operations made were reversed already.
    reversed: Vec<bool>,
}

/// What the books must show once everything made so far is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// Balance of each account, in minor units.
    pub balances_minor: Vec<i64>,
    /// Operations posted.
    pub accepted: u64,
    /// Operations sent again, which get their first answer once more.
    pub repeated: u64,
}

impl Workload {
    /// The workload of a plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let words = Words::new().expect("the words are short and printable");
        Self { plan, words }
    }

    /// The commands that come before all operations, in parts that can be submitted as they are: an
    /// issuer, a product, the accounts.
    pub fn scene(&self) -> impl Iterator<Item = Vec<Request>> {
        let words = &self.words;
        let configure = Command::ConfigureIssuer(ConfigureIssuer {
            time_zone: TimeZone::from_name("Europe/Berlin").expect("a zone"),
            business_date: None,
            reversal_value_dating: ReversalValueDating::BusinessDate,
            accounting_script: Vec::new(),
            balance_adjustment_reasons: Vec::new(),
            value_date_ahead_days_max: None,
            value_date_back_days_max: None,
        });
        let define = Command::DefineProduct(DefineProduct {
            reference: words.product.clone(),
            currency: words.currency,
            working_mode: WorkingMode::PayLater,
            fee_types: vec![words.fee_type.clone()],
            default_credit_limit: None,
        });
        let open = Command::OpenAccount(OpenAccount {
            external_reference: None,
            product: words.product.clone(),
            credit_limit: None,
            parent: None,
            parent_reference: None,
            bonus_programs: Vec::new(),
            no_parent_notification: false,
            no_otb_check: false,
            paying: ledger_core::command::PayingAccountType::ItselfPays,
        });
        let openings = (0..self.plan.accounts).map(move |_| open.clone());
        let mut commands = (0..).zip([configure, define].into_iter().chain(openings));
        std::iter::from_fn(move || {
            let part: Vec<_> = commands
                .by_ref()
                .take(ledger_store::writer::SUBMISSION_REQUESTS_MAX)
                .map(|(n, command)| words.request(correlation(SCENE, n), command))
                .collect();
            (!part.is_empty()).then_some(part)
        })
    }

    /// One lane for each client; together they have all operations of the plan.
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane> {
        let clients = u64::from(self.plan.clients.max(1));
        (0..clients)
            .map(|number| {
                let rest = u64::from(number < self.plan.operations % clients);
                self.lane(number, self.plan.operations / clients + rest)
            })
            .collect()
    }

    /// What the books must show before the first operation.
    #[must_use]
    pub fn prediction(&self) -> Prediction {
        Prediction {
            balances_minor: vec![0; usize::try_from(self.plan.accounts).unwrap_or(usize::MAX)],
            accepted: 0,
            repeated: 0,
        }
    }

    fn lane(&self, number: u64, count: u64) -> Lane {
        let Plan {
            accounts,
            reversals,
            duplicates,
            hot,
            seed,
            ..
        } = self.plan;
        Lane {
            words: self.words.clone(),
            mix: Mix {
                key: scatter(seed ^ scatter(number)),
                accounts,
                reversals,
                duplicates,
                hot,
            },
            number,
            made: 0,
            count,
            reversed: Vec::new(),
        }
    }
}

impl Lane {
    /// Operations that are still to be made.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.count - self.made
    }

    /// The next operations, at most `count`, and what they do to the prediction.
    pub fn next(&mut self, count: usize, prediction: &mut Prediction) -> Vec<Request> {
        let count = self.left().min(u64::try_from(count).unwrap_or(u64::MAX));
        (0..count).map(|_| self.make(prediction)).collect()
    }

    /// Account of the operation in this place, were it a posting: for reading from accounts as often
    /// as they are posted to.
    #[must_use]
    pub fn account(&self, place: u64) -> AccountIndex {
        self.mix.posting(place).account
    }

    fn make(&mut self, prediction: &mut Prediction) -> Request {
        let place = self.made;
        self.made += 1;
        self.reversed.push(false);
        let earlier = match self.mix.class(place) {
            Class::Posting => None,
            Class::Reversal => self.reversible(place).map(|of| (Class::Reversal, of)),
            Class::Repetition => self.repeatable(place).map(|of| (Class::Repetition, of)),
        };
        let (minor, account, request) = match earlier {
            Some((Class::Repetition, of)) => {
                prediction.repeated += 1;
                return self.posting(of);
            }
            Some((Class::Reversal | Class::Posting, of)) => {
                self.reversed[index(of)] = true;
                let original = self.mix.posting(of);
                (-original.minor, original.account, self.reversal(place, of))
            }
            None => {
                let posting = self.mix.posting(place);
                (posting.minor, posting.account, self.posting(place))
            }
        };
        prediction.accepted += 1;
        prediction.balances_minor[index(account.0.into())] += minor;
        request
    }

    /// An earlier operation that can be reversed: as a rule one of the last of the lane, since mistakes
    /// are seen soon, and now and then one from all of it.
    fn reversible(&self, place: u64) -> Option<u64> {
        let late = below(self.mix.draw(place, DRAWS_MAX + 1), REVERSED_LATE_EVERY) == 0;
        let back = if late {
            place
        } else {
            place.min(REVERSED_SOON_BACK_MAX)
        };
        (1..=DRAWS_MAX)
            .map(|draw| place - back + below(self.mix.draw(place, draw), back))
            .find(|of| {
                *of < place && self.mix.class(*of) == Class::Posting && !self.reversed[index(*of)]
            })
    }

    /// An earlier operation that can be sent again, drawn from the last of the lane.
    fn repeatable(&self, place: u64) -> Option<u64> {
        let first = place.saturating_sub(REPEATED_BACK_MAX);
        (1..=DRAWS_MAX)
            .map(|draw| first + below(self.mix.draw(place, draw), place - first))
            .find(|of| *of < place && self.mix.class(*of) == Class::Posting)
    }

    /// The posting of this place; a function of the place alone, so that it can be sent again.
    fn posting(&self, place: u64) -> Request {
        let posting = self.mix.posting(place);
        let triplet = self.triplet(place, posting.kind);
        let words = &self.words;
        let detail = match posting.kind {
            Kind::Purchase => PostDetail::Transaction(PostTransaction {
                operation_code: OperationCode::NormalPurchase,
                transaction_amount: None,
                transaction_date: None,
                labels: words.labels.clone(),
            }),
            Kind::Payment => PostDetail::Payment(PostPayment {
                channel: Some(words.channel.clone()),
                reason: None,
                sepa: None,
            }),
            Kind::Fee => PostDetail::Fee(PostFee {
                fee_type: words.fee_type.clone(),
                sub_fee_type: None,
                frequency: None,
                adjustment: false,
                adjustment_reason: None,
            }),
        };
        let action = AccountAction::Post(PostOperation {
            triplet,
            reference_amount: Some(Amount {
                minor: posting.minor,
                currency: words.currency,
            }),
            value_date: None,
            description: None,
            external_code: None,
            detail,
        });
        self.on_account(place, posting.account, action)
    }

    fn reversal(&self, place: u64, of: u64) -> Request {
        let original = self.mix.posting(of);
        let matching = self.triplet(of, original.kind);
        let triplet = self.triplet(place, Kind::Fee);
        let (kind, reversal_reason) = match original.kind {
            Kind::Purchase => (OperationKind::Transaction, None),
            Kind::Payment => (OperationKind::Payment, None),
            Kind::Fee => (OperationKind::Fee, Some(self.words.on_demand.clone())),
        };
        let action = AccountAction::Reverse(Box::new(ReverseOperation {
            kind,
            triplet,
            matching,
            reference_amount: None,
            reversal_reason,
            fee_type: None,
            description: None,
            external_code: None,
        }));
        self.on_account(place, original.account, action)
    }

    fn on_account(&self, place: u64, account: AccountIndex, action: AccountAction) -> Request {
        let command = Command::OnAccount(OnAccount {
            account: AccountSelector::Reference(AccountReference::of(account)),
            posting_date: None,
            action,
        });
        self.words.request(correlation(self.number, place), command)
    }

    fn triplet(&self, place: u64, kind: Kind) -> Triplet {
        let reference = OperationReference::new(name_of(self.number, place, &mut [0; NAME_BYTES]));
        Triplet {
            date: Timestamp(FIRST_DATE.0 + i64::try_from(place).unwrap_or(0)),
            reference: reference.expect("the reference is short and printable"),
            service_poster: match kind {
                Kind::Purchase => self.words.clearing.clone(),
                Kind::Payment | Kind::Fee => self.words.bank.clone(),
            },
        }
    }
}

/// Letters of a reference: five name the lane, seven the place in it. One so short is never taken for a
/// card number.
const NAME_BYTES: usize = 12;

/// The number of an operation at its poster.
fn name_of(lane: u64, place: u64, letters: &mut [u8; NAME_BYTES]) -> &str {
    let mut rest = lane << 35 | place;
    for letter in letters.iter_mut().rev() {
        *letter = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[index(rest % 32)];
        rest /= 32;
    }
    std::str::from_utf8(letters).expect("the letters are of ASCII")
}

/// A lane that no client has.
const SCENE: u64 = (1 << 24) - 1;

/// As scattered as random identifiers, and different for every place of every lane.
fn correlation(lane: u64, place: u64) -> CorrelationId {
    let name = lane << 40 | place;
    let halves = u128::from(scatter(name)) << 64 | u128::from(name);
    CorrelationId(halves.to_le_bytes())
}

fn index(place: u64) -> usize {
    usize::try_from(place).expect("what was made fits in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use ledger_store::StoreKind;

    fn plan() -> Plan {
        Plan {
            operations: 6_000,
            accounts: 50,
            batch: 100,
            clients: 3,
            reversals: "0.2".parse().expect("a share"),
            duplicates: "0.1".parse().expect("a share"),
            hot: "0.5".parse().expect("a share"),
            seed: 7,
            store: StoreKind::Sled,
        }
    }

    /// Whichever lane is ahead, the ledger ends with what is predicted.
    #[test]
    fn the_prediction_holds_however_the_lanes_meet() {
        let workload = Workload::new(plan());
        let mut prediction = workload.prediction();
        let mut lanes: Vec<_> = workload
            .lanes()
            .into_iter()
            .map(|mut lane| lane.next(usize::MAX, &mut prediction))
            .collect();
        assert_eq!(prediction.accepted + prediction.repeated, 6_000);
        assert!((500..700).contains(&prediction.repeated));

        lanes.rotate_left(1);
        let ledger = Ledger::in_memory(|| FIRST_DATE.plus_days(2));
        for requests in workload.scene().chain(lanes) {
            let submitted = ledger.submit_many(requests).expect("answers");
            assert!(submitted.iter().all(|answer| answer.outcome.is_ok()));
        }
        let books = ledger.reader().books();
        let found: Vec<_> = books
            .portfolio()
            .accounts()
            .map(|(_, account)| i64::try_from(account.balance_minor).expect("small"))
            .collect();
        assert_eq!(found, prediction.balances_minor);
        // Half on the hot one, and its part of the rest.
        let hot = books.history(AccountIndex(0)).len();
        assert!((2_500..3_100).contains(&hot), "{hot}");
    }

    #[test]
    fn the_same_numbers_give_the_same_requests() {
        let requests = |seed| {
            let workload = Workload::new(Plan { seed, ..plan() });
            let mut lanes = workload.lanes();
            lanes[2].next(500, &mut workload.prediction())
        };
        assert_eq!(requests(7), requests(7));
        assert_ne!(requests(7), requests(8));
    }
}
