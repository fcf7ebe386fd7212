//! Hostile bytes in the place of a checkpoint.

#[path = "../../../tests/it/changes.rs"]
mod changes;

use std::sync::LazyLock;

use allocation_counter::measure;
use bolero::TypeGenerator;
use ledger_core::command::{
    AccountAction, AccountSelector, Command, CreateOfflineReservation, OnAccount, OperationKind,
    PostDetail, PostPayment, Request, ReverseOperation,
};
use ledger_core::ids::AccountIndex;
use ledger_core::projection::gist::Brief;
use ledger_core::state::RecordKeys;
use ledger_core::text::{ReasonCode, ReservationReference};
use ledger_core::time::{BusinessDate, Moment};

use self::changes::Change;
use super::reading::read_from;
use super::*;
use crate::checkpoint::chunk::{BAND_ACCOUNTS, Chunk, HEADER_BYTES};
use crate::checkpoint::sealed::Header;
use crate::codec;
use crate::commands::{
    self, NOW, TODAY, authorization, clearing, eur, external, fee_of, fee_operation, opening,
    request, setup,
};
use crate::deciding::Deciding;
use crate::disk::ALIGNMENT;
use crate::event_log::EventLog;
use crate::framing::Framer;
use crate::mem_log::MemLog;

/// What stands in the place of the checkpoint.
#[derive(Debug, TypeGenerator)]
enum Input {
    Any(Vec<u8>),
    Changed {
        /// Lengths, checksums and links are made right again, so that what is behind them is reached.
        mended: bool,
        /// The file is cut there.
        cut: Option<u16>,
        /// Each of one of the chunks.
        changes: Vec<(u8, Change)>,
    },
}

/// Any bytes give nothing or what the log adds up to where one of the chunks ended. Bytes with right
/// checksums that were not written by this program may give anything, but neither a panic nor more
/// memory than the file accounts for.
#[test]
fn a_hostile_checkpoint_gives_nothing_or_a_sound_prefix() {
    bolero::check!()
        .with_type::<Input>()
        .for_each(|input| match input {
            Input::Any(bytes) => {
                assert!(restored_within_bounds(bytes).is_none());
            }
            Input::Changed {
                mended,
                cut,
                changes,
            } => {
                let mut bytes = file(*mended, changes);
                if let Some(cut) = cut {
                    bytes.truncate((*cut).into());
                }
                let found = restored_within_bounds(&bytes);
                if !mended && let Some(found) = found {
                    assert!(INTACT.prefixes.contains(&found));
                }
            }
        });
}

/// Else the law above would hold of nothing.
#[test]
fn the_checkpoint_that_is_changed_is_a_sound_one() {
    for mended in [false, true] {
        let found = restored_within_bounds(&file(mended, &[]));
        assert!(found.as_ref() == INTACT.prefixes.last());
    }
    let kept = &INTACT.prefixes.last().expect("three chunks").books;
    assert_eq!(kept.refused(AccountIndex(0)).len(), 2);
    assert_eq!(kept.history(AccountIndex(BAND_ACCOUNTS)).len(), 1);
    assert!(
        kept.general_ledger()
            .discrepancies(kept.portfolio())
            .is_empty()
    );
}

/// What a checkpoint says.
#[derive(PartialEq)]
struct Found {
    head: LogHead,
    portfolio: Portfolio,
    books: Books,
}

/// A checkpoint that was written as it should be.
struct Intact {
    /// Header and body of each chunk, without padding.
    chunks: Vec<Vec<u8>>,
    /// What it says up to each.
    prefixes: Vec<Found>,
}

static INTACT: LazyLock<Intact> = LazyLock::new(intact);

fn intact() -> Intact {
    let log = MemLog::new();
    let mut deciding = Deciding::new(LedgerState::default(), log.reader());
    let mut framer = Framer::continuing(LogHead::EMPTY.chain);
    let (mut books, mut link) = (Books::default(), Link::default());
    let (mut chunks, mut prefixes) = (Vec::new(), Vec::new());
    for requests in [setup(), mixed(0), mixed(20)] {
        let mut batch = deciding.begin(Seq(0), requests.len());
        deciding
            .decide(requests, NOW, &mut batch)
            .expect("memory is read back");
        let keys: Vec<_> = batch.records.iter().map(RecordKeys::of).collect();
        let records = deciding.end(batch.records);
        framer
            .frame(&records, &mut Vec::new())
            .expect("the records are short");
        books.apply_all(&records);
        let head = LogHead {
            last_seq: records.last().expect("some were applied").seq.0,
            chain: framer.chain(),
        };
        let mut chunk = Chunk::default();
        let briefs: Vec<_> = records.iter().map(Brief::of).collect();
        chunk.add(&records, &briefs, &keys);
        let (bytes, next) = chunk.seal(head, books.general_ledger().totals(), link);
        let body = usize::try_from(u64::from_le_bytes(
            *bytes[24..].first_chunk().expect("a header"),
        ));
        chunks.push(bytes[..HEADER_BYTES + body.expect("short")].to_vec());
        link = next;
        prefixes.push(Found {
            head,
            portfolio: deciding.state().portfolio().clone(),
            books: books.clone(),
        });
    }
    Intact { chunks, prefixes }
}

