//! Posts a fee, reverses it, and reads the balance.

use ledger_api::Ledger;
use ledger_core::command::AccountSelector;
use ledger_core::text::ExternalReference;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "ledger-data".to_owned());
    let ledger = Ledger::open(dir)?;
    for line in [
        r#"{"issuerId":"wl","correlationId":"1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin"}}"#,
        r#"{"issuerId":"wl","correlationId":"2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}"#,
        r#"{"issuerId":"wl","correlationId":"3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":1000000,"exponent":2,"isoCode":"EUR"}}}"#,
        r#"{"issuerId":"wl","correlationId":"4","command":"post-fee-operation","account":{"issuerAccountExternalReference":"A1"},"body":{"feeType":"MANUAL_FEE","referenceAmount":{"value":1500,"exponent":2,"isoCode":"EUR"},"externalOperationDate":"2023-01-02T14:20:34.715Z","externalOperationReference":"1234F123456","externalOperationServicePoster":"ISSUER"}}"#,
        r#"{"issuerId":"wl","correlationId":"5","command":"reverse-fee-operation","account":{"issuerAccountExternalReference":"A1"},"body":{"reversalReason":"REVERSAL_ON_DEMAND","externalMatchingOperationDate":"2023-01-02T14:20:34.715Z","externalMatchingOperationReference":"1234F123456","externalMatchingOperationServicePoster":"ISSUER","externalOperationDate":"2023-01-02T14:56:16.402Z","externalOperationReference":"1234R123456","externalOperationServicePoster":"ISSUER"}}"#,
    ] {
        println!("{:?}", ledger.execute(line)?.outcome);
    }
    let account = AccountSelector::External(ExternalReference::new("A1")?);
    let balance = ledger.balance(None, &account, None, None)?;
    println!(
        "balance {} open to buy {:?}",
        balance.account_balance.value, balance.open_to_buy
    );
    Ok(ledger.close()?)
}
