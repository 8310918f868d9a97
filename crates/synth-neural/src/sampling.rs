//! Which token comes next, given how probable each is.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use synth_generate::Sampling;

use crate::NeuralError;

/// Draws the tokens of one answer.
///
/// In the order of Hugging Face's `generate`: the penalty for repetition, the temperature, the most probable
/// `top_k`, of these the most probable that have `top_p` of their mass, one of these by their shares. Equally
/// probable tokens rank by their number, lowest first.
pub(crate) struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    /// The tokens of the answer so far, each once, ascending.
    seen: Vec<u32>,
}

/// The tokens that are looked at first for `top_p`: mostly enough, and quickly sorted.
const FIRST_LOOK: usize = 128;

impl Sampler {
    /// For a choice of a request: the random numbers depend on these two alone.
    pub(crate) fn new(sampling: Sampling, seed: u64, choice: u32) -> Self {
        Self::of_part(sampling, seed, choice, 0)
    }

    /// For a part of a choice that is made by itself, as a sentence.
    pub(crate) fn of_part(sampling: Sampling, seed: u64, choice: u32, part: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&choice.to_le_bytes());
        key[12..16].copy_from_slice(&part.to_le_bytes());
        Self { sampling, random: ChaCha8Rng::from_seed(key), seen: Vec::new() }
    }

    /// Checks that a sampling is within its ranges.
    pub(crate) fn check(sampling: &Sampling) -> Result<(), NeuralError> {
        let Sampling { temperature, top_p, top_k, repetition_penalty } = *sampling;
        let wrong = |name, value: String, expected| Err(NeuralError::Setting { name, value, expected });
        if !(temperature.is_finite() && temperature >= 0.0) {
            return wrong("temperature", temperature.to_string(), "0 or more");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return wrong("top_p", top_p.to_string(), "above 0, up to 1");
        }
        if top_k == Some(0) {
            return wrong("top_k", "0".into(), "1 or more");
        }
        if !(repetition_penalty.is_finite() && repetition_penalty > 0.0) {
            return wrong("repetition_penalty", repetition_penalty.to_string(), "above 0");
        }
        Ok(())
    }

    /// The next token, by the logits of all.
    pub(crate) fn next(&mut self, logits: &[f32]) -> u32 {
        let mut logits = logits.to_vec();
        // What is no number is never drawn.
        logits.iter_mut().filter(|logit| logit.is_nan()).for_each(|logit| *logit = f32::NEG_INFINITY);
        self.penalise(&mut logits);
        let token = if self.sampling.temperature == 0.0 { most_probable(&logits) } else { self.draw(&logits) };
        if let Err(at) = self.seen.binary_search(&token) {
            self.seen.insert(at, token);
        }
        token
    }

    /// Keskar et al. (2019), CTRL, section 4.1.
    fn penalise(&self, logits: &mut [f32]) {
        let penalty = self.sampling.repetition_penalty as f32;
        if penalty == 1.0 {
            return;
        }
        for &token in &self.seen {
            let logit = &mut logits[token as usize];
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        // Always drawn, so that the following tokens do not depend on how this one was found.
        let at = self.random.random::<f64>();
        let most = most_probable(logits);
        let largest = logits[most as usize];
        if !largest.is_finite() {
            return most;
        }
        let weight = |token: u32| (f64::from(logits[token as usize] - largest) / self.sampling.temperature).exp();
        let all = 0..logits.len() as u32;
        let top_k = self.sampling.top_k.map_or(logits.len(), |k| (k as usize).min(logits.len()));
        if top_k == logits.len() && self.sampling.top_p == 1.0 {
            let weights: Vec<(u32, f64)> = all.map(|token| (token, weight(token))).collect();
            return pick(&weights, at);
        }
        let mut ranked: Vec<u32> = all.collect();
        let by_rank = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if top_k < ranked.len() {
            ranked.select_nth_unstable_by(top_k, by_rank);
            ranked.truncate(top_k);
        }
        // Before sorting, in the order of numbers, so that the sum does not depend on how they were selected.
        ranked.sort_unstable();
        let total: f64 = ranked.iter().map(|&token| weight(token)).sum();
        let mut look = FIRST_LOOK;
        loop {
            if look < ranked.len() {
                ranked.select_nth_unstable_by(look, by_rank);
            }
            let within = look.min(ranked.len());
            ranked[..within].sort_unstable_by(by_rank);
            let mut mass = 0.0;
            let mut weights = Vec::new();
            for &token in &ranked[..within] {
                let weight = weight(token);
                mass += weight;
                weights.push((token, weight));
                if mass >= self.sampling.top_p * total {
                    return pick(&weights, at);
                }
            }
            if within == ranked.len() {
                // Rounding alone has kept the sum below its share.
                return pick(&weights, at);
            }
            look *= 4;
        }
    }
}

/// The token with the largest logit, the first of equal ones.
pub(crate) fn most_probable(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = token;
        }
    }
    best as u32
}

