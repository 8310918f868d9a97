//! Texts in other words, by translating them there and back.

mod back_translator;
mod command;
mod sentences;

pub use back_translator::{BackTranslator, Pivot};
pub use command::CommandTranslator;
pub use sentences::{Sentence, by_sentences};

use synth_core::Observer;

use crate::{GenerateError, Sampling};

/// Translates texts from one language into another: a model, or a program.
pub trait Translate: Send + Sync {
    /// Everything besides texts and sampling that decides the translations: one line, the same on every machine.
    fn fingerprint(&self) -> String;

    /// The name of the model or program, for people.
    fn name(&self) -> &str;

    /// Translates texts, each by itself: a translation does not depend on the texts beside it.
    ///
    /// At a temperature of 0 it gives the best it has; above, what draws words draws them by [`TextToTranslate::seed`].
    ///
    /// # Errors
    /// The model or the program fails, or [`GenerateError::Cancelled`] once the observer asks to stop.
    fn translate(
        &self,
        texts: &[TextToTranslate<'_>],
        sampling: Sampling,
        observer: &dyn Observer,
    ) -> Result<Vec<String>, GenerateError>;
}

/// A text, and what words are drawn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextToTranslate<'a> {
    /// The text.
    pub text: &'a str,
    /// The seed of the request.
    pub seed: u64,
    /// Which of the request's choices it is.
    pub choice: u32,
}
