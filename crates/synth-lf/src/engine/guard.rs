//! Literal guards of regular expressions.
//!
//! A guard is a set of strings such that every match of the expression contains at least one of them. They go
//! into the shared automaton, and the expression runs only on texts in which one was seen. YARA-X calls these
//! atoms and chooses them by quality; here too one long string beats many short ones.
//!
//! Strings are folded, like the texts they are looked for in, so the guard of `/Check/` also lets "check"
//! through: a guard may be seen where there is no match, never the other way round.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::lang::program::Regex;

/// More alternatives than this are no guard: too much of ordinary text would hold one of them.
const MAX_STRINGS: usize = 64;
/// Repetitions are written out up to here.
const MAX_REPEAT: u32 = 8;

/// The strings one of which every match contains, folded; `None` when there are none good enough.
pub(crate) fn guard(regex: &Regex) -> Option<Vec<String>> {
    let hir = regex_syntax::Parser::new().parse(&regex.0).ok()?;
    required(&hir)
}

/// The best set of required strings of an expression.
fn required(hir: &Hir) -> Option<Vec<String>> {
    let mut candidates = Vec::new();
    if let Some(all) = language(hir) {
        candidates.push(all);
    }
    match hir.kind() {
        HirKind::Capture(capture) => candidates.extend(required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            candidates.extend(required(&repetition.sub));
            let times = repetition.min.min(MAX_REPEAT) as usize;
            candidates.extend(language(&repetition.sub).and_then(|once| power(&once, times)));
        }
        HirKind::Concat(parts) => candidates.extend(runs(parts)),
        HirKind::Alternation(branches) => {
            let each: Option<Vec<_>> = branches.iter().map(required).collect();
            candidates.extend(each.map(|sets| sets.into_iter().flatten().collect()));
        }
        _ => {}
    }
    candidates.into_iter().map(reduce).filter(|set| is_good(set)).min_by_key(|set| cost(set))
}

/// What can be required of a sequence: each of its parts, and each run of neighbours that match finitely many
/// strings, multiplied out.
fn runs(parts: &[Hir]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut run = vec![String::new()];
    for part in parts {
        match language(part).and_then(|strings| product(&run, &strings)) {
            Some(longer) => run = longer,
            None => {
                found.push(std::mem::replace(&mut run, vec![String::new()]));
                found.extend(required(part));
                if let Some(strings) = language(part) {
                    run = strings;
                }
            }
        }
    }
    found.push(run);
    found
}

/// All strings an expression matches, folded, if they are few.
fn language(hir: &Hir) -> Option<Vec<String>> {
    let strings = match hir.kind() {
        // Looking around matches the empty string, so what stands before and after touches.
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![synth_text::fold(std::str::from_utf8(&literal.0).ok()?)],
        HirKind::Class(Class::Unicode(class)) => {
            let size: usize = class.iter().map(|range| range.len()).sum();
            if size > MAX_STRINGS {
                return None;
            }
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            chars.map(|c| synth_text::fold(c.encode_utf8(&mut [0; 4]))).collect()
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

/// Leaves out strings that contain another one: seeing the shorter is enough.
fn reduce(strings: Vec<String>) -> Vec<String> {
    let strings = distinct(strings);
    let redundant = |s: &String| strings.iter().any(|other| other != s && s.contains(other.as_str()));
    strings.iter().filter(|s| !redundant(s)).cloned().collect()
}

/// A guard that stands in most texts saves nothing: a single letter, digit or space is none.
fn is_good(strings: &[String]) -> bool {
    let rare = |s: &String| match s.chars().collect::<Vec<_>>()[..] {
        [] => false,
        [c] => !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '.' | ','),
        _ => !s.trim().is_empty(),
    };
    !strings.is_empty() && strings.len() <= MAX_STRINGS && strings.iter().all(rare)
}

/// Smaller is better. Each letter more makes a string rarer; twice the strings are found twice as often, and cost a
/// search for several strings some of its speed.
fn cost(strings: &[String]) -> usize {
    let shortest = strings.iter().map(|s| s.chars().count()).min().unwrap_or(0);
    // Letters beyond six make hardly anything rarer.
    strings.len() << (2 * (6 - shortest.min(6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&[&str]>) {
        let got = guard(&Regex(pattern.into()));
        assert_eq!(
            got.as_deref().map(|v| v.iter().map(String::as_str).collect::<Vec<_>>()).as_deref(),
            expected,
            "{pattern}"
        );
    }

    #[test]
    fn literals() {
        check("free", Some(&["free"]));
        check("(?i)Free", Some(&["free"]));
        check(r"\bOrder\s+#\d{6}\b", Some(&["order"]));
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
        check("( |^)(won|won)[^\\w]* ([^\\s]+ )*(prize!|prize)[^\\w]*( |$)", Some(&["prize"]));
        check("(a|b|c)x.*longer", Some(&["longer"]));
        check(r"order\s+#", Some(&["order"]));
        check("(red|blue|green) car", Some(&["blue car", "green car", "red car"]));
    }

    #[test]
    fn what_guards_nothing() {
        check(r"\d+", None);
        check("( |^)(i)[^\\w]*( |$)", None);
        check("", None);
        check("a|bb|", None);
        check(".*", None);
        check(r"\$\d+", Some(&["$"]));
        check("[a-z]", None);
    }
}
