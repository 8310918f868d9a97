//! Long texts, sentence by sentence.

use unicode_segmentation::UnicodeSegmentation;

use super::TextToTranslate;
use crate::GenerateError;

/// A sentence of a text: where it stands, for the random numbers, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// The text it is from.
    pub of: TextToTranslate<'a>,
    /// The number of the sentence in its text.
    pub part: u32,
    /// The sentence, without white space around it.
    pub text: &'a str,
}

/// Translates texts by translating their sentences (Unicode UAX #29: a line ends one), as models are trained on
/// sentences; white space
/// between sentences stays as it is, and what holds no letter is not translated.
///
/// # Errors
/// As `translate` has it.
pub fn by_sentences<'a>(
    texts: &[TextToTranslate<'a>],
    translate: impl FnOnce(&[Sentence<'a>]) -> Result<Vec<String>, GenerateError>,
) -> Result<Vec<String>, GenerateError> {
    let mut sentences = Vec::new();
    for text in texts {
        let parts = text.text.split_sentence_bounds().map(str::trim).filter(|part| has_words(part));
        sentences.extend(parts.zip(0..).map(|(sentence, part)| Sentence { of: *text, part, text: sentence }));
    }
    let mut translated = translate(&sentences)?.into_iter();
    let text = |text: &TextToTranslate<'_>| {
        let mut whole = String::new();
        for part in text.text.split_sentence_bounds() {
            let sentence = part.trim();
            if !has_words(sentence) {
                whole.push_str(part);
                continue;
            }
            let start = part.len() - part.trim_start().len();
            whole.push_str(&part[..start]);
            whole.push_str(translated.next().unwrap_or_default().trim());
            whole.push_str(&part[start + sentence.len()..]);
        }
        whole
    };
    Ok(texts.iter().map(text).collect())
}

fn has_words(part: &str) -> bool {
    part.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_change_and_what_is_between_them_stays() {
        let of = |text| TextToTranslate { text, seed: 1, choice: 0 };
        let texts = [of(" One two.  Three?\n\n- 12:30 -\nFour"), of(""), of("...")];
        let mut seen = Vec::new();
        let translated = by_sentences(&texts, |sentences| {
            seen.extend(sentences.iter().map(|sentence| (sentence.part, sentence.text.to_owned())));
            Ok(sentences.iter().map(|sentence| sentence.text.to_uppercase()).collect())
        });
        assert_eq!(translated.unwrap(), [" ONE TWO.  THREE?\n\n- 12:30 -\nFOUR", "", "..."]);
        let expected = [(0, "One two."), (1, "Three?"), (2, "Four")];
        assert_eq!(seen, expected.map(|(part, text)| (part, text.to_owned())));
    }
}
