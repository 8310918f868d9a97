//! How far annotators agree beyond chance.
//!
//! Kappas: Cohen (1960), A coefficient of agreement for nominal scales, and (1968), weighted; Fleiss (1971), Measuring
//! nominal scale agreement among many raters. Alpha: Krippendorff (2011), Computing Krippendorff's alpha-reliability.

use crate::AuditError;

/// What annotators said of items: a category each, by number, or nothing.
///
/// Every coefficient is `None` where it is not defined: where chance alone would make everybody agree, so that nothing
/// can be said of anything beyond it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    n_annotators: usize,
    /// Item by item, `[items, annotators]`.
    cells: Vec<Option<u32>>,
    /// Where the categories stand on a scale.
    values: Vec<f64>,
}

/// How much it counts by which category two annotators differ, in Cohen's kappa.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weights {
    /// Each difference counts the same.
    #[default]
    None,
    /// By how many categories they are apart.
    Linear,
    /// By the square of that.
    Quadratic,
}

/// What the categories are, in Krippendorff's alpha.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// Names.
    #[default]
    Nominal,
    /// Ranks: how far two are apart depends on how many ratings lie between them.
    Ordinal,
    /// Numbers: how far two are apart is the square of their difference.
    Interval,
}

impl Ratings {
    /// Ratings of items by annotators.
    ///
    /// # Shapes
    /// `cells: [items, annotators]`, one item after the other.
    ///
    /// # Errors
    /// Fewer than two annotators; no items; a last item that is not whole.
    pub fn new(n_annotators: usize, cells: Vec<Option<u32>>) -> Result<Self, AuditError> {
        if n_annotators < 2 {
            let value = n_annotators.to_string();
            return Err(AuditError::Setting { name: "n_annotators", value, expected: "two or more, who can agree" });
        }
        if cells.iter().all(Option::is_none) {
            return Err(AuditError::Empty { what: "ratings" });
        }
        let n_items = cells.len() / n_annotators;
        if n_items * n_annotators != cells.len() {
            let (got, expected) = (cells.len(), (n_items + 1) * n_annotators);
            return Err(AuditError::Rows { what: "ratings", got, expected });
        }
        let n_categories = cells.iter().flatten().max().map_or(0, |largest| *largest as usize + 1);
        Ok(Self { n_annotators, cells, values: (0..n_categories).map(|category| category as f64).collect() })
    }

