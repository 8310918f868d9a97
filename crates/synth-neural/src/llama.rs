//! The llama architecture on quantised weights: what a sequence of tokens makes probable next.
//!
//! Touvron et al. (2023), LLaMA; with grouped-query attention (Ainslie et al. 2023, GQA), rotary positions
//! (Su et al. 2021, RoFormer, pairs of neighbours as in llama.cpp), RMS norms and gated feed-forward layers.
//!
//! Own code on candle's quantised blocks, as candle's `quantized_llama` keeps its cache to itself and has one
//! position for a whole batch. Here each sequence has a cache of its own, of whatever length: a batch needs no
//! padding and no mask, as each token attends to exactly its own past.

use std::sync::Arc;

use crate::NeuralError;
use crate::gguf::{Gguf, Value};
use crate::linear::{Linear, numbers};
use crate::parallel::each;
use crate::vectors::{add, attend};

/// The architectures that are known, as GGUF files name them.
const KNOWN: &str = "llama";

const OUTPUT: &str = "output.weight";

/// Weights, which do not change.
pub(crate) struct Llama {
    shape: Shape,
    embedding: Linear,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `None` where the embedding is the output, too.
    output: Option<Linear>,
    /// How far each pair of numbers turns from one position to the next, in radians.
    turns: Vec<f64>,
}

/// Sizes of a model.
#[derive(Debug, Clone, Copy)]
struct Shape {
    hidden: usize,
    n_heads: usize,
    n_kv_heads: usize,
    head: usize,
    epsilon: f64,
    context: usize,
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    feed_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// Keys and values of some tokens, of each layer.
#[derive(Default)]
pub(crate) struct Cache {
    /// Each `[tokens, kv heads * head]`.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    n_tokens: usize,
}

/// Tokens that a model has seen: perhaps some that other sequences begin with, too, then its own.
pub(crate) struct Sequence {
    shared: Option<Arc<Cache>>,
    own: Cache,
}

/// Tokens that come next in a sequence.
pub(crate) struct Run<'a> {
    pub(crate) sequence: &'a mut Sequence,
    pub(crate) tokens: &'a [u32],
}

