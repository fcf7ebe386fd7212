//! In which fields two commands differ: each is written out as a list of named texts, and the lists
//! are laid side by side.

use std::fmt::Debug;

use ledger_core::command::{AccountAction, Command, PostDetail, PostTransaction, Request, Triplet};
use ledger_core::labels::TransactionLabel;

use super::{Line, Model, action_of};

type Fields = Vec<(&'static str, String)>;

impl Model {
    /// Names of the fields in which a submitted command differs from a recorded one.
    pub(super) fn differing(
        &self,
        line: usize,
        submitted: &Request,
        account: Option<usize>,
    ) -> Vec<&'static str> {
        let Line {
            request,
            account: recorded_account,
            ..
        } = &self.lines[line];
        let mut fields = differences(fields_of(&request.command), fields_of(&submitted.command));
        if fields != ["command"] {
            fields.extend(differing_annotations(request, submitted));
        }
        if let (Command::OnAccount(_), Command::OnAccount(_)) =
            (&request.command, &submitted.command)
            && fields != ["command"]
            && account != *recorded_account
        {
            fields.push("account");
        }
        fields
    }

    /// Whether an action asks for exactly the operation of a line.
    pub(super) fn is_same_operation(
        &self,
        line: usize,
        submitted: &Request,
        action: &AccountAction,
        account: usize,
    ) -> bool {
        let line = &self.lines[line];
        let mut fields = differences(fields_of_action(action_of(line)), fields_of_action(action));
        fields.extend(differing_annotations(&line.request, submitted));
        line.account == Some(account) && fields.is_empty()
    }
}

/// Who gave the command, and whence, is not compared.
fn differing_annotations(a: &Request, b: &Request) -> Vec<&'static str> {
    let of = |request: &Request| {
        let notes = request.annotations.as_deref().cloned().unwrap_or_default();
        vec![
            ("annotations", String::new()),
            ("specificFields", text(&notes.specific_fields)),
            ("printOnStatement", text(&notes.print_on_statement)),
            ("destinationIban", text(&notes.destination_iban)),
        ]
    };
    differences(of(a), of(b))
}

fn differences(a: Fields, b: Fields) -> Vec<&'static str> {
    if a[0] != b[0] {
        return vec!["command"];
    }
    assert_eq!(
        a.len(),
        b.len(),
        "commands of one name have the same fields"
    );
    a.into_iter()
        .zip(b)
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.0)
        .collect()
}

fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// The command's name first, then its fields. How the account was named is not one of them: two names
/// of one account are the same account.
fn fields_of(command: &Command) -> Fields {
    match command {
        Command::ConfigureIssuer(c) => vec![
            ("command", "configure-issuer".to_owned()),
            ("timeZone", text(&c.time_zone)),
            ("businessDate", text(&c.business_date)),
            ("reversalValueDating", text(&c.reversal_value_dating)),
            ("accountingScript", text(&c.accounting_script)),
            (
                "balanceAdjustmentReasons",
                text(&c.balance_adjustment_reasons),
            ),
            ("maxForwardValueDays", text(&c.value_date_ahead_days_max)),
            ("maxBackValueDays", text(&c.value_date_back_days_max)),
        ],
        Command::DefineProduct(p) => vec![
            ("command", "define-product".to_owned()),
            ("productReference", text(&p.reference)),
            ("currency", text(&p.currency)),
            ("workingMode", text(&p.working_mode)),
            ("feeTypes", text(&p.fee_types)),
            ("defaultCreditLimitAmount", text(&p.default_credit_limit)),
        ],
        Command::DefineBonusProgram(p) => vec![
            ("command", "define-bonus-program".to_owned()),
            ("bonusProgramReference", text(&p.reference)),
            ("monetary", text(&p.monetary)),
            ("loyaltyUnits", text(&p.loyalty_units)),
        ],
        Command::AdvanceBusinessDate(a) => vec![
            ("command", "advance-business-date".to_owned()),
            ("businessDate", text(&a.business_date)),
        ],
        Command::OpenAccount(o) => vec![
            ("command", "open-account".to_owned()),
            (
                "issuerAccountExternalReference",
                text(&o.external_reference),
            ),
            ("productReference", text(&o.product)),
            ("creditLimitAmount", text(&o.credit_limit)),
            ("parentExternalReference", text(&o.parent)),
            ("parentAccountReference", text(&o.parent_reference)),
            ("bonusProgramReferences", text(&o.bonus_programs)),
            ("noParentNotification", text(&o.no_parent_notification)),
            ("noOtbCheck", text(&o.no_otb_check)),
            ("payingAccountType", text(&o.paying)),
        ],
        Command::OnAccount(on) => {
            let mut fields = fields_of_action(&on.action);
            fields.push(("postingDate", text(&on.posting_date)));
            fields
        }
    }
}

