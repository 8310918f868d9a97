//! How sure of itself the deep model may be: the votes check it.

use rayon::prelude::*;

use crate::cells::Cells;
use crate::deep::Confusion;
use crate::em::score_row;

/// Patterns looked at, at most about.
const SAMPLE: usize = 1 << 14;
/// Patterns a chunk.
const CHUNK: usize = 512;
/// Where the search begins.
const COARSE: [f64; 6] = [0.05, 0.2, 0.4, 0.6, 0.8, 1.0];
/// How fine it ends.
const STEP: f64 = 0.05;
/// Below this no proof is asked: on few votes a blunt model is the safe one.
const CLEAR: f64 = 0.875;
/// Standard errors by which a slightly blunter model must predict better before the sharp one is given up.
const DOUBT: f64 = 2.0;

/// The power τ, above 0 and at most 1, to which posteriors should be raised.
///
/// Every vote is predicted from the other votes of its row: P(v | rest) = Σ_y P_τ(y | rest) C(v | y), with the
/// row's own contribution taken out of the confusion matrix C. The τ under which the votes are likeliest says how
/// sure the rest of a row really is. Where functions err independently given the class, as the model assumes,
/// that is 1. Where some items are hard for everyone, as with people, a model that multiplies independent
/// evidence is sure of the wrong thing; the votes contradict it, and τ falls. No gold is needed.
pub(crate) fn sharpness(cells: &Cells, confusion: &Confusion, lf_weights: &[f64]) -> f64 {
    let sample = cells.every(cells.len().div_ceil(SAMPLE).max(1));
    let total = |predictive: &[f64]| predictive.iter().zip(&sample.counts).map(|(p, n)| p * n).sum::<f64>();
    let score = |tau: f64| total(&log_predictive(&sample, confusion, lf_weights, tau));
    let best = |taus: &[f64]| {
        taus.iter()
            .map(|&tau| (score(tau), tau))
            .fold((f64::NEG_INFINITY, 1.0), |a, b| if b.0 >= a.0 { b } else { a })
            .1
    };
    let coarse = best(&COARSE);
    let near = (-3..=3).map(|i| coarse + f64::from(i) * STEP);
    let fine: Vec<f64> =
        near.filter(|&tau| tau > STEP / 2.0 && tau < 1.0 + STEP / 2.0).map(|tau| tau.min(1.0)).collect();
    let tau = best(&fine);
    if tau < CLEAR {
        return tau;
    }
    // What a slightly blunter model gains, row by row, must stand out from chance.
    let sharp = log_predictive(&sample, confusion, lf_weights, 1.0);
    let blunt = log_predictive(&sample, confusion, lf_weights, tau);
    let gains: Vec<f64> = blunt.iter().zip(&sharp).map(|(a, b)| a - b).collect();
    let mean = total(&gains) / sample.n_rows.max(1.0);
    let squares: Vec<f64> = gains.iter().map(|gain| (gain - mean).powi(2)).collect();
    let error = total(&squares).sqrt() / sample.n_rows.max(1.0);
    if mean > DOUBT * error { tau } else { 1.0 }
}

/// For each pattern Σ over its votes of log P(vote | the other votes).
fn log_predictive(sample: &Cells, confusion: &Confusion, lf_weights: &[f64], tau: f64) -> Vec<f64> {
    let mut predictive = vec![0.0; sample.len()];
    predictive.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, rows)| {
        let mut scratch = Scratch::new(sample.n_classes);
        for (i, row) in rows.iter_mut().enumerate() {
            *row = scratch.log_predictive(sample.votes(chunk * CHUNK + i), sample, confusion, lf_weights, tau);
        }
    });
    predictive
}

struct Scratch {
    evidence: Vec<f64>,
    posterior: Vec<f64>,
    rest: Vec<f64>,
}

impl Scratch {
    fn new(k: usize) -> Self {
        Self { evidence: vec![0.0; k], posterior: vec![0.0; k], rest: vec![0.0; k] }
    }

    /// Σ over the votes of a row of log P(vote | the other votes).
    fn log_predictive(&mut self, votes: &[u32], cells: &Cells, c: &Confusion, lf_weights: &[f64], tau: f64) -> f64 {
        let Self { evidence, posterior, rest } = self;
        let k = evidence.len();
        if votes.len() < 2 {
            return 0.0;
        }
        score_row(votes, &c.scores, evidence);
        posterior.copy_from_slice(evidence);
        crate::em::softmax(posterior);
        let mut sum = 0.0;
        for &cell in votes {
            let (cell, lf) = (cell as usize, cells.lf[cell as usize] as usize);
            // A copy is foretold by its twin and would speak for a sharpness that is not there.
            if lf_weights[lf] < 1.0 {
                continue;
            }
            for y in 0..k {
                rest[y] = tau * (evidence[y] - c.votes[cell * k + y]);
            }
            crate::em::softmax(rest);
            let predictive = |y: usize| {
                let own = posterior[y];
                rest[y] * (c.counts[cell * k + y] - own).max(1e-3) / (c.totals[lf * k + y] - own).max(2e-3)
            };
            sum += (0..k).map(predictive).sum::<f64>().ln();
        }
        sum
    }
}
