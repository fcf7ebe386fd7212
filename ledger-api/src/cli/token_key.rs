//! `ledger token-key`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ledger_api::http::SigningKey;

use super::{CliError, Ended, write_json};

#[derive(Debug, Args)]
pub(super) struct TokenKeyArgs {
    /// File of the private key. Where there is none, a new key is made, which its owner alone may read.
    key: PathBuf,
}

/// Makes the key that tokens are signed with, and shows its public half.
pub(super) fn run(args: &TokenKeyArgs, out: &mut impl Write) -> Result<Ended, CliError> {
    let key = if args.key.exists() {
        SigningKey::read(&args.key)?
    } else {
        let key = SigningKey::generate()?;
        key.write_new(&args.key)?;
        key
    };
    write_json(out, &key.jwks())?;
    Ok(Ended::Well)
}
