//! `ledger head`, and reading the heads and proofs that were kept.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;

use ledger_api::Ledger;
use ledger_api::head_file::HeadFile;
use ledger_api::kept_file::FILE_BYTES_MAX;
use ledger_store::kept_head::KeptHead;

use super::table::{self, Columns};
use super::{CliError, Ended, write_json};

pub(super) fn run(ledger: &Ledger, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let head = ledger.head()?;
    let file = HeadFile::of(&head, ledger.store());
    if json {
        write_json(out, &file)?;
        return Ok(Ended::Well);
    }
    let none = || "none".to_owned();
    let rows = [
        ["Sequence", &file.sequence.to_string()],
        ["Chain hash", &head.log.chain.to_string()],
        ["State hash", &head.state.to_string()],
        ["Tree root", &head.tree_root.to_string()],
        [
            "Recorded at",
            &file.recorded_at.clone().unwrap_or_else(none),
        ],
        ["Store", &file.store.clone().unwrap_or_else(none)],
        ["Log format", &file.log_format.to_string()],
    ]
    .map(|row| row.map(str::to_owned).to_vec());
    let columns = Columns {
        headings: &["", ""],
        numbers: &[],
    };
    table::write(out, &columns, rows)?;
    Ok(Ended::Well)
}

/// Reads a head that was kept.
pub(super) fn read(path: &Path) -> Result<KeptHead, CliError> {
    HeadFile::read(&text_of(path)?).map_err(|error| CliError::KeptFile {
        path: path.to_owned(),
        error,
    })
}

/// Reads a file, and of one that is too long no more than shows that it is.
pub(super) fn text_of(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let limit = u64::try_from(FILE_BYTES_MAX + 1).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|source| CliError::File {
            path: path.to_owned(),
            source,
        })?;
    Ok(text)
}
