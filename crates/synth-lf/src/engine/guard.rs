//! Literal guards of regular expressions.
//!
//! A guard is a set of strings such that every match of the expression contains at least one of them. They are
//! searched for together with all other strings, and the expression runs only on texts in which one was seen. YARA-X
//! calls these atoms and chooses them by quality; here too one long string beats many short ones.
//!
//! Best are whole words: every match of `/\bso\s+good\b/` has the *word* "good", and words are looked up anyway. A
//! word here is what the expression means by one, a run of word characters (`\w`) as long as it gets.
//!
//! Strings are folded, like the texts they are looked for in, so the guard of `/Check/` also lets "check"
//! through: a guard may be seen where there is no match, never the other way round.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};
use regex_syntax::is_word_character;

use crate::lang::program::Regex;

/// More alternatives than this are no guard: too much of ordinary text would hold one of them.
const MAX_STRINGS: usize = 64;
/// Repetitions are written out up to here.
const MAX_REPEAT: u32 = 8;
/// Stands in strings where a word must begin or end; no text that means anything holds this noncharacter.
const EDGE: char = '\u{FFFF}';

/// Strings one of which every match of an expression contains; folded, ascending.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) strings: Vec<String>,
    /// Each stands there as a whole word.
    pub(crate) are_words: bool,
}

/// The guards of an expression, of each of which every match contains a string; the best first. None when there are
/// none good enough.
pub(crate) fn guards(regex: &Regex) -> Vec<Guard> {
    let Ok(hir) = regex_syntax::Parser::new().parse(&regex.0) else { return Vec::new() };
    let mut all: Vec<Guard> = required(&hir).into_iter().collect();
    // Words cost next to nothing to look up, so all that are required are asked for.
    if let HirKind::Concat(parts) = hir.kind() {
        for more in runs(parts).into_iter().filter(|guard| guard.are_words) {
            if !all.contains(&more) {
                all.push(more);
            }
        }
    }
    all
}

/// The best guard of an expression, wherever it stands.
fn required(hir: &Hir) -> Option<Guard> {
    let mut candidates = Vec::new();
    if let Some(all) = language(hir) {
        candidates.extend(guards_of(&all));
    }
    match hir.kind() {
        HirKind::Capture(capture) => candidates.extend(required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            candidates.extend(required(&repetition.sub));
            let times = repetition.min.min(MAX_REPEAT) as usize;
            let written_out = language(&repetition.sub).and_then(|once| power(&once, times));
            candidates.extend(written_out.iter().flat_map(|strings| guards_of(strings)));
        }
        HirKind::Concat(parts) => candidates.extend(runs(parts)),
        HirKind::Alternation(branches) => {
            let each: Option<Vec<_>> = branches.iter().map(required).collect();
            candidates.extend(each.and_then(either));
        }
        _ => {}
    }
    candidates.into_iter().min_by_key(cost)
}

/// What can be required of a sequence: each of its parts, and each run of neighbours that match finitely many
/// strings, multiplied out.
fn runs(parts: &[Hir]) -> Vec<Guard> {
    let mut found = Vec::new();
    let mut run = vec![String::new()];
    for (p, part) in parts.iter().enumerate() {
        let strings = language(part);
        match strings.as_ref().and_then(|strings| product(&run, strings)) {
            Some(longer) => run = longer,
            None => {
                if separates(&parts[p..], Side::Left) {
                    run.iter_mut().for_each(|string| string.push(EDGE));
                }
                found.extend(guards_of(&run));
                found.extend(required(part));
                let (strings, before) = match strings {
                    Some(strings) => (strings, &parts[..p]),
                    None => (vec![String::new()], &parts[..=p]),
                };
                run = strings;
                if separates(before, Side::Right) {
                    run.iter_mut().for_each(|string| string.insert(0, EDGE));
                }
            }
        }
    }
    found.extend(guards_of(&run));
    found
}

/// One guard for any of several expressions.
fn either(guards: Vec<Guard>) -> Option<Guard> {
    // A word is also a piece of text.
    let are_words = guards.iter().all(|guard| guard.are_words);
    let strings = distinct(guards.into_iter().flat_map(|guard| guard.strings).collect());
    if are_words { words(&strings, str::to_owned) } else { pieces(&strings) }
}

/// The guards that strings make of which every match contains one, with [`EDGE`]s.
fn guards_of(strings: &[String]) -> impl Iterator<Item = Guard> {
    let longest_word = |string: &str| {
        let mut longest = "";
        let mut rest = string;
        while let Some(begins) = rest.find(is_word_character) {
            let word = &rest[begins..];
            let ends = word.find(|c| !is_word_character(c));
            // At the end of a string, and at its beginning, a word may go on outside.
            let separate = (begins > 0 || rest.len() < string.len()) && ends.is_some();
            let word = &word[..ends.unwrap_or(word.len())];
            if separate && word.contains(char::is_alphanumeric) && word.len() > longest.len() {
                longest = word;
            }
            rest = &rest[begins + word.len()..];
        }
        longest.to_owned()
    };
    let plain: Vec<String> = strings.iter().map(|string| string.replace(EDGE, "")).collect();
    words(strings, longest_word).into_iter().chain(pieces(&plain))
}

