//! What clients submit and read of an account is linearizable: it looks as if every operation happened in one
//! moment between its call and its answer. A process that is killed leaves operations open, which may have
//! happened or not.
//!
//! `LEDGER_CLIENT_OPERATIONS` asks for more operations of each client.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;

use ledger_api::Ledger;
use ledger_core::rejection::Rejection;
use ledger_store::StoreKind;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use todc_utils::{Action, History, Specification, WGLChecker};

use crate::bank::{NOW, balance, fee, open, reversal, scene};

const CLIENTS: usize = 8;

fn client_operations() -> usize {
    let asked = env::var("LEDGER_CLIENT_OPERATIONS").ok();
    asked.map_or(150, |number| number.parse().expect("a number"))
}

/// What a client asks of an account, with what it is told; nothing when it is told nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    /// Posts the fee with this number, or posts it again.
    Post(usize, Option<Told>),
    /// Reverses the fee with this number.
    Reverse(usize, Option<Told>),
    /// Reads the balance.
    Read(Option<i128>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Applied,
    AppliedBefore,
    NotFound,
}

/// An account as its clients may think of it: what it owes, and what became of each fee.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Account {
    cents: i128,
    fees: Vec<Fee>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fee {
    Unknown,
    Posted,
    Reversed,
}

/// Told apart, so that a fee that is missing shows in the balance.
fn cents_of(number: usize) -> i64 {
    i64::try_from(number).expect("small") * 7 + 100
}

impl Account {
    fn put(&self, number: usize, fee: Fee, cents: i64) -> Self {
        let mut next = self.clone();
        if next.fees.len() <= number {
            next.fees.resize(number + 1, Fee::Unknown);
        }
        next.fees[number] = fee;
        next.cents += i128::from(cents);
        next
    }
}

impl Specification for Account {
    type State = Self;
    type Operation = Operation;

    fn init() -> Self {
        Self {
            cents: 0,
            fees: Vec::new(),
        }
    }

    fn apply(operation: &Operation, account: &Self) -> (bool, Self) {
        let state = |number: usize| account.fees.get(number).copied().unwrap_or(Fee::Unknown);
        let (happens, told, next) = match *operation {
            Operation::Read(cents) => {
                return (
                    cents.is_none_or(|cents| cents == account.cents),
                    account.clone(),
                );
            }
            Operation::Post(number, told) => match state(number) {
                Fee::Unknown => {
                    let next = account.put(number, Fee::Posted, cents_of(number));
                    (Told::Applied, told, next)
                }
                Fee::Posted | Fee::Reversed => (Told::AppliedBefore, told, account.clone()),
            },
            Operation::Reverse(number, told) => match state(number) {
                Fee::Unknown => (Told::NotFound, told, account.clone()),
                Fee::Posted => {
                    let next = account.put(number, Fee::Reversed, -cents_of(number));
                    (Told::Applied, told, next)
                }
                Fee::Reversed => (Told::AppliedBefore, told, account.clone()),
            },
        };
        // One that was told nothing may have happened at any time after its call; that is also how it is when
        // it never did, since nobody looks after the end.
        match told.is_none_or(|told| told == happens) {
            true => (true, next),
            false => (false, account.clone()),
        }
    }
}

/// An operation begins or ends. The order of entries is that of time.
#[derive(Debug, Clone)]
struct Entry {
    client: usize,
    account: u64,
    action: Action<Operation>,
}

/// What clients do at once: post, post again, reverse and read.
#[derive(Debug, Clone, Copy)]
struct Work {
    first_client: usize,
    accounts: u64,
    /// So few of each account that many are sent several times, by several clients.
    fees: u64,
    /// Of each client.
    operations: usize,
}

fn run(ledger: &Ledger, work: Work, note: &(dyn Fn(Entry) + Sync)) {
    thread::scope(|scope| {
        for client in work.first_client..work.first_client + CLIENTS {
            let mut random = ChaCha8Rng::seed_from_u64(client as u64);
            scope.spawn(move || {
                for place in 0..work.operations {
                    let mut below = |limit: u64| random.next_u64() % limit;
                    let account = below(work.accounts);
                    let number = usize::try_from(below(work.fees)).expect("small");
                    let asked = match below(10) {
                        0..5 => Operation::Post(number, None),
                        5..7 => Operation::Reverse(number, None),
                        _ => Operation::Read(None),
                    };
                    let enter = |action| Entry {
                        client,
                        account,
                        action,
                    };
                    note(enter(Action::Call(asked)));
                    let told = ask(ledger, account, asked, &format!("{client}-{place}"));
                    note(enter(Action::Response(told)));
                }
            });
        }
    });
}

