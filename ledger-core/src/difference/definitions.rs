//! Issuers, products, bonus programs, and accounts as they are opened.

use super::first;
use crate::command::{ConfigureIssuer, DefineBonusProgram, DefineProduct, OpenAccount};

pub(super) fn configure_issuer(a: &ConfigureIssuer, b: &ConfigureIssuer) -> Option<&'static str> {
    let ConfigureIssuer {
        time_zone,
        business_date,
        reversal_value_dating,
        accounting_script,
        balance_adjustment_reasons,
        value_date_ahead_days_max,
        value_date_back_days_max,
    } = a;
    first(&[
        ("timeZone", *time_zone == b.time_zone),
        ("businessDate", *business_date == b.business_date),
        (
            "reversalValueDating",
            *reversal_value_dating == b.reversal_value_dating,
        ),
        (
            "accountingScript",
            *accounting_script == b.accounting_script,
        ),
        (
            "balanceAdjustmentReasons",
            *balance_adjustment_reasons == b.balance_adjustment_reasons,
        ),
        (
            "maxForwardValueDays",
            *value_date_ahead_days_max == b.value_date_ahead_days_max,
        ),
        (
            "maxBackValueDays",
            *value_date_back_days_max == b.value_date_back_days_max,
        ),
    ])
}

pub(super) fn define_product(a: &DefineProduct, b: &DefineProduct) -> Option<&'static str> {
    let DefineProduct {
        reference,
        currency,
        working_mode,
        fee_types,
        default_credit_limit,
    } = a;
    first(&[
        ("productReference", *reference == b.reference),
        ("currency", *currency == b.currency),
        ("workingMode", *working_mode == b.working_mode),
        ("feeTypes", *fee_types == b.fee_types),
        (
            "defaultCreditLimitAmount",
            *default_credit_limit == b.default_credit_limit,
        ),
    ])
}

pub(super) fn define_bonus_program(
    a: &DefineBonusProgram,
    b: &DefineBonusProgram,
) -> Option<&'static str> {
    let DefineBonusProgram {
        reference,
        monetary,
        loyalty_units,
    } = a;
    first(&[
        ("bonusProgramReference", *reference == b.reference),
        ("monetary", *monetary == b.monetary),
        ("loyaltyUnits", *loyalty_units == b.loyalty_units),
    ])
}

pub(super) fn open_account(a: &OpenAccount, b: &OpenAccount) -> Option<&'static str> {
    let OpenAccount {
        external_reference,
        product,
        credit_limit,
        parent,
        parent_reference,
        bonus_programs,
        no_parent_notification,
        no_otb_check,
        paying,
    } = a;
    first(&[
        (
            "issuerAccountExternalReference",
            *external_reference == b.external_reference,
        ),
        ("productReference", *product == b.product),
        ("creditLimitAmount", *credit_limit == b.credit_limit),
        ("parentExternalReference", *parent == b.parent),
        (
            "parentAccountReference",
            *parent_reference == b.parent_reference,
        ),
        (
            "bonusProgramReferences",
            *bonus_programs == b.bonus_programs,
        ),
        (
            "noParentNotification",
            *no_parent_notification == b.no_parent_notification,
        ),
        ("noOtbCheck", *no_otb_check == b.no_otb_check),
        ("payingAccountType", *paying == b.paying),
    ])
}
