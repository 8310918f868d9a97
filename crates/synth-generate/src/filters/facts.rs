//! Does not keep the numbers, names, addresses or negations of its source.

use std::collections::BTreeSet;

use synth_text::{fold, tokens};

use crate::augment::negates;
use crate::{Candidate, Filter, GenerateError, Verdict};

/// Drops texts that rewrite another one and lose what it says exactly: a number (`12` for `21`), an address, a mention or
/// a tag, a name, or its negation (`not late` for `late`). New numbers and new negations are as bad as lost ones.
///
/// Numbers are compared by their digits, whatever stands between them. Names are words with a capital inside a sentence;
/// where more than a third of the words have one, as in headlines and in German, capitals mean nothing and names are not
/// looked at. Negations are known in English. The score is the share of the source's facts that are there, missing where
/// it has none. Texts that rewrite nothing pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts;

/// What a text says exactly.
struct Said {
    numbers: BTreeSet<String>,
    addresses: BTreeSet<String>,
    /// Folded.
    names: BTreeSet<String>,
    negated: bool,
}

impl Said {
    fn by(text: &str) -> Self {
        Self { numbers: numbers(text), addresses: addresses(text), names: names(text), negated: negates(text) }
    }

    fn n_facts(&self) -> usize {
        self.numbers.len() + self.addresses.len() + self.names.len() + usize::from(self.negated)
    }
}

/// Runs of digits, with single separators between them left out.
fn numbers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut number = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_numeric() {
            number.push(c);
        } else if !number.is_empty() {
            let goes_on =
                matches!(c, '.' | ',' | '\'' | '\u{a0}' | '\u{202f}') && chars.peek().is_some_and(|c| c.is_numeric());
            if !goes_on {
                found.insert(std::mem::take(&mut number));
            }
        }
    }
    found.extend(Some(number).filter(|number| !number.is_empty()));
    found
}

/// What is written to be found again by programs: links, addresses of mail, mentions, tags.
fn addresses(text: &str) -> BTreeSet<String> {
    let bare = |token: &str| token.trim_matches(|c: char| !c.is_alphanumeric() && !"@#/".contains(c)).to_lowercase();
    let is_address = |token: &String| {
        token.contains("://")
            || token.starts_with("www.")
            || token.get(1..).is_some_and(|rest| rest.contains('@'))
            || (token.len() > 1 && token.starts_with(['@', '#']))
    };
    tokens(text).map(bare).filter(is_address).collect()
}

/// Words with a capital that do not begin a sentence.
fn names(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut n_words, mut n_capitals, mut begins) = (0, 0, true);
    for token in tokens(text) {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        // What belongs to a name stands behind its apostrophe.
        let name = word.split(['\'', '’']).next().unwrap_or(word);
        if name.chars().any(char::is_alphabetic) {
            n_words += 1;
            let capital = name.chars().next().is_some_and(char::is_uppercase);
            if capital && !begins && name.chars().nth(1).is_some() {
                n_capitals += 1;
                found.insert(fold(name));
            }
        }
        begins = token.ends_with(['.', '!', '?', ':', '…', '"', '”']) || (begins && word.is_empty());
    }
    if n_capitals * 3 > n_words { BTreeSet::new() } else { found }
}

fn judge(candidate: &Candidate) -> Verdict {
    let Some(source) = &candidate.source else { return Verdict::pass(None) };
    let (was, is) = (Said::by(source), Said::by(&candidate.text));
    let said = fold(&candidate.text);
    let kept_names = was.names.iter().filter(|name| said.contains(name.as_str())).count();
    let kept = was.numbers.intersection(&is.numbers).count() + was.addresses.intersection(&is.addresses).count();
    let kept = kept + kept_names + usize::from(was.negated && is.negated);
    let score = (was.n_facts() > 0).then(|| kept as f64 / was.n_facts() as f64);
    let drop = |reason: String| Verdict::drop(reason, score);
    if let Some(number) = was.numbers.difference(&is.numbers).next() {
        return drop(format!("the number {number} of its source is missing"));
    }
    if let Some(number) = is.numbers.difference(&was.numbers).next() {
        return drop(format!("the number {number} is not in its source"));
    }
    if let Some(address) = was.addresses.difference(&is.addresses).next() {
        return drop(format!("`{address}` of its source is missing"));
    }
    if let Some(name) = was.names.iter().find(|name| !said.contains(name.as_str())) {
        return drop(format!("the name `{name}` of its source is missing"));
    }
    match (was.negated, is.negated) {
        (true, false) => drop("the negation of its source is missing".to_owned()),
        (false, true) => drop("it negates, and its source does not".to_owned()),
        _ => Verdict::pass(score),
    }
}

impl Filter for Facts {
    fn name(&self) -> &'static str {
        "facts"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        Ok(batch.iter().map(judge).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::candidates;
    use super::*;

    fn reason(source: &str, text: &str) -> Option<String> {
        let mut all = candidates(&[text]);
        all[0].source = Some(source.to_owned());
        Facts.judge(&all).unwrap().remove(0).dropped
    }

    #[track_caller]
    fn dropped(source: &str, text: &str, expected: &str) {
        assert_eq!(reason(source, text).as_deref(), Some(expected), "{source} -> {text}");
    }

    #[track_caller]
    fn passes(source: &str, text: &str) {
        assert_eq!(reason(source, text), None, "{source} -> {text}");
    }

    #[test]
    fn numbers_are_kept_however_they_are_written() {
        passes(
            "It cost 1,200.50 euros on day 3.",
            "On day 3 it was 1 200,50 euros".replace("1 200", "1\u{a0}200").as_str(),
        );
        dropped("It cost 12 euros.", "It cost 21 euros.", "the number 12 of its source is missing");
        dropped("It was dear.", "It was 12 euros.", "the number 12 is not in its source");
        passes("Call 0800-123.", "Phone 0800-123!");
    }

    #[test]
    fn names_and_addresses_are_kept() {
        passes("I sent it to Mary Ann's house.", "It was sent to the house of mary ann");
        dropped("I met Mary in town today.", "I met her in town today.", "the name `mary` of its source is missing");
        passes("Yesterday it rained in the hills. Nothing else.", "It rained in the hills. There was nothing else.");
        passes("DO NOT BUY THIS THING", "Do not buy this!");
        passes("Der Hund hat das Haus von Anna gesehen.", "Anna hat es gesehen.");
        dropped(
            "See https://x.org/a or @bob, #tag, a@b.com!",
            "See https://x.org/b or @bob, #tag, a@b.com!",
            "`https://x.org/a` of its source is missing",
        );
        dropped("thanks @bob", "thanks bob", "`@bob` of its source is missing");
    }

    #[test]
    fn negations_are_kept() {
        dropped("This is not good at all.", "This is quite good.", "the negation of its source is missing");
        dropped("This is good.", "This isn’t bad.", "it negates, and its source does not");
        passes("It never came.", "It did not arrive.");
        passes("No habla nadie en esta casa tan grande.", "Nadie habla en esta casa tan grande.");
    }

    #[test]
    fn the_score_is_the_share_of_facts() {
        let mut all = candidates(&["It took 3 days, Mary said.", "free", "x"]);
        all[0].source = Some("It did not take Mary 3 days, or 4.".to_owned());
        all[1].source = Some("free of facts".to_owned());
        let scores: Vec<_> = Facts.judge(&all).unwrap().into_iter().map(|verdict| verdict.score).collect();
        assert_eq!(scores, [Some(0.5), None, None]);
    }
}
