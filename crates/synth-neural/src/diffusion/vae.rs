//! Pictures as latents, and back: the autoencoder of Rombach et al. (2022), High-resolution image synthesis with latent
//! diffusion models.
//!
//! Put together here from candle's blocks, as candle's own hides mean and deviation and draws noise by itself.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, GroupNorm, VarBuilder, conv2d, group_norm};
use candle_transformers::models::stable_diffusion::unet_2d_blocks::{
    DownEncoderBlock2D, DownEncoderBlock2DConfig, UNetMidBlock2D, UNetMidBlock2DConfig, UpDecoderBlock2D,
    UpDecoderBlock2DConfig,
};

use super::config::VaeConfig;

/// The autoencoder.
pub(super) struct Vae {
    down: Side<DownEncoderBlock2D>,
    quant: Conv2d,
    post_quant: Conv2d,
    up: Side<UpDecoderBlock2D>,
    scaling: f64,
}

/// Encoder or decoder: blocks, with a block in the middle of the picture's way before or after them.
struct Side<B> {
    conv_in: Conv2d,
    blocks: Vec<B>,
    middle: UNetMidBlock2D,
    norm: GroupNorm,
    conv_out: Conv2d,
}

const EPSILON: f64 = 1e-6;
const PADDED: Conv2dConfig = Conv2dConfig { padding: 1, stride: 1, dilation: 1, groups: 1, cudnn_fwd_algo: None };

impl<B> Side<B> {
    fn new(
        weights: &VarBuilder<'_>,
        config: &VaeConfig,
        (from, first, last, to): (usize, usize, usize, usize),
        blocks: Vec<B>,
    ) -> Result<Self> {
        let groups = config.norm_num_groups;
        let middle = UNetMidBlock2DConfig {
            resnet_eps: EPSILON,
            resnet_groups: Some(groups),
            attn_num_head_channels: None,
            ..UNetMidBlock2DConfig::default()
        };
        let widest = config.block_out_channels.last().copied().unwrap_or_default();
        Ok(Self {
            conv_in: conv2d(from, first, 3, PADDED, weights.pp("conv_in"))?,
            blocks,
            middle: UNetMidBlock2D::new(weights.pp("mid_block"), widest, None, middle)?,
            norm: group_norm(groups, last, EPSILON, weights.pp("conv_norm_out"))?,
            conv_out: conv2d(last, to, 3, PADDED, weights.pp("conv_out"))?,
        })
    }

    fn finish(&self, x: &Tensor) -> Result<Tensor> {
        self.conv_out.forward(&candle_nn::ops::silu(&self.norm.forward(x)?)?)
    }
}

impl Vae {
    pub(super) fn new(weights: VarBuilder<'_>, config: &VaeConfig) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (narrow, wide) = (channels[0], channels[channels.len() - 1]);
        let (n, latent) = (channels.len(), config.latent_channels);
        let (encoder, decoder) = (weights.pp("encoder"), weights.pp("decoder"));
        let down = |at: usize| {
            let config = DownEncoderBlock2DConfig {
                num_layers: config.layers_per_block,
                resnet_eps: EPSILON,
                resnet_groups: config.norm_num_groups,
                add_downsample: at + 1 < n,
                downsample_padding: 0,
                ..DownEncoderBlock2DConfig::default()
            };
            let from = channels[at.saturating_sub(1)];
            DownEncoderBlock2D::new(encoder.pp("down_blocks").pp(at), from, channels[at], config)
        };
        let up = |at: usize| {
            let config = UpDecoderBlock2DConfig {
                num_layers: config.layers_per_block + 1,
                resnet_eps: EPSILON,
                resnet_groups: config.norm_num_groups,
                add_upsample: at + 1 < n,
                ..UpDecoderBlock2DConfig::default()
            };
            let from = channels[n - 1 - at.saturating_sub(1)];
            UpDecoderBlock2D::new(decoder.pp("up_blocks").pp(at), from, channels[n - 1 - at], config)
        };
        let downs = (0..n).map(down).collect::<Result<_>>()?;
        let ups = (0..n).map(up).collect::<Result<_>>()?;
        let plain = Conv2dConfig::default();
        Ok(Self {
            down: Side::new(&encoder, config, (3, narrow, wide, 2 * latent), downs)?,
            quant: conv2d(2 * latent, 2 * latent, 1, plain, weights.pp("quant_conv"))?,
            post_quant: conv2d(latent, latent, 1, plain, weights.pp("post_quant_conv"))?,
            up: Side::new(&decoder, config, (latent, wide, narrow, 3), ups)?,
            scaling: config.scaling_factor,
        })
    }

    /// Mean and deviation of the latents of pictures.
    ///
    /// # Shapes
    /// `pictures: [n, 3, h, w]`, from -1 to 1; the results: `[n, latents, h / f, w / f]`.
    pub(super) fn encode(&self, pictures: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut x = self.down.conv_in.forward(pictures)?;
        for block in &self.down.blocks {
            x = block.forward(&x)?;
        }
        let moments = self.quant.forward(&self.down.finish(&self.down.middle.forward(&x, None)?)?)?;
        let parts = moments.chunk(2, 1)?;
        let deviation = (parts[1].clamp(-30f32, 20f32)? * 0.5)?.exp()?;
        Ok((parts[0].clone(), deviation))
    }

    /// Pictures of latents as the encoder gives them.
    pub(super) fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let mut x = self.up.conv_in.forward(&self.post_quant.forward(latents)?)?;
        x = self.up.middle.forward(&x, None)?;
        for block in &self.up.blocks {
            x = block.forward(&x)?;
        }
        self.up.finish(&x)
    }

    /// What latents are multiplied with before noise is added, so that they spread as it does.
    pub(super) fn scaling(&self) -> f64 {
        self.scaling
    }
}
