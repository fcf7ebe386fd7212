//! Verification: everything recomputed from the log alone, and compared with what readers see.

use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;

use crate::block::{Block, ChainHash};
use crate::codec;
use crate::error::StoreError;
use crate::event_log::{LogReader, scan};
use crate::kept_head::{HeadError, KeptHead};
use crate::reader::Reader;
use crate::tree::TreeBuilder;

/// What a verification went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Blocks whose checksums and chain hash were recomputed.
    pub blocks: u64,
    /// Records whose checksums were recomputed and whose events were folded.
    pub records: u64,
    /// Accounts whose balances were recomputed, as running sums and as sums of their history.
    pub accounts: u64,
    /// Hash of the last block, which covers the whole log.
    pub chain: ChainHash,
}

/// What a verification went over that began behind a kept head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAfter {
    /// Blocks whose checksums and chain hash were recomputed.
    pub blocks: u64,
    /// Records whose checksums were recomputed.
    pub records: u64,
    /// Accounts whose running sums were compared with their histories, both as they were restored.
    pub accounts: u64,
    /// Hash of the last block.
    pub chain: ChainHash,
}

/// Recomputes every checksum, the hash chain, every balance and the trial balance.
///
/// # Errors
/// [`StoreError::Damaged`], naming the first record, block or account that is not as it must be.
pub fn verify(reader: &Reader) -> Result<Verified, StoreError> {
    verify_following(reader, |_, _| Ok(()))
}

/// Verifies the whole log as [`verify`] does, and that it is the log of a head that was kept elsewhere:
/// that it had, at that place, the same chain hash, the same root of its tree and the same state.
///
/// # Errors
/// As [`verify`], and [`HeadError`] where the log is shorter than the head says, or another one.
pub fn verify_against(reader: &Reader, head: &KeptHead) -> Result<Verified, HeadError> {
    refuse_shorter(reader, head)?;
    if head.log.last_seq == 0 {
        head.compare(&KeptHead::of_nothing())?;
    }
    let mut tree = TreeBuilder::default();
    let verified = verify_following(reader, |block, books| {
        if tree.size() >= head.log.last_seq {
            return Ok(());
        }
        tree.push_block(block);
        if tree.size() < head.log.last_seq {
            return Ok(());
        }
        head.compare(&KeptHead::of_block(block, books.portfolio(), tree.head()))
    })?;
    if verified.records < head.log.last_seq {
        return Err(HeadError::EndsBefore {
            sequence: head.log.last_seq,
            last: verified.records,
        });
    }
    Ok(verified)
}

/// Verifies what the log has behind a head that was kept elsewhere: that the block at the head is the one it
/// names, every checksum and the chain after it, and that the balances that readers see are the sums of
/// their histories. Records before the head are not read, so neither the state nor the tree is compared.
///
/// # Errors
/// As [`verify_against`], as far as that is looked at.
pub fn verify_after(reader: &Reader, head: &KeptHead) -> Result<VerifiedAfter, HeadError> {
    let live = whole_blocks(reader)?;
    refuse_shorter(reader, head)?;
    let log = reader.log();
    let at_head = match head.log.last_seq {
        0 => None,
        last_seq => log.block_with(last_seq)?,
    };
    head.check_end(at_head.as_ref())?;
    let up_to = live.last_seq().map_or(0, |seq| seq.0);
    let mut verified = VerifiedAfter {
        blocks: 0,
        records: 0,
        accounts: number_of_accounts(&live),
        chain: head.log.chain,
    };
    let mut blocks = scan(log, head.log.last_seq + 1);
    while head.log.last_seq + verified.records < up_to {
        let next_seq = head.log.last_seq + verified.records + 1;
        let block = blocks.next().unwrap_or_else(|| Err(missing(next_seq)))?;
        // The scan began in the midst of the log, so it took its first block as it came.
        if verified.blocks == 0 {
            block
                .verify_chain(head.log.chain)
                .map_err(StoreError::from)?;
        }
        for record in codec::decode_all(&block) {
            record?;
        }
        verified.blocks += 1;
        verified.records += u64::from(block.count());
        verified.chain = block.chain();
    }
    compare_balances(&live)?;
    compare_trial_balance(&live)?;
    Ok(verified)
}

