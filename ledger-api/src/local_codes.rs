//! The codes that only the library and the command line give. Those of the HTTP service, which the two give as
//! well, are in [`crate::http::codes`].

/// Each code, by name, and when it is given.
pub const LOCAL_CODES: &[(&str, &str)] = &[
    (
        "ANSWER_UNREADABLE",
        "a service answers what is not an answer of a ledger",
    ),
    (
        "BENCH_FAILED",
        "a stage of a benchmark ended without a result; it has said why",
    ),
    (
        "FILE_CHANGED",
        "a kept head or a proof is not as it was written",
    ),
    (
        "FILE_UNREADABLE",
        "a file that should hold a kept head or a proof holds something else",
    ),
    (
        "FILE_UNSUPPORTED_VERSION",
        "a kept head or a proof is of a version that this program does not know",
    ),
    (
        "IMPORT_REFUSED",
        "a line of an export is wrong; nothing was imported",
    ),
    (
        "INVALID_CONFIGURATION",
        "the configuration of the service, or a key or certificate it names, is wrong",
    ),
    (
        "IO",
        "a file, the input, the output or an address cannot be used",
    ),
    (
        "ISSUER_REQUIRED",
        "an account is named by its issuer's reference, and no issuer is given",
    ),
    ("LEDGER_NOT_FOUND", "there is no ledger in the directory"),
    (
        "LOG_ENDS_BEFORE_HEAD",
        "the log ends before the head that was kept",
    ),
    (
        "LOG_NOT_OF_HEAD",
        "the log has other records than the head that was kept",
    ),
    (
        "PROOF_OF_OTHER_HEAD",
        "a proof is of another head than the one that was kept",
    ),
    ("PROOF_REFUTED", "a proof does not hold"),
    (
        "PROOF_VIEW_EDITED",
        "what a proof shows is not what it proves",
    ),
    ("RECORD_NOT_FOUND", "the log has no such record"),
    ("SERVICE_UNREACHABLE", "nobody answers at the address"),
    (
        "STORE_BLOCK_FULL",
        "a block has no room for another record; it is for who writes a log itself",
    ),
    ("STORE_CLOSED", "the log was closed while it was read"),
    (
        "STORE_DAMAGED",
        "something on disk is not what was written there",
    ),
    (
        "STORE_IO",
        "the operating system refused something on a file of the ledger",
    ),
    (
        "STORE_KIND_MISMATCH",
        "the log is kept in another store than the one asked for",
    ),
    (
        "STORE_LOCKED",
        "another process has the ledger open, and did not answer in its place",
    ),
    (
        "STORE_NEEDS_OS",
        "the store opens its files itself, and cannot on the disk it was given",
    ),
    (
        "STORE_NOT_CHAINED",
        "a block was not sealed onto the last one of the log",
    ),
    (
        "STORE_NOT_CONTIGUOUS",
        "a block does not begin where the log ends",
    ),
    ("STORE_OPEN_TIMED_OUT", "opening a file made no progress"),
    (
        "STORE_OTHER_LOG",
        "a directory has another log than the one it should be a part of",
    ),
    (
        "STORE_POISONED",
        "an earlier write failed; nothing is written until the ledger is opened anew",
    ),
    (
        "STORE_RECORD_TOO_LARGE",
        "a record is longer than a block may hold",
    ),
    (
        "STORE_UNSUPPORTED_VERSION",
        "something on disk is of a version that this program does not know",
    ),
    (
        "STORE_WRITER_DIED",
        "a thread of the writer ended by a defect of this program",
    ),
    (
        "WRONG_RESULT",
        "a benchmark found another result than what its operations come to",
    ),
];
