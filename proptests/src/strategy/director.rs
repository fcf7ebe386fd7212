//! Turning moves into requests, one after another.

use std::collections::BTreeMap;

use ledger_core::annotations::Annotations;
use ledger_core::authorization::RecordAuthorization;
use ledger_core::command::{
    AccountAction, AccountSelector, AdjustmentReason, AdvanceBusinessDate, Command, InterestType,
    LoyaltyPoints, OnAccount, OpenAccount, OperationCode, OperationKind, PayingAccountType,
    PostBonus, PostDetail, PostFee, PostOperation, PostPayment, PostTransaction, ReimbursementType,
    Request, ReverseOperation, SetCreditLimit, Triplet,
};
use ledger_core::iban::Iban;
use ledger_core::ids::{AccountIndex, AccountReference, CorrelationId, OperationId};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::{Amount, Currency};
use ledger_core::text::{
    Description, ExternalReference, IssuerId, Label, OperationReference, ServicePoster,
    SpecificFieldName, SpecificFieldValue,
};
use ledger_core::time::{BusinessDate, Moment, Timestamp};
use proptest::sample::Index;

use super::action::{
    BonusForm, Change, CurrencyPick, Part, PostMove, ReverseMove, RewardedPick, SignPick, Slip,
    TripletPick, ValuePick,
};
use super::portfolio::{
    self, AccountPlan, IssuerPlan, Naming, PRODUCTS, ParentPick, ProductPlan, foreign,
};
use super::{
    AccountPick, CorrelationPick, DAY_MS, Deed, FIRST_DAY, FIRST_NOON, HOUR_MS, IssuerPick, Move,
    Step,
};

/// Writes requests, and remembers those it wrote.
#[derive(Debug)]
pub(super) struct Director {
    pub(super) steps: Vec<Step>,
    pub(super) now: Timestamp,
    /// By issuer: main currency, and the latest business date asked for.
    pub(super) issuers: [(Option<Currency>, BusinessDate); 2],
    /// Accounts that a caller has reason to believe in.
    accounts: Vec<Account>,
}

#[derive(Debug)]
struct Account {
    issuer: usize,
    name: Option<ExternalReference>,
    currency: Currency,
    /// Place in [`PRODUCTS`].
    product: usize,
}

impl Default for Director {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            now: FIRST_NOON,
            issuers: [(None, FIRST_DAY); 2],
            accounts: Vec::new(),
        }
    }
}

impl Director {
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Defines an issuer and opens its accounts.
    pub(super) fn set_up(&mut self, issuer: usize, plan: IssuerPlan) {
        let day = plan.configuration.business_date.unwrap_or(FIRST_DAY);
        self.issuers[issuer] = (Some(plan.currency), day);
        // A control account in the script is refused, and with it everything that follows; the
        // setup has none, reconfigurations may.
        let mut configuration = plan.configuration;
        configuration
            .accounting_script
            .retain(|rule| rule.contra.as_str() != "1100");
        self.send(issuer, Command::ConfigureIssuer(configuration));
        for product in 0..PRODUCTS.len() {
            let product = ProductPlan::standard(product).command(plan.currency);
            self.send(issuer, Command::DefineProduct(product));
        }
        for program in plan.programs {
            self.send(issuer, Command::DefineBonusProgram(program.command()));
        }
        for account in plan.accounts {
            self.open(issuer, account);
        }
    }

    /// Posts a balance adjustment on the first account: day relative to the business date, posting
    /// date so much before the clock.
    pub(super) fn adjust(&mut self, minor: i64, day: i32, late: Option<i64>) {
        self.now.0 += 1;
        let at = self.fresh_triplet(FIRST_NOON);
        let amount = Amount {
            minor,
            currency: self.accounts[0].currency,
        };
        let post = PostOperation {
            triplet: at,
            reference_amount: Some(amount),
            value_date: Some(Moment::Day(BusinessDate(FIRST_DAY.0 + day))),
            description: None,
            external_code: None,
            detail: PostDetail::BalanceAdjustment {
                reason: portfolio::reason(portfolio::REASONS[0]),
            },
        };
        let on = OnAccount {
            account: self.selector(0, &AccountPick::Anyone(0)),
            posting_date: late.map(|late| Timestamp(self.now.0 - late)),
            action: AccountAction::Post(post),
        };
        self.send(0, Command::OnAccount(on));
    }

