//! Runs one test of this binary in a process of its own, to see what reaches standard error.

use std::process::Command;

/// Checks that the test passes and that no text of a panic is seen while it does.
pub(crate) fn check(name: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}
