//! All substrings of a text at once.

use aho_corasick::packed::{MatchKind, Searcher};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

/// Up to so many strings are found one after the other: a search for one string skips ahead by the rarest of its bytes.
const MAX_SINGLY: usize = 2;
/// Up to so many strings are found by vector instructions, which skip ahead; an automaton looks at every byte.
const MAX_PACKED: usize = 48;
/// Shorter strings than this make vector search stop at every other byte.
const MIN_PACKED_BYTES: usize = 3;
/// So many single bytes are found in one pass.
const MAX_BYTES: usize = 3;
/// Automata of up to so many bytes of strings are built as a DFA, the fastest to run: about 1 KB of table for each
/// byte. Above, a contiguous NFA, a tenth the size.
const DFA_BYTES: usize = 16 << 10;

/// Finds every occurrence of every string, overlapping ones too.
#[derive(Debug)]
pub(super) struct Finder {
    strings: Vec<Box<str>>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Each string by itself, single bytes together.
    Singly {
        bytes: Bytes,
        finders: Vec<(memmem::Finder<'static>, usize)>,
    },
    /// Single bytes together, the rest packed; and for each first byte the strings that begin with it.
    Packed {
        bytes: Bytes,
        searcher: Searcher,
        by_first: Vec<Vec<usize>>,
    },
    Automaton(Box<AhoCorasick>),
}

impl Finder {
    /// A finder of these strings, none of them empty; `None` if there are none.
    pub(super) fn new(strings: Vec<Box<str>>) -> Option<Self> {
        if strings.is_empty() {
            return None;
        }
        let way = singly(&strings).or_else(|| packed(&strings)).unwrap_or_else(|| automaton(&strings));
        Some(Self { strings, way })
    }

    /// Calls `found` with the number of the string, where it begins and where it ends. In no particular order.
    pub(super) fn for_each(&self, text: &str, mut found: impl FnMut(usize, usize, usize)) {
        match &self.way {
            Way::Automaton(automaton) => {
                for hit in automaton.find_overlapping_iter(text) {
                    found(hit.pattern().as_usize(), hit.start(), hit.end());
                }
            }
            Way::Singly { bytes, finders } => {
                let text = text.as_bytes();
                for_each_byte(bytes, text, &mut found);
                for (finder, string) in finders {
                    let mut from = 0;
                    while let Some(at) = finder.find(&text[from..]) {
                        let start = from + at;
                        found(*string, start, start + finder.needle().len());
                        from = start + 1;
                    }
                }
            }
            Way::Packed { bytes, searcher, by_first } => {
                let text = text.as_bytes();
                for_each_byte(bytes, text, &mut found);
                let mut from = 0;
                // One hit tells where something begins; everything that begins there is looked at.
                while let Some(hit) = searcher.find_in(text, aho_corasick::Span { start: from, end: text.len() }) {
                    let start = hit.start();
                    for &string in &by_first[text[start] as usize] {
                        let wanted = self.strings[string].as_bytes();
                        if text[start..].starts_with(wanted) {
                            found(string, start, start + wanted.len());
                        }
                    }
                    from = start + 1;
                }
            }
        }
    }
}

/// Finds up to three single bytes in one pass.
fn for_each_byte(bytes: &[(u8, usize)], text: &[u8], found: &mut impl FnMut(usize, usize, usize)) {
    let at_byte = |at: usize| {
        let string = bytes.iter().find(|(byte, _)| *byte == text[at]);
        found(string.expect("one of the bytes was found").1, at, at + 1);
    };
    match *bytes {
        [] => {}
        [(a, _)] => memchr::memchr_iter(a, text).for_each(at_byte),
        [(a, _), (b, _)] => memchr::memchr2_iter(a, b, text).for_each(at_byte),
        [(a, _), (b, _), (c, _)] => memchr::memchr3_iter(a, b, c, text).for_each(at_byte),
        _ => unreachable!("more than {MAX_BYTES} bytes are searched for by the automaton"),
    }
}

/// Single bytes, and the numbers of the strings they are.
type Bytes = Vec<(u8, usize)>;

/// Strings of one byte, with their numbers, if they are few; and the numbers of all others.
fn split(strings: &[Box<str>]) -> Option<(Bytes, Vec<usize>)> {
    let (short, longer): (Vec<usize>, Vec<usize>) = (0..strings.len()).partition(|&i| strings[i].len() == 1);
    let bytes = short.into_iter().map(|i| (strings[i].as_bytes()[0], i)).collect::<Vec<_>>();
    (bytes.len() <= MAX_BYTES).then_some((bytes, longer))
}

fn singly(strings: &[Box<str>]) -> Option<Way> {
    let (bytes, longer) = split(strings).filter(|(_, longer)| longer.len() <= MAX_SINGLY)?;
    let finder = |i: usize| (memmem::Finder::new(strings[i].as_bytes()).into_owned(), i);
    Some(Way::Singly { bytes, finders: longer.into_iter().map(finder).collect() })
}

fn packed(strings: &[Box<str>]) -> Option<Way> {
    let (bytes, longer) = split(strings)?;
    if longer.is_empty() || longer.len() > MAX_PACKED || longer.iter().any(|&i| strings[i].len() < MIN_PACKED_BYTES) {
        return None;
    }
    let mut by_first = vec![Vec::new(); 256];
    for &i in &longer {
        by_first[strings[i].as_bytes()[0] as usize].push(i);
    }
    let mut builder = aho_corasick::packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder();
    // Without vector instructions there is no searcher, and the automaton serves.
    let searcher = builder.extend(longer.iter().map(|&i| strings[i].as_bytes())).build()?;
    Some(Way::Packed { bytes, searcher, by_first })
}

fn automaton(strings: &[Box<str>]) -> Way {
    let bytes: usize = strings.iter().map(|s| s.len()).sum();
    // Left to itself, aho-corasick leaves its DFA above 100 strings.
    let kind = if bytes <= DFA_BYTES { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
    let automaton = AhoCorasick::builder().kind(Some(kind)).build(strings.iter().map(|s| s.as_bytes()));
    Way::Automaton(Box::new(automaton.expect("the strings came from a file in memory, so they fit an automaton")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_ways_find_what_a_plain_search_finds(
            strings in prop::collection::hash_set("[abc]{1}|[abé]{3,4}", 1..8),
            text in "[abcé ]{0,80}",
        ) {
            let mut strings: Vec<Box<str>> = strings.into_iter().map(Into::into).collect();
            strings.sort();
            let mut expected: Vec<(usize, usize)> = Vec::new();
            for (i, string) in strings.iter().enumerate() {
                expected.extend((0..text.len()).filter(|&at| text.as_bytes()[at..].starts_with(string.as_bytes())).map(|at| (i, at)));
            }
            let ways = singly(&strings).into_iter().chain(packed(&strings)).chain([automaton(&strings)]);
            for way in ways {
                let mut found = Vec::new();
                let finder = Finder { strings: strings.clone(), way };
                finder.for_each(&text, |string, start, end| {
                    assert_eq!(&text[start..end], &*finder.strings[string]);
                    found.push((string, start));
                });
                found.sort_unstable();
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
