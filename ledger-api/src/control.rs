//! Asking the process that has a ledger open.
//!
//! A data directory belongs to one process. One that holds it for long listens at the Unix socket
//! `CONTROL` in it, so that backups can be taken, and the status and where it is served be asked for from outside
//! meanwhile. Each
//! connection carries one line of JSON there and one back; whoever may open the socket (mode 0600) may
//! ask. Without the socket, as where its path is too long for one, the ledger works all the same.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ledger_store::backup::BackedUp;
use ledger_store::{CONTROL, StoreError, StoreKind};
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketType, bind, listen, socket};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::head_file::HeadFile;
use crate::ledger::Ledger;
use crate::status::StatusView;

/// Longest line in either direction, in bytes: a path has at most 4 KiB, and escaped a few times that.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Connections answered at a time; a backup takes one for as long as it lasts.
const CONNECTIONS_MAX: usize = 8;
/// How long a question may take to arrive once connected.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// How long to wait after a failed acceptance.
const PAUSE: Duration = Duration::from_millis(100);

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// Back up what is durable now.
    Backup {
        /// An absolute path; another process has another working directory.
        to: PathBuf,
        /// Store of a new backup, by its name.
        store: Option<String>,
    },
    /// Where the durable log ends, and what it adds up to.
    Head {},
    /// Whether commands are accepted.
    Status {},
    /// Where the ledger is served over HTTP.
    Address {},
}

/// The answer to [`Question::Address`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// For callers on this machine; absent where the process does not serve it, or not yet.
    pub url: Option<String>,
}

/// The answer to [`Question::Backup`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupView {
    /// Sequence number of the last record of the backup.
    pub sequence: u64,
    /// Hash of its last block, which covers the whole log.
    pub chain_hash: String,
    /// Records that were added.
    pub records: u64,
    /// Their blocks.
    pub blocks: u64,
    /// The length of those blocks.
    pub bytes: u64,
    /// The store of the backup.
    pub store: String,
    /// Whether an earlier backup was continued.
    pub continued: bool,
}

impl From<BackedUp> for BackupView {
    fn from(backed_up: BackedUp) -> Self {
        Self {
            sequence: backed_up.head.last_seq,
            chain_hash: backed_up.head.chain.to_string(),
            records: backed_up.records,
            blocks: backed_up.blocks,
            bytes: backed_up.bytes,
            store: backed_up.store.name().to_owned(),
            continued: backed_up.continued,
        }
    }
}

/// Answers questions until it is dropped; what was begun by then is finished first.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    listener: Arc<UnixListener>,
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

/// What questions are answered from.
#[derive(Debug)]
struct Asked {
    ledger: Arc<Ledger>,
    url: OnceLock<String>,
}

impl Control {
    /// Listens in the data directory of a ledger that this process has open.
    ///
    /// # Errors
    /// When there can be no socket; the ledger is none the worse for it.
    pub fn listen(dir: &Path, ledger: &Arc<Ledger>) -> io::Result<Self> {
        let path = dir.join(CONTROL);
        remove_stale(&path)?;
        let listener = Arc::new(bind_private(&path)?);
        let accepting = Arc::clone(&listener);
        let asked = Arc::new(Asked {
            ledger: Arc::clone(ledger),
            url: OnceLock::new(),
        });
        let answering = Arc::clone(&asked);
        let thread = thread::Builder::new()
            .name("ledger-control".to_owned())
            .spawn(move || accept(&accepting, &answering))?;
        Ok(Self {
            path,
            listener,
            asked,
            thread: Some(thread),
        })
    }

