//! Structs without fields, which Parquet does not know: they are written as the text `{}`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema};

/// The schema as it is written.
pub(super) fn schema(schema: &Schema) -> Schema {
    Schema::new_with_metadata(fields(schema.fields()), schema.metadata().clone())
}

/// The batch under [`schema`].
pub(super) fn batch(batch: RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let columns = batch.columns().iter().map(array).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn fields(fields: &Fields) -> Fields {
    fields.iter().map(field).collect()
}

fn field(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::Struct(_) | DataType::List(_) => {
            Arc::new(Field::clone(field).with_data_type(data_type(field.data_type())))
        }
        _ => Arc::clone(field),
    }
}

fn data_type(from: &DataType) -> DataType {
    match from {
        DataType::Struct(children) if children.is_empty() => DataType::Utf8,
        DataType::Struct(children) => DataType::Struct(fields(children)),
        DataType::List(item) => DataType::List(field(item)),
        other => other.clone(),
    }
}

fn array(from: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match from.data_type() {
        DataType::Struct(children) if children.is_empty() => {
            let text = (0..from.len()).map(|row| from.is_valid(row).then_some("{}"));
            Arc::new(text.collect::<StringArray>())
        }
        DataType::Struct(children) => {
            let parent = from.as_struct();
            let columns = parent.columns().iter().map(array).collect::<Result<_, _>>()?;
            Arc::new(StructArray::try_new(fields(children), columns, parent.nulls().cloned())?)
        }
        DataType::List(item) => {
            let list = from.as_list::<i32>();
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(field(item), offsets, array(list.values())?, nulls)?)
        }
        _ => Arc::clone(from),
    })
}