    pub(super) fn perform(&mut self, one: Move) {
        self.now.0 += one.clock_ms;
        let issuer = match one.issuer {
            IssuerPick::First => 0,
            IssuerPick::Second => usize::from(self.issuers[1].0.is_some()),
            IssuerPick::SecondEvenIfUnknown => 1,
        };
        match one.deed {
            Deed::Resend { which, change } => self.resend(which, change),
            Deed::Open(plan) => self.open(issuer, plan),
            Deed::Advance(days) => {
                let day = &mut self.issuers[issuer].1;
                let business_date = BusinessDate(day.0 + days);
                *day = business_date.max(*day);
                let advance = AdvanceBusinessDate { business_date };
                self.send(issuer, Command::AdvanceBusinessDate(advance));
            }
            Deed::Configure(plan) => {
                let mut configuration = plan.configuration;
                // A date other than the present one would be refused; keep that case rare.
                if configuration.business_date != Some(BusinessDate(FIRST_DAY.0 - 365)) {
                    configuration.business_date = None;
                }
                self.send(issuer, Command::ConfigureIssuer(configuration));
            }
            Deed::Product(plan) => {
                let currency = self.currency_of(issuer);
                self.send(issuer, Command::DefineProduct(plan.command(currency)));
            }
            Deed::Program(plan) => {
                self.send(issuer, Command::DefineBonusProgram(plan.command()));
            }
            Deed::Post(ref post) => {
                let mut one = one.clone();
                self.move_to_prepaid(issuer, &mut one, post);
                let action = AccountAction::Post(self.posting(issuer, &one, post));
                self.act(issuer, &one, action);
            }
            Deed::Limit(minor) => {
                let currency = self.account(issuer, &one.account).1;
                let credit_limit = Amount { minor, currency };
                let action = AccountAction::SetCreditLimit(SetCreditLimit { credit_limit });
                self.act(issuer, &one, action);
            }
            Deed::Close => self.act(issuer, &one, AccountAction::Close),
            Deed::Authorize(ref message) => self.authorize(issuer, &one, message),
            Deed::Clear(ref post, ref clear) => self.clear(issuer, &one, post, clear),
            Deed::Reserve(ref reservation) => self.reserve(issuer, &one, reservation),
            Deed::Reverse(ref reverse) => self.reverse(issuer, &one, reverse),
        }
    }

    /// Only prepaid accounts are loaded, and they are few, so most loads are moved to one.
    fn move_to_prepaid(&self, issuer: usize, one: &mut Move, post: &PostMove) {
        let is_load = matches!(post.kind, OperationKind::Load | OperationKind::Unload);
        if !is_load || matches!(one.account, AccountPick::Anyone(_)) {
            return;
        }
        let places = self.places(issuer);
        let prepaid = places
            .into_iter()
            .find(|place| self.accounts[*place].product == 1);
        if let Some(place) = prepaid.and_then(|place| u32::try_from(place).ok()) {
            one.account = AccountPick::Anyone(place);
        }
    }

    /// When the operation happens for the caller: at its posting date, if the move has one, else at
    /// noon of the business date.
    pub(super) fn noon(&self, issuer: usize, one: &Move) -> Timestamp {
        match one.posting_ms {
            Some(ms) => Timestamp(self.now.0 + ms),
            None => Timestamp(i64::from(self.issuers[issuer].1.0) * DAY_MS + 12 * HOUR_MS),
        }
    }

    pub(super) fn act(&mut self, issuer: usize, one: &Move, action: AccountAction) {
        let on = OnAccount {
            account: self.selector(issuer, &one.account),
            posting_date: one.posting_ms.map(|ms| Timestamp(self.now.0 + ms)),
            action,
        };
        self.send_as(issuer, &one.correlation, Command::OnAccount(on));
    }

    fn send(&mut self, issuer: usize, command: Command) {
        self.send_as(issuer, &CorrelationPick::Fresh, command);
    }

    pub(super) fn send_as(&mut self, issuer: usize, pick: &CorrelationPick, command: Command) {
        let correlation = match pick {
            CorrelationPick::Used(which) if !self.steps.is_empty() => {
                self.steps[which.index(self.steps.len())]
                    .request
                    .correlation
            }
            CorrelationPick::Used(_) | CorrelationPick::Fresh => self.fresh_correlation(),
        };
        let request = Request {
            issuer: issuer_id(issuer),
            correlation,
            annotations: self.annotations(&command),
            command,
        };
        let now = self.now;
        self.steps.push(Step { now, request });
    }

