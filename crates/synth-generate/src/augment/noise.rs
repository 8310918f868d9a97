//! Words mistyped as people mistype them.

use std::borrow::Cow;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::draft::Draft;
use super::source::Source;

/// Shorter words are hard to recognise once mistyped.
const LEAST_LETTERS: usize = 4;

/// The rows of an English keyboard, each half a key to the right of the one above.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Mistypes this share of the letters, at least one, at most one in each word and never its first: a key beside the
/// right one, two letters in the wrong order, one left out, one doubled.
///
/// # References
/// Belinkov & Bisk 2018, Synthetic and Natural Noise Both Break Neural Machine Translation.
pub(super) fn mistype(source: &Source<'_>, rate: f64, rng: &mut ChaCha8Rng) -> Option<String> {
    let mut places: Vec<usize> = source.free().filter(|&i| source.words[i].text.len() >= LEAST_LETTERS).collect();
    // Words that may be changed are ASCII: a byte is a letter, and a letter a grapheme.
    let n_letters: usize = places.iter().map(|&i| source.words[i].text.len()).sum();
    let n = ((n_letters as f64 * rate).round() as usize).max(1);
    let (chosen, _) = places.partial_shuffle(rng, n);
    let mut draft = Draft::of(source);
    for &mut i in &mut *chosen {
        draft.pieces[i].text = Cow::Owned(mistyped(source.words[i].text, rng));
    }
    (!chosen.is_empty()).then(|| draft.finish())
}

fn mistyped(word: &str, rng: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..letters.len());
    match rng.random_range(0..4) {
        0 => {
            let keys = neighbours(letters[at]);
            letters[at] = keys[rng.random_range(0..keys.len())];
        }
        // Two of the same in the wrong order would be right.
        1 if at + 1 < letters.len() && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        2 => {
            letters.remove(at);
        }
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}

/// The keys beside that of a letter, in its row and in those above and below; itself for what is on no key.
fn neighbours(letter: char) -> Vec<char> {
    let place = |row: usize| ROWS[row].chars().position(|c| c == letter).map(|column| (row, column));
    let Some((row, column)) = (0..ROWS.len()).find_map(place) else { return vec![letter] };
    let key = |row: usize, column: Option<usize>| ROWS.get(row)?.chars().nth(column?);
    let (left, right) = (column.checked_sub(1), Some(column + 1));
    let above = row.checked_sub(1).map_or([None, None], |row| [key(row, Some(column)), key(row, right)]);
    let below = [key(row + 1, left), key(row + 1, Some(column))];
    [key(row, left), key(row, right)].into_iter().chain(above).chain(below).flatten().collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn keys_beside() {
        let keys = |letter| neighbours(letter).into_iter().collect::<String>();
        assert_eq!(keys('q'), "wa");
        assert_eq!(keys('g'), "fhtyvb");
        assert_eq!(keys('m'), "njk");
        assert_eq!(keys('p'), "ol");
        assert_eq!(keys('l'), "kop");
    }

    #[test]
    fn one_mistake_a_word_and_not_at_its_beginning() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let typed = mistyped("Parcel", &mut rng);
            assert_ne!(typed, "Parcel");
            assert!(typed.starts_with('P') && (5..=7).contains(&typed.len()), "{typed}");
        }
    }
}
