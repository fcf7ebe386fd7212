//! Where the ledger is that a command is about: in a directory, or served elsewhere.

use std::env::{self, VarError};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use ledger_api::client::{Client, ClientOptions};
use ledger_store::StoreKind;

use super::{CliError, DATA_DEFAULT, DataArgs};

/// Names the service in the environment; `--url` and `--data` come first.
const URL: &str = "LEDGER_URL";
/// Holds the token in the environment; `--token` comes first.
const TOKEN: &str = "LEDGER_TOKEN";

/// Where the ledger is.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// Directory of the ledger [default: ledger-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Store of the log, `sled` or `redb`; a new ledger is kept in sled, an existing one must agree.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreKind>,
    /// Ask the service there instead, as at http://127.0.0.1:8080 [env: LEDGER_URL].
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "store"])]
    url: Option<String>,
    /// Bearer token for the service; other users of this machine may see it here, and not in the
    /// environment [env: LEDGER_TOKEN].
    #[arg(long, value_name = "TOKEN")]
    token: Option<Secret>,
    /// File of certificates in PEM; one of them must vouch for the service's, rather than a public authority.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A text that is not shown.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Where a ledger is.
pub(super) enum Place {
    Directory(DataArgs),
    Service(Client),
}

impl PlaceArgs {
    /// The place that is meant: what the command line names, else what the environment names, else a
    /// directory here. Nothing is opened and nobody is called yet.
    pub(super) fn place(&self) -> Result<Place, CliError> {
        let names_directory = self.data.is_some() || self.store.is_some();
        let url = match &self.url {
            Some(url) => Some(url.clone()),
            None if names_directory => None,
            None => variable(URL)?,
        };
        let Some(url) = url else {
            if self.token.is_some() || self.ca.is_some() {
                let problem = "--token and --ca are for a service; name it by --url";
                return Err(CliError::Usage(problem.to_owned()));
            }
            return Ok(Place::Directory(DataArgs {
                data: self.data.clone().unwrap_or_else(|| DATA_DEFAULT.into()),
                store: self.store,
            }));
        };
        let token = match &self.token {
            Some(Secret(token)) => Some(token.clone()),
            None => variable(TOKEN)?,
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| CliError::File {
                path: path.clone(),
                source,
            })
        };
        let ca = self.ca.as_ref().map(read).transpose()?;
        let client = Client::new(&ClientOptions { url, token, ca })?;
        Ok(Place::Service(client))
    }
}

/// A variable of the environment. An empty one is as one that is not set.
fn variable(name: &str) -> Result<Option<String>, CliError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(CliError::Usage(format!("{name} is no text"))),
    }
}
