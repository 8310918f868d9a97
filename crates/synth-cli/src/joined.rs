//! Records with their soft labels, joined by id or by order.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use ndarray::Array2;
use synth::core::{ClassId, Dataset, SoftLabels};
use synth::io::gold::GoldColumn;
use synth::io::ids::{IdColumn, Unique};
use synth::io::{Reader, soft};

use crate::errors::hinted;

/// Records with their soft labels.
pub struct Joined {
    pub labels: SoftLabels,
    /// Whether each soft label has probabilities.
    known: Vec<bool>,
    /// For each record the row of its soft label, if it has one.
    rows: Vec<Option<usize>>,
    /// For each record its gold label, where gold was asked for.
    pub gold: Option<Vec<Option<ClassId>>>,
}

impl Joined {
    /// Joins records with the soft labels loaded from `path`.
    pub fn of(
        reader: &Reader,
        id: Option<&str>,
        gold: Option<&str>,
        loaded: soft::Loaded,
        path: &Path,
    ) -> Result<Self> {
        let schema = reader.schema();
        let column = IdColumn::find(&schema, id)?;
        let mut unique = Unique::new(column.clone());
        let soft::Loaded { labels, known, ids } = loaded;
        let gold = gold.map(|field| GoldColumn::find(&schema, field, labels.classes())).transpose()?;
        let rows_of_ids: Option<HashMap<&str, usize>> =
            ids.as_ref().map(|ids| ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect());
        let mut rows: Vec<Option<usize>> = Vec::new();
        let mut golds = Vec::new();
        for batch in reader.batches()? {
            let batch: Dataset = batch?;
            unique.check(&batch)?;
            match &rows_of_ids {
                Some(known) => {
                    rows.extend(column.ids(&batch)?.iter().map(|id| known.get(id.unwrap_or_default()).copied()));
                }
                None => rows.extend((rows.len()..rows.len() + batch.n_rows()).map(Some)),
            }
            if let Some(gold) = &gold {
                golds.extend(gold.labels(&batch)?);
            }
        }
        let soft = path.display();
        match &ids {
            None if rows.len() != labels.n_rows() => {
                let message = format!("`{soft}` has {} rows for {} records, and no ids", labels.n_rows(), rows.len());
                return Err(hinted(message, "label these very records, or use a format with ids, such as .parquet"));
            }
            Some(ids) => {
                let mut found = vec![false; ids.len()];
                rows.iter().flatten().for_each(|&row| found[row] = true);
                if let Some(missing) = found.iter().position(|found| !found) {
                    let message = format!("`{soft}` has a soft label for id `{}`, but no record has it", ids[missing]);
                    return Err(hinted(message, "take the records that were labelled, and name the same `--id`"));
                }
            }
            None => {}
        }
        Ok(Self { labels, known, rows, gold: gold.map(|_| golds) })
    }

    /// For each record how much it teaches: 1, or 0 without a soft label, or (unless they are wanted) without a vote.
    pub fn weights(&self, with_uncovered: bool) -> Vec<f64> {
        let learned = |row: usize| self.known[row] && (with_uncovered || self.labels.covered(row));
        self.rows.iter().map(|row| f64::from(u8::from(row.is_some_and(learned)))).collect()
    }

    /// How many functions voted on each record.
    pub fn n_votes(&self) -> Vec<u32> {
        self.rows.iter().map(|row| row.map_or(0, |row| self.labels.n_votes(row))).collect()
    }

    /// The soft labels of all records: `[n, k]`; uniform where there is none, which has no weight.
    pub fn targets(&self) -> Array2<f64> {
        let k = self.labels.classes().len();
        Array2::from_shape_fn((self.rows.len(), k), |(i, c)| {
            self.rows[i].map_or(1.0 / k as f64, |row| self.labels.probs(row)[c])
        })
    }
}