impl Llama {
    pub(crate) fn of(gguf: &mut Gguf) -> Result<Self, NeuralError> {
        let architecture = gguf.need("general.architecture", Value::string)?;
        if architecture != KNOWN {
            let got = architecture.to_owned();
            return Err(NeuralError::Architecture { path: gguf.path().to_owned(), got, known: KNOWN });
        }
        let size = |key: &str| gguf.need(&format!("llama.{key}"), Value::size);
        let (hidden, n_layers, feed) = (size("embedding_length")?, size("block_count")?, size("feed_forward_length")?);
        let (n_heads, context) = (size("attention.head_count")?, size("context_length")?);
        let n_kv_heads = if gguf.get("llama.attention.head_count_kv").is_some() {
            size("attention.head_count_kv")?
        } else {
            n_heads
        };
        let epsilon = gguf.need("llama.attention.layer_norm_rms_epsilon", Value::float)?;
        let base = gguf.get("llama.rope.freq_base").and_then(Value::float).unwrap_or(10_000.0);
        if n_heads == 0 || n_kv_heads == 0 || !hidden.is_multiple_of(n_heads) || !n_heads.is_multiple_of(n_kv_heads) {
            return Err(gguf.damaged(format!("{n_heads} and {n_kv_heads} heads do not share {hidden} numbers")));
        }
        let head = hidden / n_heads;
        if gguf.get("llama.rope.dimension_count").and_then(Value::size).is_some_and(|n| n != head) || head % 2 == 1 {
            return Err(gguf.unsupported("rotary positions on a part of a head"));
        }
        let scaling = gguf.get("llama.rope.scaling.type").and_then(Value::string);
        if let Some(scaling) = scaling.filter(|scaling| *scaling != "none") {
            return Err(gguf.unsupported(format!("scaled rotary positions ({scaling})")));
        }
        let n_vocab = gguf.need("tokenizer.ggml.tokens", Value::array)?.len();
        let kv = n_kv_heads * head;

        if [hidden, feed, n_vocab, n_layers].contains(&0) {
            return Err(gguf.damaged("one of its sizes is 0"));
        }

        let mut tensors = Tensors { gguf, taken: Vec::new() };
        let embedding = tensors.matrix("token_embd.weight".into(), n_vocab, hidden)?;
        let mut layers = Vec::new();
        for at in 0..n_layers {
            let named = |name: &str| format!("blk.{at}.{name}.weight");
            layers.push(Layer {
                attention_norm: tensors.vector(named("attn_norm"), hidden)?,
                query: tensors.matrix(named("attn_q"), hidden, hidden)?,
                key: tensors.matrix(named("attn_k"), kv, hidden)?,
                value: tensors.matrix(named("attn_v"), kv, hidden)?,
                attention_out: tensors.matrix(named("attn_output"), hidden, hidden)?,
                feed_norm: tensors.vector(named("ffn_norm"), hidden)?,
                gate: tensors.matrix(named("ffn_gate"), feed, hidden)?,
                up: tensors.matrix(named("ffn_up"), feed, hidden)?,
                down: tensors.matrix(named("ffn_down"), hidden, feed)?,
            });
        }
        let norm = tensors.vector("output_norm.weight".into(), hidden)?;
        let output =
            if tensors.gguf.has_tensor(OUTPUT) { Some(tensors.matrix(OUTPUT.into(), n_vocab, hidden)?) } else { None };
        tensors.check_all_taken()?;
        let turns = (0..head / 2).map(|pair| base.powf(-2.0 * pair as f64 / head as f64)).collect();
        let shape = Shape { hidden, n_heads, n_kv_heads, head, epsilon, context };
        Ok(Self { shape, embedding, layers, norm, output, turns })
    }

    /// Tokens that the model was trained to see at once.
    pub(crate) fn context(&self) -> usize {
        self.shape.context
    }

    /// How many tokens there are to choose from.
    pub(crate) fn n_vocab(&self) -> usize {
        self.embedding.n_rows()
    }

