//! A layer of a transformer with its norms before each block: what CLIP, in pictures and in texts, and DINOv2 have in common.

use candle_core::{D, Module, Result, Tensor};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm, linear};
use serde::Deserialize;

/// The function between the two halves of a feed-forward layer.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    #[default]
    QuickGelu,
    /// The exact one.
    Gelu,
}

impl Act {
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
            Self::Gelu => x.gelu_erf(),
        }
    }
}

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransformerSizes {
    pub(crate) d: usize,
    pub(crate) wide: usize,
    pub(crate) heads: usize,
    pub(crate) epsilon: f64,
    pub(crate) act: Act,
}

/// How a family names the tensors of a layer.
pub(crate) struct LayerNames {
    pub(crate) norms: [&'static str; 2],
    /// Query, key, value and what comes after them.
    pub(crate) attention: [&'static str; 4],
    /// What each block is multiplied with before it is added, if it is.
    pub(crate) scales: Option<[&'static str; 2]>,
}

/// As CLIP has them, for pictures and for texts.
pub(crate) const CLIP_LAYER: LayerNames = LayerNames {
    norms: ["layer_norm1", "layer_norm2"],
    attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"],
    scales: None,
};

/// A layer: attention and a feed-forward block, each with its norm before it.
pub(crate) struct TransformerLayer {
    norms: [LayerNorm; 2],
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
    scales: Option<[Tensor; 2]>,
    heads: usize,
    act: Act,
}

impl TransformerLayer {
    pub(crate) fn new(weights: &VarBuilder<'_>, sizes: TransformerSizes, names: &LayerNames) -> Result<Self> {
        let TransformerSizes { d, wide, epsilon, heads, act, .. } = sizes;
        let norm = |name: &str| layer_norm(d, epsilon, weights.pp(name));
        let attention = |at: usize| linear(d, d, weights.pp(names.attention[at]));
        let scale = |name: &str| weights.get(d, name);
        Ok(Self {
            norms: [norm(names.norms[0])?, norm(names.norms[1])?],
            query: attention(0)?,
            key: attention(1)?,
            value: attention(2)?,
            out: attention(3)?,
            up: linear(d, wide, weights.pp("mlp.fc1"))?,
            down: linear(wide, d, weights.pp("mlp.fc2"))?,
            scales: names
                .scales
                .map(|[one, other]| Ok::<_, candle_core::Error>([scale(one)?, scale(other)?]))
                .transpose()?,
            heads,
            act,
        })
    }

    /// `mask` is added to how well each token matches each other one: minus infinity for what it may not see.
    ///
    /// # Shapes
    /// `x: [tokens, d]`, and the result; `mask: [tokens, tokens]`.
    pub(crate) fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let (n, d) = x.dims2()?;
        let head = d / self.heads;
        let by_heads = |x: Tensor| x.reshape((n, self.heads, head))?.transpose(0, 1)?.contiguous();
        let scaled = |x: Tensor, at: usize| match &self.scales {
            Some(scales) => x.broadcast_mul(&scales[at]),
            None => Ok(x),
        };
        let normed = self.norms[0].forward(x)?;
        let query = (by_heads(self.query.forward(&normed)?)? / (head as f64).sqrt())?;
        let key = by_heads(self.key.forward(&normed)?)?;
        let value = by_heads(self.value.forward(&normed)?)?;
        let scores = query.matmul(&key.transpose(1, 2)?)?;
        let scores = mask.map_or(Ok(scores.clone()), |mask| scores.broadcast_add(mask))?;
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let attended = weights.matmul(&value)?.transpose(0, 1)?.reshape((n, d))?;
        let x = (x + scaled(self.out.forward(&attended)?, 0)?)?;
        let wide = self.act.apply(&self.up.forward(&self.norms[1].forward(&x)?)?)?;
        x + scaled(self.down.forward(&wide)?, 1)?
    }
}