fn fields_of_action(action: &AccountAction) -> Fields {
    match action {
        AccountAction::SetCreditLimit(change) => vec![
            ("command", "set-credit-limit".to_owned()),
            ("creditLimitAmount", text(&change.credit_limit)),
        ],
        AccountAction::Close => vec![("command", "close".to_owned())],
        AccountAction::Post(p) => {
            let mut fields = vec![
                ("command", format!("post {}", p.detail.kind().code())),
                ("referenceAmount", text(&p.reference_amount)),
                ("valueDate", text(&p.value_date)),
                ("description", text(&p.description)),
                ("externalOperationCode", text(&p.external_code)),
            ];
            fields.extend(fields_of_detail(&p.detail));
            fields.extend(fields_of_triplet("external", &p.triplet));
            fields
        }
        AccountAction::Reverse(r) => {
            let mut fields = vec![
                ("command", format!("reverse {}", r.kind.code())),
                ("referenceAmount", text(&r.reference_amount)),
                ("reversalReason", text(&r.reversal_reason)),
                ("feeType", text(&r.fee_type)),
                ("description", text(&r.description)),
                ("externalOperationCode", text(&r.external_code)),
            ];
            fields.extend(fields_of_triplet("external", &r.triplet));
            fields.extend(fields_of_triplet("matching", &r.matching));
            fields
        }
        AccountAction::RecordAuthorization(m) => vec![
            ("command", "record-authorization".to_owned()),
            ("transactionId", text(&m.transaction_id)),
            ("businessCaseId", text(&m.business_case)),
            ("transactionType", text(&m.transaction_type)),
            ("transactionSubType", text(&m.sub_type)),
            ("financialType", text(&m.financial_type)),
            ("totalBillingAmount", text(&m.billing_amount)),
            ("totalAmount", text(&m.transaction_amount)),
            ("transactionDate", text(&m.transaction_date)),
            ("resultType", text(&m.result_type)),
            ("resultCode", text(&m.result_code)),
            ("approvalCode", text(&m.approval_code)),
            ("reserveExpiryDate", text(&m.reserve_expiry_date)),
            ("merchantCategoryCode", text(&m.merchant_category_code)),
            ("cardAcceptorName", text(&m.card_acceptor_name)),
            ("cardAcceptorCity", text(&m.card_acceptor_city)),
            ("cardAcceptorCountry", text(&m.card_acceptor_country)),
            ("cardAcceptorIdCode", text(&m.card_acceptor_id_code)),
            ("cardReference", text(&m.card_reference)),
            ("maskedPan", text(&m.masked_pan)),
        ],
        AccountAction::CreateOfflineReservation(r) => vec![
            ("command", "create-offline-reservation".to_owned()),
            ("offlineReservationReference", text(&r.reference)),
            ("amount", text(&r.amount)),
        ],
        AccountAction::CancelOfflineReservation(r) => vec![
            ("command", "cancel-offline-reservation".to_owned()),
            ("offlineReservationReference", text(&r.reference)),
        ],
    }
}

