//! A text taken apart: which of its words may be changed, and into what.

use std::ops::Range;

use synth_text::WordRanges;
use unicode_segmentation::UnicodeSegmentation;

use super::protect::{contradicts, is_bare, is_negation, is_number_word, is_particle, is_short_object, is_stop_word};
use super::thesaurus::THESAURUS;

/// A text and its words.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) words: Vec<Word<'a>>,
    /// What stands behind the last word.
    pub(super) tail: &'a str,
}

/// A word, and what is known of it.
pub(super) struct Word<'a> {
    /// What stands between the word before and this one.
    pub(super) before: &'a str,
    pub(super) text: &'a str,
    /// The word in small letters.
    pub(super) lower: String,
    /// The number of its sentence.
    pub(super) sentence: usize,
    /// Whether it is the first word of its sentence.
    pub(super) opens: bool,
    /// Whether it stands alone between white space, punctuation aside.
    pub(super) bare: bool,
    /// Its most frequent part of speech, if it is in the table: `n`, `v`, `a` or `r`.
    pub(super) part: Option<char>,
    /// Whether it may be changed at all. Such words are ASCII letters, at most the first one a capital.
    pub(super) free: bool,
    /// What could stand for it, in its form and in small letters.
    pub(super) synonyms: Vec<String>,
}

impl<'a> Source<'a> {
    /// Takes a text apart.
    pub(super) fn of(text: &'a str) -> Self {
        let mut ranges = WordRanges::default();
        ranges.find(text);
        let ranges: Vec<Range<usize>> = ranges.iter().collect();
        let starts: Vec<usize> = text.split_sentence_bound_indices().map(|(at, _)| at).collect();
        let mut n_short_ends = 0;
        let mut words: Vec<Word<'a>> = Vec::with_capacity(ranges.len());
        for (i, range) in ranges.iter().enumerate() {
            let from = if i == 0 { 0 } else { ranges[i - 1].end };
            let until = ranges.get(i + 1).map_or(text.len(), |next| next.start);
            let before = &text[from..range.start];
            let own_before = before.rsplit(char::is_whitespace).next().unwrap_or("");
            let own_after = text[range.end..until].split(char::is_whitespace).next().unwrap_or("");
            // A word at the very edge of its gap goes on in the neighbour.
            let joined = (i > 0 && own_before.len() == before.len())
                || (until < text.len() && own_after.len() == until - range.end);
            // The rules of Unicode see no end where a small letter follows; people who write none see one.
            n_short_ends += usize::from(i > 0 && ends_sentence(before));
            let sentence = starts.partition_point(|&start| start <= range.start) + n_short_ends;
            words.push(Word {
                before,
                text: &text[range.clone()],
                lower: text[range.clone()].to_lowercase(),
                sentence,
                opens: words.last().is_none_or(|last| last.sentence != sentence),
                bare: !joined && is_bare(own_before, own_after),
                part: None,
                free: false,
                synonyms: Vec::new(),
            });
        }
        let tail = &text[ranges.last().map_or(0, |last| last.end)..];
        let mut source = Self { text, words, tail };
        source.free_words();
        source.keep_negated();
        source.keep_phrases();
        source.keep_particle_verbs();
        source.find_synonyms();
        source
    }

