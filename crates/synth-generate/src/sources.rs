//! The user's own texts: what prompts show as examples, and what is paraphrased or augmented.

use std::collections::HashSet;

use rand::Rng;
use rand::seq::SliceRandom;
use synth_core::ClassId;
use synth_text::{fold, words};

use crate::seeds::{Use, rng};

/// A text of the user's.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The id of its record.
    pub id: String,
    /// The text.
    pub text: String,
    /// Its class, where that is known well enough to be shown as an example.
    pub class: Option<ClassId>,
    /// Its soft label, k numbers, where it has one.
    pub probs: Option<Vec<f64>>,
}

/// The user's texts, by class.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    all: Vec<Source>,
    /// The positions of each class's texts, in the order of the records.
    by_class: Vec<Vec<usize>>,
    /// Whether there are texts, and none has a line break.
    single_lines: bool,
}

impl Sources {
    /// Texts of k classes.
    pub fn new(all: Vec<Source>, n_classes: usize) -> Self {
        let mut by_class = vec![Vec::new(); n_classes];
        for (at, source) in all.iter().enumerate() {
            if let Some(class) = source.class {
                by_class[class.index()].push(at);
            }
        }
        let single_lines = !all.is_empty() && all.iter().all(|source| !source.text.trim().contains('\n'));
        Self { all, by_class, single_lines }
    }

    /// All texts, in the order of the records.
    pub fn all(&self) -> &[Source] {
        &self.all
    }

    /// Whether each text is one line, so that what is made should be one too.
    pub(crate) fn single_lines(&self) -> bool {
        self.single_lines
    }

    /// The texts of a class, in the order of the records.
    pub fn of_class(&self, class: ClassId) -> impl ExactSizeIterator<Item = &Source> {
        self.positions(class).iter().map(|&at| &self.all[at])
    }

    fn positions(&self, class: ClassId) -> &[usize] {
        self.by_class.get(class.index()).map_or(&[], Vec::as_slice)
    }

    /// The text that request `position` works on: all texts of the class in turn, in an order that the seed decides,
    /// and again from the start. `None` if the class has no text.
    pub(crate) fn in_turn(&self, class: ClassId, seed: u64, position: u64) -> Option<&Source> {
        let positions = self.positions(class);
        let n = positions.len() as u64;
        if n == 0 {
            return None;
        }
        // i to a i + b, with a and n without a common divisor, is an order of all n without a list of it.
        let mut rng = rng(seed, Use::Order, position / n);
        let step = loop {
            let step = rng.random_range(1..=n);
            if greatest_common_divisor(step, n) == 1 {
                break step;
            }
        };
        let shift = rng.random_range(0..n);
        let at = (u128::from(position % n) * u128::from(step) + u128::from(shift)) % u128::from(n);
        Some(&self.all[positions[at as usize]])
    }

    /// Examples for a prompt: at most `count` texts of a class, drawn at random and unlike each other.
    ///
    /// Of four times as many random texts the first is taken, then always the one whose most similar chosen text is
    /// least similar to it (farthest-point selection on the Jaccard similarity of words): examples that are alike
    /// make a model repeat them.
    pub(crate) fn few_shot(&self, class: ClassId, count: usize, seed: u64, position: u64) -> Vec<&Source> {
        /// Longer texts would crowd a prompt.
        const MAX_CHARS: usize = 1000;
        const POOL: usize = 4;
        let mut rng = rng(seed, Use::FewShot, position);
        let positions = self.positions(class);
        // Twice as many are drawn, in case some are too long.
        let drawn = rand::seq::index::sample(&mut rng, positions.len(), positions.len().min(2 * count * POOL));
        let mut pool: Vec<(&Source, HashSet<String>)> = drawn
            .into_iter()
            .map(|at| &self.all[positions[at]])
            .filter(|source| source.text.chars().nth(MAX_CHARS).is_none())
            .take(count * POOL)
            .map(|source| (source, words(&fold(&source.text)).map(str::to_owned).collect()))
            .collect();
        let mut chosen: Vec<(&Source, HashSet<String>)> = Vec::with_capacity(count);
        while chosen.len() < count && !pool.is_empty() {
            let nearest = |(_, words): &(&Source, HashSet<String>)| {
                chosen.iter().map(|(_, other)| jaccard(words, other)).fold(0.0, f64::max)
            };
            // The first of equals: the pool has a random order already.
            let next = (0..pool.len()).min_by(|&a, &b| nearest(&pool[a]).total_cmp(&nearest(&pool[b])));
            chosen.push(pool.remove(next.unwrap_or(0)));
        }
        chosen.into_iter().map(|(source, _)| source).collect()
    }

