//! From a line of a table to the request it asks for.

use ledger_core::annotations::{Annotations, InterestNotes, TransactionNotes};
use ledger_core::command::{
    AccountAction, AccountSelector, AdjustmentReason, AdvanceBusinessDate, Command,
    ConfigureIssuer, DefineBonusProgram, DefineProduct, InterestType, LoyaltyPoints, OnAccount,
    OpenAccount, OperationCode, OperationKind, PayingAccountType, PostBonus, PostClearing,
    PostDetail, PostFee, PostOperation, PostPayment, PostTransaction, ReimbursementType, Request,
    ReversalValueDating, ReverseOperation, ScriptRule, SetCreditLimit, Triplet, WorkingMode,
};
use ledger_core::iban::Iban;
use ledger_core::ids::{AccountIndex, AccountReference, CorrelationId};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::{Amount, Currency};
use ledger_core::rate::ExchangeRate;
use ledger_core::text::{
    BonusProgramReference, Description, ExternalReference, FeeType, GlCode, IssuerId, Label,
    LoyaltyUnit, OperationReference, ProductReference, ServicePoster, SpecificFieldName,
    SpecificFieldValue,
};
use ledger_core::time::TimeZone;

use super::Script;
use super::authorizations;
use super::line::{Line, amount, currency, day, instant, moment, reason};

/// The request that a line asks for.
pub(super) fn request(script: &mut Script, line: &mut Line<'_>) -> Request {
    if line.verb == "issuer" {
        script.issuer = line.word().to_owned();
    }
    let issuer = line.option("issuer").map(str::to_owned);
    let issuer = IssuerId::new(&issuer.unwrap_or_else(|| script.issuer.clone())).expect("an id");
    let key = line.option("key").map(str::to_owned);
    let correlation = correlation(&key.unwrap_or_else(|| format!("line {}", line.number)));
    let command = match line.verb {
        "issuer" => configure_issuer(line),
        "product" => define_product(line),
        "program" => Command::DefineBonusProgram(DefineBonusProgram {
            reference: program(line.word()),
            monetary: line.flag("money"),
            loyalty_units: line.list("units", unit),
        }),
        "advance" => Command::AdvanceBusinessDate(AdvanceBusinessDate {
            business_date: day(line.word()),
        }),
        "open" => open_account(script, &issuer, line),
        _ => on_account(script, &issuer, line),
    };
    Request {
        issuer,
        correlation,
        command,
        annotations: annotations(line).carried(),
    }
}

/// What any line may carry along; whether its command may is the engine's to say.
fn annotations(line: &mut Line<'_>) -> Annotations {
    let pair = |text: &str| {
        let (name, value) = text.split_once(':').expect("a name and a value");
        (
            SpecificFieldName::new(name).expect("a name"),
            SpecificFieldValue::new(value).expect("a value"),
        )
    };
    Annotations {
        origin: line.option("origin").map(label),
        username: line.option("username").map(label),
        specific_fields: line.list("fields", pair).into_iter().collect(),
        print_on_statement: line.option("print").map(|print| print == "true"),
        correction: line.option("correction").map(|yes| yes == "true"),
        destination_iban: line
            .option("iban")
            .map(|text| Iban::new(text).expect("an IBAN")),
        over_payment_account: line.option("over").map(selector),
        interest: InterestNotes {
            start_date: line.option("from").map(moment),
            end_date: line.option("to").map(moment),
            condition: line.option("condition").map(label),
        },
        transaction: TransactionNotes {
            brand: line.option("brand").map(label),
            exchange_rate: line
                .option("rate")
                .map(|text| ExchangeRate::new(text).expect("a rate")),
            reconciliation_amount: line
                .option("reconciled")
                .map(|text| amount(text, currency("EUR"))),
            operation_date: line.option("operated").map(instant),
            cash_amount: line
                .option("cash")
                .map(|text| amount(text, currency("EUR"))),
            exchange_rate_date: line.option("rated").map(instant),
            terminal_id: line.option("terminal").map(label),
            ..TransactionNotes::default()
        },
        pan_reference: line.option("pan").map(label),
        reimbursement_reason: line.option("why").map(label),
    }
}

fn correlation(key: &str) -> CorrelationId {
    let mut id = [0; 16];
    id[..key.len()].copy_from_slice(key.as_bytes());
    CorrelationId(id)
}

