//! The regular inflection of English words. The same rules are in `data/build_synonyms.py`, which lists in
//! `data/forms.txt` all forms of known words that they get wrong, or leave open.

/// What an inflected form is of its lemma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Inflection {
    Plural,
    Third,
    Past,
    Participle,
    Gerund,
    Comparative,
    Superlative,
}

use Inflection::{Comparative, Gerund, Participle, Past, Plural, Superlative, Third};

impl Inflection {
    /// By its name in `forms.txt`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "plural" => Plural,
            "third" => Third,
            "past" => Past,
            "participle" => Participle,
            "gerund" => Gerund,
            "comparative" => Comparative,
            "superlative" => Superlative,
            _ => return None,
        })
    }

    /// The part of speech of such forms: `n`, `v` or `a`.
    pub(super) fn part_of_speech(self) -> char {
        match self {
            Plural => 'n',
            Third | Past | Participle | Gerund => 'v',
            Comparative | Superlative => 'a',
        }
    }
}

/// The form of a lemma of small ASCII letters; `None` where the rules are not sure.
pub(super) fn regular(lemma: &str, inflection: Inflection) -> Option<String> {
    let but_last = &lemma[..lemma.len().saturating_sub(1)];
    let consonant_before_last = but_last.ends_with(|c| !is_vowel(c));
    let consonant_y = consonant_before_last && lemma.ends_with('y');
    if matches!(inflection, Plural | Third) {
        return match () {
            () if consonant_y => Some(format!("{but_last}ies")),
            () if ["s", "x", "z", "ch", "sh"].iter().any(|end| lemma.ends_with(end)) => Some(format!("{lemma}es")),
            // Photos, but heroes.
            () if consonant_before_last && lemma.ends_with('o') => None,
            () => Some(format!("{lemma}s")),
        };
    }
    if may_double(lemma) {
        return None;
    }
    let ending = match inflection {
        Gerund => {
            let mute_e = lemma.ends_with('e') && !but_last.ends_with(['e', 'o', 'y']);
            return Some(match lemma.strip_suffix("ie") {
                Some(stem) => format!("{stem}ying"),
                None => format!("{}ing", if mute_e { but_last } else { lemma }),
            });
        }
        Comparative | Superlative if !takes_degrees(lemma, consonant_y) => return None,
        Comparative => "er",
        Superlative => "est",
        _ => "ed",
    };
    Some(match () {
        () if consonant_y => format!("{but_last}i{ending}"),
        () if lemma.ends_with('e') => format!("{but_last}{ending}"),
        () => format!("{lemma}{ending}"),
    })
}

/// The lemmas that a form could have; each has to be inflected again to know.
pub(super) fn possible_lemmas(form: &str) -> Vec<(String, Inflection)> {
    let mut found = Vec::new();
    let rules: [(&str, &[&str], &[Inflection]); 9] = [
        ("ies", &["y"], &[Plural, Third]),
        ("es", &[""], &[Plural, Third]),
        ("s", &[""], &[Plural, Third]),
        ("ied", &["y"], &[Past, Participle]),
        ("ed", &["", "e"], &[Past, Participle]),
        ("ying", &["ie"], &[Gerund]),
        ("ing", &["", "e"], &[Gerund]),
        ("er", &["", "e"], &[Comparative]),
        ("est", &["", "e"], &[Superlative]),
    ];
    let degrees: [(&str, Inflection); 2] = [("ier", Comparative), ("iest", Superlative)];
    for (ending, instead, inflections) in rules {
        let Some(stem) = form.strip_suffix(ending).filter(|stem| !stem.is_empty()) else { continue };
        for instead in instead {
            found.extend(inflections.iter().map(|&inflection| (format!("{stem}{instead}"), inflection)));
        }
    }
    for (ending, inflection) in degrees {
        if let Some(stem) = form.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            found.push((format!("{stem}y"), inflection));
        }
    }
    found
}