    /// Appends tokens to sequences; for each sequence, how probable each token is to come next, as logits.
    ///
    /// What comes out for a sequence depends on its tokens alone, bit for bit: not on the other sequences, nor on
    /// how its tokens were divided among calls.
    ///
    /// # Shapes
    /// The result: `[runs, vocabulary]`.
    pub(crate) fn forward(&self, runs: &mut [Run<'_>]) -> Result<Vec<f32>, NeuralError> {
        let tokens: Vec<u32> = runs.iter().flat_map(|run| run.tokens).copied().collect();
        // For each token the run it belongs to, and how many tokens of its sequence it sees, itself included.
        let mut places = Vec::with_capacity(tokens.len());
        for (at, run) in runs.iter().enumerate() {
            let before = run.sequence.len();
            places.extend((1..=run.tokens.len()).map(|n| (at, before + n)));
        }
        let rotations: Vec<Vec<(f32, f32)>> = places.iter().map(|&(_, seen)| self.rotation(seen - 1)).collect();
        let mut states = self.embedding.rows(&tokens)?;
        for (at, layer) in self.layers.iter().enumerate() {
            let normed = self.normed(&states, &layer.attention_norm);
            let mut queries = layer.query.times(&normed)?;
            let (mut keys, values) = (layer.key.times(&normed)?, layer.value.times(&normed)?);
            self.rotate(&mut queries, &rotations);
            self.rotate(&mut keys, &rotations);
            let mut row = 0;
            let width = self.shape.n_kv_heads * self.shape.head;
            for run in runs.iter_mut() {
                let own = row * width..(row + run.tokens.len()) * width;
                run.sequence.own.append(at, &keys[own.clone()], &values[own]);
                row += run.tokens.len();
            }
            let attended = self.attend(at, &queries, runs, &places);
            add(&mut states, &layer.attention_out.times(&attended)?);

            let normed = self.normed(&states, &layer.feed_norm);
            let (mut gates, ups) = (layer.gate.times(&normed)?, layer.up.times(&normed)?);
            let width = layer.gate.n_rows();
            each(gates.chunks_mut(width).zip(ups.chunks(width)).collect(), |(gates, ups)| {
                gates.iter_mut().zip(ups).for_each(|(gate, up)| *gate = *gate / (1.0 + (-*gate).exp()) * up);
            });
            add(&mut states, &layer.down.times(&gates)?);
        }
        // Only the last token of a run tells what comes next.
        let mut last = Vec::with_capacity(runs.len() * self.shape.hidden);
        let mut end = 0;
        for run in runs.iter_mut() {
            end += run.tokens.len();
            last.extend_from_slice(&states[(end - 1) * self.shape.hidden..end * self.shape.hidden]);
            run.sequence.own.n_tokens += run.tokens.len();
        }
        self.output.as_ref().unwrap_or(&self.embedding).times(&self.normed(&last, &self.norm))
    }

    /// Root-mean-square norm of each row.
    fn normed(&self, rows: &[f32], weights: &[f32]) -> Vec<f32> {
        let mut normed = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(self.shape.hidden) {
            let squares: f64 = row.iter().map(|&x| f64::from(x * x)).sum();
            let scale = (1.0 / (squares / row.len() as f64 + self.shape.epsilon).sqrt()) as f32;
            normed.extend(row.iter().zip(weights).map(|(x, weight)| x * scale * weight));
        }
        normed
    }

    /// Cosine and sine by which each pair of numbers turns at a position.
    fn rotation(&self, position: usize) -> Vec<(f32, f32)> {
        let of = |turn: &f64| {
            let (sin, cos) = (position as f64 * turn).sin_cos();
            (cos as f32, sin as f32)
        };
        self.turns.iter().map(of).collect()
    }

    /// Turns each head of each row by its position.
    fn rotate(&self, rows: &mut [f32], rotations: &[Vec<(f32, f32)>]) {
        let width = rows.len() / rotations.len();
        for (row, rotation) in rows.chunks_exact_mut(width).zip(rotations) {
            for head in row.chunks_exact_mut(self.shape.head) {
                for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(rotation) {
                    let (x, y) = (pair[0], pair[1]);
                    pair[0] = x * cos - y * sin;
                    pair[1] = x * sin + y * cos;
                }
            }
        }
    }

    /// For each query the mean of the values it sees, weighed by how well their keys match it.
    fn attend(&self, layer: usize, queries: &[f32], runs: &[Run<'_>], places: &[(usize, usize)]) -> Vec<f32> {
        let Shape { n_heads, n_kv_heads, head, .. } = self.shape;
        let mut attended = vec![0.0; queries.len()];
        // Heads that share keys lie side by side: one unit of work.
        let group = n_heads / n_kv_heads * head;
        let units = attended.chunks_exact_mut(group).zip(queries.chunks_exact(group)).enumerate();
        each(units.collect(), |(unit, (attended, queries))| {
            let (run, seen) = places[unit / n_kv_heads];
            let from = unit % n_kv_heads * head;
            let past = || runs[run].sequence.past(layer, n_kv_heads * head).take(seen);
            for (attended, query) in attended.chunks_exact_mut(head).zip(queries.chunks_exact(head)) {
                attend(attended, query, || {
                    past().map(|(key, value)| (&key[from..from + head], &value[from..from + head]))
                });
            }
        });
        attended
    }
}

/// The tensors of a file, and which of them have been taken.
struct Tensors<'a> {
    gguf: &'a mut Gguf,
    taken: Vec<String>,
}

impl Tensors<'_> {
    fn matrix(&mut self, name: String, n: usize, k: usize) -> Result<Linear, NeuralError> {
        let tensor = self.gguf.tensor(&name, &[n, k])?;
        self.taken.push(name);
        Ok(Linear::of(tensor))
    }

