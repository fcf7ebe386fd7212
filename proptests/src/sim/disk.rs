//! A disk in memory that is as bad as disks are: it forgets what was not synced, tears and reorders it,
//! fails, fills up, puts bytes in wrong places and turns bits.
//!
//! A file is what the kernel shows of it, what is on the disk itself, and the changes between. A sync
//! brings them to the disk; when the power goes, each is kept, lost or kept in parts, sector by sector. A
//! name is durable when its directory was synced, and not before. After a failed sync the kernel may
//! believe durable what is lost.
//!
//! What happens is drawn from the seed, the file and how often it was called since the machine started,
//! so a run is the same whatever the threads do, as long as each uses its own files.

mod content;
mod faults;
mod luck;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_store::disk::{Access, Disk, DiskFile, Entry};

use self::content::Content;
use self::faults::Appointment;
use self::luck::Oracle;
use self::tree::{Node, Tree};

pub use self::faults::{Call, Fault, Injected, Lasting, Rates};
pub use self::luck::Luck;

/// What a call takes when it is not slow.
const CALL_TIME: Duration = Duration::from_micros(20);
const SYNC_TIME: Duration = Duration::from_micros(200);

/// The disk. A clone is the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Debug)]
struct Machine {
    oracle: Oracle,
    rates: Rates,
    appointment: Option<Appointment>,
    is_full: bool,
    has_power: bool,
    tree: Tree,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    locked: BTreeSet<u64>,
    /// Since the start, by what was called.
    calls_at: HashMap<PathBuf, u64>,
    calls: BTreeMap<Call, u64>,
    elapsed: Duration,
    injected: Injected,
}

