//! The features that need no network.

use synth_core::BoxError;

use crate::{ImageFeatures, Picture};

/// A grey thumbnail of 8 x 8 pixels, from 0 to 1: where a picture is bright and where it is dark. It tells small and simple
/// pictures apart, as of single things before one background, and needs no weights; what pictures of the world show it
/// does not see.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thumbnail;

const SIDE: usize = 8;

impl ImageFeatures for Thumbnail {
    fn dim(&self) -> usize {
        SIDE * SIDE
    }

    fn name(&self) -> &str {
        "thumbnails of 8 x 8"
    }

    fn point(&self, picture: &Picture) -> Result<Vec<f64>, BoxError> {
        let small = picture.resized(SIDE as u32, SIDE as u32);
        let light = |at: usize| {
            let pixel = |channel: usize| f64::from(small[[channel, at / SIDE, at % SIDE]]);
            (0.299 * pixel(0) + 0.587 * pixel(1) + 0.114 * pixel(2)) / 255.0
        };
        Ok((0..SIDE * SIDE).map(light).collect())
    }
}
