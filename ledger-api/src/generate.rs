//! A made-up card history in the replay format: the same bytes for the same numbers.
//!
//! The mix is that of a small portfolio over one year: mostly purchases, a payment or a load now and
//! then, fees, bonuses, interest, corrections; a few percent of reversals, of lines sent twice, and of
//! commands that are refused. Payments say what balance they expect, kept here on the side.

use std::fmt::{self, Arguments, Display, Write as _};
use std::io::{self, Write};

use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use uuid::{Builder, Uuid};

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Number of accounts.
    pub accounts: u32,
    /// Number of lines that post or reverse, or try to.
    pub operations: u64,
    /// Numbers with the same seed give the same history.
    pub seed: u64,
}

/// Writes the history, one command a line.
///
/// # Errors
/// Those of `out`.
pub fn generate(history: History, out: &mut impl Write) -> io::Result<()> {
    let mut generator = Generator {
        history,
        random: ChaCha8Rng::seed_from_u64(history.seed),
        accounts: Vec::new(),
        day: 0,
        made: 0,
        last_line: None,
        out,
    };
    generator.set_scene()?;
    for place in 0..history.operations {
        generator.advance_to(place)?;
        generator.operation()?;
    }
    Ok(())
}

const ISSUER: &str = "demo";
/// A year of days, so that every month end is in it.
const DAYS: u64 = 365;
/// Credit limits that are given out, in euros.
const LIMITS_EUR: [i64; 4] = [1_000, 2_500, 5_000, 10_000];
/// Invented acceptors: name, city, merchant category code.
const ACCEPTORS: [(&str, &str, &str); 8] = [
    ("MARKTHALLE NORD", "HAMBURG", "5411"),
    ("BAHNSHOP GLEIS 7", "KOELN", "4111"),
    ("CAFE AM DEICH", "HUSUM", "5812"),
    ("BUCHLADEN SEITE EINS", "LEIPZIG", "5942"),
    ("TANKSTELLE WESTRING", "KIEL", "5541"),
    ("APOTHEKE ZUR EULE", "BONN", "5912"),
    ("HOTEL LINDENHOF", "WEIMAR", "7011"),
    ("RADWERKSTATT SPEICHE", "MUENSTER", "7699"),
];

struct Generator<'a, W> {
    history: History,
    random: ChaCha8Rng,
    accounts: Vec<Account>,
    /// Days since the first.
    day: u64,
    /// Operations named so far; numbers their references.
    made: u64,
    /// The last line that can be sent again.
    last_line: Option<SentLine>,
    out: &'a mut W,
}

/// A line without what it expects.
#[derive(Clone)]
struct SentLine {
    correlation: Uuid,
    rest: String,
}

struct Account {
    external: String,
    prepaid: bool,
    /// Balance in cents while `known`: an operation that waits for its value date ends that.
    balance: i64,
    known: bool,
    /// The last operation that was not reversed yet.
    reversible: Option<Posted>,
    /// The last operation that was reversed in full.
    reversed: Option<Posted>,
}

#[derive(Clone)]
struct Posted {
    name: &'static str,
    reference: String,
    date: String,
    cents: i64,
}

