//! What the HTTP service takes over loopback, with tokens and connections that are kept: one posting a call, and
//! thousands a call; and how much of that is HTTP, by calls that are refused for their form after everything but the
//! engine has dealt with them.
//!
//! Service and callers share the machine and the process, each with threads of its own.

mod caller;
mod service;

use std::error::Error;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use ledger_store::StoreKind;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::service::{ISSUER, Service};

type Failure = Box<dyn Error + Send + Sync>;

/// Measures the HTTP service on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// Callers at once, each with a connection of its own.
    #[arg(long, default_value_t = 64)]
    clients: u64,
    /// Accounts that are posted to, in turn.
    #[arg(long, default_value_t = 10_000)]
    accounts: u64,
    /// How long single calls are made, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Operations that are posted in bulk.
    #[arg(long, default_value_t = 2_000_000)]
    bulk_operations: u64,
    /// Operations of a bulk call, at most 10,000.
    #[arg(long, default_value_t = 10_000)]
    bulk_lines: u64,
    /// Callers that post in bulk.
    #[arg(long, default_value_t = 4)]
    bulk_clients: u64,
    /// Store of the log.
    #[arg(long, default_value = "sled")]
    store: StoreKind,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let service = Service::start(args.store)?;
    let callers = runtime()?;
    callers.block_on(async {
        let caller = service.caller().await?;
        caller.set_up(args.accounts).await?;
        println!(
            "{:<34} {:>12} {:>9} {:>9}",
            "", "a second", "p50 µs", "p99 µs"
        );
        for (name, amount, status) in [
            ("refused for its form, no engine", 0, 400),
            ("posted, durable", 1, 200),
        ] {
            let (calls, took, latencies) = singly(&service, &args, amount, status).await?;
            row(name, calls, took, Some(&latencies));
        }
        let (operations, took) = in_bulk(&service, &args).await?;
        let name = format!("posted {} a call, durable", args.bulk_lines);
        row(&name, operations, took, None);
        Ok::<_, Failure>(())
    })?;
    service.stop()
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

fn row(name: &str, count: u64, took: Duration, latencies: Option<&Histogram<u64>>) {
    let rate = u128::from(count) * 1_000_000 / took.as_micros().max(1);
    let quantile = |q| latencies.map_or(String::new(), |of| of.value_at_quantile(q).to_string());
    println!(
        "{name:<34} {rate:>12} {:>9} {:>9}",
        quantile(0.5),
        quantile(0.99)
    );
}

/// Every caller makes one call after the other until the time is over.
async fn singly(
    service: &Service,
    args: &Args,
    amount: i64,
    status: u16,
) -> Result<(u64, Duration, Histogram<u64>), Failure> {
    let mut running = JoinSet::new();
    let begun = Instant::now();
    let until = begun + Duration::from_secs(args.seconds);
    for client in 0..args.clients {
        let mut caller = service.caller().await?;
        let (clients, accounts) = (args.clients, args.accounts);
        running.spawn(async move {
            let mut latencies = Histogram::<u64>::new(3)?;
            for call in 0.. {
                let asked = Instant::now();
                if asked >= until {
                    break;
                }
                let account = (call * clients + client) % accounts;
                let path = format!(
                    "/api/v2/issuers/{ISSUER}/accounts/external-accounts/A{account}/post-fee-operation"
                );
                let body = fee(&format!("{client}-{call}"), amount);
                let told = caller.post(&path, "application/json", body.into()).await?;
                if told.status != status {
                    return Err(format!("{}: {}", told.status, told.text()).into());
                }
                latencies.record(u64::try_from(asked.elapsed().as_micros())?)?;
            }
            Ok::<_, Failure>(latencies)
        });
    }
    let mut latencies = Histogram::<u64>::new(3)?;
    while let Some(of_one) = running.join_next().await {
        latencies.add(of_one??)?;
    }
    Ok((latencies.len(), begun.elapsed(), latencies))
}

/// The calls are written beforehand; what is measured begins with the first.
async fn in_bulk(service: &Service, args: &Args) -> Result<(u64, Duration), Failure> {
    let calls = args.bulk_operations / args.bulk_lines / args.bulk_clients;
    let mut prepared = Vec::new();
    for client in 0..args.bulk_clients {
        let bodies: Vec<String> = (0..calls)
            .map(|call| {
                let lines = (0..args.bulk_lines).map(|line| {
                    let reference = format!("b{client}-{call}-{line}");
                    let account = (line * args.bulk_clients + client) % args.accounts;
                    let body = fee(&reference, 1);
                    format!(
                        r#"{{"issuerId":"{ISSUER}","correlationId":"{reference}","command":"post-fee-operation","account":{{"issuerAccountExternalReference":"A{account}"}},"body":{body}}}"#
                    ) + "\n"
                });
                lines.collect()
            })
            .collect();
        prepared.push((service.caller().await?, bodies));
    }
    let mut running = JoinSet::new();
    let begun = Instant::now();
    for (mut caller, bodies) in prepared {
        running.spawn(async move {
            let mut applied = 0;
            for body in bodies {
                let path = format!("/api/v2/issuers/{ISSUER}/bulk-operations");
                let told = caller
                    .post(&path, "application/x-ndjson", body.into())
                    .await?;
                let lines = told.text();
                applied += u64::try_from(lines.matches(r#""outcome":"APPLIED""#).count())?;
            }
            Ok::<_, Failure>(applied)
        });
    }
    let mut applied = 0;
    while let Some(of_one) = running.join_next().await {
        applied += of_one??;
    }
    let took = begun.elapsed();
    if applied == calls * args.bulk_clients * args.bulk_lines {
        Ok((applied, took))
    } else {
        Err(format!("only {applied} were applied").into())
    }
}

/// The body of a fee; an amount of zero is refused for its form.
fn fee(reference: &str, amount: i64) -> String {
    format!(
        r#"{{"feeType":"ANNUAL","referenceAmount":{{"value":{amount},"exponent":2,"isoCode":"EUR"}},"externalOperationDate":"2024-03-01T10:00:00.000Z","externalOperationReference":"{reference}","externalOperationServicePoster":"ISSUER"}}"#
    )
}
