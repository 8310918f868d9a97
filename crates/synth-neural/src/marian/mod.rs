//! The architecture of Marian's translation models: what a sentence and the beginning of its translation make probable
//! next.
//!
//! Junczys-Dowmunt et al. (2018), Marian: Fast Neural Machine Translation in C++; the transformer of Vaswani et al.
//! (2017) with norms after each block, sinusoidal positions and, mostly, one embedding for both languages, as the models
//! of Opus-MT (Tiedemann and Thottingal 2020) have it in the layout of transformers.
//!
//! Own code, as candle's has no mask for what is padded, keeps the keys and values of the sentence before and shows its
//! cache to nobody. Here there is nothing to pad: the vectors of all tokens of a batch stand one below the other, and
//! each token attends to exactly the tokens of its own sentence. So a translation does not depend on the sentences beside
//! it, bit for bit.

mod beam;
mod config;
mod search;

use std::ops::Range;
use std::sync::Arc;

use crate::NeuralError;
use crate::dense::Dense;
use crate::parallel::each;
use crate::vectors::{add, attend};
use crate::weights::Weights;

pub(crate) use config::MarianConfig;
pub(crate) use search::{Search, Task, search};

/// Weights, which do not change.
pub(crate) struct Marian {
    config: MarianConfig,
    /// `[vocabulary, d]`: what each token of a sentence is.
    source: Arc<Dense>,
    /// The same of translations, on the way in and on the way out.
    target: Arc<Dense>,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    logits_bias: Vec<f32>,
}

struct EncoderLayer {
    attention: Attention,
    feed: Feed,
}

struct DecoderLayer {
    attention: Attention,
    cross: Attention,
    feed: Feed,
}

/// Attention and the norm after it.
struct Attention {
    query: Dense,
    key: Dense,
    value: Dense,
    out: Dense,
    norm: Norm,
}

/// A feed-forward layer and the norm after it.
struct Feed {
    up: Dense,
    down: Dense,
    norm: Norm,
}

struct Norm {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// Sentences as the decoder sees them.
pub(crate) struct Encoded {
    /// Keys and values of each layer of the decoder, each `[tokens, d]`.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    /// The tokens of each sentence.
    sentences: Vec<Range<usize>>,
}

/// Keys and values of all tokens that were decoded in a batch, of whatever beginning.
#[derive(Default)]
pub(crate) struct Slots {
    /// Of each layer `[slots, d]`.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    n: u32,
}

/// The beginning of a translation. Beginnings that share some tokens share their slots: to go on in two ways copies a
/// list of numbers, not keys and values.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    /// Which sentence is translated.
    pub(crate) sentence: usize,
    /// Where the keys and values of its tokens are, but for the last one.
    pub(crate) slots: Vec<u32>,
    /// Its last token.
    pub(crate) last: u32,
}

impl Marian {
    pub(crate) fn of(config: MarianConfig, weights: &Weights) -> Result<Self, NeuralError> {
        let d = config.d_model;
        // Which of its names an embedding has depends on who wrote the file.
        let embedding = |names: &[&str], n: usize| -> Result<Arc<Dense>, NeuralError> {
            let name = names.iter().find(|name| weights.has(name)).unwrap_or(&names[0]);
            Ok(Arc::new(Dense::of(weights.tensor(name, &[n, d])?, None)?))
        };
        let of_encoder = "model.encoder.embed_tokens.weight";
        let (source, target) = if config.share_encoder_decoder_embeddings {
            let both = embedding(&["model.shared.weight", of_encoder, "lm_head.weight"], config.vocab_size)?;
            (Arc::clone(&both), both)
        } else {
            let of_decoder = ["model.decoder.embed_tokens.weight", "lm_head.weight"];
            (embedding(&[of_encoder], config.vocab_size)?, embedding(&of_decoder, config.target_vocab_size())?)
        };
        let encoder_layer = |at: usize| {
            let name = format!("model.encoder.layers.{at}");
            let attention = Attention::of(weights, &name, "self_attn", d)?;
            Ok(EncoderLayer { attention, feed: Feed::of(weights, &name, d, config.encoder_ffn_dim)? })
        };
        let decoder_layer = |at: usize| {
            let name = format!("model.decoder.layers.{at}");
            let attention = Attention::of(weights, &name, "self_attn", d)?;
            let cross = Attention::of(weights, &name, "encoder_attn", d)?;
            Ok(DecoderLayer { attention, cross, feed: Feed::of(weights, &name, d, config.decoder_ffn_dim)? })
        };
        let encoder: Vec<_> = (0..config.encoder_layers).map(encoder_layer).collect::<Result<_, NeuralError>>()?;
        let decoder: Vec<_> = (0..config.decoder_layers).map(decoder_layer).collect::<Result<_, NeuralError>>()?;
        let logits_bias = weights.numbers("final_logits_bias", &[1, config.target_vocab_size()])?;
        Ok(Self { config, source, target, encoder, decoder, logits_bias })
    }

