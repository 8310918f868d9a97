//! Words that change places, and words that are left out.

use std::borrow::Cow;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, in_case_of};
use super::protect::{asks_for_noun, asks_for_verb};
use super::source::Source;

/// How far apart words may be that change places. Wei & Zou take any two of a text; near ones leave each part of a
/// sentence what it says.
const FARTHEST: usize = 3;

/// A sentence of fewer words has none to spare.
const LEAST_SENTENCE: usize = 3;

/// Lets up to `n` pairs of words change places that are near each other, in one sentence, and of one part of speech: so
/// nouns stay where nouns belong.
pub(super) fn swap(source: &Source<'_>, n: usize, rng: &mut ChaCha8Rng) -> Option<String> {
    let words = &source.words;
    let free: Vec<usize> = source.free().collect();
    let mut pairs = Vec::new();
    for (k, &i) in free.iter().enumerate() {
        let near = free[k + 1..].iter().take_while(|&&j| j - i <= FARTHEST && words[j].sentence == words[i].sentence);
        let alike = near.filter(|&&j| words[j].lower != words[i].lower && words[j].part == words[i].part);
        pairs.extend(alike.map(|&j| (i, j)));
    }
    pairs.shuffle(rng);
    let mut draft = Draft::of(source);
    let mut n_swapped = 0;
    for (i, j) in pairs {
        if n_swapped < n && !draft.pieces[i].changed && !draft.pieces[j].changed {
            // Capitals belong to the place, as at the beginning of a sentence.
            draft.pieces[i].text = Cow::Owned(in_case_of(words[i].text, &words[j].lower));
            draft.pieces[j].text = Cow::Owned(in_case_of(words[j].text, &words[i].lower));
            (draft.pieces[i].changed, draft.pieces[j].changed) = (true, true);
            n_swapped += 1;
        }
    }
    (n_swapped > 0).then(|| draft.finish())
}

/// Leaves out up to `n` words, never more than half of a sentence.
///
/// Wei & Zou throw a coin for each word; a fixed number has the same mean, and no variants that lose nothing or all.
pub(super) fn delete(source: &Source<'_>, n: usize, rng: &mut ChaCha8Rng) -> Option<String> {
    let words = &source.words;
    let size = |sentence: usize| words.iter().filter(|word| word.sentence == sentence).count();
    let mut places: Vec<usize> = source.free().filter(|&i| may_go(source, i)).collect();
    places.shuffle(rng);
    let mut gone: Vec<usize> = Vec::new();
    for i in places {
        let sentence = words[i].sentence;
        let n_gone = gone.iter().filter(|&&other| words[other].sentence == sentence).count();
        // Neighbours are spared, so that the spaces around one word are settled by themselves.
        let alone = gone.iter().all(|&other| other.abs_diff(i) > 1);
        if gone.len() < n && alone && size(sentence) >= LEAST_SENTENCE.max(2 * (n_gone + 1)) {
            gone.push(i);
        }
    }
    gone.sort_unstable_by_key(|&i| std::cmp::Reverse(i));
    let mut draft = Draft::of(source);
    let mut tail = Cow::Borrowed(source.tail);
    for &i in &gone {
        let piece = draft.pieces.remove(i);
        let after = source.after(i);
        // Of two spaces one stays, a line break before others; of a space and a full stop the full stop.
        let stays = if i == 0 {
            Cow::Borrowed(after.trim_start())
        } else if !after.is_empty() && after.trim().is_empty() && piece.before.contains('\n') {
            piece.before
        } else {
            Cow::Borrowed(after)
        };
        match draft.pieces.get_mut(i) {
            Some(next) => {
                next.before = stays;
                next.changed = true;
                let small = next.text.chars().all(char::is_lowercase);
                if words[i].opens && small && words.get(i + 1).is_some_and(|next| next.sentence == words[i].sentence) {
                    next.text = Cow::Owned(in_case_of(words[i].text, &next.text));
                }
            }
            None => tail = stays,
        }
    }
    (!gone.is_empty()).then(|| {
        let text = Draft { pieces: draft.pieces, tail: "" }.finish();
        text + &tail
    })
}

/// True for words between spaces, or before the end of a sentence, without which what stands around them still fits:
/// an article or an adjective keeps its noun, a pronoun its verb.
fn may_go(source: &Source<'_>, i: usize) -> bool {
    let (word, after) = (&source.words[i], source.after(i));
    let spaced = if i == 0 {
        word.before.is_empty()
    } else {
        !word.before.is_empty() && word.before.chars().all(char::is_whitespace)
    };
    let fits = after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || ".!?…".contains(c));
    let followed = source.words.get(i + 1).is_some_and(|next| next.free && next.sentence == word.sentence);
    let before = if word.opens { None } else { i.checked_sub(1).map(|before| &source.words[before]) };
    let keeps_verb = before.is_some_and(|before| word.part == Some('v') && asks_for_verb(&before.lower));
    let keeps_noun = before.is_some_and(|before| asks_for_noun(&before.lower) || before.part == Some('a'));
    spaced && fits && !keeps_verb && (followed || !keeps_noun)
}
