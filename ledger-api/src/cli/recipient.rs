//! Who carries out commands: the ledger of a directory, or a service.

use std::io;
use std::sync::Arc;

use ledger_api::client::Client;
use ledger_api::control::Control;
use ledger_api::replay::{ReplayError, ResultView, Summary, replay};
use ledger_api::views::AccountView;
use ledger_api::{ApiError, Ledger};

use super::input::Input;
use super::place::Place;
use super::{CliError, listen_for_questions};

/// Whoever commands are handed to. A ledger that there is none of yet is created.
pub(super) enum Recipient {
    Directory {
        ledger: Arc<Ledger>,
        control: Option<Control>,
    },
    Service(Client),
}

impl Recipient {
    pub(super) fn open(place: Place) -> Result<Self, CliError> {
        match place {
            Place::Directory(data) => {
                let ledger = Arc::new(data.open()?);
                let control = listen_for_questions(&data.data, &ledger);
                Ok(Self::Directory { ledger, control })
            }
            Place::Service(client) => Ok(Self::Service(client)),
        }
    }

    /// Has the lines of an input carried out in order, and tells `told` the outcomes, in order, some at a
    /// time, with the bytes of input behind them.
    pub(super) fn carry_out(
        &self,
        input: Input<'_>,
        mut told: impl FnMut(&[ResultView<'_>], u64) -> io::Result<()>,
    ) -> Result<Summary, ReplayError> {
        let Input { read, source, .. } = input;
        match self {
            Self::Directory { ledger, .. } => replay(ledger, read, source, |results, end| {
                let views: Vec<_> = results.iter().map(ResultView::of).collect();
                told(&views, end)
            }),
            Self::Service(client) => client.replay(read, source, told),
        }
    }

    /// Every account, in the order of opening; of a service no more than `most`.
    pub(super) fn accounts(&self, most: usize) -> Result<Vec<AccountView>, CliError> {
        match self {
            Self::Directory { ledger, .. } => Ok(ledger.accounts()),
            Self::Service(client) => Ok(client.accounts(most)?),
        }
    }

    pub(super) fn close(self) -> Result<(), CliError> {
        let Self::Directory { ledger, control } = self else {
            return Ok(());
        };
        // It ends what it was asked to do, and lets go of the ledger.
        drop(control);
        let ledger = Arc::into_inner(ledger).expect("nobody else has it any more");
        Ok(ledger.close().map_err(ApiError::from)?)
    }
}
