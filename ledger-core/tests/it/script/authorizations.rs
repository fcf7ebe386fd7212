//! Lines about what is reserved: messages of the authorization system, and offline reservations.

use ledger_core::authorization::{
    RecordAuthorization, ResultType, TransactionSubType, TransactionType,
};
use ledger_core::command::{AccountAction, CancelOfflineReservation, CreateOfflineReservation};
use ledger_core::event::{EventBody, Record};
use ledger_core::money::Currency;
use ledger_core::text::{BusinessCaseId, ReservationReference, TransactionId};

use super::Script;
use super::commands::label;
use super::line::{Line, amount, currency as any_currency, day, decimal, instant};

/// What messages are called in tables.
const VERBS: [(&str, TransactionType); 6] = [
    ("auth", TransactionType::Authorization),
    ("take-back", TransactionType::Reversal),
    ("confirm", TransactionType::Confirmation),
    ("roll-back", TransactionType::Rollback),
    ("reserve-update", TransactionType::ReserveUpdate),
    ("reserve-expiry", TransactionType::ReserveExpiry),
];

/// The action of a line about a reserve; none for any other.
pub(super) fn action(
    script: &Script,
    line: &mut Line<'_>,
    currency: Currency,
) -> Option<AccountAction> {
    let reference = |line: &mut Line<'_>| ReservationReference::new(line.word()).expect("a name");
    match line.verb {
        "reserve" => {
            let reference = reference(line);
            let amount = line.amount(currency).expect("an amount");
            let reservation = CreateOfflineReservation { reference, amount };
            Some(AccountAction::CreateOfflineReservation(reservation))
        }
        "free" => {
            let reference = reference(line);
            let cancellation = CancelOfflineReservation { reference };
            Some(AccountAction::CancelOfflineReservation(cancellation))
        }
        verb => {
            let (_, kind) = VERBS.iter().find(|(known, _)| *known == verb)?;
            let message = message(script, line, *kind, currency);
            Some(AccountAction::RecordAuthorization(Box::new(message)))
        }
    }
}

/// `auth A1 10.00 case=C1 id=T1 advice=Approval code=A1 expires=2023-01-09 sent=2023-01-02`; an advice
/// of nothing is `advice=none`.
fn message(
    script: &Script,
    line: &mut Line<'_>,
    transaction_type: TransactionType,
    currency: Currency,
) -> RecordAuthorization {
    let billing_amount = line.amount(currency);
    let id = line.option("id").map(str::to_owned);
    let id = id.unwrap_or_else(|| format!("line{}", line.number));
    let advice = line.option("advice");
    let told = |code: &str| ResultType::CODES.iter().find(|(known, _)| *known == code);
    RecordAuthorization {
        transaction_id: TransactionId::new(&id).expect("an id"),
        business_case: case_id(line.option("case").expect("a case")),
        transaction_type,
        sub_type: match advice {
            None => TransactionSubType::Request,
            Some(_) => TransactionSubType::Advice,
        },
        financial_type: line.option("financial").map(label),
        billing_amount,
        transaction_amount: line
            .option("jpy")
            .map(|text| amount(text, any_currency("JPY"))),
        transaction_date: line.option("sent").map_or(script.now, instant),
        result_type: line
            .option("result")
            .or(advice)
            .and_then(told)
            .map(|(_, result)| *result),
        result_code: line.option("code").map(label),
        approval_code: line.option("approval").map(label),
        reserve_expiry_date: line.option("expires").map(day),
        merchant_category_code: line.option("mcc").map(label),
        card_acceptor_name: line.option("acceptor").map(label),
        card_acceptor_city: None,
        card_acceptor_country: None,
        card_acceptor_id_code: None,
        card_reference: line.option("card").map(label),
        masked_pan: None,
    }
}

pub(super) fn case_id(text: &str) -> BusinessCaseId {
    BusinessCaseId::new(text).expect("an id")
}

impl Script {
    /// What became of a message; none for any other record.
    pub(super) fn describe_authorization(&self, record: &Record) -> Option<String> {
        let EventBody::AuthorizationRecorded { decided, message } = &record.event.body else {
            return None;
        };
        let print = |minor: i128| decimal(minor, self.currency(decided.account));
        let done = match decided.result_type {
            ResultType::Approval => "approved",
            ResultType::Decline => "declined",
            ResultType::Referral | ResultType::PickUp | ResultType::Other => "other",
        };
        Some(format!(
            "{done} {} code={} otb={} reserve={}",
            decided.reason.map_or("", |reason| reason.code()),
            decided.result_code(message).unwrap_or("none"),
            decided.open_to_buy_minor.map_or("none".to_owned(), print),
            print(decided.reserve.minor.into()),
        ))
    }

    /// `case C1`.
    pub(super) fn case(&self, id: &str) -> String {
        let portfolio = self.books.portfolio();
        let Some(index) = portfolio.case_by_id(self.issuer_index(), &case_id(id)) else {
            return "unknown".to_owned();
        };
        let case = portfolio.reserves().case(index);
        let print = |minor: i128| decimal(minor, self.currency(case.account));
        format!(
            "{} reserve={} billing={} until={} records={}",
            case.account_reserve_status().code(),
            print(case.account_reserve_minor()),
            print(case.reserve.billing_minor.into()),
            case.reserve.expiry,
            self.books.case_files().records(index).len(),
        )
    }

    /// `messages A1 start=INSTANT end=INSTANT`: their transaction ids.
    pub(super) fn messages(&self, line: &mut Line<'_>) -> String {
        let account = self.named(line.word());
        let start = line.option("start").map(instant);
        let end = line.option("end").map(instant);
        let files = self.books.case_files();
        let ids = files.messages(account, start, end).map(|message| {
            let EventBody::AuthorizationRecorded { message, .. } =
                &self.record(message.seq).event.body
            else {
                panic!("a message lies at its record")
            };
            message.transaction_id.as_str()
        });
        let ids: Vec<_> = ids.collect();
        if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(" ")
        }
    }
}