    /// Some commands carry something along, and a few what they may not.
    fn annotations(&self, command: &Command) -> Option<Box<Annotations>> {
        let number = self.steps.len();
        let is_operation = match command {
            Command::OnAccount(on) => on.action.triplet().is_some(),
            Command::ConfigureIssuer(_)
            | Command::DefineProduct(_)
            | Command::DefineBonusProgram(_)
            | Command::AdvanceBusinessDate(_)
            | Command::OpenAccount(_) => false,
        };
        let mut annotations = Annotations {
            username: label().filter(|_| number % 4 == 1),
            ..Annotations::default()
        };
        let strays = matches!(command, Command::OnAccount(_)) && number % 41 == 7;
        if number.is_multiple_of(5) && is_operation || strays {
            annotations.specific_fields = specific_field("a");
        }
        // Those that statements leave out are kept whole by a checkpoint, whatever they are.
        if is_operation && number % 7 < 2 {
            annotations.print_on_statement = Some(number % 7 == 1);
        }
        let pays_out = matches!(command, Command::OnAccount(on) if matches!(
            &on.action,
            AccountAction::Post(post) if post.detail.kind() == OperationKind::Reimbursement
        ));
        if pays_out && number.is_multiple_of(2) || number % 41 == 9 && is_operation {
            annotations.destination_iban = Iban::new("DE89370400440532013000");
        }
        annotations.carried()
    }

    fn fresh_correlation(&self) -> CorrelationId {
        let mut bytes = [0; 16];
        let number = u64::try_from(self.steps.len()).expect("a number");
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        CorrelationId(bytes)
    }

    fn currency_of(&self, issuer: usize) -> Currency {
        self.issuers[issuer]
            .0
            .unwrap_or_else(|| portfolio::currency("EUR"))
    }

    /// Places of an issuer's accounts.
    fn places(&self, issuer: usize) -> Vec<usize> {
        (0..self.accounts.len())
            .filter(|place| self.accounts[*place].issuer == issuer)
            .collect()
    }

    /// The place and currency of an account, where it has one.
    pub(super) fn account(&self, issuer: usize, pick: &AccountPick) -> (Option<usize>, Currency) {
        let places = self.places(issuer);
        let place = match pick {
            AccountPick::External(index) | AccountPick::Reference(index) => {
                (!places.is_empty()).then(|| *index.get(&places))
            }
            AccountPick::Anyone(place) => usize::try_from(*place).ok(),
        };
        let known = place.and_then(|place| self.accounts.get(place));
        let currency = known.map_or_else(|| self.currency_of(issuer), |known| known.currency);
        (place, currency)
    }

    pub(super) fn selector(&self, issuer: usize, pick: &AccountPick) -> AccountSelector {
        let place = self.account(issuer, pick).0.unwrap_or(0);
        match pick {
            AccountPick::External(_) => self.by_name(place),
            AccountPick::Reference(_) | AccountPick::Anyone(_) => by_reference(place),
        }
    }

    fn by_name(&self, place: usize) -> AccountSelector {
        match self.accounts.get(place) {
            Some(Account {
                name: Some(name), ..
            }) => AccountSelector::External(name.clone()),
            Some(Account { name: None, .. }) | None => by_reference(place),
        }
    }

    fn open(&mut self, issuer: usize, plan: AccountPlan) {
        let places = self.places(issuer);
        let pick = |index: &Index| (!places.is_empty()).then(|| *index.get(&places));
        let name_of = |place: usize| self.accounts[place].name.clone();
        let (parent, parent_reference) = match &plan.parent {
            ParentPick::None => (None, None),
            ParentPick::External(index) => (pick(index).and_then(name_of), None),
            ParentPick::Reference(index) => (None, pick(index).map(reference_of)),
            ParentPick::Anyone(place) => (None, Some(AccountReference::of(AccountIndex(*place)))),
            ParentPick::Both(index) => {
                (pick(index).and_then(name_of), pick(index).map(reference_of))
            }
        };
        let external_reference = match &plan.naming {
            // Numbered within the issuer, so that both issuers use the same names.
            Naming::Fresh => Some(external(&format!("A{}", places.len()))),
            Naming::Unnamed => None,
            Naming::Used(index) => pick(index).and_then(name_of),
        };
        let main = self.currency_of(issuer);
        let currency = if plan.product == 3 {
            foreign(main)
        } else {
            main
        };
        // A prepaid account may have no limit, so a limit for one is rare.
        let limit = plan
            .limit_minor
            .filter(|minor| plan.product != 1 || minor % 5 == 0);
        let opening = OpenAccount {
            external_reference: external_reference.clone(),
            product: portfolio::product_reference(plan.product),
            credit_limit: limit.map(|minor| Amount { minor, currency }),
            parent,
            parent_reference,
            bonus_programs: plan
                .programs
                .iter()
                .map(|name| portfolio::program_reference(name))
                .collect(),
            no_parent_notification: plan.no_parent_notification,
            no_otb_check: plan.no_otb_check,
            paying: match plan.root_pays {
                true => PayingAccountType::RootPays,
                false => PayingAccountType::ItselfPays,
            },
        };
        // What is refused for sure is not counted, since that would shift the references of all
        // accounts after it.
        let sound_parent = match &plan.parent {
            ParentPick::None => true,
            ParentPick::External(index) | ParentPick::Reference(index) => {
                pick(index).is_none_or(|place| self.accounts[place].currency == currency)
            }
            ParentPick::Anyone(_) | ParentPick::Both(_) => false,
        };
        let sound_name = match &plan.naming {
            Naming::Fresh | Naming::Unnamed => true,
            Naming::Used(_) => external_reference.is_none(),
        };
        let sound_limit = limit.is_none_or(|minor| {
            minor == 0 || plan.product != 1 && (0..=Amount::MINOR_MAX).contains(&minor)
        });
        if plan.product < PRODUCTS.len() && sound_parent && sound_name && sound_limit {
            self.accounts.push(Account {
                issuer,
                name: external_reference,
                currency,
                product: plan.product,
            });
        }
        self.send(issuer, Command::OpenAccount(opening));
    }

