//! What annotators say of the records, and how far they agree.

use anyhow::Result;
use ndarray::{Array2, Axis};
use serde::Serialize;
use synth::audit::{Consensus, Ratings, Scale, interpretation};
use synth::label::Method;

use super::labels::located;
use crate::audit::annotators::{AnnotatorSummary, Item, relabel_first, soft_labels, summaries};
use crate::audit::records::Records;

#[derive(Serialize)]
pub struct AnnotatorFindings {
    /// Krippendorff's alpha; null where it is not defined.
    pub alpha: Option<f64>,
    /// What that is called.
    pub interpretation: Option<&'static str>,
    /// How the consensus is found.
    pub by: &'static str,
    /// The least trustworthy first.
    pub annotators: Vec<AnnotatorSummary>,
    /// Records where one more label is worth most.
    pub relabel_first: Vec<Item>,
}

/// Finds the consensus of the annotators and, where one has learned something, of a classifier.
pub fn find(
    records: &Records,
    probs: Option<&Array2<f64>>,
    skipped: &mut Vec<String>,
) -> Result<Option<AnnotatorFindings>> {
    let Some(votes) = &records.votes else { return Ok(None) };
    let alpha = match votes.matrix.n_lfs() {
        1 => {
            skipped.push("agreement: there is one annotator".to_owned());
            None
        }
        _ => Ratings::of_votes(&votes.matrix)?.krippendorff_alpha(Scale::Nominal),
    };
    let is_shared = (0..votes.matrix.n_rows()).any(|item| votes.matrix.votes(item).len() > 1);
    let (by, consensus) = match probs {
        Some(probs) if is_shared => {
            let probs = probs.select(Axis(0), &votes.rows);
            let consensus = Consensus::with_classifier(&votes.matrix, probs.view());
            ("crowdlab", consensus.map_err(|error| located(error, &votes.rows))?)
        }
        _ => {
            let probs = soft_labels(&votes.matrix, Method::DawidSkene)?;
            (Method::DawidSkene.name(), Consensus::by_model(&votes.matrix, probs.view())?)
        }
    };
    Ok(Some(AnnotatorFindings {
        alpha,
        interpretation: alpha.map(interpretation),
        by,
        annotators: summaries(&votes.matrix, &consensus),
        relabel_first: relabel_first(&votes.matrix, &consensus, |item| records.ids[votes.rows[item]].clone()),
    }))
}
