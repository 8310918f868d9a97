//! The id of each record.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray, UInt64Array};
use arrow_schema::{DataType, Schema};
use foldhash::quality::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use synth_core::{Dataset, is_text};

use crate::IoError;

/// The field that is looked for when none is named.
pub const DEFAULT_FIELD: &str = "id";

/// Where the id of a record comes from.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// use synth_core::Dataset;
/// use synth_io::ids::{IdColumn, Unique};
///
/// let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 7]));
/// let records = Dataset::new(RecordBatch::try_from_iter([("id", ids)])?);
/// let column = IdColumn::find(&records.schema(), None)?;
/// assert_eq!(column.ids(&records)?.value(1), "8");
/// let error = Unique::new(column).check(&records).unwrap_err();
/// assert_eq!(error.to_string(), "id `7` stands twice, in rows 0 and 2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdColumn {
    /// A field of text or integers, nested fields by dots.
    Field(String),
    /// The number of the row in the whole data, from 0.
    RowNumber,
}

impl IdColumn {
    /// The named field; without a name the field `id` if there is one, else the row number.
    ///
    /// # Errors
    /// The named field does not exist, or the field holds neither text nor integers.
    pub fn find(schema: &Schema, name: Option<&str>) -> Result<Self, IoError> {
        let field = name.unwrap_or(DEFAULT_FIELD);
        match (type_of(schema, field), name) {
            (Some(data_type), _) if is_text(&data_type) || data_type.is_integer() => Ok(Self::Field(field.to_owned())),
            (Some(data_type), _) => Err(IoError::FieldType {
                field: field.to_owned(),
                role: "id",
                expected: "text or integers",
                got: data_type.to_string(),
            }),
            (None, None) => Ok(Self::RowNumber),
            (None, Some(_)) => Err(no_field(schema, field, "id")),
        }
    }

    /// The ids of a batch.
    ///
    /// # Errors
    /// A record without an id.
    pub fn ids(&self, records: &Dataset) -> Result<StringArray, IoError> {
        let values = self.values(records)?;
        Ok(StringArray::from_iter_values((0..values.len()).map(|row| text(&values, row))))
    }

    /// The ids as the records hold them.
    pub(crate) fn values(&self, records: &Dataset) -> Result<ArrayRef, IoError> {
        match self {
            Self::RowNumber => {
                let first = records.first_row();
                Ok(Arc::new(UInt64Array::from_iter_values(first..first + records.n_rows() as u64)))
            }
            Self::Field(field) => {
                let column = records.column(field).ok_or_else(|| no_field(&records.schema(), field, "id"))?;
                let array = Arc::clone(column.array());
                match array.nulls().and_then(|nulls| (0..nulls.len()).find(|&row| nulls.is_null(row))) {
                    Some(row) => Err(IoError::NullId { field: field.clone(), row: records.first_row() + row as u64 }),
                    None => Ok(array),
                }
            }
        }
    }
}

/// Watches that no id stands twice, over any number of batches.
///
/// Keeps 96 bits of hash and the row number, some 20 bytes a record. That two different ids of a hundred million
/// are taken for one has a probability below 1e-12.
#[derive(Debug, Clone)]
pub struct Unique {
    column: IdColumn,
    /// Several small tables instead of one: what growing one of them copies is little.
    tables: Vec<HashTable<Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    hash: u64,
    more_hash: u32,
    row: u32,
}

const TABLES: usize = 64;

/// Fixed seeds: the same on every run.
const FIRST: FixedState = FixedState::with_seed(1);
const SECOND: FixedState = FixedState::with_seed(2);

impl Unique {
    /// Watches a column from its first record.
    pub fn new(column: IdColumn) -> Self {
        Self { column, tables: vec![HashTable::new(); TABLES] }
    }

