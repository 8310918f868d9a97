//! Texts that repeat others (Broder 1997, On the resemblance and containment of documents).

use rayon::prelude::*;
use synth_text::TextIndex;

use crate::AuditError;

/// A text that repeats an earlier one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextCopy {
    /// Its row.
    pub row: usize,
    /// The row of the earlier text.
    pub of: usize,
    /// The Jaccard similarity of their shingles.
    pub jaccard: f64,
}

/// Texts that are taken apart at once.
const AT_ONCE: usize = 4096;

/// The texts that repeat earlier ones, with a Jaccard similarity of their shingles of `similarity` or more: by row, then the
/// most alike first. A text that stands there already is a copy of its first occurrence alone, any other of no more than
/// 32; empty texts repeat nothing.
///
/// ```
/// let texts = ["Where is my parcel?", "The song is great", "where is my parcel", "Where is  my PARCEL?"];
/// let copies = synth_audit::copies_of_texts(&texts, 0.8)?;
/// assert_eq!(copies.iter().map(|copy| (copy.row, copy.of)).collect::<Vec<_>>(), [(2, 0), (3, 0)]);
/// assert_eq!(copies[1].jaccard, 1.0);
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
///
/// # Errors
/// `similarity` is not above 0 and at most 1.
pub fn copies_of_texts(texts: &[&str], similarity: f64) -> Result<Vec<TextCopy>, AuditError> {
    if !(similarity > 0.0 && similarity <= 1.0) {
        let value = similarity.to_string();
        return Err(AuditError::Setting { name: "similarity", value, expected: "above 0, up to 1" });
    }
    let mut index = TextIndex::new(similarity);
    // Rows of the texts in the index: the same text is in it once.
    let (mut rows, mut copies) = (Vec::new(), Vec::new());
    for (chunk, some) in texts.chunks(AT_ONCE).enumerate() {
        let prepared: Vec<_> = some.par_iter().map(|text| index.prepare(text)).collect();
        for (at, (prepared, text)) in prepared.iter().zip(some).enumerate() {
            let row = chunk * AT_ONCE + at;
            if text.trim().is_empty() {
                continue;
            }
            let mut found = index.all(prepared);
            found.sort_by(|a, b| b.jaccard.total_cmp(&a.jaccard).then(a.index.cmp(&b.index)));
            copies.extend(found.iter().map(|found| TextCopy { row, of: rows[found.index], jaccard: found.jaccard }));
            if index.insert(prepared) {
                rows.push(row);
            }
        }
    }
    Ok(copies)
}