    pub(super) fn posting(&self, issuer: usize, one: &Move, post: &PostMove) -> PostOperation {
        let own = self.account(issuer, &one.account).1;
        let currency = match post.currency {
            CurrencyPick::Own => own,
            CurrencyPick::Other => foreign(own),
        };
        let minor = signed(post);
        let amount = Some(Amount { minor, currency });
        let detail = self.detail(post, minor);
        let wants_amount = match &detail {
            PostDetail::Bonus(bonus) => {
                matches!(post.flavour.points, BonusForm::Both) || {
                    bonus.points.is_none() && !matches!(post.flavour.points, BonusForm::Neither)
                }
            }
            PostDetail::Reimbursement(ReimbursementType::Full) | PostDetail::ResetBalance => {
                post.flavour.misplaced_amount
            }
            PostDetail::Reimbursement(_)
            | PostDetail::Fee(_)
            | PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::BalanceAdjustment { .. }
            | PostDetail::Load(_)
            | PostDetail::Unload
            | PostDetail::Transaction(_)
            | PostDetail::Clearing(_) => !post.flavour.misplaced_amount,
        };
        // A bonus and a reset have no value date; one with a value date is rare.
        let undated = [OperationKind::Bonus, OperationKind::ResetBalance].contains(&post.kind);
        let dated = !undated || post.flavour.misplaced_amount;
        let value_date = moment(self.noon(issuer, one), post.value_date).filter(|_| dated);
        let mut triplet = self.triplet(self.noon(issuer, one), &post.triplet);
        // Clearing is the platform's own, and often says so.
        let clearing = post.kind == OperationKind::Transaction && post.flavour.adjustment.0;
        if post.flavour.reserved_poster || clearing {
            triplet.service_poster = poster("CAS");
        }
        PostOperation {
            triplet,
            reference_amount: amount.filter(|_| wants_amount),
            value_date,
            description: None,
            external_code: None,
            detail,
        }
    }

    fn detail(&self, post: &PostMove, minor: i64) -> PostDetail {
        let flavour = &post.flavour;
        let payment = PostPayment {
            channel: None,
            reason: None,
            sepa: None,
        };
        match post.kind {
            OperationKind::Fee => PostDetail::Fee(PostFee {
                fee_type: portfolio::fee_type(flavour.fee_type),
                sub_fee_type: None,
                frequency: None,
                adjustment: flavour.adjustment.0,
                adjustment_reason: (flavour.adjustment.0 && flavour.adjustment.1)
                    .then_some(AdjustmentReason::DisputeResult),
            }),
            OperationKind::Bonus => {
                let (rewarded_operation, rewarded_triplet) = match &flavour.rewarded {
                    RewardedPick::None => (None, None),
                    RewardedPick::Triplet(index) => (None, self.used_triplet(index)),
                    RewardedPick::Id(place) => (operation_id(*place), None),
                    RewardedPick::Both(index) => (operation_id(1), self.used_triplet(index)),
                };
                let points = match flavour.points {
                    BonusForm::Money | BonusForm::Neither => None,
                    BonusForm::Points(unit) => Some(unit),
                    BonusForm::Both => Some(portfolio::UNITS[0]),
                };
                PostDetail::Bonus(Box::new(PostBonus {
                    program: portfolio::program_reference(flavour.program),
                    points: points.map(|unit| LoyaltyPoints {
                        unit: portfolio::loyalty_unit(unit),
                        value: minor,
                    }),
                    rewarded_operation,
                    rewarded_triplet,
                }))
            }
            OperationKind::Interest => {
                let debit = (minor > 0) != matches!(post.sign, SignPick::Wrong);
                PostDetail::Interest(if debit {
                    InterestType::Debit
                } else {
                    InterestType::Credit
                })
            }
            OperationKind::Payment => PostDetail::Payment(payment),
            OperationKind::BalanceAdjustment => PostDetail::BalanceAdjustment {
                reason: portfolio::reason(flavour.reason),
            },
            OperationKind::Reimbursement => PostDetail::Reimbursement(flavour.reimbursement),
            OperationKind::Load => PostDetail::Load(payment),
            OperationKind::Unload => PostDetail::Unload,
            OperationKind::ResetBalance => PostDetail::ResetBalance,
            OperationKind::Transaction => PostDetail::Transaction(purchase()),
        }
    }

