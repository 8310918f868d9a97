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
use wide::bytemuck::cast;
use wide::{i8x16, u8x16};

/// The words of a text, in order.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut found = WordRanges::default();
    found.find(text);
    (0..found.len()).map(move |i| &text[found.get(i)])
}

/// The number of words.
pub fn count_words(text: &str) -> usize {
    let mut found = WordRanges::default();
    found.find(text);
    found.len()
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

/// Where the words of a text stand, in memory that serves text after text.
///
/// ```
/// let mut words = synth_text::WordRanges::default();
/// words.find("don't stop");
/// assert_eq!((words.len(), words.get(0), words.get(1)), (2, 0..5, 6..10));
/// assert_eq!(words.joints(), Some(&[3][..]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct WordRanges {
    /// Where words begin and end, in turn. What stands behind `2 * len` is left over from other texts.
    edges: Vec<usize>,
    len: usize,
    ascii: bool,
    /// Signs that join two parts of a word, if the text is ASCII.
    joints: Vec<usize>,
}

impl WordRanges {
    /// Finds the words of a text, in order, in place of those of the text before.
    pub fn find(&mut self, text: &str) {
        self.ascii = self.find_ascii(text.as_bytes());
        if !self.ascii {
            self.len = 0;
            mixed_words(text, &mut |word| self.push(word));
        }
    }

    /// The number of words.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The signs that join two parts of a word, like the one in "don't", if the text is ASCII: everything else in its
    /// words is a letter, a digit or an underscore.
    pub fn joints(&self) -> Option<&[usize]> {
        self.ascii.then_some(&self.joints[..])
    }

    /// The bytes of word `i`, from 0.
    ///
    /// # Panics
    /// If there are no more than `i` words.
    #[inline]
    pub fn get(&self, i: usize) -> Range<usize> {
        let edges = &self.edges[..2 * self.len];
        edges[2 * i]..edges[2 * i + 1]
    }

    /// The bytes of each word, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.edges[..2 * self.len].as_chunks().0.iter().map(|&[start, end]| start..end)
    }

    fn push(&mut self, word: Range<usize>) {
        self.edges.truncate(2 * self.len);
        self.edges.extend([word.start, word.end]);
        self.len += 1;
    }

    /// The words of ASCII text, 64 bytes at a time: a bit for each byte that belongs to a word, and the edges of
    /// runs of such bits. Nothing here branches on where words begin and end, which no processor can predict.
    /// False when the text is not ASCII.
    fn find_ascii(&mut self, bytes: &[u8]) -> bool {
        let mut pending = Block::default();
        let mut joins = 0;
        self.joints.clear();
        let mut edges = Edges { list: &mut self.edges, joints: &mut self.joints, len: 0, inside: 0 };
        for at in (0..bytes.len()).step_by(64) {
            let block = match bytes[at..].first_chunk() {
                Some(whole) => Block::of(whole),
                None => {
                    let mut padded = [0; 64];
                    padded[..bytes.len() - at].copy_from_slice(&bytes[at..]);
                    Block::of(&padded)
                }
            };
            if block.wide != 0 {
                return false;
            }
            joins |= block.joins;
            // Whether a sign at the end of a block joins depends on the next one.
            if at > 0 {
                edges.add(bytes, at - 64, pending, block.words);
            }
            pending = block;
        }
        if !bytes.is_empty() {
            edges.add(bytes, (bytes.len() - 1) / 64 * 64, pending, 0);
        }
        self.len = edges.close(bytes.len()) / 2;
        if joins != 0 {
            self.drop_joins_alone(bytes);
        }
        true
    }

    /// Underscores alone are no word.
    fn drop_joins_alone(&mut self, bytes: &[u8]) {
        let mut kept = 0;
        for i in 0..self.len {
            let word = self.get(i);
            if bytes[word.start] != b'_' || bytes[word.clone()].iter().any(u8::is_ascii_alphanumeric) {
                [self.edges[2 * kept], self.edges[2 * kept + 1]] = [word.start, word.end];
                kept += 1;
            }
        }
        self.len = kept;
    }
}

