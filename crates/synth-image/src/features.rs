//! Pictures as points.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array1, Array2};
use synth_core::{BoxError, Dataset, Embed};

use crate::Picture;

/// Places pictures in space, those that look alike near each other: a network that was trained to name what they show.
pub trait ImageFeatures: Send + Sync {
    /// The number of coordinates, d.
    fn dim(&self) -> usize;

    /// The name of the network, for people.
    fn name(&self) -> &str;

    /// The point of a picture, d coordinates.
    ///
    /// # Errors
    /// The network cannot be computed.
    fn point(&self, picture: &Picture) -> Result<Vec<f64>, BoxError>;

    /// The points of pictures, `[n, d]`. One picture at a time: several at once are no faster, and so none can depend on
    /// its neighbours.
    ///
    /// # Errors
    /// As [`ImageFeatures::point`].
    fn features(&self, pictures: &[Picture]) -> Result<Array2<f64>, BoxError> {
        let mut all = Vec::with_capacity(pictures.len() * self.dim());
        for picture in pictures {
            all.extend(self.point(picture)?);
        }
        Ok(Array2::from_shape_vec((pictures.len(), self.dim()), all)?)
    }
}

/// Features as an [`Embed`]: records whose field names a picture, by the path of its file or as a data URL, become points.
/// What was placed once is remembered: filters ask for the same pictures again and again.
pub struct PictureEmbed {
    features: Arc<dyn ImageFeatures>,
    field: String,
    known: Mutex<BTreeMap<String, Array1<f64>>>,
}

impl PictureEmbed {
    /// Reads pictures from this field.
    pub fn new(features: Arc<dyn ImageFeatures>, field: impl Into<String>) -> Self {
        Self { features, field: field.into(), known: Mutex::default() }
    }

    fn point(&self, name: &str) -> Result<Array1<f64>, BoxError> {
        // A lock whose holder died holds whole points all the same.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(point) = known().get(name) {
            return Ok(point.clone());
        }
        let point = Array1::from(self.features.point(&Picture::named(name)?)?);
        known().insert(name.to_owned(), point.clone());
        Ok(point)
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
            point.assign(&self.point(names.text(row).unwrap_or_default())?);
        }
        Ok(points)
    }
}
