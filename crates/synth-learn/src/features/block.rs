//! The features of one field.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{Column, Dataset, Value, is_text};

use super::ngrams::{N_BUCKETS, Ngrams};
use super::{CHUNK, FeatureSpec, TextSpec};
use crate::LearnError;

/// The features of one field, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Block {
    Text {
        spec: TextSpec,
        /// The buckets that are features, ascending, and how much each counts for being rare.
        buckets: Vec<u32>,
        idf: Vec<f64>,
    },
    Number {
        field: String,
        mean: f64,
        /// One over the standard deviation; 0 where all numbers are the same.
        scale: f64,
    },
    Category {
        field: String,
        /// Ascending.
        values: Vec<String>,
    },
    Embedding {
        field: String,
        length: usize,
        /// Brings vectors to a mean square length of 1, as long as the n-grams of a text are.
        scale: f64,
    },
}

/// A bucket that a single record has says nothing of any other.
const LEAST_RECORDS: u32 = 2;

impl Block {
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Text { spec, .. } => &spec.field,
            Self::Number { field, .. } | Self::Category { field, .. } | Self::Embedding { field, .. } => field,
        }
    }

    pub(crate) fn n_columns(&self) -> usize {
        match self {
            Self::Text { buckets, .. } => buckets.len(),
            Self::Number { .. } => 1,
            Self::Category { values, .. } => values.len(),
            Self::Embedding { length, .. } => *length,
        }
    }

    /// Whether the specification asks for such a block.
    pub(super) fn is_of(&self, asked: &FeatureSpec) -> bool {
        match self {
            Self::Text { spec, .. } => asked.texts.contains(spec),
            Self::Number { field, .. } => asked.numbers.contains(field),
            Self::Category { field, .. } => asked.categories.contains(field),
            Self::Embedding { field, .. } => asked.embeddings.contains(field),
        }
    }

    /// What is wrong with a block that was saved.
    pub(crate) fn problem(&self) -> Option<String> {
        let fine = match self {
            Self::Text { buckets, idf, .. } => {
                buckets.len() == idf.len()
                    && buckets.is_sorted_by(|a, b| a < b)
                    && buckets.last().is_none_or(|&last| (last as usize) < N_BUCKETS)
                    && idf.iter().all(|idf| idf.is_finite())
            }
            Self::Number { mean, scale, .. } => mean.is_finite() && scale.is_finite(),
            Self::Category { values, .. } => values.is_sorted_by(|a, b| a < b),
            Self::Embedding { scale, .. } => scale.is_finite(),
        };
        (!fine).then(|| format!("the features of `{}` make no sense", self.field()))
    }

    /// For each bucket its column in the block; empty for blocks without n-grams.
    pub(super) fn columns_of_buckets(&self) -> Vec<u32> {
        let Self::Text { buckets, .. } = self else { return Vec::new() };
        let mut columns = vec![NO_COLUMN; N_BUCKETS];
        for (column, &bucket) in (0..).zip(buckets) {
            columns[bucket as usize] = column;
        }
        columns
    }

    /// The block over the records of a batch, with its [`Block::columns_of_buckets`].
    pub(super) fn open<'a>(
        &'a self,
        records: &Dataset,
        columns_of_buckets: &'a [u32],
    ) -> Result<Reader<'a>, LearnError> {
        let column = match self {
            Self::Text { spec, .. } => column(records, &spec.field, "text", is_text)?,
            Self::Number { field, .. } => column(records, field, "numbers", is_number)?,
            Self::Category { field, .. } => column(records, field, "a category", is_category)?,
            Self::Embedding { field, .. } => column(records, field, "lists of numbers", is_list)?,
        };
        Ok(Reader { block: self, column, columns_of_buckets, first_row: records.first_row() })
    }
}