    /// Texts of the other classes, for contrast: one of each of at most `count` classes.
    pub(crate) fn contrasts(&self, class: ClassId, count: usize, seed: u64, position: u64) -> Vec<&Source> {
        let mut others: Vec<&Vec<usize>> =
            self.by_class.iter().enumerate().filter(|(at, _)| *at != class.index()).map(|(_, texts)| texts).collect();
        others.retain(|texts| !texts.is_empty());
        // A position of its own, so that examples and contrasts are drawn apart.
        let mut rng = rng(!seed, Use::FewShot, position);
        others.shuffle(&mut rng);
        others.iter().take(count).map(|texts| &self.all[texts[rng.random_range(0..texts.len())]]).collect()
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The share of words that two texts have in common, 0 where neither has any.
fn jaccard(a: &HashSet<String>, b: &HashSet<String>) -> f64 {
    let common = a.intersection(b).count();
    let either = a.len() + b.len() - common;
    if either == 0 { 0.0 } else { common as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use synth_core::ClassSet;

    use super::*;

    fn sources(texts: &[(&str, &str)]) -> (ClassSet, Sources) {
        let classes = ClassSet::new(["a", "b", "c"]).unwrap();
        let all = texts
            .iter()
            .enumerate()
            .map(|(at, (class, text))| Source {
                id: at.to_string(),
                text: (*text).to_owned(),
                class: classes.id(class),
                probs: None,
            })
            .collect();
        (classes, Sources::new(all, 3))
    }

    #[test]
    fn examples_are_of_the_class_and_unlike_each_other() {
        let (classes, sources) = sources(&[
            ("a", "one two three"),
            ("a", "one two four"),
            ("b", "nothing of all this"),
            ("a", "five six seven"),
            ("a", "one two three four"),
        ]);
        let a = classes.id("a").unwrap();
        for position in 0..20 {
            let chosen = sources.few_shot(a, 2, 7, position);
            let ids: Vec<&str> = chosen.iter().map(|source| source.id.as_str()).collect();
            assert!(ids.contains(&"3"), "whatever came first, the one that shares no word is farthest: {ids:?}");
        }
        assert_eq!(sources.few_shot(a, 9, 7, 0).len(), 4);
        assert!(sources.few_shot(classes.id("c").unwrap(), 2, 7, 0).is_empty());
    }

    #[test]
    fn sources_come_in_turn() {
        let (classes, sources) = sources(&[("a", "x"), ("b", "y"), ("a", "z"), ("a", "w")]);
        let a = classes.id("a").unwrap();
        let turn = |from: u64| {
            let mut ids: Vec<_> = (from..from + 3).map(|at| &sources.in_turn(a, 1, at).unwrap().id).collect();
            ids.sort();
            ids
        };
        assert_eq!(turn(0), ["0", "2", "3"]);
        assert_eq!(turn(3), ["0", "2", "3"]);
        assert_eq!(sources.in_turn(classes.id("c").unwrap(), 1, 0), None);
    }

    #[test]
    fn contrasts_are_of_different_classes() {
        let (classes, sources) = sources(&[("a", "x"), ("b", "y"), ("b", "z"), ("c", "w")]);
        let contrasts = sources.contrasts(classes.id("a").unwrap(), 5, 1, 0);
        let mut found: Vec<_> = contrasts.iter().filter_map(|source| source.class).collect();
        found.sort();
        assert_eq!(found, [classes.id("b").unwrap(), classes.id("c").unwrap()]);
    }
}
