//! Shingles: what two texts have in common, whatever order it stands in.

use xxhash_rust::xxh3::xxh3_64;

use crate::fold;

/// The number of characters of a shingle. Five tell paraphrases from copies and still survive a changed letter
/// (Broder 1997 takes words; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.2.2, five letters for mails).
pub const SHINGLE_CHARS: usize = 5;

/// A text as duplicates are told by: folded, white space made one blank, none at the ends, invisible characters gone.
///
/// ```
/// assert_eq!(synth_text::normalized("  Check\n THIS  out\u{feff}"), "check this out");
/// ```
pub fn normalized(text: &str) -> String {
    let folded = fold(text);
    let mut out = String::with_capacity(folded.len());
    for token in folded.split(|c: char| c.is_whitespace()) {
        let before = out.len();
        if before > 0 {
            out.push(' ');
        }
        let start = out.len();
        if token.is_ascii() {
            out.push_str(token);
        } else {
            out.extend(token.chars().filter(|c| !invisible(*c)));
        }
        if out.len() == start {
            out.truncate(before);
        }
    }
    out
}

/// Characters that nobody sees and copies on the web collect: soft hyphen, zero-width space, word joiner, byte order
/// mark. Joiners that change how letters or emoji look stay.
fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// The set of the shingles of a text: all its runs of [`SHINGLE_CHARS`] characters, as 64-bit hashes. A shorter text
/// is one shingle, so no set is empty.
///
/// Different shingles share a hash in one of 10^19 pairs.
///
/// ```
/// use synth_text::{Shingles, normalized};
///
/// let of = |text: &str| Shingles::of(&normalized(text));
/// // abcde bcdef cdefg against abcde bcdef: 2 of 3.
/// assert!((of("abcdefg").jaccard(&of("ABCDEF")) - 2.0 / 3.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shingles {
    /// Ascending, each once.
    hashes: Vec<u64>,
}

impl Shingles {
    /// The shingles of a text as it stands; see [`normalized`].
    pub fn of(text: &str) -> Self {
        let mut hashes = Vec::with_capacity(text.len());
        let bytes = text.as_bytes();
        if text.is_ascii() {
            hashes.extend(bytes.windows(SHINGLE_CHARS).map(xxh3_64));
        } else {
            // Where each character starts, and where the last one ends.
            let edges: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            hashes.extend(edges.windows(SHINGLE_CHARS + 1).map(|w| xxh3_64(&bytes[w[0]..w[SHINGLE_CHARS]])));
        }
        if hashes.is_empty() {
            hashes.push(xxh3_64(bytes));
        }
        hashes.sort_unstable();
        hashes.dedup();
        Self { hashes }
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The share of the shingles of either that both have, from 0 to 1.
    pub fn jaccard(&self, other: &Self) -> f64 {
        let (a, b) = (&self.hashes, &other.hashes);
        let (mut i, mut j, mut shared) = (0, 0, 0);
        while i < a.len() && j < b.len() {
            // Without branches: which of two random hashes is less cannot be predicted.
            shared += usize::from(a[i] == b[j]);
            let (left, right) = (a[i] <= b[j], b[j] <= a[i]);
            i += usize::from(left);
            j += usize::from(right);
        }
        shared as f64 / (a.len() + b.len() - shared) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normalization() {
        for (text, expected) in [
            ("", ""),
            (" \t\n", ""),
            ("\u{feff}", ""),
            ("a \u{feff} b", "a b"),
            ("Don’t\u{a0}STOP", "don't stop"),
            ("so\u{ad}ft", "soft"),
        ] {
            assert_eq!(normalized(text), expected, "{text:?}");
        }
    }

    #[test]
    fn short_texts_are_one_shingle() {
        for text in ["", "a", "abcd", "äöüß"] {
            assert_eq!(Shingles::of(text).hashes(), [xxh3_64(text.as_bytes())]);
        }
        assert_eq!(Shingles::of("abcde").hashes().len(), 1);
        assert_eq!(Shingles::of("aaaaaaaa").hashes().len(), 1);
        assert_eq!(Shingles::of("äöüßéa").hashes().len(), 2);
        assert_eq!(Shingles::of("ab").jaccard(&Shingles::of("ac")), 0.0);
    }

    proptest! {
        #[test]
        fn jaccard_is_that_of_the_sets(a in "[ab]{0,14}|[aé日]{0,9}", b in "[ab]{0,14}|[aé日]{0,9}") {
            let set = |text: &str| -> BTreeSet<String> {
                let chars: Vec<char> = text.chars().collect();
                match chars.len() {
                    ..SHINGLE_CHARS => [text.to_owned()].into(),
                    _ => chars.windows(SHINGLE_CHARS).map(|w| w.iter().collect()).collect(),
                }
            };
            let (s, t) = (set(&a), set(&b));
            let expected = s.intersection(&t).count() as f64 / s.union(&t).count() as f64;
            prop_assert_eq!(Shingles::of(&a).jaccard(&Shingles::of(&b)), expected);
        }

        #[test]
        fn normalizing_twice_changes_nothing(text in "(\\PC|\u{feff}|\n|[A-Z]){0,30}") {
            let once = normalized(&text);
            prop_assert_eq!(normalized(&once), once.clone());
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        }
    }
}