fn column(
    records: &Dataset,
    field: &str,
    needed: &'static str,
    fits: fn(&DataType) -> bool,
) -> Result<Column, LearnError> {
    let Some(column) = records.column(field) else {
        let known = records.schema().fields().iter().map(|field| field.name().clone()).collect();
        return Err(LearnError::NoField { field: field.to_owned(), known });
    };
    let data_type = column.array().data_type();
    // A column that is null throughout has no type.
    if fits(data_type) || *data_type == DataType::Null {
        return Ok(column);
    }
    Err(LearnError::FieldType { field: field.to_owned(), needed, got: data_type.to_string() })
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Float32 | DataType::Float64 | DataType::Boolean)
}

fn is_category(data_type: &DataType) -> bool {
    is_text(data_type) || data_type.is_integer() || *data_type == DataType::Boolean
}

fn is_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            // A list that is empty throughout has no type of items.
            item.data_type().is_numeric() || *item.data_type() == DataType::Null
        }
        _ => false,
    }
}

fn number(column: &Column, row: usize) -> Option<f64> {
    match column.value(row)? {
        Value::Number(number) => Some(number),
        Value::Bool(value) => Some(f64::from(u8::from(value))),
        _ => None,
    }
}

fn finite(number: f64, field: &str, row: u64) -> Result<f64, LearnError> {
    if number.is_finite() {
        return Ok(number);
    }
    Err(LearnError::NotFinite { field: field.to_owned(), row, value: number })
}

/// A block and the column it reads.
pub(super) struct Reader<'a> {
    block: &'a Block,
    column: Column,
    columns_of_buckets: &'a [u32],
    first_row: u64,
}

const NO_COLUMN: u32 = u32::MAX;

/// Memory that serves row after row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    ngrams: Ngrams,
    buckets: Vec<u32>,
}

impl Reader<'_> {
    pub(super) fn n_columns(&self) -> usize {
        self.block.n_columns()
    }

    /// Appends the cells of a row, ascending from column `first` on.
    pub(super) fn cells(
        &self,
        row: usize,
        first: u32,
        scratch: &mut Scratch,
        cells: &mut Vec<(u32, f64)>,
    ) -> Result<(), LearnError> {
        let position = self.first_row + row as u64;
        match self.block {
            Block::Text { spec, idf, .. } => {
                let Some(text) = self.column.text(row) else { return Ok(()) };
                scratch.buckets.clear();
                scratch.ngrams.find(spec, text, &mut scratch.buckets);
                let columns = scratch.buckets.iter().map(|&bucket| self.columns_of_buckets[bucket as usize]);
                let mut columns: Vec<u32> = columns.filter(|&column| column != NO_COLUMN).collect();
                columns.sort_unstable();
                let start = cells.len();
                for same in columns.chunk_by(|a, b| a == b) {
                    // What stands there ten times counts more than what stands there once, but not ten times as much.
                    let frequency = 1.0 + (same.len() as f64).ln();
                    cells.push((first + same[0], frequency * idf[same[0] as usize]));
                }
                let length = cells[start..].iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
                cells[start..].iter_mut().for_each(|(_, value)| *value /= length);
            }
            Block::Number { field, mean, scale } => {
                if let Some(number) = number(&self.column, row) {
                    cells.push((first, (finite(number, field, position)? - mean) * scale));
                }
            }
            Block::Category { values, .. } => {
                let value = self.column.value(row).map(|value| value.to_string());
                let known = value.and_then(|value| values.binary_search(&value).ok());
                cells.extend(known.map(|at| (first + at as u32, 1.0)));
            }
            Block::Embedding { field, length, scale } => {
                let Some(vector) = self.column.vector(row) else { return Ok(()) };
                if vector.len() != *length {
                    let (expected, got) = (*length, vector.len());
                    return Err(LearnError::VectorLength { field: field.clone(), row: position, expected, got });
                }
                for (column, number) in (first..).zip(vector) {
                    cells.push((column, finite(number, field, position)? * scale));
                }
            }
        }
        Ok(())
    }
}

/// A block while it is learned.
pub(super) enum Fitting {
    Text { spec: TextSpec, n_records: u64, records_with: Vec<u32> },
    Number { field: String, n: f64, mean: f64, squares: f64 },
    Category { field: String, counts: BTreeMap<String, u64> },
    Embedding { field: String, length: Option<usize>, n: f64, norm: Norm },
}

