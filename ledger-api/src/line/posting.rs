//! The short way to a posting: a line as programs write most of them, read straight into its command.
//!
//! Nearly every line of a history posts an operation with a few of the usual fields, each given once. Such a line is
//! read in one pass, without being laid out in between, which halves the work. Any other line, unusual or wrong, is
//! left to the reader that knows all commands and says what is wrong ([`super::read`]). So nothing is refused here;
//! a line must only never be read differently, which the test of [`crate::json::scan`] holds it to.

use ledger_core::command::{
    AccountAction, AccountSelector, Command, LoyaltyPoints, OnAccount, OperationKind, PostBonus,
    PostDetail, PostFee, PostOperation, PostPayment, PostTransaction, Request, Triplet,
};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::{Amount, Currency};
use ledger_core::text::{ExternalReference, IssuerId};
use ledger_core::time::{Moment, Timestamp};

use super::{
    Direction, Expect, Line, OPERATION_CODES, correlation_of, interest_type, operation_command,
};
use crate::dates::{to_instant, to_moment};
use crate::fields::FieldText;
use crate::json::cursor::Cursor;

/// Reads a line that is a usual posting.
pub(crate) fn read(mut at: Cursor<'_, '_>) -> Option<Line> {
    let (mut issuer, mut correlation, mut kind) = (None, None, None);
    let (mut account, mut posting_date) = (None, None);
    let (mut body, mut expect) = (None, None);
    at.object(|at, name| match name {
        "issuerId" => once(&mut issuer, IssuerId::new(at.text()?).ok()),
        "correlationId" => once(&mut correlation, at.text()),
        "command" => once(&mut kind, posted(at.text()?)),
        "account" => once(&mut account, external_reference(at)),
        "postingDate" => once(&mut posting_date, to_instant(at.text()?)),
        "body" => once(&mut body, Body::read(at)),
        "expect" => once(&mut expect, expected(at)),
        _ => None,
    })?;
    if !at.is_at_end() {
        return None;
    }
    let operation = body?.operation(kind?)?;
    let issuer = issuer?;
    Some(Line {
        request: Request {
            correlation: correlation_of(&issuer, correlation?).ok()?,
            issuer,
            command: Command::OnAccount(OnAccount {
                account: AccountSelector::External(account?),
                posting_date,
                action: AccountAction::Post(operation),
            }),
            annotations: None,
        },
        expect: expect.unwrap_or_default(),
    })
}

/// Keeps the value of a field, which is not given twice.
#[inline]
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    place.replace(value?).is_none().then_some(())
}

fn posted(command: &str) -> Option<OperationKind> {
    match operation_command(command)? {
        (Direction::Post, kind) => Some(kind),
        (Direction::Reverse, _) => None,
    }
}

fn external_reference(at: &mut Cursor<'_, '_>) -> Option<ExternalReference> {
    let mut external = None;
    at.object(|at, name| match name {
        "issuerAccountExternalReference" => {
            once(&mut external, ExternalReference::new(at.text()?).ok())
        }
        _ => None,
    })?;
    external
}

fn expected(at: &mut Cursor<'_, '_>) -> Option<Expect> {
    let (mut account_balance, mut open_to_buy) = (None, None);
    at.object(|at, name| match name {
        "accountBalance" => once(&mut account_balance, amount(at)),
        "openToBuy" => once(&mut open_to_buy, amount(at)),
        _ => None,
    })?;
    Some(Expect {
        account_balance,
        open_to_buy,
    })
}

fn amount(at: &mut Cursor<'_, '_>) -> Option<Amount> {
    let (mut minor, mut exponent, mut currency) = (None, None, None);
    at.object(|at, name| match name {
        "value" => once(&mut minor, at.integer()),
        "exponent" => once(&mut exponent, at.integer()),
        "isoCode" => once(&mut currency, Currency::from_code(at.text()?)),
        _ => None,
    })?;
    let currency = currency?;
    let amount = Amount {
        minor: minor?,
        currency,
    };
    (exponent? == i64::from(currency.exponent())).then_some(amount)
}

fn loyalty_points(at: &mut Cursor<'_, '_>) -> Option<LoyaltyPoints> {
    let (mut unit, mut value) = (None, None);
    at.object(|at, name| match name {
        "unit" => once(&mut unit, FieldText::of(at.text()?).ok()),
        "cumulatedValue" => once(&mut value, at.integer()),
        _ => None,
    })?;
    Some(LoyaltyPoints {
        unit: unit?,
        value: value?,
    })
}

/// The usual fields of a posting that are text, before it is known what they are for.
#[derive(Clone, Copy)]
enum Text {
    Reference,
    ServicePoster,
    Description,
    ExternalCode,
    FeeType,
    SubFeeType,
    Frequency,
    Program,
    RewardedReference,
    RewardedServicePoster,
    InterestType,
    Channel,
    PaymentReason,
    AdjustmentReason,
    OperationCode,
}

const TEXTS: usize = Text::OperationCode as usize + 1;