impl SimDisk {
    /// An empty disk that never fails until it is told to.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let machine = Machine {
            oracle: Oracle { seed, start: 0 },
            rates: Rates::default(),
            appointment: None,
            is_full: false,
            has_power: true,
            tree: Tree::default(),
            files: BTreeMap::new(),
            next_file: 0,
            locked: BTreeSet::new(),
            calls_at: HashMap::new(),
            calls: BTreeMap::new(),
            elapsed: Duration::ZERO,
            injected: Injected::default(),
        };
        Self {
            machine: Arc::new(Mutex::new(machine)),
        }
    }

    /// From now on calls go wrong at these rates.
    pub fn set_rates(&self, rates: Rates) {
        self.machine().rates = rates;
    }

    /// Whether there is no space left: what would lengthen a file fails.
    pub fn set_full(&self, is_full: bool) {
        self.machine().is_full = is_full;
    }

    /// Makes one call fail, or it and every later one: the `nth` from now on, counted from one, of those
    /// calls only if any are named. It takes the place of the appointment before.
    pub fn fail_at(&self, nth: u64, of: Option<Call>, lasting: Lasting, fault: Fault) {
        let mut machine = self.machine();
        let nth = machine.count(of).saturating_add(nth);
        machine.appointment = Some(Appointment {
            nth,
            of,
            lasting,
            fault,
        });
    }

    /// Calls off what [`Self::fail_at`] arranged.
    pub fn fail_no_more(&self) {
        self.machine().appointment = None;
    }

    /// How often the disk was called, for one thing or at all.
    #[must_use]
    pub fn calls(&self, of: Option<Call>) -> u64 {
        self.machine().count(of)
    }

    /// What was injected so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.machine().injected.clone()
    }

    /// Whether the power went at a call. Nothing works then until [`Self::lose_power`].
    #[must_use]
    pub fn has_power(&self) -> bool {
        self.machine().has_power
    }

    /// The power goes, and the machine starts again: what was not synced is kept, lost or torn. Files
    /// opened before give errors from now on.
    pub fn lose_power(&self) {
        let mut guard = self.machine();
        let machine = &mut *guard;
        let mut luck = machine.oracle.luck("lose power");
        machine.injected.power_losses += 1;
        for content in machine.files.values_mut() {
            content.lose_power(&machine.rates, &mut luck, &mut machine.injected);
        }
        let (rates, injected) = (&machine.rates, &mut machine.injected);
        machine.tree.lose_power(rates, &mut luck, injected);
        let named: BTreeSet<u64> = machine.tree.files().map(|(_, file)| file).collect();
        machine.files.retain(|file, _| named.contains(file));
        machine.has_power = true;
        machine.restart();
    }

    /// The process dies and the machine goes on: nothing is lost. Files opened before give errors from
    /// now on.
    pub fn kill(&self) {
        self.machine().restart();
    }

    /// The kernel forgets what it believes to be on the disk.
    pub fn drop_caches(&self) {
        for content in self.machine().files.values_mut() {
            content.drop_cache();
        }
    }

    /// Turns a bit of a file that lies on the disk; tells whether it has one.
    pub fn flip(&self, path: &Path, luck: &mut Luck) -> bool {
        let mut guard = self.machine();
        let machine = &mut *guard;
        let file = match machine.tree.node(path) {
            Some(Node::File(file)) => machine.files.get_mut(&file),
            Some(Node::Directory) | None => None,
        };
        let flipped = file.is_some_and(|content| content.flip(luck));
        machine.injected.flips += u64::from(flipped);
        flipped
    }

    /// Puts older bytes in the place of a file that is there, all durable: the disk said that it wrote
    /// what came after them, and did not.
    pub fn take_back(&self, path: &Path, bytes: Vec<u8>) {
        let mut guard = self.machine();
        let machine = &mut *guard;
        if let Some(Node::File(file)) = machine.tree.node(path) {
            machine.files.insert(file, Content::durable(bytes));
            machine.injected.taken_back += 1;
        }
    }

    /// Time goes by.
    pub fn pass(&self, time: Duration) {
        self.machine().elapsed += time;
    }

    /// Every file as the kernel shows it.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let machine = self.machine();
        let files = machine.tree.files();
        files
            .map(|(path, file)| (path.clone(), machine.files[&file].cached.clone()))
            .collect()
    }

    /// Puts these files, all durable, in the place of everything there is.
    pub fn restore(&self, files: &BTreeMap<PathBuf, Vec<u8>>) {
        let mut machine = self.machine();
        machine.tree = Tree::default();
        machine.files.clear();
        for (path, bytes) in files {
            let file = machine.add_file(Content::durable(bytes.clone()));
            machine.tree.put_durably(path, Node::File(file));
        }
        machine.restart();
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // No change of it stops half-way, not even where a thread panics.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, call: Call, path: &Path) -> io::Result<MutexGuard<'_, Machine>> {
        let mut machine = self.machine();
        match machine.fault(call, path) {
            None => Ok(machine),
            Some(fault) => {
                machine.injected.note_error(call, fault);
                Err(fault.error())
            }
        }
    }
}

impl Machine {
    fn count(&self, of: Option<Call>) -> u64 {
        match of {
            Some(call) => self.calls.get(&call).copied().unwrap_or(0),
            None => self.calls.values().sum(),
        }
    }

    fn restart(&mut self) {
        self.oracle.start += 1;
        self.locked.clear();
        self.calls_at.clear();
    }

    fn add_file(&mut self, content: Content) -> u64 {
        self.next_file += 1;
        self.files.insert(self.next_file, content);
        self.next_file
    }

    /// Counts a call, and tells what goes wrong with it.
    fn fault(&mut self, call: Call, path: &Path) -> Option<Fault> {
        if !self.has_power {
            return Some(Fault::Power);
        }
        *self.calls.entry(call).or_default() += 1;
        self.elapsed += CALL_TIME;
        let count = self.count_at(path);
        let fault = self.appointed(call).or_else(|| {
            let (oracle, rates) = (self.oracle, &self.rates);
            if call.changes() && oracle.strikes(rates.power_ppm, ("power", path, count)) {
                return Some(Fault::Power);
            }
            let rate_ppm = match call {
                Call::Read => rates.read_error_ppm,
                Call::Write | Call::SetLen => rates.write_error_ppm,
                Call::Sync => rates.sync_error_ppm,
                Call::Entry | Call::SyncDir | Call::Ask => rates.other_error_ppm,
            };
            let fails = oracle.strikes(rate_ppm, ("error", path, count));
            let is_short = oracle.strikes(rates.short_ppm, ("short", path, count));
            match (fails, is_short) {
                (false, _) => None,
                (true, false) => Some(Fault::Error),
                (true, true) => Some(Fault::Short),
            }
        });
        if fault == Some(Fault::Power) {
            self.has_power = false;
        }
        fault
    }

