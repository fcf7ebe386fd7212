//! `ledger head`, and reading the heads and proofs that were kept.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;

use ledger_api::control::Question;
use ledger_api::head_file::HeadFile;
use ledger_api::kept_file::FILE_BYTES_MAX;
use ledger_store::StoreError;
use ledger_store::kept_head::KeptHead;

use super::backup::ask_holder;
use super::place::{Place, PlaceArgs};
use super::table::{self, Columns};
use super::{ApiError, CliError, DataArgs, Ended, with_ledger, write_json};

pub(super) fn run(args: &PlaceArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let file = match args.place()? {
        Place::Directory(data) => of_directory(&data)?,
        Place::Service(client) => client.head()?,
    };
    if json {
        write_json(out, &file)?;
        return Ok(Ended::Well);
    }
    let none = || "none".to_owned();
    let rows = [
        ["Sequence", &file.sequence.to_string()],
        ["Chain hash", &hex::encode(file.chain_hash)],
        ["State hash", &hex::encode(file.state_hash)],
        ["Tree root", &hex::encode(file.tree_root)],
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

/// Takes the head of a ledger, or asks the process that has it open.
fn of_directory(args: &DataArgs) -> Result<HeadFile, CliError> {
    let mut file = None;
    let taken = with_ledger(args, |ledger| {
        file = Some(HeadFile::of(&ledger.head()?, ledger.store()));
        Ok(Ended::Well)
    });
    match (taken, file) {
        (Ok(_), Some(file)) => Ok(file),
        (Err(CliError::Api(ApiError::Store(StoreError::Locked { .. }))), _) | (Ok(_), None) => {
            ask_holder(&args.data, &Question::Head {})
        }
        (Err(error), _) => Err(error),
    }
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
