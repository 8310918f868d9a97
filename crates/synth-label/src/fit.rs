//! What every fit returns, and the EM loop that fits share.

use serde::Serialize;

use crate::cells::Cells;
use crate::em::{Expected, Scores, count, expect};
use crate::{FittedModel, Gold, Report};

/// A fitted label model with the story of its fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The model.
    pub model: FittedModel,
    /// Why the fit ended.
    pub stop: StopReason,
    /// One entry an iteration; empty for closed forms.
    pub trace: Vec<TraceStep>,
    /// What was chosen and why, and what the votes could not tell.
    pub report: Report,
}

/// Why a fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// Nothing is iterated.
    ClosedForm,
    /// The posteriors no longer moved.
    Converged,
    /// The cap on iterations was reached. The model is usable; it might have moved a little more.
    IterationCap,
}

/// One iteration of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceStep {
    /// Patterns this iteration saw: many patterns are fitted on a sample first.
    pub n_patterns: usize,
    /// Mean over rows of how far the posterior moved, in total variation, 0 to 1.
    pub change: f64,
    /// What the fit maximises, for the parameters this iteration began with; `None` for fits without a fixed
    /// objective.
    pub objective: Option<f64>,
}

/// When an EM ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_iterations: usize,
    /// Mean movement of the posterior below which it has converged.
    pub(crate) tolerance: f64,
}

/// Patterns above this are fitted on a sample of about this many first; the full fit then starts there and
/// needs a few passes instead of some fifty. A million dense rows fit in a fifth of the time.
const SAMPLE: usize = 1 << 16;

/// One EM over votes: where it starts, and its M step.
pub(crate) trait Em {
    /// Posteriors to start from, `[patterns, k]`.
    fn start(&self, cells: &Cells) -> Vec<f64>;
    /// Scores that fit the expected counts, and the logarithm of their prior up to a constant; `None` for a fit
    /// without a fixed objective.
    fn maximize(&self, cells: &Cells, expected: &Expected) -> (Scores, Option<f64>);
}

/// Where an EM ended.
pub(crate) struct EmRun {
    pub(crate) scores: Scores,
    pub(crate) expected: Expected,
    pub(crate) stop: StopReason,
    pub(crate) trace: Vec<TraceStep>,
}

pub(crate) fn run_em(em: &impl Em, cells: &Cells, gold: &Gold, limits: Limits) -> EmRun {
    if cells.len() <= SAMPLE {
        return iterate(em, cells, gold, limits, em.start(cells), None, Vec::new());
    }
    // The sample's patterns have other numbers, so gold waits for the full passes.
    let sample = cells.every(cells.len().div_ceil(SAMPLE));
    let first = iterate(em, &sample, &Gold::none(), limits, em.start(&sample), None, Vec::new());
    let posterior = vec![0.0; cells.len() * cells.n_classes];
    iterate(em, cells, gold, limits, posterior, Some(first.scores), first.trace)
}

fn iterate(
    em: &impl Em,
    cells: &Cells,
    gold: &Gold,
    limits: Limits,
    mut posterior: Vec<f64>,
    start: Option<Scores>,
    mut trace: Vec<TraceStep>,
) -> EmRun {
    let mut expected;
    let (mut scores, mut log_prior) = match start {
        Some(scores) => (scores, None),
        None => {
            expected = count(cells, gold, &mut posterior);
            em.maximize(cells, &expected)
        }
    };
    let mut iteration = 0;
    loop {
        expected = expect(cells, &scores, gold, &mut posterior);
        iteration += 1;
        let objective = log_prior.map(|log_prior| expected.log_likelihood + log_prior);
        trace.push(TraceStep { n_patterns: cells.len(), change: expected.change, objective });
        let stop = if expected.change <= limits.tolerance {
            StopReason::Converged
        } else if iteration >= limits.max_iterations {
            StopReason::IterationCap
        } else {
            (scores, log_prior) = em.maximize(cells, &expected);
            continue;
        };
        return EmRun { scores, expected, stop, trace };
    }
}