fn configure_issuer(line: &mut Line<'_>) -> Command {
    Command::ConfigureIssuer(ConfigureIssuer {
        time_zone: TimeZone::from_name(line.word()).expect("a zone"),
        business_date: line.option("date").map(day),
        reversal_value_dating: match line.option("reversalValueDating") {
            None => ReversalValueDating::BusinessDate,
            Some("ORIGINAL") => ReversalValueDating::Original,
            Some(other) => panic!("no value dating {other}"),
        },
        accounting_script: line.list("script", script_rule),
        balance_adjustment_reasons: line.list("reasons", reason),
        value_date_ahead_days_max: line.option("ahead").map(|days| days.parse().expect("days")),
        value_date_back_days_max: line.option("back").map(|days| days.parse().expect("days")),
    })
}

/// `FEE>4199` or `FEE:MANUAL_FEE>4150`.
fn script_rule(text: &str) -> ScriptRule {
    let (matched, contra) = text.split_once('>').expect("a rule");
    let (of_kind, detail) = match matched.split_once(':') {
        Some((of_kind, detail)) => (of_kind, Some(reason(detail))),
        None => (matched, None),
    };
    ScriptRule {
        kind: kind(of_kind),
        detail,
        contra: GlCode::new(contra).expect("a ledger code"),
    }
}

fn kind(code: &str) -> OperationKind {
    let kind = OperationKind::ALL.into_iter().find(|k| k.code() == code);
    kind.unwrap_or_else(|| panic!("no kind {code}"))
}

fn define_product(line: &mut Line<'_>) -> Command {
    let reference = ProductReference::new(line.word()).expect("a product");
    let currency = currency(line.word());
    let working_mode = match line.word() {
        "PAY_LATER" => WorkingMode::PayLater,
        "PAY_BEFORE" => WorkingMode::PayBefore,
        "PAY_NOW" => WorkingMode::PayNow,
        other => panic!("no working mode {other}"),
    };
    Command::DefineProduct(DefineProduct {
        reference,
        currency,
        working_mode,
        fee_types: line.list("fees", fee_type),
        default_credit_limit: money_option(line, "limit", currency),
    })
}

/// `name=15.00`, in the currency of `currency=` if that is given.
fn money_option(line: &mut Line<'_>, name: &str, usual: Currency) -> Option<Amount> {
    let given = line.option("currency").map(currency);
    line.option(name)
        .map(|text| amount(text, given.unwrap_or(usual)))
}

fn open_account(script: &Script, issuer: &IssuerId, line: &mut Line<'_>) -> Command {
    let name = line.word();
    let product = ProductReference::new(line.word()).expect("a product");
    let known = script.portfolio().issuer_index(issuer);
    let known = known.and_then(|index| script.portfolio().issuer(index).product(&product));
    let usual = known.map_or(currency("EUR"), |(_, product)| product.currency);
    Command::OpenAccount(OpenAccount {
        external_reference: (name != "-").then(|| external(name)),
        product,
        credit_limit: money_option(line, "limit", usual),
        parent: line.option("under").map(external),
        parent_reference: line.option("underReference").map(reference),
        bonus_programs: line.list("programs", program),
        no_parent_notification: line.flag("noParentNotification"),
        no_otb_check: line.flag("noOtbCheck"),
        paying: match line.flag("rootPays") {
            true => PayingAccountType::RootPays,
            false => PayingAccountType::ItselfPays,
        },
    })
}

/// `A1` is the issuer's reference; `@0` the engine's, of the account that was opened first.
fn selector(name: &str) -> AccountSelector {
    match name.strip_prefix('@') {
        Some(place) => AccountSelector::Reference(reference(place)),
        None => AccountSelector::External(external(name)),
    }
}

fn on_account(script: &mut Script, issuer: &IssuerId, line: &mut Line<'_>) -> Command {
    let account = selector(line.word());
    let usual = script
        .account(issuer, &account)
        .map(|index| script.currency(index));
    let usual = usual.unwrap_or(currency("EUR"));
    let currency = line.option("currency").map_or(usual, currency);
    let posting_date = line.option("posted").map(instant);
    if let Some(action) = authorizations::action(script, line, currency) {
        return Command::OnAccount(OnAccount {
            account,
            posting_date,
            action,
        });
    }
    let action = match (line.verb, line.verb.strip_prefix("reverse-")) {
        ("limit", _) => AccountAction::SetCreditLimit(SetCreditLimit {
            credit_limit: line.amount(currency).expect("a limit"),
        }),
        ("close", _) => AccountAction::Close,
        (_, None) => AccountAction::Post(post(script, issuer, line, currency)),
        (_, Some(of)) => {
            AccountAction::Reverse(Box::new(reverse(script, issuer, line, of, currency)))
        }
    };
    Command::OnAccount(OnAccount {
        account,
        posting_date,
        action,
    })
}

