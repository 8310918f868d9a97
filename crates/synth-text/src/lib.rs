//! How synth takes texts apart: words, tokens, case folding that keeps positions, and shingles that find near copies.
//!
//! ```
//! use synth_text::{Folded, count_words, tokens, words};
//!
//! assert_eq!(words("Great.Thanks, don't wait 3.14s").collect::<Vec<_>>(), ["Great", "Thanks", "don't", "wait", "3.14s"]);
//! assert_eq!(tokens("so  good :-)").collect::<Vec<_>>(), ["so", "good", ":-)"]);
//! assert_eq!(count_words("two words"), 2);
//!
//! let folded = Folded::of("Καλός ΚΑΛΌΣ");
//! assert_eq!(folded.text(), "καλόσ καλόσ");
//! ```

mod fold;
mod minhash;
mod shingles;
mod text_index;
mod words;

pub use fold::{Folded, fold};
pub use minhash::{Bands, MinHash, MinHashIndex};
pub use shingles::{SHINGLE_CHARS, Shingles, normalized};
pub use text_index::{PreparedText, TextIndex, TextMatch};
pub use words::{WordRanges, count_words, tokens, words};
