//! How a report is shown.

use std::io::{self, Write};

use ledger_api::bench::report::Report;
use serde::Serialize;

use super::directory::Directory;
use crate::cli::table::{Columns, write as write_table};

/// The report with how to get it again.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    pub(super) report: &'a Report,
    pub(super) command: String,
}

impl Shown<'_> {
    /// Writes the report for people.
    pub(super) fn describe(&self, directory: &Directory, out: &mut impl Write) -> io::Result<()> {
        let Self { report, command } = self;
        let plan = &report.plan;
        let machine = &report.machine;
        writeln!(
            out,
            "{}, {} cpus, {} MiB; {}; {}; load average before {:.2}",
            machine.cpu,
            machine.cpus,
            machine.memory_bytes >> 20,
            machine.kernel,
            machine.file_system,
            machine.load_before,
        )?;
        writeln!(out, "ledger {}: {command}", report.version)?;
        writeln!(
            out,
            "{} operations on {} accounts ({} of them on one): {} accepted, {} sent again; \
         {} clients, {} at a time, each waiting for its answers",
            plan.operations,
            plan.accounts,
            plan.hot,
            report.accepted,
            report.repeated,
            plan.clients,
            plan.batch,
        )?;
        writeln!(out, "{}: {}", plan.store, report.durability)?;
        match directory {
            Directory::Given { path, .. } => {
                writeln!(out, "the ledger is in {}\n", path.display())?
            }
            Directory::Made(made) => {
                writeln!(out, "the ledger was in {}\n", made.path().display())?;
            }
        }
        let columns = Columns {
            headings: &["what", "", "unit"],
            numbers: &[1],
        };
        write_table(out, &columns, rows(report))?;
        writeln!(
            out,
            "\nAlone means on one thread; appending alone includes encoding and framing. Every answer, \
         every balance\nand the recovered ledger were as predicted."
        )
    }
}

fn rows(report: &Report) -> Vec<Vec<String>> {
    let latency = &report.batch_latency_micros;
    let (balance, last) = (&report.balance_micros, &report.last50_operations_micros);
    let row =
        |what: &str, figure: String, unit: &str| vec![what.to_owned(), figure, unit.to_owned()];
    let per_second = |what, figure: u64| row(what, figure.to_string(), "operations a second");
    let micros = |what, figure: f64| row(what, format!("{figure:.1}"), "µs");
    let bytes = |what, figure: f64| row(what, format!("{figure:.0}"), "bytes an operation");
    vec![
        per_second("deciding alone, in memory", report.decide_only_per_second),
        per_second("appending the same alone", report.append_only_per_second),
        per_second("both, durable and answered", report.durable_per_second),
        micros("a batch, p50", latency.p50),
        micros("a batch, p99", latency.p99),
        micros("a batch, p99.9", latency.p999),
        row(
            "processor time, all threads",
            format!("{:.2}", report.cpu_seconds_per_million),
            "s a million operations",
        ),
        bytes("on disk", report.disk_bytes_per_operation),
        bytes("in memory", report.retained_bytes_per_operation),
        row(
            "opening after kill -9",
            format!("{:.2}", report.recovery_seconds),
            "s",
        ),
        row("checkpoints", report.checkpoint_bytes.to_string(), "bytes"),
        micros("balance, p50", balance.p50),
        micros("balance, p99", balance.p99),
        micros("last 50 operations, p50", last.p50),
        micros("last 50 operations, p99", last.p99),
    ]
}
