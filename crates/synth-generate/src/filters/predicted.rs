//! What labeling functions or a model make of candidates.

use std::sync::Arc;

use synth_core::{ClassId, Predict, SoftLabels};

use crate::{Budget, Candidate, GenerateError, TextRecords};

/// A model that is asked about candidates as records.
pub(super) struct Predicted {
    filter: &'static str,
    predict: Arc<dyn Predict>,
    records: TextRecords,
}

impl Predicted {
    pub(super) fn new(filter: &'static str, predict: Arc<dyn Predict>, records: TextRecords) -> Self {
        Self { filter, predict, records }
    }

    /// Soft labels, a row for each candidate; or the budget that has no room for asking about them.
    pub(super) fn of(&self, batch: &[Candidate]) -> Result<Result<SoftLabels, Budget>, GenerateError> {
        let texts: Vec<&str> = batch.iter().map(|candidate| candidate.text.as_str()).collect();
        let failed = |source| GenerateError::Filter { filter: self.filter, source };
        let soft = match self.predict.predict(&self.records.dataset(&texts)) {
            Ok(soft) => soft,
            Err(error) => {
                return match GenerateError::budget_in(&*error) {
                    Some(budget) => Ok(Err(budget)),
                    None => Err(failed(error)),
                };
            }
        };
        if soft.n_rows() != batch.len() {
            let source = format!("{} soft labels for {} candidates", soft.n_rows(), batch.len());
            return Err(failed(source.into()));
        }
        Ok(Ok(soft))
    }

    /// The name of a class, which must be one of the model's.
    pub(super) fn class_name(&self, class: ClassId) -> Result<&str, GenerateError> {
        let classes = self.predict.classes();
        if class.index() >= classes.len() {
            let source = format!("class {} was wanted of {}", class.index(), classes.len());
            return Err(GenerateError::Filter { filter: self.filter, source: source.into() });
        }
        Ok(classes.name(class))
    }
}
