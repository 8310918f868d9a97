//! Empty, too short, too long.

use serde::{Deserialize, Serialize};
use synth_text::count_words;

use crate::{Candidate, Filter, GenerateError, Verdict};

/// Drops texts without a word, and those shorter or longer than allowed.
///
/// Lengths are counted without the white space around a text. The defaults are wide: texts of any kind of record pass,
/// and what a model wrote that did not stop does not. Where there are real texts, [`Length::of_texts`] is better.
/// The score is the number of characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Length {
    /// Fewest characters; default 1.
    pub min_chars: usize,
    /// Most characters; default 20,000, some ten pages.
    pub max_chars: usize,
    /// Fewest words; default 1. With 0, texts of signs alone pass, such as `:-)`.
    pub min_words: usize,
    /// Most words; default 4,000.
    pub max_words: usize,
}

impl Default for Length {
    fn default() -> Self {
        Self { min_chars: 1, max_chars: 20_000, min_words: 1, max_words: 4_000 }
    }
}

/// The share of real texts that may be shorter than the shortest that counts, and longer than the longest: mistakes
/// in the data do not set the limits.
const BEYOND: f64 = 0.005;

impl Length {
    /// Limits from real texts: the lengths between which all but half a percent at either end lie, the lower ones
    /// divided and the upper ones multiplied by `factor`, as made texts may be a little different. 2 is a good factor;
    /// it must be at least 1. Without a text the defaults.
    ///
    /// ```
    /// use synth_generate::Length;
    ///
    /// let limits = Length::of_texts(&["great film", "never came, money back please"], 2.0)?;
    /// assert_eq!(limits, Length { min_chars: 5, max_chars: 58, min_words: 1, max_words: 10 });
    /// # Ok::<(), synth_generate::GenerateError>(())
    /// ```
    ///
    /// # Errors
    /// A factor below 1, or that is no number.
    pub fn of_texts<S: AsRef<str>>(texts: &[S], factor: f64) -> Result<Self, GenerateError> {
        if factor.is_nan() || factor < 1.0 {
            let value = factor.to_string();
            return Err(GenerateError::Setting { name: "length factor", value, expected: "a number of at least 1" });
        }
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let limits = |count: fn(&str) -> usize| {
            let mut counts: Vec<usize> = texts.iter().map(|text| count(text.as_ref().trim())).collect();
            counts.sort_unstable();
            let beyond = (BEYOND * counts.len() as f64) as usize;
            let (least, most) = (counts[beyond], counts[counts.len() - 1 - beyond]);
            // A word at least, whatever the data hold.
            (((least as f64 / factor) as usize).max(1), ((most as f64 * factor).ceil() as usize).max(1))
        };
        let ((min_chars, max_chars), (min_words, max_words)) = (limits(count_chars), limits(count_words));
        Ok(Self { min_chars, max_chars, min_words, max_words })
    }

    fn verdict(&self, text: &str) -> Verdict {
        let text = text.trim();
        let n_chars = count_chars(text);
        let score = Some(n_chars as f64);
        if n_chars == 0 {
            return Verdict::drop("empty", score);
        }
        let n_words = count_words(text);
        for (n, least, most, what) in
            [(n_chars, self.min_chars, self.max_chars, "character"), (n_words, self.min_words, self.max_words, "word")]
        {
            let s = if n == 1 { "" } else { "s" };
            if n < least {
                return Verdict::drop(format!("{n} {what}{s}, fewer than {least}"), score);
            }
            if n > most {
                return Verdict::drop(format!("{n} {what}{s}, more than {most}"), score);
            }
        }
        Verdict::pass(score)
    }
}

fn count_chars(text: &str) -> usize {
    text.chars().count()
}

impl Filter for Length {
    fn name(&self) -> &'static str {
        "length"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        Ok(batch.iter().map(|candidate| self.verdict(&candidate.text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold() {
        let limits = Length { min_chars: 3, max_chars: 12, min_words: 1, max_words: 2 };
        for (text, dropped) in [
            ("", Some("empty")),
            (" \n", Some("empty")),
            ("ab", Some("2 characters, fewer than 3")),
            (":-)", Some("0 words, fewer than 1")),
            ("a b c", Some("3 words, more than 2")),
            ("abcdefghijklm", Some("13 characters, more than 12")),
            ("  äöü  ", None),
        ] {
            assert_eq!(limits.verdict(text).dropped.as_deref(), dropped, "{text:?}");
        }
        assert_eq!(limits.verdict(" äöü ").score, Some(3.0));
    }

    #[test]
    fn limits_of_texts_leave_out_the_extremes() {
        let texts: Vec<String> = (1..=1000).map(|n| "a ".repeat(n)).collect();
        // Five texts at either end are beyond: words from 6 to 995.
        let limits = Length::of_texts(&texts, 1.0).unwrap();
        assert_eq!((limits.min_words, limits.max_words), (6, 995));
        assert_eq!((limits.min_chars, limits.max_chars), (11, 1989));
        assert!(Length::of_texts(&texts, 0.5).is_err());
        assert!(Length::of_texts(&texts, f64::NAN).is_err());
        assert_eq!(Length::of_texts::<&str>(&[], 2.0).unwrap(), Length::default());
        assert_eq!(Length::of_texts(&[""], 2.0).unwrap().min_words, 1);
    }
}
