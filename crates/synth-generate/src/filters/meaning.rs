//! Says what another text says already, in other words; or no longer what its source says.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use synth_core::Embed;

use super::check_share;
use crate::{Candidate, Filter, GenerateError, TextRecords, Verdict};

/// Settings of [`Meaning`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MeaningSettings {
    /// The cosine to a real or kept text from which a text is dropped, from 0 to 1; default .95.
    pub most: f64,
    /// The cosine to its source below which a text that rewrites one is dropped, from 0 to 1; default .4.
    pub least: f64,
}

impl Default for MeaningSettings {
    fn default() -> Self {
        Self { most: 0.95, least: 0.4 }
    }
}

/// Drops texts that mean the same as a real text, one that was kept, or one before them in the batch, by the cosine of
/// sentence embeddings; and texts that rewrite another and mean something else than it.
///
/// The source of a text that rewrites it is among the real ones: what is too near to it gains nothing. The score is the
/// cosine to the nearest text; missing where there is none.
pub struct Meaning {
    settings: MeaningSettings,
    embed: Arc<dyn Embed>,
    records: TextRecords,
    names: Vec<String>,
    /// Of real and kept texts, each of length 1.
    points: Array2<f64>,
}

impl Meaning {
    /// A filter against real texts, as (id, text).
    ///
    /// # Errors
    /// A setting out of its range; the embedder fails.
    pub fn new<I: Into<String>, S: AsRef<str>>(
        settings: &MeaningSettings,
        embed: Arc<dyn Embed>,
        records: TextRecords,
        real: impl IntoIterator<Item = (I, S)>,
    ) -> Result<Self, GenerateError> {
        check_share("most", settings.most)?;
        check_share("least", settings.least)?;
        let (names, texts): (Vec<String>, Vec<S>) = real.into_iter().map(|(name, text)| (name.into(), text)).unzip();
        let points = Array2::zeros((0, embed.dim()));
        let mut filter = Self { settings: settings.clone(), embed, records, names, points };
        filter.points = filter.embedded(&texts)?;
        Ok(filter)
    }

    fn embedded<S: AsRef<str>>(&self, texts: &[S]) -> Result<Array2<f64>, GenerateError> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let failed = |source| GenerateError::Filter { filter: NAME, source };
        let mut points = self.embed.embed(&self.records.dataset(&texts)).map_err(failed)?;
        for mut point in points.rows_mut() {
            let length = point.dot(&point).sqrt();
            if length > 0.0 {
                point /= length;
            }
        }
        Ok(points)
    }

    fn add(&mut self, name: &str, point: ArrayView1<'_, f64>) -> Result<(), GenerateError> {
        self.names.push(name.to_owned());
        let failed = |error: ndarray::ShapeError| GenerateError::Filter { filter: NAME, source: error.into() };
        self.points.push_row(point).map_err(failed)
    }
}

const NAME: &str = "meaning";

/// The largest cosine, and where it is; the first of equals.
fn nearest<'a>(cosines: impl Iterator<Item = (f64, &'a str)>) -> Option<(f64, &'a str)> {
    cosines.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

impl Filter for Meaning {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let texts: Vec<&str> = batch.iter().map(|candidate| candidate.text.as_str()).collect();
        let sources: Vec<&str> = batch.iter().filter_map(|candidate| candidate.source.as_deref()).collect();
        let points = self.embedded(&texts)?;
        let mut of_sources = self.embedded(&sources)?.into_iter();
        let to_known = points.dot(&self.points.t());
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(batch.len());
        for (at, candidate) in batch.iter().enumerate() {
            let before = (0..at).filter(|before| verdicts[*before].dropped.is_none());
            let before = before.map(|other| (points.row(at).dot(&points.row(other)), batch[other].id.as_str()));
            let known = to_known.row(at).to_vec().into_iter().zip(self.names.iter().map(String::as_str));
            let found = nearest(known.chain(before));
            let source = candidate.source.as_ref().map(|_| {
                let source: Vec<f64> = of_sources.by_ref().take(points.ncols()).collect();
                points.row(at).dot(&ArrayView1::from(&source))
            });
            let score = found.map(|(cosine, _)| cosine);
            verdicts.push(match (found, source) {
                (_, Some(cosine)) if cosine < self.settings.least => {
                    Verdict::drop(format!("no longer means what its source does: cosine {cosine:.2}"), score)
                }
                (Some((cosine, name)), _) if cosine >= self.settings.most => {
                    Verdict::drop(format!("means the same as {name}: cosine {cosine:.2}"), score)
                }
                _ => Verdict::pass(score),
            });
        }
        Ok(verdicts)
    }

    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        let texts: Vec<&str> = kept.iter().map(|candidate| candidate.text.as_str()).collect();
        let points = self.embedded(&texts)?;
        kept.iter().zip(points.rows()).try_for_each(|(candidate, point)| self.add(&candidate.id, point))
    }
}

