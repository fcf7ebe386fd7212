//! The service that is measured, as it would be configured: with tokens, which it gives out itself.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ledger_api::http::config::{AuthConfig, TokenConfig};
use ledger_api::http::{ClientEntry, Config, Server, SigningKey};
use ledger_api::{Ledger, LedgerOptions};
use ledger_store::StoreKind;
use tempfile::TempDir;

use super::Failure;
use super::caller::Caller;

pub(super) const ISSUER: &str = "1234";
const CLIENT: &str = "load";

/// A service that runs until it is stopped.
pub(super) struct Service {
    address: SocketAddr,
    token: String,
    stop: Box<dyn Fn()>,
    running: JoinHandle<Result<(), Failure>>,
    _directory: TempDir,
}

impl Service {
    pub(super) fn start(store: StoreKind) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        SigningKey::generate()?.write_new(&at("key.pem"))?;
        let scopes = ["operations:write", "accounts:write", "issuers:write"];
        let scopes = scopes.map(str::to_owned).to_vec();
        let (entry, secret) = ClientEntry::with_new_secret(CLIENT, scopes, vec!["*".to_owned()])?;
        fs::write(at("clients.toml"), entry.to_toml())?;
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            auth: Some(AuthConfig {
                keys: None,
                issuer: "ledger".to_owned(),
                audience: "ledger".to_owned(),
                leeway_s: 0,
            }),
            token: Some(TokenConfig {
                key: at("key.pem"),
                clients: at("clients.toml"),
                lifetime_s: NonZeroU64::new(36_000).ok_or("not zero")?,
            }),
            ..Config::default()
        };
        // One client makes all calls here.
        config.limits.client_calls_per_second = u32::MAX.try_into()?;
        config.limits.client_burst = u32::MAX.try_into()?;
        let options = LedgerOptions {
            store: Some(store),
            ..LedgerOptions::default()
        };
        let ledger = Arc::new(Ledger::open_with(at("data"), options)?);
        let runtime = super::runtime()?;
        let server = runtime.block_on(async { Server::configured(ledger, &config) })?;
        let (address, stop) = (server.address(), Box::new(server.stopper()));
        let running = thread::spawn(move || Ok(runtime.block_on(server.run())?));
        let form =
            format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={secret}");
        let token = super::runtime()?.block_on(async {
            let mut caller = Caller::connect(address, None).await?;
            let kind = "application/x-www-form-urlencoded";
            let told = caller.post("/oauth2/token", kind, form.into()).await?;
            let text = told.text();
            let token = text.split(r#""access_token":""#).nth(1);
            let token = token.and_then(|rest| rest.split('"').next());
            token
                .map(str::to_owned)
                .ok_or_else(|| Failure::from(text.clone()))
        })?;
        Ok(Self {
            address,
            token,
            stop,
            running,
            _directory: directory,
        })
    }

    /// One who calls, on a connection of its own.
    pub(super) async fn caller(&self) -> Result<Caller, Failure> {
        Caller::connect(self.address, Some(&self.token)).await
    }

    pub(super) fn stop(self) -> Result<(), Failure> {
        (self.stop)();
        self.running.join().map_err(|_| "the service panicked")?
    }
}
