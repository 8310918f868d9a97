//! What is asked of a generator, and what it answers.

use std::ops::{AddAssign, ControlFlow};

use serde::{Deserialize, Serialize};
use synth_core::Observer;

use crate::GenerateError;

/// One call of a generator.
///
/// Everything that decides the answer stands here or in [`Generator::fingerprint`]; the two together are the key
/// under which the journal keeps the response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is asked.
    pub input: Input,
    /// How many answers, made independently of each other; at least 1.
    pub n_choices: u32,
    /// The length of one answer at most, in tokens of the model.
    pub max_tokens: u32,
    /// How words are drawn.
    pub sampling: Sampling,
    /// The seed of the request. Choice i may only depend on the seed and i.
    pub seed: u64,
}

/// What a generator works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A prompt, for a language model.
    Prompt(Prompt),
    /// A text to be changed: by augmentation, or by translation there and back.
    Text {
        /// The text.
        text: String,
        /// Other texts of its class, which may lend sentences.
        others: Vec<String>,
    },
    /// A picture that is to be drawn. The answer is a data URL of a PNG file: so it is text as every answer is, and
    /// journal, budget and filters need not know of it.
    Picture {
        /// What it shows.
        prompt: String,
        /// What it does not show.
        negative_prompt: String,
        /// The picture that it begins with, as a data URL, if with one.
        start: Option<String>,
        /// How it is drawn.
        settings: PictureSettings,
    },
}

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureSettings {
    /// Steps from noise to the picture, at least 1.
    pub steps: usize,
    /// How much the prompt matters, 1 or more; 1 for as it is.
    pub guidance: f64,
    /// Where it begins with another picture, how much of that may change, above 0 up to 1; `None` to begin with noise.
    pub strength: Option<f64>,
    /// Pixels from left to right and from top to bottom; `None` as many as the model was trained on.
    pub size: Option<(usize, usize)>,
}

impl Default for PictureSettings {
    fn default() -> Self {
        Self { steps: 30, guidance: 7.5, strength: None, size: None }
    }
}

/// A prompt for a language model that chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What the model is told to be; empty for none.
    pub system: String,
    /// What it is asked.
    pub user: String,
    /// What an answer looks like.
    pub form: AnswerForm,
}

/// What an answer looks like. Servers that can are made to keep to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// Text as it comes.
    Text,
    /// A JSON object `{"items": ["…", …]}`.
    Items,
    /// A JSON object `{"answer": "…"}` with one of these words.
    OneOf(Vec<String>),
}

/// How words are drawn from the probabilities of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most probable word each time (greedy).
    pub temperature: f64,
    /// Only the most probable words that together have this share, in (0, 1].
    pub top_p: f64,
    /// Only so many of the most probable words. Servers without the setting ignore it.
    pub top_k: Option<u32>,
    /// Divides the positive logits of words that stand in the answer already, and multiplies negative ones: 1 for
    /// none (Keskar et al. 2019, CTRL). Servers without the setting ignore it.
    pub repetition_penalty: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 1.0, top_p: 0.95, top_k: None, repetition_penalty: 1.0 }
    }
}

impl Sampling {
    /// The most probable word each time.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, top_p: 1.0, top_k: None, repetition_penalty: 1.0 }
    }
}

/// What came back for one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The answers, [`Request::n_choices`] of them or fewer.
    pub choices: Vec<String>,
    /// What they took.
    pub usage: Usage,
}

/// Tokens that were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens that went in.
    pub prompt_tokens: u64,
    /// Tokens that came out, of all choices together.
    pub completion_tokens: u64,
}

impl Usage {
    /// In and out together.
    pub fn total(self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        // Servers report what they like.
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
    }
}

/// Millionths of a dollar, in which money is counted: sums of them are exact.
pub const MICRODOLLARS: u64 = 1_000_000;

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Dollars for a million tokens that go in.
    pub input_per_million: f64,
    /// Dollars for a million tokens that come out.
    pub output_per_million: f64,
}

impl Price {
    /// What tokens cost, in millionths of a dollar, rounded up.
    pub fn of(&self, usage: Usage) -> u64 {
        // Dollars for a million are millionths of a dollar for one.
        let exact = usage.prompt_tokens as f64 * self.input_per_million
            + usage.completion_tokens as f64 * self.output_per_million;
        exact.ceil() as u64
    }
}

/// The outcome of one request.
#[derive(Debug)]
pub struct Answer {
    /// The index of the request in the slice that was handed over.
    pub request: usize,
    /// The response, or why there is none. Errors here concern this request alone.
    pub result: Result<Response, GenerateError>,
}

/// Takes answers as they come, several together where several came at once, in any order; on
/// [`ControlFlow::Break`] the generator sends nothing more and returns.
pub type Sink<'a> = dyn FnMut(Vec<Answer>) -> ControlFlow<()> + 'a;

/// Makes texts: a language model, an augmenter, a translator.
///
/// Calls block; how many requests are worked on at once is the generator's own affair.
pub trait Generator: Send + Sync {
    /// Everything besides the request that decides what is answered: the back end, the model, settings. One line,
    /// the same on every machine, without secrets.
    fn fingerprint(&self) -> String;

    /// The name of the model, for people.
    fn model(&self) -> &str;

    /// What it costs; `None` where that is not known. Generators that run here are free.
    fn price(&self) -> Option<Price>;

    /// About how many tokens a text is, to plan a budget with; counted where the tokenizer is at hand.
    fn n_tokens(&self, text: &str) -> u64;

    /// Answers requests; each answer goes to the sink once, as soon as it is there.
    ///
    /// # Errors
    /// What makes all further requests useless: a refused key, an unknown model, no server, or
    /// [`GenerateError::Cancelled`] once the observer asks to stop. Answers that came before are in the sink.
    fn generate(&self, requests: &[Request], observer: &dyn Observer, sink: &mut Sink<'_>)
    -> Result<(), GenerateError>;
}
