//! The columns of soft labels, and those of the records before them.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, UInt32Builder};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use synth_core::{ClassSet, Dataset, SoftLabels};

use super::{Options, Uncovered};
use crate::IoError;
use crate::ids::{DEFAULT_FIELD, IdColumn, type_of};

/// Lays out what is written: id, fields, results.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) schema: SchemaRef,
    id: IdColumn,
    /// The fields of the records after the id, by position.
    fields: Vec<usize>,
    probs: Probs,
    uncovered: Uncovered,
}

/// How the probabilities are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probs {
    /// One list column, before `label`.
    List,
    /// A column a class, at the end.
    Columns,
}

impl Layout {
    pub(super) fn new(records: &Schema, classes: &ClassSet, probs: Probs, options: &Options) -> Result<Self, IoError> {
        let id = IdColumn::find(records, options.id.as_deref())?;
        // The id field itself stands first; a nested one, or a row number, becomes a column of its own.
        let (id_at, id_field) = match &id {
            IdColumn::Field(name) => match records.index_of(name) {
                Ok(at) => (Some(at), records.field(at).clone()),
                Err(_) => (None, Field::new(DEFAULT_FIELD, type_of(records, name).unwrap_or(DataType::Utf8), false)),
            },
            IdColumn::RowNumber => (None, Field::new(DEFAULT_FIELD, DataType::UInt64, false)),
        };
        let fields: Vec<usize> = (0..records.fields().len()).filter(|&at| Some(at) != id_at).collect();
        let mut all: Vec<FieldRef> = vec![Arc::new(id_field)];
        all.extend(fields.iter().map(|&at| Arc::clone(&records.fields()[at])));
        let first_result = all.len();
        let nullable = options.uncovered == Uncovered::Null;
        let mut add = |name: &str, data_type, nullable| {
            all.push(Arc::new(Field::new(format!("{}{name}", options.prefix), data_type, nullable)));
        };
        if probs == Probs::List {
            add("probs", DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))), nullable);
        }
        add("label", DataType::Utf8, nullable);
        add("confidence", DataType::Float64, nullable);
        add("n_votes", DataType::UInt32, false);
        if probs == Probs::Columns {
            classes.names().iter().for_each(|name| add(&format!("p_{name}"), DataType::Float64, nullable));
        }
        let known = &records.fields;
        // The row number has a name of its own too, which a nested id field could share with another field.
        let own = if id_at.is_some() { first_result..all.len() } else { 0..all.len() };
        for result in own.filter(|&at| at == 0 || at >= first_result) {
            if let Some((_, clash)) = known.find(all[result].name()) {
                return Err(IoError::Clash { field: clash.name().clone() });
            }
        }
        let mut metadata = records.metadata().clone();
        metadata.insert(crate::counts::CLASSES_KEY.to_owned(), crate::counts::json(classes.names()));
        metadata.extend(options.metadata.iter().cloned());
        let schema = Arc::new(Schema::new_with_metadata(all, metadata));
        Ok(Self { schema, id, fields, probs, uncovered: options.uncovered })
    }

    /// The rows to write, with all columns.
    pub(super) fn batch(
        &self,
        records: &Dataset,
        soft: &SoftLabels,
        rows: Range<usize>,
    ) -> Result<Result<RecordBatch, ArrowError>, IoError> {
        let mut columns = vec![self.id.values(records)?];
        columns.extend(self.fields.iter().map(|&at| Arc::clone(records.batch().column(at))));
        self.results(soft, rows.clone(), &mut columns);
        let options = RecordBatchOptions::new().with_row_count(Some(records.n_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        if self.uncovered != Uncovered::Drop || rows.clone().all(|row| soft.covered(row)) {
            return Ok(batch);
        }
        let covered = rows.map(|row| soft.covered(row)).collect::<Vec<_>>().into();
        Ok(batch.and_then(|batch| arrow_select::filter::filter_record_batch(&batch, &covered)))
    }

    fn results(&self, soft: &SoftLabels, rows: Range<usize>, columns: &mut Vec<ArrayRef>) {
        let classes = soft.classes();
        let known = |row: usize| self.uncovered != Uncovered::Null || soft.covered(row);
        if self.probs == Probs::List {
            let values = Float64Builder::with_capacity(rows.len() * classes.len());
            let mut probs = ListBuilder::with_capacity(values, rows.len());
            for row in rows.clone() {
                if known(row) {
                    probs.values().append_slice(soft.probs(row));
                }
                probs.append(known(row));
            }
            columns.push(Arc::new(probs.finish()));
        }
        let mut label = StringBuilder::new();
        let mut confidence = Float64Builder::with_capacity(rows.len());
        let mut n_votes = UInt32Builder::with_capacity(rows.len());
        for row in rows.clone() {
            label.append_option(known(row).then(|| classes.name(soft.label(row))));
            confidence.append_option(known(row).then(|| soft.confidence(row)));
            n_votes.append_value(soft.n_votes(row));
        }
        columns.extend([
            Arc::new(label.finish()) as ArrayRef,
            Arc::new(confidence.finish()),
            Arc::new(n_votes.finish()),
        ]);
        if self.probs == Probs::Columns {
            for class in classes.ids() {
                let values = rows.clone().map(|row| known(row).then(|| soft.probs(row)[class.index()]));
                columns.push(Arc::new(values.collect::<arrow_array::Float64Array>()));
            }
        }
    }
}
