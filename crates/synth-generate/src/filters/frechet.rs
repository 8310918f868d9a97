//! Takes the kept texts away from the real ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::Rng;
use serde::{Deserialize, Serialize};
use synth_core::{ClassId, Embed};

use crate::distance::Target;
use crate::seeds::{Use, rng};
use crate::{Candidate, Filter, GenerateError, Moments, TextRecords, Verdict};

/// Settings of [`Frechet`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrechetSettings {
    /// How many times as far from the real texts as so many real ones are the kept ones may be; above 0, default 3.
    /// At 1, half of all sets of real texts would be refused. Good models write texts of a narrower range than people,
    /// so little above 1 keeps next to nothing.
    pub times: f64,
    /// How many random samples of real texts tell how far real ones are; at least 1, default 20.
    pub n_samples: u32,
    /// Draws the samples.
    pub seed: u64,
}

impl Default for FrechetSettings {
    fn default() -> Self {
        Self { times: 3.0, n_samples: 20, seed: 0 }
    }
}

/// Real texts needed for each coordinate: with fewer the spread of the real texts themselves is hardly known.
const TEXTS_A_COORDINATE: usize = 2;

/// Drops texts of a batch until kept texts and batch together are within a budget of Fréchet distance from the real
/// texts of their class.
///
/// Few texts are far from real ones by chance alone, so the budget is no number: it is [`FrechetSettings::times`] what
/// as many real texts give. To know that, sets of that size and of the size of the real texts are drawn from the real
/// ones, both with replacement, and their distances averaged; sizes between powers of two are interpolated on 1/n, as
/// which the part due to chance falls.
///
/// When a batch does not fit, the eighth of it with the largest influence goes (at least one), and what is left is
/// measured again. The influence is the derivative of the distance by the weight of a text: a text that is far out
/// counts, and so does one in a place where too many are already. A batch of which nothing fits is dropped whole.
///
/// Each class is measured against its own real texts. Where a class has too few for the number of coordinates, or
/// none, its candidates pass; [`Frechet::note`] says so. The score is the distance, with the text for those that are
/// dropped.
///
/// # References
/// Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium; Efron
/// (1979), Bootstrap methods. See [`frechet_distance`](crate::frechet_distance).
pub struct Frechet {
    settings: FrechetSettings,
    embed: Arc<dyn Embed>,
    records: TextRecords,
    classes: BTreeMap<Option<ClassId>, Class>,
    /// Coordinates of the texts of the last batch, so that kept texts need not be embedded twice.
    embedded: BTreeMap<String, Array1<f64>>,
    too_few: Vec<usize>,
}

/// The real and the kept texts of a class.
struct Class {
    real: Array2<f64>,
    target: Target,
    kept: Moments,
    /// For powers of two the mean distance of so many real texts.
    chance: BTreeMap<u64, f64>,
}

const NAME: &str = "frechet";

impl Frechet {
    /// A filter by coordinates of texts, against the real texts of each class; those under `None` are for candidates
    /// without a wanted class.
    ///
    /// # Errors
    /// A setting out of its range; real texts that cannot be embedded.
    pub fn new(
        settings: &FrechetSettings,
        embed: Arc<dyn Embed>,
        records: TextRecords,
        real: &BTreeMap<Option<ClassId>, Vec<String>>,
    ) -> Result<Self, GenerateError> {
        if !(settings.times > 0.0 && settings.times.is_finite()) {
            let value = settings.times.to_string();
            return Err(GenerateError::Setting { name: "times", value, expected: "a number above 0" });
        }
        if settings.n_samples == 0 {
            return Err(GenerateError::Setting { name: "n-samples", value: "0".into(), expected: "at least 1" });
        }
        let needed = TEXTS_A_COORDINATE * embed.dim();
        let (mut classes, mut too_few) = (BTreeMap::new(), Vec::new());
        for (&class, texts) in real {
            if texts.len() < needed.max(2) {
                too_few.push(texts.len());
                continue;
            }
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let points = embed_texts(&*embed, &records, &texts)?;
            let target = Target::of(&Moments::of(points.view())).expect("two texts have a spread");
            let kept = Moments::new(embed.dim());
            classes.insert(class, Class { real: points, target, kept, chance: BTreeMap::new() });
        }
        let (settings, embedded) = (settings.clone(), BTreeMap::new());
        Ok(Self { settings, embed, records, classes, embedded, too_few })
    }

    /// Why candidates pass unmeasured, if some do.
    pub fn note(&self) -> Option<String> {
        let most = self.too_few.iter().max()?;
        let dim = self.embed.dim();
        let needed = TEXTS_A_COORDINATE * dim;
        Some(format!(
            "the filter `{NAME}` lets texts of a class pass unmeasured where it has few real texts: {needed} are needed \
             for {dim} coordinates, and {} {most}",
            if self.too_few.len() == 1 { "there are" } else { "of those with too few the largest has" }
        ))
    }

    /// The distance of the kept texts of a class from its real ones, and the budget for so many; `None` where it is not
    /// measured, or none is kept.
    pub fn distance(&mut self, class: Option<ClassId>) -> Option<(f64, f64)> {
        let class = self.classes.get_mut(&class)?;
        let distance = class.target.distance(&class.kept)?;
        Some((distance, self.settings.times * class.by_chance(class.kept.n(), &self.settings)))
    }

