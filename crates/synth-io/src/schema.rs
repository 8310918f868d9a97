//! One schema for several files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, LargeListArray, ListArray, RecordBatch, RecordBatchOptions, StructArray, new_null_array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use crate::IoError;

/// The union of schemas that grows file by file.
#[derive(Debug, Default)]
pub(crate) struct Union {
    fields: Vec<Field>,
    /// For each field the file that had it first.
    origins: Vec<PathBuf>,
    /// The classes of soft labels, as the first file that names any has them in its metadata.
    pub(crate) classes: Option<String>,
}

impl Union {
    /// Adds the fields of a file. Dictionaries count as their values; every field may be null.
    pub(crate) fn add(&mut self, path: &Path, schema: &Schema) -> Result<(), IoError> {
        if self.classes.is_none() {
            self.classes = schema.metadata().get(crate::counts::CLASSES_KEY).cloned();
        }
        for field in schema.fields() {
            let data_type = plain(field.data_type());
            let Some(at) = self.fields.iter().position(|known| known.name() == field.name()) else {
                self.fields.push(Field::new(field.name(), data_type, true).with_metadata(field.metadata().clone()));
                self.origins.push(path.to_owned());
                continue;
            };
            let known = &self.fields[at];
            let Some(both) = unify(known.data_type(), &data_type) else {
                return Err(IoError::SchemaConflict {
                    field: field.name().clone(),
                    first_path: self.origins[at].clone(),
                    first: known.data_type().to_string().into(),
                    second_path: path.to_owned(),
                    second: data_type.to_string().into(),
                });
            };
            self.fields[at] = known.clone().with_data_type(both);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> SchemaRef {
        Arc::new(Schema::new(self.fields))
    }
}

/// The type without dictionaries in it, and with everything nullable.
fn plain(data_type: &DataType) -> DataType {
    let plain_field = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())).with_nullable(true))
    };
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

/// A type that holds the values of both.
fn unify(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Float64, Int64, LargeList, LargeUtf8, List, Null, Struct, UInt64, Utf8, Utf8View};
    let items = |a: &FieldRef, b: &FieldRef| -> Option<FieldRef> {
        Some(Arc::new(a.as_ref().clone().with_data_type(unify(a.data_type(), b.data_type())?)))
    };
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (a, b) if a.is_unsigned_integer() && b.is_unsigned_integer() => UInt64,
        (a, b) if a.is_integer() && b.is_integer() => {
            // No integer type holds both ends.
            if *a == UInt64 || *b == UInt64 { Float64 } else { Int64 }
        }
        (a, b) if (a.is_integer() || a.is_floating()) && (b.is_integer() || b.is_floating()) => Float64,
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => {
            if *a == LargeUtf8 || *b == LargeUtf8 {
                LargeUtf8
            } else {
                Utf8
            }
        }
        (List(a), List(b)) => List(items(a, b)?),
        (List(a) | LargeList(a), List(b) | LargeList(b)) => LargeList(items(a, b)?),
        (Struct(a), Struct(b)) => {
            let mut fields: Vec<FieldRef> = a.iter().cloned().collect();
            for field in b {
                match fields.iter_mut().find(|known| known.name() == field.name()) {
                    Some(known) => *known = items(known, field)?,
                    None => fields.push(Arc::clone(field)),
                }
            }
            Struct(Fields::from(fields))
        }
        _ => return None,
    })
}

/// The batch with exactly the columns of a union that its schema went into.
pub(crate) fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let rows = batch.num_rows();
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => conform_array(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), rows)),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn conform_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let parent = array.as_struct();
            let columns = fields.iter().map(|field| match parent.column_by_name(field.name()) {
                Some(column) => conform_array(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), parent.len())),
            });
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            if columns.is_empty() {
                return Ok(Arc::new(StructArray::new_empty_fields(parent.len(), parent.nulls().cloned())));
            }
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, parent.nulls().cloned())?))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = conform_array(list.values(), item.data_type())?;
            let list = ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?;
            Ok(Arc::new(list))
        }
        (DataType::LargeList(_), DataType::LargeList(item)) => {
            let list = array.as_list::<i64>();
            let values = conform_array(list.values(), item.data_type())?;
            let list =
                LargeListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?;
            Ok(Arc::new(list))
        }
        // A value that does not fit must not turn into a null.
        _ => arrow_cast::cast_with_options(array, to, &arrow_cast::CastOptions { safe: false, ..Default::default() }),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Float64Array, Int32Array, StringArray};

    use super::*;

    fn batch(name: &str, array: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([(name, array)]).unwrap()
    }

    #[test]
    fn files_share_the_union() {
        let dictionary: DictionaryArray<Int32Type> = ["x", "y", "x"].into_iter().collect();
        let batches = [
            batch("a", Arc::new(Int32Array::from(vec![1, 2]))),
            batch("a", Arc::new(Float64Array::from(vec![0.5]))),
            batch("b", Arc::new(dictionary)),
        ];
        let mut union = Union::default();
        for batch in &batches {
            union.add("f".as_ref(), &batch.schema()).unwrap();
        }
        let schema = union.finish();
        let types: Vec<_> = schema.fields().iter().map(|f| f.data_type().clone()).collect();
        assert_eq!(types, [DataType::Float64, DataType::Utf8]);
        let conformed = batches.map(|batch| conform(batch, &schema).unwrap());
        assert_eq!(conformed[0].column(0).as_ref(), &Float64Array::from(vec![1.0, 2.0]) as &dyn Array);
        assert_eq!(conformed[0].column(1).null_count(), 2);
        assert_eq!(conformed[2].column(1).as_ref(), &StringArray::from(vec!["x", "y", "x"]) as &dyn Array);
    }

    #[test]
    fn types_that_do_not_go_together_name_both_files() {
        let mut union = Union::default();
        union.add("one".as_ref(), &Schema::new(vec![Field::new("a", DataType::Utf8, true)])).unwrap();
        let error = union.add("two".as_ref(), &Schema::new(vec![Field::new("a", DataType::Int64, true)])).unwrap_err();
        assert_eq!(error.to_string(), "field `a` is Utf8 in `one` and Int64 in `two`");
    }
}
