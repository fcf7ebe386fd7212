//! The published description is the one that is kept in the repository, so that a change of it is seen.

use expect_test::expect_file;
use ledger_api::http::description;

/// After a change that is meant: `UPDATE_EXPECT=1 cargo test -p ledger-api --test it openapi`.
#[test]
fn the_description_in_the_repository_is_the_one_that_is_served() {
    let description = serde_json::to_string_pretty(&description()).expect("it is JSON");
    expect_file!["../../openapi.json"].assert_eq(&(description + "\n"));
}
