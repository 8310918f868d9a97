//! Records to features.

mod block;
mod ngrams;

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{BoxError, Dataset};

use crate::{LearnError, SparseMatrix};
use block::Fitting;

pub(crate) use block::Block;

/// What of a record a model sees. Fields are columns, nested ones by dots.
///
/// ```
/// use synth_learn::{FeatureSpec, TextSpec};
///
/// let spec = FeatureSpec { texts: vec![TextSpec::of("body")], numbers: vec!["stars".into()], ..FeatureSpec::default() };
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Fields of text, as n-grams weighed by TF-IDF.
    pub texts: Vec<TextSpec>,
    /// Fields of numbers or truth values, standardised; missing ones count as the mean.
    pub numbers: Vec<String>,
    /// Fields with few different values (text, integers, truth values), one feature for each value that more than one
    /// record has.
    pub categories: Vec<String>,
    /// Fields of ready vectors: lists of numbers, all of one length; scaled together, so that their square length is 1
    /// in the mean.
    pub embeddings: Vec<String>,
}

/// What is taken from a text: n-grams of the words that [`synth_text::words`] finds, folded in case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// The field.
    pub field: String,
    /// The least and the most words of an n-gram of words; `None` for none.
    pub words: Option<[usize; 2]>,
    /// The least and the most characters of an n-gram of characters inside a word; `None` for none.
    pub characters: Option<[usize; 2]>,
}

impl TextSpec {
    /// Single words and pairs of words: enough for most tasks, and cheap.
    pub fn of(field: impl Into<String>) -> Self {
        Self { field: field.into(), words: Some([1, 2]), characters: None }
    }
}

impl FeatureSpec {
    fn check(&self) -> Result<(), LearnError> {
        for spec in &self.texts {
            for [least, most] in [spec.words, spec.characters].into_iter().flatten() {
                if least == 0 || most < least || most > 8 {
                    return Err(LearnError::Param {
                        name: "n-grams",
                        value: format!("{least} to {most}"),
                        expected: "a range from 1 to 8",
                    });
                }
            }
        }
        let fields = self.fields();
        let mut seen = BTreeSet::new();
        if let Some(twice) = fields.iter().find(|field| !seen.insert(**field)) {
            return Err(LearnError::FieldTwice { field: (*twice).to_owned() });
        }
        if fields.is_empty() { Err(LearnError::NoFeatures) } else { Ok(()) }
    }

    /// The fields that are read.
    pub fn fields(&self) -> Vec<&str> {
        let texts = self.texts.iter().map(|text| text.field.as_str());
        let others = [&self.numbers, &self.categories, &self.embeddings].into_iter().flatten();
        texts.chain(others.map(String::as_str)).collect()
    }
}

/// Features fitted on training records: which n-grams and values there are, how rare, how numbers are scaled.
///
/// Each block of features (a text, a category, …) is scaled apart: the n-grams of a text to length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    spec: FeatureSpec,
    blocks: Vec<Block>,
    /// For each block, where its n-grams are looked up.
    columns_of_buckets: Vec<Vec<u32>>,
    n_columns: usize,
}

/// Rows that a thread takes at a time.
const CHUNK: usize = 256;

impl Features {
    /// Learns the features from the records for which `is_training` holds, by their position in the whole data.
    /// Records stream through; what is kept is a count for each n-gram.
    ///
    /// # Errors
    /// The records cannot be read; a field does not exist, or holds something else than it should; no feature at all.
    pub fn fit<I>(spec: FeatureSpec, batches: I, is_training: impl Fn(u64) -> bool) -> Result<Self, LearnError>
    where
        I: IntoIterator<Item = Result<Dataset, BoxError>>,
    {
        spec.check()?;
        let mut fitting: Vec<Fitting> = Fitting::of(&spec);
        for records in batches {
            let records = records.map_err(LearnError::Records)?;
            let first = records.first_row();
            let rows: Vec<usize> = (0..records.n_rows()).filter(|&row| is_training(first + row as u64)).collect();
            let learned: Vec<_> = fitting.par_iter_mut().map(|block| block.learn(&records, &rows)).collect();
            // The first mistake in the order of fields, at any number of threads.
            learned.into_iter().collect::<Result<(), _>>()?;
        }
        let blocks = fitting.into_iter().map(Fitting::finish).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::with(spec, blocks))
    }

    fn with(spec: FeatureSpec, blocks: Vec<Block>) -> Self {
        let columns_of_buckets = blocks.iter().map(Block::columns_of_buckets).collect();
        let n_columns = blocks.iter().map(Block::n_columns).sum();
        Self { spec, blocks, columns_of_buckets, n_columns }
    }

    /// Features that were saved; or what is wrong with them.
    pub(crate) fn of(spec: FeatureSpec, blocks: Vec<Block>) -> Result<Self, String> {
        spec.check().map_err(|error| error.to_string())?;
        if !spec.fields().into_iter().eq(blocks.iter().map(Block::field)) || !blocks.iter().all(|b| b.is_of(&spec)) {
            return Err("its features come from other fields than it says".into());
        }
        let n_columns = blocks.iter().try_fold(0u32, |sum, block| sum.checked_add(block.n_columns().try_into().ok()?));
        if n_columns.is_none() {
            return Err("it has more features than there can be".into());
        }
        if let Some(problem) = blocks.iter().find_map(Block::problem) {
            return Err(problem);
        }
        Ok(Self::with(spec, blocks))
    }

    /// What they are made from.
    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The number of features, d.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The features of all records of some batches: `[n, d]`.
    ///
    /// # Errors
    /// As [`Features::of_records`]; the records cannot be read.
    pub fn of_batches<I>(&self, batches: I) -> Result<SparseMatrix, LearnError>
    where
        I: IntoIterator<Item = Result<Dataset, BoxError>>,
    {
        let mut matrix = SparseMatrix::new(self.n_columns);
        for records in batches {
            matrix.append(&self.of_records(&records.map_err(LearnError::Records)?)?);
        }
        Ok(matrix)
    }

    /// The features of records: `[n, d]`.
    ///
    /// # Errors
    /// A field does not exist, or holds something else than it should; a vector of another length, a number that is
    /// not finite.
    pub fn of_records(&self, records: &Dataset) -> Result<SparseMatrix, LearnError> {
        let blocks = self.blocks.iter().zip(&self.columns_of_buckets);
        let readers = blocks.map(|(block, columns)| block.open(records, columns)).collect::<Result<Vec<_>, _>>()?;
        let starts: Vec<usize> = (0..records.n_rows()).step_by(CHUNK).collect();
        let chunks: Vec<Result<SparseMatrix, LearnError>> = starts
            .into_par_iter()
            .map(|start| {
                let mut matrix = SparseMatrix::new(self.n_columns);
                let (mut scratch, mut cells) = (block::Scratch::default(), Vec::new());
                for row in start..(start + CHUNK).min(records.n_rows()) {
                    cells.clear();
                    let mut first = 0;
                    for reader in &readers {
                        reader.cells(row, first, &mut scratch, &mut cells)?;
                        first += reader.n_columns() as u32;
                    }
                    matrix.push_row(cells.drain(..));
                }
                Ok(matrix)
            })
            .collect();
        let mut matrix = SparseMatrix::new(self.n_columns);
        for chunk in chunks {
            matrix.append(&chunk?);
        }
        Ok(matrix)
    }
}
