//! Records as Arrow columns.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, make_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// A batch of records: Arrow columns, and where in the whole data they stand.
///
/// Data of any size passes through as a sequence of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    batch: RecordBatch,
    first_row: u64,
}

impl Dataset {
    /// All records there are.
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch, first_row: 0 }
    }

    /// Records that continue earlier ones: `first_row` is the number of records before them.
    pub fn continuing(batch: RecordBatch, first_row: u64) -> Self {
        Self { batch, first_row }
    }

    /// Records with one field of text.
    ///
    /// ```
    /// let records = synth_core::Dataset::of_texts("body", ["hello", "world"]);
    /// assert_eq!(records.row(1).text("body").as_deref(), Some("world"));
    /// ```
    pub fn of_texts<S: AsRef<str>>(field: &str, texts: impl IntoIterator<Item = S>) -> Self {
        let column = StringArray::from_iter_values(texts);
        let schema = Schema::new(vec![Field::new(field, DataType::Utf8, false)]);
        // One column that fits its own schema.
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]);
        Self::new(batch.expect("a column of text is a batch"))
    }

    /// Records without any field, for results that stand for themselves.
    pub fn without_fields(n_rows: usize) -> Self {
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
        Self::new(batch.expect("no columns fit any number of rows"))
    }

    /// The number of records.
    pub fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The position of the first record in the whole data, from 0.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// The schema.
    pub fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// The columns as Arrow holds them.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The column at a path: a column's own name, or the fields of nested structs joined by dots.
    ///
    /// A column whose name holds a dot wins over a path. `None` when there is no such column.
    pub fn column(&self, path: &str) -> Option<Column> {
        if let Some(array) = self.batch.column_by_name(path) {
            return Some(Column::new(array.clone()));
        }
        // The longest prefix that is a column wins, so `a.b` as a column with a field `c` is found too.
        path.match_indices('.').rev().find_map(|(dot, _)| {
            let array = self.batch.column_by_name(&path[..dot])?;
            nested(array, &path[dot + 1..]).map(Column::new)
        })
    }

    /// One record. Its values abstain where they are missing.
    pub fn row(&self, index: usize) -> Row<'_> {
        Row { records: self, index, unknown: None }
    }

    /// Row `index` as [`Dataset::row`], noting in `unknown` each column that is asked for and does not exist.
    pub fn row_noting<'a>(&'a self, index: usize, unknown: &'a RefCell<Vec<String>>) -> Row<'a> {
        Row { records: self, index, unknown: Some(unknown) }
    }
}

/// The field at a path inside a struct column; a null struct makes its fields null.
fn nested(array: &ArrayRef, path: &str) -> Option<ArrayRef> {
    let parent = array.as_struct_opt()?;
    let under = |child: &ArrayRef| {
        let nulls = NullBuffer::union(parent.nulls(), child.nulls());
        // Same buffers, more nulls: the builder only re-labels data that is valid already.
        child.to_data().into_builder().nulls(nulls).build().map(make_array).ok()
    };
    if let Some(child) = parent.column_by_name(path) {
        return under(child);
    }
    path.match_indices('.').rev().find_map(|(dot, _)| {
        let child = under(parent.column_by_name(&path[..dot])?)?;
        nested(&child, &path[dot + 1..])
    })
}

/// One column, read as what a labeling function can use.
#[derive(Debug, Clone)]
pub struct Column {
    array: ArrayRef,
    common: Option<Common>,
}

/// The kinds of column that nearly all records have, so that which kind it is need not be asked anew for each row.
#[derive(Debug, Clone)]
enum Common {
    Text(StringArray),
    Float(Float64Array),
    Integer(Int64Array),
}

/// True for the types that hold text.
pub fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// One value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A number; integers beyond 2^53 lose their last digits.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A point in time, in microseconds since 1970-01-01 UTC.
    Time(i64),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Time(micros) => write!(f, "{micros} µs"),
        }
    }
}

