//! Posts a fee, reverses it, and reads the balance.

use ledger_api::Ledger;
use ledger_core::command::AccountSelector;
use ledger_core::text::ExternalReference;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ledger = Ledger::open("ledger-data")?;
    // An issuer, a product and an account; then a fee and its reversal.
    for line in include_str!("quickstart.jsonl").lines() {
        println!("{:?}", ledger.execute(line)?.outcome);
    }
    let account = AccountSelector::External(ExternalReference::new("A1")?);
    let balance = ledger.balance(None, &account, None, None)?;
    println!("{:?} {:?}", balance.account_balance, balance.open_to_buy);
    ledger.close()?;
    Ok(())
}
