//! Beam search: the most probable translation, of several that are followed at once.
//!
//! As transformers has it (`BeamSearchScorer`): of twice as many continuations as there are beams those that end are kept
//! as translations if they are among the first half; the sum of log-probabilities is divided by a power of the length.

use super::{Beginning, MarianConfig};

/// The beams of one sentence.
pub(super) struct Beams {
    n: usize,
    open: Vec<Beam>,
    finished: Vec<Finished>,
    /// The score of the worst of those that are finished.
    worst: f64,
    end: u32,
    length_penalty: f64,
    early_stopping: bool,
    max_length: usize,
}

struct Beam {
    beginning: Beginning,
    tokens: Vec<u32>,
    /// The sum of the log-probabilities of its tokens.
    log_prob: f32,
}

struct Finished {
    tokens: Vec<u32>,
    score: f64,
}

/// One way in which a beam may go on.
#[derive(Clone, Copy)]
struct Continuation {
    beam: usize,
    token: u32,
    log_prob: f32,
}

impl Beams {
    pub(super) fn new(n: usize, beginning: Beginning, config: &MarianConfig, max_length: usize) -> Self {
        Self {
            n,
            open: vec![Beam { beginning, tokens: Vec::new(), log_prob: 0.0 }],
            finished: Vec::new(),
            worst: f64::INFINITY,
            end: config.eos_token_id,
            length_penalty: config.length_penalty.unwrap_or(1.0),
            early_stopping: config.stops_early(),
            max_length,
        }
    }

    /// The beginnings that go on; none when all is done.
    pub(super) fn open(&mut self) -> impl Iterator<Item = &mut Beginning> {
        self.open.iter_mut().map(|beam| &mut beam.beginning)
    }

    /// Goes on by the logits of the next token, `[open beams, vocabulary]`.
    pub(super) fn advance(&mut self, logits: &[f32]) {
        // With the token that begins it.
        let length = self.open[0].tokens.len() + 1;
        if length + 1 >= self.max_length {
            // There is room for the end alone, which is certain then.
            for beam in std::mem::take(&mut self.open) {
                self.finish(beam.tokens, beam.log_prob, length);
            }
            return;
        }
        let ranked = self.continuations(logits);
        let best = ranked.first().map_or(f32::NEG_INFINITY, |first| first.log_prob);
        let mut open: Vec<Beam> = Vec::with_capacity(self.n);
        for (rank, continuation) in ranked.into_iter().enumerate() {
            let beam = &self.open[continuation.beam];
            if continuation.token == self.end {
                if rank < self.n {
                    self.finish(beam.tokens.clone(), continuation.log_prob, length);
                }
                continue;
            }
            let mut tokens = beam.tokens.clone();
            tokens.push(continuation.token);
            let beginning = Beginning { last: continuation.token, ..beam.beginning.clone() };
            open.push(Beam { beginning, tokens, log_prob: continuation.log_prob });
            if open.len() == self.n {
                break;
            }
        }
        // Whether the best that goes on could still become better than the worst that is finished.
        let attainable = f64::from(best) / ((length + 1) as f64).powf(self.length_penalty);
        let is_done = self.finished.len() == self.n && (self.early_stopping || self.worst >= attainable);
        self.open = if is_done { Vec::new() } else { open };
    }

    /// The most probable continuations of all beams, twice as many as there are beams, by rank.
    fn continuations(&self, logits: &[f32]) -> Vec<Continuation> {
        let n_vocab = logits.len() / self.open.len();
        let wanted = 2 * self.n;
        let mut ranked: Vec<Continuation> = Vec::with_capacity(self.open.len() * wanted);
        for ((at, beam), row) in self.open.iter().enumerate().zip(logits.chunks_exact(n_vocab)) {
            let normaliser = log_sum_exp(row);
            let of_token = |token: u32| Continuation {
                beam: at,
                token,
                log_prob: beam.log_prob + (row[token as usize] - normaliser),
            };
            ranked.extend(largest(row, wanted).into_iter().map(of_token));
        }
        ranked.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
        ranked.truncate(wanted);
        ranked
    }

    fn finish(&mut self, tokens: Vec<u32>, log_prob: f32, length: usize) {
        let score = f64::from(log_prob) / (length as f64).powf(self.length_penalty);
        if self.finished.len() == self.n && score <= self.worst {
            return;
        }
        self.finished.push(Finished { tokens, score });
        if self.finished.len() > self.n {
            let scores = self.finished.iter().map(|finished| finished.score);
            let worst = scores.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
            worst.map(|(at, _)| self.finished.remove(at));
        }
        self.worst = self.finished.iter().map(|finished| finished.score).fold(f64::INFINITY, f64::min);
    }

    /// The tokens of the best, the last of equals.
    pub(super) fn best(self) -> Vec<u32> {
        let best = self.finished.into_iter().max_by(|a, b| a.score.total_cmp(&b.score));
        best.map(|best| best.tokens).unwrap_or_default()
    }
}

/// The logarithm of the sum of exponentials.
fn log_sum_exp(row: &[f32]) -> f32 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !largest.is_finite() {
        return 0.0;
    }
    // Four sums, as adding one after the other would wait for each.
    let mut sums = [0f64; 4];
    for chunk in row.chunks(4) {
        chunk.iter().zip(&mut sums).for_each(|(x, sum)| *sum += f64::from((x - largest).exp()));
    }
    largest + sums.iter().sum::<f64>().ln() as f32
}

/// The tokens with the largest logits, by rank; the first of equals.
fn largest(row: &[f32], n: usize) -> Vec<u32> {
    let mut kept: Vec<u32> = Vec::with_capacity(n + 1);
    for (token, &logit) in row.iter().enumerate() {
        if kept.len() == n && logit <= row[kept[n - 1] as usize] {
            continue;
        }
        let place = kept.partition_point(|&other| row[other as usize] >= logit);
        kept.insert(place, token as u32);
        kept.truncate(n);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_a_row() {
        assert_eq!(largest(&[0.0, 3.0, 1.0, 3.0, f32::NEG_INFINITY, 2.0], 3), [1, 3, 5]);
        assert_eq!(largest(&[0.0, 3.0], 3), [1, 0]);
        assert_eq!(largest(&[1.0, f32::NEG_INFINITY], 2), [0, 1]);
    }

    #[test]
    fn log_sum_exp_by_hand() {
        assert!((log_sum_exp(&[0.0, 0.0, f32::NEG_INFINITY, 0.0, 0.0]) - 4f32.ln()).abs() < 1e-6);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2f32.ln())).abs() < 1e-3);
    }
}
