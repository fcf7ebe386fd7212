//! A service that listens, over a real ledger in a directory of its own, and those who call it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ledger_api::http::{ServeOptions, Server};
use ledger_api::ledger::LedgerOptions;
use ledger_api::{Ledger, line};
use ledger_core::time::Timestamp;
use ledger_store::StoreKind;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Method, Request};
use ureq::{Agent, Body};

/// Where the calls of the issuer of the tests begin.
pub(crate) const ISSUER: &str = "/api/v2/issuers/1234";

/// A service in this process. Dropped, it stops.
pub(crate) struct Desk {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) client: Client,
    clock: Arc<AtomicI64>,
    stop: Box<dyn Fn() + Send + Sync>,
    running: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Desk {
    /// With an empty ledger, on 2 January 2023, 15:00 in Berlin.
    pub(crate) fn empty(strict: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(AtomicI64::new(crate::bank::NOW.0));
        let now = Arc::clone(&clock);
        let options = LedgerOptions {
            store: Some(StoreKind::Redb),
            now: Box::new(move || Timestamp(now.load(Ordering::Relaxed))),
        };
        let ledger = Ledger::open_with(dir.path().join("d"), options).expect("the ledger opens");
        let ledger = Arc::new(ledger);
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = ServeOptions { listen, strict };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let server = runtime
            .block_on(async { Server::bind(Arc::clone(&ledger), &options) })
            .expect("it listens");
        let client = Client::new(&format!("http://{}", server.address()));
        let stop = Box::new(server.stopper());
        let running = thread::spawn(move || runtime.block_on(server.run()).expect("it serves"));
        Self {
            ledger,
            client,
            clock,
            stop,
            running: Some(running),
            _dir: dir,
        }
    }

    /// With an issuer, a credit product with a limit of 10 000.00, and these accounts: a name, and the name of
    /// the one above, whose root pays.
    pub(crate) fn with_accounts(accounts: &[(&str, Option<&str>)]) -> Self {
        let desk = Self::empty(false);
        desk.client.set_up("2023-01-02");
        for (name, above) in accounts {
            desk.client.open(name, *above);
        }
        desk
    }

    /// Sets the ledger's clock.
    pub(crate) fn at(&self, instant: &str) {
        let at = line::instant(instant).expect("an instant");
        self.clock.store(at.0, Ordering::Relaxed);
    }

    /// How far the log reaches.
    pub(crate) fn position(&self) -> u64 {
        self.ledger.reader().last_seq().map_or(0, |seq| seq.0)
    }

    /// Tells the service to stop.
    pub(crate) fn stop(&self) {
        (self.stop)();
    }

    /// Waits until the service has stopped.
    pub(crate) fn wait(&mut self) {
        if let Some(running) = self.running.take() {
            running.join().expect("it ends well");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop();
        // A test that fails is already panicking.
        drop(self.running.take().map(JoinHandle::join));
    }
}

/// One who calls a service, on connections that are kept.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    agent: Agent,
}

