//! Words and tokens.
//!
//! Words are those of Unicode Standard Annex #29 that hold a letter or digit, with one tailoring that the
//! annex suggests: `.` and `:` between letters separate, since sloppy writing like "great.Thanks" is far more
//! frequent in records than words with a full stop inside.
//!
//! Most text is ASCII, where the rules come down to few characters; that path is written out here and runs many
//! times faster than `unicode-segmentation`, which serves everything that touches another character.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The words of a text, in order.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut ranges = Vec::new();
    for_each_word(text, |range| ranges.push(range));
    ranges.into_iter().map(move |range| &text[range])
}

/// The number of words.
pub fn count_words(text: &str) -> usize {
    let mut n = 0;
    for_each_word(text, |_| n += 1);
    n
}

/// What stands between white space.
pub fn tokens(text: &str) -> std::str::SplitWhitespace<'_> {
    text.split_whitespace()
}

/// What an ASCII byte is to a word.
const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const JOIN: u8 = 3; // Underscore: joins, but is no letter.
const QUOTE: u8 = 4; // Joins two letters, or two digits.
const POINT: u8 = 5; // Joins two digits.
const WIDE: u8 = 6; // Not ASCII.

const KIND: [u8; 256] = {
    let mut kind = [OTHER; 256];
    let mut b = 0;
    while b < 256 {
        kind[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'_' => JOIN,
            b'\'' => QUOTE,
            b'.' | b',' | b';' => POINT,
            128.. => WIDE,
            _ => OTHER,
        };
        b += 1;
    }
    kind
};

/// Calls `found` with the byte range of each word, in order.
#[inline]
pub fn for_each_word(text: &str, mut found: impl FnMut(Range<usize>)) {
    if text.is_ascii() { ascii_words(text.as_bytes(), found) } else { mixed_words(text, &mut found) }
}

/// The words of ASCII text, 64 bytes at a time: a bit for each byte that belongs in words, then from edge to edge.
/// Byte by byte, the branch at the end of each word is mispredicted and costs more than all else.
#[inline]
fn ascii_words(bytes: &[u8], mut found: impl FnMut(Range<usize>)) {
    let mut start = 0;
    let mut inside = false;
    // A word goes on after a sign that joins, so the edge that follows is none.
    let mut joined = false;
    for block in 0..bytes.len().div_ceil(64) {
        let at = block * 64;
        let bits = match bytes[at..].first_chunk::<64>() {
            Some(whole) => word_bits(whole),
            None => {
                let mut padded = [0; 64];
                padded[..bytes.len() - at].copy_from_slice(&bytes[at..]);
                word_bits(&padded)
            }
        };
        let mut edges = bits ^ (bits << 1 | u64::from(inside));
        while edges != 0 {
            let edge = at + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            inside = !inside;
            if inside {
                start = if joined { start } else { edge };
            } else {
                joined = joins(bytes, edge);
                if !joined {
                    emit_ascii(bytes, start..edge, &mut found);
                }
            }
        }
    }
    if inside {
        emit_ascii(bytes, start..bytes.len(), &mut found);
    }
}

/// A bit for each byte that is a letter, a digit or `_`, the first byte lowest.
#[inline]
fn word_bits(bytes: &[u8; 64]) -> u64 {
    // In this form the compiler makes vector instructions of the loop.
    let mut wordish = [0u8; 64];
    for (flag, &b) in wordish.iter_mut().zip(bytes) {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'0') < 10;
        *flag = u8::from(letter | digit | (b == b'_'));
    }
    let mut bits = 0;
    for (i, eight) in wordish.as_chunks::<8>().0.iter().enumerate() {
        // The product gathers the lowest bits of eight bytes in its highest byte, the first byte's lowest.
        bits |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    bits
}

/// True when the byte at `at`, which ends a word, joins it to what follows.
#[inline]
fn joins(bytes: &[u8], at: usize) -> bool {
    // Nearly every word ends in a space.
    bytes.get(at).is_some_and(|&b| b > b' ') && sign_joins(bytes, at)
}

fn sign_joins(bytes: &[u8], at: usize) -> bool {
    let kind = |at: usize| bytes.get(at).map_or(OTHER, |&b| KIND[b as usize]);
    match kind(at) {
        QUOTE => kind(at - 1) == kind(at + 1) && matches!(kind(at + 1), LETTER | DIGIT),
        POINT => kind(at - 1) == DIGIT && kind(at + 1) == DIGIT,
        _ => false,
    }
}

#[inline]
fn emit_ascii(bytes: &[u8], word: Range<usize>, found: &mut impl FnMut(Range<usize>)) {
    // Underscores alone are no word.
    if bytes[word.start] != b'_' || bytes[word.clone()].iter().any(u8::is_ascii_alphanumeric) {
        found(word);
    }
}

