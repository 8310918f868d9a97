//! A client of servers that speak the chat protocol of OpenAI: OpenAI itself, vLLM, llama.cpp, Ollama, LM Studio.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//!
//! use synth_core::Silent;
//! use synth_generate::{AnswerForm, Generator, Input, Prompt, Request, Sampling};
//! use synth_llm::{OpenAi, OpenAiSettings};
//!
//! let settings = OpenAiSettings { base_url: "http://localhost:8000/v1".into(), ..OpenAiSettings::new("llama-3.2-1b") };
//! let client = OpenAi::new(settings)?;
//! let request = Request {
//!     input: Input::Prompt(Prompt { system: String::new(), user: "Name a bird.".into(), form: AnswerForm::Text }),
//!     n_choices: 1,
//!     max_tokens: 20,
//!     sampling: Sampling::default(),
//!     seed: 1,
//! };
//! let mut answers = Vec::new();
//! client.generate(&[request], &Silent, &mut |more| {
//!     answers.extend(more);
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(answers.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! - [`OpenAiSettings`], [`Secret`]: where the server is, and what it may be asked for.
//! - [`OpenAi`]: the client, a [`Generator`](synth_generate::Generator).
//! - [`LlmError`]: what can go wrong, as the source of a
//!   [`GenerateError::Generator`](synth_generate::GenerateError::Generator).
//!
//! # What it does by itself
//!
//! - *Pace.* The number of calls in flight halves where the server answers 429 or 503 or lets a call time out, and
//!   grows again by one for each window of successes. `Retry-After` is kept to, by all calls. Limits a minute are
//!   never exceeded, where they are set.
//! - *Retries.* 408, 429, 500, 502, 503, 504, connections that break and answers that are cut off are tried again;
//!   what cannot get better is not. A refused key, an unknown model, a redirect, an account without money or a server
//!   that is down ends the run.
//! - *Fallbacks.* Structured answers are asked for as `json_schema`, then as `json_object` with a schema, then as
//!   plain text; `max_tokens` becomes `max_completion_tokens`, several choices become several calls, and settings
//!   beside the protocol are left out, where the server will not have them. What worked is remembered for the life of
//!   the client.
//!
//! # What may be paid twice
//!
//! A call that is in flight when the process dies, or when the sink or the observer asks to stop, may be billed without
//! its answer being seen; so may one that timed out or whose answer was cut off.

mod call;
mod client;
mod dialect;
mod error;
mod form;
mod gate;
mod rate;
mod retry;
mod secret;
mod settings;
mod transport;
mod wire;

pub use client::OpenAi;
pub use error::LlmError;
pub use secret::Secret;
pub use settings::OpenAiSettings;