#[cfg(test)]
mod tests {
    use synth_core::{BoxError, Dataset};

    use super::super::tests::candidates;
    use super::*;

    /// Counts of the letters a, b and c.
    struct Letters;

    impl Embed for Letters {
        fn dim(&self) -> usize {
            3
        }

        fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
            let text = |row: usize| records.row(row).text("text").unwrap_or_default().into_owned();
            let count = |(row, letter): (usize, usize)| text(row).matches(['a', 'b', 'c'][letter]).count() as f64;
            Ok(Array2::from_shape_fn((records.n_rows(), 3), count))
        }
    }

    fn filter(settings: MeaningSettings) -> Meaning {
        let real = [("r-1", "aaaa"), ("r-2", "bbbb")];
        Meaning::new(&settings, Arc::new(Letters), TextRecords::of_field("text"), real).unwrap()
    }

    fn reasons(filter: &mut Meaning, batch: &[Candidate]) -> Vec<Option<String>> {
        filter.judge(batch).unwrap().into_iter().map(|verdict| verdict.dropped).collect()
    }

    #[test]
    fn what_means_the_same_is_dropped() {
        let mut filter = filter(MeaningSettings::default());
        // aa is r-1; ab is between the two; cc is new, and the second cc repeats it.
        let batch = candidates(&["aa", "ab", "cc", "ccc"]);
        let same = |name: &str| Some(format!("means the same as {name}: cosine 1.00"));
        assert_eq!(reasons(&mut filter, &batch), [same("r-1"), None, None, same(&batch[2].id)]);
        let scores: Vec<f64> =
            filter.judge(&batch).unwrap().iter().map(|v| (v.score.unwrap() * 100.0).round()).collect();
        assert_eq!(scores, [100.0, 71.0, 0.0, 100.0]);
        // What was kept counts like real texts, from then on.
        filter.keep(&batch[1..2]).unwrap();
        assert_eq!(reasons(&mut filter, &candidates(&["aabb"])), [same(&batch[1].id)]);
        assert_eq!(reasons(&mut filter, &candidates(&["xyz"])), [None], "a point at 0 is near to nothing");
    }

    #[test]
    fn what_rewrites_a_text_must_stay_near_to_it() {
        let mut filter = filter(MeaningSettings::default());
        let mut batch = candidates(&["ac", "cc"]);
        batch.iter_mut().for_each(|candidate| candidate.source = Some("aaaa".to_owned()));
        let far = Some("no longer means what its source does: cosine 0.00".to_owned());
        assert_eq!(reasons(&mut filter, &batch), [None, far]);
    }

    #[test]
    fn settings_are_checked() {
        let records = TextRecords::of_field("text");
        let none: [(&str, &str); 0] = [];
        let wrong = MeaningSettings { most: 1.5, ..MeaningSettings::default() };
        assert!(Meaning::new(&wrong, Arc::new(Letters), records.clone(), none).is_err());
        let mut empty = Meaning::new(&MeaningSettings::default(), Arc::new(Letters), records, none).unwrap();
        assert_eq!(empty.judge(&candidates(&["a"])).unwrap()[0].score, None);
    }
}