    /// The same ratings, whose categories stand for these numbers: they count on [`Scale::Interval`] alone.
    ///
    /// # Errors
    /// There are fewer numbers than categories, or one is not finite.
    pub fn with_values(mut self, values: Vec<f64>) -> Result<Self, AuditError> {
        if values.len() < self.values.len() {
            return Err(AuditError::Rows { what: "values", got: values.len(), expected: self.values.len() });
        }
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(AuditError::NotFinite { row, column: 0, value: values[row] });
        }
        self.values = values;
        Ok(self)
    }

    /// How many annotators.
    pub fn n_annotators(&self) -> usize {
        self.n_annotators
    }

    /// How many items.
    pub fn n_items(&self) -> usize {
        self.cells.len() / self.n_annotators
    }

    fn items(&self) -> impl Iterator<Item = &[Option<u32>]> {
        self.cells.chunks_exact(self.n_annotators)
    }

    /// The share of items on which two annotators agree, of those that both rated; `None` where there are none.
    ///
    /// # Errors
    /// There is no such annotator.
    pub fn observed_agreement(&self, one: usize, other: usize) -> Result<Option<f64>, AuditError> {
        let pairs = self.pairs(one, other)?;
        let same = pairs.iter().filter(|(a, b)| a == b).count();
        Ok((!pairs.is_empty()).then(|| same as f64 / pairs.len() as f64))
    }

    /// Cohen's kappa of two annotators, on the items that both rated: 1 where they always agree, 0 where as often as by
    /// chance.
    ///
    /// # Errors
    /// There is no such annotator.
    pub fn cohen_kappa(&self, one: usize, other: usize, weights: Weights) -> Result<Option<f64>, AuditError> {
        let pairs = self.pairs(one, other)?;
        // Categories that neither uses do not lie between those that they use.
        let mut used: Vec<u32> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        used.sort_unstable();
        used.dedup();
        let place = |category: u32| used.partition_point(|known| *known < category);
        let k = used.len();
        let (mut rows, mut columns, mut observed) = (vec![0.0; k], vec![0.0; k], 0.0);
        let apart = |a: usize, b: usize| match weights {
            Weights::None => f64::from(u8::from(a != b)),
            Weights::Linear => a.abs_diff(b) as f64,
            Weights::Quadratic => (a.abs_diff(b) as f64).powi(2),
        };
        for (a, b) in &pairs {
            let (a, b) = (place(*a), place(*b));
            rows[a] += 1.0;
            columns[b] += 1.0;
            observed += apart(a, b);
        }
        let expected: f64 =
            (0..k).flat_map(|a| (0..k).map(move |b| (a, b))).map(|(a, b)| rows[a] * columns[b] * apart(a, b)).sum();
        let expected = expected / pairs.len() as f64;
        Ok((expected > 0.0).then(|| 1.0 - observed / expected))
    }

    /// Cohen's kappa of each two annotators, `[annotators][annotators]`, with 1 on the diagonal.
    pub fn pairwise_kappa(&self, weights: Weights) -> Vec<Vec<Option<f64>>> {
        let of_pair = |one: usize, other: usize| match one == other {
            true => Some(1.0),
            // Both are there.
            false => self.cohen_kappa(one, other, weights).ok().flatten(),
        };
        (0..self.n_annotators).map(|one| (0..self.n_annotators).map(|other| of_pair(one, other)).collect()).collect()
    }

    /// Fleiss' kappa of all annotators.
    ///
    /// # Errors
    /// Items have different numbers of ratings, for which it is not made: [`Ratings::krippendorff_alpha`] is.
    pub fn fleiss_kappa(&self) -> Result<Option<f64>, AuditError> {
        let n_ratings = |item: &[Option<u32>]| item.iter().flatten().count();
        let n = self.items().map(n_ratings).next().unwrap_or_default();
        if let Some(row) = self.items().position(|item| n_ratings(item) != n) {
            let got = self.items().nth(row).map_or(0, n_ratings);
            return Err(AuditError::UnequalRatings { row, got, expected: n });
        }
        if n < 2 {
            return Ok(None);
        }
        let mut shares = vec![0.0; self.values.len()];
        let (mut agreeing, total) = (0.0, (self.n_items() * n) as f64);
        for item in self.items() {
            let counts = self.counts(item);
            counts.iter().zip(&mut shares).for_each(|(count, share)| *share += count / total);
            agreeing += counts.iter().map(|count| count * (count - 1.0)).sum::<f64>() / (n * (n - 1)) as f64;
        }
        let observed = agreeing / self.n_items() as f64;
        let expected: f64 = shares.iter().map(|share| share * share).sum();
        Ok(self.varies().then(|| (observed - expected) / (1.0 - expected)))
    }

    /// Krippendorff's alpha of all annotators: 1 where they always agree, 0 where as often as by chance. Items that fewer
    /// than two rated say nothing; anybody may have left out any item.
    pub fn krippendorff_alpha(&self, scale: Scale) -> Option<f64> {
        let k = self.values.len();
        // How often each two categories stand at one item, each item weighed by its ratings.
        let mut together = vec![0.0; k * k];
        for item in self.items() {
            let counts = self.counts(item);
            let n: f64 = counts.iter().sum();
            if n < 2.0 {
                continue;
            }
            let used: Vec<usize> = (0..k).filter(|category| counts[*category] > 0.0).collect();
            for &a in &used {
                for &b in &used {
                    let others = if a == b { counts[b] - 1.0 } else { counts[b] };
                    together[a * k + b] += counts[a] * others / (n - 1.0);
                }
            }
        }
        let of_category: Vec<f64> = together.chunks_exact(k).map(|row| row.iter().sum()).collect();
        let n: f64 = of_category.iter().sum();
        let before: Vec<f64> = of_category
            .iter()
            .scan(0.0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        let apart = |a: usize, b: usize| match scale {
            Scale::Nominal => f64::from(u8::from(a != b)),
            Scale::Interval => (self.values[a] - self.values[b]).powi(2),
            Scale::Ordinal => {
                let (low, high) = (a.min(b), a.max(b));
                let between = before[high] - before[low] + of_category[low];
                if low == high { 0.0 } else { (between - (of_category[low] + of_category[high]) / 2.0).powi(2) }
            }
        };
        let (mut observed, mut expected) = (0.0, 0.0);
        for a in 0..k {
            for b in 0..k {
                observed += together[a * k + b] * apart(a, b);
                expected += of_category[a] * of_category[b] * apart(a, b);
            }
        }
        (expected > 0.0).then(|| 1.0 - (n - 1.0) * observed / expected)
    }

    /// Whether there are two categories at least.
    fn varies(&self) -> bool {
        let mut all = self.cells.iter().flatten();
        let first = all.next();
        all.any(|category| Some(category) != first)
    }

    /// How often each category stands at an item.
    fn counts(&self, item: &[Option<u32>]) -> Vec<f64> {
        let mut counts = vec![0.0; self.values.len()];
        item.iter().flatten().for_each(|category| counts[*category as usize] += 1.0);
        counts
    }

    /// What two annotators said of the items that both rated.
    fn pairs(&self, one: usize, other: usize) -> Result<Vec<(u32, u32)>, AuditError> {
        for annotator in [one, other] {
            if annotator >= self.n_annotators {
                let value = annotator.to_string();
                return Err(AuditError::Setting { name: "annotator", value, expected: "the number of one, from 0" });
            }
        }
        Ok(self.items().filter_map(|item| Some((item[one]?, item[other]?))).collect())
    }
}

/// What a kappa is called: Landis and Koch (1977), The measurement of observer agreement for categorical data.
///
/// ```
/// assert_eq!(synth_audit::interpretation(0.55), "moderate");
/// ```
pub fn interpretation(kappa: f64) -> &'static str {
    match kappa {
        kappa if kappa < 0.0 => "poor",
        kappa if kappa <= 0.2 => "slight",
        kappa if kappa <= 0.4 => "fair",
        kappa if kappa <= 0.6 => "moderate",
        kappa if kappa <= 0.8 => "substantial",
        _ => "almost perfect",
    }
}
