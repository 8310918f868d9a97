//! A model of a few kilobytes with random weights, in the layout of a real file, for tests.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::NamedTempFile;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

pub(crate) const HIDDEN: usize = 64;
pub(crate) const N_HEADS: usize = 4;
pub(crate) const N_LAYERS: usize = 2;
const N_KV_HEADS: usize = 2;
const FEED: usize = 96;

/// The token that ends a turn.
pub(crate) const END: u32 = 2;
const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MERGES: [(&str, &str); 4] = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o")];

/// What differs from the ordinary.
pub(crate) struct Tiny {
    pub(crate) architecture: &'static str,
    pub(crate) pre: &'static str,
    pub(crate) template: Option<&'static str>,
    pub(crate) context: u32,
    pub(crate) adds_bos: bool,
    pub(crate) scaled: bool,
    pub(crate) untied: bool,
    /// The name of a tensor too many.
    pub(crate) extra: Option<&'static str>,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            architecture: "llama",
            pre: "smollm",
            template: None,
            context: 256,
            adds_bos: false,
            scaled: false,
            untied: false,
            extra: None,
        }
    }
}

fn tokens() -> Vec<String> {
    let mut bytes: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    bytes.sort_unstable();
    let bytes = bytes.into_iter().map(String::from);
    let merged = MERGES.iter().map(|(left, right)| format!("{left}{right}"));
    CONTROL.iter().map(|&token| token.to_owned()).chain(bytes).chain(merged).collect()
}

pub(crate) fn n_vocab() -> usize {
    tokens().len()
}

/// The number of a token.
pub(crate) fn id(token: &str) -> u32 {
    tokens().iter().position(|known| known == token).expect("a token") as u32
}

/// The file, in a temporary one.
pub(crate) fn file(tiny: &Tiny) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".gguf").expect("a temporary file");
    file.write_all(&bytes(tiny)).expect("written");
    file
}

/// The file as bytes, the same each time.
pub(crate) fn bytes(tiny: &Tiny) -> Vec<u8> {
    let strings = |all: Vec<String>| Value::Array(all.into_iter().map(Value::String).collect());
    let n = n_vocab();
    let mut metadata: BTreeMap<&str, Value> = BTreeMap::from([
        ("general.architecture", Value::String(tiny.architecture.into())),
        ("llama.block_count", Value::U32(N_LAYERS as u32)),
        ("llama.context_length", Value::U32(tiny.context)),
        ("llama.embedding_length", Value::U32(HIDDEN as u32)),
        ("llama.feed_forward_length", Value::U32(FEED as u32)),
        ("llama.attention.head_count", Value::U32(N_HEADS as u32)),
        ("llama.attention.head_count_kv", Value::U32(N_KV_HEADS as u32)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String(tiny.pre.into())),
        ("tokenizer.ggml.tokens", strings(tokens())),
        ("tokenizer.ggml.token_type", Value::Array((0..n).map(|at| Value::I32(if at < 3 { 3 } else { 1 })).collect())),
        ("tokenizer.ggml.merges", strings(MERGES.iter().map(|(left, right)| format!("{left} {right}")).collect())),
        ("tokenizer.ggml.bos_token_id", Value::U32(1)),
        ("tokenizer.ggml.eos_token_id", Value::U32(END)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(tiny.adds_bos)),
    ]);
    if let Some(template) = tiny.template {
        metadata.insert("tokenizer.chat_template", Value::String(template.into()));
    }
    if tiny.scaled {
        metadata.insert("llama.rope.scaling.type", Value::String("yarn".into()));
    }
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut tensors: Vec<(String, QTensor)> = Vec::new();
    let mut matrix = |name: String, n: usize, k: usize, dtype| {
        // Large enough that some tokens are much more probable than others.
        let numbers: Vec<f32> = (0..n * k).map(|_| random.random_range(-0.3..0.3)).collect();
        let tensor = Tensor::from_vec(numbers, (n, k), &Device::Cpu).expect("a tensor");
        tensors.push((name, QTensor::quantize(&tensor, dtype).expect("blocks")));
    };
    matrix("token_embd.weight".into(), n, HIDDEN, GgmlDType::Q8_0);
    if tiny.untied {
        matrix("output.weight".into(), n, HIDDEN, GgmlDType::Q8_0);
    }
    if let Some(name) = tiny.extra {
        matrix(name.into(), 1, HIDDEN, GgmlDType::F32);
    }
    let kv = HIDDEN / N_HEADS * N_KV_HEADS;
    for layer in 0..N_LAYERS {
        let mut matrix = |name: &str, n, k, dtype| matrix(format!("blk.{layer}.{name}.weight"), n, k, dtype);
        matrix("attn_q", HIDDEN, HIDDEN, GgmlDType::Q4_1);
        matrix("attn_k", kv, HIDDEN, GgmlDType::Q4_1);
        matrix("attn_v", kv, HIDDEN, GgmlDType::Q5_0);
        matrix("attn_output", HIDDEN, HIDDEN, GgmlDType::Q4_0);
        matrix("ffn_gate", FEED, HIDDEN, GgmlDType::Q4_1);
        matrix("ffn_up", FEED, HIDDEN, GgmlDType::Q8_0);
        matrix("ffn_down", HIDDEN, FEED, GgmlDType::F16);
    }
    let norms =
        (0..N_LAYERS).flat_map(|layer| ["attn_norm", "ffn_norm"].map(|norm| format!("blk.{layer}.{norm}.weight")));
    for name in norms.chain(["output_norm.weight".into()]) {
        let ones = Tensor::from_vec(vec![1f32; HIDDEN], HIDDEN, &Device::Cpu).expect("a tensor");
        tensors.push((name, QTensor::quantize(&ones, GgmlDType::F32).expect("blocks")));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut bytes = Cursor::new(Vec::new());
    write(&mut bytes, &metadata, &tensors).expect("written");
    bytes.into_inner()
}