/// A guard of the words that `word_of` makes of strings; `None` if it makes none of some.
fn words(strings: &[String], word_of: impl Fn(&str) -> String) -> Option<Guard> {
    let strings = distinct(strings.iter().map(|string| word_of(string)).collect());
    let some = strings.first().is_some_and(|first| !first.is_empty()) && strings.len() <= MAX_STRINGS;
    some.then_some(Guard { strings, are_words: true })
}

/// A guard of pieces of text. One that stands in most texts saves nothing: a single letter, digit or space is none.
fn pieces(strings: &[String]) -> Option<Guard> {
    let strings = distinct(strings.to_vec());
    // Of strings that contain another one it is enough to see the shorter.
    let redundant = |s: &String| strings.iter().any(|other| other != s && s.contains(other.as_str()));
    let strings: Vec<String> = strings.iter().filter(|s| !redundant(s)).cloned().collect();
    let rare = |s: &String| match s.chars().collect::<Vec<_>>()[..] {
        [] => false,
        [c] => !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '.' | ','),
        _ => !s.trim().is_empty(),
    };
    let good = !strings.is_empty() && strings.len() <= MAX_STRINGS && strings.iter().all(rare);
    good.then_some(Guard { strings, are_words: false })
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// True when no word character stands where parts begin (seen from the left) or end, whatever they match: so a word
/// beside them is whole there.
fn separates(parts: &[Hir], side: Side) -> bool {
    edge(parts, side) == Edge::Separates
}

/// What stands at one side of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Never a word character.
    Separates,
    /// Nothing, or no word character: what stands beyond it decides.
    MayBeEmpty,
    /// Perhaps a word character.
    Open,
}

fn edge(parts: &[Hir], side: Side) -> Edge {
    let mut edges: Vec<Edge> = parts.iter().map(|part| edge_of(part, side)).collect();
    if matches!(side, Side::Right) {
        edges.reverse();
    }
    edges.into_iter().find(|&edge| edge != Edge::MayBeEmpty).unwrap_or(Edge::MayBeEmpty)
}

fn edge_of(hir: &Hir, side: Side) -> Edge {
    let separates = |separates: bool| if separates { Edge::Separates } else { Edge::Open };
    match hir.kind() {
        HirKind::Empty => Edge::MayBeEmpty,
        HirKind::Look(look) => separates(is_edge(*look)),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).unwrap_or_default();
            let c = match side {
                Side::Left => text.chars().next(),
                Side::Right => text.chars().next_back(),
            };
            separates(c.is_some_and(|c| !is_word_character(c)))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut in_words = class.clone();
            in_words.intersect(&WORD_CHARACTERS);
            separates(in_words.ranges().is_empty())
        }
        HirKind::Class(Class::Bytes(_)) => Edge::Open,
        HirKind::Repetition(repetition) => match edge_of(&repetition.sub, side) {
            Edge::Separates if repetition.min == 0 => Edge::MayBeEmpty,
            edge => edge,
        },
        HirKind::Capture(capture) => edge_of(&capture.sub, side),
        HirKind::Concat(parts) => edge(parts, side),
        HirKind::Alternation(branches) => {
            let edges: Vec<Edge> = branches.iter().map(|branch| edge_of(branch, side)).collect();
            if edges.contains(&Edge::Open) {
                Edge::Open
            } else if edges.contains(&Edge::MayBeEmpty) {
                Edge::MayBeEmpty
            } else {
                Edge::Separates
            }
        }
    }
}

static WORD_CHARACTERS: LazyLock<ClassUnicode> =
    LazyLock::new(|| match regex_syntax::parse(r"\w").expect("a class is an expression").into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        other => unreachable!("a class of characters is {other:?}"),
    });

/// True for places where a word beside them begins or ends.
fn is_edge(look: Look) -> bool {
    // What is a word in ASCII alone may be part of one.
    matches!(
        look,
        Look::Start
            | Look::End
            | Look::StartLF
            | Look::EndLF
            | Look::StartCRLF
            | Look::EndCRLF
            | Look::WordUnicode
            | Look::WordStartUnicode
            | Look::WordEndUnicode
    )
}

/// All strings an expression matches, folded, with [`EDGE`]s, if they are few.
fn language(hir: &Hir) -> Option<Vec<String>> {
    let strings = match hir.kind() {
        HirKind::Empty => vec![String::new()],
        // Looking around matches the empty string, so what stands before and after touches.
        HirKind::Look(look) => vec![if is_edge(*look) { EDGE.to_string() } else { String::new() }],
        HirKind::Literal(literal) => {
            let literal = std::str::from_utf8(&literal.0).ok().filter(|literal| !literal.contains(EDGE))?;
            vec![synth_text::fold(literal)]
        }
        HirKind::Class(Class::Unicode(class)) => {
            let size: usize = class.iter().map(|range| range.len()).sum();
            if size > MAX_STRINGS {
                return None;
            }
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            chars.map(|c| (c != EDGE).then(|| synth_text::fold(c.encode_utf8(&mut [0; 4])))).collect::<Option<_>>()?
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|&max| max <= MAX_REPEAT)?;
            let once = language(&repetition.sub)?;
            let mut all = Vec::new();
            for times in repetition.min..=max {
                all.extend(power(&once, times as usize)?);
            }
            all
        }
        HirKind::Capture(capture) => language(&capture.sub)?,
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                all = product(&all, &language(part)?)?;
            }
            all
        }
        HirKind::Alternation(branches) => {
            let each: Option<Vec<_>> = branches.iter().map(language).collect();
            each?.into_iter().flatten().collect()
        }
    };
    let strings = distinct(strings);
    (strings.len() <= MAX_STRINGS).then_some(strings)
}

