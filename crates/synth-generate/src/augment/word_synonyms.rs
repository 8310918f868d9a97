//! Synonyms in the place of words, and beside them.

use std::borrow::Cow;

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, Piece, in_case_of};
use super::source::Source;

/// Puts synonyms in the place of up to `n` words; `None` where no word has any.
pub(super) fn replace(source: &Source<'_>, n: usize, rng: &mut ChaCha8Rng) -> Option<String> {
    let mut draft = Draft::of(source);
    for (i, synonym) in drawn(source, n, rng)? {
        draft.pieces[i].text = Cow::Owned(in_case_of(source.words[i].text, synonym));
        draft.pieces[i].changed = true;
    }
    Some(draft.finish())
}

/// Puts synonyms beside up to `n` words.
///
/// Wei & Zou put them anywhere. Right before the word they mean they tear no phrase apart, and counted words and
/// their neighbours are all that most models see of a place.
pub(super) fn insert(source: &Source<'_>, n: usize, rng: &mut ChaCha8Rng) -> Option<String> {
    let mut draft = Draft::of(source);
    let mut chosen = drawn(source, n, rng)?;
    // From the last on, so that places stay what they are.
    chosen.sort_unstable_by_key(|&(i, _)| std::cmp::Reverse(i));
    for (i, synonym) in chosen {
        let word = &mut draft.pieces[i];
        let text = Cow::Owned(in_case_of(&word.text, synonym));
        let before = std::mem::replace(&mut word.before, Cow::Borrowed(" "));
        word.text = Cow::Owned(word.text.to_lowercase());
        draft.pieces.insert(i, Piece { before, text, changed: true });
    }
    Some(draft.finish())
}

/// Up to `n` words and a synonym of each.
fn drawn<'s>(source: &'s Source<'_>, n: usize, rng: &mut ChaCha8Rng) -> Option<Vec<(usize, &'s str)>> {
    let mut places: Vec<usize> = source.free().filter(|&i| !source.words[i].synonyms.is_empty()).collect();
    let (chosen, _) = places.partial_shuffle(rng, n);
    let drawn = chosen.iter().filter_map(|&i| Some((i, source.words[i].synonyms.choose(rng)?.as_str())));
    Some(drawn.collect::<Vec<_>>()).filter(|drawn| !drawn.is_empty())
}
