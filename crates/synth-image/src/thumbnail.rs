//! The features that need no network.

use ndarray::Array2;
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

    fn features(&self, pictures: &[Picture]) -> Result<Array2<f64>, BoxError> {
        let mut points = Array2::zeros((pictures.len(), SIDE * SIDE));
        for (picture, mut point) in pictures.iter().zip(points.rows_mut()) {
            let small = picture.resized(SIDE as u32, SIDE as u32);
            for (at, x) in point.iter_mut().enumerate() {
                let pixel = |channel: usize| f64::from(small[[channel, at / SIDE, at % SIDE]]);
                *x = (0.299 * pixel(0) + 0.587 * pixel(1) + 0.114 * pixel(2)) / 255.0;
            }
        }
        Ok(points)
    }
}