impl<W: Write> Generator<'_, W> {
    fn set_scene(&mut self) -> io::Result<()> {
        let first = self.date();
        self.command(
            "configure-issuer",
            format_args!(r#"{{"timeZone":"Europe/Berlin","businessDate":"{first}"}}"#),
        )?;
        self.command(
            "define-product",
            format_args!(r#"{{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["STATEMENT_FEE","MANUAL_FEE","CARD_FEE","MARKUP_FEE"]}}"#),
        )?;
        self.command(
            "define-product",
            format_args!(r#"{{"productReference":"PREPAID","currency":"EUR","workingMode":"PAY_BEFORE","feeTypes":["MANUAL_FEE","CARD_FEE"]}}"#),
        )?;
        self.command(
            "define-bonus-program",
            format_args!(
                r#"{{"bonusProgramReference":"CASHBACK","monetary":true,"loyaltyUnits":[]}}"#
            ),
        )?;
        self.command(
            "define-bonus-program",
            format_args!(
                r#"{{"bonusProgramReference":"MILES","monetary":false,"loyaltyUnits":["MILE"]}}"#
            ),
        )?;
        for number in 0..self.history.accounts {
            self.open_account(number)?;
        }
        Ok(())
    }

    fn open_account(&mut self, number: u32) -> io::Result<()> {
        let external = format!("ACC-{:06}", number + 1);
        let prepaid = number % 5 == 4;
        // Every tenth account is a partner card under the credit account before it.
        let parent = if number % 10 == 3 {
            self.accounts.last()
        } else {
            None
        };
        let parent = parent.map_or("null".to_owned(), |parent| {
            format!(r#""{}""#, parent.external)
        });
        let limit = if prepaid {
            0
        } else {
            self.pick(&LIMITS_EUR) * 100
        };
        let product = if prepaid { "PREPAID" } else { "CLASSIC" };
        let limit = Euros(limit);
        self.command(
            "open-account",
            format_args!(
                r#"{{"issuerAccountExternalReference":"{external}","productReference":"{product}","creditLimitAmount":{limit},"parentExternalReference":{parent},"bonusProgramReferences":["CASHBACK","MILES"]}}"#
            ),
        )?;
        self.accounts.push(Account {
            external,
            prepaid,
            balance: 0,
            known: true,
            reversible: None,
            reversed: None,
        });
        Ok(())
    }

    /// Moves the business date to the day of this operation, if it is a later one.
    fn advance_to(&mut self, place: u64) -> io::Result<()> {
        let day = place * DAYS / self.history.operations;
        if day > self.day {
            self.day = day;
            let date = self.date();
            let body = format_args!(r#"{{"businessDate":"{date}"}}"#);
            self.command("advance-business-date", body)?;
        }
        Ok(())
    }

    fn operation(&mut self) -> io::Result<()> {
        if self.accounts.is_empty() {
            return Ok(());
        }
        let count = u64::from(self.history.accounts);
        let place = usize::try_from(self.below(count)).unwrap_or(0);
        let cents = self.purchase_cents();
        let account = &self.accounts[place];
        let (prepaid, balance) = (account.prepaid, account.balance);
        match self.below(1_000) {
            0..=639 if prepaid && -balance < cents => self.load(place),
            0..=639 => self.purchase(place, cents),
            640..=719 if prepaid => self.load(place),
            640..=719 => self.payment(place),
            720..=779 => self.fee(place, 0),
            780..=829 => self.cash_back(place),
            830..=859 => self.miles(place),
            860..=879 => self.interest(place),
            880..=894 => self.adjustment(place),
            895..=909 => self.purchase(place, -cents),
            910..=949 => self.reverse(place),
            950..=962 => self.send_again(),
            963..=969 => self.send_under_new_id(),
            970..=979 => self.fee_of_unknown_type(place),
            980..=989 => self.reverse_again(place),
            990..=994 => self.unload_too_much(place),
            _ => {
                let days = 1 + self.below(20);
                self.fee(place, days)
            }
        }
    }

    fn purchase(&mut self, place: usize, cents: i64) -> io::Result<()> {
        let code = if cents > 0 {
            "NORMAL_PURCHASE"
        } else {
            "REFUND_PURCHASE"
        };
        let (name, city, category) = self.pick(&ACCEPTORS);
        let card = place % 10_000;
        let fields = format_args!(
            r#""operationCode":"{code}","cardAcceptorName":"{name}","cardAcceptorCity":"{city}","cardAcceptorCountry":"276","merchantCategoryCode":"{category}","maskedPan":"454617******{card:04}","#
        );
        self.post(place, "transaction", "CLEARING", cents, fields, "")
    }

    fn payment(&mut self, place: usize) -> io::Result<()> {
        let owed = self.accounts[place].balance;
        let cents = if owed > 100 {
            owed / (1 + i64::from(self.one_in(4)))
        } else {
            2_000
        };
        let fields = format_args!(r#""paymentChannel":"DIRECT_DEBIT","#);
        let account = &self.accounts[place];
        let expect = if account.known {
            format!(
                r#","expect":{{"accountBalance":{}}}"#,
                Euros(account.balance - cents)
            )
        } else {
            String::new()
        };
        self.post(place, "payment", "BANK", -cents, fields, &expect)
    }

    fn load(&mut self, place: usize) -> io::Result<()> {
        let euros = 20 * (1 + self.below(10));
        let cents = i64::try_from(euros).unwrap_or(20) * 100;
        self.post(
            place,
            "load",
            "BANK",
            -cents,
            format_args!(r#""paymentChannel":"ONLINE_MONEY","#),
            "",
        )
    }

    /// A fee; with `days` it takes effect only in so many days.
    fn fee(&mut self, place: usize, days: u64) -> io::Result<()> {
        let fee_type = if self.accounts[place].prepaid {
            "CARD_FEE"
        } else {
            "STATEMENT_FEE"
        };
        let cents = 90 + 10 * i64::try_from(self.below(40)).unwrap_or(0);
        let mut fields = format!(r#""feeType":"{fee_type}","#);
        if days > 0 {
            let value_date = self.date() + Days::new(days);
            fields += &format!(r#""valueDate":"{value_date}","#);
            self.accounts[place].known = false;
        }
        self.post(place, "fee", "BANK", cents, format_args!("{fields}"), "")
    }

    fn cash_back(&mut self, place: usize) -> io::Result<()> {
        let cents = 10 + i64::try_from(self.below(290)).unwrap_or(0);
        let mut fields = r#""bonusProgramReference":"CASHBACK","#.to_owned();
        if let Some(posted) = self.accounts[place]
            .reversible
            .as_ref()
            .filter(|p| p.cents > 0)
        {
            fields += &format!(
                r#""rewardedExternalMatchingOperationDate":"{}","rewardedExternalMatchingOperationReference":"{}","rewardedExternalMatchingOperationServicePoster":"{}","#,
                posted.date,
                posted.reference,
                posted.poster(),
            );
        }
        self.post(place, "bonus", "BANK", -cents, format_args!("{fields}"), "")
    }

    fn miles(&mut self, place: usize) -> io::Result<()> {
        let miles = 10 + self.below(500);
        let (reference, date) = self.next_reference();
        let triplet = Triplet(&reference, &date, "BANK");
        let body = format_args!(
            r#"{{"bonusProgramReference":"MILES","loyaltyPointAmount":{{"unit":"MILE","cumulatedValue":-{miles}}},{triplet}}}"#
        );
        self.on_account("post-bonus-operation", place, body, "")
    }

    fn interest(&mut self, place: usize) -> io::Result<()> {
        let balance = self.accounts[place].balance;
        let cents = (balance / 80).clamp(-2_000, 20_000);
        let (interest_type, cents) = match cents {
            0 => ("CREDIT", -1),
            ..0 => ("CREDIT", cents),
            _ => ("DEBIT", cents),
        };
        let fields = format_args!(r#""interestType":"{interest_type}","#);
        self.post(place, "interest", "BANK", cents, fields, "")
    }

    fn adjustment(&mut self, place: usize) -> io::Result<()> {
        let cents = if self.one_in(2) { 10 } else { -10 };
        let fields = format_args!(r#""balanceAdjustmentReason":"ROUNDING","#);
        self.post(place, "balance-adjustment", "BANK", cents, fields, "")
    }

    fn reverse(&mut self, place: usize) -> io::Result<()> {
        let Some(posted) = self.accounts[place].reversible.take() else {
            return self.fee(place, 0);
        };
        let account = &mut self.accounts[place];
        account.balance -= posted.cents;
        account.reversed = Some(posted.clone());
        self.reversal(place, &posted)
    }

    /// Refused: OPERATION_ALREADY_REVERSED.
    fn reverse_again(&mut self, place: usize) -> io::Result<()> {
        match self.accounts[place].reversed.clone() {
            Some(posted) => self.reversal(place, &posted),
            None => self.fee_of_unknown_type(place),
        }
    }

    /// Refused: FEE_TYPE_NOT_ALLOWED.
    fn fee_of_unknown_type(&mut self, place: usize) -> io::Result<()> {
        let (reference, date) = self.next_reference();
        let (amount, triplet) = (Euros(990), Triplet(&reference, &date, "BANK"));
        let body =
            format_args!(r#"{{"feeType":"INSURANCE_FEE","referenceAmount":{amount},{triplet}}}"#);
        self.on_account("post-fee-operation", place, body, "")
    }

    /// Refused: INSUFFICIENT_OPEN_TO_BUY, or WORKING_MODE_MISMATCH on a credit account.
    fn unload_too_much(&mut self, place: usize) -> io::Result<()> {
        let (reference, date) = self.next_reference();
        let (amount, triplet) = (Euros(99_999_900), Triplet(&reference, &date, "BANK"));
        let body = format_args!(r#"{{"referenceAmount":{amount},{triplet}}}"#);
        self.on_account("post-unload-operation", place, body, "")
    }

    fn reversal(&mut self, place: usize, posted: &Posted) -> io::Result<()> {
        let (reference, date) = self.next_reference();
        let reason = match posted.name {
            "fee" => r#""reversalReason":"REVERSAL_ON_DEMAND","#,
            _ => "",
        };
        let Posted {
            name,
            reference: original,
            date: posted_on,
            ..
        } = posted;
        let (poster, triplet) = (posted.poster(), Triplet(&reference, &date, "BANK"));
        let body = format_args!(
            r#"{{{reason}"externalMatchingOperationDate":"{posted_on}","externalMatchingOperationReference":"{original}","externalMatchingOperationServicePoster":"{poster}",{triplet}}}"#
        );
        self.on_account(&format!("reverse-{name}-operation"), place, body, "")
    }

    /// Posts an operation in money and keeps what later lines need to know of it.
    fn post(
        &mut self,
        place: usize,
        name: &'static str,
        poster: &str,
        cents: i64,
        fields: Arguments<'_>,
        expect: &str,
    ) -> io::Result<()> {
        let (reference, date) = self.next_reference();
        let (amount, triplet) = (Euros(cents), Triplet(&reference, &date, poster));
        let body = format_args!(r#"{{{fields}"referenceAmount":{amount},{triplet}}}"#);
        self.on_account(&format!("post-{name}-operation"), place, body, expect)?;
        let account = &mut self.accounts[place];
        account.balance += cents;
        if account.known {
            account.reversible = Some(Posted {
                name,
                reference,
                date,
                cents,
            });
        }
        Ok(())
    }

    fn on_account(
        &mut self,
        command: &str,
        place: usize,
        body: Arguments<'_>,
        expect: &str,
    ) -> io::Result<()> {
        // The memory of the line before is used again.
        let mut rest = self
            .last_line
            .take()
            .map_or_else(String::new, |line| line.rest);
        rest.clear();
        let external = &self.accounts[place].external;
        write!(
            rest,
            r#""command":"{command}","account":{{"issuerAccountExternalReference":"{external}"}},"postingDate":"{}","body":{body}"#,
            self.instant(),
        )
        .expect("memory takes text");
        let correlation = self.correlation();
        self.write(correlation, format_args!("{rest}{expect}"))?;
        self.last_line = Some(SentLine { correlation, rest });
        Ok(())
    }

    fn command(&mut self, command: &str, body: Arguments<'_>) -> io::Result<()> {
        let correlation = self.correlation();
        let rest = format_args!(r#""command":"{command}","body":{body}"#);
        self.write(correlation, rest)
    }

    /// The last line once more, as a sender does who got no answer.
    fn send_again(&mut self) -> io::Result<()> {
        match self.last_line.clone() {
            Some(line) => self.write(line.correlation, format_args!("{}", line.rest)),
            None => self.fee(0, 0),
        }
    }

    /// The last operation once more under another correlation id, as a sender does who lost it.
    fn send_under_new_id(&mut self) -> io::Result<()> {
        let correlation = self.correlation();
        match self.last_line.clone() {
            Some(line) => self.write(correlation, format_args!("{}", line.rest)),
            None => self.fee(0, 0),
        }
    }

    fn write(&mut self, correlation: Uuid, rest: Arguments<'_>) -> io::Result<()> {
        writeln!(
            self.out,
            r#"{{"issuerId":"{ISSUER}","correlationId":"{correlation}",{rest}}}"#
        )
    }

    fn next_reference(&mut self) -> (String, String) {
        self.made += 1;
        (format!("OP-{:09}", self.made), self.instant())
    }

    fn date(&self) -> NaiveDate {
        let first = DateTime::UNIX_EPOCH.date_naive() + TimeDelta::days(FIRST_DAY);
        first + Days::new(self.day)
    }

    /// Within the day, later operations come later.
    fn instant(&self) -> String {
        let second = self.made % 36_000;
        let (hour, minute, second) = (8 + second / 3_600, second / 60 % 60, second % 60);
        format!("{}T{hour:02}:{minute:02}:{second:02}.000Z", self.date())
    }

    fn correlation(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Small amounts are common, large ones rare.
    fn purchase_cents(&mut self) -> i64 {
        let most = [1_500, 5_000, 20_000][usize::try_from(self.below(3)).unwrap_or(0)];
        200 + i64::try_from(self.below(most)).unwrap_or(0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let count = u64::try_from(from.len()).unwrap_or(1);
        from[usize::try_from(self.below(count)).unwrap_or(0)]
    }
}

impl Posted {
    fn poster(&self) -> &'static str {
        if self.name == "transaction" {
            "CLEARING"
        } else {
            "BANK"
        }
    }
}

/// 2025-01-01, in days since 1970-01-01.
const FIRST_DAY: i64 = 20_089;

/// Shown as an amount.
struct Euros(i64);

impl Display for Euros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0;
        write!(f, r#"{{"value":{cents},"exponent":2,"isoCode":"EUR"}}"#)
    }
}

/// Shown as the fields of a triplet: reference, date, poster.
struct Triplet<'a>(&'a str, &'a str, &'a str);

impl Display for Triplet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reference, date, poster) = self;
        write!(
            f,
            r#""externalOperationDate":"{date}","externalOperationReference":"{reference}","externalOperationServicePoster":"{poster}""#
        )
    }
}