    fn vector(&mut self, name: String, n: usize) -> Result<Vec<f32>, NeuralError> {
        let tensor = self.gguf.tensor(&name, &[n])?;
        self.taken.push(name);
        numbers(tensor)
    }

    /// A tensor that is left over is part of the computation elsewhere: a bias, an expert, factors of positions.
    fn check_all_taken(&self) -> Result<(), NeuralError> {
        match self.gguf.tensors().find(|name| !self.taken.iter().any(|taken| taken == name)) {
            Some(name) => Err(self.gguf.unsupported(format!("the tensor `{name}`"))),
            None => Ok(()),
        }
    }
}

impl Cache {
    fn append(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        if self.layers.len() <= layer {
            self.layers.resize_with(layer + 1, Default::default);
        }
        self.layers[layer].0.extend_from_slice(keys);
        self.layers[layer].1.extend_from_slice(values);
    }

    /// The key and the value of each token.
    fn of(&self, layer: usize, width: usize) -> impl Iterator<Item = (&[f32], &[f32])> {
        let layer = self.layers.get(layer);
        layer.into_iter().flat_map(move |(keys, values)| keys.chunks_exact(width).zip(values.chunks_exact(width)))
    }
}

impl Sequence {
    /// No token yet.
    pub(crate) fn new() -> Self {
        Self { shared: None, own: Cache::default() }
    }

    /// Goes on where others do.
    pub(crate) fn after(shared: Arc<Cache>) -> Self {
        Self { shared: Some(shared), own: Cache::default() }
    }

    /// What it has seen by itself, to be shared.
    pub(crate) fn into_cache(self) -> Cache {
        self.own
    }

    fn len(&self) -> usize {
        self.shared.as_ref().map_or(0, |cache| cache.n_tokens) + self.own.n_tokens
    }

