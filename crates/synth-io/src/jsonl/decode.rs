//! What the second pass does: values become Arrow columns of a schema that is known.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, ListArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, SchemaRef};

use super::lexer::{Cursor, Number};
use super::shape::Names;

/// Appends lines to columns.
///
/// The lines passed the first pass, so anything that does not fit means that the file changed in between; what
/// exactly is of no interest any more, and so everything here returns `Option`.
pub(super) struct Decoder {
    schema: SchemaRef,
    root: Object,
    scratch: String,
}

enum Column {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    UInt(UInt64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    List { item: Box<Column>, field: FieldRef, offsets: Vec<i32>, nulls: NullBufferBuilder },
    Struct(Object),
}

struct Object {
    fields: Fields,
    names: Names,
    columns: Vec<Column>,
    nulls: NullBufferBuilder,
}

impl Decoder {
    /// A decoder for a schema that [`Shape::schema`](super::Shape::schema) made.
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { root: Object::new(&schema.fields), schema, scratch: String::new() }
    }

    /// The number of lines since the last batch.
    pub(super) fn len(&self) -> usize {
        self.root.nulls.len()
    }

    /// Appends one line. After `None` the columns are out of step and the decoder is of no use any more.
    pub(super) fn push(&mut self, line: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(line).ok()?;
        if cursor.peek() != b'{' {
            return None;
        }
        self.root.push(&mut cursor, &mut self.scratch)?;
        cursor.end().ok()
    }

    /// The lines so far as a batch; starts the next.
    pub(super) fn flush(&mut self) -> Result<RecordBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()));
        let columns = self.root.columns.iter_mut().map(Column::finish).collect();
        self.root.nulls.finish();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

impl Object {
    fn new(fields: &Fields) -> Self {
        let mut names = Names::default();
        for field in fields {
            names.push(field.name().clone());
        }
        let columns = fields.iter().map(|field| Column::new(field.data_type())).collect();
        Self { fields: fields.clone(), names, columns, nulls: NullBufferBuilder::new(0) }
    }

    fn push(&mut self, cursor: &mut Cursor<'_>, scratch: &mut String) -> Option<()> {
        cursor.bump();
        self.names.begin();
        let mut more = !cursor.empty(b'}');
        let mut guess = 0;
        while more {
            cursor.peek();
            let index = self.names.find(cursor.string(scratch).ok()?, guess)?;
            if !self.names.mark(index) {
                return None;
            }
            cursor.expect(b':', "").ok()?;
            self.columns[index].push(cursor, scratch)?;
            more = cursor.more(b'}').ok()?;
            guess = index + 1;
        }
        for index in 0..self.names.len() {
            if !self.names.has(index) {
                self.columns[index].push_null();
            }
        }
        self.nulls.append_non_null();
        Some(())
    }
}

impl Column {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int64 => Self::Int(Int64Builder::new()),
            DataType::UInt64 => Self::UInt(UInt64Builder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::List(field) => Self::List {
                item: Box::new(Self::new(field.data_type())),
                field: Arc::clone(field),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(0),
            },
            DataType::Struct(fields) => Self::Struct(Object::new(fields)),
            // A shape makes no other type.
            _ => Self::Text(StringBuilder::new()),
        }
    }

    #[inline]
    fn push(&mut self, cursor: &mut Cursor<'_>, scratch: &mut String) -> Option<()> {
        match (cursor.peek(), &mut *self) {
            (b'n', _) => {
                cursor.word("null").ok()?;
                self.push_null();
            }
            (b'"', Self::Text(builder)) => builder.append_value(cursor.string(scratch).ok()?),
            (b't', Self::Bool(builder)) => {
                cursor.word("true").ok()?;
                builder.append_value(true);
            }
            (b'f', Self::Bool(builder)) => {
                cursor.word("false").ok()?;
                builder.append_value(false);
            }
            (b'-' | b'0'..=b'9', Self::Int(builder)) => match cursor.number().ok()? {
                Number::Int(value) => builder.append_value(value),
                _ => return None,
            },
            (b'-' | b'0'..=b'9', Self::UInt(builder)) => match cursor.number().ok()? {
                Number::Int(value) => builder.append_value(u64::try_from(value).ok()?),
                Number::UInt(value) => builder.append_value(value),
                Number::Float(_) => return None,
            },
            (b'-' | b'0'..=b'9', Self::Float(builder)) => builder.append_value(match cursor.number().ok()? {
                Number::Int(value) => value as f64,
                Number::UInt(value) => value as f64,
                Number::Float(value) => value,
            }),
            (b'[', Self::List { item, offsets, nulls, .. }) => {
                cursor.bump();
                let mut length = *offsets.last()?;
                let mut more = !cursor.empty(b']');
                while more {
                    item.push(cursor, scratch)?;
                    length = length.checked_add(1)?;
                    more = cursor.more(b']').ok()?;
                }
                offsets.push(length);
                nulls.append_non_null();
            }
            (b'{', Self::Struct(object)) => object.push(cursor, scratch)?,
            _ => return None,
        }
        Some(())
    }

    fn push_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::UInt(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::List { offsets, nulls, .. } => {
                offsets.extend_from_within(offsets.len() - 1..);
                nulls.append_null();
            }
            Self::Struct(object) => {
                object.columns.iter_mut().for_each(Self::push_null);
                object.nulls.append_null();
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::UInt(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::List { item, field, offsets, nulls } => {
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                Arc::new(ListArray::new(Arc::clone(field), offsets, item.finish(), nulls.finish()))
            }
            Self::Struct(object) => {
                let length = object.nulls.len();
                let columns: Vec<ArrayRef> = object.columns.iter_mut().map(Self::finish).collect();
                let nulls = object.nulls.finish();
                if columns.is_empty() {
                    return Arc::new(StructArray::new_empty_fields(length, nulls));
                }
                Arc::new(StructArray::new(object.fields.clone(), columns, nulls))
            }
        }
    }
}
