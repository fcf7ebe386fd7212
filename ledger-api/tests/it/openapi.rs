//! The published description is the one that is kept in the repository, so that a change of it is seen.

use std::fs;
use std::path::Path;

use ledger_api::http::description;

/// After a change that is meant: `UPDATE_EXPECT=1 cargo test -p ledger-api --test it openapi`.
#[test]
fn the_description_in_the_repository_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let served = serde_json::to_string_pretty(&description()).expect("it is JSON") + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &served).expect("the description is written");
    }
    let kept = fs::read_to_string(&path).expect("the description is kept");
    // The first line that differs, since the whole has thousands.
    let differs = (1..).zip(kept.lines().zip(served.lines()));
    let differs = differs
        .map(|(number, (kept, served))| (number, kept, served))
        .find(|(_, kept, served)| kept != served);
    assert_eq!(differs, None, "line, as kept, as served");
    assert!(kept == served, "one is the beginning of the other");
}
