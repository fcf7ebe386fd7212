//! Questions: lines that ask the reader's books, and the clock.

use ledger_core::ids::Seq;
use ledger_core::projection::general_ledger::LedgerUnit;
use ledger_core::text::Label;

use super::line::{Line, day, decimal, instant};
use super::{Script, commands};

impl Script {
    /// The answer to a question; none to a command.
    pub(super) fn ask(&mut self, line: &mut Line<'_>) -> Option<String> {
        Some(match line.verb {
            "clock" => {
                self.now = instant(line.word());
                "done".to_owned()
            }
            "today" => self
                .books
                .portfolio()
                .issuer(self.issuer_index())
                .business_date
                .to_string(),
            "events" => self.log.len().to_string(),
            "balance" => self.balance(line),
            "points" => self.points(line),
            "liable" => {
                let account = self.named(line.word());
                let liable = self.books.portfolio().liable_minor(account);
                let print = |minor| decimal(minor, self.currency(account));
                liable.map_or("none".to_owned(), print)
            }
            "notes" => self.notes(line.word()),
            "ledger" => self.ledger(line.flag("turnover")),
            "refusals" => {
                let account = self.named(line.word());
                self.books.refused(account).len().to_string()
            }
            "case" => self.case(line.word()),
            "messages" => self.messages(line),
            "status" => self.status(line.word()),
            _ => return None,
        })
    }

    /// `balance A1`, or `balance A1 value=DAY known=INSTANT` on the two axes of time.
    fn balance(&self, line: &mut Line<'_>) -> String {
        let account = self.named(line.word());
        let print = |minor| decimal(minor, self.currency(account));
        let valued = line.option("value").map(day);
        let known = line.option("known").map(instant);
        if valued.is_some() || known.is_some() {
            return print(self.books.balance_minor(account, valued, known));
        }
        let portfolio = self.books.portfolio();
        let print_some = |minor: Option<i128>| minor.map_or("none".to_owned(), print);
        format!(
            "{} otb={} prevailing={} spendable={} holds={} offline={} payable={}",
            print(portfolio.account(account).balance_minor),
            print_some(portfolio.open_to_buy(account)),
            print_some(portfolio.prevailing_open_to_buy(account)),
            print_some(portfolio.spendable(account)),
            print(portfolio.reserved(account).below_minor),
            print(portfolio.reserved(account).offline_minor),
            print(portfolio.reimbursable(account)),
        )
    }

    /// `points A1 PROGRAM UNIT`: points are the hierarchy's, so any account of it answers the same.
    fn points(&self, line: &mut Line<'_>) -> String {
        let portfolio = self.books.portfolio();
        let root = portfolio.account(self.named(line.word())).root;
        let (program, unit) = (commands::program(line.word()), commands::unit(line.word()));
        let issuer = portfolio.issuer(self.issuer_index());
        let commodity = issuer
            .commodity(&program, &unit)
            .expect("a unit of the program");
        let points = portfolio
            .points(root)
            .find(|(known, _)| *known == commodity);
        points.map_or(0, |(_, points)| points).to_string()
    }

    /// Nets of the issuer's trial balance, or debits/credits.
    fn ledger(&self, turnover: bool) -> String {
        let issuer = self.issuer_index();
        let totals = self.books.general_ledger().trial_balance();
        let lines = totals.filter(|total| total.issuer == issuer).map(|total| {
            let print = |value| match total.unit {
                LedgerUnit::Currency(currency) => decimal(value, currency),
                LedgerUnit::Points(_) => value.to_string(),
            };
            match turnover {
                true => {
                    let (debits, credits) = (print(total.debits), print(total.credits));
                    format!("{}={debits}/{credits}", total.code)
                }
                false => format!("{}={}", total.code, print(total.debits - total.credits)),
            }
        });
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() {
            "empty".to_owned()
        } else {
            lines.join(" ")
        }
    }

    /// `notes N`, of the record at this place: who gave the command, and whether it carries anything else.
    fn notes(&self, place: &str) -> String {
        let record = self.record(Seq(place.parse().expect("a place")));
        let Some(notes) = &record.event.annotations else {
            return "none".to_owned();
        };
        let words = |text: &Option<Label>| text.as_ref().map_or("-".to_owned(), Label::to_string);
        let fields = notes.specific_fields.iter();
        let fields: Vec<_> = fields.map(|(k, v)| format!("{k}:{v}")).collect();
        let rate = notes.transaction.exchange_rate;
        format!(
            "by {} from={} fields={} iban={} rate={}",
            words(&notes.username),
            words(&notes.origin),
            fields.join(","),
            notes
                .destination_iban
                .as_ref()
                .map_or("-", |iban| iban.as_str()),
            rate.map_or("-".to_owned(), |rate| rate.to_string()),
        )
    }

    /// `status N`, of the operation with this number.
    fn status(&self, number: &str) -> String {
        let id = self.operation_id(number);
        let record = self.record(id.seq());
        let operation = record.operation().expect("an operation");
        let portfolio = self.books.portfolio();
        let original = operation.original.map_or(id, |(original, _)| original);
        let at = operation.decided.value_date;
        let status = if portfolio.is_cancelled(id) {
            "cancelled"
        } else if portfolio.is_pending(record.event.issuer, at, (original, id)) {
            "pending"
        } else {
            "effective"
        };
        let reversed = portfolio.reversed_minor(id);
        format!(
            "{status} reversed={}",
            decimal(reversed.into(), self.currency(operation.decided.account))
        )
    }
}
