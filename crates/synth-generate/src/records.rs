//! Made texts as records.

use std::sync::Arc;

use arrow_array::{ArrayRef, LargeStringArray, RecordBatch, StringArray, StringViewArray, StructArray, new_null_array};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use synth_core::{Dataset, is_text};

use crate::GenerateError;

/// Turns texts into records of the shape of the user's: the text stands in its field, all other fields are null.
/// Labeling functions that read other fields find the columns, and abstain.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::{DataType, Field, Schema};
/// use synth_generate::TextRecords;
///
/// let mail = vec![Field::new("body", DataType::Utf8, false), Field::new("size", DataType::Int64, false)];
/// let schema = Schema::new(vec![
///     Field::new("stars", DataType::Float64, false),
///     Field::new("mail", DataType::Struct(mail.into()), false),
/// ]);
/// let records = TextRecords::new(Arc::new(schema), "mail.body")?.dataset(&["hello", "world"]);
/// assert_eq!(records.row(1).text("mail.body").as_deref(), Some("world"));
/// assert_eq!(records.row(1).number("mail.size"), None);
/// assert_eq!(records.row(1).number("stars"), None);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TextRecords {
    /// The user's, with nulls allowed beside the text.
    schema: SchemaRef,
    /// The position of the text's field, from the outermost struct inwards.
    path: Vec<usize>,
}

impl TextRecords {
    /// Records of a schema, with the text in the field at a path as
    /// [`Dataset::column`] reads it: a column's own name, or the fields of nested structs joined by dots.
    ///
    /// # Errors
    /// There is no such field, or it holds no text.
    pub fn new(schema: SchemaRef, text_field: &str) -> Result<Self, GenerateError> {
        let path = find(schema.fields(), text_field).ok_or_else(|| GenerateError::Setting {
            name: "text field",
            value: text_field.to_owned(),
            expected: "a field of the records that holds text",
        })?;
        let schema = Schema::new_with_metadata(with_nulls(schema.fields(), &path), schema.metadata().clone());
        Ok(Self { schema: Arc::new(schema), path })
    }

    /// Records with one field, for texts that never were part of records.
    pub fn of_field(text_field: &str) -> Self {
        let schema = Schema::new(vec![Field::new(text_field, DataType::Utf8, true)]);
        Self { schema: Arc::new(schema), path: vec![0] }
    }

    /// The schema of the records.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// One record for each text.
    pub fn dataset(&self, texts: &[&str]) -> Dataset {
        let columns = columns(self.schema.fields(), &self.path, texts);
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        Dataset::new(batch.expect("columns made after the schema fit it"))
    }
}

/// The position of the text field at a path. Where several readings of the dots lead somewhere, that of
/// [`Dataset::column`]: a whole name first, then the longest prefix.
fn find(fields: &Fields, path: &str) -> Option<Vec<usize>> {
    if let Some((at, field)) = fields.find(path) {
        return is_text(field.data_type()).then(|| vec![at]);
    }
    path.match_indices('.').rev().find_map(|(dot, _)| {
        let (at, field) = fields.find(&path[..dot])?;
        let DataType::Struct(children) = field.data_type() else { return None };
        Some([vec![at], find(children, &path[dot + 1..])?].concat())
    })
}

/// Fields that may be null: these, and those beside the text inside the structs on the way to it.
fn with_nulls(fields: &Fields, path: &[usize]) -> Fields {
    let relaxed = |(at, field): (usize, &FieldRef)| {
        let mut relaxed = field.as_ref().clone().with_nullable(true);
        if let (DataType::Struct(children), [first, rest @ ..]) = (field.data_type(), path)
            && at == *first
        {
            relaxed = relaxed.with_data_type(DataType::Struct(with_nulls(children, rest)));
        }
        relaxed
    };
    fields.iter().enumerate().map(relaxed).collect()
}

fn columns(fields: &Fields, path: &[usize], texts: &[&str]) -> Vec<ArrayRef> {
    let column = |(at, field): (usize, &FieldRef)| -> ArrayRef {
        if path.first() != Some(&at) {
            return new_null_array(field.data_type(), texts.len());
        }
        match field.data_type() {
            DataType::Struct(children) => {
                let arrays = columns(children, &path[1..], texts);
                Arc::new(StructArray::new(children.clone(), arrays, None))
            }
            DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values(texts)),
            DataType::Utf8View => Arc::new(StringViewArray::from_iter_values(texts)),
            _ => Arc::new(StringArray::from_iter_values(texts)),
        }
    };
    fields.iter().enumerate().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> SchemaRef {
        let inner = vec![
            Field::new("size", DataType::Int32, false),
            Field::new("body", DataType::Utf8View, false),
            Field::new("to", DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))), false),
        ];
        let outer = vec![Field::new("inner", DataType::Struct(inner.into()), false)];
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("outer", DataType::Struct(outer.into()), false),
            Field::new("a.b", DataType::LargeUtf8, false),
        ]))
    }

    #[test]
    fn the_text_stands_in_its_field_at_any_depth() {
        for field in ["outer.inner.body", "a.b"] {
            let made = TextRecords::new(nested(), field).unwrap().dataset(&["x", "y", "z"]);
            assert_eq!(made.n_rows(), 3);
            let texts: Vec<_> = (0..3).map(|row| made.column(field).unwrap().text(row).unwrap().to_owned()).collect();
            assert_eq!(texts, ["x", "y", "z"]);
            for other in ["id", "outer.inner.size", "outer.inner.to"] {
                let column = made.column(other).unwrap_or_else(|| panic!("{other} is there"));
                assert_eq!(column.array().null_count(), 3, "{other}");
            }
        }
    }

    #[test]
    fn no_text_is_no_record() {
        let made = TextRecords::new(nested(), "outer.inner.body").unwrap().dataset(&[]);
        assert_eq!(made.n_rows(), 0);
        assert!(made.column("id").is_some());
    }

    #[test]
    fn a_field_that_holds_no_text_is_refused() {
        for field in ["id", "outer", "outer.inner", "outer.inner.size", "outer.body", "none", ""] {
            let error = TextRecords::new(nested(), field).unwrap_err();
            assert!(matches!(error, GenerateError::Setting { name: "text field", .. }), "{field}");
        }
    }

    #[test]
    fn without_a_schema_there_is_one_field() {
        let made = TextRecords::of_field("text").dataset(&["hello"]);
        assert_eq!(made.row(0).text("text").as_deref(), Some("hello"));
        assert_eq!(made.schema().fields().len(), 1);
    }
}
