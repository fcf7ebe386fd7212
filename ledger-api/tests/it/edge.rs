//! What a line cannot be: every code that is given before the core is asked, with the field it names.

use ledger_api::line;

/// A fee that is right in every part, with `change` made to it.
fn fee(change: impl Fn(&str) -> String) -> String {
    let line = r#"{"issuerId":"wl","correlationId":"c1","command":"post-fee-operation","account":{"issuerAccountExternalReference":"A1"},"postingDate":"2023-01-02T14:20:34Z","body":{"feeType":"MANUAL_FEE","referenceAmount":{"value":1500,"exponent":2,"isoCode":"EUR"},"externalOperationDate":"2023-01-02T14:20:34.715Z","externalOperationReference":"F1","externalOperationServicePoster":"ISSUER","valueDate":"2023-01-02"}}"#;
    change(line)
}

#[test]
fn a_line_as_it_should_be_is_read() {
    line::parse(&fee(str::to_owned)).expect("the line is right");
}

#[test]
fn every_flaw_is_named_by_code_and_field() {
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &str)] = &[
        // what stands in the line        what stands there instead             code                       field
        (r#"{"issuerId""#,                r#"["issuerId""#,                     "INVALID_REQUEST",         ""),
        (r#""issuerId":"wl","#,           "",                                   "INVALID_REQUEST",         "issuerId"),
        (r#""issuerId":"wl""#,            r#""issuerId":7"#,                    "INVALID_REQUEST",         "issuerId"),
        (r#""issuerId":"wl""#,            r#""issuerId":"wl","issuerId":"wl""#, "INVALID_REQUEST",         ""),
        (r#""correlationId":"c1","#,      "",                                   "CORRELATION_ID_REQUIRED", "correlationId"),
        (r#""correlationId":"c1","#,      r#""correlationId":null,"#,           "CORRELATION_ID_REQUIRED", "correlationId"),
        (r#""correlationId":"c1""#,       r#""correlationId":"""#,              "INVALID_CORRELATION_ID",  "correlationId"),
        (r#""correlationId":"c1""#,       r#""correlationId":"a\u0007b""#,      "INVALID_CORRELATION_ID",  "correlationId"),
        (r#""correlationId":"c1""#,       r#""correlationId":"4546172396081630""#, "PAN_NOT_ALLOWED",      "correlationId"),
        ("post-fee-operation",            "post-tip-operation",                 "INVALID_REQUEST",         "command"),
        (r#""command":"post-fee-operation","#, "",                              "INVALID_REQUEST",         "command"),
        (r#""account":{"issuerAccountExternalReference":"A1"},"#, "",           "INVALID_REQUEST",         "account"),
        (r#""issuerAccountExternalReference":"A1""#, "",                        "INVALID_REQUEST",         "account"),
        (r#""issuerAccountExternalReference":"A1""#, r#""accountReference":"1""#, "INVALID_REQUEST",       "account.accountReference"),
        (r#""issuerAccountExternalReference":"A1""#, r#""accountReference":"+0004546172396081631""#, "INVALID_REQUEST", "account.accountReference"),
        (r#""issuerAccountExternalReference":"A1""#, r#""accountReference":"00004546172396081630""#, "PAN_NOT_ALLOWED", "account.accountReference"),
        ("2023-01-02T14:20:34Z",          "2 January",                          "INVALID_REQUEST",         "postingDate"),
        (r#""body":{"#,                   r#""tip":1,"body":{"#,                "INVALID_REQUEST",         "tip"),
        (r#""body":{"#,                   r#""body":{"tip":1,"#,                "INVALID_REQUEST",         "tip"),
        (r#""body":{"#,                   r#""body":{"4546172396081630":1,"#,   "PAN_NOT_ALLOWED",         "?"),
        (r#""feeType":"MANUAL_FEE","#,    "",                                   "INVALID_REQUEST",         "feeType"),
        (r#""feeType":"MANUAL_FEE""#,     r#""feeType":"""#,                    "INVALID_REQUEST",         "feeType"),
        (r#""feeType":"MANUAL_FEE""#,     r#""feeType":"4546 1723 9608 1630""#, "PAN_NOT_ALLOWED",         "feeType"),
        ("\"F1\"",                        "\"4546-1723-9608-1630\"",            "PAN_NOT_ALLOWED",         "externalOperationReference"),
        (r#""value":1500"#,               r#""value":1500.0"#,                  "INVALID_REQUEST",         "referenceAmount.value"),
        (r#""value":1500"#,               r#""value":"1500""#,                  "INVALID_REQUEST",         "referenceAmount.value"),
        (r#""value":1500"#,               r#""value":9223372036854775808"#,     "INVALID_REQUEST",         "referenceAmount.value"),
        (r#""value":1500,"#,              "",                                   "INVALID_REQUEST",         "referenceAmount.value"),
        (r#""exponent":2"#,               r#""exponent":3"#,                    "INVALID_EXPONENT",        "referenceAmount"),
        (r#""isoCode":"EUR""#,            r#""isoCode":"JPY""#,                 "INVALID_EXPONENT",        "referenceAmount"),
        (r#""isoCode":"EUR""#,            r#""isoCode":"EUX""#,                 "INVALID_REQUEST",         "referenceAmount.isoCode"),
        (r#""isoCode":"EUR""#,            r#""isoCode":"EUR","tip":1"#,         "INVALID_REQUEST",         "referenceAmount.tip"),
        ("2023-01-02T14:20:34.715Z",      "2023-01-02T14:20:34.715",            "INVALID_REQUEST",         "externalOperationDate"),
        (r#""externalOperationServicePoster":"ISSUER","#, "",                   "INVALID_REQUEST",         "externalOperationServicePoster"),
        (r#""valueDate":"2023-01-02""#,   r#""valueDate":"2023-02-29""#,        "INVALID_REQUEST",         "valueDate"),
        (r#""valueDate":"2023-01-02""#,   r#""valueDate":"23-1-2""#,            "INVALID_REQUEST",         "valueDate"),
        (r#""valueDate":"2023-01-02""#,   r#""valueDate":"-262143-01-01""#,     "INVALID_REQUEST",         "valueDate"),
        (r#""feeType""#,                  r#""adjustment":1,"feeType""#,        "INVALID_REQUEST",         "adjustment"),
        (r#""feeType""#,                  r#""adjustmentReason":"X","feeType""#, "INVALID_REQUEST",        "adjustmentReason"),
        (r#"-02"}}"#,                     r#"-02"},"expect":{"tip":1}}"#,       "INVALID_REQUEST",         "expect.tip"),
        (r#"-02"}}"#,                     r#"-02"},"body":{}}"#,                "INVALID_REQUEST",         ""),
        ("post-fee-operation",            "post-interest-operation",            "INVALID_REQUEST",         "interestType"),
    ];
    for (from, to, code, field) in table {
        let line = fee(|line| {
            assert!(line.contains(from), "{from} is in the line");
            line.replacen(from, to, 1)
        });
        let rejection = line::parse(&line).expect_err(to);
        assert_eq!(
            (rejection.code(), rejection.field()),
            (*code, *field),
            "{from} -> {to}"
        );
        assert!(!rejection.to_string().contains("4546"), "{rejection}");
    }
}

#[test]
fn a_name_given_twice_is_told_unless_it_may_be_a_card_number() {
    for (name, told) in [
        ("feeType", "feeType"),
        ("4546172396081630", "a field"),
        ("", "a field"),
    ] {
        let line = fee(|line| {
            let twice = format!(r#""body":{{"{name}":1,"{name}":2,"#);
            line.replacen(r#""body":{"#, &twice, 1)
        });
        let rejection = line::parse(&line).expect_err("it is given twice");
        let expected = format!("{told} is given twice");
        assert!(rejection.to_string().contains(&expected), "{rejection}");
    }
}

#[test]
fn interest_is_credit_or_debit() {
    let line = fee(|line| {
        line.replacen("post-fee-operation", "post-interest-operation", 1)
            .replacen(r#""feeType":"MANUAL_FEE""#, r#""interestType":"BOTH""#, 1)
    });
    let rejection = line::parse(&line).expect_err("no such type");
    assert_eq!(
        (rejection.code(), rejection.field()),
        ("INTEREST_TYPE_INVALID", "interestType")
    );
}

#[test]
fn a_correlation_id_of_129_characters_is_too_long() {
    for (length, is_read) in [(128, true), (129, false)] {
        let line = fee(|line| line.replacen("\"c1\"", &format!("\"{}\"", "é".repeat(length)), 1));
        assert_eq!(line::parse(&line).is_ok(), is_read, "{length}");
    }
}

#[test]
fn a_correlation_id_that_is_no_uuid_is_mapped_within_its_issuer() {
    let id = |issuer: &str, text: &str| {
        let line = fee(|line| {
            let line = line.replacen("\"c1\"", &format!("\"{text}\""), 1);
            line.replacen("\"wl\"", &format!("\"{issuer}\""), 1)
        });
        line::parse(&line)
            .expect("the line is right")
            .request
            .correlation
    };
    assert_eq!(id("wl", "c1"), id("wl", "c1"));
    assert_ne!(id("wl", "c1"), id("wl", "c2"));
    assert_ne!(id("wl", "c1"), id("other", "c1"));
    let uuid = "b91d2d16-9fe2-42fb-a4ab-cc3f74a6ba31";
    assert_eq!(id("wl", uuid), id("other", &uuid.to_uppercase()));
}

#[test]
fn points_have_one_value_under_either_of_its_names() {
    let bonus = |points: &str| {
        let line = fee(|line| {
            line.replacen("post-fee-operation", "post-bonus-operation", 1)
                .replacen(
                    r#""feeType":"MANUAL_FEE""#,
                    r#""bonusProgramReference":"BP""#,
                    1,
                )
                .replacen(
                    r#""referenceAmount":{"value":1500,"exponent":2,"isoCode":"EUR"}"#,
                    &format!(r#""loyaltyPointAmount":{{"unit":"POINT",{points}}}"#),
                    1,
                )
        });
        line::parse(&line).map(|line| line.request)
    };
    assert_eq!(bonus(r#""value":-250"#), bonus(r#""cumulatedValue":-250"#));
    let both = bonus(r#""value":-250,"cumulatedValue":-250"#).expect_err("one too many");
    assert_eq!(both.field(), "loyaltyPointAmount.value");
}

#[test]
fn a_line_has_an_end() {
    let line =
        fee(|line| line.replacen("{", &format!("{{{}", " ".repeat(line::LINE_BYTES_MAX)), 1));
    assert_eq!(
        line::parse(&line).expect_err("too long").code(),
        "INVALID_REQUEST"
    );
}
