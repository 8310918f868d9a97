//! Record batches as CSV.

use std::fmt::Write;

use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, Schema};

/// The header line.
pub(super) fn header(schema: &Schema, out: &mut Vec<u8>) {
    for (at, field) in schema.fields().iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        cell(field.name(), out);
    }
    out.push(b'\n');
}

/// Appends the rows of a batch.
pub(super) fn rows(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let format = FormatOptions::default().with_display_error(false);
    let schema = batch.schema_ref();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        columns.push(match field.data_type() {
            data_type if data_type.is_nested() => Cells::Json(make_encoder(field, array, &options)?),
            _ => Cells::Plain(ArrayFormatter::try_new(array.as_ref(), &format)?),
        });
    }
    let (mut text, mut json) = (String::new(), Vec::new());
    for row in 0..batch.num_rows() {
        for (at, (column, array)) in columns.iter_mut().zip(batch.columns()).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            if array.is_null(row) || *array.data_type() == DataType::Null {
                continue;
            }
            match column {
                Cells::Plain(formatter) => {
                    text.clear();
                    write!(text, "{}", formatter.value(row))
                        .map_err(|_| ArrowError::CsvError("a value that cannot be written".to_owned()))?;
                    cell(&text, out);
                }
                Cells::Json(encoder) => {
                    json.clear();
                    encoder.encode(row, &mut json);
                    cell(&String::from_utf8_lossy(&json), out);
                }
            }
        }
        out.push(b'\n');
    }
    Ok(())
}

enum Cells<'a> {
    Plain(ArrayFormatter<'a>),
    Json(NullableEncoder<'a>),
}

/// Quoted where it must be. Empty text is quoted, to tell it from null.
fn cell(text: &str, out: &mut Vec<u8>) {
    let quote = text.is_empty() || text.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'));
    if !quote {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