/// The token at a share, from 0 to below 1, of the sum of weights.
fn pick(weights: &[(u32, f64)], at: f64) -> u32 {
    let mut left = at * weights.iter().map(|(_, weight)| weight).sum::<f64>();
    for (token, weight) in weights {
        left -= weight;
        if left < 0.0 {
            return *token;
        }
    }
    weights.last().map_or(0, |(token, _)| *token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sampler(sampling: Sampling) -> Sampler {
        Sampler::new(sampling, 7, 0)
    }

    const PLAIN: Sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: None, repetition_penalty: 1.0 };

    /// How often each of the tokens is drawn, of 4,000 times.
    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let mut counts = vec![0.0; logits.len()];
        for choice in 0..4000 {
            counts[Sampler::new(sampling, 1, choice).next(logits) as usize] += 1.0 / 4000.0;
        }
        counts
    }

    #[track_caller]
    fn check(sampling: Sampling, logits: &[f32], expected: &[f64]) {
        for (share, expected) in shares(sampling, logits).iter().zip(expected) {
            // Four standard deviations of 4,000 draws are below .032.
            assert!((share - expected).abs() < 0.032 && (*expected > 0.0 || *share == 0.0), "{share} {expected}");
        }
    }

    /// Probabilities of .5, .25, .125 and .125 at temperature 1.
    const LOGITS: [f32; 4] = [0.0, std::f32::consts::LN_2, -std::f32::consts::LN_2, -std::f32::consts::LN_2];

    #[test]
    fn shares_are_the_probabilities() {
        check(PLAIN, &LOGITS, &[0.25, 0.5, 0.125, 0.125]);
        // Squared, then made to sum to 1.
        check(Sampling { temperature: 0.5, ..PLAIN }, &LOGITS, &[4.0 / 22.0, 16.0 / 22.0, 1.0 / 22.0, 1.0 / 22.0]);
        check(Sampling { top_k: Some(2), ..PLAIN }, &LOGITS, &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        // Of the two that are equally probable the first.
        check(Sampling { top_k: Some(3), ..PLAIN }, &LOGITS, &[2.0 / 7.0, 4.0 / 7.0, 1.0 / 7.0, 0.0]);
        check(Sampling { top_p: 0.49, ..PLAIN }, &LOGITS, &[0.0, 1.0, 0.0, 0.0]);
        check(Sampling { top_p: 0.51, ..PLAIN }, &LOGITS, &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        // Of three .857 are two: .571 and .286.
        check(Sampling { top_p: 0.8, top_k: Some(3), ..PLAIN }, &LOGITS, &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
    }

    #[test]
    fn greedy_takes_the_first_of_equals() {
        assert_eq!(sampler(Sampling::greedy()).next(&[1.0, 3.0, 3.0, 2.0]), 1);
        assert_eq!(sampler(Sampling::greedy()).next(&[f32::NAN, -1.0, f32::NEG_INFINITY]), 1);
        assert_eq!(sampler(PLAIN).next(&[f32::NAN; 3]), 0);
        assert_eq!(sampler(Sampling { top_p: 0.5, ..PLAIN }).next(&[f32::NEG_INFINITY, 2.0]), 1);
    }

    #[test]
    fn what_was_said_is_penalised() {
        let mut sampler = sampler(Sampling { repetition_penalty: 2.0, ..Sampling::greedy() });
        // 4 becomes 2, 3 becomes 1.5; -1 becomes -2.
        assert_eq!([0; 3].map(|_| sampler.next(&[4.0, 3.0, 1.8])), [0, 1, 0]);
        let mut sampler = Sampler::new(Sampling { repetition_penalty: 2.0, ..Sampling::greedy() }, 0, 0);
        assert_eq!([0; 3].map(|_| sampler.next(&[-1.0, -1.5])), [0, 1, 0]);
    }

    #[test]
    fn ranges_are_checked() {
        let refuse = |sampling: Sampling| Sampler::check(&sampling).unwrap_err().to_string();
        assert_eq!(refuse(Sampling { temperature: -1.0, ..PLAIN }), "`temperature` is -1, expected 0 or more");
        assert_eq!(refuse(Sampling { top_p: 0.0, ..PLAIN }), "`top_p` is 0, expected above 0, up to 1");
        assert_eq!(refuse(Sampling { top_k: Some(0), ..PLAIN }), "`top_k` is 0, expected 1 or more");
        let penalty = refuse(Sampling { repetition_penalty: f64::NAN, ..PLAIN });
        assert_eq!(penalty, "`repetition_penalty` is NaN, expected above 0");
        Sampler::check(&Sampling::default()).unwrap();
        Sampler::check(&Sampling::greedy()).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Against sorting everything.
        #[test]
        fn top_p_is_the_smallest_set(logits in prop::collection::vec(-3f32..3.0, 1000), top_p in 0.05f64..1.0, seed: u64) {
            let mut sorted: Vec<usize> = (0..logits.len()).collect();
            sorted.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
            let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
            let mut mass = 0.0;
            let n = 1 + sorted.iter().take_while(|&&t| { mass += f64::from(logits[t]).exp(); mass < top_p * total }).count();
            let token = Sampler::new(Sampling { top_p, ..PLAIN }, seed, 0).next(&logits) as usize;
            // One more, where rounding decides.
            prop_assert!(sorted[..(n + 1).min(1000)].contains(&token));
        }
    }
}