    /// What stands behind a word, up to the next one.
    pub(super) fn after(&self, i: usize) -> &'a str {
        self.words.get(i + 1).map_or(self.tail, |next| next.before)
    }

    /// The words that may be changed.
    pub(super) fn free(&self) -> impl Iterator<Item = usize> {
        (0..self.words.len()).filter(|&i| self.words[i].free)
    }

    /// Words of the table in small letters, a sentence's first excepted, and no others: what is written in capitals or
    /// is not in the table may be a name.
    fn free_words(&mut self) {
        for word in &mut self.words {
            let small = |rest: &[u8]| rest.iter().all(u8::is_ascii_lowercase);
            let plain = match word.text.as_bytes() {
                [first, rest @ ..] if word.opens => first.is_ascii_alphabetic() && small(rest),
                letters => small(letters),
            };
            let lower = word.lower.as_str();
            let kept = is_stop_word(lower) || is_negation(lower) || is_number_word(lower);
            word.part = THESAURUS.part(lower);
            word.free = word.bare && plain && !kept && word.part.is_some();
        }
    }

    /// Keeps the word that a negation negates, and those between them. What follows a negated adjective or adverb is
    /// negated too: not really helpful, no good reason.
    fn keep_negated(&mut self) {
        let mut negated = false;
        for i in 0..self.words.len() {
            let ends =
                self.words[i].opens || self.words[i].before.contains([',', ';', ':', '.', '!', '?', '(', ')', '—']);
            negated &= !ends;
            let word = &mut self.words[i];
            if is_negation(&word.lower) {
                negated = true;
            } else if negated {
                word.free = false;
                negated = is_stop_word(&word.lower) || matches!(word.part, Some('a' | 'r'));
            }
        }
    }

    /// Keeps the words of fixed expressions.
    fn keep_phrases(&mut self) {
        for i in 0..self.words.len() {
            if !THESAURUS.may_begin_phrase(&self.words[i].lower) {
                continue;
            }
            for len in [3, 2] {
                let Some(words) = self.words.get(i..i + len) else { continue };
                let together = words.iter().skip(1).all(|word| word.before == " " && !word.opens);
                let lower: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
                if together && THESAURUS.is_phrase(&lower) {
                    self.words[i..i + len].iter_mut().for_each(|word| word.free = false);
                    break;
                }
            }
        }
    }

    /// Keeps verbs that are one with a particle behind them, or behind a short object: check out, check it out.
    fn keep_particle_verbs(&mut self) {
        for i in 0..self.words.len() {
            let follows =
                |k: usize| self.words.get(i + k).filter(|next| next.before == " ").map(|next| next.lower.as_str());
            let split = follows(1).is_some_and(is_short_object) && follows(2).is_some_and(is_particle);
            if split || follows(1).is_some_and(is_particle) {
                self.words[i].free = false;
            }
        }
    }

    fn find_synonyms(&mut self) {
        for i in 0..self.words.len() {
            if !self.words[i].free {
                continue;
            }
            let Some(reading) = THESAURUS.reading(&self.words[i].lower) else { continue };
            let before = if self.words[i].opens { None } else { i.checked_sub(1).map(|before| &self.words[before]) };
            let other = before.is_some_and(|before| {
                let described = reading.part == 'v' && before.part == Some('a') && !is_stop_word(&before.lower);
                described || contradicts(&before.lower, reading.part)
            });
            if !(reading.plain && other) {
                self.words[i].synonyms = reading.synonyms;
            }
        }
    }
}

/// True when there is a full stop, or what stands for it, and white space behind it.
fn ends_sentence(between: &str) -> bool {
    let stop = between.rfind(['.', '!', '?', '…']);
    stop.is_some_and(|at| between[at..].contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that may be changed, and what they may become.
    fn check_free(text: &str, expected: &[&str]) {
        let source = Source::of(text);
        assert_eq!(source.free().map(|i| source.words[i].text).collect::<Vec<_>>(), expected, "{text}");
    }

    fn check_synonyms(text: &str, expected: &[(&str, &[&str])]) {
        let source = Source::of(text);
        let found: Vec<_> = source.words.iter().filter(|word| !word.synonyms.is_empty()).collect();
        let found: Vec<_> =
            found.iter().map(|w| (w.text, w.synonyms.iter().map(String::as_str).collect::<Vec<_>>())).collect();
        let found: Vec<_> = found.iter().map(|(word, synonyms)| (*word, &synonyms[..])).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_numbers_and_addresses_are_kept() {
        check_free("Great movie by Movie Makers in 2024", &["Great", "movie"]);
        check_free("MOVIE of the century from iMovie", &["century"]);
        check_free("movie@home.com #movie @movie http://movie.com/film movie.com", &[]);
        check_free("two movies for seven dollars, 3d movie", &["movies", "dollars", "movie"]);
        check_free("well-made movie :p and film/video", &["movie"]);
        check_free("(movie) \"movie\" movie?? 👍movie", &["movie"; 4]);
        check_free("movie_file xyzzy movıe", &[]);
    }

    #[test]
    fn negations_and_what_they_negate_are_kept() {
        check_free("this is not a movie about money", &["money"]);
        check_free("I didn't enjoy the movie", &["movie"]);
        check_free("dont buy this movie", &["movie"]);
        check_free("never a really good reason, movie", &["movie"]);
        check_free("without money. movie", &["movie"]);
        check_free("no, great movie", &["great", "movie"]);
    }

    #[test]
    fn expressions_are_kept() {
        check_free("he bought out the film stars with money", &["money"]);
        check_free("check out this movie, check it out", &["movie"]);
        check_synonyms("they fix up the movie", &[("movie", &["film"])]);
    }

    #[test]
    fn the_words_around_tell_what_a_word_is() {
        check_synonyms("the buy of a movie", &[("movie", &["film"])]);
        check_synonyms("to buy movies", &[("buy", &["purchase"]), ("movies", &["films"])]);
        check_synonyms("please movie", &[]);
    }
}