    /// Takes note of a batch. Batches may come in any order.
    ///
    /// # Errors
    /// An id that stood before, in this batch or an earlier one; a record without an id.
    pub fn check(&mut self, records: &Dataset) -> Result<(), IoError> {
        if self.column == IdColumn::RowNumber {
            return Ok(());
        }
        let values = self.column.values(records)?;
        let seen = |i| {
            let id = text(&values, i);
            let (hash, more_hash) = (FIRST.hash_one(id.as_bytes()), SECOND.hash_one(id.as_bytes()) as u32);
            Seen { hash, more_hash, row: (records.first_row() + i as u64) as u32 }
        };
        // All hashes first: look-ups miss the cache, and only a tight loop of them lets the misses overlap.
        let batch: Vec<Seen> = (0..values.len()).map(seen).collect();
        for (i, new) in batch.into_iter().enumerate() {
            // The table takes its slots from the lowest and its tags from the highest bits.
            let table = &mut self.tables[(new.hash >> 40) as usize % TABLES];
            let same = |seen: &Seen| seen.hash == new.hash && seen.more_hash == new.more_hash;
            match table.entry(new.hash, same, |seen| seen.hash) {
                Entry::Vacant(slot) => {
                    slot.insert(new);
                }
                Entry::Occupied(seen) => {
                    let (other, row) = (u64::from(seen.get().row), records.first_row() + i as u64);
                    let id = text(&values, i).into_owned();
                    return Err(IoError::DuplicateId { id, first: other.min(row), second: other.max(row) });
                }
            }
        }
        Ok(())
    }
}

/// The text of a value of a column of text or integers.
pub(crate) fn text(array: &ArrayRef, row: usize) -> std::borrow::Cow<'_, str> {
    use arrow_array::types::{
        Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    };
    macro_rules! integer {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row).to_string().into()
        };
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        // Only these types pass where columns are chosen.
        _ => "".into(),
    }
}

/// The type of a field, nested fields by dots, as [`Dataset::column`] finds it.
pub(crate) fn type_of(schema: &Schema, path: &str) -> Option<DataType> {
    let empty = arrow_array::RecordBatch::new_empty(Arc::new(schema.clone()));
    Some(Dataset::new(empty).column(path)?.array().data_type().clone())
}

pub(crate) fn no_field(schema: &Schema, field: &str, role: &'static str) -> IoError {
    let known = schema.fields().iter().map(|field| field.name().clone()).collect();
    IoError::NoField { field: field.to_owned(), role, known }
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, RecordBatch};

    use super::*;

    fn records(first_row: u64, ids: &[Option<&str>]) -> Dataset {
        let ids: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
        let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
        Dataset::continuing(batch, first_row)
    }

    #[test]
    fn duplicates_are_found_across_batches_and_name_both_rows() {
        let mut unique = Unique::new(IdColumn::Field("id".into()));
        let many: Vec<String> = (0..5000).map(|i| format!("r{i}")).collect();
        unique.check(&records(0, &many.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>())).unwrap();
        unique.check(&records(5000, &[Some("x"), Some("y")])).unwrap();
        let error = unique.check(&records(5002, &[Some("z"), Some("r4321")])).unwrap_err();
        assert_eq!(error.to_string(), "id `r4321` stands twice, in rows 4321 and 5003");
        let error = unique.check(&records(6000, &[None])).unwrap_err();
        assert_eq!(error.to_string(), "row 6000 has no id in field `id`");
    }

    #[test]
    fn a_named_field_must_exist_and_the_default_need_not() {
        let schema = records(0, &[]).schema();
        assert_eq!(IdColumn::find(&schema, None).unwrap(), IdColumn::Field("id".into()));
        let error = IdColumn::find(&schema, Some("key")).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hints()),
            ("no field `key` for the id", vec!["the fields are id".into()])
        );
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        let flags = RecordBatch::try_from_iter([("flag", flags)]).unwrap();
        assert_eq!(IdColumn::find(&flags.schema(), None).unwrap(), IdColumn::RowNumber);
        let error = IdColumn::find(&flags.schema(), Some("flag")).unwrap_err();
        assert_eq!(error.to_string(), "field `flag` is Boolean, the id must be text or integers");
        assert_eq!(IdColumn::RowNumber.ids(&records(7, &[None, None])).unwrap().value(1), "8");
    }
}
