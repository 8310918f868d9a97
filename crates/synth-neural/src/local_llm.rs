//! A language model that runs in the process.

mod batch;

use std::path::PathBuf;

use synth_core::{Observer, Silent};
use synth_generate::{GenerateError, Generator, Input, Price, Prompt, Request, Sink};

use self::batch::Work;
use crate::NeuralError;
use crate::chat::ChatTemplate;
use crate::gguf::{Gguf, Value};
use crate::hub::{HubModel, OnDownload};
use crate::llama::{Llama, Run, Sequence};
use crate::model_folder::digest;
use crate::sampling::{Sampler, most_probable};
use crate::tokenizer::Tokenizer;

/// Where the weights of a model come from.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// A GGUF file here.
    Path(PathBuf),
    /// A GGUF file on the hub.
    Hub(HubModel),
}

/// What a local model is opened with.
#[derive(Debug, Clone)]
pub struct LocalLlmSettings {
    /// The weights.
    pub model: ModelSource,
    /// Tokens of a prompt and its answer together, at most; never more than the model was trained with. Each
    /// sequence takes memory for the tokens it has, not for those it could have.
    pub context: usize,
    /// How many answers are worked on at once, at least 1. It changes the speed, never an answer.
    pub batch: usize,
}

impl LocalLlmSettings {
    /// A context of 4,096 tokens, some 3,000 English words; 16 answers at once, beyond which nothing is faster.
    pub fn of(model: ModelSource) -> Self {
        Self { model, context: 4096, batch: 16 }
    }
}

/// A language model on this machine's processors.
///
/// A [`Generator`] for prompts. Requests are answered in their order, several answers at once; the prompt of a
/// request is computed once for all its choices. Each answer depends on its request, the seed and the number of the
/// choice alone: not on the batch, nor on the number of threads. Processors of different kinds may round
/// differently. An answer ends where the model ends its turn, or at its length. The form of an answer is what the
/// prompt asks for: nothing makes the model keep to it.
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use synth_core::Silent;
/// use synth_generate::{AnswerForm, Generator, Input, Prompt, Request, Sampling};
/// use synth_neural::{HubModel, LocalLlm, LocalLlmSettings, ModelSource};
///
/// let settings = LocalLlmSettings::of(ModelSource::Hub(HubModel::smollm2("cache")));
/// let model = LocalLlm::open(&settings, &mut |_| {})?;
/// let user = "Write a complaint about a late parcel.".into();
/// let request = Request {
///     input: Input::Prompt(Prompt { system: String::new(), user, form: AnswerForm::Text }),
///     n_choices: 4,
///     max_tokens: 40,
///     sampling: Sampling::default(),
///     seed: 1,
/// };
/// model.generate(&[request], &Silent, &mut |answers| {
///     for answer in answers {
///         println!("{:?}", answer.result.map(|response| response.choices));
///     }
///     ControlFlow::Continue(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LocalLlm {
    llama: Llama,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    name: String,
    fingerprint: String,
    context: usize,
    batch: usize,
}

impl std::fmt::Debug for LocalLlm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalLlm").field("name", &self.name).field("fingerprint", &self.fingerprint).finish()
    }
}

/// A token that greedy decoding took, and how clear the choice was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreedyToken {
    /// The token.
    pub token: u32,
    /// By how much its logit is above that of the second most probable token.
    pub gap: f32,
}

/// Raised when answers to the same request change: another way to sample, or to compute.
const ALGORITHM: u32 = 1;
/// Tokens of a prompt that are computed at once; in between the observer is asked.
const PROMPT_CHUNK: usize = 256;

impl LocalLlm {
    /// Opens a model, fetching its weights where they are on the hub and not in the cache.
    ///
    /// # Errors
    /// The weights are not there, cannot be fetched, are damaged or of a model that is not known here; a setting
    /// is out of its range.
    pub fn open(settings: &LocalLlmSettings, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        for (name, value) in [("context", settings.context), ("batch", settings.batch)] {
            if value == 0 {
                return Err(NeuralError::Setting { name, value: "0".into(), expected: "1 or more" });
            }
        }
        let (path, name) = match &settings.model {
            ModelSource::Path(path) => {
                (path.clone(), path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
            }
            ModelSource::Hub(model) => (model.fetch(on_download)?, format!("{}/{}", model.repo, model.file)),
        };
        let mut gguf = Gguf::open(&path)?;
        // First of all, so that another family is named as such.
        let llama = Llama::of(&mut gguf)?;
        let tokenizer = Tokenizer::of(&gguf)?;
        let template = gguf.get("tokenizer.chat_template").and_then(Value::string);
        let template = ChatTemplate::of(template, tokenizer.special(), &name)?;
        let fingerprint = format!("local-llm/{ALGORITHM} llama blake3:{}", digest([path.as_path()])?);
        let (context, batch) = (settings.context.min(llama.context()), settings.batch);
        Ok(Self { llama, tokenizer, template, name, fingerprint, context, batch })
    }

    /// The text of a prompt as the model sees it, in its chat template. Control tokens that the prompt itself names, as
    /// a record might, become plain text.
    ///
    /// # Errors
    /// The template of the model refuses the prompt.
    pub fn prompt_text(&self, prompt: &Prompt) -> Result<String, NeuralError> {
        let plain = |text: &str| self.tokenizer.without_control(text).into_owned();
        self.template.render(&Prompt { system: plain(&prompt.system), user: plain(&prompt.user), ..prompt.clone() })
    }

    /// The tokens of a text. Names of control tokens in it become control tokens.
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        self.tokenizer.tokens(text)
    }