    fn count_at(&mut self, path: &Path) -> u64 {
        if let Some(count) = self.calls_at.get_mut(path) {
            *count += 1;
            return *count;
        }
        self.calls_at.insert(path.to_owned(), 0);
        0
    }

    fn appointed(&self, call: Call) -> Option<Fault> {
        let appointment = self.appointment.as_ref()?;
        let is_meant = appointment.of.is_none_or(|of| of == call);
        let nth = self.count(appointment.of);
        let is_due = match appointment.lasting {
            Lasting::Once => nth == appointment.nth,
            Lasting::ForGood => nth >= appointment.nth,
        };
        (is_meant && is_due).then_some(appointment.fault)
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        self.tree
            .node(path)
            .ok_or_else(|| io::Error::from_raw_os_error(2))
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut machine = self.begin(Call::Ask, path)?;
        let file = match (machine.tree.node(path), access) {
            (Some(Node::Directory), _) => return Err(io::Error::from_raw_os_error(21)),
            (Some(Node::File(file)), _) => file,
            (None, Access::Create | Access::Replace) => {
                machine.node(path.parent().unwrap_or(path))?;
                let file = machine.add_file(Content::default());
                machine.tree.put(path, Node::File(file));
                file
            }
            (None, Access::Read | Access::Write | Access::WriteDirect) => {
                return Err(io::Error::from_raw_os_error(2));
            }
        };
        if access == Access::Replace
            && let Some(content) = machine.files.get_mut(&file)
        {
            content.set_len(0);
        }
        Ok(Box::new(SimFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
            start: machine.oracle.start,
            is_writable: access != Access::Read,
            holds_lock: Mutex::new(false),
        }))
    }

    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        let machine = self.begin(Call::Ask, path)?;
        Ok(machine.tree.node(path).map(|node| match node {
            Node::Directory => Entry::Directory,
            Node::File(_) => Entry::File,
        }))
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let machine = self.begin(Call::Ask, dir)?;
        machine.node(dir)?;
        Ok(machine.tree.names(dir))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.begin(Call::Entry, dir)?;
        let mut missing: Vec<&Path> = dir
            .ancestors()
            .take_while(|above| machine.tree.node(above).is_none())
            .collect();
        while let Some(above) = missing.pop() {
            machine.tree.put(above, Node::Directory);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut machine = self.begin(Call::Entry, from)?;
        machine.node(from)?;
        machine.tree.rename(from, to);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.begin(Call::Entry, path)?;
        machine.node(path)?;
        machine.tree.remove(path);
        Ok(())
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.begin(Call::Entry, dir)?;
        machine.node(dir)?;
        for path in machine.tree.below(dir).iter().rev() {
            machine.tree.remove(path);
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.begin(Call::SyncDir, dir)?;
        machine.node(dir)?;
        machine.elapsed += SYNC_TIME;
        machine.tree.sync(dir);
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.machine().elapsed
    }
}

/// An open file.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    file: u64,
    /// Of the machine, when it was opened.
    start: u64,
    is_writable: bool,
    holds_lock: Mutex<bool>,
}

impl SimFile {
    /// The machine, if it is still the one on which the file was opened, and what goes wrong now.
    fn begin(&self, call: Call) -> io::Result<(MutexGuard<'_, Machine>, Option<Fault>)> {
        let mut machine = self.disk.machine();
        if machine.oracle.start != self.start || !machine.files.contains_key(&self.file) {
            return Err(io::Error::other("opened before the machine was started"));
        }
        if call.changes() && !self.is_writable && call != Call::Sync {
            return Err(io::Error::from_raw_os_error(9));
        }
        let fault = machine.fault(call, &self.path);
        if let Some(fault) = fault {
            machine.injected.note_error(call, fault);
        }
        Ok((machine, fault))
    }

