//! Models that run in the process: a local language model, sentence embeddings.
//!
//! ```no_run
//! use synth_generate::Generator;
//! use synth_neural::{LocalLlm, LocalLlmSettings, ModelSource};
//!
//! let model = LocalLlm::open(&LocalLlmSettings::of(ModelSource::Path("SmolLM2.gguf".into())), &mut |_| {})?;
//! assert_eq!(model.detokenize(&model.tokenize("so good")), "so good");
//! assert_eq!(model.n_tokens("so good"), 2);
//! # Ok::<(), synth_neural::NeuralError>(())
//! ```
//!
//! In the order in which they come into play:
//!
//! - [`HubModel`]: weights from the Hugging Face hub, kept in a cache.
//! - [`LocalLlmSettings`], [`ModelSource`]: which model, and how much of it at once.
//! - [`LocalLlm`]: the model, a [`Generator`](synth_generate::Generator).
//! - [`ModelFolder`], [`SentenceEmbedderSettings`], [`SentenceEmbedder`]: texts as points, an
//!   [`Embed`](synth_core::Embed).
//! - [`NeuralError`]: what can go wrong.
//!
//! Known are models of the llama architecture with the tokenizer of SmolLM2, in any of the blocks that candle
//! computes with (F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K). Others are refused by name.

mod chat;
mod clip;
mod clip_text;
mod dense;
mod device;
mod diffusion;
mod dinov2;
mod error;
mod gguf;
mod hub;
mod inception;
mod linear;
mod llama;
mod local_llm;
mod marian;
mod model_folder;
mod parallel;
mod picture_generator;
mod sampling;
mod sentence_embedder;
mod sentence_piece;
#[cfg(test)]
mod tiny;
mod tokenizer;
mod transformer;
mod translator;
mod vectors;
mod vision;
mod weights;

pub use clip::{Clip, ClipZeroShot};
pub use device::{Device, NoDevice};
pub use diffusion::{Diffusion, DiffusionSampler, PictureRequest};
pub use dinov2::Dinov2;
pub use error::NeuralError;
pub use hub::{Download, HubModel, HubToken, OnDownload};
pub use inception::Inception;
pub use local_llm::{GreedyToken, LocalLlm, LocalLlmSettings, ModelSource};
pub use model_folder::ModelFolder;
pub use picture_generator::PictureGenerator;
pub use sentence_embedder::{SentenceEmbedder, SentenceEmbedderSettings};
pub use translator::{Translator, TranslatorSettings};
