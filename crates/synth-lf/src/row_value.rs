//! A row of Arrow columns as a JSON value, to read a user's struct from.
//!
//! `serde_arrow` reads whole batches; here one row that does not fit the struct must be one fault and leave
//! the rows around it alone.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use serde_json::{Map, Number, Value};
use synth_core::Dataset;

/// Row `row` as an object of its columns. Nulls are kept; types without a JSON form are null.
pub(crate) fn row_value(records: &Dataset, row: usize) -> Value {
    let schema = records.schema();
    let columns = schema.fields().iter().zip(records.batch().columns());
    Value::Object(columns.map(|(field, array)| (field.name().clone(), value(array.as_ref(), row))).collect())
}

fn value(array: &dyn Array, row: usize) -> Value {
    use arrow_array::types as t;
    macro_rules! integer {
        ($kind:ty) => {
            Value::from(array.as_primitive::<$kind>().value(row))
        };
    }
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => integer!(t::Int8Type),
        DataType::Int16 => integer!(t::Int16Type),
        DataType::Int32 => integer!(t::Int32Type),
        DataType::Int64 => integer!(t::Int64Type),
        DataType::UInt8 => integer!(t::UInt8Type),
        DataType::UInt16 => integer!(t::UInt16Type),
        DataType::UInt32 => integer!(t::UInt32Type),
        DataType::UInt64 => integer!(t::UInt64Type),
        DataType::Float32 => float(f64::from(array.as_primitive::<t::Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<t::Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref()),
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let object: Map<String, Value> =
                columns.map(|(field, array)| (field.name().clone(), value(array.as_ref(), row))).collect();
            Value::Object(object)
        }
        _ => Value::Null,
    }
}

fn list(items: &dyn Array) -> Value {
    (0..items.len()).map(|i| value(items, i)).collect()
}