    /// The text of tokens, without control tokens; what is no UTF-8 becomes `\u{fffd}`.
    pub fn detokenize(&self, tokens: &[u32]) -> String {
        self.tokenizer.text(tokens)
    }

    /// The `n` tokens that are most probable one after the other, to compare implementations by. Control tokens
    /// end nothing here.
    ///
    /// # Errors
    /// No token at all, one that the model does not have, or more than the context holds.
    pub fn greedy(&self, tokens: &[u32], n: usize) -> Result<Vec<GreedyToken>, NeuralError> {
        let expected = "tokens of the model";
        if let Some(value) = tokens.iter().find(|token| **token as usize >= self.llama.n_vocab()) {
            return Err(NeuralError::Setting { name: "tokens", value: value.to_string(), expected });
        }
        self.check_length(tokens, n)?;
        let mut sequence = Sequence::new();
        let mut logits = self.read(&mut sequence, tokens, &Silent)?.unwrap_or_default();
        let mut taken = Vec::with_capacity(n);
        loop {
            let token = most_probable(&logits);
            let most = logits[token as usize];
            logits[token as usize] = f32::NEG_INFINITY;
            taken.push(GreedyToken { token, gap: most - logits[most_probable(&logits) as usize] });
            if taken.len() >= n {
                return Ok(taken);
            }
            logits = self.llama.forward(&mut [Run { sequence: &mut sequence, tokens: &[token] }])?;
        }
    }

    fn check_length(&self, prompt: &[u32], answer: usize) -> Result<(), NeuralError> {
        if prompt.is_empty() {
            return Err(NeuralError::Setting { name: "prompt", value: "empty".into(), expected: "some text" });
        }
        // The last token of an answer is not read again, but it must have a position all the same.
        if prompt.len().saturating_add(answer) > self.context {
            return Err(NeuralError::ContextOverflow { prompt: prompt.len(), answer, context: self.context });
        }
        Ok(())
    }

    /// Reads a prompt; the logits after it, or `None` where the observer has asked to stop.
    fn read(
        &self,
        sequence: &mut Sequence,
        tokens: &[u32],
        observer: &dyn Observer,
    ) -> Result<Option<Vec<f32>>, NeuralError> {
        let mut logits = None;
        for tokens in tokens.chunks(PROMPT_CHUNK) {
            if observer.cancelled() {
                return Ok(None);
            }
            logits = Some(self.llama.forward(&mut [Run { sequence, tokens }])?);
        }
        Ok(logits)
    }

    /// The tokens of a request's prompt, if it is one that can be answered.
    fn prepare(&self, request: &Request) -> Result<Vec<u32>, GenerateError> {
        let Input::Prompt(prompt) = &request.input else {
            let generator = format!("the local model `{}`", self.name);
            return Err(GenerateError::Unsupported { generator, what: "change texts" });
        };
        let prepare = || {
            for (name, value) in [("n_choices", request.n_choices), ("max_tokens", request.max_tokens)] {
                if value == 0 {
                    return Err(NeuralError::Setting { name, value: "0".into(), expected: "1 or more" });
                }
            }
            Sampler::check(&request.sampling)?;
            let tokens = self.tokenizer.prompt(&self.prompt_text(prompt)?);
            self.check_length(&tokens, request.max_tokens as usize)?;
            Ok(tokens)
        };
        prepare().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: NeuralError) -> GenerateError {
        GenerateError::Generator { generator: format!("the local model `{}`", self.name), source: error.into() }
    }
}

impl Generator for LocalLlm {
    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn price(&self) -> Option<Price> {
        Some(Price { input_per_million: 0.0, output_per_million: 0.0 })
    }

