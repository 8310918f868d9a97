//! Sentences that are left out, change places, or make way for one of another text of the class.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use synth_text::count_words;
use unicode_segmentation::UnicodeSegmentation;

use super::language::foreign;
use super::source::Source;

/// A piece of fewer words is part of the sentence behind it: a greeting, an abbreviation, a shout.
const LEAST_WORDS: usize = 3;

/// A sentence, without the space behind it.
#[derive(Clone)]
struct Sentence<'a> {
    text: &'a str,
    n_words: usize,
}

/// Does this to a share of the sentences, at least one. What stays of the text's own is at least half of its words;
/// its first sentence stays in front, and sentences come from others at the place they had there: openings open.
pub(super) fn recombine(text: &str, others: &[String], rate: f64, rng: &mut ChaCha8Rng) -> Option<String> {
    let (mut sentences, mut spaces) = sentences(text);
    if sentences.len() < 2 {
        return None;
    }
    let steps = ((sentences.len() as f64 * rate).round() as usize).max(1);
    let n_words: usize = sentences.iter().map(|sentence| sentence.n_words).sum();
    let mut to_spare = n_words / 2;
    let mut changed = false;
    for _ in 0..steps {
        let at = rng.random_range(0..sentences.len());
        let sparable = sentences[at].n_words <= to_spare;
        match rng.random_range(0..3) {
            0 if sparable && sentences.len() > 1 => {
                to_spare -= sentences[at].n_words;
                sentences.remove(at);
                // The space before the last sentence goes with it, not what ends the text.
                spaces.remove(if at == sentences.len() { at - 1 } else { at });
                changed = true;
            }
            1 if at >= 1 && at + 1 < sentences.len() && is_closed(sentences[at + 1].text) => {
                sentences.swap(at, at + 1);
                changed = true;
            }
            2 if sparable => {
                let Some(lent) = lent(others, at, sentences.len(), rng) else { continue };
                if sentences.iter().all(|own| own.text != lent.text) {
                    to_spare -= sentences[at].n_words;
                    // What was lent is nothing that could be spared once more.
                    sentences[at] = Sentence { n_words: usize::MAX, ..lent };
                    changed = true;
                }
            }
            _ => {}
        }
    }
    changed.then(|| sentences.iter().zip(&spaces).map(|(sentence, space)| [sentence.text, space].concat()).collect())
}

/// A sentence of another text that stood where `at` is among `len`: at the beginning, in the middle or at the end.
fn lent<'o>(others: &'o [String], at: usize, len: usize, rng: &mut ChaCha8Rng) -> Option<Sentence<'o>> {
    let other = others.choose(rng)?;
    let (found, _) = sentences(other);
    let range = match () {
        () if at == 0 => 0..1,
        () if at + 1 == len => found.len().checked_sub(1)?..found.len(),
        () => 1..found.len().checked_sub(1)?,
    };
    let sentence = found.get(range)?.choose(rng)?.clone();
    let fits = sentence.n_words >= LEAST_WORDS && (at + 1 == len || is_closed(sentence.text));
    (fits && foreign(&Source::of(other)).is_none()).then_some(sentence)
}

/// True for sentences that show where they end, so that something may follow.
fn is_closed(sentence: &str) -> bool {
    sentence.ends_with(|c: char| !c.is_alphanumeric() && c != ',')
}

/// The sentences of a text, and the space behind each. The space before the first one is part of it.
fn sentences(text: &str) -> (Vec<Sentence<'_>>, Vec<&str>) {
    let mut bounds = vec![0];
    for (at, piece) in text.split_sentence_bound_indices() {
        let end = at + piece.len();
        // Without white space it is a full stop in an address, or a slip that leaves nothing to join sentences by.
        let complete = end == text.len() || piece.ends_with(char::is_whitespace);
        if complete && count_words(&text[bounds[bounds.len() - 1]..end]) >= LEAST_WORDS {
            bounds.push(end);
        }
    }
    // What is left over at the end belongs to the sentence before it.
    if bounds.len() > 1 {
        bounds.pop();
    }
    bounds.push(text.len());
    let wholes = bounds.windows(2).map(|bound| &text[bound[0]..bound[1]]);
    wholes
        .map(|whole| {
            let core = whole.trim_end();
            (Sentence { text: core, n_words: count_words(core) }, &whole[core.len()..])
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    fn variants(text: &str, others: &[&str], rate: f64) -> Vec<String> {
        let others: Vec<String> = others.iter().map(|&other| other.to_owned()).collect();
        let one = |seed| recombine(text, &others, rate, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut found: Vec<String> = (0..300).filter_map(one).collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn one_sentence_is_never_recombined() {
        assert!(variants("Only one sentence is here", &["Another one is here. And one more."], 1.0).is_empty());
        assert!(variants("Thanks. Bye now", &["Another one is here."], 1.0).is_empty());
        assert!(variants("", &[""], 1.0).is_empty());
    }

    #[test]
    fn what_can_be_made_of_three_sentences() {
        let found = variants(
            "The box came late. It was all wet! I want money back",
            &["My books were gone. Nobody ever called."],
            0.1,
        );
        let expected = [
            "My books were gone. It was all wet! I want money back",
            "The box came late. I want money back",
            "The box came late. It was all wet!",
            "It was all wet! I want money back",
            "The box came late. It was all wet! Nobody ever called.",
        ];
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn sentences_in_the_middle_change_places() {
        let found = variants("One two three. Four five six. Seven eight nine. Ten eleven twelve.", &[], 0.1);
        assert!(found.contains(&"One two three. Seven eight nine. Four five six. Ten eleven twelve.".to_owned()));
        assert!(
            found
                .iter()
                .all(|text| text.starts_with("One") || text == "Four five six. Seven eight nine. Ten eleven twelve.")
        );
    }

    proptest! {
        #[test]
        fn sentences_and_spaces_are_the_text(text in "(\\PC|[ .!?\n]|[a-c]{1,4} ){0,60}") {
            let (sentences, spaces) = sentences(&text);
            let again: String = sentences.iter().zip(&spaces).map(|(s, space)| [s.text, *space].concat()).collect();
            prop_assert_eq!(again, text);
        }
    }
}
