//! What a figure was measured on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use procfs::process::Process;
use procfs::{CpuInfo, Current as _, LoadAverage, Meminfo};
use serde::Serialize;

use super::BenchError;

/// What a figure was measured on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Model of the processor, as it calls itself.
    pub cpu: String,
    /// Processors this process may use.
    pub cpus: usize,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Kernel.
    pub kernel: String,
    /// File system of the data directory.
    pub file_system: String,
    /// Processes that wanted to run, on average over the minute before: a machine that is not idle is
    /// not measured alone.
    pub load_before: f32,
}

/// File systems that are in memory.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

impl Machine {
    /// This machine, with the file system of an existing directory.
    ///
    /// # Errors
    /// [`BenchError::NotDurable`] when that is in memory; [`BenchError::Io`] when the machine does not
    /// say what it is.
    pub fn of(dir: &Path) -> Result<Self, BenchError> {
        let file_system = file_system(dir)?;
        if IN_MEMORY.contains(&file_system.as_str()) {
            return Err(BenchError::NotDurable {
                path: dir.to_owned(),
                file_system,
            });
        }
        let kernel = "/proc/sys/kernel/osrelease";
        let kernel = fs::read_to_string(kernel).map_err(|source| io_error(kernel, source))?;
        let cpu = CpuInfo::current().ok();
        let cpu = cpu.as_ref().and_then(|cpu| cpu.model_name(0));
        let memory = Meminfo::current().map_err(|error| proc_error("/proc/meminfo", error))?;
        Ok(Self {
            // Some architectures have numbers only.
            cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory.mem_total,
            kernel: format!("Linux {}", kernel.trim()),
            file_system,
            load_before: LoadAverage::current()
                .map_err(|error| proc_error("/proc/loadavg", error))?
                .one,
        })
    }
}

/// The file system mounted deepest above a directory.
fn file_system(dir: &Path) -> Result<String, BenchError> {
    let dir = dir.canonicalize().map_err(|source| io_error(dir, source))?;
    let mounts = Process::myself().and_then(|process| process.mountinfo());
    let mounts = mounts.map_err(|error| proc_error("/proc/self/mountinfo", error))?;
    let deepest = mounts
        .into_iter()
        .filter(|mount| dir.starts_with(&mount.mount_point))
        // Of several in one place, the last one covers the others.
        .max_by_key(|mount| mount.mount_point.components().count());
    Ok(deepest.map_or_else(|| "unknown".to_owned(), |mount| mount.fs_type))
}

fn io_error(path: impl Into<PathBuf>, source: io::Error) -> BenchError {
    let path = path.into();
    BenchError::Io { path, source }
}

fn proc_error(path: &str, error: procfs::ProcError) -> BenchError {
    io_error(path, io::Error::other(error))
}
