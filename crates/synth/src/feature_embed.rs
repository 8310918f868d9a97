//! The features of a classifier as coordinates.

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use synth_core::{BoxError, Dataset, Embed};
use synth_learn::{FeatureSpec, Features, TextSpec};

/// Places records by the words in them: TF-IDF, as classifiers see it, projected to few coordinates.
///
/// Each word has a random direction, one for all records, and a record lies where the sum of its words' directions
/// points, each weighed by its TF-IDF. Distances are kept up to a small error (Johnson & Lindenstrauss 1984; signs in
/// place of normal numbers by Achlioptas 2003), so Fréchet distances are of the same use as on all words, and have few
/// enough coordinates to be estimated from some dozens of texts.
///
/// ```
/// use synth::FeatureEmbed;
/// use synth::core::{Dataset, Embed};
///
/// let texts = Dataset::of_texts("text", ["my parcel is late", "my parcel is lost", "the page is blank"]);
/// let embed = FeatureEmbed::of_texts("text", &texts, 8)?;
/// assert_eq!(embed.embed(&texts)?.dim(), (3, 8));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FeatureEmbed {
    features: Features,
    /// The direction of each column of the features.
    directions: Array2<f64>,
}

impl FeatureEmbed {
    /// Coordinates by features that were fitted, as those of a classifier.
    pub fn new(features: Features, dim: usize) -> Self {
        let scale = 1.0 / (dim.max(1) as f64).sqrt();
        // Directions belong to columns, not to a seed of the user's: distances of different runs can be compared.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let sign = || if rng.random::<bool>() { scale } else { -scale };
        let directions = Array2::from_shape_simple_fn((features.n_columns(), dim), sign);
        Self { features, directions }
    }

    /// Coordinates by the words of these records' texts.
    ///
    /// # Errors
    /// No such field; no text at all in it.
    pub fn of_texts(field: &str, records: &Dataset, dim: usize) -> Result<Self, BoxError> {
        let spec = FeatureSpec { texts: vec![TextSpec::of(field)], ..FeatureSpec::default() };
        let features = Features::fit(spec, [Ok(records.clone())], |_| true)?;
        Ok(Self::new(features, dim))
    }
}

impl Embed for FeatureEmbed {
    fn dim(&self) -> usize {
        self.directions.ncols()
    }

    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
        let matrix = self.features.of_records(records)?;
        let mut embedded = Array2::zeros((matrix.n_rows(), self.dim()));
        for (row, mut coordinates) in embedded.outer_iter_mut().enumerate() {
            for (column, value) in matrix.row(row) {
                coordinates.scaled_add(value, &self.directions.row(column));
            }
        }
        Ok(embedded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_features() {
        let texts = ["a parcel came late", "the parcel is lost", "the page stays blank", "no page opens at all"];
        let records = Dataset::of_texts("text", texts);
        let embed = FeatureEmbed::of_texts("text", &records, 4096).unwrap();
        let exact = embed.features.of_records(&records).unwrap();
        let found = embed.embed(&records).unwrap();
        let mut dense = Array2::<f64>::zeros((4, exact.n_columns()));
        for row in 0..4 {
            for (column, value) in exact.row(row) {
                dense[[row, column]] = value;
            }
        }
        let distance = |m: &Array2<f64>, a: usize, b: usize| {
            let difference = &m.row(a) - &m.row(b);
            difference.dot(&difference).sqrt()
        };
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            let (exact, found) = (distance(&dense, a, b), distance(&found, a, b));
            // The error falls as one over the root of the coordinates: three times 1/64.
            assert!((found / exact - 1.0).abs() < 0.05, "{a} {b}: {exact} {found}");
        }
    }
}