    /// Earlier requests that post or reverse.
    fn with_triplet(&self) -> Vec<(&Request, &AccountAction)> {
        self.steps
            .iter()
            .filter_map(|step| match &step.request.command {
                Command::OnAccount(on) => on.action.triplet().map(|_| (&step.request, &on.action)),
                Command::ConfigureIssuer(_)
                | Command::DefineProduct(_)
                | Command::DefineBonusProgram(_)
                | Command::AdvanceBusinessDate(_)
                | Command::OpenAccount(_) => None,
            })
            .collect()
    }

    fn used_triplet(&self, which: &Index) -> Option<Triplet> {
        let earlier = self.with_triplet();
        if earlier.is_empty() {
            return None;
        }
        which.get(&earlier).1.triplet().cloned()
    }

    fn fresh_triplet(&self, date: Timestamp) -> Triplet {
        Triplet {
            date,
            reference: reference(&format!("R{}", self.steps.len())),
            service_poster: poster("SHOP"),
        }
    }

    fn triplet(&self, noon: Timestamp, pick: &TripletPick) -> Triplet {
        let fresh = |ms| self.fresh_triplet(Timestamp(noon.0 + ms));
        match pick {
            TripletPick::Fresh(ms) => fresh(*ms),
            TripletPick::Used(which) => self.used_triplet(which).unwrap_or_else(|| fresh(0)),
            TripletPick::Near(which, part) => {
                let mut near = self.used_triplet(which).unwrap_or_else(|| fresh(0));
                match part {
                    0 => near.date.0 += 1,
                    1 => near.reference = reference(&format!("{}B", near.reference)),
                    _ => near.service_poster = poster("BANK"),
                }
                near
            }
        }
    }