fn fields_of_detail(detail: &PostDetail) -> Fields {
    match detail {
        PostDetail::Fee(fee) => vec![
            ("feeType", text(&fee.fee_type)),
            ("subFeeType", text(&fee.sub_fee_type)),
            ("frequency", text(&fee.frequency)),
            ("adjustment", text(&fee.adjustment)),
            ("adjustmentReason", text(&fee.adjustment_reason)),
        ],
        PostDetail::Bonus(bonus) => vec![
            ("bonusProgramReference", text(&bonus.program)),
            ("loyaltyPointAmount", text(&bonus.points)),
            (
                "rewardedOperationIdentifier",
                text(&bonus.rewarded_operation),
            ),
            (
                "rewardedExternalMatchingOperationDate",
                text(&bonus.rewarded_triplet.as_ref().map(|triplet| triplet.date)),
            ),
            (
                "rewardedExternalMatchingOperationReference",
                text(
                    &bonus
                        .rewarded_triplet
                        .as_ref()
                        .map(|triplet| &triplet.reference),
                ),
            ),
            (
                "rewardedExternalMatchingOperationServicePoster",
                text(
                    &bonus
                        .rewarded_triplet
                        .as_ref()
                        .map(|triplet| &triplet.service_poster),
                ),
            ),
        ],
        PostDetail::Interest(interest_type) => vec![("interestType", text(interest_type))],
        PostDetail::Payment(payment) | PostDetail::Load(payment) => vec![
            ("paymentChannel", text(&payment.channel)),
            ("paymentReason", text(&payment.reason)),
            ("sepa", text(&payment.sepa)),
        ],
        PostDetail::BalanceAdjustment { reason } => {
            vec![("balanceAdjustmentReason", text(reason))]
        }
        PostDetail::Reimbursement(how) => vec![("reimbursementType", text(how))],
        PostDetail::Unload | PostDetail::ResetBalance => Vec::new(),
        PostDetail::Transaction(t) => fields_of_transaction(t, None),
        PostDetail::Clearing(c) => {
            let clearing = (text(&c.business_case), text(&c.is_final));
            fields_of_transaction(&c.transaction, Some(clearing))
        }
    }
}

/// A transaction without a business case differs from one with it in the case alone.
fn fields_of_transaction(t: &PostTransaction, clearing: Option<(String, String)>) -> Fields {
    let (case, is_final) = clearing.unwrap_or_default();
    let label = |label| text(&t.labels.get(label));
    vec![
        ("operationCode", text(&t.operation_code)),
        ("transactionAmount", text(&t.transaction_amount)),
        ("transactionDate", text(&t.transaction_date)),
        (
            "merchantCategoryCode",
            label(TransactionLabel::MerchantCategoryCode),
        ),
        (
            "cardAcceptorName",
            label(TransactionLabel::CardAcceptorName),
        ),
        (
            "cardAcceptorCity",
            label(TransactionLabel::CardAcceptorCity),
        ),
        (
            "cardAcceptorCountry",
            label(TransactionLabel::CardAcceptorCountry),
        ),
        (
            "cardAcceptorIdCode",
            label(TransactionLabel::CardAcceptorIdCode),
        ),
        ("approvalCode", label(TransactionLabel::ApprovalCode)),
        (
            "acquirerReferenceData",
            label(TransactionLabel::AcquirerReferenceData),
        ),
        ("cardReference", label(TransactionLabel::CardReference)),
        ("maskedPan", label(TransactionLabel::MaskedPan)),
        ("authorizationBusinessCaseIdentifier", case),
        ("finalClearing", is_final),
    ]
}

fn fields_of_triplet(which: &str, triplet: &Triplet) -> Fields {
    let names = match which {
        "matching" => [
            "externalMatchingOperationDate",
            "externalMatchingOperationReference",
            "externalMatchingOperationServicePoster",
        ],
        _ => [
            "externalOperationDate",
            "externalOperationReference",
            "externalOperationServicePoster",
        ],
    };
    vec![
        (names[0], text(&triplet.date)),
        (names[1], text(&triplet.reference)),
        (names[2], text(&triplet.service_poster)),
    ]
}