    fn past(&self, layer: usize, width: usize) -> impl Iterator<Item = (&[f32], &[f32])> {
        self.shared.iter().flat_map(move |cache| cache.of(layer, width)).chain(self.own.of(layer, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{self, Tiny};

    fn model(tiny: &Tiny) -> Llama {
        Llama::of(&mut Gguf::open(tiny::file(tiny).path()).unwrap()).unwrap()
    }

    fn after(model: &Llama, tokens: &[u32]) -> Vec<f32> {
        model.forward(&mut [Run { sequence: &mut Sequence::new(), tokens }]).unwrap()
    }

    #[test]
    fn the_cache_is_the_computation_without_it() {
        let model = model(&Tiny::default());
        let tokens = [3, 7, 1, 12, 5, 5, 9, 30, 2];
        let whole = after(&model, &tokens);
        // Bit for bit, however the tokens are divided.
        for sizes in [vec![1; 9], vec![4, 5], vec![8, 1], vec![2, 3, 4]] {
            let (mut sequence, mut rest, mut last) = (Sequence::new(), &tokens[..], Vec::new());
            for size in sizes {
                let (tokens, more) = rest.split_at(size);
                last = model.forward(&mut [Run { sequence: &mut sequence, tokens }]).unwrap();
                rest = more;
            }
            assert_eq!(last, whole);
        }
    }

    #[test]
    fn a_batch_of_different_lengths_is_each_row_alone() {
        let model = model(&Tiny::default());
        let prompts: [&[u32]; 3] = [&[3, 7, 1, 12], &[9], &[4, 4, 4, 4, 4, 4, 4, 8, 21]];
        let mut sequences: Vec<Sequence> = prompts.iter().map(|_| Sequence::new()).collect();
        let mut runs: Vec<Run<'_>> =
            sequences.iter_mut().zip(prompts).map(|(sequence, tokens)| Run { sequence, tokens }).collect();
        let together = model.forward(&mut runs).unwrap();
        let alone: Vec<f32> = prompts.iter().flat_map(|tokens| after(&model, tokens)).collect();
        assert_eq!(together, alone);
        // And one more token each, every row at a position of its own.
        let next = [[11], [12], [13]];
        let mut runs: Vec<Run<'_>> =
            sequences.iter_mut().zip(&next).map(|(sequence, tokens)| Run { sequence, tokens }).collect();
        let together = model.forward(&mut runs).unwrap();
        let alone: Vec<f32> =
            prompts.iter().zip(next).flat_map(|(tokens, next)| after(&model, &[tokens, &next[..]].concat())).collect();
        assert_eq!(together, alone);
    }

    #[test]
    fn a_shared_prompt_is_a_prompt() {
        let model = model(&Tiny::default());
        let mut prompt = Sequence::new();
        model.forward(&mut [Run { sequence: &mut prompt, tokens: &[3, 7, 1] }]).unwrap();
        let shared = Arc::new(prompt.into_cache());
        for token in [2, 19] {
            let mut sequence = Sequence::after(Arc::clone(&shared));
            let logits = model.forward(&mut [Run { sequence: &mut sequence, tokens: &[token] }]).unwrap();
            assert_eq!(logits, after(&model, &[3, 7, 1, token]));
        }
    }

    #[test]
    fn order_matters_and_the_future_does_not() {
        let model = model(&Tiny::default());
        assert_ne!(after(&model, &[3, 7, 1]), after(&model, &[7, 3, 1]));
        assert_ne!(after(&model, &[3, 7, 1]), after(&model, &[5, 7, 1]));
    }

    #[test]
    fn an_output_of_its_own_is_used() {
        let (tied, untied) = (model(&Tiny::default()), model(&Tiny { untied: true, ..Tiny::default() }));
        assert_ne!(after(&tied, &[3, 7]), after(&untied, &[3, 7]));
        assert_eq!(untied.n_vocab(), tiny::n_vocab());
    }

    #[test]
    fn a_rotation_by_hand() {
        let model = model(&Tiny::default());
        let rotation = model.rotation(2);
        // The first pair turns by one radian a position, the last by the base to the power of (2 - head) / head.
        assert!((rotation[0].0 - 2f32.cos()).abs() < 1e-7 && (rotation[0].1 - 2f32.sin()).abs() < 1e-7);
        let head = tiny::HIDDEN / tiny::N_HEADS;
        let turn = 2.0 * 10_000f32.powf((2.0 - head as f32) / head as f32);
        assert!((rotation[head / 2 - 1].1 - turn.sin()).abs() < 1e-7);
        let mut row = vec![0.0; tiny::HIDDEN];
        (row[0], row[1]) = (1.0, 2.0);
        model.rotate(&mut row, &[rotation]);
        assert!((row[0] - (2f32.cos() - 2.0 * 2f32.sin())).abs() < 1e-6);
        assert!((row[1] - (2f32.sin() + 2.0 * 2f32.cos())).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let refuse = |tiny: Tiny| Llama::of(&mut Gguf::open(tiny::file(&tiny).path()).unwrap()).err().unwrap();
        let error = refuse(Tiny { architecture: "gemma", ..Tiny::default() });
        assert!(error.to_string().ends_with("holds a model of the architecture `gemma`, known is llama"), "{error}");
        assert!(error.hints()[0].contains("SmolLM2"));
        let error = refuse(Tiny { extra: Some("blk.0.attn_q.bias"), ..Tiny::default() });
        assert!(
            error.to_string().ends_with("needs the tensor `blk.0.attn_q.bias`, which is not known here"),
            "{error}"
        );
        let error = refuse(Tiny { scaled: true, ..Tiny::default() });
        assert!(error.to_string().contains("scaled rotary positions (yarn)"), "{error}");
    }
}
