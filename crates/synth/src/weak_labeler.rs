//! Labeling functions with their label model.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use synth_core::{BoxError, ClassSet, Dataset, LabelModel, Observer, Predict, Silent, SoftLabels};
use synth_io::{IoError, Reader};
use synth_lf::LfSet;

/// Labeling functions and a fitted label model, as one thing that turns records into soft labels.
pub struct WeakLabeler<M> {
    lfs: LfSet,
    model: M,
    observer: Arc<dyn Observer>,
    faults: Mutex<(u64, Option<String>)>,
}

impl<M> fmt::Debug for WeakLabeler<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakLabeler").field("lfs", &self.lfs).finish_non_exhaustive()
    }
}

impl<M: LabelModel> WeakLabeler<M> {
    /// Puts labeling functions and the model fitted on their votes together.
    pub fn new(lfs: LfSet, model: M) -> Self {
        Self { lfs, model, observer: Arc::new(Silent), faults: Mutex::default() }
    }

    /// Lets an observer stop it.
    #[must_use]
    pub fn watched_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// How many faults of functions there were so far, and what the first says. A function with a fault on a record does
    /// not vote on it.
    pub fn faults(&self) -> (u64, Option<String>) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<M: LabelModel> Predict for WeakLabeler<M> {
    fn classes(&self) -> &ClassSet {
        self.model.classes()
    }

    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        let applied = self.lfs.apply([Ok(records.clone())], &*self.observer)?;
        let first = applied.faults.iter().next();
        if let Some((name, example)) = first.and_then(|faults| Some((&faults.lf, faults.examples.first()?))) {
            let mut all = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            all.0 += applied.faults.total();
            all.1.get_or_insert_with(|| format!("{name}: {}", example.message));
        }
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
