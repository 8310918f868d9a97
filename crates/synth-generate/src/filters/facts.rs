//! Does not keep the numbers, names, addresses or negations of its source.

use std::collections::BTreeSet;

use synth_text::{fold, tokens};

use crate::augment::{is_english, negates};
use crate::{Candidate, Filter, GenerateError, Verdict};

/// Drops texts that rewrite another one and lose what it says exactly: a number (`12` for `21`), an address, a mention or
/// a tag, a name, or its negation (`not late` for `late`). New numbers and new negations are as bad as lost ones.
///
/// Numbers are compared by their digits, and by those behind a point or comma; thousands may be divided or not. Names are words with a capital inside a sentence;
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

/// Runs of digits; those that a separator of thousands divides are one, so that `1,200.50` is 1200 and 50.
fn numbers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut number = String::new();
    let chars: Vec<char> = text.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        if c.is_numeric() {
            number.push(c);
            continue;
        }
        let follow = chars[at + 1..].iter().take_while(|c| c.is_numeric()).count();
        let separates = matches!(c, '.' | ',' | '\'' | ' ' | '\u{a0}' | '\u{202f}') && follow == 3;
        if !number.is_empty() && !separates {
            found.insert(std::mem::take(&mut number));
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
            || token.chars().skip(1).any(|c| c == '@')
            || (token.len() > 1 && token.starts_with(['@', '#']))
    };
    tokens(text).map(bare).filter(is_address).collect()
}

/// Words with a capital that do not begin a sentence. A line begins one, and so does what is quoted.
fn names(text: &str) -> BTreeSet<String> {
    /// Behind these a name goes on.
    const TITLES: [&str; 7] = ["Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "Sr.", "St."];
    let mut found = BTreeSet::new();
    let (mut n_words, mut n_capitals) = (0, 0);
    for line in text.lines() {
        let mut begins = true;
        for token in tokens(line) {
            let name = bare(token);
            begins |= token.starts_with(['"', '“', '«', '(', '‘']);
            if name.chars().any(char::is_alphabetic) {
                n_words += 1;
                if name.chars().next().is_some_and(char::is_uppercase) && !begins && name.chars().nth(1).is_some() {
                    n_capitals += 1;
                    found.insert(fold(name));
                }
            }
            let ends = token.ends_with(['.', '!', '?', ':', '…', '"', '”']) && !TITLES.contains(&token);
            begins = ends || (begins && name.is_empty());
        }
    }
    if n_capitals * 3 > n_words { BTreeSet::new() } else { found }
}

/// A word without what stands around it, and without what belongs to it behind an apostrophe.
fn bare(token: &str) -> &str {
    let word = token.trim_matches(|c: char| !c.is_alphanumeric());
    word.split(['\'', '’']).next().unwrap_or(word)
}

fn judge(candidate: &Candidate) -> Verdict {
    let Some(source) = &candidate.source else { return Verdict::pass(None) };
    let (mut was, mut is) = (Said::by(source), Said::by(&candidate.text));
    // A short text may show its language less than the other one does.
    if !is_english(source) && !is_english(&candidate.text) {
        (was.negated, is.negated) = (false, false);
    }
    let said: BTreeSet<String> = tokens(&candidate.text).map(|token| fold(bare(token))).collect();
    let kept_names = was.names.intersection(&said).count();
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
    if let Some(name) = was.names.difference(&said).next() {
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
        passes("Due on 12/05/2020 at 3:30.", "At 3.30 on 12.05.2020 it is due.");
        dropped("It took 1.5 hours.", "It took 15 hours.", "the number 1 of its source is missing");
    }

    #[test]
    fn names_and_addresses_are_kept() {
        dropped("I met Ann in town today.", "I planned a day in town.", "the name `ann` of its source is missing");
        passes("hello all\nThanks for the help", "hi all\nthe help was great");
        passes("he said \"Hello to all of you\"", "he greeted all of you");
        dropped("we saw Mr. Smith in town", "we saw him in town", "the name `mr` of its source is missing");
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
        passes("WhatsApp Xiaomi Redmi not connecting", "WhatsApp on a Xiaomi Redmi is not connecting");
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