    fn n_tokens(&self, text: &str) -> u64 {
        self.tokenizer.tokens(text).len() as u64
    }

    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        let mut work = Work::new(self, requests);
        loop {
            let mut answers = Vec::new();
            work.fill(observer, &mut answers)?;
            work.take_finished(&mut answers);
            if !answers.is_empty() && sink(answers).is_break() {
                return Ok(());
            }
            if work.is_idle() {
                if work.is_over() {
                    return Ok(());
                }
                // All that was begun has ended with its first token.
                continue;
            }
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            work.step()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use synth_core::Event;
    use synth_generate::{Answer, AnswerForm, Response, Sampling};

    use super::*;
    use crate::tiny::{self, Tiny};

    fn open(tiny: &Tiny, batch: usize) -> LocalLlm {
        let file = tiny::file(tiny);
        let settings = LocalLlmSettings::of(ModelSource::Path(file.path().to_owned()));
        LocalLlm::open(&LocalLlmSettings { batch, ..settings }, &mut |_| {}).unwrap()
    }

    fn prompt(user: &str) -> Prompt {
        Prompt { system: String::new(), user: user.into(), form: AnswerForm::Text }
    }

    fn request(user: &str, n_choices: u32, max_tokens: u32, seed: u64) -> Request {
        let sampling = Sampling { temperature: 1.5, top_p: 0.98, ..Sampling::default() };
        Request { input: Input::Prompt(prompt(user)), n_choices, max_tokens, sampling, seed }
    }

    type Outcome = Result<Response, String>;

    /// What each request came to, in their order, and the order in which they came.
    fn answers(model: &LocalLlm, requests: &[Request]) -> (Vec<Outcome>, Vec<usize>) {
        let (mut outcomes, mut order) = (vec![Err("no answer".to_owned()); requests.len()], Vec::new());
        let generated = model.generate(requests, &Silent, &mut |answers| {
            for Answer { request, result } in answers {
                order.push(request);
                outcomes[request] =
                    result.map_err(|error| std::error::Error::source(&error).unwrap_or(&error).to_string());
            }
            ControlFlow::Continue(())
        });
        generated.unwrap();
        (outcomes, order)
    }

    #[test]
    fn neither_the_batch_nor_other_requests_change_an_answer() {
        let requests = [
            request("hello", 3, 20, 1),
            Request { sampling: Sampling::greedy(), ..request("a longer prompt than the others", 2, 9, 1) },
            request("hello", 1, 30, 2),
            Request {
                sampling: Sampling { top_k: Some(5), repetition_penalty: 1.3, ..Sampling::default() },
                ..request("x", 4, 12, 3)
            },
        ];
        let alone = open(&Tiny::default(), 1);
        let expected: Vec<Outcome> =
            requests.iter().flat_map(|one| answers(&alone, std::slice::from_ref(one)).0).collect();
        for batch in [1, 2, 3, 16] {
            let (outcomes, order) = answers(&open(&Tiny::default(), batch), &requests);
            assert_eq!(outcomes, expected, "{batch} at once");
            assert_eq!(order.len(), 4);
        }
        let choices = &expected[0].as_ref().unwrap().choices;
        assert!(choices[0] != choices[1] && choices[1] != choices[2], "{choices:?}");
        let greedy = &expected[1].as_ref().unwrap().choices;
        assert_eq!(greedy[0], greedy[1]);
        // A choice is the same, however many there are.
        let fewer = answers(&alone, &[request("hello", 2, 20, 1)]).0;
        assert_eq!(fewer[0].as_ref().unwrap().choices, choices[..2]);
    }

    #[test]
    fn answers_end_where_the_model_ends_them() {
        let sampling = Sampling { temperature: 50.0, top_p: 1.0, ..Sampling::default() };
        let request = Request { sampling, ..request("hello", 20, 60, 9) };
        let (outcomes, _) = answers(&open(&Tiny::default(), 16), &[request]);
        let response = outcomes[0].as_ref().unwrap();
        // At this temperature all 263 tokens are about equally probable, and two of them end an answer.
        let used = response.usage.completion_tokens;
        assert!((20 * 20..20 * 58).contains(&used), "{used}");
        assert!(response.choices.iter().all(|choice| !choice.contains("<|im_end|>")));
    }

    #[test]
    fn usage_is_counted() {
        let model = open(&Tiny::default(), 4);
        let text = model.prompt_text(&prompt("hello")).unwrap();
        assert_eq!(text, "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
        let request = Request { sampling: Sampling::greedy(), ..request("hello", 3, 4, 0) };
        let usage = answers(&model, &[request]).0[0].as_ref().unwrap().usage;
        // The prompt once, though there are three choices.
        assert_eq!(usage.prompt_tokens, model.n_tokens(&text));
        assert_eq!(usage.completion_tokens, 12);
        assert_eq!(model.price().unwrap().of(usage), 0);
    }

    #[test]
    fn greedy_answers_are_the_most_probable_tokens() {
        let model = open(&Tiny::default(), 4);
        let tokens = model.tokenize(&model.prompt_text(&prompt("hello")).unwrap());
        let greedy = model.greedy(&tokens, 8).unwrap();
        assert!(greedy.iter().all(|token| token.gap >= 0.0));
        let taken: Vec<u32> = greedy.iter().map(|token| token.token).collect();
        let request = Request { sampling: Sampling::greedy(), ..request("hello", 1, 8, 0) };
        assert_eq!(answers(&model, &[request]).0[0].as_ref().unwrap().choices, [model.detokenize(&taken)]);
        let error = model.greedy(&[999_999], 1).unwrap_err().to_string();
        assert_eq!(error, "`tokens` is 999999, expected tokens of the model");
        assert_eq!(model.greedy(&[], 1).unwrap_err().to_string(), "`prompt` is empty, expected some text");
    }

    #[test]
    fn a_request_that_cannot_be_answered_stops_no_other() {
        let model = open(&Tiny { context: 64, ..Tiny::default() }, 4);
        let text = Input::Text { text: "x".into(), others: Vec::new() };
        let top_p = Sampling { top_p: 2.0, ..Sampling::default() };
        let requests = [
            request("hello", 1, 64, 0),
            Request { input: text, ..request("", 1, 1, 0) },
            request("hello", 1, 3, 0),
            Request { sampling: top_p, ..request("hello", 1, 3, 0) },
            request("hello", 0, 3, 0),
            request("hello", 1, 0, 0),
        ];
        let (outcomes, _) = answers(&model, &requests);
        let n = model.tokenize(&model.prompt_text(&prompt("hello")).unwrap()).len();
        let expected = format!("{n} tokens of prompt and 64 of answer do not fit into a context of 64");
        assert_eq!(outcomes[0], Err(expected));
        assert!(outcomes[1].as_ref().unwrap_err().ends_with("cannot change texts"));
        assert!(outcomes[2].is_ok());
        assert_eq!(outcomes[3], Err("`top_p` is 2, expected above 0, up to 1".into()));
        assert_eq!(outcomes[4], Err("`n_choices` is 0, expected 1 or more".into()));
        assert_eq!(outcomes[5], Err("`max_tokens` is 0, expected 1 or more".into()));
    }

    /// Asks to stop when asked for the nth time.
    struct Impatient(AtomicUsize);

    impl Observer for Impatient {
        fn event(&self, _: Event) {}

        fn cancelled(&self) -> bool {
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
        }
    }

    #[test]
    fn it_stops_between_tokens() {
        let model = open(&Tiny::default(), 1);
        let greedy = |max_tokens| Request { sampling: Sampling::greedy(), ..request("hello", 1, max_tokens, 0) };
        // Asked once before the prompt, then before each token but the first.
        for (patience, expected) in [(0, 0), (1, 0), (4, 0), (5, 1), (8, 1)] {
            let mut seen = 0;
            let observer = Impatient(AtomicUsize::new(patience));
            let result = model.generate(&[greedy(5), greedy(50)], &observer, &mut |answers| {
                seen += answers.len();
                ControlFlow::Continue(())
            });
            assert!(matches!(result, Err(GenerateError::Cancelled)), "{patience}");
            assert_eq!(seen, expected, "{patience}");
        }
        let mut seen = 0;
        let result = model.generate(&[greedy(2), greedy(2), greedy(2)], &Silent, &mut |answers| {
            seen += answers.len();
            ControlFlow::Break(())
        });
        assert!(result.is_ok());
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_fingerprint_is_that_of_the_file() {
        let [one, copy, other] = [Tiny::default(), Tiny::default(), Tiny { untied: true, ..Tiny::default() }]
            .map(|tiny| open(&tiny, 1).fingerprint());
        assert_eq!(one, copy);
        assert_ne!(one, other);
        let hash = blake3::hash(&tiny::bytes(&Tiny::default()));
        assert_eq!(one, format!("local-llm/1 llama blake3:{hash}"));
    }

    #[test]
    fn the_template_of_the_file_is_used() {
        let template = Some("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}answer:");
        let model = open(&Tiny { template, ..Tiny::default() }, 1);
        let prompt = Prompt { system: "be brief".into(), ..prompt("hello") };
        assert_eq!(model.prompt_text(&prompt).unwrap(), "system: be brief\nuser: hello\nanswer:");
    }

    #[test]
    fn settings_are_checked() {
        let settings = LocalLlmSettings::of(ModelSource::Path("no/such.gguf".into()));
        let error = LocalLlm::open(&LocalLlmSettings { batch: 0, ..settings.clone() }, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "`batch` is 0, expected 1 or more");
        let error = LocalLlm::open(&settings, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "there are no weights at `no/such.gguf`");
        assert!(error.hints()[1].contains("SmolLM2"));
    }

    #[test]
    fn a_model_is_shared_between_threads() {
        fn is<T: Send + Sync>() {}
        is::<LocalLlm>();
        is::<NeuralError>();
        is::<LocalLlmSettings>();
    }
}
