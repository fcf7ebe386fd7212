//! The life of one process over a simulated disk: it opens the ledger, takes batches, and closes it; and
//! what it must have recorded.

use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Answer, Standing};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::projection::books::Books;
use ledger_core::projection::gist::Brief;
use ledger_core::state::LedgerState;
use ledger_core::time::Timestamp;
use ledger_store::checkpoint::Checkpointer;
use ledger_store::deciding::Deciding;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::verify::verify;
use ledger_store::{
    DataDir, DiskLog, EventLog, Framer, LogHead, LogOptions, StoreError, StoreKind, codec, scan,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proptests::engine::Engine;
use proptests::sim::disk::SimDisk;
use proptests::strategy;

/// Two levels of it are created, so both must be made durable.
pub(super) const DIR: &str = "/srv/ledger";

/// Epochs and chunks small enough that all that happens between them happens several times.
fn options(background: bool) -> LogOptions {
    LogOptions {
        store: Some(StoreKind::Redb),
        epoch_records_max: 24,
        checkpoint_records: 10,
        background,
    }
}

/// Requests of a batch, in turn.
const BATCH_SIZES: [usize; 5] = [1, 4, 7, 2, 5];

/// Requests sent at one time.
pub(super) struct Batch {
    pub(super) requests: Vec<Request>,
    pub(super) now: Timestamp,
    /// What the engine answers that never failed.
    pub(super) answers: Vec<Answer>,
    /// Records there are then.
    pub(super) records: usize,
}

/// What is sent, and what must come of it.
pub(super) struct Workload {
    pub(super) batches: Vec<Batch>,
    pub(super) records: Vec<Record>,
    /// Whether the store works in the background too; then the calls come in no certain order.
    background: bool,
}

impl Workload {
    /// A history that is the same every time. All its requests are recorded or repeat one that is, so
    /// that whoever sends them again changes nothing.
    pub(super) fn new(background: bool) -> Self {
        let mut runner = TestRunner::deterministic();
        let tree = strategy::history(130..131).new_tree(&mut runner);
        let steps = tree.expect("a history can be drawn").current();
        let mut all = Engine::default();
        let mut lasting = Vec::new();
        let mut now = steps[0].now;
        for step in steps {
            let before = all.log().count();
            let answer = all.submit_one(step.request.clone(), now);
            // One that is not recorded could be answered otherwise later.
            let is_recorded = match &answer.outcome {
                Ok(_) => true,
                Err(refusal) => refusal.standing == Standing::Remembered,
            };
            if is_recorded {
                lasting.push(step.request);
            }
            now = if all.log().count() > before {
                now
            } else {
                step.now.max(now)
            };
        }
        let mut engine = Engine::default();
        let mut batches = Vec::new();
        let mut requests = lasting.into_iter();
        let mut sizes = BATCH_SIZES.iter().cycle();
        while requests.len() > 0 {
            let size = *sizes.next().expect("a cycle has no end");
            let part: Vec<_> = requests.by_ref().take(size).collect();
            let answers = engine.submit(part.clone(), now);
            batches.push(Batch {
                requests: part,
                now,
                answers,
                records: engine.log().count(),
            });
        }
        Self {
            batches,
            records: engine.log().cloned().collect(),
            background,
        }
    }

    /// Records there are after so many batches.
    pub(super) fn records_after(&self, batches: usize) -> usize {
        let last = batches.checked_sub(1);
        last.map_or(0, |last| self.batches[last].records)
    }
}

/// One process.
pub(super) struct Life {
    pub(super) log: Box<DiskLog>,
    deciding: Deciding,
    framer: Framer,
    checkpointer: Checkpointer,
    pub(super) books: Books,
    /// An append failed.
    pub(super) is_poisoned: bool,
}

impl Life {
    /// Opens the ledger. What was recovered must be what those records add up to.
    pub(super) fn open(disk: &SimDisk, workload: &Workload) -> Result<Self, StoreError> {
        let dir = DataDir::on(Arc::new(disk.clone()), DIR);
        let Recovered {
            log,
            state,
            books,
            checkpointer,
            ..
        } = recover_with(&dir, options(workload.background))?;
        let last_seq = usize::try_from(log.head().last_seq).expect("a small log");
        let records = workload.records.get(..last_seq);
        let records = records.expect("the log has no more than was ever sent");
        let mut folded = Books::default();
        for record in records {
            folded.apply(record);
        }
        assert_eq!(books, folded, "books of {last_seq} records");
        let replayed = LedgerState::replay(records);
        assert_eq!(state.portfolio(), replayed.portfolio());
        assert_eq!(state.last_seq(), replayed.last_seq());
        Ok(Self {
            deciding: Deciding::new(state, log.reader()),
            framer: Framer::continuing(log.head().chain),
            log: Box::new(log),
            checkpointer,
            books,
            is_poisoned: false,
        })
    }

    /// Decides a batch, makes it durable, and gives the answers; in the steps of the writer.
    pub(super) fn submit(&mut self, batch: &Batch) -> Result<Vec<Answer>, StoreError> {
        let durable = Seq(self.log.head().last_seq);
        let requests = batch.requests.clone();
        let mut decided = self.deciding.begin(durable, requests.len());
        self.deciding.decide(requests, batch.now, &mut decided)?;
        let records = self.deciding.end(decided.records);
        if !records.is_empty() {
            let mut blocks = Vec::new();
            self.framer.frame(&records, &mut blocks)?;
            let appended = self.log.append(&blocks);
            self.is_poisoned = appended.is_err();
            appended?;
            self.books.apply_all(&records);
            let head = LogHead {
                last_seq: self.log.head().last_seq,
                chain: self.framer.chain(),
            };
            let briefs: Vec<_> = records.iter().map(Brief::of).collect();
            self.checkpointer
                .add(&records, &briefs, &decided.keys, head);
            if self.checkpointer.is_due() {
                self.checkpointer
                    .write(self.books.general_ledger().totals());
            }
        }
        Ok(decided.answers)
    }

    /// Reads a record back, for a query.
    pub(super) fn record(&self, seq: u64) -> Result<Option<Record>, StoreError> {
        match self.log.reader().block_with(seq)? {
            Some(block) => codec::decode(&block, seq),
            None => Ok(None),
        }
    }

    /// Checks every record, checksum, balance and total.
    pub(super) fn check(&self, workload: &Workload) {
        let reader = Reader::new(self.books.clone(), self.log.reader());
        let verified = verify(&reader).expect("the log is sound");
        assert_eq!(verified.records, self.log.head().last_seq);
        assert_eq!(verified.chain, self.log.head().chain);
        let log = self.log.reader();
        let blocks = scan(&*log, 1).map(|block| block.expect("the log can be read"));
        let records = blocks.flat_map(|block| {
            let records: Vec<_> = codec::decode_all(&block).collect();
            records
                .into_iter()
                .map(|record| record.expect("it is an event"))
        });
        for (at, record) in records.enumerate() {
            assert_eq!(record, workload.records[at]);
        }
    }

    pub(super) fn close(mut self) -> Result<(), StoreError> {
        self.checkpointer
            .write(self.books.general_ledger().totals());
        self.log.close()
    }
}
