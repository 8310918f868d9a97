//! What a prompt means to the network: CLIP's text encoder (Radford et al. 2021, Learning transferable visual models from
//! natural language supervision).
//!
//! Own code on candle's layers, as the settings of candle's own can only be those of four known models, and its `gelu` is
//! an approximation that the models of Stability AI were not trained with.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, VarBuilder, embedding, layer_norm};
use serde::Deserialize;
use synth_core::BoxError;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use crate::NeuralError;
use crate::hub::OnDownload;
use crate::model_folder::{ModelFolder, read, read_json};
use crate::transformer::{Act, CLIP_LAYER, TransformerLayer, TransformerSizes};

/// The sizes of a text encoder, by the names that transformers gives them.
#[derive(Debug, Deserialize)]
pub(crate) struct TextConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) max_position_embeddings: usize,
    #[serde(default)]
    pub(crate) hidden_act: Act,
    #[serde(default = "epsilon")]
    pub(crate) layer_norm_eps: f64,
}

fn epsilon() -> f64 {
    1e-5
}

impl TextConfig {
    /// Whether there is such an encoder.
    pub(crate) fn check(&self, path: &Path) -> std::result::Result<(), NeuralError> {
        let heads = self.num_attention_heads;
        if self.max_position_embeddings < 3 || heads == 0 || !self.hidden_size.is_multiple_of(heads) {
            let source = "its heads do not share its numbers, or it has no room for a prompt".into();
            return Err(NeuralError::ModelFile { path: path.to_owned(), source });
        }
        Ok(())
    }
}

/// From prompts to numbers of tokens.
pub(crate) struct ClipTokenizer {
    tokenizer: Tokenizer,
    begin: u32,
    end: u32,
    pad: u32,
    length: usize,
}

/// `special_tokens_map.json`: texts, or objects that hold one.
#[derive(Deserialize)]
struct Special {
    pad_token: serde_json::Value,
}

const BEGIN: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

impl ClipTokenizer {
    /// Of files whose names begin with `prefix`; `length` is that of all prompts, in tokens.
    pub(crate) fn open(
        folder: &ModelFolder,
        prefix: &str,
        length: usize,
        on_download: &mut OnDownload<'_>,
    ) -> std::result::Result<Self, NeuralError> {
        let path = folder.file(&format!("{prefix}vocab.json"), on_download)?;
        let vocabulary: BTreeMap<String, u32> = read_json(&path)?;
        let merges_path = folder.file(&format!("{prefix}merges.txt"), on_download)?;
        let merges = String::from_utf8_lossy(&read(&merges_path)?).into_owned();
        let special: Special = read_json(&folder.file(&format!("{prefix}special_tokens_map.json"), on_download)?)?;
        let damaged = |path: &Path, source: BoxError| NeuralError::ModelFile { path: path.to_owned(), source };
        let number = |token: &str| {
            vocabulary.get(token).copied().ok_or_else(|| damaged(&path, format!("it has no `{token}`").into()))
        };
        let pad_token = special.pad_token.as_str().or_else(|| special.pad_token["content"].as_str()).unwrap_or(END);
        let (begin, end, pad) = (number(BEGIN)?, number(END)?, number(pad_token)?);
        // The first line names a version.
        let pairs = merges.lines().filter(|line| !line.starts_with("#version")).filter_map(|line| line.split_once(' '));
        let pairs = pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let tokenizer =
            tokenizer(vocabulary.clone(), pairs, pad_token).map_err(|source| damaged(&merges_path, source))?;
        Ok(Self { tokenizer, begin, end, pad, length })
    }

    /// The place of the token that ends a prompt, at which CLIP looks.
    pub(crate) fn end(&self, tokens: &[u32]) -> usize {
        tokens.iter().position(|token| *token == self.end).unwrap_or(0)
    }

    /// As many tokens as every prompt has: what begins it, its own, as many as fit, what ends it, and what pads.
    pub(crate) fn tokens(&self, prompt: &str) -> std::result::Result<Vec<u32>, BoxError> {
        let encoding = self.tokenizer.encode_fast(prompt, false)?;
        let mut tokens = vec![self.begin];
        tokens.extend(encoding.get_ids().iter().take(self.length - 2));
        tokens.push(self.end);
        tokens.resize(self.length, self.pad);
        Ok(tokens)
    }
}

fn tokenizer(
    vocabulary: BTreeMap<String, u32>,
    merges: Vec<(String, String)>,
    pad: &str,
) -> std::result::Result<Tokenizer, BoxError> {
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
        .end_of_word_suffix("</w>".into())
        .unk_token(END.into())
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(NormalizerWrapper::Sequence(Normalizers::new(vec![
        NormalizerWrapper::NFC(NFC),
        NormalizerWrapper::Replace(Replace::new(
            tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()),
            " ",
        )?),
        NormalizerWrapper::Lowercase(Lowercase),
    ]))))?;
    let words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
    let split = Split::new(SplitPattern::Regex(words.into()), SplitDelimiterBehavior::Removed, true)?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(PreTokenizers::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
    ]))));
    // What pads is never a part of a word: of Stable Diffusion 2 it is an exclamation mark.
    tokenizer.add_special_tokens([BEGIN, END, pad].map(|token| AddedToken::from(token, true)))?;
    Ok(tokenizer)
}

/// Vectors of the tokens of a prompt, each `[tokens, d]`.
pub(crate) struct TextStates {
    /// What goes into the last layer.
    pub(crate) before_last: Tensor,
    /// What comes out of it, behind the norm.
    pub(crate) last: Tensor,
}

/// From tokens to vectors.
pub(crate) struct ClipText {
    tokens: Embedding,
    positions: Embedding,
    layers: Vec<TransformerLayer>,
    norm: LayerNorm,
}

impl ClipText {
    pub(crate) fn new(weights: VarBuilder<'_>, config: &TextConfig) -> Result<Self> {
        let weights = weights.pp("text_model");
        let d = config.hidden_size;
        let embeddings = weights.pp("embeddings");
        let sizes = TransformerSizes {
            d,
            wide: config.intermediate_size,
            heads: config.num_attention_heads,
            epsilon: config.layer_norm_eps,
            act: config.hidden_act,
        };
        let layer = |at: usize| TransformerLayer::new(&weights.pp("encoder.layers").pp(at), sizes, &CLIP_LAYER);
        Ok(Self {
            tokens: embedding(config.vocab_size, d, embeddings.pp("token_embedding"))?,
            positions: embedding(config.max_position_embeddings, d, embeddings.pp("position_embedding"))?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            norm: layer_norm(d, config.layer_norm_eps, weights.pp("final_layer_norm"))?,
        })
    }

    pub(crate) fn states(&self, tokens: &[u32], device: &Device) -> Result<TextStates> {
        let n = tokens.len();
        let positions = Tensor::arange(0, n as u32, device)?;
        let embedded = self.tokens.forward(&Tensor::new(tokens, device)?)?;
        let mut x = (embedded + self.positions.forward(&positions)?)?;
        // Each token sees those before it.
        let mask: Vec<f32> =
            (0..n).flat_map(|i| (0..n).map(move |j| if j > i { f32::NEG_INFINITY } else { 0.0 })).collect();
        let mask = Tensor::from_vec(mask, (n, n), device)?.to_dtype(x.dtype())?;
        let mut before_last = x.clone();
        for layer in &self.layers {
            let after = layer.forward(&x, Some(&mask))?;
            before_last = std::mem::replace(&mut x, after);
        }
        Ok(TextStates { before_last, last: self.norm.forward(&x)? })
    }
}