impl Column {
    fn new(array: ArrayRef) -> Self {
        let common = match array.data_type() {
            DataType::Utf8 => Some(Common::Text(array.as_string().clone())),
            DataType::Float64 => Some(Common::Float(array.as_primitive().clone())),
            DataType::Int64 => Some(Common::Integer(array.as_primitive().clone())),
            _ => None,
        };
        Self { array, common }
    }

    /// The Arrow array.
    pub fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// The text at a row; `None` where it is null or the column holds something else.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.common {
            Some(Common::Text(texts)) => texts.is_valid(row).then(|| texts.value(row)),
            Some(_) => None,
            None => text_at(&self.array, row),
        }
    }

    /// The list of numbers at a row, of whatever kind; `None` where it is null or the column holds no such lists. A
    /// number that is missing in a list is NaN.
    pub fn vector(&self, row: usize) -> Option<Vec<f64>> {
        if self.array.is_null(row) {
            return None;
        }
        let items = match self.array.data_type() {
            DataType::List(_) => self.array.as_list::<i32>().value(row),
            DataType::LargeList(_) => self.array.as_list::<i64>().value(row),
            DataType::FixedSizeList(..) => self.array.as_fixed_size_list().value(row),
            _ => return None,
        };
        if !(items.data_type().is_numeric() || *items.data_type() == DataType::Null) {
            return None;
        }
        let items = arrow_cast::cast(&items, &DataType::Float64).ok()?;
        Some(items.as_primitive::<Float64Type>().iter().map(|x| x.unwrap_or(f64::NAN)).collect())
    }

    /// The value at a row; `None` where it is null, or a list, a struct or bytes.
    #[inline]
    pub fn value(&self, row: usize) -> Option<Value<'_>> {
        match &self.common {
            Some(Common::Text(texts)) => texts.is_valid(row).then(|| Value::Text(texts.value(row))),
            Some(Common::Float(numbers)) => numbers.is_valid(row).then(|| Value::Number(numbers.value(row))),
            Some(Common::Integer(numbers)) => numbers.is_valid(row).then(|| Value::Number(numbers.value(row) as f64)),
            None => self.rare_value(row),
        }
    }

    fn rare_value(&self, row: usize) -> Option<Value<'_>> {
        macro_rules! number {
            ($kind:ty) => {
                Value::Number(self.array.as_primitive::<$kind>().value(row) as f64)
            };
        }
        macro_rules! time {
            ($kind:ty, $scale:expr) => {{
                let scale: fn(i64) -> Option<i64> = $scale;
                Value::Time(scale(i64::from(self.array.as_primitive::<$kind>().value(row)))?)
            }};
        }
        const DAY: i64 = 86_400_000_000;
        if self.array.is_null(row) {
            return None;
        }
        Some(match self.array.data_type() {
            DataType::LargeUtf8 | DataType::Utf8View => Value::Text(self.text(row)?),
            DataType::Boolean => Value::Bool(self.array.as_boolean().value(row)),
            DataType::Int8 => number!(Int8Type),
            DataType::Int16 => number!(Int16Type),
            DataType::Int32 => number!(Int32Type),
            DataType::UInt8 => number!(UInt8Type),
            DataType::UInt16 => number!(UInt16Type),
            DataType::UInt32 => number!(UInt32Type),
            DataType::UInt64 => number!(UInt64Type),
            DataType::Float32 => number!(Float32Type),
            DataType::Date32 => time!(Date32Type, |days| days.checked_mul(DAY)),
            DataType::Date64 => time!(Date64Type, |millis| millis.checked_mul(1000)),
            DataType::Timestamp(TimeUnit::Second, _) => time!(TimestampSecondType, |s| s.checked_mul(1_000_000)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => time!(TimestampMillisecondType, |s| s.checked_mul(1000)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => time!(TimestampMicrosecondType, Some),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                time!(TimestampNanosecondType, |s| Some(s.div_euclid(1000)))
            }
            _ => return None,
        })
    }
}

