//! A model of the ledger that is too simple to be wrong: one list of the commands that were recorded,
//! and every question answered by reading the list from its beginning.
//!
//! It takes the plain types of the core (requests, refusals) and none of its rules: those are written
//! again here from the specification. There are no running sums, no indexes and no pending list; an
//! operation counts when its value date has come, which is asked anew each time.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a question is about some lines of the list, and passes over all others alike"
)]

mod agreement;
mod amounts;
mod calendar;
mod form;
mod general_ledger;
mod payload;
mod reserves;
mod rules;

use ledger_core::authorization::AuthorizationResult;
use ledger_core::command::{
    AccountAction, AccountSelector, Command, ConfigureIssuer, DefineBonusProgram, DefineProduct,
    OpenAccount, OperationKind, Request, Triplet, WorkingMode,
};
use ledger_core::decide::Standing;
use ledger_core::ids::{AccountIndex, AccountReference, OperationId, Seq};
use ledger_core::money::Currency;
use ledger_core::rejection::Rejection;
use ledger_core::text::{BonusProgramReference, IssuerId, LoyaltyUnit, ProductReference};
use ledger_core::time::Timestamp;

pub use agreement::agreement;
pub use amounts::PointsKey;
pub use calendar::{day_of, start_of};
pub use general_ledger::LedgerLine;
pub use reserves::Case;

/// The list.
#[derive(Debug, Default)]
pub struct Model {
    lines: Vec<Line>,
}

/// One recorded command.
#[derive(Debug)]
struct Line {
    at: Timestamp,
    request: Request,
    /// The account it is about, counted in the order of opening.
    account: Option<usize>,
    fact: Fact,
}

/// What the command did.
#[derive(Debug)]
enum Fact {
    Configured {
        business_date: i32,
    },
    Defined,
    Advanced {
        business_date: i32,
    },
    Opened(Opened),
    LimitSet {
        minor: i64,
    },
    Closed,
    Operation(Operation),
    /// A message of the authorization system, decided on this day.
    Message {
        result: AuthorizationResult,
        today: i32,
    },
    Reserved,
    Freed,
    Refused(Rejection),
}

#[derive(Debug)]
struct Opened {
    currency: Currency,
    working_mode: WorkingMode,
    limit_minor: i64,
    parent: Option<usize>,
}

#[derive(Debug)]
struct Operation {
    kind: OperationKind,
    value: i64,
    /// None: money.
    points: Option<(BonusProgramReference, LoyaltyUnit)>,
    posted_at: Timestamp,
    value_date: i32,
    /// Whether the value date was ahead when the operation was posted.
    pending: bool,
    /// Line of the original, for a reversal.
    reverses: Option<usize>,
}

/// What the model expects the engine to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The command is carried out, or was.
    Accepted {
        /// The operation it posts.
        operation: Option<OperationId>,
        /// The account it is about.
        account: Option<AccountReference>,
        /// Whether the operation waits for its value date.
        pending: bool,
        /// Of a message of the authorization system: how it is decided.
        authorization: Option<AuthorizationResult>,
        /// Where it is recorded.
        seq: Seq,
        /// Whether it was carried out before.
        replayed: bool,
    },
    /// The command is refused, or was.
    Refused {
        /// Why.
        rejection: Rejection,
        /// What that means for its correlation id.
        standing: Standing,
        /// Where it is recorded, if it is.
        seq: Option<Seq>,
        /// Whether it was refused before.
        replayed: bool,
    },
    /// The correlation id was used for a command that differs in these fields.
    Mismatch {
        /// Their names. The specification does not order them, so the engine may name any.
        fields: Vec<&'static str>,
    },
}

impl Model {
    /// Answers a request and writes it down if it is to be recorded.
    pub fn submit(&mut self, request: &Request, now: Timestamp) -> Expected {
        let at = self.lines.last().map_or(now, |last| now.max(last.at));
        let account = self.account_named(request);
        if self.configuration(&request.issuer).is_some()
            && let Some(line) = (0..self.lines.len()).find(|line| {
                let recorded = &self.lines[*line].request;
                recorded.issuer == request.issuer && recorded.correlation == request.correlation
            })
        {
            let fields = self.differing(line, request, account);
            return if fields.is_empty() {
                self.recorded(line, true)
            } else {
                Expected::Mismatch { fields }
            };
        }
        if let Err(rejection) = form::check(&request.command) {
            return refused(rejection, Standing::Malformed);
        }
        if let Some(annotations) = &request.annotations
            && let Err(rejection) = form::check_annotations(&request.command, annotations)
        {
            return refused(rejection, Standing::Malformed);
        }
        let fact = match self.fact(request, account, at) {
            Ok(fact) => fact,
            Err(rejection) => return refused(rejection, Standing::Unrecorded),
        };
        let account = match fact {
            Fact::Opened(_) => Some(self.openings().count()),
            Fact::Configured { .. }
            | Fact::Defined
            | Fact::Advanced { .. }
            | Fact::LimitSet { .. }
            | Fact::Closed
            | Fact::Operation(_)
            | Fact::Message { .. }
            | Fact::Reserved
            | Fact::Freed
            | Fact::Refused(_) => account,
        };
        self.lines.push(Line {
            at,
            request: request.clone(),
            account,
            fact,
        });
        self.recorded(self.lines.len() - 1, false)
    }

    /// Forgets all but the first lines, as a crash forgets what was not durable.
    pub fn truncate(&mut self, lines: usize) {
        self.lines.truncate(lines);
    }

