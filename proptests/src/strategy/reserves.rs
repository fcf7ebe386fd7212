//! What is reserved: messages of the authorization system, clearings, offline reservations.

use ledger_core::authorization::{
    RecordAuthorization, ResultType, TransactionSubType, TransactionType,
};
use ledger_core::command::{
    AccountAction, AccountSelector, CancelOfflineReservation, Command, CreateOfflineReservation,
    OnAccount, OperationKind, PostClearing, PostDetail,
};
use ledger_core::money::Amount;
use ledger_core::text::{BusinessCaseId, ReservationReference, TransactionId};
use ledger_core::time::{BusinessDate, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::Move;
use super::action::{CurrencyPick, PostMove, size};
use super::director::{Director, issuer_id, label, purchase};
use super::portfolio::foreign;

/// A message.
#[derive(Debug, Clone)]
pub(super) struct MessageMove {
    kind: TransactionType,
    size: i64,
    /// Whether the amount has the sign of a credit.
    credit: bool,
    /// Whether the amount is left out.
    no_amount: bool,
    currency: CurrencyPick,
    case: CasePick,
    /// What an advice tells; none for a request.
    told: Option<ResultType>,
    /// The last day, from the business date.
    expiry: Option<i32>,
    slip: MessageSlip,
}

#[derive(Debug, Clone, Copy)]
enum MessageSlip {
    None,
    /// The id of an earlier message.
    UsedId(Index),
    /// A request that tells its result, an advice that does not.
    OddResult,
    /// A request that tells a code.
    OddCode,
}

/// Which business case.
#[derive(Debug, Clone, Copy)]
enum CasePick {
    Fresh,
    /// One of the latest, on its account.
    Recent(usize),
    /// One of the latest, on the account of the move.
    Elsewhere(usize),
}

/// How a purchase clears.
#[derive(Debug, Clone)]
pub(super) struct ClearMove {
    case: CasePick,
    is_final: bool,
}

/// An offline reservation, or its end.
#[derive(Debug, Clone)]
pub(super) struct ReservationMove {
    size: i64,
    currency: CurrencyPick,
    /// An earlier reservation: to be ended, or whose name is used again.
    earlier: Option<usize>,
    ends: bool,
    /// On the account of the move instead of its own.
    elsewhere: bool,
}

pub(super) fn message() -> impl Strategy<Value = MessageMove> {
    let of_case = prop_oneof![
        5 => Just(TransactionType::Authorization),
        3 => Just(TransactionType::ReserveUpdate),
        3 => Just(TransactionType::Confirmation),
        3 => Just(TransactionType::Reversal),
        1 => Just(TransactionType::Rollback),
        1 => Just(TransactionType::ReserveExpiry),
    ];
    let kind_and_case = prop_oneof![
        10 => Just((TransactionType::Authorization, CasePick::Fresh)),
        10 => (of_case.clone(), case()),
        1 => (of_case, Just(CasePick::Fresh)),
    ];
    let told = prop_oneof![
        5 => Just(None),
        2 => Just(Some(ResultType::Approval)),
        1 => select(vec![ResultType::Decline, ResultType::Referral, ResultType::PickUp, ResultType::Other])
            .prop_map(Some),
    ];
    let expiry = prop_oneof![
        6 => Just(None),
        // Ended by an advance or two; a few before they began.
        3 => (0_i32..=4).prop_map(Some),
        1 => (-3_i32..0).prop_map(Some),
    ];
    let slip = prop_oneof![
        30 => Just(MessageSlip::None),
        2 => any::<Index>().prop_map(MessageSlip::UsedId),
        1 => Just(MessageSlip::OddResult),
        1 => Just(MessageSlip::OddCode),
    ];
    let currency = prop_oneof![40 => Just(CurrencyPick::Own), 1 => Just(CurrencyPick::Other)];
    // Small, so that most are approved and several cases are open at a time.
    let sizes = prop_oneof![12 => 1..=6_000_i64, 4 => size(), 1 => Just(0)];
    (
        kind_and_case,
        sizes,
        prop::bool::weighted(0.06),
        prop::bool::weighted(0.12),
        currency,
        told,
        expiry,
        slip,
    )
        .prop_map(
            |((kind, case), size, credit, no_amount, currency, told, expiry, slip)| MessageMove {
                kind,
                size,
                credit,
                no_amount,
                currency,
                case,
                told,
                expiry,
                slip,
            },
        )
}

fn case() -> impl Strategy<Value = CasePick> {
    prop_oneof![
        5 => (0_usize..2).prop_map(CasePick::Recent),
        4 => (0_usize..5).prop_map(CasePick::Recent),
        1 => (0_usize..4).prop_map(CasePick::Elsewhere),
    ]
}

pub(super) fn clearing() -> impl Strategy<Value = ClearMove> {
    let case = prop_oneof![20 => case(), 1 => Just(CasePick::Fresh)];
    (case, any::<bool>()).prop_map(|(case, is_final)| ClearMove { case, is_final })
}

pub(super) fn reservation() -> impl Strategy<Value = ReservationMove> {
    let currency = prop_oneof![40 => Just(CurrencyPick::Own), 1 => Just(CurrencyPick::Other)];
    let which = prop_oneof![
        12 => Just((None, false)),
        1 => Just((None, true)),
        3 => (0_usize..3).prop_map(|place| (Some(place), false)),
        14 => (0_usize..3).prop_map(|place| (Some(place), true)),
    ];
    let sizes = prop_oneof![5 => 1..=2_000_i64, 1 => size()];
    (sizes, currency, which, prop::bool::weighted(0.1)).prop_map(
        |(size, currency, (earlier, ends), elsewhere)| ReservationMove {
            size,
            currency,
            earlier,
            ends,
            elsewhere,
        },
    )
}

impl Director {
    /// Earlier commands on accounts of an issuer, the latest first.
    fn earlier(&self, issuer: usize) -> impl Iterator<Item = &OnAccount> {
        let id = issuer_id(issuer);
        let steps = self.steps.iter().rev();
        steps
            .filter(move |step| step.request.issuer == id)
            .filter_map(|step| match &step.request.command {
                Command::OnAccount(on) => Some(on),
                Command::ConfigureIssuer(_)
                | Command::DefineProduct(_)
                | Command::DefineBonusProgram(_)
                | Command::AdvanceBusinessDate(_)
                | Command::OpenAccount(_) => None,
            })
    }

    /// The case that is meant, with its account where that is its own.
    fn case(&self, issuer: usize, pick: CasePick) -> (BusinessCaseId, Option<AccountSelector>) {
        let fresh = BusinessCaseId::new(&format!("C{}", self.steps.len())).expect("an id");
        let (place, elsewhere) = match pick {
            CasePick::Fresh => return (fresh, None),
            CasePick::Recent(place) => (place, false),
            CasePick::Elsewhere(place) => (place, true),
        };
        let mut cases: Vec<(&BusinessCaseId, &AccountSelector)> = Vec::new();
        for on in self.earlier(issuer) {
            if let AccountAction::RecordAuthorization(message) = &on.action
                && cases.iter().all(|(id, _)| **id != message.business_case)
            {
                cases.push((&message.business_case, &on.account));
            }
        }
        match cases.get(place) {
            None => (fresh, None),
            Some((id, account)) => {
                let account = (!elsewhere).then(|| (*account).clone());
                ((*id).clone(), account)
            }
        }
    }

    fn own_amount(&self, issuer: usize, one: &Move, minor: i64, currency: CurrencyPick) -> Amount {
        let own = self.account(issuer, &one.account).1;
        let currency = match currency {
            CurrencyPick::Own => own,
            CurrencyPick::Other => foreign(own),
        };
        Amount { minor, currency }
    }

    fn act_on(
        &mut self,
        issuer: usize,
        one: &Move,
        account: Option<AccountSelector>,
        action: AccountAction,
    ) {
        let on = OnAccount {
            account: account.unwrap_or_else(|| self.selector(issuer, &one.account)),
            posting_date: one.posting_ms.map(|ms| Timestamp(self.now.0 + ms)),
            action,
        };
        self.send_as(issuer, &one.correlation, Command::OnAccount(on));
    }

    pub(super) fn authorize(&mut self, issuer: usize, one: &Move, message: &MessageMove) {
        let (business_case, account) = self.case(issuer, message.case);
        let minor = if message.credit {
            -message.size
        } else {
            message.size
        };
        let ids: Vec<_> = self
            .earlier(issuer)
            .filter_map(|on| match &on.action {
                AccountAction::RecordAuthorization(message) => Some(&message.transaction_id),
                AccountAction::SetCreditLimit(_)
                | AccountAction::Close
                | AccountAction::Post(_)
                | AccountAction::Reverse(_)
                | AccountAction::CreateOfflineReservation(_)
                | AccountAction::CancelOfflineReservation(_) => None,
            })
            .collect();
        let fresh = TransactionId::new(&format!("T{}", self.steps.len())).expect("an id");
        let transaction_id = match message.slip {
            MessageSlip::UsedId(which) if !ids.is_empty() => (*which.get(&ids)).clone(),
            MessageSlip::UsedId(_)
            | MessageSlip::None
            | MessageSlip::OddResult
            | MessageSlip::OddCode => fresh,
        };
        let odd_result = matches!(message.slip, MessageSlip::OddResult);
        let odd_code = matches!(message.slip, MessageSlip::OddCode);
        let is_needed = matches!(
            message.kind,
            TransactionType::Authorization | TransactionType::ReserveUpdate
        );
        let amount = self.own_amount(issuer, one, minor, message.currency);
        // A release of all is usual, an authorization of nothing is a slip.
        let leaves_out = message.no_amount && (!is_needed || odd_code);
        let message = RecordAuthorization {
            transaction_id,
            business_case,
            transaction_type: message.kind,
            sub_type: match message.told {
                None => TransactionSubType::Request,
                Some(_) => TransactionSubType::Advice,
            },
            financial_type: None,
            billing_amount: (!leaves_out).then_some(amount),
            transaction_amount: None,
            transaction_date: self.noon(issuer, one),
            result_type: match (message.told, odd_result) {
                (told, false) => told,
                (None, true) => Some(ResultType::Approval),
                (Some(_), true) => None,
            },
            result_code: label().filter(|_| odd_code),
            approval_code: None,
            reserve_expiry_date: message
                .expiry
                .map(|days| BusinessDate(self.issuers[issuer].1.0 + days)),
            merchant_category_code: None,
            card_acceptor_name: None,
            card_acceptor_city: None,
            card_acceptor_country: None,
            card_acceptor_id_code: None,
            card_reference: None,
            masked_pan: None,
        };
        let action = AccountAction::RecordAuthorization(Box::new(message));
        self.act_on(issuer, one, account, action);
    }

    pub(super) fn clear(&mut self, issuer: usize, one: &Move, post: &PostMove, clear: &ClearMove) {
        let (business_case, account) = self.case(issuer, clear.case);
        let purchased = PostMove {
            kind: OperationKind::Transaction,
            ..post.clone()
        };
        let mut operation = self.posting(issuer, one, &purchased);
        operation.detail = PostDetail::Clearing(Box::new(PostClearing {
            transaction: purchase(),
            business_case,
            is_final: clear.is_final,
        }));
        self.act_on(issuer, one, account, AccountAction::Post(operation));
    }

    pub(super) fn reserve(&mut self, issuer: usize, one: &Move, reservation: &ReservationMove) {
        let made = self.earlier(issuer).filter_map(|on| match &on.action {
            AccountAction::CreateOfflineReservation(made) => Some((&made.reference, &on.account)),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CancelOfflineReservation(_) => None,
        });
        let made: Vec<_> = made.collect();
        let earlier = reservation.earlier.and_then(|place| made.get(place));
        let fresh = ReservationReference::new(&format!("O{}", self.steps.len())).expect("a name");
        let (reference, account) = earlier.map_or((fresh, None), |(reference, account)| {
            let account = (!reservation.elsewhere).then(|| (*account).clone());
            ((*reference).clone(), account)
        });
        // Before there is one to end, a caller makes one.
        let ends = reservation.ends && (earlier.is_some() || reservation.earlier.is_none());
        let action = if ends {
            AccountAction::CancelOfflineReservation(CancelOfflineReservation { reference })
        } else {
            let amount = self.own_amount(issuer, one, reservation.size, reservation.currency);
            AccountAction::CreateOfflineReservation(CreateOfflineReservation { reference, amount })
        };
        self.act_on(issuer, one, account, action);
    }
}