impl Fitting {
    /// The blocks of a specification, nothing learned yet.
    pub(super) fn of(spec: &FeatureSpec) -> Vec<Self> {
        let texts = spec.texts.iter().cloned();
        let mut blocks: Vec<Self> =
            texts.map(|spec| Self::Text { spec, n_records: 0, records_with: vec![0; N_BUCKETS] }).collect();
        let number = |field: &String| Self::Number { field: field.clone(), n: 0.0, mean: 0.0, squares: 0.0 };
        let category = |field: &String| Self::Category { field: field.clone(), counts: BTreeMap::new() };
        blocks.extend(spec.numbers.iter().map(number));
        blocks.extend(spec.categories.iter().map(category));
        blocks.extend(spec.embeddings.iter().map(|field| Self::Embedding {
            field: field.clone(),
            length: None,
            n: 0.0,
            norm: Norm::default(),
        }));
        blocks
    }

    /// Learns from some rows of a batch.
    pub(super) fn learn(&mut self, records: &Dataset, rows: &[usize]) -> Result<(), LearnError> {
        match self {
            Self::Text { spec, n_records, records_with } => {
                let column = column(records, &spec.field, "text", is_text)?;
                *n_records += rows.len() as u64;
                let distinct: Vec<Vec<u32>> = rows
                    .par_chunks(CHUNK)
                    .map(|rows| {
                        let (mut ngrams, mut all, mut of_row) = (Ngrams::default(), Vec::new(), Vec::new());
                        for text in rows.iter().filter_map(|&row| column.text(row)) {
                            of_row.clear();
                            ngrams.find(spec, text, &mut of_row);
                            of_row.sort_unstable();
                            of_row.dedup();
                            all.append(&mut of_row);
                        }
                        all
                    })
                    .collect();
                for bucket in distinct.into_iter().flatten() {
                    records_with[bucket as usize] = records_with[bucket as usize].saturating_add(1);
                }
            }
            Self::Number { field, n, mean, squares } => {
                let column = column(records, field, "numbers", is_number)?;
                for &row in rows {
                    let Some(number) = number(&column, row) else { continue };
                    let number = finite(number, field, records.first_row() + row as u64)?;
                    // Welford (1962): sums of squares alone lose all digits where the mean is large.
                    *n += 1.0;
                    let before = number - *mean;
                    *mean += before / *n;
                    *squares += before * (number - *mean);
                }
            }
            Self::Category { field, counts } => {
                let column = column(records, field, "a category", is_category)?;
                for value in rows.iter().filter_map(|&row| column.value(row)) {
                    *counts.entry(value.to_string()).or_default() += 1;
                }
            }
            Self::Embedding { field, length, n, norm } => {
                let column = column(records, field, "lists of numbers", is_list)?;
                for &row in rows {
                    let Some(vector) = column.vector(row) else { continue };
                    length.get_or_insert(vector.len());
                    *n += 1.0;
                    for number in vector {
                        norm.add(finite(number, field, records.first_row() + row as u64)?);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Block, LearnError> {
        Ok(match self {
            Self::Text { spec, n_records, records_with } => {
                let kept = (0..).zip(&records_with).filter(|(_, n)| **n >= LEAST_RECORDS);
                // As if one more record had every n-gram, so that nothing is divided by nothing.
                let idf = |with: u32| ((1.0 + n_records as f64) / (1.0 + f64::from(with))).ln() + 1.0;
                let (buckets, idf) = kept.map(|(bucket, &with)| (bucket, idf(with))).unzip();
                Block::Text { spec, buckets, idf }
            }
            Self::Number { field, n, mean, squares } => {
                let deviation = if n > 0.0 { (squares / n).sqrt() } else { 0.0 };
                // All the same, up to rounding.
                let constant = deviation <= 1e-12 * mean.abs();
                Block::Number { field, mean, scale: if constant { 0.0 } else { 1.0 / deviation } }
            }
            Self::Category { field, counts } => {
                let values = counts.into_iter().filter(|(_, n)| *n >= u64::from(LEAST_RECORDS)).map(|(value, _)| value);
                Block::Category { field, values: values.collect() }
            }
            Self::Embedding { field, length, n, norm } => {
                Block::Embedding { field, length: length.unwrap_or(0), scale: norm.scale(n) }
            }
        })
    }
}

/// The root of a sum of squares, which itself may be beyond 64 bits: Blue (1978), as LAPACK's dlassq has it.
#[derive(Debug, Default)]
pub(super) struct Norm {
    largest: f64,
    /// The sum of the squares, each number divided by the largest.
    squares: f64,
}

impl Norm {
    fn add(&mut self, number: f64) {
        let size = number.abs();
        if size > self.largest {
            self.squares = 1.0 + self.squares * (self.largest / size).powi(2);
            self.largest = size;
        } else if size > 0.0 {
            self.squares += (size / self.largest).powi(2);
        }
    }

    /// What brings n vectors with these numbers to a mean square length of 1.
    fn scale(&self, n: f64) -> f64 {
        if self.largest > 0.0 { (n / self.squares).sqrt() / self.largest } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder};
    use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};

    use super::super::Features;
    use super::*;

    fn records(columns: Vec<(&str, ArrayRef)>) -> Dataset {
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap())
    }

    fn fit(spec: FeatureSpec, records: &Dataset) -> Features {
        Features::fit(spec, [Ok(records.clone())], |_| true).unwrap()
    }

    #[test]
    fn tf_idf_by_hand() {
        let texts = StringArray::from(vec![Some("good good film"), Some("Good"), None, Some("film x")]);
        let records = records(vec![("text", Arc::new(texts))]);
        let spec = TextSpec { words: Some([1, 1]), ..TextSpec::of("text") };
        let features = fit(FeatureSpec { texts: vec![spec], ..FeatureSpec::default() }, &records);
        // "x" stands in one record only. Of four, two have "good" and two "film": both count the same.
        assert_eq!(features.n_columns(), 2);
        let matrix = features.of_records(&records).unwrap();
        let row: Vec<f64> = matrix.row(0).map(|(_, value)| value).collect();
        let (twice, once) = (1.0 + 2f64.ln(), 1.0);
        let length = f64::hypot(twice, once);
        let mut expected = [twice / length, once / length];
        if matrix.row(1).next().unwrap().0 == 1 {
            expected.reverse();
        }
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{row:?}");
        assert_eq!((matrix.row(1).len(), matrix.row(2).len()), (1, 0));
    }

    #[test]
    fn numbers_categories_and_vectors() {
        let mut vectors = ListBuilder::new(Float32Builder::new());
        for vector in [[1.0, 2.0], [0.0, 4.0], [0.5, 0.5]] {
            vectors.values().append_slice(&vector);
            vectors.append(true);
        }
        let records = records(vec![
            ("stars", Arc::new(Float64Array::from(vec![Some(1.0), Some(3.0), None]))),
            ("same", Arc::new(Float64Array::from(vec![0.1; 3]))),
            ("paid", Arc::new(BooleanArray::from(vec![true, true, false]))),
            ("lang", Arc::new(StringArray::from(vec![Some("de"), Some("de"), Some("en")]))),
            ("vector", Arc::new(vectors.finish())),
        ]);
        let own = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        let spec = FeatureSpec {
            texts: Vec::new(),
            numbers: own(&["stars", "same"]),
            categories: own(&["paid", "lang"]),
            embeddings: own(&["vector"]),
        };
        let features = fit(spec, &records);
        // stars, same, paid = true, lang = de, two numbers of the vector.
        assert_eq!(features.n_columns(), 6);
        let matrix = features.of_records(&records).unwrap();
        let row = |row| matrix.row(row).collect::<Vec<_>>();
        // Squares of lengths: 5, 16 and .5, so their mean is 21.5 / 3.
        let scale = (3f64 / 21.5).sqrt();
        assert_eq!(row(0), [(0, -1.0), (1, 0.0), (2, 1.0), (3, 1.0), (4, scale), (5, 2.0 * scale)]);
        assert_eq!(row(2), [(1, 0.0), (4, 0.5 * scale), (5, 0.5 * scale)]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let data = records(vec![("n", Arc::new(Float64Array::from(vec![1.0, f64::NAN])))]);
        let error = |spec: FeatureSpec| Features::fit(spec, [Ok(data.clone())], |_| true).unwrap_err().to_string();
        let text = |field: &str| FeatureSpec { texts: vec![TextSpec::of(field)], ..FeatureSpec::default() };
        assert_eq!(error(text("n")), "field `n` holds Float64, but text is needed");
        assert_eq!(error(text("m")), "the records have no field `m`");
        assert_eq!(error(FeatureSpec::default()), "no field is named to learn from");
        let number = FeatureSpec { numbers: vec!["n".into()], ..FeatureSpec::default() };
        assert_eq!(error(number), "field `n` of row 1 is NaN");
    }

    #[test]
    fn vectors_of_integers_are_vectors() {
        let mut vectors = ListBuilder::new(Int64Builder::new());
        vectors.values().append_slice(&[0, 1]);
        vectors.append(true);
        let data = records(vec![("vector", Arc::new(vectors.finish()))]);
        let spec = FeatureSpec { embeddings: vec!["vector".into()], ..FeatureSpec::default() };
        let matrix = fit(spec, &data).of_records(&data).unwrap();
        assert_eq!(matrix.row(0).collect::<Vec<_>>(), [(0, 0.0), (1, 1.0)]);
    }

    #[test]
    fn vectors_of_any_size_come_to_the_same() {
        for size in [1e-300, 1.0, 1e300] {
            let mut norm = Norm::default();
            [3.0, 0.0, -4.0].into_iter().for_each(|x| norm.add(x * size));
            assert!((norm.scale(1.0) * size - 0.2).abs() < 1e-12);
        }
        assert_eq!(Norm::default().scale(2.0), 1.0);
    }

    #[test]
    fn the_first_of_several_bad_records_is_named() {
        let mut numbers = vec![1.0; 5 * CHUNK];
        for chunk in 1..5 {
            numbers[chunk * CHUNK + 7] = f64::NAN;
        }
        let spec = FeatureSpec { numbers: vec!["n".into()], ..FeatureSpec::default() };
        let good = records(vec![("n", Arc::new(Float64Array::from(vec![1.0])))]);
        let bad = records(vec![("n", Arc::new(Float64Array::from(numbers)))]);
        let error = fit(spec, &good).of_records(&bad).unwrap_err();
        assert_eq!(error.to_string(), format!("field `n` of row {} is NaN", CHUNK + 7));
    }

    #[test]
    fn a_hole_in_a_vector_is_named() {
        let mut vectors = ListBuilder::new(Float32Builder::new());
        vectors.values().append_value(1.0);
        vectors.values().append_null();
        vectors.append(true);
        let data = records(vec![("vector", Arc::new(vectors.finish()))]);
        let spec = FeatureSpec { embeddings: vec!["vector".into()], ..FeatureSpec::default() };
        let error = Features::fit(spec, [Ok(data)], |_| true).unwrap_err();
        assert_eq!(error.to_string(), "field `vector` of row 0 is NaN");
    }

    #[test]
    fn only_training_rows_teach() {
        let records = records(vec![("text", Arc::new(StringArray::from(vec!["a b", "a b", "c d", "c d"])))]);
        let spec = TextSpec { words: Some([1, 1]), ..TextSpec::of("text") };
        let spec = FeatureSpec { texts: vec![spec], ..FeatureSpec::default() };
        let features = Features::fit(spec, [Ok(records.clone())], |row| row < 2).unwrap();
        assert_eq!(features.n_columns(), 2);
        assert_eq!(features.of_records(&records).unwrap().row(3).len(), 0);
    }
}
