//! Lies where no real picture lies.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};
use synth_core::Embed;

use crate::distance::{radii, squared};
use crate::{Candidate, Filter, GenerateError, TextRecords, Verdict};

/// Settings of [`Realism`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RealismSettings {
    /// The least realism, above 0; default 1: within the reach of a real one. Less lets more pass.
    pub least: f64,
    /// A real point reaches to its so manyth neighbour, at least 1; default 3.
    pub neighbours: usize,
}

impl Default for RealismSettings {
    fn default() -> Self {
        Self { least: 1.0, neighbours: 3 }
    }
}

/// Drops what lies outside the reach of all real points of its class, in the space of an embedder: the realism score of
/// Kynkäänniemi et al. (2019), Improved precision and recall metric, section 5: the largest, over real points, of how far a
/// point reaches by how far the candidate is from it. Of the real points the half that reaches farthest is left out, as
/// the paper does: outliers reach everything.
///
/// With no more real points than neighbours it lets everything pass, without a score.
pub struct Realism {
    least: f64,
    embed: Arc<dyn Embed>,
    records: TextRecords,
    points: Array2<f64>,
    /// How far each reaches, squared.
    reaches: Vec<f64>,
}

impl Realism {
    /// A filter by real ones of the wanted class, as the texts that name them.
    ///
    /// # Errors
    /// A setting out of its range; real ones that cannot be embedded.
    pub fn new(
        settings: &RealismSettings,
        embed: Arc<dyn Embed>,
        records: TextRecords,
        real: &[&str],
    ) -> Result<Self, GenerateError> {
        if !(settings.least > 0.0 && settings.least.is_finite()) {
            let value = settings.least.to_string();
            return Err(GenerateError::Setting { name: "least", value, expected: "a number above 0" });
        }
        if settings.neighbours == 0 {
            return Err(GenerateError::Setting { name: "neighbours", value: "0".into(), expected: "at least 1" });
        }
        let failed = |source| GenerateError::Filter { filter: NAME, source };
        let all = embed.embed(&records.dataset(real)).map_err(failed)?;
        let n = all.nrows();
        if n <= settings.neighbours {
            return Ok(Self {
                least: settings.least,
                points: Array2::zeros((0, embed.dim())),
                embed,
                records,
                reaches: Vec::new(),
            });
        }
        let reaches = radii(all.view(), settings.neighbours);
        let mut sorted = reaches.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[n / 2];
        let near: Vec<usize> = (0..n).filter(|at| reaches[*at] <= median).collect();
        let (points, reaches) = (all.select(Axis(0), &near), near.iter().map(|at| reaches[*at]).collect());
        Ok(Self { least: settings.least, embed, records, points, reaches })
    }
}

const NAME: &str = "realism";

impl Filter for Realism {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        if self.reaches.is_empty() {
            return Ok(batch.iter().map(|_| Verdict::pass(None)).collect());
        }
        let texts: Vec<&str> = batch.iter().map(|candidate| candidate.text.as_str()).collect();
        let failed = |source| GenerateError::Filter { filter: NAME, source };
        let points = self.embed.embed(&self.records.dataset(&texts)).map_err(failed)?;
        let verdict = |point: ArrayView1<'_, f64>| {
            let by = |(real, reach): (ArrayView1<'_, f64>, &f64)| match squared(point, real) {
                0.0 => f64::INFINITY,
                apart => (reach / apart).sqrt(),
            };
            let realism = self.points.outer_iter().zip(&self.reaches).map(by).fold(0.0, f64::max);
            let score = Some(realism).filter(|realism| realism.is_finite());
            match realism < self.least {
                true => Verdict::drop(format!("unlike the real ones: its realism is {realism:.2}"), score),
                false => Verdict::pass(score),
            }
        };
        Ok(points.outer_iter().map(verdict).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Numbers, candidates};
    use super::*;

    #[test]
    fn what_lies_where_nothing_real_does_is_dropped() {
        // On a line; their second neighbours are 2, 1, 1, 2 and 8 away, the median 2: the last one is left out.
        let real = ["0 0", "1 0", "2 0", "3 0", "10 0"];
        let settings = RealismSettings { least: 1.0, neighbours: 2 };
        let records = TextRecords::of_field("text");
        let mut filter = Realism::new(&settings, Arc::new(Numbers), records.clone(), &real).unwrap();
        let verdicts = filter.judge(&candidates(&["1.5 0", "-4 0", "10 0.5", "2 0"])).unwrap();
        let scores: Vec<_> = verdicts.iter().map(|verdict| verdict.score).collect();
        // From 1.5 the farthest-reaching is 1.5 away and reaches 2; from -4 it is 4 away; from 10 it is 7.02.
        assert_eq!(scores[..2], [Some(2.0), Some(0.5)]);
        assert_eq!(scores[3], None);
        let dropped: Vec<bool> = verdicts.iter().map(|verdict| verdict.dropped.is_some()).collect();
        assert_eq!(dropped, [false, true, true, false]);
        let mut few = Realism::new(&settings, Arc::new(Numbers), records.clone(), &real[..2]).unwrap();
        assert_eq!(few.judge(&candidates(&["90 0"])).unwrap()[0], Verdict::pass(None));
        let wrong = RealismSettings { neighbours: 0, ..settings };
        assert!(Realism::new(&wrong, Arc::new(Numbers), records, &real).is_err());
    }
}