    pub(crate) fn config(&self) -> &MarianConfig {
        &self.config
    }

    /// Reads sentences, each of 1 to `max_position_embeddings` tokens.
    pub(crate) fn encode(&self, sentences: &[&[u32]]) -> Result<Encoded, NeuralError> {
        let tokens = sentences.concat();
        let positions: Vec<usize> = sentences.iter().flat_map(|sentence| 0..sentence.len()).collect();
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            let start = ranges.last().map_or(0, |range| range.end);
            ranges.push(start..start + sentence.len());
        }
        let of_token: Vec<&Range<usize>> = ranges.iter().flat_map(|range| vec![range; range.len()]).collect();
        let d = self.config.d_model;
        let mut states = self.embedded(&self.source, &tokens, &positions)?;
        for layer in &self.encoder {
            let attention = &layer.attention;
            let queries = attention.query.times(&states)?;
            let (keys, values) = (attention.key.times(&states)?, attention.value.times(&states)?);
            let attended = self.attended(&queries, self.config.encoder_attention_heads, |row| {
                let range = of_token[row].start * d..of_token[row].end * d;
                keys[range.clone()].chunks_exact(d).zip(values[range].chunks_exact(d))
            });
            attention.finish(&mut states, &attended)?;
            layer.feed.apply(&mut states, &self.config)?;
        }
        let cross = |layer: &DecoderLayer| Ok((layer.cross.key.times(&states)?, layer.cross.value.times(&states)?));
        let layers = self.decoder.iter().map(cross).collect::<Result<_, NeuralError>>()?;
        Ok(Encoded { layers, sentences: ranges })
    }

    /// How probable each token is to come next, as logits, for each of some beginnings; their last tokens get slots.
    /// The token that pads is never next.
    ///
    /// # Shapes
    /// The result: `[beginnings, vocabulary]`.
    pub(crate) fn next(
        &self,
        beginnings: &mut [&mut Beginning],
        encoded: &Encoded,
        slots: &mut Slots,
    ) -> Result<Vec<f32>, NeuralError> {
        let d = self.config.d_model;
        let tokens: Vec<u32> = beginnings.iter().map(|beginning| beginning.last).collect();
        let positions: Vec<usize> = beginnings.iter().map(|beginning| beginning.slots.len()).collect();
        for (beginning, slot) in beginnings.iter_mut().zip(slots.n..) {
            beginning.slots.push(slot);
        }
        slots.n += beginnings.len() as u32;
        slots.layers.resize_with(self.decoder.len(), Default::default);
        let mut states = self.embedded(&self.target, &tokens, &positions)?;
        let heads = self.config.decoder_attention_heads;
        for ((layer, own), source) in self.decoder.iter().zip(&mut slots.layers).zip(&encoded.layers) {
            let queries = layer.attention.query.times(&states)?;
            own.0.extend(layer.attention.key.times(&states)?);
            own.1.extend(layer.attention.value.times(&states)?);
            let (keys, values) = own;
            let attended = self.attended(&queries, heads, |row| {
                beginnings[row].slots.iter().map(|slot| {
                    let place = *slot as usize * d..(*slot as usize + 1) * d;
                    (&keys[place.clone()], &values[place])
                })
            });
            layer.attention.finish(&mut states, &attended)?;

            let queries = layer.cross.query.times(&states)?;
            let attended = self.attended(&queries, heads, |row| {
                let sentence = &encoded.sentences[beginnings[row].sentence];
                let range = sentence.start * d..sentence.end * d;
                source.0[range.clone()].chunks_exact(d).zip(source.1[range].chunks_exact(d))
            });
            layer.cross.finish(&mut states, &attended)?;
            layer.feed.apply(&mut states, &self.config)?;
        }
        let mut logits = self.target.times(&states)?;
        for row in logits.chunks_exact_mut(self.logits_bias.len()) {
            add(row, &self.logits_bias);
            row[self.config.pad_token_id as usize] = f32::NEG_INFINITY;
        }
        Ok(logits)
    }

    fn embedded(&self, embedding: &Dense, tokens: &[u32], positions: &[usize]) -> Result<Vec<f32>, NeuralError> {
        let d = self.config.d_model;
        let mut states = embedding.rows(tokens)?;
        let scale = if self.config.scale_embedding { (d as f64).sqrt() as f32 } else { 1.0 };
        for (row, &position) in states.chunks_exact_mut(d).zip(positions) {
            for (at, x) in row.iter_mut().enumerate() {
                *x = *x * scale + sinusoid(position, at, d);
            }
        }
        Ok(states)
    }

    /// For each query the mean of the values it sees, by heads. `past` gives the keys and values of a row.
    fn attended<'a, I: Iterator<Item = (&'a [f32], &'a [f32])>>(
        &self,
        queries: &[f32],
        heads: usize,
        past: impl Fn(usize) -> I + Sync,
    ) -> Vec<f32> {
        let d = self.config.d_model;
        let head = d / heads;
        let mut attended = vec![0.0; queries.len()];
        let rows = attended.chunks_exact_mut(d).zip(queries.chunks_exact(d)).enumerate();
        each(rows.collect(), |(row, (attended, query))| {
            let heads = attended.chunks_exact_mut(head).zip(query.chunks_exact(head)).enumerate();
            for (at, (attended, query)) in heads {
                let part = at * head..(at + 1) * head;
                attend(attended, query, || past(row).map(|(key, value)| (&key[part.clone()], &value[part.clone()])));
            }
        });
        attended
    }
}