    fn reverse(&mut self, mover: usize, one: &Move, reverse: &ReverseMove) {
        let mut earlier = self.with_triplet();
        let of_reversal = matches!(reverse.slip, Slip::OfReversal);
        // Parts are given back of kinds that have parts.
        let of_any_kind = matches!(reverse.part, Part::Rest | Part::Zero);
        earlier.retain(|(_, action)| match action {
            AccountAction::Post(post) => {
                let of_kind = of_any_kind || post.detail.kind().is_partly_reversible();
                !of_reversal && is_plausible(post) && of_kind
            }
            AccountAction::Reverse(_) => of_reversal,
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_) => false,
        });
        let target = earlier.len().checked_sub(reverse.target + 1);
        let Some((request, action)) = target.map(|place| earlier[place]) else {
            // Nothing to reverse yet: mostly, a caller would not.
            if matches!(reverse.slip, Slip::UnknownOriginal) {
                self.reverse_nothing(mover, one, reverse);
            }
            return;
        };
        let issuer = usize::from(request.issuer != issuer_id(0));
        let Command::OnAccount(original) = &request.command else {
            unreachable!("only these have triplets")
        };
        let (mut kind, amount, whole) = match action {
            AccountAction::Post(post) => (
                post.detail.kind(),
                post.reference_amount,
                post.reference_amount.map_or(0, |amount| amount.minor),
            ),
            AccountAction::Reverse(reverse) => (reverse.kind, None, 0),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_) => {
                unreachable!("only these have triplets")
            }
        };
        let partly = kind.is_partly_reversible() || matches!(reverse.part, Part::Zero);
        let minor = match reverse.part {
            Part::Rest => None,
            Part::Whole => whole.checked_neg(),
            Part::Half => Some(-whole / 2),
            Part::One => Some(-whole.signum()),
            Part::OneMoreThanWhole => whole
                .checked_neg()
                .and_then(|all| all.checked_sub(whole.signum())),
            Part::WrongSign => Some(whole),
            Part::Zero => Some(0),
        };
        let other_currency = matches!(reverse.slip, Slip::OtherCurrency);
        let reference_amount = amount.filter(|_| partly).and_then(|amount| {
            let currency = if other_currency {
                foreign(amount.currency)
            } else {
                amount.currency
            };
            minor.map(|minor| Amount { minor, currency })
        });
        let mut matching = action.triplet().expect("it has one").clone();
        let mut account = original.account.clone();
        let mut fee_type = None;
        let mut reason = Some("REVERSAL_ON_DEMAND");
        match &reverse.slip {
            Slip::None | Slip::OtherCurrency | Slip::OfReversal => {}
            Slip::OtherKind(other) => kind = *other,
            Slip::OtherAccount => account = self.selector(issuer, &one.account),
            Slip::FeeType(name) => fee_type = Some(portfolio::fee_type(name)),
            Slip::NoReason => reason = None,
            Slip::OddReason => reason = Some("BY_MISTAKE"),
            Slip::UnknownOriginal => matching.date.0 -= 1,
        }
        let reverse = ReverseOperation {
            kind,
            triplet: self.triplet(self.noon(issuer, one), &reverse.triplet),
            matching,
            reference_amount,
            reversal_reason: reason.map(portfolio::reason),
            fee_type,
            description: None,
            external_code: None,
        };
        let on = OnAccount {
            account,
            posting_date: one.posting_ms.map(|ms| Timestamp(self.now.0 + ms)),
            action: AccountAction::Reverse(Box::new(reverse)),
        };
        self.send_as(issuer, &one.correlation, Command::OnAccount(on));
    }

    /// A reversal before there was anything to reverse.
    fn reverse_nothing(&mut self, issuer: usize, one: &Move, reverse: &ReverseMove) {
        let mut matching = self.fresh_triplet(self.noon(issuer, one));
        matching.reference = reference("UNKNOWN");
        let action = AccountAction::Reverse(Box::new(ReverseOperation {
            kind: OperationKind::Payment,
            triplet: self.triplet(self.noon(issuer, one), &reverse.triplet),
            matching,
            reference_amount: None,
            reversal_reason: None,
            fee_type: None,
            description: None,
            external_code: None,
        }));
        self.act(issuer, one, action);
    }

    fn resend(&mut self, which: Index, change: Option<Change>) {
        let mut request = which.get(&self.steps).request.clone();
        match change {
            None => {}
            Some(change) => self.change(&mut request, change),
        }
        let now = self.now;
        self.steps.push(Step { now, request });
    }

    fn change(&self, request: &mut Request, change: Change) {
        if matches!(
            change,
            Change::Correlation
                | Change::CorrelationAndAmount
                | Change::CorrelationAndPostingDate
                | Change::CorrelationAndNote
        ) {
            request.correlation = self.fresh_correlation();
        }
        match change {
            Change::CorrelationAndNote => {
                let annotations = request.annotations.get_or_insert_default();
                annotations.destination_iban = None;
                annotations.specific_fields = specific_field("c");
                return;
            }
            Change::User => {
                let annotations = request.annotations.get_or_insert_default();
                annotations.origin = label();
                return;
            }
            Change::Note => {
                let annotations = request.annotations.get_or_insert_default();
                annotations.specific_fields = specific_field("b");
                return;
            }
            Change::Correlation
            | Change::CorrelationAndAmount
            | Change::CorrelationAndPostingDate
            | Change::Amount
            | Change::Description
            | Change::ExternalCode
            | Change::ValueDate
            | Change::PostingDate
            | Change::TripletDate
            | Change::Account
            | Change::Selector
            | Change::Flag => {}
        }
        match &mut request.command {
            Command::OnAccount(on) => {
                let issuer = usize::from(request.issuer != issuer_id(0));
                self.change_on_account(issuer, on, change);
            }
            Command::OpenAccount(opening) => opening.no_otb_check ^= change_is_deep(change),
            Command::DefineBonusProgram(program) => program.monetary ^= change_is_deep(change),
            Command::AdvanceBusinessDate(advance) => {
                advance.business_date.0 += i32::from(change_is_deep(change));
            }
            Command::ConfigureIssuer(configuration) if change_is_deep(change) => {
                configuration.value_date_ahead_days_max = Some(99);
            }
            Command::DefineProduct(product) if change_is_deep(change) => {
                product.default_credit_limit = None;
            }
            Command::ConfigureIssuer(_) | Command::DefineProduct(_) => {}
        }
    }

    fn change_on_account(&self, issuer: usize, on: &mut OnAccount, change: Change) {
        let next = |amount: &mut Option<Amount>| {
            if let Some(amount) = amount {
                amount.minor = amount.minor.wrapping_add(1);
            }
        };
        match change {
            Change::Correlation => return,
            Change::PostingDate | Change::CorrelationAndPostingDate => {
                let before = on.posting_date.unwrap_or(self.now);
                on.posting_date = Some(Timestamp(before.0 - 1));
                return;
            }
            Change::Account => {
                // The first account that is not this one.
                let places = self.places(issuer);
                let other = places.iter().find(|place| {
                    self.by_name(**place) != on.account && by_reference(**place) != on.account
                });
                on.account = other.map_or_else(|| by_reference(99), |place| self.by_name(*place));
                return;
            }
            Change::Selector => {
                let places = self.places(issuer);
                let place = places.iter().find(|place| {
                    self.by_name(**place) == on.account || by_reference(**place) == on.account
                });
                if let Some(place) = place {
                    on.account = if self.by_name(*place) == on.account {
                        by_reference(*place)
                    } else {
                        self.by_name(*place)
                    };
                }
                return;
            }
            Change::CorrelationAndAmount
            | Change::CorrelationAndNote
            | Change::User
            | Change::Note
            | Change::Amount
            | Change::Description
            | Change::ExternalCode
            | Change::ValueDate
            | Change::TripletDate
            | Change::Flag => {}
        }
        match (&mut on.action, change) {
            (AccountAction::SetCreditLimit(limit), _) => limit.credit_limit.minor ^= 1,
            (AccountAction::Close, _) => {}
            (AccountAction::Post(post), Change::Description) => post.description = description(),
            (AccountAction::Post(post), Change::ExternalCode) => post.external_code = label(),
            (AccountAction::Post(post), Change::ValueDate) => {
                post.value_date = moment(self.now, ValuePick::Day(0));
            }
            (AccountAction::Post(post), Change::TripletDate) => post.triplet.date.0 += 1,
            (AccountAction::Post(post), Change::Flag) => flip(&mut post.detail),
            (AccountAction::Post(post), _) => next(&mut post.reference_amount),
            (AccountAction::Reverse(reverse), Change::Description) => {
                reverse.description = description();
            }
            (AccountAction::Reverse(reverse), Change::ExternalCode) => {
                reverse.external_code = label();
            }
            (AccountAction::Reverse(reverse), Change::TripletDate) => reverse.triplet.date.0 += 1,
            (AccountAction::Reverse(reverse), Change::ValueDate) => reverse.matching.date.0 += 1,
            (AccountAction::Reverse(reverse), Change::Flag) => {
                reverse.fee_type = Some(portfolio::fee_type(portfolio::FEE_TYPES[1]));
            }
            (AccountAction::Reverse(reverse), _) => next(&mut reverse.reference_amount),
            (AccountAction::RecordAuthorization(message), change) => {
                change_message(message, change);
            }
            (AccountAction::CreateOfflineReservation(made), _) => made.amount.minor ^= 1,
            (AccountAction::CancelOfflineReservation(_), _) => {}
        }
    }
}

