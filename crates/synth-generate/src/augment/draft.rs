//! A text while it is changed.

use std::borrow::Cow;

use super::inflect::takes_an;
use super::source::Source;

/// The words of a variant, and what stands between them.
pub(super) struct Draft<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) tail: &'a str,
}

/// A word, and what stands before it.
pub(super) struct Piece<'a> {
    pub(super) before: Cow<'a, str>,
    pub(super) text: Cow<'a, str>,
    /// Whether it is another word than the one that stood here.
    pub(super) changed: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn of(source: &Source<'a>) -> Self {
        let piece = |before, text| Piece { before: Cow::Borrowed(before), text: Cow::Borrowed(text), changed: false };
        Self { pieces: source.words.iter().map(|word| piece(word.before, word.text)).collect(), tail: source.tail }
    }

    /// The text. Articles before words that changed are made to fit.
    pub(super) fn finish(mut self) -> String {
        for i in 1..self.pieces.len() {
            let [article, next] = &mut self.pieces[i - 1..=i] else { continue };
            let is_article = article.text.eq_ignore_ascii_case("a") || article.text.eq_ignore_ascii_case("an");
            if next.changed && is_article && next.before.chars().all(|c| c.is_whitespace() || "\"'“‘(".contains(c))
            {
                let fitting = if takes_an(&next.text) { "an" } else { "a" };
                article.text = Cow::Owned(in_case_of(&article.text, fitting));
            }
        }
        let mut text = String::new();
        for piece in &self.pieces {
            text.push_str(&piece.before);
            text.push_str(&piece.text);
        }
        text.push_str(self.tail);
        text
    }
}

/// A word of small letters with a capital first where the model has one.
pub(super) fn in_case_of(model: &str, word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) if model.starts_with(char::is_uppercase) => first.to_uppercase().chain(chars).collect(),
        _ => word.to_owned(),
    }
}
