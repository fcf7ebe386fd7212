//! Every code an answer can have, with its HTTP status: the one table that answers and documents are made of.

/// A code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// As it is written.
    pub code: &'static str,
    /// The HTTP status of answers that have it.
    pub status: u16,
    /// When it is given.
    pub meaning: &'static str,
}

const fn code(code: &'static str, status: u16, meaning: &'static str) -> Code {
    Code {
        code,
        status,
        meaning,
    }
}

/// Every code, by status and name. Source of those of refusals: specification, catalogue 4.3.
pub const CODES: &[Code] = &[
    code(
        "ADJUSTMENT_REASON_NOT_ALLOWED",
        400,
        "the issuer does not allow the balance adjustment reason",
    ),
    code(
        "ADJUSTMENT_REASON_REQUIRED",
        400,
        "an adjusted fee has no reason",
    ),
    code(
        "AMOUNT_FORBIDDEN_FOR_FULL",
        400,
        "a full reimbursement names an amount",
    ),
    code(
        "AMOUNT_OUT_OF_RANGE",
        400,
        "the amount is beyond 10^15 minor units",
    ),
    code("AMOUNT_SIGN_INVALID", 400, "the amount has the wrong sign"),
    code("AMOUNT_ZERO", 400, "the amount is zero"),
    code(
        "BONUS_AMOUNT_CHOICE",
        400,
        "both or neither of money and points are given",
    ),
    code(
        "CORRELATION_ID_REQUIRED",
        400,
        "the command has no correlation id, and the service insists on one",
    ),
    code(
        "CURRENCY_MISMATCH",
        400,
        "the amount is not in the account's currency",
    ),
    code(
        "EXTERNAL_DATE_IN_FUTURE",
        400,
        "the external operation date lies too far ahead",
    ),
    code(
        "FEE_TYPE_NOT_ALLOWED",
        400,
        "the product does not allow the fee type",
    ),
    code(
        "INTEREST_TYPE_INVALID",
        400,
        "the interest type is neither CREDIT nor DEBIT",
    ),
    code(
        "INTEREST_TYPE_SIGN_MISMATCH",
        400,
        "the sign of the amount contradicts the interest type",
    ),
    code(
        "INVALID_CORRELATION_ID",
        400,
        "the correlation id is too long or unprintable",
    ),
    code(
        "INVALID_EXPONENT",
        400,
        "the exponent is not the currency's",
    ),
    code(
        "INVALID_IBAN",
        400,
        "an IBAN has a wrong shape or wrong check digits",
    ),
    code(
        "INVALID_REQUEST",
        400,
        "a field is missing, unknown, of the wrong type or out of its limits",
    ),
    code(
        "INVALID_REVERSAL_REASON",
        400,
        "the reversal reason is not one that callers may give",
    ),
    code(
        "LOYALTY_UNIT_NOT_ALLOWED",
        400,
        "the bonus program does not count in the unit",
    ),
    code(
        "PAN_NOT_ALLOWED",
        400,
        "a text holds a full card number, or the field for one is given",
    ),
    code("PERIOD_INVALID", 400, "a period ends before it begins"),
    code(
        "REVERSAL_AMOUNT_NOT_ALLOWED",
        400,
        "this kind of operation is reversed in full, without an amount",
    ),
    code(
        "REWARDED_REFERENCE_CHOICE",
        400,
        "the rewarded operation is named in both ways",
    ),
    code(
        "SEARCH_AMOUNT_RANGE_INVALID",
        400,
        "the amounts of a search are of two currencies, or the upper one is less",
    ),
    code(
        "SEARCH_GROUP1_REQUIRED",
        400,
        "no criterion of a search says whose operations are meant",
    ),
    code(
        "SEARCH_GROUP2_EXACTLY_ONE",
        400,
        "a search has both or neither of the two ranges of dates",
    ),
    code(
        "SEARCH_RANGE_INCOMPLETE",
        400,
        "a range of a search has one end only",
    ),
    code(
        "SEARCH_VSC_EXCLUSIVE",
        400,
        "a search names the virtual card in both ways",
    ),
    code(
        "SERVICE_POSTER_RESERVED",
        400,
        "the service poster is one of the platform's own",
    ),
    code(
        "VALUE_DATE_BEFORE_LIMIT",
        400,
        "the value date lies before the issuer's limit",
    ),
    code(
        "VALUE_DATE_TOO_FAR",
        400,
        "the value date lies beyond the issuer's limit",
    ),
    code(
        "UNAUTHORIZED",
        401,
        "there is no bearer token, or it is not valid",
    ),
    code(
        "INSUFFICIENT_SCOPE",
        403,
        "the token does not have the scope of the call",
    ),
    code("ACCOUNT_NOT_FOUND", 404, "the issuer has no such account"),
    code(
        "AUTHORIZATION_NOT_FOUND",
        404,
        "the account has no such authorization message",
    ),
    code(
        "BONUS_PROGRAM_NOT_FOUND",
        404,
        "the issuer has no such bonus program",
    ),
    code(
        "BUSINESS_CASE_NOT_FOUND",
        404,
        "the account has no such business case",
    ),
    code(
        "ISSUER_NOT_FOUND",
        404,
        "there is no such issuer, or the caller may not see it",
    ),
    code("NOT_FOUND", 404, "there is nothing at this path"),
    code(
        "OFFLINE_RESERVATION_NOT_FOUND",
        404,
        "the account has no such offline reservation",
    ),
    code(
        "OPERATION_NOT_FOUND",
        404,
        "the account has no such operation",
    ),
    code(
        "ORIGINAL_OPERATION_NOT_FOUND",
        404,
        "the matching triplet names no operation of the account",
    ),
    code("PRODUCT_NOT_FOUND", 404, "the issuer has no such product"),
    code(
        "REWARDED_OPERATION_NOT_FOUND",
        404,
        "the hierarchy has no such operation",
    ),
    code(
        "METHOD_NOT_ALLOWED",
        405,
        "the path is not called with this method",
    ),
    code(
        "REQUEST_TIMEOUT",
        408,
        "the body did not arrive in time; nothing happened",
    ),
    code(
        "ACCOUNT_ALREADY_EXISTS",
        409,
        "the external reference already names an account",
    ),
    code("ACCOUNT_CLOSED", 409, "the account is closed"),
    code(
        "BALANCE_ALREADY_ZERO",
        409,
        "the balance to be reset is zero already",
    ),
    code(
        "BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT",
        409,
        "the program is neither on the account nor above it",
    ),
    code(
        "BUSINESS_DATE_NOT_ADVANCING",
        409,
        "the business date is there already or later, or another command would move it",
    ),
    code(
        "DUPLICATE_EXTERNAL_TRIPLET",
        409,
        "the triplet already names an operation of the issuer",
    ),
    code(
        "DUPLICATE_OFFLINE_RESERVATION",
        409,
        "the reference already names an offline reservation of the issuer",
    ),
    code(
        "DUPLICATE_TRANSACTION_ID",
        409,
        "the transaction id already names an authorization message of the issuer",
    ),
    code(
        "HIERARCHY_TOO_DEEP",
        409,
        "the hierarchy has too many levels",
    ),
    code(
        "INSUFFICIENT_OPEN_TO_BUY",
        409,
        "the operation is more than may be spent",
    ),
    code(
        "INSUFFICIENT_OWN_FUNDS",
        409,
        "the reservation is more than the account's own free funds",
    ),
    code(
        "MONETARY_BONUS_NOT_ALLOWED",
        409,
        "the program pays in points only",
    ),
    code(
        "OFFLINE_RESERVATION_NOT_ACTIVE",
        409,
        "the offline reservation was cancelled already",
    ),
    code(
        "OPERATION_ALREADY_REVERSED",
        409,
        "nothing of the original remains to be reversed",
    ),
    code(
        "ORIGINAL_KIND_MISMATCH",
        409,
        "the original is of another kind or fee type",
    ),
    code(
        "POSITION_NOT_REACHED",
        409,
        "the log does not reach the position asked for",
    ),
    code(
        "REIMBURSEMENT_EXCEEDS_ALLOWED",
        409,
        "the reimbursement is more than may be paid out",
    ),
    code(
        "RESERVE_NOT_ACTIVE",
        409,
        "the business case reserves nothing that could be changed",
    ),
    code(
        "REVERSAL_EXCEEDS_REMAINING",
        409,
        "the part to reverse is more than remains",
    ),
    code(
        "REVERSAL_NOT_REVERSIBLE",
        409,
        "the original is itself a reversal",
    ),
    code(
        "WORKING_MODE_MISMATCH",
        409,
        "the working mode of the account does not allow this",
    ),
    code(
        "REQUEST_TOO_LARGE",
        413,
        "the body has too many bytes, or too many lines",
    ),
    code(
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "the body is not of the type that the path takes",
    ),
    code(
        "IDEMPOTENCY_PAYLOAD_MISMATCH",
        422,
        "the correlation id was used before with another field",
    ),
    code(
        "BUSY",
        429,
        "too many requests are waiting; nothing happened",
    ),
    code(
        "RATE_LIMITED",
        429,
        "the client calls too often, or has too many calls under way; nothing happened",
    ),
    code(
        "INTERNAL_ERROR",
        500,
        "something is wrong with the service or its disk",
    ),
    code(
        "OUTCOME_UNKNOWN",
        503,
        "the disk failed while this was written; send it again after a restart",
    ),
    code(
        "SERVICE_UNAVAILABLE",
        503,
        "nothing is accepted since the disk failed; nothing happened",
    ),
];

/// The HTTP status of a code; an unlisted one is the service's own fault.
#[must_use]
pub fn status_of(code: &str) -> u16 {
    CODES
        .iter()
        .find(|known| known.code == code)
        .map_or(500, |known| known.status)
}
