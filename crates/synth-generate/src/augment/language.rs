//! Whether a text is English.

use super::protect::{is_negation, is_stop_word};
use super::source::Source;
use super::thesaurus::THESAURUS;

/// Fewer words than this say nothing of a language that is written in Latin letters.
const FEWEST_WORDS: usize = 5;

/// The language of a text, in English, if it is another for sure.
///
/// Where half of the words are English ones nothing else is asked: short texts full of names and slang are what
/// detection by trigrams errs on most.
pub(super) fn foreign(source: &Source<'_>) -> Option<&'static str> {
    let words: Vec<&str> = source.words.iter().filter(|word| word.bare).map(|word| word.lower.as_str()).collect();
    if half_are_english(&words) {
        return None;
    }
    // Addresses, mentions and tags are in no language.
    let running = source.text.split_whitespace().filter(|token| !token.contains(['@', '#', '/', '\\', '<', '=', '_']));
    // Signs would be: invisible marks and emoji stand among the letters of some scripts.
    let letters: String = running.collect::<Vec<_>>().join(" ").replace(|c: char| !c.is_alphabetic(), " ");
    let info = whatlang::detect(&letters)?;
    // Other letters are enough: they may leave open which language it is, but not whether it is English.
    let sure = info.script() != whatlang::Script::Latin || (info.is_reliable() && words.len() >= FEWEST_WORDS);
    (sure && info.lang() != whatlang::Lang::Eng).then(|| info.lang().eng_name())
}

fn half_are_english(words: &[&str]) -> bool {
    let english = |word: &&&str| is_stop_word(word) || is_negation(word) || THESAURUS.knows(word);
    words.iter().filter(english).count() * 2 >= words.len().max(1)
}

/// Whether a text has a word that negates in English.
pub(crate) fn negates(text: &str) -> bool {
    Source::of(text).words.iter().any(|word| is_negation(&word.lower))
}

/// Whether half of the words of a text are English ones.
pub(crate) fn is_english(text: &str) -> bool {
    let source = Source::of(text);
    half_are_english(&source.words.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(foreign(&Source::of(text)), expected, "{text}");
    }

    #[test]
    fn languages() {
        check("where is my parcel?? tracking says delivered but theres nothing here", None);
        check(
            "Wo bleibt mein Paket? Es sollte schon seit gestern hier sein, aber niemand antwortet mir.",
            Some("German"),
        );
        check("Mon colis n'est jamais arrivé et personne ne répond à mes messages depuis une semaine.", Some("French"));
        check("Где моя посылка? Я жду её уже третью неделю.", Some("Russian"));
        check("私の荷物はどこですか", Some("Japanese"));
    }

    #[test]
    fn what_says_little_passes() {
        for text in [
            "",
            "gracias",
            "lol",
            "👍👍👍",
            "http://exemple.fr/la-page-est-ici",
            "123 456",
            ":)\u{feff}",
            "❤️❤️❤️",
            "Katy Perry Shakira Psy",
        ] {
            check(text, None);
        }
    }
}