    /// The answer that a line holds.
    fn recorded(&self, line: usize, replayed: bool) -> Expected {
        let seq = seq_of(line);
        let Line { account, fact, .. } = &self.lines[line];
        let mut authorization = None;
        let operation = match fact {
            Fact::Message { result, .. } => {
                authorization = Some(*result);
                None
            }
            Fact::Refused(rejection) => {
                return Expected::Refused {
                    rejection: rejection.clone(),
                    standing: Standing::Remembered,
                    seq: Some(seq),
                    replayed,
                };
            }
            Fact::Operation(operation) => Some(operation),
            Fact::Configured { .. }
            | Fact::Defined
            | Fact::Advanced { .. }
            | Fact::Opened(_)
            | Fact::LimitSet { .. }
            | Fact::Closed
            | Fact::Reserved
            | Fact::Freed => None,
        };
        Expected::Accepted {
            operation: operation.map(|_| OperationId::of(seq)),
            account: account.map(reference_of),
            pending: operation.is_some_and(|operation| operation.pending),
            authorization,
            seq,
            replayed,
        }
    }

    /// The account that a command on an existing account names.
    fn account_named(&self, request: &Request) -> Option<usize> {
        let Command::OnAccount(on) = &request.command else {
            return None;
        };
        self.openings().position(|(place, line, opening)| {
            line.request.issuer == request.issuer
                && match &on.account {
                    AccountSelector::Reference(reference) => *reference == reference_of(place),
                    AccountSelector::External(external) => {
                        opening.external_reference.as_ref() == Some(external)
                    }
                }
        })
    }

    /// Accounts in the order of opening.
    fn openings(&self) -> impl Iterator<Item = (usize, &Line, &OpenAccount)> {
        self.lines
            .iter()
            .filter_map(|line| match (&line.fact, &line.request.command) {
                (Fact::Opened(_), Command::OpenAccount(opening)) => Some((line, opening)),
                _ => None,
            })
            .enumerate()
            .map(|(place, (line, opening))| (place, line, opening))
    }

    fn opening(&self, account: usize) -> (&IssuerId, &OpenAccount, &Opened) {
        let (_, line, opening) = self.openings().nth(account).expect("an opened account");
        let Fact::Opened(opened) = &line.fact else {
            unreachable!("openings are opened")
        };
        (&line.request.issuer, opening, opened)
    }

    /// Operations with their lines.
    fn operations(&self) -> impl Iterator<Item = (usize, &Line, &Operation)> {
        (0..)
            .zip(&self.lines)
            .filter_map(|(number, line)| match &line.fact {
                Fact::Operation(operation) => Some((number, line, operation)),
                _ => None,
            })
    }

    /// The operation of an issuer under a triplet.
    fn operation_under(&self, issuer: &IssuerId, triplet: &Triplet) -> Option<usize> {
        self.operations()
            .find(|(_, line, _)| {
                line.request.issuer == *issuer && action_of(line).triplet() == Some(triplet)
            })
            .map(|(number, ..)| number)
    }

    /// Recorded scene-setting commands of an issuer, the latest first.
    fn scene(&self, issuer: &IssuerId) -> impl Iterator<Item = &Command> {
        self.lines
            .iter()
            .rev()
            .filter(move |line| line.request.issuer == *issuer)
            .map(|line| &line.request.command)
    }

    fn configuration(&self, issuer: &IssuerId) -> Option<&ConfigureIssuer> {
        self.scene(issuer).find_map(|command| match command {
            Command::ConfigureIssuer(configuration) => Some(configuration),
            _ => None,
        })
    }

    fn product(&self, issuer: &IssuerId, reference: &ProductReference) -> Option<&DefineProduct> {
        self.scene(issuer).find_map(|command| match command {
            Command::DefineProduct(product) if product.reference == *reference => Some(product),
            _ => None,
        })
    }

    fn program(
        &self,
        issuer: &IssuerId,
        reference: &BonusProgramReference,
    ) -> Option<&DefineBonusProgram> {
        self.scene(issuer).find_map(|command| match command {
            Command::DefineBonusProgram(program) if program.reference == *reference => {
                Some(program)
            }
            _ => None,
        })
    }

    fn is_closed(&self, account: usize) -> bool {
        self.lines
            .iter()
            .any(|line| line.account == Some(account) && matches!(line.fact, Fact::Closed))
    }

    /// The present business date of an issuer.
    fn business_date(&self, issuer: &IssuerId) -> i32 {
        self.lines
            .iter()
            .filter(|line| line.request.issuer == *issuer)
            .filter_map(|line| match line.fact {
                Fact::Configured { business_date } | Fact::Advanced { business_date } => {
                    Some(business_date)
                }
                _ => None,
            })
            .next_back()
            .expect("a configured issuer")
    }
}

fn refused(rejection: Rejection, standing: Standing) -> Expected {
    Expected::Refused {
        rejection,
        standing,
        seq: None,
        replayed: false,
    }
}

fn action_of(line: &Line) -> &AccountAction {
    match &line.request.command {
        Command::OnAccount(on) => &on.action,
        _ => panic!("the line is about an account"),
    }
}

fn seq_of(line: usize) -> Seq {
    Seq(u64::try_from(line).expect("a line number") + 1)
}

fn reference_of(account: usize) -> AccountReference {
    AccountReference::of(AccountIndex(
        u32::try_from(account).expect("an account number"),
    ))
}