fn ask(ledger: &Ledger, account: u64, asked: Operation, own: &str) -> Operation {
    let name = |number| format!("F{account}-{number}");
    let (number, request) = match asked {
        Operation::Read(_) => return Operation::Read(Some(balance(ledger, account))),
        Operation::Post(number, _) => {
            let name = name(number);
            (number, fee(account, &name, &name, cents_of(number)))
        }
        Operation::Reverse(number, _) => {
            let own = format!("R{own}");
            (number, reversal(account, &own, &own, &name(number)))
        }
    };
    let answer = ledger.submit(request).expect("an answer");
    let told = match answer.outcome.map_err(|refusal| refusal.rejection) {
        Ok(_) if answer.replayed => Told::AppliedBefore,
        Ok(_) => Told::Applied,
        Err(Rejection::OperationAlreadyReversed { .. }) => Told::AppliedBefore,
        Err(Rejection::OriginalOperationNotFound) => Told::NotFound,
        Err(other) => panic!("{other:?}"),
    };
    match asked {
        Operation::Reverse(..) => Operation::Reverse(number, Some(told)),
        Operation::Post(..) | Operation::Read(_) => Operation::Post(number, Some(told)),
    }
}

/// Checks each account by itself, since none looks at another.
fn is_linearizable(entries: &[Entry]) -> bool {
    let accounts: BTreeSet<u64> = entries.iter().map(|entry| entry.account).collect();
    accounts.into_iter().all(|account| {
        let of_account = entries.iter().filter(|entry| entry.account == account);
        let actions = of_account.map(|entry| (entry.client, entry.action.clone()));
        WGLChecker::<Account>::is_linearizable(History::from_actions(actions.collect()))
    })
}

fn history(ledger: &Ledger, work: Work) -> Vec<Entry> {
    let entries = Mutex::new(Vec::new());
    let note = |entry| entries.lock().expect("no client panics").push(entry);
    run(ledger, work, &note);
    entries.into_inner().expect("no client panics")
}

#[test]
fn clients_of_one_account_see_one_order() {
    for store in StoreKind::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger = open(dir.path(), store);
        scene(&ledger, 1);
        let work = Work {
            first_client: 0,
            accounts: 1,
            fees: 2 * client_operations() as u64,
            operations: client_operations(),
        };
        assert!(is_linearizable(&history(&ledger, work)));
        ledger.close().expect("it closes");
    }
}

#[test]
fn clients_of_many_accounts_see_one_order_of_each() {
    for store in StoreKind::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger = open(dir.path(), store);
        scene(&ledger, 32);
        let work = Work {
            first_client: 0,
            accounts: 32,
            fees: client_operations() as u64 / 4,
            operations: 4 * client_operations(),
        };
        assert!(is_linearizable(&history(&ledger, work)));
        ledger.close().expect("it closes");
    }
}

/// Else the tests above would show nothing.
#[test]
fn a_stale_read_and_a_second_posting_are_found() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger, 1);
    let work = Work {
        first_client: 0,
        accounts: 1,
        fees: 80,
        operations: 40,
    };
    let entries = history(&ledger, work);
    let before = balance(&ledger, 0);
    let then = |operations: &[Operation]| {
        let entry = |action| Entry {
            client: 0,
            account: 0,
            action,
        };
        let of = |told: &Operation| [entry(Action::Call(*told)), entry(Action::Response(*told))];
        let mut entries = entries.clone();
        entries.extend(operations.iter().flat_map(of));
        is_linearizable(&entries)
    };
    let number = 1_000;
    let posted = Operation::Post(number, Some(Told::Applied));
    let after = before + i128::from(cents_of(number));
    assert!(then(&[posted, Operation::Read(Some(after))]));
    assert!(!then(&[posted, Operation::Read(Some(before))]));
    assert!(!then(&[posted, posted]));
    // Nobody knows of this one.
    let open = Operation::Post(number, None);
    assert!(then(&[open, Operation::Read(Some(after))]));
}

const CHILD_DIR: &str = "LEDGER_API_TEST_CHILD_DIR";
const CHILD_STORE: &str = "LEDGER_API_TEST_CHILD_STORE";