fn refuse_shorter(reader: &Reader, head: &KeptHead) -> Result<(), HeadError> {
    let sequence = head.log.last_seq;
    let last = reader.last_seq().map_or(0, |seq| seq.0);
    if sequence > last && reader.log().block_with(sequence)?.is_none() {
        return Err(HeadError::EndsBefore { sequence, last });
    }
    Ok(())
}

/// Verifies the whole log, and shows each block with the books after it.
fn verify_following<E: From<StoreError>>(
    reader: &Reader,
    follow: impl FnMut(&Block, &Books) -> Result<(), E>,
) -> Result<Verified, E> {
    // The log goes on growing meanwhile; what is compared is what readers saw at the start.
    let live = whole_blocks(reader)?;
    let up_to = live.last_seq().map_or(0, |seq| seq.0);
    let (books, verified) = recompute(reader.log(), up_to, follow)?;
    compare_balances(&books)?;
    if books != live {
        return Err(damaged("the books", "differ from what the log adds up to").into());
    }
    compare_trial_balance(&books)?;
    Ok(verified)
}

/// The books that readers see, and the rest of the block that they end in: readers are shown some records
/// at a time, whatever block they are in.
fn whole_blocks(reader: &Reader) -> Result<Books, StoreError> {
    let mut books = reader.books().clone();
    let Some(last_seq) = books.last_seq() else {
        return Ok(books);
    };
    // Where there is no such block, recomputing names what is missing.
    if let Some(block) = reader.log().block_with(last_seq.0)? {
        for record in codec::decode_all(&block) {
            let record = record?;
            if record.seq > last_seq {
                books.apply(&record);
            }
        }
    }
    Ok(books)
}

fn recompute<E: From<StoreError>>(
    log: &dyn LogReader,
    up_to: u64,
    mut follow: impl FnMut(&Block, &Books) -> Result<(), E>,
) -> Result<(Books, Verified), E> {
    let mut books = Books::default();
    let mut verified = Verified {
        blocks: 0,
        records: 0,
        accounts: 0,
        chain: ChainHash::EMPTY,
    };
    let mut blocks = scan(log, 1);
    while verified.records < up_to {
        let next_seq = verified.records + 1;
        let block = blocks.next().unwrap_or_else(|| Err(missing(next_seq)))?;
        block
            .verify_chain(verified.chain)
            .map_err(StoreError::from)?;
        for record in codec::decode_all(&block) {
            books.apply(&record?);
        }
        follow(&block, &books)?;
        verified.blocks += 1;
        verified.records += u64::from(block.count());
        verified.chain = block.chain();
    }
    verified.accounts = number_of_accounts(&books);
    Ok((books, verified))
}

fn number_of_accounts(books: &Books) -> u64 {
    u64::try_from(books.portfolio().accounts().count()).unwrap_or(u64::MAX)
}

fn compare_trial_balance(books: &Books) -> Result<(), StoreError> {
    let discrepancies = books.general_ledger().discrepancies(books.portfolio());
    match discrepancies.first() {
        None => Ok(()),
        Some(discrepancy) => Err(damaged(
            "the trial balance",
            &format!("does not hold: {discrepancy:?}"),
        )),
    }
}

/// The running sums and the histories are two folds of the same operations.
fn compare_balances(books: &Books) -> Result<(), StoreError> {
    let portfolio: &Portfolio = books.portfolio();
    for (index, account) in portfolio.accounts() {
        if books.balance_minor(index, None, None) != account.balance_minor {
            let reference = ledger_core::ids::AccountReference::of(index);
            let what = "has a balance that is not the sum of its operations";
            return Err(damaged(&format!("account {reference}"), what));
        }
    }
    Ok(())
}

fn missing(seq: u64) -> StoreError {
    damaged(&format!("record {seq}"), "is not in the log any more")
}

fn damaged(place: &str, what: &str) -> StoreError {
    StoreError::Damaged {
        place: place.to_owned(),
        what: what.to_owned(),
    }
}
