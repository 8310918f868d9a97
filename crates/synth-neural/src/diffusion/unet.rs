//! The network that sees a noisy picture, a time and what a prompt means, and predicts the noise (Ronneberger et al. 2015,
//! U-Net; with attention to the prompt, Rombach et al. 2022).
//!
//! Put together here from candle's blocks, as candle's own knows nothing but norms of 32 groups, which small models have
//! no room for.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, GroupNorm, VarBuilder, conv2d, group_norm};
use candle_transformers::models::stable_diffusion::attention::{SpatialTransformer, SpatialTransformerConfig};
use candle_transformers::models::stable_diffusion::embeddings::{TimestepEmbedding, Timesteps};
use candle_transformers::models::stable_diffusion::resnet::{ResnetBlock2D, ResnetBlock2DConfig};

use super::config::{BlockPlan, N_SIZES, UnetPlan};
use super::prompt::Meaning;

/// The network.
pub(super) struct Unet {
    conv_in: Conv2d,
    frequencies: Timesteps,
    time: TimestepEmbedding,
    added: Option<Added>,
    down: Vec<Block>,
    middle: (ResnetBlock2D, SpatialTransformer, ResnetBlock2D),
    up: Vec<Block>,
    norm: GroupNorm,
    conv_out: Conv2d,
}

/// What the network of XL knows beside the time, and adds to it.
struct Added {
    frequencies: Timesteps,
    embedding: TimestepEmbedding,
}

/// What the network is told, the same at each step.
pub(super) struct Condition {
    tokens: Tensor,
    added: Option<Tensor>,
}

/// Layers at one size of the picture, and the way to the next size.
struct Block {
    layers: Vec<(ResnetBlock2D, Option<SpatialTransformer>)>,
    resample: Option<Conv2d>,
}

fn conv(from: usize, to: usize, stride: usize, padding: usize, weights: VarBuilder<'_>) -> Result<Conv2d> {
    conv2d(from, to, 3, Conv2dConfig { padding, stride, ..Conv2dConfig::default() }, weights)
}

impl Unet {
    pub(super) fn new(weights: VarBuilder<'_>, plan: &UnetPlan) -> Result<Self> {
        let (first, last) = (plan.blocks[0], plan.blocks[plan.blocks.len() - 1]);
        let n = plan.blocks.len();
        let down = |at: usize| {
            let weights = weights.pp("down_blocks").pp(at);
            let block = plan.blocks[at];
            let before = plan.blocks[at.saturating_sub(1)].channels;
            let layer =
                |layer: usize| plan.layer(&weights, layer, if layer == 0 { before } else { block.channels }, block);
            let layers = (0..plan.layers).map(layer).collect::<Result<_>>()?;
            let resample = match at + 1 < n {
                true => Some(conv(block.channels, block.channels, 2, 1, weights.pp("downsamplers.0.conv"))?),
                false => None,
            };
            Ok(Block { layers, resample })
        };
        let up = |at: usize| {
            let weights = weights.pp("up_blocks").pp(at);
            let block = plan.blocks[n - 1 - at];
            // What comes from below, and what the way down has left at each layer.
            let below = plan.blocks[n - 1 - at.saturating_sub(1)].channels;
            let above = plan.blocks[(n - 1 - at).saturating_sub(1)].channels;
            let layer = |layer: usize| {
                let comes = if layer == 0 { below } else { block.channels };
                let left = if layer == plan.layers { above } else { block.channels };
                plan.layer(&weights, layer, comes + left, block)
            };
            let layers = (0..=plan.layers).map(layer).collect::<Result<_>>()?;
            let resample = match at + 1 < n {
                true => Some(conv(block.channels, block.channels, 1, 1, weights.pp("upsamplers.0.conv"))?),
                false => None,
            };
            Ok(Block { layers, resample })
        };
        let middle = weights.pp("mid_block");
        let added = match plan.added {
            None => None,
            Some(added) => {
                let n = added.whole + N_SIZES * added.of_size;
                Some(Added {
                    frequencies: Timesteps::new(added.of_size, plan.flip_sin_to_cos, plan.freq_shift),
                    embedding: TimestepEmbedding::new(weights.pp("add_embedding"), n, plan.time_channels())?,
                })
            }
        };
        Ok(Self {
            conv_in: conv(plan.in_channels, first.channels, 1, 1, weights.pp("conv_in"))?,
            frequencies: Timesteps::new(first.channels, plan.flip_sin_to_cos, plan.freq_shift),
            time: TimestepEmbedding::new(weights.pp("time_embedding"), first.channels, plan.time_channels())?,
            added,
            down: (0..n).map(down).collect::<Result<_>>()?,
            middle: (
                plan.resnet(&middle, 0, last.channels, last.channels)?,
                plan.attention(&middle, 0, last)?,
                plan.resnet(&middle, 1, last.channels, last.channels)?,
            ),
            up: (0..n).map(up).collect::<Result<_>>()?,
            norm: group_norm(plan.groups, first.channels, plan.epsilon, weights.pp("conv_norm_out"))?,
            conv_out: conv(first.channels, plan.out_channels, 1, 1, weights.pp("conv_out"))?,
        })
    }

