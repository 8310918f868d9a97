//! Transformers that see a picture as a sentence of patches (Dosovitskiy et al. 2021, An image is worth 16x16 words): what
//! CLIP and DINOv2 have in common.

use candle_core::{D, Device, Module, Result, Tensor};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm, linear};
use synth_image::Picture;

use crate::clip_text::Act;

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisionSizes {
    pub(crate) d: usize,
    pub(crate) wide: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) patch: usize,
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

/// A layer: attention and a feed-forward block, each with its norm before it.
pub(crate) struct VisionLayer {
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

impl VisionLayer {
    pub(crate) fn new(weights: &VarBuilder<'_>, sizes: VisionSizes, names: &LayerNames) -> Result<Self> {
        let VisionSizes { d, wide, epsilon, heads, act, .. } = sizes;
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

    /// # Shapes
    /// `x: [tokens, d]`, and the result.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
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
        let weights = candle_nn::ops::softmax(&query.matmul(&key.transpose(1, 2)?)?, D::Minus1)?;
        let attended = weights.matmul(&value)?.transpose(0, 1)?.reshape((n, d))?;
        let x = (x + scaled(self.out.forward(&attended)?, 0)?)?;
        let wide = self.act.apply(&self.up.forward(&self.norms[1].forward(&x)?)?)?;
        x + scaled(self.down.forward(&wide)?, 1)?
    }
}

/// A picture as networks see it: its shorter side made `side` long, cut to a square in the middle, each colour less its
/// mean and by its spread, `[1, 3, side, side]`.
pub(crate) fn seen(picture: &Picture, side: usize, mean: [f32; 3], spread: [f32; 3]) -> Result<Tensor> {
    let (w, h) = (u64::from(picture.width()), u64::from(picture.height()));
    let long = |long: u64, short: u64| (side as u64 * long / short).max(side as u64) as u32;
    let (width, height) = if w > h { (long(w, h), side as u32) } else { (side as u32, long(h, w)) };
    let resized = picture.resized(width, height);
    let (top, left) = ((height as usize - side) / 2, (width as usize - side) / 2);
    let mut numbers = Vec::with_capacity(3 * side * side);
    for channel in 0..3 {
        for y in 0..side {
            for x in 0..side {
                let light = resized[[channel, top + y, left + x]] / 255.0;
                numbers.push((light - mean[channel]) / spread[channel]);
            }
        }
    }
    Tensor::from_vec(numbers, (1, 3, side, side), &Device::Cpu)
}

/// The vectors of patches, row by row, `[patches, d]`.
pub(crate) fn patches(pixels: &Tensor, filters: &Tensor, bias: Option<&Tensor>, patch: usize) -> Result<Tensor> {
    let found = pixels.conv2d(filters, 0, patch, 1, 1)?;
    let rows = found.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
    bias.map_or(Ok(rows.clone()), |bias| rows.broadcast_add(bias))
}
