//! Texts that are unlike all others by their outside.

/// What is odd about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextOddity {
    /// There is none, or nothing but white space.
    Empty,
    /// It has fewer than three letters or digits.
    Short,
    /// It is longer than the quarter of longest texts by ten times what lies between that and the quarter of shortest, and by
    /// 200 characters at least.
    Long,
    /// More than a twentieth of its characters stand for bytes that were none, or control a terminal.
    Garbled,
}

impl TextOddity {
    /// The name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Short => "short",
            Self::Long => "long",
            Self::Garbled => "garbled",
        }
    }
}

/// A text that is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OddText {
    /// Its row.
    pub row: usize,
    /// What is odd about it, the first that applies.
    pub what: TextOddity,
}

/// The odd ones among texts, `None` where there is none; in order.
///
/// # Shapes
/// `texts: [n]`
///
/// ```
/// use synth_audit::{TextOddity, odd_texts};
///
/// let odd = odd_texts(&[Some("where is my parcel"), None, Some("??"), Some("caf\u{fffd} \u{fffd} so good")]);
/// let what: Vec<_> = odd.iter().map(|odd| (odd.row, odd.what)).collect();
/// assert_eq!(what, [(1, TextOddity::Empty), (2, TextOddity::Short), (3, TextOddity::Garbled)]);
/// ```
pub fn odd_texts(texts: &[Option<&str>]) -> Vec<OddText> {
    let lengths: Vec<usize> = texts.iter().map(|text| text.map_or(0, |text| text.chars().count())).collect();
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let quarter = |quarter: usize| sorted.get(sorted.len() * quarter / 4).copied().unwrap_or(0);
    let longest = quarter(3) + 10 * (quarter(3) - quarter(1)).max(20);
    let what = |(text, length): (&Option<&str>, &usize)| {
        let text = text.unwrap_or_default();
        let is_broken = |c: &char| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
        if text.trim().is_empty() {
            Some(TextOddity::Empty)
        } else if text.chars().filter(|c| c.is_alphanumeric()).take(3).count() < 3 {
            Some(TextOddity::Short)
        } else if 20 * text.chars().filter(is_broken).count() > *length {
            Some(TextOddity::Garbled)
        } else {
            (*length > longest).then_some(TextOddity::Long)
        }
    };
    let odd = texts.iter().zip(&lengths).enumerate();
    odd.filter_map(|(row, pair)| Some(OddText { row, what: what(pair)? })).collect()
}
