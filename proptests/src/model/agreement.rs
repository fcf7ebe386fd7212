//! Whether the engine's answer is the one the model expects.

use ledger_core::decide::{Accepted, Answer};
use ledger_core::rejection::Rejection;

use super::Expected;

/// Compares an answer with what the model expects.
///
/// # Errors
/// What differs.
pub fn agreement(answer: &Answer, expected: &Expected) -> Result<(), String> {
    let agree = match (&answer.outcome, expected) {
        (
            Ok(accepted),
            Expected::Accepted {
                operation,
                account,
                pending,
                authorization,
                seq,
                replayed,
            },
        ) => {
            let expected = Accepted {
                operation: *operation,
                account: *account,
                pending: *pending,
                authorization: *authorization,
            };
            *accepted == expected && answer.seq == Some(*seq) && answer.replayed == *replayed
        }
        (
            Err(refusal),
            Expected::Refused {
                rejection: expected,
                standing: expected_standing,
                seq,
                replayed,
            },
        ) => {
            same_rejection(&refusal.rejection, expected)
                && refusal.standing == *expected_standing
                && answer.seq == *seq
                && answer.replayed == *replayed
        }
        (Err(refusal), Expected::Mismatch { fields }) => {
            matches!(&refusal.rejection, Rejection::IdempotencyPayloadMismatch { field }
                if fields.contains(&field.as_str()))
                && !answer.replayed
                && answer.seq.is_none()
        }
        (Ok(_) | Err(_), _) => false,
    };
    if agree {
        Ok(())
    } else {
        Err(format!("{answer:?} where the model has {expected:?}"))
    }
}

fn same_rejection(rejection: &Rejection, expected: &Rejection) -> bool {
    // Of a malformed field, the text for people is not compared.
    let is_malformed = matches!(rejection, Rejection::InvalidRequest { .. });
    rejection.code() == expected.code()
        && rejection.field() == expected.field()
        && (is_malformed || rejection == expected)
}