/// The usual fields of a posting; what was taken is there no more.
#[derive(Default)]
struct Body<'a> {
    texts: [Option<&'a str>; TEXTS],
    labels: [Option<&'a str>; TransactionLabel::ALL.len()],
    date: Option<Timestamp>,
    value_date: Option<Moment>,
    reference_amount: Option<Amount>,
    points: Option<LoyaltyPoints>,
    rewarded_date: Option<Timestamp>,
    transaction_amount: Option<Amount>,
    transaction_date: Option<Timestamp>,
}

impl<'a> Body<'a> {
    fn read(at: &mut Cursor<'a, '_>) -> Option<Self> {
        let mut body = Self::default();
        at.object(|at, name| {
            let text = match name {
                "externalOperationDate" => return once(&mut body.date, to_instant(at.text()?)),
                "valueDate" => return once(&mut body.value_date, to_moment(at.text()?)),
                "transactionDate" => {
                    return once(&mut body.transaction_date, to_instant(at.text()?));
                }
                "referenceAmount" => return once(&mut body.reference_amount, amount(at)),
                "transactionAmount" => return once(&mut body.transaction_amount, amount(at)),
                "loyaltyPointAmount" => return once(&mut body.points, loyalty_points(at)),
                "externalOperationReference" => Text::Reference,
                "externalOperationServicePoster" => Text::ServicePoster,
                "description" => Text::Description,
                "externalOperationCode" => Text::ExternalCode,
                "feeType" => Text::FeeType,
                "subFeeType" => Text::SubFeeType,
                "frequency" => Text::Frequency,
                "bonusProgramReference" => Text::Program,
                "rewardedExternalMatchingOperationDate" => {
                    return once(&mut body.rewarded_date, to_instant(at.text()?));
                }
                "rewardedExternalMatchingOperationReference" => Text::RewardedReference,
                "rewardedExternalMatchingOperationServicePoster" => Text::RewardedServicePoster,
                "interestType" => Text::InterestType,
                "paymentChannel" => Text::Channel,
                "paymentReason" => Text::PaymentReason,
                "balanceAdjustmentReason" => Text::AdjustmentReason,
                "operationCode" => Text::OperationCode,
                name => {
                    let label = TransactionLabel::of_field(name)?;
                    return once(&mut body.labels[label as usize], at.text());
                }
            };
            once(&mut body.texts[text as usize], at.text())
        })?;
        Some(body)
    }

    /// The operation of this kind, if all of the fields belong to it.
    fn operation(mut self, kind: OperationKind) -> Option<PostOperation> {
        let operation = PostOperation {
            triplet: Triplet {
                date: self.date?,
                reference: self.text(Text::Reference)??,
                service_poster: self.text(Text::ServicePoster)??,
            },
            reference_amount: self.reference_amount,
            value_date: self.value_date,
            description: self.text(Text::Description)?,
            external_code: self.text(Text::ExternalCode)?,
            detail: self.detail(kind)?,
        };
        let Self {
            texts,
            labels,
            // Of every kind.
            date: _,
            value_date: _,
            reference_amount: _,
            points,
            rewarded_date,
            transaction_amount,
            transaction_date,
        } = self;
        let all_taken = texts.iter().chain(&labels).all(Option::is_none)
            && points.is_none()
            && rewarded_date.is_none()
            && transaction_amount.is_none()
            && transaction_date.is_none();
        all_taken.then_some(operation)
    }

    fn detail(&mut self, kind: OperationKind) -> Option<PostDetail> {
        Some(match kind {
            OperationKind::Transaction => PostDetail::Transaction(self.transaction()?),
            OperationKind::Fee => PostDetail::Fee(PostFee {
                fee_type: self.text(Text::FeeType)??,
                sub_fee_type: self.text(Text::SubFeeType)?,
                frequency: self.text(Text::Frequency)?,
                adjustment: false,
                adjustment_reason: None,
            }),
            OperationKind::Bonus => PostDetail::Bonus(Box::new(PostBonus {
                program: self.text(Text::Program)??,
                points: self.points.take(),
                rewarded_operation: None,
                rewarded_triplet: self.rewarded()?,
            })),
            OperationKind::Interest => {
                PostDetail::Interest(interest_type(self.raw_text(Text::InterestType)?)?)
            }
            OperationKind::Payment => PostDetail::Payment(self.payment()?),
            OperationKind::Load => PostDetail::Load(self.payment()?),
            OperationKind::BalanceAdjustment => PostDetail::BalanceAdjustment {
                reason: self.text(Text::AdjustmentReason)??,
            },
            OperationKind::Unload => PostDetail::Unload,
            OperationKind::Reimbursement | OperationKind::ResetBalance => return None,
        })
    }

    fn rewarded(&mut self) -> Option<Option<Triplet>> {
        let Some(date) = self.rewarded_date.take() else {
            return Some(None);
        };
        Some(Some(Triplet {
            date,
            reference: self.text(Text::RewardedReference)??,
            service_poster: self.text(Text::RewardedServicePoster)??,
        }))
    }

    fn payment(&mut self) -> Option<PostPayment> {
        Some(PostPayment {
            channel: self.text(Text::Channel)?,
            reason: self.text(Text::PaymentReason)?,
            sepa: None,
        })
    }

    fn transaction(&mut self) -> Option<PostTransaction> {
        let code = self.raw_text(Text::OperationCode)?;
        let (_, operation_code) = OPERATION_CODES.iter().find(|(known, _)| *known == code)?;
        let mut labels = TransactionLabels::new();
        for label in TransactionLabel::ALL {
            if let Some(text) = self.labels[label as usize].take() {
                labels.set(label, text).ok()?;
            }
        }
        Some(PostTransaction {
            operation_code: *operation_code,
            transaction_amount: self.transaction_amount.take(),
            transaction_date: self.transaction_date.take(),
            labels,
        })
    }

    /// Takes a text; nothing if it may not stand there.
    #[inline]
    fn text<T: FieldText>(&mut self, text: Text) -> Option<Option<T>> {
        self.raw_text(text).map(T::of).transpose().ok()
    }

    #[inline]
    fn raw_text(&mut self, text: Text) -> Option<&'a str> {
        self.texts[text as usize].take()
    }
}