/// True for `an hour`, `an apple`, false for `a unit`, by the spelling.
pub(super) fn takes_an(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let starts = |list: &[&str]| list.iter().any(|start| word.starts_with(start));
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        !(starts(&["unif", "union", "uniq", "unit", "univ", "unic", "unis", "unil", "use", "usu", "usa", "util"])
            || starts(&["eu", "ewe", "one", "once", "ubiq", "ukul"]))
    } else {
        starts(&["hour", "honest", "honor", "honour", "heir"])
    }
}

/// One syllable that ends in one vowel and one consonant, which many such words double.
fn may_double(lemma: &str) -> bool {
    let Some((stem, last)) = lemma.char_indices().next_back().map(|(at, last)| (&lemma[..at], last)) else {
        return false;
    };
    if is_vowel(last) || matches!(last, 'w' | 'x' | 'y') || !stem.ends_with(['a', 'e', 'i', 'o', 'u', 'y']) {
        return false;
    }
    let start = &stem[..stem.len() - 1];
    !start.contains(is_vowel) || start.strip_suffix("qu").is_some_and(|start| !start.contains(is_vowel))
}

/// One syllable, or two of which the last is a `y`: others take "more".
fn takes_degrees(adjective: &str, consonant_y: bool) -> bool {
    let stem = adjective.strip_suffix('e').unwrap_or(adjective);
    let sounds = |c: char| is_vowel(c) || c == 'y';
    let (mut syllables, mut before) = (0, false);
    for c in stem.chars() {
        syllables += usize::from(sounds(c) && !before);
        before = sounds(c);
    }
    syllables == 1 || (syllables == 2 && consonant_y)
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lemma: &str, inflection: Inflection, expected: Option<&str>) {
        assert_eq!(regular(lemma, inflection).as_deref(), expected, "{lemma} {inflection:?}");
    }

    #[test]
    fn rules() {
        check("film", Plural, Some("films"));
        check("box", Plural, Some("boxes"));
        check("church", Plural, Some("churches"));
        check("city", Plural, Some("cities"));
        check("day", Plural, Some("days"));
        check("radio", Plural, Some("radios"));
        check("hero", Plural, None);
        check("try", Third, Some("tries"));
        check("help", Past, Some("helped"));
        check("use", Participle, Some("used"));
        check("try", Past, Some("tried"));
        check("play", Past, Some("played"));
        check("stop", Past, None);
        check("quit", Gerund, None);
        check("show", Gerund, Some("showing"));
        check("use", Gerund, Some("using"));
        check("see", Gerund, Some("seeing"));
        check("lie", Gerund, Some("lying"));
        check("try", Gerund, Some("trying"));
        check("large", Comparative, Some("larger"));
        check("happy", Superlative, Some("happiest"));
        check("beautiful", Comparative, None);
        check("big", Comparative, None);
        check("quick", Comparative, Some("quicker"));
    }

    #[test]
    fn lemmas_come_back() {
        for (lemma, inflection) in [
            ("city", Plural),
            ("box", Plural),
            ("film", Plural),
            ("use", Past),
            ("try", Participle),
            ("help", Past),
            ("lie", Gerund),
            ("use", Gerund),
            ("help", Gerund),
            ("large", Comparative),
            ("happy", Superlative),
            ("happy", Comparative),
        ] {
            let form = regular(lemma, inflection).unwrap();
            assert!(possible_lemmas(&form).contains(&(lemma.to_owned(), inflection)), "{form}");
        }
        assert!(possible_lemmas("").is_empty() && possible_lemmas("s").is_empty());
    }

    #[test]
    fn articles() {
        for word in ["apple", "hour", "umbrella", "unimportant", "honest", "Idea"] {
            assert!(takes_an(word), "{word}");
        }
        for word in ["film", "unit", "useful", "one", "European", "house", ""] {
            assert!(!takes_an(word), "{word}");
        }
    }
}