    /// What the network is told of pictures with `n` meanings, of so many pixels.
    pub(super) fn condition(&self, meaning: Meaning, (width, height): (usize, usize)) -> Result<Condition> {
        let added = match (&self.added, &meaning.whole) {
            (Some(added), Some(whole)) => {
                // A picture that was that large before it was looked at, and of which nothing was cut off.
                let sizes: [f32; N_SIZES] = [height, width, 0, 0, height, width].map(|size| size as f32);
                let sizes = added.frequencies.forward(&Tensor::new(&sizes, whole.device())?)?.flatten_all()?;
                let sizes = sizes.unsqueeze(0)?.repeat((whole.dim(0)?, 1))?;
                Some(added.embedding.forward(&Tensor::cat(&[whole, &sizes], 1)?)?)
            }
            _ => None,
        };
        Ok(Condition { tokens: meaning.tokens, added })
    }

    /// # Shapes
    /// `noisy: [n, latents, h, w]`, sides multiples of 2 to the power of the blocks less one; the result: as `noisy`.
    pub(super) fn forward(&self, noisy: &Tensor, time: f64, condition: &Condition) -> Result<Tensor> {
        let meaning = &condition.tokens;
        let times = (Tensor::ones(noisy.dim(0)?, noisy.dtype(), noisy.device())? * time)?;
        let time = self.time.forward(&self.frequencies.forward(&times)?)?;
        let time = condition.added.as_ref().map_or(Ok(time.clone()), |added| time + added)?;
        let mut x = self.conv_in.forward(noisy)?;
        let mut left = vec![x.clone()];
        for block in &self.down {
            for layer in &block.layers {
                x = through(layer, &x, &time, meaning)?;
                left.push(x.clone());
            }
            if let Some(halve) = &block.resample {
                x = halve.forward(&x)?;
                left.push(x.clone());
            }
        }
        let (before, attention, after) = &self.middle;
        x = after.forward(&attention.forward(&before.forward(&x, Some(&time))?, Some(meaning))?, Some(&time))?;
        for block in &self.up {
            for layer in &block.layers {
                if let Some(other) = left.pop() {
                    x = Tensor::cat(&[x, other], 1)?;
                }
                x = through(layer, &x, &time, meaning)?;
            }
            if let Some(conv) = &block.resample {
                let (_, _, height, width) = x.dims4()?;
                x = conv.forward(&x.upsample_nearest2d(2 * height, 2 * width)?)?;
            }
        }
        self.conv_out.forward(&candle_nn::ops::silu(&self.norm.forward(&x)?)?)
    }
}

fn through(
    (resnet, attention): &(ResnetBlock2D, Option<SpatialTransformer>),
    x: &Tensor,
    time: &Tensor,
    meaning: &Tensor,
) -> Result<Tensor> {
    let x = resnet.forward(x, Some(time))?;
    attention.as_ref().map_or(Ok(x.clone()), |attention| attention.forward(&x, Some(meaning)))
}

impl UnetPlan {
    fn time_channels(&self) -> usize {
        4 * self.blocks[0].channels
    }

    fn layer(
        &self,
        weights: &VarBuilder<'_>,
        at: usize,
        from: usize,
        block: BlockPlan,
    ) -> Result<(ResnetBlock2D, Option<SpatialTransformer>)> {
        let resnet = self.resnet(weights, at, from, block.channels)?;
        let attention = if block.attends { Some(self.attention(weights, at, block)?) } else { None };
        Ok((resnet, attention))
    }

    fn resnet(&self, weights: &VarBuilder<'_>, at: usize, from: usize, to: usize) -> Result<ResnetBlock2D> {
        let config = ResnetBlock2DConfig {
            out_channels: Some(to),
            temb_channels: Some(self.time_channels()),
            groups: self.groups,
            eps: self.epsilon,
            ..ResnetBlock2DConfig::default()
        };
        ResnetBlock2D::new(weights.pp("resnets").pp(at), from, config)
    }

    fn attention(&self, weights: &VarBuilder<'_>, at: usize, block: BlockPlan) -> Result<SpatialTransformer> {
        let config = SpatialTransformerConfig {
            depth: block.depth,
            num_groups: self.groups,
            context_dim: Some(self.meaning),
            sliced_attention_size: None,
            use_linear_projection: self.linear_projections,
        };
        let (channels, heads) = (block.channels, block.heads);
        SpatialTransformer::new(weights.pp("attentions").pp(at), channels, heads, channels / heads, false, config)
    }
}
