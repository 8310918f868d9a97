//! The synonym table, and words looked up in it in whatever form they stand.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::inflect::{Inflection, possible_lemmas, regular};

/// The tables, which `data/build_synonyms.py` makes and describes.
const SYNONYMS: &str = include_str!("../../data/synonyms.txt");
const FORMS: &str = include_str!("../../data/forms.txt");

/// The synonyms of WordNet 3.0, read once.
pub(super) static THESAURUS: LazyLock<Thesaurus> = LazyLock::new(Thesaurus::read);

/// Words, their synonyms and their forms.
pub(super) struct Thesaurus {
    words: HashMap<&'static str, Entry>,
    phrases: HashSet<&'static str>,
    /// The first words of phrases.
    phrase_starts: HashSet<&'static str>,
    /// The lemmas of irregular forms.
    lemmas: HashMap<&'static str, Vec<(&'static str, Inflection)>>,
    /// The irregular forms of lemmas.
    forms: HashMap<(&'static str, Inflection), &'static str>,
}

/// A word of the table.
struct Entry {
    /// Whether the bare word is of its first part of speech.
    clear: bool,
    /// The letters of its parts of speech, most frequent first.
    parts: &'static str,
    /// The lists of synonyms, each behind its letter.
    lists: &'static str,
}

/// What a word in a text is.
pub(super) struct Reading {
    /// Its part of speech: `n`, `v`, `a` or `r`.
    pub(super) part: char,
    /// True for the bare word and for forms that nouns and verbs share.
    pub(super) plain: bool,
    /// Its synonyms, in its form.
    pub(super) synonyms: Vec<String>,
}

impl Thesaurus {
    /// The hashes that the tables bear, of which the tests make sure that they are right.
    pub(super) fn version() -> String {
        format!("{}-{}", stated_hash(SYNONYMS), stated_hash(FORMS))
    }

    /// True for the words of the table, in any form.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.words.contains_key(word) || !self.lemmas(word).is_empty()
    }

    /// What a word of small letters is, if nothing else is likely.
    pub(super) fn reading(&self, word: &str) -> Option<Reading> {
        if let Some(entry) = self.words.get(word) {
            let part = entry.parts.chars().next().filter(|_| entry.clear)?;
            return Some(Reading { part, plain: true, synonyms: entry.list(part).map(str::to_owned).collect() });
        }
        let found = self.lemmas(word);
        let (lemma, _) = found.first()?;
        if found.iter().any(|(other, _)| other != lemma) {
            return None;
        }
        let entry = &self.words[lemma];
        let inflections: Vec<Inflection> = found.iter().map(|&(_, inflection)| inflection).collect();
        let shared = inflections.iter().any(|inflection| matches!(inflection, Inflection::Plural | Inflection::Third));
        let part = match inflections[..] {
            // Nouns and verbs look alike: it is what the lemma is.
            [_, _] if shared => entry.parts.chars().next().filter(|part| entry.clear && "nv".contains(*part))?,
            [first, ..] => first.part_of_speech(),
            [] => return None,
        };
        let wanted: Vec<_> = inflections.into_iter().filter(|inflection| inflection.part_of_speech() == part).collect();
        let inflected = |synonym: &'static str| {
            let mut forms = wanted.iter().map(|&inflection| self.inflect(synonym, inflection));
            // Past and participle look alike here; of a synonym they must too.
            let first = forms.next()??;
            forms.all(|form| form.as_ref() == Some(&first)).then_some(first)
        };
        Some(Reading { part, plain: shared, synonyms: entry.list(part).filter_map(inflected).collect() })
    }

    /// The most frequent part of speech of a word, or of what it is a form of.
    pub(super) fn part(&self, word: &str) -> Option<char> {
        match self.words.get(word) {
            Some(entry) => entry.parts.chars().next(),
            None => self.lemmas(word).first().map(|(_, inflection)| inflection.part_of_speech()),
        }
    }

    /// True when a fixed expression may begin with the word.
    pub(super) fn may_begin_phrase(&self, word: &str) -> bool {
        self.phrase_starts.contains(word)
            || self.lemmas(word).iter().any(|(lemma, _)| self.phrase_starts.contains(lemma))
    }

    /// True for fixed expressions, also where the first or last word is inflected.
    pub(super) fn is_phrase(&self, words: &[&str]) -> bool {
        let [first, middle @ .., last] = words else { return false };
        let variants = |word: &str| {
            let mut variants = vec![word.to_owned()];
            variants.extend(self.lemmas(word).into_iter().map(|(lemma, _)| lemma.to_owned()));
            variants
        };
        let lasts = variants(last);
        variants(first).iter().any(|first| {
            lasts.iter().any(|last| {
                let phrase = [&[first.as_str()], middle, &[last.as_str()]].concat().join(" ");
                self.phrases.contains(phrase.as_str())
            })
        })
    }

    fn read() -> Self {
        let mut found = Self {
            words: HashMap::new(),
            phrases: HashSet::new(),
            phrase_starts: HashSet::new(),
            lemmas: HashMap::new(),
            forms: HashMap::new(),
        };
        for line in SYNONYMS.lines().skip(1) {
            if let Some((word, rest)) = line.split_once('\t') {
                let (parts, lists) = rest.split_once('\t').unwrap_or((rest, ""));
                let clear = !parts.starts_with('-');
                let parts = parts.trim_start_matches('-');
                found.words.insert(word, Entry { clear, parts, lists });
            } else {
                found.phrases.insert(line);
                found.phrase_starts.extend(line.split(' ').next());
            }
        }
        for line in FORMS.lines().skip(1) {
            let mut fields = line.split('\t');
            let (Some(form), Some(lemma), Some(names)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            for inflection in names.split(' ').filter_map(Inflection::named) {
                found.lemmas.entry(form).or_default().push((lemma, inflection));
                found.forms.insert((lemma, inflection), form);
            }
        }
        found
    }

    fn inflect(&self, lemma: &'static str, inflection: Inflection) -> Option<String> {
        match self.forms.get(&(lemma, inflection)) {
            Some(form) => Some((*form).to_owned()),
            None => regular(lemma, inflection),
        }
    }

    /// The words of the table that a word is an inflected form of.
    fn lemmas(&self, word: &str) -> Vec<(&'static str, Inflection)> {
        let mut found = self.lemmas.get(word).cloned().unwrap_or_default();
        for (lemma, inflection) in possible_lemmas(word) {
            let Some((&lemma, entry)) = self.words.get_key_value(lemma.as_str()) else { continue };
            let fits = entry.parts.contains(inflection.part_of_speech());
            if fits && self.inflect(lemma, inflection).as_deref() == Some(word) && !found.contains(&(lemma, inflection))
            {
                found.push((lemma, inflection));
            }
        }
        found
    }
}

