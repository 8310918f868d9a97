//! What an augmenter does to texts, and how much of it.

use serde::{Deserialize, Serialize};

use crate::GenerateError;

/// The operations of an augmenter and their rates; 0 leaves an operation out.
///
/// A variant of a text is made by one operation, drawn with equal chances from those in use. A rate is the share of
/// the text that the operation changes: at 0.1 it changes one word of a text of up to 14 words, two of up to 24, and
/// so on; always at least one.
///
/// # References
/// Wei & Zou 2019, EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks. The
/// defaults are theirs: a tenth of the words, in each of their four operations. They found less to do no harm for
/// sets of 500 texts (0.05), and more than 0.2 to hurt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AugmenterSettings {
    /// The share of words that are replaced by a synonym.
    pub replace: f64,
    /// The share of words beside which a synonym of theirs is put.
    pub insert: f64,
    /// The share of words that change places with one near by.
    pub swap: f64,
    /// The share of words that are left out.
    pub delete: f64,
    /// The share of letters that are mistyped. Off unless asked for: a model that learns from letters learns mistakes
    /// along with words, and where real texts have fewer the made ones are told apart by them. Worth it where the
    /// texts to come will be typed in haste; people mistype about 0.02.
    pub noise: f64,
    /// The share of sentences that are left out, change places, or make way for one of another text of the class.
    /// Texts of one sentence are never recombined.
    pub recombine: f64,
}

impl Default for AugmenterSettings {
    fn default() -> Self {
        Self { replace: 0.1, insert: 0.1, swap: 0.1, delete: 0.1, noise: 0.0, recombine: 0.1 }
    }
}

/// What can be done to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Replace,
    Insert,
    Swap,
    Delete,
    Noise,
    Recombine,
}

impl AugmenterSettings {
    /// Checks that every rate is a share, and that there is something to do.
    pub(super) fn check(&self) -> Result<(), GenerateError> {
        for (_, name, rate) in self.all() {
            if !(0.0..=1.0).contains(&rate) {
                let value = rate.to_string();
                return Err(GenerateError::Setting { name, value, expected: "a share from 0 to 1" });
            }
        }
        if self.in_use().next().is_none() {
            let value = "0, like all other rates".to_owned();
            return Err(GenerateError::Setting { name: "replace", value, expected: "one rate at least above 0" });
        }
        Ok(())
    }

    /// The operations to choose from, and their rates.
    pub(super) fn in_use(&self) -> impl Iterator<Item = (Operation, f64)> {
        self.all().into_iter().filter(|&(_, _, rate)| rate > 0.0).map(|(operation, _, rate)| (operation, rate))
    }

    /// As `replace 0.1, swap 0.1`.
    pub(super) fn line(&self) -> String {
        let used = self.all().into_iter().filter(|&(_, _, rate)| rate > 0.0);
        used.map(|(_, name, rate)| format!("{name} {rate}")).collect::<Vec<_>>().join(", ")
    }

    fn all(&self) -> [(Operation, &'static str, f64); 6] {
        [
            (Operation::Replace, "replace", self.replace),
            (Operation::Insert, "insert", self.insert),
            (Operation::Swap, "swap", self.swap),
            (Operation::Delete, "delete", self.delete),
            (Operation::Noise, "noise", self.noise),
            (Operation::Recombine, "recombine", self.recombine),
        ]
    }
}
