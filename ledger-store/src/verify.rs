//! Verification: everything recomputed from the log alone, and compared with what readers see.

use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;

use crate::block::ChainHash;
use crate::codec;
use crate::error::StoreError;
use crate::event_log::{LogReader, scan};
use crate::reader::Reader;

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

/// Recomputes every checksum, the hash chain, every balance and the trial balance.
///
/// # Errors
/// [`StoreError::Damaged`], naming the first record, block or account that is not as it must be.
pub fn verify(reader: &Reader) -> Result<Verified, StoreError> {
    // The log goes on growing meanwhile; what is compared is what readers saw at the start.
    let live = reader.books().clone();
    let (books, verified) = recompute(reader.log(), live.last_seq().map_or(0, |seq| seq.0))?;
    compare_balances(&books)?;
    if books != live {
        return Err(damaged("the books", "differ from what the log adds up to"));
    }
    let discrepancies = books.general_ledger().discrepancies(books.portfolio());
    if let Some(discrepancy) = discrepancies.first() {
        return Err(damaged(
            "the trial balance",
            &format!("does not hold: {discrepancy:?}"),
        ));
    }
    Ok(verified)
}

fn recompute(log: &dyn LogReader, up_to: u64) -> Result<(Books, Verified), StoreError> {
    let mut books = Books::default();
    let mut verified = Verified {
        blocks: 0,
        records: 0,
        accounts: 0,
        chain: ChainHash::EMPTY,
    };
    let mut blocks = scan(log, 1);
    while verified.records < up_to {
        let block = blocks.next().ok_or_else(|| {
            damaged(
                &format!("record {}", verified.records + 1),
                "is not in the log any more",
            )
        })??;
        block.verify_chain(verified.chain)?;
        for record in codec::decode_all(&block) {
            books.apply(&record?);
        }
        verified.blocks += 1;
        verified.records += u64::from(block.count());
        verified.chain = block.chain();
    }
    verified.accounts = u64::try_from(books.portfolio().accounts().count()).unwrap_or(u64::MAX);
    Ok((books, verified))
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

fn damaged(place: &str, what: &str) -> StoreError {
    StoreError::Damaged {
        place: place.to_owned(),
        what: what.to_owned(),
    }
}