fn post(
    script: &mut Script,
    issuer: &IssuerId,
    line: &mut Line<'_>,
    currency: Currency,
) -> PostOperation {
    let reference_amount = line.amount(currency);
    let detail = match line.verb {
        "fee" => PostDetail::Fee(PostFee {
            adjustment: line.flag("adjustment"),
            fee_type: fee_type(line.word()),
            sub_fee_type: line.option("subFeeType").map(label),
            frequency: line.option("frequency").map(label),
            adjustment_reason: line.option("reason").map(adjustment_reason),
        }),
        "bonus" => PostDetail::Bonus(Box::new(PostBonus {
            program: program(line.word()),
            points: line.option("points").map(points),
            rewarded_operation: line.option("rewarded").map(|n| script.operation_id(n)),
            rewarded_triplet: line
                .option("rewardedRef")
                .map(|name| script.triplet(issuer, name)),
        })),
        "interest" => PostDetail::Interest(match line.word() {
            "CREDIT" => InterestType::Credit,
            "DEBIT" => InterestType::Debit,
            other => panic!("no interest type {other}"),
        }),
        "pay" => PostDetail::Payment(payment(line)),
        "load" => PostDetail::Load(payment(line)),
        "unload" => PostDetail::Unload,
        "reset" => PostDetail::ResetBalance,
        "adjust" => PostDetail::BalanceAdjustment {
            reason: reason(line.word()),
        },
        "reimburse" => PostDetail::Reimbursement(match line.word() {
            "FULL" => ReimbursementType::Full,
            "PARTIAL" => ReimbursementType::Partial,
            "MAX" => ReimbursementType::Max,
            other => panic!("no reimbursement type {other}"),
        }),
        "purchase" => match line.option("case") {
            None => PostDetail::Transaction(purchase(line)),
            Some(case) => PostDetail::Clearing(Box::new(PostClearing {
                is_final: !line.flag("part"),
                business_case: authorizations::case_id(case),
                transaction: purchase(line),
            })),
        },
        other => panic!("line {}: no verb {other}", line.number),
    };
    PostOperation {
        triplet: own_triplet(script, issuer, line),
        reference_amount,
        value_date: line.option("value").map(moment),
        description: line.option("text").map(description),
        external_code: line.option("code").map(label),
        detail,
    }
}

fn payment(line: &mut Line<'_>) -> PostPayment {
    PostPayment {
        channel: line.option("channel").map(reason),
        reason: line.option("reason").map(label),
        sepa: line.option("sepa").map(|sepa| sepa == "true"),
    }
}

fn purchase(line: &mut Line<'_>) -> PostTransaction {
    PostTransaction {
        operation_code: match line.option("operationCode") {
            None | Some("NORMAL_PURCHASE") => OperationCode::NormalPurchase,
            Some("CASH_WITHDRAWAL") => OperationCode::CashWithdrawal,
            Some("REFUND_PURCHASE") => OperationCode::RefundPurchase,
            Some(other) => panic!("no operation code {other} in tables"),
        },
        transaction_amount: line.option("jpy").map(|text| amount(text, currency("JPY"))),
        transaction_date: line.option("bought").map(instant),
        labels: labels(line),
    }
}

fn labels(line: &mut Line<'_>) -> TransactionLabels {
    let mut labels = TransactionLabels::new();
    for (name, of) in [
        ("mcc", TransactionLabel::MerchantCategoryCode),
        ("acceptor", TransactionLabel::CardAcceptorName),
        ("city", TransactionLabel::CardAcceptorCity),
        ("country", TransactionLabel::CardAcceptorCountry),
        ("acceptorId", TransactionLabel::CardAcceptorIdCode),
        ("approval", TransactionLabel::ApprovalCode),
        ("arn", TransactionLabel::AcquirerReferenceData),
        ("card", TransactionLabel::CardReference),
        ("maskedPan", TransactionLabel::MaskedPan),
    ] {
        if let Some(text) = line.option(name) {
            labels = labels.with(of, &label(text));
        }
    }
    labels
}

