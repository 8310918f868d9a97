//! Pictures as points.

use ndarray::Array2;
use synth_core::{BoxError, Dataset, Embed};

use crate::Picture;

/// Places pictures in space, those that look alike near each other: a network that was trained to name what they show.
pub trait ImageFeatures: Send + Sync {
    /// The number of coordinates, d.
    fn dim(&self) -> usize;

    /// The name of the network, for people.
    fn name(&self) -> &str;

    /// The points of pictures, `[n, d]`; each depends on its own picture alone.
    ///
    /// # Errors
    /// The network cannot be computed.
    fn features(&self, pictures: &[Picture]) -> Result<Array2<f64>, BoxError>;
}

/// Features as an [`Embed`]: records whose field names a picture, by the path of its file or as a data URL, become points.
pub struct PictureEmbed {
    features: std::sync::Arc<dyn ImageFeatures>,
    field: String,
}

impl PictureEmbed {
    /// Reads pictures from this field.
    pub fn new(features: std::sync::Arc<dyn ImageFeatures>, field: impl Into<String>) -> Self {
        Self { features, field: field.into() }
    }
}

impl Embed for PictureEmbed {
    fn dim(&self) -> usize {
        self.features.dim()
    }

    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
        let Some(names) = records.column(&self.field) else {
            return Err(format!("the records have no field `{}`", self.field).into());
        };
        let mut points = Array2::zeros((records.n_rows(), self.dim()));
        for (row, mut point) in points.rows_mut().into_iter().enumerate() {
            let picture = Picture::named(names.text(row).unwrap_or_default())?;
            // One at a time: pictures are large, and their points are not.
            point.assign(&self.features.features(&[picture])?.row(0));
        }
        Ok(points)
    }
}
