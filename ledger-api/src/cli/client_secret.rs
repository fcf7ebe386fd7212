//! `ledger client-secret`.

use std::io::Write;

use clap::Args;
use ledger_api::http::ClientEntry;

use super::{CliError, Ended, eprint_line, write_json};

#[derive(Debug, Args)]
pub(super) struct ClientSecretArgs {
    /// Name of the client.
    id: String,
    /// Scopes that it may ask for, such as operations:write; with commas between.
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// Issuers that it may see, with commas between; `*` for all.
    #[arg(long, value_delimiter = ',', required = true)]
    issuers: Vec<String>,
}

/// Makes a secret for a client. The entry for the clients' file goes to the output, which may be appended to that
/// file; the secret goes to standard error, and is kept nowhere.
pub(super) fn run(
    args: &ClientSecretArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let (scopes, issuers) = (args.scopes.clone(), args.issuers.clone());
    let (entry, secret) = ClientEntry::with_new_secret(&args.id, scopes, issuers)?;
    if json {
        write_json(out, &serde_json::json!({"secret": secret, "entry": entry}))?;
    } else {
        out.write_all(entry.to_toml().as_bytes())?;
        out.flush()?;
        eprint_line(&format!("secret of {}: {secret}", entry.id));
    }
    Ok(Ended::Well)
}