/// The text at a row of an array of any of the text types.
#[inline]
fn text_at(array: &ArrayRef, row: usize) -> Option<&str> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Some(array.as_string_view().value(row)),
        _ => None,
    }
}

/// One record, as labeling functions in Rust see it.
///
/// Getters return `None` where the value is missing, null or of another type, so `?` abstains.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use synth_core::Dataset;
///
/// let body: ArrayRef = Arc::new(StringArray::from(vec![Some("hello"), None]));
/// let records = Dataset::new(RecordBatch::try_from_iter([("body", body)])?);
/// assert_eq!(records.row(0).text("body").as_deref(), Some("hello"));
/// assert_eq!(records.row(1).text("body"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    records: &'a Dataset,
    index: usize,
    unknown: Option<&'a RefCell<Vec<String>>>,
}

impl<'a> Row<'a> {
    /// The position of this record in the whole data, from 0.
    pub fn position(&self) -> u64 {
        self.records.first_row + self.index as u64
    }

    /// The text of a column, by name or dotted path.
    pub fn text(&self, column: &str) -> Option<Cow<'a, str>> {
        // The common case borrows; a nested column is made for this call, so its text is copied.
        if let Some(array) = self.records.batch.column_by_name(column) {
            return text_at(array, self.index).map(Cow::Borrowed);
        }
        self.column(column)?.text(self.index).map(|text| Cow::Owned(text.to_owned()))
    }

    /// The number in a column. Integers beyond 2^53 lose their last digits.
    pub fn number(&self, column: &str) -> Option<f64> {
        match self.column(column)?.value(self.index)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The truth value in a column.
    pub fn bool(&self, column: &str) -> Option<bool> {
        match self.column(column)?.value(self.index)? {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn column(&self, path: &str) -> Option<Column> {
        let column = self.records.column(path);
        if let (None, Some(unknown)) = (&column, self.unknown) {
            let mut unknown = unknown.borrow_mut();
            if !unknown.iter().any(|name| name == path) {
                unknown.push(path.to_owned());
            }
        }
        column
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StructArray;
    use arrow_schema::Fields;

    use super::*;

    fn records() -> Dataset {
        let lang: ArrayRef = Arc::new(StringArray::from(vec![Some("en"), Some("de"), None]));
        let fields = Fields::from(vec![Field::new("lang", DataType::Utf8, true)]);
        // The second record has no meta at all, whatever the child says below it.
        let meta = StructArray::new(fields, vec![lang], Some(NullBuffer::from(vec![true, false, true])));
        let stars: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(1)]));
        let dotted: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.5, f64::NAN]));
        let columns: [(&str, ArrayRef); 3] = [("meta", Arc::new(meta)), ("stars", stars), ("a.b", dotted)];
        Dataset::new(RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap())
    }

    #[test]
    fn nested_fields_are_reached_by_dots_and_inherit_nulls() {
        let records = records();
        let lang = |row| records.row(row).text("meta.lang").map(Cow::into_owned);
        assert_eq!(lang(0).as_deref(), Some("en"));
        assert_eq!(lang(1), None);
        assert_eq!(lang(2), None);
    }

    #[test]
    fn a_column_with_a_dot_in_its_name_is_a_column() {
        assert_eq!(records().row(0).number("a.b"), Some(0.5));
    }

    #[test]
    fn unknown_columns_are_noted_and_wrong_types_abstain() {
        let (records, unknown) = (records(), RefCell::default());
        let row = records.row_noting(0, &unknown);
        assert_eq!(row.number("stars"), Some(5.0));
        assert_eq!(row.bool("stars"), None);
        assert_eq!(row.text("meta.lnag"), None);
        assert_eq!(row.text("meta.lnag"), None);
        assert_eq!(*unknown.borrow(), ["meta.lnag"]);
    }
}
