//! A picture as a sentence of patches (Dosovitskiy et al. 2021, An image is worth 16x16 words), which CLIP and DINOv2 see.

use candle_core::{Device, Result, Tensor};
use synth_image::Picture;

/// A picture as networks see it: its shorter side made `side` long, cut to a square in the middle, each colour less its
/// mean and by its spread, `[1, 3, side, side]`.
pub(crate) fn seen(
    picture: &Picture,
    side: usize,
    mean: [f32; 3],
    spread: [f32; 3],
    device: &Device,
) -> Result<Tensor> {
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
    Tensor::from_vec(numbers, (1, 3, side, side), device)
}

/// The vectors of patches, row by row, `[patches, d]`.
pub(crate) fn patches(pixels: &Tensor, filters: &Tensor, bias: Option<&Tensor>, patch: usize) -> Result<Tensor> {
    let found = pixels.conv2d(filters, 0, patch, 1, 1)?;
    let rows = found.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
    bias.map_or(Ok(rows.clone()), |bias| rows.broadcast_add(bias))
}
