//! Tables for people: amounts as magnitudes with DR or CR beside them.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use ledger_api::views::AmountView;
use rust_decimal::Decimal;

/// Columns of a table.
pub(super) struct Columns<'a> {
    /// Headings, in order.
    pub(super) headings: &'a [&'a str],
    /// Places of the columns that hold numbers.
    pub(super) numbers: &'a [usize],
}

/// Writes a table.
pub(super) fn write<R: Display>(
    out: &mut impl Write,
    columns: &Columns<'_>,
    rows: impl IntoIterator<Item = Vec<R>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.headings);
    for place in columns.numbers {
        if let Some(column) = table.column_mut(*place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in rows {
        table.add_row(row.iter().map(ToString::to_string));
    }
    writeln!(out, "{table}")
}

/// A balance or an operation: `14.60 CZK DR` where the holder owes, `CR` where the holder is owed.
pub(super) fn debit_or_credit(amount: &AmountView) -> String {
    let side = match amount.value {
        0 => "  ",
        1.. => "DR",
        ..0 => "CR",
    };
    let magnitude = magnitude(amount.value, amount.exponent);
    format!("{magnitude} {} {side}", amount.iso_code)
}

/// An availability or a limit: a number with its sign.
pub(super) fn signed(amount: &AmountView) -> String {
    format!(
        "{} {}",
        decimal(amount.value, amount.exponent),
        amount.iso_code
    )
}

/// Minor units with their sign and decimal point.
pub(super) fn decimal(minor: i128, exponent: u32) -> String {
    match Decimal::try_from_i128_with_scale(minor, exponent) {
        Ok(decimal) => decimal.to_string(),
        // A sum of more than 28 digits; there is no such money, but there may be such a test.
        Err(_) => format!("{minor}e-{exponent}"),
    }
}

/// Points on the side they stand on.
pub(super) fn points(value: i128) -> String {
    let side = if value > 0 { "DR" } else { "CR" };
    format!("{} {side}", value.unsigned_abs())
}

/// A magnitude, as a total of one side shows it.
pub(super) fn magnitude(minor: i128, exponent: u32) -> String {
    decimal(minor, exponent).trim_start_matches('-').to_owned()
}