/// What a call says beside its method and path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// A body of JSON, under a correlation id.
    pub(crate) fn command(correlation: &str, body: &Value) -> Self {
        Self::json(body).with("WL-Correlation-ID", correlation)
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::text("application/json", &body.to_string())
    }

    pub(crate) fn text(kind: &str, body: &str) -> Self {
        Self {
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
        .with("Content-Type", kind)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What was asked for, of a call that must have been carried out.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["data"].clone()
    }

    /// The operation that a posting made.
    pub(crate) fn operation(&self) -> String {
        let data = self.data();
        let id = data["operationIdentifier"]["operationId"].as_str();
        id.expect("an operation").to_owned()
    }

    /// Status, code and field of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = self.json()["errors"][0].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("field"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("plain text"))
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.header("Idempotent-Replayed") == Some("true")
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A service that hangs is told from one that is slow.
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self {
            base: base.to_owned(),
            agent: config.into(),
        }
    }

    /// One with connections of its own.
    pub(crate) fn another(&self) -> Self {
        Self::new(&self.base)
    }

    /// The address without its scheme.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Calls; the body of the answer is read by whoever asked.
    pub(crate) fn open_call(
        &self,
        method: &str,
        target: &str,
        said: &Said,
    ) -> Result<ureq::http::Response<Body>, ureq::Error> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.base));
        for (name, value) in &said.headers {
            request = request.header(*name, value.as_bytes());
        }
        if said.body.is_empty() {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            let request = request.body(&said.body[..]).expect("a request");
            self.agent.run(request)
        }
    }

    /// Calls, if the service can be reached until it has answered.
    pub(crate) fn try_call(
        &self,
        method: &str,
        target: &str,
        said: &Said,
    ) -> Result<Told, ureq::Error> {
        let mut response = self.open_call(method, target, said)?;
        let body = response.body_mut().read_to_vec()?;
        Ok(Told {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        })
    }

    pub(crate) fn call(&self, method: &str, target: &str, said: &Said) -> Told {
        let told = self.try_call(method, target, said);
        told.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    pub(crate) fn get(&self, target: &str) -> Told {
        self.call("GET", target, &Said::default())
    }

    /// A command under a correlation id.
    pub(crate) fn command(&self, correlation: &str, target: &str, body: &Value) -> Told {
        self.call("POST", target, &Said::command(correlation, body))
    }

    /// A command that must be carried out, under an id of the service's making.
    pub(crate) fn done(&self, target: &str, body: &Value) -> Told {
        let told = self.call("POST", target, &Said::json(body));
        assert_eq!(told.status, 200, "{target}: {}", told.text());
        told
    }

    /// The issuer and its credit product.
    pub(crate) fn set_up(&self, business_date: &str) {
        self.done(
            &format!("{ISSUER}/configure-issuer"),
            &json!({"timeZone": "Europe/Berlin", "businessDate": business_date}),
        );
        self.done(
            &format!("{ISSUER}/define-bonus-program"),
            &json!({"bonusProgramReference": "BP", "loyaltyUnits": ["POINT"]}),
        );
        self.done(
            &format!("{ISSUER}/define-product"),
            &json!({
                "productReference": PRODUCT, "currency": "EUR", "workingMode": "PAY_LATER",
                "feeTypes": ["MANUAL_FEE", "MARKUP_FEE"],
                "defaultCreditLimitAmount": eur(1_000_000),
            }),
        );
    }

    pub(crate) fn open(&self, name: &str, above: Option<&str>) {
        self.done(
            &format!("{ISSUER}/open-account"),
            &json!({
                "issuerAccountExternalReference": name, "productReference": PRODUCT,
                "parentExternalReference": above, "bonusProgramReferences": ["BP"],
                "payingAccountType": above.map(|_| "ROOT_PAYS"),
            }),
        );
    }

    /// Financial information.
    pub(crate) fn balance(&self, account: &str) -> Value {
        self.get(&on(account, "balance")).data()
    }
}

/// The product of the tests, named as the source's example names it.
pub(crate) const PRODUCT: &str = "PDT_1234_VISA_DEBIT_CLASSIC_SHARE";

/// A path on an account.
pub(crate) fn on(account: &str, what: &str) -> String {
    format!("{ISSUER}/accounts/external-accounts/{account}/{what}")
}

pub(crate) fn eur(cents: i64) -> Value {
    json!({"value": cents, "exponent": 2, "isoCode": "EUR"})
}

/// The triplet of an operation, with the fields that it has besides.
pub(crate) fn operation(reference: &str, fields: Value) -> Value {
    let mut body = json!({
        "externalOperationDate": "2023-01-02T09:00:00.000Z",
        "externalOperationReference": reference,
        "externalOperationServicePoster": "ISSUER",
    });
    let all = body.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    body
}

pub(crate) fn fee(reference: &str, cents: i64) -> Value {
    operation(
        reference,
        json!({"feeType": "MANUAL_FEE", "referenceAmount": eur(cents)}),
    )
}

pub(crate) fn purchase(reference: &str, cents: i64) -> Value {
    operation(
        reference,
        json!({"operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(cents)}),
    )
}

/// The body that reverses an operation.
pub(crate) fn reversal(reference: &str, original: &str) -> Value {
    operation(
        reference,
        json!({
            "reversalReason": "REVERSAL_ON_DEMAND",
            "externalMatchingOperationDate": "2023-01-02T09:00:00.000Z",
            "externalMatchingOperationReference": original,
            "externalMatchingOperationServicePoster": "ISSUER",
        }),
    )
}
