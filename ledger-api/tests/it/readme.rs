//! The README shows what is compiled and what runs.

const README: &str = include_str!("../../../README.md");

#[test]
fn the_program_in_the_readme_is_the_example() {
    let example = include_str!("../../examples/quickstart.rs");
    assert!(README.contains(&format!("```rust\n{example}```")));
    assert!(example.lines().count() <= 20);
}

#[test]
fn the_example_posts_reverses_and_ends_at_zero() {
    let ledger = ledger_api::Ledger::in_memory(ledger_api::clock::now);
    for line in include_str!("../../examples/quickstart.jsonl").lines() {
        ledger
            .execute(line)
            .expect("an answer")
            .outcome
            .expect("accepted");
    }
    let account = &ledger.accounts()[0];
    assert_eq!((account.account_balance.value, account.operations), (0, 2));
}

#[test]
fn every_line_that_shows_the_replay_format_is_applied() {
    let page = include_str!("../../../docs/replay-format.md");
    let from = page.find("```json\n").expect("the block") + "```json\n".len();
    let block = &page[from..];
    let lines = block[..block.find("```").expect("its end")].lines();
    let ledger = ledger_api::Ledger::in_memory(ledger_api::clock::now);
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let source = ledger_api::replay::Source::File;
    let summary = ledger_api::replay::replay(&ledger, text.as_bytes(), source, |_, _| Ok(()));
    let summary = summary.expect("it runs");
    assert_eq!((summary.lines, summary.applied), (5, 5));
    assert_eq!(
        (summary.expectations_checked, summary.expectations_failed),
        (1, 0)
    );
    // The README shows some of them.
    let shown = README.split("```json\n").nth(1).expect("a block");
    let shown = shown.split("```").next().expect("its end");
    assert!(shown.lines().count() >= 2);
    for line in shown.lines() {
        assert!(page.contains(line), "{line}");
    }
}