/// The words of text that is not all ASCII: pieces that are go by the table, the rest by the full rules.
fn mixed_words(text: &str, found: &mut impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let kind = |at: usize| bytes.get(at).map_or(OTHER, |&b| KIND[b as usize]);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut last = KIND[bytes[at] as usize];
        if last == WIDE {
            at = wide_words(text, start, found);
            continue;
        }
        if !matches!(last, LETTER | DIGIT | JOIN) {
            at += 1;
            continue;
        }
        let mut holds_alphanumeric = false;
        loop {
            holds_alphanumeric |= last != JOIN;
            at += 1;
            let next = kind(at);
            match next {
                LETTER | DIGIT | JOIN => last = next,
                QUOTE | POINT => {
                    let after = kind(at + 1);
                    let joins = after == last && (last == DIGIT || (last == LETTER && next == QUOTE));
                    if !joins && after != WIDE {
                        break;
                    }
                    // Seen from here a wide character may join too; that is for the full rules to say.
                    last = if joins { QUOTE } else { WIDE };
                    if last == WIDE {
                        break;
                    }
                }
                WIDE => {
                    last = WIDE;
                    break;
                }
                _ => break,
            }
        }
        if last == WIDE {
            at = wide_words(text, start, found);
        } else if holds_alphanumeric {
            found(start..at);
        }
    }
}

/// The words of the piece of text from `start` to the next ASCII white space, by the full rules; returns where
/// the piece ends. White space always separates words, so pieces can be taken one by one.
fn wide_words(text: &str, start: usize, found: &mut impl FnMut(Range<usize>)) -> usize {
    let rest = &text.as_bytes()[start..];
    let end = start + rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    for (at, word) in text[start..end].unicode_word_indices() {
        let at = start + at;
        let mut from = 0;
        let mut before = ' ';
        for (i, c) in word.char_indices() {
            if matches!(c, '.' | ':') && !before.is_numeric() {
                emit_alphanumeric(&word[from..i], at + from, found);
                from = i + 1;
            }
            before = c;
        }
        emit_alphanumeric(&word[from..], at + from, found);
    }
    end
}

fn emit_alphanumeric(word: &str, at: usize, found: &mut impl FnMut(Range<usize>)) {
    // An accent that hung on a `:` that separates now hangs on nothing.
    let begins = word.find(|c: char| c.is_alphanumeric() || c == '_').unwrap_or(word.len());
    if word.chars().any(char::is_alphanumeric) {
        found(at + begins..at + word.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn ascii() {
        check("", &[]);
        check("Hello, world!", &["Hello", "world"]);
        check("don't 'quote' rock'n'roll", &["don't", "quote", "rock'n'roll"]);
        check("3.14 1,000 2;5 v1.2 1.a", &["3.14", "1,000", "2;5", "v1.2", "1", "a"]);
        check("great.Thanks a:b 12:30", &["great", "Thanks", "a", "b", "12", "30"]);
        check("snake_case __ _x _ 5_", &["snake_case", "_x", "5_"]);
        check("www.site.com/page?x=1", &["www", "site", "com", "page", "x", "1"]);
        check("trailing.", &["trailing"]);
    }

    #[test]
    fn beyond_ascii() {
        check("l'été d’hiver", &["l'été", "d’hiver"]);
        check("café.Thé naïve—yes", &["café", "Thé", "naïve", "yes"]);
        check("e\u{301}a 👍good👍", &["e\u{301}a", "good"]);
        check("слово, ещё.слово", &["слово", "ещё", "слово"]);
        check("日本 한국어는", &["日", "本", "한국어는"]);
        check("a:\u{301}ש", &["a", "ש"]);
        check("a\u{301}.b x'\u{e9}", &["a\u{301}", "b", "x'é"]);
        check("\u{FEFF}bom and\u{a0}space", &["bom", "and", "space"]);
    }

    /// The definition, without the fast path.
    fn by_the_rules(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (at, word) in text.unicode_word_indices() {
            let mut found = |range: Range<usize>| out.push(text[range].to_owned());
            let mut from = 0;
            let mut before = ' ';
            for (i, c) in word.char_indices() {
                if matches!(c, '.' | ':') && !before.is_numeric() {
                    emit_alphanumeric(&word[from..i], at + from, &mut found);
                    from = i + 1;
                }
                before = c;
            }
            emit_alphanumeric(&word[from..], at + from, &mut found);
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn ascii_follows_the_rules(text in "([a-c]|[0-2]|[ _'.,:;\\-]|[a-z0-9]{1,70}){0,40}") {
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), by_the_rules(&text));
        }

        #[test]
        fn the_fast_path_follows_the_rules(text in "([a-c]|[0-2]|[ _'.,:;\\-]|é|\u{301}|ש|ー|か|’|\u{200d}|👍|٣){0,16}") {
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), by_the_rules(&text));
        }
    }
}
