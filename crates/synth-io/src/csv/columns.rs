//! The columns of CSV: their types, and their values as Arrow.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_schema::{DataType, Field, Schema};
use hashbrown::HashMap;

/// What the columns can be, as far as the cells so far tell.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    names: Vec<String>,
    index: HashMap<String, usize>,
    guesses: Vec<Guess>,
}

#[derive(Debug, Clone, Copy)]
struct Guess {
    empty: bool,
    int: bool,
    float: bool,
    bool: bool,
}

impl Guesses {
    /// The position of a column among all columns of all files.
    pub(crate) fn column(&mut self, name: &str) -> usize {
        if let Some(&index) = self.index.get(name) {
            return index;
        }
        self.index.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.guesses.push(Guess { empty: true, int: true, float: true, bool: true });
        self.names.len() - 1
    }

    pub(super) fn learn(&mut self, column: usize, cell: &str) {
        let guess = &mut self.guesses[column];
        if cell.is_empty() || !(guess.int || guess.float || guess.bool) {
            return;
        }
        guess.int = guess.int && int(cell).is_some();
        guess.float = guess.float && float(cell).is_some();
        guess.bool = guess.bool && bool(cell).is_some();
        guess.empty = false;
    }

    pub(crate) fn schema(&self) -> Schema {
        let fields = self.names.iter().zip(&self.guesses).map(|(name, guess)| {
            let data_type = match guess {
                Guess { empty: true, .. } => DataType::Utf8,
                Guess { int: true, .. } => DataType::Int64,
                Guess { float: true, .. } => DataType::Float64,
                Guess { bool: true, .. } => DataType::Boolean,
                _ => DataType::Utf8,
            };
            Field::new(name, data_type, true)
        });
        Schema::new(fields.collect::<Vec<_>>())
    }
}

pub(super) enum Column {
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
}

impl Column {
    pub(super) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int64 => Self::Int(Int64Builder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a cell; `None` if it is not of the column's type. No cell, or an empty one, is null.
    pub(super) fn push(&mut self, cell: Option<&str>) -> Option<()> {
        match (cell.filter(|cell| !cell.is_empty()), self) {
            (None, Self::Int(builder)) => builder.append_null(),
            (None, Self::Float(builder)) => builder.append_null(),
            (None, Self::Bool(builder)) => builder.append_null(),
            (None, Self::Text(builder)) => builder.append_null(),
            (Some(cell), Self::Int(builder)) => builder.append_value(int(cell)?),
            (Some(cell), Self::Float(builder)) => builder.append_value(float(cell)?),
            (Some(cell), Self::Bool(builder)) => builder.append_value(bool(cell)?),
            (Some(cell), Self::Text(builder)) => builder.append_value(cell),
        }
        Some(())
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Only what prints as it was written: `007` and `+1` are names of something.
fn int(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    if !plain_whole(digits) || cell == "-0" {
        return None;
    }
    cell.parse().ok()
}

/// As in JSON. An integer that does not fit 64 bits is no float either: it would lose digits.
fn float(cell: &str) -> Option<f64> {
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let whole = &unsigned[..unsigned.bytes().take_while(u8::is_ascii_digit).count()];
    let rest = &unsigned[whole.len()..];
    if !plain_whole(whole) || !(rest.is_empty() || rest.starts_with(['.', 'e', 'E'])) || rest == "." {
        return None;
    }
    if rest.is_empty() && cell.parse::<i64>().is_err() {
        return None;
    }
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

fn plain_whole(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'))
}

/// As JSON, Python and spreadsheets write them.
fn bool(cell: &str) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cells: &[&str], expected: DataType) {
        let mut guesses = Guesses::default();
        let column = guesses.column("x");
        cells.iter().for_each(|cell| guesses.learn(column, cell));
        assert_eq!(guesses.schema().field(0).data_type(), &expected, "{cells:?}");
    }

    #[test]
    fn types_hold_for_every_cell() {
        check(&["1", "-2", ""], DataType::Int64);
        check(&["1", "2.5", "-1e3", "0"], DataType::Float64);
        check(&["true", "False"], DataType::Boolean);
        check(&["", ""], DataType::Utf8);
        for text in ["007", "+1", "-0x", "1 ", "1.", ".5", "1e999", "NaN", "inf", "12345678901234567890", "1_0", "true"]
        {
            check(&["1", text], DataType::Utf8);
        }
    }
}