fn reverse(
    script: &mut Script,
    issuer: &IssuerId,
    line: &mut Line<'_>,
    of: &str,
    currency: Currency,
) -> ReverseOperation {
    let kind = match of {
        "fee" => OperationKind::Fee,
        "bonus" => OperationKind::Bonus,
        "interest" => OperationKind::Interest,
        "pay" => OperationKind::Payment,
        "adjust" => OperationKind::BalanceAdjustment,
        "reimburse" => OperationKind::Reimbursement,
        "load" => OperationKind::Load,
        "unload" => OperationKind::Unload,
        "reset" => OperationKind::ResetBalance,
        "purchase" => OperationKind::Transaction,
        other => panic!("nothing to reverse in {other}"),
    };
    let mut matching = script.triplet(issuer, line.word());
    if let Some(at) = line.option("matchingAt") {
        matching.date = instant(at);
    }
    if let Some(name) = line.option("matchingPoster") {
        matching.service_poster = poster(name);
    }
    // A fee reversal must give its reason; tables need not.
    let usual = (kind == OperationKind::Fee).then_some("REVERSAL_ON_DEMAND");
    let given = line.option("reason").or(usual);
    ReverseOperation {
        kind,
        triplet: own_triplet(script, issuer, line),
        matching,
        reference_amount: line.amount(currency),
        reversal_reason: given.filter(|given| *given != "none").map(reason),
        fee_type: line.option("feeType").map(fee_type),
        description: line.option("text").map(description),
        external_code: line.option("code").map(label),
    }
}

/// The triplet that `ref=` names: a name keeps the date and poster of its first use, unless `at=` or
/// `poster=` say otherwise.
fn own_triplet(script: &mut Script, issuer: &IssuerId, line: &mut Line<'_>) -> Triplet {
    let generated = format!("ref{}", line.number);
    let name = line.option("ref").unwrap_or(&generated);
    let mut triplet = script.triplet(issuer, name);
    if let Some(at) = line.option("at") {
        triplet.date = instant(at);
    }
    if let Some(name) = line.option("poster") {
        triplet.service_poster = poster(name);
    }
    let place = (issuer.clone(), name.to_owned());
    let first = script.triplets.entry(place);
    first.or_insert_with(|| triplet.clone());
    triplet
}

impl Script {
    /// The triplet under this name, or the one it would get now.
    fn triplet(&self, issuer: &IssuerId, name: &str) -> Triplet {
        let known = self.triplets.get(&(issuer.clone(), name.to_owned()));
        known.cloned().unwrap_or_else(|| Triplet {
            date: self.now,
            reference: OperationReference::new(name).expect("a reference"),
            service_poster: poster("ISSUER"),
        })
    }
}

fn adjustment_reason(code: &str) -> AdjustmentReason {
    match code {
        "INVALID_OPERATION" => AdjustmentReason::InvalidOperation,
        "COMMERCIAL_ADJUSTMENT" => AdjustmentReason::CommercialAdjustment,
        other => panic!("no adjustment reason {other} in tables"),
    }
}

/// `-250:POINT`.
fn points(text: &str) -> LoyaltyPoints {
    let (value, of) = text.split_once(':').expect("a number and a unit");
    LoyaltyPoints {
        unit: unit(of),
        value: value.parse().expect("a number of points"),
    }
}

fn reference(place: &str) -> AccountReference {
    AccountReference::of(AccountIndex(place.parse().expect("a place")))
}

fn external(text: &str) -> ExternalReference {
    ExternalReference::new(text).expect("an account")
}

fn fee_type(text: &str) -> FeeType {
    FeeType::new(text).expect("a fee type")
}

fn poster(text: &str) -> ServicePoster {
    ServicePoster::new(text).expect("a poster")
}

pub(super) fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

fn description(text: &str) -> Description {
    Description::new(text).expect("a description")
}

pub(super) fn program(text: &str) -> BonusProgramReference {
    BonusProgramReference::new(text).expect("a program")
}

pub(super) fn unit(text: &str) -> LoyaltyUnit {
    LoyaltyUnit::new(text).expect("a unit")
}