/// Not a test of its own: the process that is killed. Its clients say what they ask and what they are told.
#[test]
fn child_serves_clients_until_killed() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let store = env::var(CHILD_STORE).expect("a store");
    let ledger = open(
        Path::new(&dir),
        StoreKind::from_str(&store).expect("a store"),
    );
    run(&ledger, KILLED, &|entry| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", written(&entry)).expect("the parent listens");
    });
}

/// What the clients of the process do that is killed; it is killed long before the end.
const KILLED: Work = Work {
    first_client: 0,
    accounts: 4,
    fees: 150,
    operations: 100_000,
};

#[test]
fn a_process_killed_amid_operations_leaves_each_done_or_not_done() {
    for store in StoreKind::ALL {
        for answers in [1, 60, 500] {
            let dir = tempfile::tempdir().expect("a directory");
            let ledger = open(dir.path(), store);
            scene(&ledger, KILLED.accounts);
            ledger.close().expect("it closes");

            let mut entries = until_killed(dir.path(), store, answers);
            let is_answer = |entry: &&Entry| matches!(entry.action, Action::Response(_));
            assert!(entries.iter().filter(is_answer).count() >= answers);
            let open_ones = open_ones(&entries);
            let ledger = open(dir.path(), store);
            let after = Work {
                first_client: CLIENTS,
                operations: client_operations(),
                ..KILLED
            };
            entries.extend(history(&ledger, after));
            // What had no answer ends after all else.
            entries.extend(open_ones);
            assert!(
                is_linearizable(&entries),
                "{store}, after {answers} answers"
            );
            ledger.close().expect("it closes");
        }
    }
}

/// What the clients of a process did that is killed after so many answers.
fn until_killed(dir: &Path, store: StoreKind, answers: usize) -> Vec<Entry> {
    let mut child = Command::new(env::current_exe().expect("this test"))
        .args([
            "--exact",
            "linear::child_serves_clients_until_killed",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .env(CHILD_STORE, store.name())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut entries = Vec::new();
    let mut answered = 0;
    for line in lines.map_while(Result::ok) {
        // A line that was cut by the kill says nothing.
        let Some(entry) = read(&line) else { continue };
        answered += usize::from(matches!(entry.action, Action::Response(_)));
        entries.push(entry);
        if answered == answers {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it was killed");
    entries
}

/// The end of each operation that was not answered.
fn open_ones(entries: &[Entry]) -> Vec<Entry> {
    let clients = 0..CLIENTS;
    let last = clients.filter_map(|client| entries.iter().rfind(|entry| entry.client == client));
    let ends = last.filter_map(|entry| match entry.action {
        Action::Call(asked) => Some(Entry {
            action: Action::Response(asked),
            ..entry.clone()
        }),
        Action::Response(_) => None,
    });
    ends.collect()
}

/// A line of a child. It ends with a full stop, so that a cut one is known.
fn written(entry: &Entry) -> String {
    let (what, operation) = match entry.action {
        Action::Call(asked) => ("asks", asked),
        Action::Response(told) => ("hears", told),
    };
    let (kind, number, told) = match operation {
        Operation::Post(number, told) => ("post", number, told.map(code)),
        Operation::Reverse(number, told) => ("reverse", number, told.map(code)),
        Operation::Read(cents) => ("read", 0, cents),
    };
    let told = told.map_or("-".to_owned(), |told| told.to_string());
    let Entry {
        client, account, ..
    } = entry;
    format!("client {client} {account} {what} {kind} {number} {told} .")
}

fn code(told: Told) -> i128 {
    match told {
        Told::Applied => 0,
        Told::AppliedBefore => 1,
        Told::NotFound => 2,
    }
}

fn read(line: &str) -> Option<Entry> {
    // The harness may have begun the line.
    let (_, line) = line.split_once("client ")?;
    let words: Vec<_> = line.split(' ').collect();
    let [client, account, what, kind, number, told, "."] = words[..] else {
        return None;
    };
    let number = number.parse().ok()?;
    let told: Option<i128> = told.parse().ok();
    let named =
        || told.map(|told| [Told::Applied, Told::AppliedBefore, Told::NotFound][told as usize]);
    let operation = match kind {
        "post" => Operation::Post(number, named()),
        "reverse" => Operation::Reverse(number, named()),
        _ => Operation::Read(told),
    };
    Some(Entry {
        client: client.parse().ok()?,
        account: account.parse().ok()?,
        action: match what {
            "asks" => Action::Call(operation),
            _ => Action::Response(operation),
        },
    })
}
