//! From probabilities to translations: by the most probable token each time, by chance, or by beams.

use super::beam::Beams;
use super::{Beginning, Marian, Slots};
use crate::NeuralError;
use crate::sampling::Sampler;

/// A sentence, as tokens, and how its translation is searched for.
pub(crate) struct Task {
    pub(crate) tokens: Vec<u32>,
    pub(crate) search: Search,
}

/// How a translation is searched for.
pub(crate) enum Search {
    /// The most probable one, of so many that are followed at once.
    Beams(usize),
    /// Token by token: drawn, or the most probable each time, as the sampler has it.
    Walk(Box<Sampler>),
}

/// A translation that is being made.
enum Course {
    Walk(Walk),
    Beams(Beams),
}

/// One beginning that goes on until it ends.
struct Walk {
    beginning: Beginning,
    tokens: Vec<u32>,
    sampler: Box<Sampler>,
    is_done: bool,
}

/// Translates sentences, each to tokens without those that begin and end it, of `max_length` with them. `None` if
/// `is_cancelled` says so between two tokens.
pub(crate) fn search(
    model: &Marian,
    tasks: Vec<Task>,
    max_length: usize,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<Vec<u32>>>, NeuralError> {
    let sentences: Vec<&[u32]> = tasks.iter().map(|task| task.tokens.as_slice()).collect();
    let encoded = model.encode(&sentences)?;
    let mut slots = Slots::default();
    let n_vocab = model.config().target_vocab_size();
    let end = model.config().eos_token_id;
    let mut courses: Vec<Course> = tasks
        .into_iter()
        .enumerate()
        .map(|(sentence, task)| {
            let beginning = Beginning { sentence, slots: Vec::new(), last: model.config().decoder_start_token_id };
            match task.search {
                Search::Beams(n) => Course::Beams(Beams::new(n, beginning, model.config(), max_length)),
                Search::Walk(sampler) => Course::Walk(Walk { beginning, tokens: Vec::new(), sampler, is_done: false }),
            }
        })
        .collect();
    loop {
        if is_cancelled() {
            return Ok(None);
        }
        let mut beginnings: Vec<&mut Beginning> = courses.iter_mut().flat_map(Course::open).collect();
        if beginnings.is_empty() {
            break;
        }
        let logits = model.next(&mut beginnings, &encoded, &mut slots)?;
        let mut rest = logits.as_slice();
        for course in &mut courses {
            let (own, others) = rest.split_at(course.open().count() * n_vocab);
            rest = others;
            if !own.is_empty() {
                course.advance(own, end, max_length);
            }
        }
    }
    Ok(Some(courses.into_iter().map(Course::finish).collect()))
}

impl Course {
    /// The beginnings that go on.
    fn open(&mut self) -> impl Iterator<Item = &mut Beginning> {
        let (walk, beams) = match self {
            Self::Walk(walk) => ((!walk.is_done).then_some(&mut walk.beginning), None),
            Self::Beams(beams) => (None, Some(beams.open())),
        };
        walk.into_iter().chain(beams.into_iter().flatten())
    }

    fn advance(&mut self, logits: &[f32], end: u32, max_length: usize) {
        match self {
            Self::Walk(walk) => walk.advance(logits, end, max_length),
            Self::Beams(beams) => beams.advance(logits),
        }
    }

    fn finish(self) -> Vec<u32> {
        match self {
            Self::Walk(walk) => walk.tokens,
            Self::Beams(beams) => beams.best(),
        }
    }
}

impl Walk {
    fn advance(&mut self, logits: &[f32], end: u32, max_length: usize) {
        let next = self.sampler.next(logits);
        // The beginning and the end count.
        let is_full = self.tokens.len() + 2 >= max_length;
        if next == end || is_full {
            self.is_done = true;
        } else {
            self.tokens.push(next);
            self.beginning.last = next;
        }
    }
}
