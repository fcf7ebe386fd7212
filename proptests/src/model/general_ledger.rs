//! The trial balance, booked again from the whole list. Source: specification 2j.

use std::collections::BTreeMap;

use ledger_core::command::{
    AccountAction, Command, InterestType, OperationKind, PostDetail, WorkingMode,
};
use ledger_core::text::IssuerId;

use super::amounts::posted_on;
use super::{Line, Model, action_of};

/// A line of the trial balance: (issuer, what is counted, account code).
pub type LedgerLine = (IssuerId, String, String);

impl Model {
    /// Debits less credits of every general-ledger account, those that come to zero left out.
    #[must_use]
    pub fn trial_balance(&self) -> BTreeMap<LedgerLine, i128> {
        let mut nets = BTreeMap::new();
        for (number, line, operation) in self.operations() {
            let issuer = &line.request.issuer;
            if operation.value_date > self.business_date(issuer) {
                continue;
            }
            let opened = self.opening(posted_on(line)).2;
            let (unit, control, contra) = match &operation.points {
                Some((program, unit)) => (format!("{program}/{unit}"), "9100", "9900".to_owned()),
                None => {
                    let control = match opened.working_mode {
                        WorkingMode::PayLater => "1100",
                        WorkingMode::PayBefore | WorkingMode::PayNow => "2100",
                    };
                    // A reversal mirrors its original, even if the script has changed since.
                    let booked_as = operation.reverses.unwrap_or(number);
                    (
                        opened.currency.code().to_owned(),
                        control,
                        self.contra(booked_as),
                    )
                }
            };
            let value = i128::from(operation.value);
            for (code, value) in [(control.to_owned(), value), (contra, -value)] {
                let key = (issuer.clone(), unit.clone(), code);
                *nets.entry(key).or_insert(0) += value;
            }
        }
        nets.retain(|_, net| *net != 0);
        nets
    }

    /// The contra account of a posting, by the script in force when it was posted: a rule for its
    /// very detail, else one for its kind, else the standard chart.
    fn contra(&self, number: usize) -> String {
        let line = &self.lines[number];
        let AccountAction::Post(post) = action_of(line) else {
            unreachable!("an original is a posting")
        };
        let kind = post.detail.kind();
        let detail = match &post.detail {
            PostDetail::Fee(fee) => fee.fee_type.as_str(),
            PostDetail::BalanceAdjustment { reason } => reason.as_str(),
            PostDetail::Interest(InterestType::Debit) => "DEBIT",
            PostDetail::Interest(InterestType::Credit) => "CREDIT",
            _ => "",
        };
        let script = self.lines[..number]
            .iter()
            .rev()
            .filter(|earlier: &&Line| earlier.request.issuer == line.request.issuer)
            .find_map(|earlier| match &earlier.request.command {
                Command::ConfigureIssuer(configuration) => Some(&configuration.accounting_script),
                _ => None,
            })
            .expect("a configured issuer");
        for wanted in [Some(detail), None] {
            let rule = script.iter().find(|rule| {
                rule.kind == kind && rule.detail.as_ref().map(|d| d.as_str()) == wanted
            });
            if let Some(rule) = rule {
                return rule.contra.as_str().to_owned();
            }
        }
        match (kind, detail) {
            (OperationKind::Fee, _) => format!("4100.{detail}"),
            (OperationKind::Bonus, _) => "5100".to_owned(),
            (OperationKind::Interest, "DEBIT") => "4200".to_owned(),
            (OperationKind::Interest, _) => "5200".to_owned(),
            (OperationKind::BalanceAdjustment | OperationKind::ResetBalance, _) => {
                "5900".to_owned()
            }
            (OperationKind::Transaction, _) => "1300".to_owned(),
            (
                OperationKind::Payment
                | OperationKind::Reimbursement
                | OperationKind::Load
                | OperationKind::Unload,
                _,
            ) => "1310".to_owned(),
        }
    }
}