    fn content<T>(&self, call: Call, then: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let (mut machine, fault) = self.begin(call)?;
        match fault {
            Some(fault) => Err(fault.error()),
            None => Ok(then(machine.content(self.file))),
        }
    }
}

impl Machine {
    fn content(&mut self, file: u64) -> &mut Content {
        self.files
            .get_mut(&file)
            .expect("asked for when the call began")
    }

    /// What the full disk says to a file becoming that long.
    fn refuse_growth(&mut self, file: u64, length: usize, call: Call) -> io::Result<()> {
        if self.is_full && length > self.content(file).cached.len() {
            self.injected.note_error(call, Fault::Full);
            return Err(Fault::Full.error());
        }
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.content(Call::Ask, |content| content.cached.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let at = place(at)?;
        self.content(Call::Read, |content| {
            let end = at.saturating_add(buffer.len());
            let bytes = content.cached.get(at..end);
            let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(bytes);
            Ok(())
        })?
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let at = place(at)?;
        let (mut machine, fault) = self.begin(Call::Write)?;
        match fault {
            None => {
                machine.refuse_growth(self.file, at + bytes.len(), Call::Write)?;
                machine.content(self.file).write(bytes, at);
                Ok(())
            }
            Some(fault) => {
                // What the power interrupts is under way, and may still be kept.
                let written = match fault {
                    Fault::Short => bytes.len() / 2,
                    Fault::Power => bytes.len(),
                    Fault::Error | Fault::Full => 0,
                };
                machine.injected.short_writes += u64::from(fault == Fault::Short);
                machine.content(self.file).write(&bytes[..written], at);
                Err(fault.error())
            }
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let length = place(bytes)?;
        let (mut machine, fault) = self.begin(Call::SetLen)?;
        if let Some(fault) = fault {
            return Err(fault.error());
        }
        machine.refuse_growth(self.file, length, Call::SetLen)?;
        machine.content(self.file).set_len(length);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (mut guard, fault) = self.begin(Call::Sync)?;
        let machine = &mut *guard;
        let count = machine.count_at(&self.path);
        let mut luck = machine.oracle.luck(("sync", &self.path, count));
        let (rates, injected) = (&machine.rates, &mut machine.injected);
        let content = machine.files.get_mut(&self.file);
        let content = content.expect("asked for when the call began");
        match fault {
            None => {
                content.sync(rates, &mut luck, injected);
                machine.elapsed += SYNC_TIME;
                if luck.strikes(rates.slow_sync_ppm) && !rates.slow_sync_max.is_zero() {
                    injected.slow_syncs += 1;
                    let micros = u64::try_from(rates.slow_sync_max.as_micros());
                    let micros = luck.below(micros.unwrap_or(u64::MAX).max(1));
                    machine.elapsed += Duration::from_micros(micros);
                }
                Ok(())
            }
            Some(fault) => {
                if fault != Fault::Power {
                    content.fail_sync(rates, &mut luck, injected);
                }
                Err(fault.error())
            }
        }
    }

    fn forget(&self) {
        let mut machine = self.disk.machine();
        if machine.oracle.start == self.start
            && let Some(content) = machine.files.get_mut(&self.file)
        {
            content.drop_cache();
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        let (mut machine, fault) = self.begin(Call::Ask)?;
        if let Some(fault) = fault {
            return Err(fault.error());
        }
        let mut holds = self
            .holds_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *holds = *holds || machine.locked.insert(self.file);
        Ok(*holds)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let holds = *self
            .holds_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut machine = self.disk.machine();
        if holds && machine.oracle.start == self.start {
            machine.locked.remove(&self.file);
        }
    }
}

fn place(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(|_| io::ErrorKind::InvalidInput.into())
}
