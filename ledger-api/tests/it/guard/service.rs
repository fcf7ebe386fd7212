//! A service on a port of its own, and what is said to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ledger_api::http::{Config, Server};
use ledger_api::{Ledger, clock};
use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

/// A service that runs until dropped.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) ledger: Arc<Ledger>,
    stop: Box<dyn Fn() + Send + Sync>,
    running: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts a service of an empty ledger in memory.
    pub(super) fn start(config: Config) -> Self {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..config
        };
        let ledger = Arc::new(Ledger::in_memory(clock::now));
        let server = Server::configured(Arc::clone(&ledger), &config).expect("set up");
        let (address, metrics) = (server.address(), server.metrics_address());
        let stop = server.stopper();
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(server.run()).expect("it ran");
        });
        Self {
            address,
            metrics,
            ledger,
            stop: Box::new(stop),
            running: Some(running),
        }
    }

    pub(super) fn stop(&self) {
        (self.stop)();
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Told {
        get(&plain(), &self.url(path), headers)
    }

    pub(super) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Told {
        post(&plain(), &self.url(path), headers, body)
    }

    /// An issuer, a product and an account A1, made without asking anybody.
    pub(super) fn furnish(&self, issuer: &str) {
        for (command, body) in [
            ("configure-issuer", r#"{"timeZone":"Asia/Tokyo"}"#),
            (
                "define-product",
                r#"{"productReference":"CARD","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["ANNUAL"]}"#,
            ),
            (
                "open-account",
                r#"{"issuerAccountExternalReference":"A1","productReference":"CARD"}"#,
            ),
        ] {
            let line = format!(
                r#"{{"issuerId":"{issuer}","correlationId":"{issuer}-{command}","command":"{command}","body":{body}}}"#
            );
            let answer = self.ledger.execute(&line).expect("an answer");
            answer.outcome.expect("accepted");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
        if let Some(running) = self.running.take() {
            // A failed assertion has said what is wrong already.
            let _ = running.join();
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: ureq::http::HeaderMap,
    pub(super) text: String,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// Code of the refusal, empty if it is none.
    pub(super) fn code(&self) -> String {
        let code = &self.json()["errors"][0]["code"];
        code.as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }
}

pub(super) fn plain() -> Agent {
    agent(TlsConfig::default())
}

/// A client; every call of it has a connection of its own.
pub(super) fn agent(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .tls_config(tls)
        .timeout_global(Some(Duration::from_secs(60)))
        .build();
    config.new_agent()
}

pub(super) fn get(agent: &Agent, url: &str, headers: &[(&str, &str)]) -> Told {
    told(try_get(agent, url, headers).expect("an answer"))
}

pub(super) fn try_get(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call()
}

pub(super) fn post(agent: &Agent, url: &str, headers: &[(&str, &str)], body: &str) -> Told {
    let mut request = agent.post(url);
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    told(request.send(body).expect("an answer"))
}

fn told(response: ureq::http::Response<ureq::Body>) -> Told {
    let (parts, mut body) = response.into_parts();
    Told {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: body.read_to_string().expect("text"),
    }
}