/// 64 bytes as bits, the first byte lowest.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Letters, digits and underscores.
    words: u64,
    /// Signs that may join what stands beside them.
    signs: u64,
    /// Underscores.
    joins: u64,
    /// What is not ASCII.
    wide: u64,
}

impl Block {
    #[inline]
    fn of(bytes: &[u8; 64]) -> Self {
        let mut block = Self::default();
        for (i, sixteen) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*sixteen);
            // Signed, so that what is not ASCII is less than everything.
            let signed: i8x16 = cast(bytes);
            let lower: i8x16 = cast(bytes | u8x16::splat(0x20));
            let between = |bytes: i8x16, first: u8, last: u8| {
                bytes.simd_gt(i8x16::splat(first as i8 - 1)) & bytes.simd_lt(i8x16::splat(last as i8 + 1))
            };
            let is = |byte: u8| signed.simd_eq(i8x16::splat(byte as i8));
            let join = is(b'_');
            let word = between(lower, b'a', b'z') | between(signed, b'0', b'9') | join;
            let sign = is(b'\'') | is(b'.') | is(b',') | is(b';');
            let bits = |flags: i8x16| u64::from(flags.to_bitmask()) << (16 * i);
            block.words |= bits(word);
            block.signs |= bits(sign);
            block.joins |= bits(join);
            block.wide |= bits(signed);
        }
        block
    }
}

/// The edges of words, while they are collected.
struct Edges<'a> {
    list: &'a mut Vec<usize>,
    joints: &'a mut Vec<usize>,
    len: usize,
    /// 1 inside a word.
    inside: u64,
}

impl Edges<'_> {
    /// Adds the edges of the block at `at`; `next` are the words of the block behind it.
    #[inline]
    fn add(&mut self, bytes: &[u8], at: usize, block: Block, next: u64) {
        let mut words = block.words;
        // A sign that joins has a letter or a digit on either side, so few signs are looked at.
        let mut signs = block.signs & (words << 1 | self.inside) & (words >> 1 | next << 63);
        while signs != 0 {
            let sign = signs.trailing_zeros();
            signs &= signs - 1;
            if sign_joins(bytes, at + sign as usize) {
                words |= 1 << sign;
                self.joints.push(at + sign as usize);
            }
        }
        let mut edges = words ^ (words << 1 | self.inside);
        self.inside = words >> 63;
        let n_edges = edges.count_ones() as usize;
        // Eight at a time, wanted or not: how many there are cannot be predicted either.
        if self.list.len() < self.len + 64 {
            self.list.resize(2 * self.len + 64, 0);
        }
        for eight in self.list[self.len..self.len + 64].as_chunks_mut::<8>().0.iter_mut().take(n_edges.div_ceil(8)) {
            for slot in eight {
                *slot = at + edges.trailing_zeros() as usize;
                edges &= edges.wrapping_sub(1);
            }
        }
        self.len += n_edges;
    }

    /// Ends the last word; returns the number of edges.
    fn close(self, end: usize) -> usize {
        if self.inside == 0 {
            return self.len;
        }
        // A word that reaches the end of the text in the middle of a block has its edge there.
        self.list.truncate(self.len);
        self.list.push(end);
        self.len + 1
    }
}

/// True when the sign at `at` joins what stands on either side of it.
fn sign_joins(bytes: &[u8], at: usize) -> bool {
    let kind = |at: usize| bytes.get(at).map_or(OTHER, |&b| KIND[b as usize]);
    match kind(at) {
        QUOTE => kind(at - 1) == kind(at + 1) && matches!(kind(at + 1), LETTER | DIGIT),
        POINT => kind(at - 1) == DIGIT && kind(at + 1) == DIGIT,
        _ => false,
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