fn product(left: &[String], right: &[String]) -> Option<Vec<String>> {
    if left.len() * right.len() > MAX_STRINGS {
        return None;
    }
    Some(distinct(left.iter().flat_map(|l| right.iter().map(move |r| format!("{l}{r}"))).collect()))
}

fn power(strings: &[String], times: usize) -> Option<Vec<String>> {
    (0..times).try_fold(vec![String::new()], |all, _| product(&all, strings))
}

fn distinct(mut strings: Vec<String>) -> Vec<String> {
    strings.sort_unstable();
    strings.dedup();
    strings
}

/// Smaller is better. Each letter more makes a string rarer; twice the strings are found twice as often, and cost a
/// search for several strings some of its speed. A word is rarer than the same letters anywhere, and costs no search.
fn cost(guard: &Guard) -> usize {
    let shortest = guard.strings.iter().map(|s| s.chars().count()).min().unwrap_or(0);
    // Letters beyond six make hardly anything rarer.
    let cost = guard.strings.len() << (2 * (6 - shortest.min(6)));
    if guard.are_words { cost } else { 16 * cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_kind(pattern: &str, are_words: bool, expected: Option<&[&str]>) {
        let expected =
            expected.map(|strings| Guard { strings: strings.iter().map(|&s| s.into()).collect(), are_words });
        assert_eq!(guards(&Regex(pattern.into())).into_iter().next(), expected, "{pattern}");
    }

    fn check(pattern: &str, expected: Option<&[&str]>) {
        check_kind(pattern, false, expected);
    }

    fn check_words(pattern: &str, expected: &[&str]) {
        check_kind(pattern, true, Some(expected));
    }

    #[test]
    fn literals() {
        check("free", Some(&["free"]));
        check("(?i)Free", Some(&["free"]));
        check("check.*out", Some(&["check"]));
        check("(cat|dog)s?", Some(&["cat", "dog"]));
        check("colou?r", Some(&["color", "colour"]));
    }

    #[test]
    fn repetition() {
        check("!{3,}", Some(&["!!!"]));
        check("(ab)+", Some(&["ab"]));
        check("(ab)*", None);
        check("x{2}y", Some(&["xxy"]));
    }

    #[test]
    fn longer_beats_shorter_and_fewer_beats_more() {
        check("(a|b|c)x.*longer", Some(&["longer"]));
        check(r"order\s+#", Some(&["order"]));
        check("(red|blue|green) car", Some(&["blue car", "green car", "red car"]));
    }

    #[test]
    fn whole_words() {
        check_words(r"\bOrder\s+#\d{6}\b", &["order"]);
        check_words(r"(?i)\b(?:very|so)\s+(?:good|great)\b", &["good", "great"]);
        check_words("( |^)(won|won)[^\\w]* ([^\\s]+ )*(prize!|prize)[^\\w]*( |$)", &["prize"]);
        check_words("( |^)(i)[^\\w]*( |$)", &["i"]);
        check_words(r"\b[45]/5\s+stars?\b", &["star", "stars"]);
        check_words("an? apple pie", &["apple"]);
        check_words(r"(?m)^hello$|\bbye\b", &["bye", "hello"]);
        check_words(r"\bÉté\b", &["été"]);
        check_words(r"x\b\W*\babc\b", &["abc"]);
        // What goes on may make another word of it.
        check(r"\bcheck", Some(&["check"]));
        check(r"\bcheck\S*", Some(&["check"]));
        check(r"\w*check\b", Some(&["check"]));
        check(r"\bcheck(s|-|)", Some(&["check"]));
        check(r"(?-u:\b)check(?-u:\b)", Some(&["check"]));
        check(r"\Bcheck\b", Some(&["check"]));
        check(r"\bnice\b|good", Some(&["good", "nice"]));
        check(r"\b__\b", Some(&["__"]));
    }

    #[test]
    fn all_words_that_are_required() {
        let found = guards(&Regex(r"(?i)\b(?:very|so)\s+(?:good|great)\b".into()));
        let strings: Vec<Vec<String>> = found.into_iter().map(|guard| guard.strings).collect();
        assert_eq!(strings, [["good", "great"], ["so", "very"]]);
    }

    #[test]
    fn what_guards_nothing() {
        check(r"\d+", None);
        check("", None);
        check("a|bb|", None);
        check(".*", None);
        check(r"\$\d+", Some(&["$"]));
        check("[a-z]", None);
    }
}