impl Entry {
    fn list(&self, part: char) -> impl Iterator<Item = &'static str> + use<> {
        let list = self.lists.split('\t').find_map(|list| list.strip_prefix(part)?.strip_prefix(':'));
        list.unwrap_or("").split(',').filter(|word| !word.is_empty())
    }
}

fn stated_hash(table: &'static str) -> &'static str {
    let head = table.lines().next().unwrap_or("");
    head.split_once("fnv1a64 ").and_then(|(_, rest)| rest.split(',').next()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synonyms(word: &str) -> Vec<String> {
        THESAURUS.reading(word).map(|reading| reading.synonyms).unwrap_or_default()
    }

    #[test]
    fn the_tables_are_what_their_heads_say() {
        for table in [SYNONYMS, FORMS] {
            let (head, body) = table.split_once('\n').unwrap();
            assert!(head.contains("WordNet 3.0") && head.contains("WORDNET-LICENSE"));
            let hash = body
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            assert_eq!(format!("{hash:016x}"), stated_hash(table));
            let firsts: Vec<&str> = body.lines().collect();
            assert!(
                firsts.is_sorted() && firsts.windows(2).all(|pair| pair[0] != pair[1]),
                "sorted, and nothing twice"
            );
        }
        let words: Vec<&str> = SYNONYMS.lines().skip(1).filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        assert_eq!(words.len(), THESAURUS.words.len(), "no word has two lines");
        assert!(
            include_str!("../../data/WORDNET-LICENSE").contains("WordNet 3.0 Copyright 2006 by Princeton University")
        );
    }

    #[test]
    fn the_tables_hold_what_they_may() {
        for line in SYNONYMS.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let small = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
            assert!(fields[0].split(' ').all(small), "{line}");
            for list in fields.iter().skip(2) {
                let (part, words) = list.split_once(':').unwrap();
                assert!(fields[1].contains(part), "{line}");
                for word in words.split(',') {
                    assert!(small(word) && word != fields[0] && THESAURUS.words.contains_key(word), "{line}");
                }
            }
        }
        // Both implementations of the rules agree: what is listed is what the rules do not make.
        for line in FORMS.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            for name in fields[2].split(' ') {
                let inflection = Inflection::named(name).unwrap();
                assert_ne!(regular(fields[1], inflection).as_deref(), Some(fields[0]), "{line}");
            }
        }
    }

    #[test]
    fn synonyms_come_in_the_form_of_the_word() {
        assert_eq!(synonyms("movie"), ["film"]);
        assert_eq!(synonyms("movies"), ["films"]);
        assert_eq!(synonyms("bigger"), ["larger"]);
        assert_eq!(synonyms("buy"), ["purchase"]);
        assert_eq!(synonyms("bought"), ["purchased"]);
        assert_eq!(synonyms("buying"), ["purchasing"]);
        assert_eq!(synonyms("buys"), ["purchases"]);
        assert_eq!(synonyms("purchased"), ["bought"]);
        assert_eq!(synonyms("happened"), ["occurred"]);
    }

    #[test]
    fn what_is_not_sure_has_no_synonyms() {
        // A noun or a verb; forms of two words; a past that is not the participle, beside a form that is both.
        for word in ["view", "leaves", "selected", "xyzzy", ""] {
            assert_eq!(synonyms(word), [""; 0], "{word}");
        }
        assert!(THESAURUS.knows("leaves") && THESAURUS.knows("delivered") && !THESAURUS.knows("xyzzy"));
    }

    #[test]
    fn phrases_are_known_in_their_forms() {
        let is_phrase = |phrase: &str| THESAURUS.is_phrase(&phrase.split(' ').collect::<Vec<_>>());
        assert!(is_phrase("buy out") && is_phrase("bought out") && is_phrase("film stars"));
        assert!(!is_phrase("buy this") && !is_phrase("buy") && !is_phrase(""));
        assert!(THESAURUS.may_begin_phrase("bought") && !THESAURUS.may_begin_phrase("xyzzy"));
    }
}
