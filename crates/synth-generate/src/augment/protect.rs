//! Words that are left alone wherever they stand, and signs that show a word to be more than a word.

use std::collections::HashSet;
use std::sync::LazyLock;

type Words = LazyLock<HashSet<&'static str>>;

/// Words that carry the sentence, not what it says: articles, pronouns, prepositions, conjunctions, auxiliaries.
static STOP_WORDS: Words = LazyLock::new(|| {
    listed(
        "a about above after again against all almost along already also although always am among an and another any \
     anybody anyone anything are around as at away back be became because become becomes been before behind being \
     below beside besides between both but by came can come comes coming could did do does doing done down during \
     each either else enough etc even ever every everybody everyone everything few for from further gave get gets \
     getting give given gives go goes going gone got had has have having he hello her here hers herself hey hi him \
     himself his how however i if in into is it its itself just last least less let lets like lot lots made make \
     makes making many may maybe me might mine more most much must my myself near next now of off often on once \
     only onto or other others ought our ours out over own per please pls plz put puts quite rather same shall she \
     should since so some somebody someone something still such take taken takes taking than thanks that the their \
     theirs them themselves then there therefore these they this those though through thus till to together too \
     took toward towards under until up upon us very was we well went were what whatever when where whether which \
     while who whom whose why will with within would yes yet you your yours yourself yourselves",
    )
});

/// Words that turn what follows into its opposite, or nearly. Those with an apostrophe are found by their end.
static NEGATIONS: Words = LazyLock::new(|| {
    listed(
        "aint arent barely cannot cant couldnt didnt doesnt dont hadnt hardly hasnt havent isnt lack lacked lacking \
     lacks neither never no nobody none nor not nothing nowhere rarely scarcely seldom shouldnt wasnt werent \
     without wont wouldnt",
    )
});

static NUMBERS: Words = LazyLock::new(|| {
    listed(
        "billion billions double dozen dozens eight eighteen eighth eighty eleven eleventh fifteen fifth fifty first \
     five forty four fourteen fourth half hundred hundreds million millions nine nineteen ninety ninth one ones \
     second seven seventeen seventh seventy single six sixteen sixth sixty ten tenth third thirteen thirty thousand \
     thousands three trillion triple twelfth twelve twentieth twenty twice two zero",
    )
});

/// Words that make one verb of the verb before them.
static PARTICLES: Words =
    LazyLock::new(|| listed("along apart around aside away back down off out over through together up"));

/// Words behind which a noun or an adjective stands, and no verb.
static BEFORE_NOUNS: Words =
    LazyLock::new(|| listed("a an any each every her his its my no of our some that the their these this those your"));

/// Words behind which a verb stands more often than a noun.
static BEFORE_VERBS: Words = LazyLock::new(|| {
    listed(
        "can could didnt do does dont he i it lets may might must please pls plz shall she should they to we who will \
     would you",
    )
});

pub(super) fn is_stop_word(lower: &str) -> bool {
    STOP_WORDS.contains(lower)
}

pub(super) fn is_negation(lower: &str) -> bool {
    NEGATIONS.contains(lower) || lower.ends_with("n't") || lower.ends_with("n’t")
}

pub(super) fn is_number_word(lower: &str) -> bool {
    NUMBERS.contains(lower)
}

pub(super) fn is_particle(lower: &str) -> bool {
    PARTICLES.contains(lower)
}

/// True for the pronouns that stand between a verb and its particle.
pub(super) fn is_short_object(lower: &str) -> bool {
    matches!(lower, "her" | "him" | "it" | "me" | "that" | "them" | "this" | "us" | "you")
}

/// True for words that ask for a verb, or for its participle.
pub(super) fn asks_for_verb(lower: &str) -> bool {
    let auxiliary = ["am", "are", "be", "been", "had", "has", "have", "is", "was", "were"].contains(&lower);
    auxiliary || BEFORE_VERBS.contains(lower)
}

/// True for articles and other words that ask for a noun.
pub(super) fn asks_for_noun(lower: &str) -> bool {
    BEFORE_NOUNS.contains(lower)
}

/// True when a word of this part of speech hardly stands behind `before`.
pub(super) fn contradicts(before: &str, part: char) -> bool {
    let words = match part {
        'n' => &BEFORE_VERBS,
        'v' => &BEFORE_NOUNS,
        _ => return false,
    };
    words.contains(before) || (part == 'n' && before.ends_with("n't"))
}

/// True when a word is all that stands between white space, but for quotes, brackets, punctuation and emoji: what is
/// part of an address, a mention, a tag, a compound or an emoticon is no word that could be changed.
pub(super) fn is_bare(before: &str, after: &str) -> bool {
    let opens = |c: char| !c.is_alphanumeric() && (!c.is_ascii() || "\"'([{*".contains(c));
    let closes = |c: char| !c.is_alphanumeric() && (!c.is_ascii() || "\"')]}*.,;:!?".contains(c));
    before.chars().all(opens) && after.chars().all(closes)
}

fn listed(words: &'static str) -> HashSet<&'static str> {
    words.split(' ').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_of_small_words() {
        for list in [&STOP_WORDS, &NEGATIONS, &NUMBERS, &PARTICLES, &BEFORE_NOUNS, &BEFORE_VERBS] {
            assert!(list.len() > 10 && !list.contains(""));
        }
        assert!(is_stop_word("the") && is_negation("didn't") && is_negation("didn’t") && is_negation("never"));
        assert!(is_number_word("seven") && is_particle("out") && !is_stop_word("movie") && !is_negation("movie"));
    }

    #[test]
    fn bare_words() {
        for (before, after) in [("", ""), ("\"", ",\""), ("(", ")."), ("", "??"), ("👍", "\u{feff}"), ("“", "…”")]
        {
            assert!(is_bare(before, after), "{before} {after}");
        }
        for (before, after) in
            [("@", ""), ("#", ""), ("", "@host.com"), (":", ""), ("", "-made"), ("", "/or"), ("$", "")]
        {
            assert!(!is_bare(before, after), "{before} {after}");
        }
    }
}