    /// Tells from now on that the ledger is served over HTTP at `url`; the first one stands.
    pub fn serves_at(&self, url: String) {
        // What was told once is not taken back.
        let _ = self.asked.url.set(url);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // This ends the waiting for the next connection.
        let _ = rustix::net::shutdown(&*self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // What stays is replaced by the next process that listens.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The directory is locked by this process, so nobody listens at a socket that is there.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Nobody can connect before it listens, and then only its owner may.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listen(&socket, 16)?;
    Ok(UnixListener::from(socket))
}

fn accept(listener: &UnixListener, asked: &Arc<Asked>) {
    let mut answering: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // It was shut down.
            Err(error) if error.kind() == ErrorKind::InvalidInput => break,
            Err(_) => {
                // Nothing was accepted, as when there are no descriptors left; it is not asked at once.
                thread::sleep(PAUSE);
                continue;
            }
        };
        answering.retain(|thread| !thread.is_finished());
        if answering.len() >= CONNECTIONS_MAX {
            let _ = reply(&stream, &failed("BUSY", "too many questions at a time"));
            continue;
        }
        let asked = Arc::clone(asked);
        let thread = thread::Builder::new()
            .name("ledger-control-answer".to_owned())
            // Who went away meanwhile does not need the answer.
            .spawn(move || drop(answer_one(&stream, &asked)));
        answering.extend(thread.ok());
    }
    for thread in answering {
        let _ = thread.join();
    }
}

fn answer_one(stream: &UnixStream, asked: &Asked) -> io::Result<()> {
    stream.set_read_timeout(Some(QUESTION_WAIT))?;
    let answer = match read_line(stream)? {
        None => failed("INVALID_REQUEST", "the question is too long or not whole"),
        Some(line) => match serde_json::from_slice(&line) {
            Ok(question) => answer(asked, question),
            Err(error) => failed("INVALID_REQUEST", &error.to_string()),
        },
    };
    reply(stream, &answer)
}

fn answer(asked: &Asked, question: Question) -> Value {
    let ledger = &*asked.ledger;
    let answer = match question {
        Question::Backup { to, store } => back_up(ledger, &to, store.as_deref()),
        Question::Head {} => ledger
            .head()
            .map(|head| json(&HeadFile::of(&head, ledger.store())))
            .map_err(|error| failed(error.code(), &error.to_string())),
        Question::Status {} => Ok(json(&StatusView::of(ledger))),
        Question::Address {} => Ok(json(&AddressView {
            url: asked.url.get().cloned(),
        })),
    };
    answer.unwrap_or_else(|failed| failed)
}

fn back_up(ledger: &Ledger, to: &Path, store: Option<&str>) -> Result<Value, Value> {
    if !to.is_absolute() {
        return Err(failed("INVALID_REQUEST", "the path must be absolute"));
    }
    let store = store.map(str::parse::<StoreKind>).transpose();
    let store = store.map_err(|error| failed("INVALID_REQUEST", &error.to_string()))?;
    let of_store = |error: StoreError| failed(error.code(), &error.to_string());
    let backed_up = ledger.backup(to, store, &mut |_, _| ()).map_err(of_store)?;
    Ok(json(&BackupView::from(backed_up)))
}

fn failed(code: &str, message: &str) -> Value {
    serde_json::json!({"error": {"code": code, "message": message}})
}

fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views have text for keys and no failing parts")
}

/// One line, nothing when it is too long or the other side stopped before its end.
fn read_line(stream: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

fn reply(mut stream: &UnixStream, answer: &Value) -> io::Result<()> {
    let mut line = answer.to_string();
    line.push('\n');
    stream.write_all(line.as_bytes())
}

/// Why the process that has a ledger open gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It said why.
    #[error("{message}")]
    Refused {
        /// The stable code, for programs.
        code: String,
        /// The same in words.
        message: String,
    },
    /// The connection failed, or what came back is no answer.
    #[error("the process that has the ledger open gave no answer: {0}")]
    Io(#[from] io::Error),
}

/// Asks the process that has the ledger in `dir` open; nothing when none listens there.
///
/// # Errors
/// [`ControlError`].
pub fn ask(dir: &Path, question: &Question) -> Result<Option<Value>, ControlError> {
    let stream = match UnixStream::connect(dir.join(CONTROL)) {
        Ok(stream) => stream,
        Err(error) if is_nobody(error.kind()) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut line = serde_json::to_vec(question).map_err(io::Error::from)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let gone = || io::Error::from(ErrorKind::UnexpectedEof);
    let answer = read_line(&stream)?.ok_or_else(gone)?;
    let answer: Value = serde_json::from_slice(&answer).map_err(io::Error::from)?;
    if let Some(error) = answer.get("error") {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        return Err(ControlError::Refused {
            code: text("code"),
            message: text("message"),
        });
    }
    Ok(Some(answer))
}

/// No socket, nobody at it, or a path that none can have.
fn is_nobody(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
    )
}
