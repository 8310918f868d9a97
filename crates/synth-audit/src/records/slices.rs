//! Parts of the records where a model is wrong more often than elsewhere.

use std::collections::BTreeMap;

/// A part of the records.
#[derive(Debug, Clone, PartialEq)]
pub struct WeakSlice {
    /// What its records have in common.
    pub key: String,
    /// How many records.
    pub n: usize,
    /// The share of them that the model is right about.
    pub accuracy: f64,
    /// How many standard deviations of chance that is below its share of all others.
    pub deviations: f64,
}

/// A part with fewer records says nothing.
const LEAST: usize = 20;
/// So many standard deviations are hardly chance, with as many parts as are looked at.
const MOST: f64 = 3.0;

/// The parts of at least 20 records where what is right is rarer than elsewhere by 3 standard deviations or more, the
/// weakest first. A record may have no key. Two proportions are compared by their pooled spread (Wald's test).
///
/// # Shapes
/// `keys: [n]`, `is_right: [n]`; what one has more of is left out.
///
/// ```
/// let keys: Vec<_> = (0..400).map(|row| Some(if row < 100 { "mail" } else { "chat" })).collect();
/// let is_right: Vec<bool> = (0..400).map(|row| row >= 50).collect();
/// let weak = synth_audit::weak_slices(&keys, &is_right);
/// assert_eq!((weak.len(), &*weak[0].key, weak[0].n, weak[0].accuracy), (1, "mail", 100, 0.5));
/// ```
pub fn weak_slices<K: AsRef<str>>(keys: &[Option<K>], is_right: &[bool]) -> Vec<WeakSlice> {
    let mut parts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (key, is_right) in keys.iter().zip(is_right) {
        if let Some(key) = key {
            let part = parts.entry(key.as_ref()).or_default();
            *part = (part.0 + 1, part.1 + usize::from(*is_right));
        }
    }
    let all = parts.values().fold((0, 0), |all, part| (all.0 + part.0, all.1 + part.1));
    let weak = |(key, (n, right)): (&&str, &(usize, usize))| {
        let (others, others_right) = (all.0 - n, all.1 - right);
        if *n < LEAST || others < LEAST {
            return None;
        }
        let share = |right: usize, n: usize| right as f64 / n as f64;
        let (accuracy, elsewhere, together) = (share(*right, *n), share(others_right, others), share(all.1, all.0));
        let spread = (together * (1.0 - together) * (1.0 / *n as f64 + 1.0 / others as f64)).sqrt();
        let deviations = (elsewhere - accuracy) / spread;
        (deviations >= MOST).then(|| WeakSlice { key: (*key).to_owned(), n: *n, accuracy, deviations })
    };
    let mut found: Vec<WeakSlice> = parts.iter().filter_map(weak).collect();
    found.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy).then(a.key.cmp(&b.key)));
    found
}