    /// The coordinates of candidates, from the last batch where they were in it.
    fn points(&self, candidates: &[&Candidate]) -> Result<Array2<f64>, GenerateError> {
        let new: Vec<&&Candidate> = candidates.iter().filter(|c| !self.embedded.contains_key(&c.text)).collect();
        let texts: Vec<&str> = new.iter().map(|candidate| candidate.text.as_str()).collect();
        let made = embed_texts(&*self.embed, &self.records, &texts)?;
        let mut made = made.rows().into_iter();
        let mut points = Array2::zeros((candidates.len(), self.embed.dim()));
        for (mut row, candidate) in points.rows_mut().into_iter().zip(candidates) {
            match self.embedded.get(&candidate.text) {
                Some(point) => row.assign(point),
                None => row.assign(&made.next().expect("each new candidate was embedded")),
            }
        }
        Ok(points)
    }
}

fn embed_texts(embed: &dyn Embed, records: &TextRecords, texts: &[&str]) -> Result<Array2<f64>, GenerateError> {
    if texts.is_empty() {
        return Ok(Array2::zeros((0, embed.dim())));
    }
    let failed = |source| GenerateError::Filter { filter: NAME, source };
    let points = embed.embed(&records.dataset(texts)).map_err(failed)?;
    if points.dim() != (texts.len(), embed.dim()) {
        let source = format!("coordinates of shape {:?} for {} texts in {}", points.dim(), texts.len(), embed.dim());
        return Err(failed(source.into()));
    }
    if points.iter().any(|value| !value.is_finite()) {
        return Err(failed("a coordinate is not finite".into()));
    }
    Ok(points)
}

impl Class {
    /// The mean distance from real texts of `n` real ones, at least 1.
    fn by_chance(&mut self, n: u64, settings: &FrechetSettings) -> f64 {
        let below = 1 << n.ilog2();
        let at_below = self.at_power(below, settings);
        if n == below {
            return at_below;
        }
        let at_above = self.at_power(2 * below, settings);
        let inverse = |n: u64| 1.0 / n as f64;
        let share = (inverse(n) - inverse(2 * below)) / (inverse(below) - inverse(2 * below));
        at_above + share * (at_below - at_above)
    }

    fn at_power(&mut self, n: u64, settings: &FrechetSettings) -> f64 {
        if let Some(&known) = self.chance.get(&n) {
            return known;
        }
        let mut sum = 0.0;
        for sample in 0..u64::from(settings.n_samples) {
            let mut rng = rng(settings.seed, Use::Frechet, (n << 32) | sample);
            let n_real = self.real.nrows();
            let mut draw = |size: usize| {
                let rows: Vec<usize> = (0..size).map(|_| rng.random_range(0..n_real)).collect();
                Moments::of(self.real.select(Axis(0), &rows).view())
            };
            let (made, real) = (draw(n as usize), draw(n_real));
            sum += Target::of(&real).and_then(|real| real.distance(&made)).expect("two real texts and a made one");
        }
        let mean = sum / f64::from(settings.n_samples);
        self.chance.insert(n, mean);
        mean
    }

    /// Verdicts on a batch of this class.
    fn judge(&mut self, points: ArrayView2<'_, f64>, settings: &FrechetSettings) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = points.rows().into_iter().map(|_| Verdict::pass(None)).collect();
        let mut left: Vec<usize> = (0..points.nrows()).collect();
        while !left.is_empty() {
            let of_left = points.select(Axis(0), &left);
            let mut with = self.kept.clone();
            with.merge(&Moments::of(of_left.view()));
            let distance = self.target.distance(&with).expect("there is a text");
            let budget = settings.times * self.by_chance(with.n(), settings);
            if distance <= budget {
                left.iter().for_each(|&row| verdicts[row].score = Some(distance));
                break;
            }
            let influence = self.target.influence(&with, of_left.view()).expect("there is a text");
            let mut order: Vec<usize> = (0..left.len()).collect();
            // Of equals the later one goes.
            order.sort_by(|&a, &b| influence[b].total_cmp(&influence[a]).then(b.cmp(&a)));
            order.truncate((left.len() / 8).max(1));
            for &at in &order {
                let reason =
                    format!("with it the kept texts are {distance:.3} from the real ones, {budget:.3} is allowed");
                verdicts[left[at]] = Verdict::drop(reason, Some(distance));
            }
            let mut at = 0;
            left.retain(|_| {
                at += 1;
                !order.contains(&(at - 1))
            });
        }
        verdicts
    }
}