/// Changes one field of a message, which one by what is changed of other commands.
fn change_message(message: &mut RecordAuthorization, change: Change) {
    match change {
        Change::Description => message.card_acceptor_name = label(),
        Change::ExternalCode => message.approval_code = label(),
        Change::ValueDate => message.reserve_expiry_date = Some(FIRST_DAY),
        Change::TripletDate => message.transaction_date.0 += 1,
        Change::Flag => message.financial_type = label(),
        // These were made before.
        Change::CorrelationAndNote | Change::User | Change::Note => {}
        Change::Correlation
        | Change::CorrelationAndAmount
        | Change::CorrelationAndPostingDate
        | Change::Amount
        | Change::PostingDate
        | Change::Account
        | Change::Selector => {
            if let Some(amount) = &mut message.billing_amount {
                amount.minor = amount.minor.wrapping_add(1);
            }
        }
    }
}

/// A value date so many days from the day (in UTC) of an instant.
fn moment(at: Timestamp, pick: ValuePick) -> Option<Moment> {
    let today = i32::try_from(at.0.div_euclid(DAY_MS)).expect("a day near the present");
    match pick {
        ValuePick::Absent => None,
        ValuePick::Day(day) => Some(Moment::Day(BusinessDate(today + day))),
        ValuePick::Instant(day, in_day) => {
            let midnight = i64::from(today + day) * DAY_MS;
            Some(Moment::Instant(Timestamp(midnight + in_day)))
        }
    }
}