/// A number of the vector of a position: sines in its first half, cosines in its second one.
fn sinusoid(position: usize, at: usize, d: usize) -> f32 {
    let n_sines = d.div_ceil(2);
    let pair = if at < n_sines { at } else { at - n_sines };
    let angle = position as f64 / 10_000f64.powf(2.0 * pair as f64 / d as f64);
    (if at < n_sines { angle.sin() } else { angle.cos() }) as f32
}

fn dense(weights: &Weights, name: &str, n: usize, k: usize) -> Result<Dense, NeuralError> {
    let bias = weights.numbers(&format!("{name}.bias"), &[n])?;
    Dense::of(weights.tensor(&format!("{name}.weight"), &[n, k])?, Some(bias))
}

impl Attention {
    fn of(weights: &Weights, layer: &str, name: &str, d: usize) -> Result<Self, NeuralError> {
        let projection = |which: &str| dense(weights, &format!("{layer}.{name}.{which}_proj"), d, d);
        Ok(Self {
            query: projection("q")?,
            key: projection("k")?,
            value: projection("v")?,
            out: projection("out")?,
            norm: Norm::of(weights, &format!("{layer}.{name}_layer_norm"), d)?,
        })
    }

    /// Adds what was attended to, and norms.
    fn finish(&self, states: &mut [f32], attended: &[f32]) -> Result<(), NeuralError> {
        add(states, &self.out.times(attended)?);
        self.norm.apply(states);
        Ok(())
    }
}

impl Feed {
    fn of(weights: &Weights, layer: &str, d: usize, width: usize) -> Result<Self, NeuralError> {
        Ok(Self {
            up: dense(weights, &format!("{layer}.fc1"), width, d)?,
            down: dense(weights, &format!("{layer}.fc2"), d, width)?,
            norm: Norm::of(weights, &format!("{layer}.final_layer_norm"), d)?,
        })
    }

    fn apply(&self, states: &mut [f32], config: &MarianConfig) -> Result<(), NeuralError> {
        let mut wide = self.up.times(states)?;
        each(wide.chunks_mut(self.up.n_rows()).collect(), |row| {
            row.iter_mut().for_each(|x| *x = config.activation_function.apply(*x));
        });
        add(states, &self.down.times(&wide)?);
        self.norm.apply(states);
        Ok(())
    }
}

impl Norm {
    fn of(weights: &Weights, name: &str, d: usize) -> Result<Self, NeuralError> {
        Ok(Self {
            weights: weights.numbers(&format!("{name}.weight"), &[d])?,
            bias: weights.numbers(&format!("{name}.bias"), &[d])?,
        })
    }

    /// Ba, Kiros, Hinton (2016), Layer Normalization, of each row.
    fn apply(&self, rows: &mut [f32]) {
        const EPSILON: f64 = 1e-5;
        for row in rows.chunks_exact_mut(self.weights.len()) {
            let n = row.len() as f64;
            let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
            let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            for ((x, weight), bias) in row.iter_mut().zip(&self.weights).zip(&self.bias) {
                *x = ((f64::from(*x) - mean) * scale) as f32 * weight + bias;
            }
        }
    }
}