impl Filter for Frechet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        self.embedded.clear();
        let mut verdicts: Vec<Verdict> = batch.iter().map(|_| Verdict::pass(None)).collect();
        let classes: Vec<Option<ClassId>> = self.classes.keys().copied().collect();
        for wanted in classes {
            let rows: Vec<usize> = (0..batch.len()).filter(|&row| batch[row].wanted == wanted).collect();
            let of_class: Vec<&Candidate> = rows.iter().map(|&row| &batch[row]).collect();
            let points = self.points(&of_class)?;
            let class = self.classes.get_mut(&wanted).expect("one of its own classes");
            for (&row, verdict) in rows.iter().zip(class.judge(points.view(), &self.settings)) {
                verdicts[row] = verdict;
            }
            for (candidate, point) in of_class.iter().zip(points.rows()) {
                self.embedded.insert(candidate.text.clone(), point.to_owned());
            }
        }
        Ok(verdicts)
    }

    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        let classes: Vec<Option<ClassId>> = self.classes.keys().copied().collect();
        for wanted in classes {
            let of_class: Vec<&Candidate> = kept.iter().filter(|candidate| candidate.wanted == wanted).collect();
            let points = self.points(&of_class)?;
            self.classes.get_mut(&wanted).expect("one of its own classes").kept.merge(&Moments::of(points.view()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Numbers, candidates};
    use super::*;

    /// Texts of two numbers, in a lattice around a point.
    fn around(n: usize, x: f64, y: f64) -> Vec<String> {
        (0..n).map(|i| format!("{} {}", x + (i % 7) as f64 - 3.0, y + (i % 5) as f64 - 2.0)).collect()
    }

    fn filter(n_real: usize) -> Frechet {
        let real = BTreeMap::from([(Some(ClassId::new(1)), around(n_real, 0.0, 0.0))]);
        let records = TextRecords::of_field("text");
        Frechet::new(&FrechetSettings::default(), Arc::new(Numbers), records, &real).unwrap()
    }

    fn batch(texts: &[String]) -> Vec<Candidate> {
        candidates(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn kept_of(filter: &mut Frechet, texts: &[String]) -> Vec<usize> {
        let verdicts = filter.judge(&batch(texts)).unwrap();
        (0..texts.len()).filter(|&i| verdicts[i].dropped.is_none()).collect()
    }

    #[test]
    fn texts_like_the_real_ones_pass_and_others_do_not() {
        let mut filter = filter(200);
        assert_eq!(kept_of(&mut filter, &around(35, 0.0, 0.0)).len(), 35);
        assert!(kept_of(&mut filter, &around(35, 40.0, 0.0)).is_empty());
        // Always the same, in the middle: no spread.
        let narrow: Vec<String> = (0..64).map(|_| "0 0".to_owned()).collect();
        assert!(kept_of(&mut filter, &narrow).len() < 8);
    }

    #[test]
    fn those_that_hurt_most_are_dropped() {
        let mut filter = filter(200);
        let mut texts = around(35, 0.0, 0.0);
        texts.insert(10, "60 0".to_owned());
        texts.insert(20, "0 -80".to_owned());
        let kept = kept_of(&mut filter, &texts);
        assert!(!kept.contains(&10) && !kept.contains(&20), "{kept:?}");
        assert!(kept.len() >= 30, "{kept:?}");
    }

    #[test]
    fn what_is_kept_counts_from_then_on() {
        let mut filter = filter(200);
        assert_eq!(filter.distance(Some(ClassId::new(1))), None);
        assert_eq!(kept_of(&mut filter, &around(35, 0.0, 0.0)).len(), 35);
        filter.keep(&batch(&around(35, 40.0, 0.0))).unwrap();
        let (distance, budget) = filter.distance(Some(ClassId::new(1))).unwrap();
        assert!(distance > 1500.0 && budget < 10.0, "{distance} {budget}");
        assert!(kept_of(&mut filter, &around(35, 0.0, 0.0)).is_empty());
    }

    #[test]
    fn few_real_texts_measure_nothing_and_it_says_so() {
        let mut few = filter(3);
        assert_eq!(kept_of(&mut few, &around(5, 99.0, 0.0)).len(), 5);
        assert_eq!(
            few.note().unwrap(),
            "the filter `frechet` lets texts of a class pass unmeasured where it has few real texts: 4 are needed for 2 \
             coordinates, and there are 3"
        );
        assert_eq!(filter(200).note(), None);
    }

    #[test]
    fn chance_falls_as_samples_grow() {
        let mut filter = filter(200);
        let class = filter.classes.get_mut(&Some(ClassId::new(1))).unwrap();
        let settings = FrechetSettings::default();
        let at: Vec<f64> = [4, 6, 8, 64, 1000].map(|n| class.by_chance(n, &settings)).to_vec();
        assert!(at.windows(2).all(|two| two[0] > two[1]), "{at:?}");
        // At 1/6, a third of the way from 1/8 to 1/4.
        assert!((at[1] - (at[2] + (at[0] - at[2]) / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let wrong = |settings: FrechetSettings| {
            Frechet::new(&settings, Arc::new(Numbers), TextRecords::of_field("text"), &BTreeMap::new()).is_err()
        };
        assert!(wrong(FrechetSettings { times: 0.0, ..FrechetSettings::default() }));
        assert!(wrong(FrechetSettings { n_samples: 0, ..FrechetSettings::default() }));
        assert!(matches!(
            filter(200).judge(&candidates(&["no number"])),
            Err(GenerateError::Filter { filter: "frechet", .. })
        ));
    }
}
