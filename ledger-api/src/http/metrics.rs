//! What is counted and measured of the service, in the text format of Prometheus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::connection::Door;
use super::limits::Limits;
use crate::ledger::{Ledger, Retained};
use crate::status::Status;

/// Bounds of the times of calls, in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// How old the figures of memory may be: making them goes over all accounts.
const RETAINED_AGE_MAX: Duration = Duration::from_secs(60);

/// The answers of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    endpoint: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

/// What is counted call by call.
#[derive(Debug)]
pub(crate) struct Metrics {
    answers: Family<AnswerLabels, Counter>,
    refusals: Family<CodeLabels, Counter>,
    calls: Histogram,
    postings: Histogram,
    tokens: Counter,
    registry: Registry,
}

/// What became of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    /// Name of the endpoint.
    pub(crate) endpoint: &'a str,
    pub(crate) status: u16,
    /// Code of the refusal.
    pub(crate) code: Option<&'a str>,
    /// Whether it was a command.
    pub(crate) is_posting: bool,
    pub(crate) took: Duration,
}

impl Metrics {
    pub(crate) fn new(ledger: &Arc<Ledger>, limits: &Arc<Limits>, door: &Door) -> Self {
        let answers = Family::default();
        let refusals = Family::default();
        let calls = Histogram::new(SECONDS);
        let postings = Histogram::new(SECONDS);
        let tokens = Counter::default();
        let mut registry = Registry::with_prefix("ledger");
        registry.register(
            "http_answers",
            "Answers by endpoint and status",
            Family::clone(&answers),
        );
        registry.register(
            "http_refusals",
            "Answers that were refusals or failures, by code",
            Family::clone(&refusals),
        );
        registry.register(
            "http_call_seconds",
            "Time from a call to its answer, of all calls",
            calls.clone(),
        );
        registry.register(
            "posting_seconds",
            "Time from a command to its durable answer",
            postings.clone(),
        );
        registry.register("tokens_issued", "Tokens given out", tokens.clone());
        registry.register_collector(Box::new(State {
            ledger: Arc::clone(ledger),
            limits: Arc::clone(limits),
            door: door.clone(),
            retained: Mutex::new(None),
        }));
        Self {
            answers,
            refusals,
            calls,
            postings,
            tokens,
            registry,
        }
    }

    pub(crate) fn count(&self, call: Counted<'_>) {
        let labels = AnswerLabels {
            endpoint: call.endpoint.to_owned(),
            status: call.status,
        };
        self.answers.get_or_create(&labels).inc();
        if let Some(code) = call.code {
            let code = code.to_owned();
            self.refusals.get_or_create(&CodeLabels { code }).inc();
        }
        let seconds = call.took.as_secs_f64();
        self.calls.observe(seconds);
        if call.is_posting {
            self.postings.observe(seconds);
        }
    }

    pub(crate) fn count_token(&self) {
        self.tokens.inc();
    }

    /// Everything, as it is scraped. Goes over all accounts now and then; not for async threads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail; what a collector gives is written as far as it came.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// What is looked up when it is asked for.
struct State {
    ledger: Arc<Ledger>,
    limits: Arc<Limits>,
    door: Door,
    retained: Mutex<Option<(Instant, Retained)>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    fn retained(&self) -> Retained {
        let mut kept = self.retained.lock();
        if let Some((at, retained)) = *kept
            && at.elapsed() < RETAINED_AGE_MAX
        {
            return retained;
        }
        let retained = self.ledger.retained();
        *kept = Some((Instant::now(), retained));
        retained
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let retained = self.retained();
        let is_accepting = matches!(self.ledger.status(), Status::Accepting);
        let position = self.ledger.reader().last_seq().map_or(0, |seq| seq.0);
        let gauges = [
            (
                "queue_requests",
                "Requests that wait to be decided",
                number(self.ledger.waiting()),
            ),
            (
                "log_position",
                "Sequence number of the last record",
                position,
            ),
            (
                "accepting",
                "1 while commands are accepted, 0 once the disk failed",
                u64::from(is_accepting),
            ),
            (
                "retained_correlation_bytes",
                "Memory held to know correlation ids again",
                number(retained.correlation_bytes),
            ),
            (
                "retained_triplet_bytes",
                "Memory held to know triplets again",
                number(retained.triplet_bytes),
            ),
            (
                "retained_history_bytes",
                "Memory held for the histories of accounts",
                number(retained.history_bytes),
            ),
            (
                "http_calls_under_way",
                "Calls that are not answered yet",
                u64::from(self.limits.calls()),
            ),
            (
                "http_connections",
                "Connections that are open",
                number(self.door.open()),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let appended = self.ledger.appended();
        let counters = [
            (
                "http_connections_refused",
                "Connections that were closed at once, there being too many",
                self.door.refused(),
            ),
            (
                "log_appends",
                "Appends to the log, each with a sync",
                appended.appends,
            ),
            (
                "log_appended_records",
                "Records of all appends; for each append, the size of a batch",
                appended.records,
            ),
            ("log_appended_bytes", "Bytes of all appends", appended.bytes),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let seconds = ConstCounter::new(appended.took.as_secs_f64());
        let metric = encoder.encode_descriptor(
            "log_append_seconds",
            "Time that all appends took, with their syncs",
            None,
            seconds.metric_type(),
        )?;
        seconds.encode(metric)
    }
}