/// Requests of every kind that a checkpoint keeps in another way.
fn mixed(first: u64) -> Vec<Request> {
    let on_account = |account: u64, number: u64, action| {
        let on = OnAccount {
            account: AccountSelector::External(external(account)),
            posting_date: None,
            action,
        };
        request(number, Command::OnAccount(on))
    };
    let on = |number: u64, action| on_account(1, number, action);
    let mut later = fee_operation(first + 1, 500);
    later.value_date = Some(Moment::Day(BusinessDate(TODAY.0 + 3)));
    let mut payment = fee_operation(first + 2, -700);
    payment.detail = PostDetail::Payment(PostPayment {
        channel: None,
        reason: None,
        sepa: None,
    });
    let reversal = ReverseOperation {
        kind: OperationKind::Fee,
        triplet: commands::triplet(first + 3),
        matching: commands::triplet(first),
        reference_amount: None,
        reversal_reason: Some(ReasonCode::new("REVERSAL_ON_DEMAND").expect("a code")),
        fee_type: None,
        description: None,
        external_code: None,
    };
    vec![
        fee_of(first, 100),
        on(first + 1, AccountAction::Post(later)),
        on(first + 2, AccountAction::Post(payment)),
        on(
            first + 3,
            AccountAction::Reverse(Box::new(reversal.clone())),
        ),
        // Refused and remembered: it was reversed before.
        on(
            first + 4,
            AccountAction::Reverse(Box::new(ReverseOperation {
                triplet: commands::triplet(first + 4),
                ..reversal
            })),
        ),
        request(first + 5, Command::OpenAccount(opening(first + 5))),
        // The account of the last chunk is of another band.
        on_account(
            first + 5,
            first + 11,
            AccountAction::Post(fee_operation(first + 11, 70_000)),
        ),
        fee_of(first + 6, 250),
        on(
            first + 8,
            AccountAction::RecordAuthorization(Box::new(authorization(first, 300))),
        ),
        on(first + 9, AccountAction::Post(clearing(first, 250))),
        on(
            first + 10,
            AccountAction::CreateOfflineReservation(CreateOfflineReservation {
                reference: ReservationReference::new(&format!("R{first}")).expect("a name"),
                amount: eur(70),
            }),
        ),
        fee_of(first + 7, eur(i64::from(i32::MAX)).minor),
    ]
}

/// The file with these changes.
fn file(mended: bool, changes: &[(u8, Change)]) -> Vec<u8> {
    let mut chunks = INTACT.chunks.clone();
    for (chunk, change) in changes {
        let count = chunks.len();
        change.apply(&mut chunks[usize::from(*chunk) % count]);
    }
    let mut file = Vec::new();
    let mut link = Link::default();
    for mut chunk in chunks {
        if mended && chunk.len() >= HEADER_BYTES {
            let (header, body) = chunk.split_at_mut(HEADER_BYTES);
            link = Header::mend(header, body, link);
        }
        chunk.resize(chunk.len().next_multiple_of(ALIGNMENT), 0);
        file.append(&mut chunk);
    }
    file
}

/// Memory that restoring takes for each byte of the file, for nothing, and for what a hostile length of the
/// totals may ask for.
const ALLOCATED_PER_BYTE: u64 = 64;
const ALLOCATED_BASE: u64 = (1 << 20) + codec::TOTALS_BYTES_MAX as u64;

fn restored_within_bounds(bytes: &[u8]) -> Option<Found> {
    let mut found = None;
    let allocated = measure(|| found = restored(bytes));
    let most = ALLOCATED_BASE + ALLOCATED_PER_BYTE * bytes.len() as u64;
    assert!(
        allocated.bytes_max <= most,
        "{} bytes for a file of {}",
        allocated.bytes_max,
        bytes.len()
    );
    found
}

/// As [`restore`], of bytes in memory and on this thread alone, so that its memory can be counted.
fn restored(file: &[u8]) -> Option<Found> {
    let (sender, chunks) = mpsc::channel();
    let read = read_from(file, file.len() as u64, sender);
    let told = guard::catch(|| restore_portfolio(chunks)).ok()??;
    let restored = || {
        let bands = bands_of(&read.chunks);
        Some(Others {
            correlations: FingerprintIndex::of(&read.correlations),
            triplets: FingerprintIndex::of(&read.triplets),
            bands: bands.iter().map(restore_band).collect(),
            last: Arc::clone(read.chunks.last()?),
            bytes: 0,
        })
    };
    let others = guard::catch(restored).ok()??;
    let parts = guard::catch(|| complete(told, others)).ok()??;
    assert_eq!(parts.state.portfolio(), parts.books.portfolio());
    Some(Found {
        head: parts.head,
        portfolio: parts.state.portfolio().clone(),
        books: parts.books,
    })
}
