//! Case folding.

use unicode_case_mapping::case_folded;
use wide::bytemuck::cast;
use wide::i8x16;

/// A text without its upper and lower case, by Unicode simple case folding: one character for one character.
///
/// The typographic apostrophe `’` becomes `'` as well: "don’t" and "don't" are one word to everybody but a
/// computer. Simple folding keeps `ß` apart from `ss`, and the dotless `ı` from `i`, in every locale; it is the folding
/// of case-insensitive regular expressions too, so words and expressions agree.
pub fn fold(text: &str) -> String {
    Folded::of(text).text().to_owned()
}

/// What stands before and behind a folded text, so that 8 bytes can be read on either side of any place in it.
const PADDING: &str = "\0\0\0\0\0\0\0\0";

/// A folded text that knows where each of its bytes stood in the original.
///
/// ```
/// use synth_text::Folded;
///
/// // The Kelvin sign is three bytes long, the `k` it folds to one.
/// let folded = Folded::of("5 \u{212A} NOW");
/// let at = folded.text().find("now").unwrap();
/// assert_eq!(folded.original(at), 6);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The folded text between two [`PADDING`]s.
    padded: String,
    len: usize,
    /// Where folded and original positions drift apart: from `.0` in the folded text on, the original is at
    /// `.1`. Empty for almost every text.
    shifts: Vec<(usize, usize)>,
}

impl Folded {
    /// Folds a text.
    pub fn of(text: &str) -> Self {
        let mut folded = Self::default();
        folded.set(text);
        folded
    }

    /// Folds another text into the same memory.
    pub fn set(&mut self, text: &str) {
        self.shifts.clear();
        let mut bytes = std::mem::take(&mut self.padded).into_bytes();
        bytes.clear();
        bytes.reserve(text.len() + 64 + 2 * PADDING.len());
        bytes.extend_from_slice(PADDING.as_bytes());
        let ascii = fold_ascii(text.as_bytes(), &mut bytes);
        if !ascii {
            bytes.truncate(PADDING.len());
        }
        self.padded = String::from_utf8(bytes).expect("ASCII is UTF-8");
        if ascii {
            self.len = text.len();
            self.padded.push_str(PADDING);
            return;
        }
        for (at, c) in text.char_indices() {
            let folded = fold_char(c);
            self.padded.push(folded);
            if folded.len_utf8() != c.len_utf8() {
                self.shifts.push((self.padded.len() - PADDING.len(), at + c.len_utf8()));
            }
        }
        self.len = self.padded.len() - PADDING.len();
        self.padded.push_str(PADDING);
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        // A text that was never set has no padding.
        self.padded.get(PADDING.len()..PADDING.len() + self.len).unwrap_or("")
    }

    /// The 8 bytes of the folded text from `at` on, first byte lowest; zeros follow the end of the text.
    ///
    /// # Panics
    /// If `at` is beyond the end.
    #[inline]
    pub fn window(&self, at: usize) -> u64 {
        self.eight(at + PADDING.len())
    }

    /// The 8 bytes of the folded text before `at`, first byte lowest; zeros stand before the text.
    ///
    /// # Panics
    /// If `at` is beyond the end.
    #[inline]
    pub fn window_before(&self, at: usize) -> u64 {
        self.eight(at)
    }

    #[inline]
    fn eight(&self, at: usize) -> u64 {
        match self.padded.as_bytes().get(at..at + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes are eight bytes")),
            None => panic!("a place beyond a text of {} bytes", self.len),
        }
    }

    /// The position in the original of a position in the folded text. Both lie between characters.
    pub fn original(&self, at: usize) -> usize {
        match self.shifts.partition_point(|&(folded, _)| folded <= at) {
            0 => at,
            next => {
                let (folded, original) = self.shifts[next - 1];
                original + (at - folded)
            }
        }
    }
}

/// Appends ASCII text in lower case, 64 bytes at a time; false when it is not ASCII. In one pass: to look, to copy
/// and to lower take three times as long.
fn fold_ascii(text: &[u8], out: &mut Vec<u8>) -> bool {
    let end = out.len() + text.len();
    for chunk in text.chunks(64) {
        let mut block = [0; 64];
        block[..chunk.len()].copy_from_slice(chunk);
        let mut wide = 0;
        for sixteen in block.as_chunks_mut::<16>().0 {
            let bytes: i8x16 = cast(*sixteen);
            let upper = bytes.simd_gt(i8x16::splat(b'A' as i8 - 1)) & bytes.simd_lt(i8x16::splat(b'Z' as i8 + 1));
            wide |= bytes.to_bitmask();
            *sixteen = cast(bytes | (upper & i8x16::splat(0x20)));
        }
        if wide != 0 {
            return false;
        }
        out.extend_from_slice(&block);
    }
    out.truncate(end);
    true
}

fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if c == '’' {
        return '\'';
    }
    // The table names only characters that change.
    case_folded(c).and_then(|code| char::from_u32(code.get())).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_foldings() {
        for (text, expected) in [
            ("MiXed 42", "mixed 42"),
            ("ΣΊΣΥΦΟΣ ς", "σίσυφοσ σ"),
            ("STRAẞE Straße", "straße straße"),
            ("İı", "İı"),
            ("ÀÉÎ", "àéî"),
            ("Don’t", "don't"),
        ] {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_character_is_found_again(text in "(\\PC|K|ẞ|Ⱥ|’|[A-Z]){0,40}") {
            let folded = Folded::of(&text);
            for ((at, c), (original, o)) in folded.text().char_indices().zip(text.char_indices()) {
                prop_assert_eq!(folded.original(at), original);
                prop_assert_eq!(c, fold_char(o));
            }
            prop_assert_eq!(folded.original(folded.text().len()), text.len());
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
        }
    }
}
