//! Labeling functions with their label model.

use synth_core::{BoxError, ClassSet, Dataset, LabelModel, Predict, Silent, SoftLabels};
use synth_io::{IoError, Reader};
use synth_lf::LfSet;

/// Labeling functions and a fitted label model, as one thing that turns records into soft labels.
#[derive(Debug)]
pub struct WeakLabeler<M> {
    lfs: LfSet,
    model: M,
}

impl<M: LabelModel> WeakLabeler<M> {
    /// Puts labeling functions and the model fitted on their votes together.
    pub fn new(lfs: LfSet, model: M) -> Self {
        Self { lfs, model }
    }
}

impl<M: LabelModel> Predict for WeakLabeler<M> {
    fn classes(&self) -> &ClassSet {
        self.model.classes()
    }

    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        let applied = self.lfs.apply([Ok(records.clone())], &Silent)?;
        self.model.predict(&applied.matrix)
    }
}

/// The records of a reader, in the form in which [`LfSet::apply`] takes them.
///
/// # Errors
/// The sources cannot be opened again.
pub fn batches(reader: &Reader) -> Result<impl Iterator<Item = Result<Dataset, BoxError>> + Send, IoError> {
    Ok(reader.batches()?.map(|batch| batch.map_err(Into::into)))
}