/// Whether a caller would believe that it was posted; most others are not worth reversing.
fn is_plausible(post: &PostOperation) -> bool {
    let in_range = post.reference_amount.is_none_or(|amount| {
        amount.minor != 0 && amount.minor.unsigned_abs() <= Amount::MINOR_MAX.unsigned_abs()
    });
    // A payout of as much as there is may be one of nothing.
    let is_payout = post.detail.kind() == OperationKind::Reimbursement;
    in_range && !(is_payout && post.reference_amount.is_some())
}

/// Whether a change touches what commands other than those on accounts hold.
fn change_is_deep(change: Change) -> bool {
    matches!(
        change,
        Change::Amount | Change::CorrelationAndAmount | Change::Flag
    )
}

/// Changes one field that only this kind has.
fn flip(detail: &mut PostDetail) {
    match detail {
        PostDetail::Fee(fee) => fee.frequency = label(),
        PostDetail::Bonus(bonus) => bonus.rewarded_operation = operation_id(1),
        PostDetail::Interest(interest_type) => {
            *interest_type = match interest_type {
                InterestType::Credit => InterestType::Debit,
                InterestType::Debit => InterestType::Credit,
            }
        }
        PostDetail::Payment(payment) | PostDetail::Load(payment) => payment.sepa = Some(true),
        PostDetail::BalanceAdjustment { reason } => {
            *reason = portfolio::reason(portfolio::REASONS[1]);
        }
        PostDetail::Reimbursement(how) => *how = ReimbursementType::Max,
        PostDetail::Unload | PostDetail::ResetBalance => {}
        PostDetail::Transaction(transaction) => {
            transaction.labels =
                TransactionLabels::new().with(TransactionLabel::MaskedPan, &changed());
        }
        PostDetail::Clearing(clearing) => clearing.is_final ^= true,
    }
}

/// The amount of a posting. Payments, loads and bonuses are credits as a rule.
fn signed(post: &PostMove) -> i64 {
    let is_credit_kind = matches!(
        post.kind,
        OperationKind::Payment | OperationKind::Load | OperationKind::Bonus
    );
    let credit = match post.sign {
        SignPick::Usual => is_credit_kind,
        SignPick::Credit => match post.kind {
            OperationKind::Fee => post.flavour.adjustment.0,
            OperationKind::Unload | OperationKind::Reimbursement => false,
            OperationKind::Bonus
            | OperationKind::Interest
            | OperationKind::Payment
            | OperationKind::BalanceAdjustment
            | OperationKind::Load
            | OperationKind::Transaction
            | OperationKind::ResetBalance => true,
        },
        SignPick::Wrong => !is_credit_kind,
    };
    if credit { -post.size } else { post.size }
}

fn specific_field(value: &str) -> BTreeMap<SpecificFieldName, SpecificFieldValue> {
    let name = SpecificFieldName::new("shop").expect("a name");
    [(name, SpecificFieldValue::new(value).expect("a value"))].into()
}

pub(super) fn purchase() -> PostTransaction {
    PostTransaction {
        operation_code: OperationCode::NormalPurchase,
        transaction_amount: None,
        transaction_date: None,
        labels: TransactionLabels::new(),
    }
}

pub(super) fn issuer_id(issuer: usize) -> IssuerId {
    IssuerId::new(if issuer == 0 { "1234" } else { "5678" }).expect("an issuer")
}

fn external(name: &str) -> ExternalReference {
    ExternalReference::new(name).expect("a name")
}

fn reference_of(place: usize) -> AccountReference {
    AccountReference::of(AccountIndex(u32::try_from(place).expect("a place")))
}

fn by_reference(place: usize) -> AccountSelector {
    AccountSelector::Reference(reference_of(place))
}

fn operation_id(place: u64) -> Option<OperationId> {
    OperationId::from_number(1_000_000_000_000_000 + place)
}

fn reference(text: &str) -> OperationReference {
    OperationReference::new(text).expect("a reference")
}

fn poster(name: &str) -> ServicePoster {
    ServicePoster::new(name).expect("a poster")
}

fn description() -> Option<Description> {
    Description::new("changed").ok()
}

pub(super) fn label() -> Option<Label> {
    Some(changed())
}

fn changed() -> Label {
    Label::new("changed").expect("a label")
}
