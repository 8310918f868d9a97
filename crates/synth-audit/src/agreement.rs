//! How far annotators agree beyond chance.
//!
//! Kappas: Cohen (1960), A coefficient of agreement for nominal scales, and (1968), weighted; Fleiss (1971), Measuring
//! nominal scale agreement among many raters. Alpha: Krippendorff (2011), Computing Krippendorff's alpha-reliability.

use std::collections::BTreeMap;

use synth_core::{LabelMatrix, LfVote};

use crate::AuditError;

/// What annotators said of items: a category each, by number, or nothing. Only what was said takes memory.
///
/// Every coefficient is `None` where it is not defined: where chance alone would make everybody agree, so that nothing
/// can be said of anything beyond it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    n_annotators: usize,
    /// Where the ratings of each item begin, and behind them where the last ones end.
    starts: Vec<usize>,
    /// Item by item, by annotator.
    ratings: Vec<Rating>,
    /// The categories that somebody used, ascending.
    categories: Vec<u32>,
    /// Where these stand on a scale.
    values: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rating {
    annotator: u32,
    /// The place of the category among those that are used.
    category: u32,
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
        let of_item = |cells: &[Option<u32>]| -> Vec<(u32, u32)> {
            (0u32..).zip(cells).filter_map(|(annotator, cell)| Some((annotator, (*cell)?))).collect()
        };
        let width = n_annotators.max(1);
        let n_items = cells.len().div_ceil(width);
        if n_items * width != cells.len() {
            return Err(AuditError::Rows { what: "ratings", got: cells.len(), expected: n_items * width });
        }
        Self::of_items(n_annotators, cells.chunks_exact(width).map(of_item))
    }

    /// The votes of a matrix, whose rows are items and whose labeling functions are annotators. Categories are its
    /// classes, in their order.
    ///
    /// ```
    /// use synth_audit::{Ratings, Scale};
    /// use synth_core::{ClassSet, LabelMatrixBuilder};
    ///
    /// let classes = ClassSet::new(["ham", "spam"])?;
    /// let (ham, spam) = (classes.id("ham"), classes.id("spam"));
    /// let mut votes = LabelMatrixBuilder::new(classes, ["anna", "bert", "carl"])?;
    /// for row in [[ham, ham, None], [spam, None, spam], [None, ham, ham]] {
    ///     votes.push_row(row)?;
    /// }
    /// assert_eq!(Ratings::of_votes(&votes.finish())?.krippendorff_alpha(Scale::Nominal), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than two annotators; no votes.
    pub fn of_votes(votes: &LabelMatrix) -> Result<Self, AuditError> {
        let pair = |vote: &LfVote| (vote.lf_idx, vote.class.index() as u32);
        let of_item = |row: usize| votes.votes(row).iter().map(pair).collect::<Vec<_>>();
        Self::of_items(votes.n_lfs(), (0..votes.n_rows()).map(of_item))
    }

    /// Of each item the annotators, ascending, with the category that each gave.
    fn of_items(n_annotators: usize, items: impl Iterator<Item = Vec<(u32, u32)>>) -> Result<Self, AuditError> {
        if n_annotators < 2 {
            let value = n_annotators.to_string();
            return Err(AuditError::Setting { name: "n_annotators", value, expected: "two or more, who can agree" });
        }
        let (mut starts, mut ratings) = (vec![0], Vec::new());
        for item in items {
            ratings.extend(item.into_iter().map(|(annotator, category)| Rating { annotator, category }));
            starts.push(ratings.len());
        }
        if ratings.is_empty() {
            return Err(AuditError::Empty { what: "ratings" });
        }
        let mut categories: Vec<u32> = ratings.iter().map(|rating| rating.category).collect();
        categories.sort_unstable();
        categories.dedup();
        for rating in &mut ratings {
            rating.category = categories.partition_point(|known| *known < rating.category) as u32;
        }
        let values = categories.iter().map(|category| f64::from(*category)).collect();
        Ok(Self { n_annotators, starts, ratings, categories, values })
    }

    /// The same ratings, whose categories stand for these numbers: they count on [`Scale::Interval`] alone.
    ///
    /// # Errors
    /// There are fewer numbers than categories, or one is not finite.
    pub fn with_values(mut self, values: Vec<f64>) -> Result<Self, AuditError> {
        let n_categories = self.categories.last().map_or(0, |largest| *largest as usize + 1);
        if values.len() < n_categories {
            return Err(AuditError::Rows { what: "values", got: values.len(), expected: n_categories });
        }
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(AuditError::NotFinite { row, column: 0, value: values[row] });
        }
        self.values = self.categories.iter().map(|category| values[*category as usize]).collect();
        Ok(self)
    }

    /// How many annotators.
    pub fn n_annotators(&self) -> usize {
        self.n_annotators
    }

    /// How many items.
    pub fn n_items(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many ratings.
    pub fn n_ratings(&self) -> usize {
        self.ratings.len()
    }

    /// The ratings of one item.
    fn item(&self, item: usize) -> &[Rating] {
        &self.ratings[self.starts[item]..self.starts[item + 1]]
    }

    fn items(&self) -> impl Iterator<Item = &[Rating]> {
        (0..self.n_items()).map(|item| self.item(item))
    }

    /// What two annotators said of the items that both rated.
    ///
    /// # Errors
    /// There is no such annotator.
    pub fn pair(&self, one: usize, other: usize) -> Result<RatingPairs, AuditError> {
        for annotator in [one, other] {
            if annotator >= self.n_annotators {
                let value = annotator.to_string();
                return Err(AuditError::Setting { name: "annotator", value, expected: "the number of one, from 0" });
            }
        }
        let by = |item: &[Rating], annotator: usize| {
            let at = item.binary_search_by_key(&(annotator as u32), |rating| rating.annotator).ok()?;
            Some(item[at].category)
        };
        let said = self.items().filter_map(|item| Some((by(item, one)?, by(item, other)?))).collect();
        Ok(RatingPairs { annotators: [one, other], said })
    }

    /// What each two annotators said who rated the same item: by the first of them, then by the second. Only the pairs of
    /// one annotator are in memory at once.
    pub fn pairs(&self) -> impl Iterator<Item = RatingPairs> {
        let mut items_of: Vec<Vec<usize>> = vec![Vec::new(); self.n_annotators];
        for (number, item) in self.items().enumerate() {
            item.iter().for_each(|rating| items_of[rating.annotator as usize].push(number));
        }
        items_of.into_iter().enumerate().flat_map(|(one, items)| {
            let mut said: BTreeMap<usize, Vec<(u32, u32)>> = BTreeMap::new();
            for item in items.into_iter().map(|item| self.item(item)) {
                let at = item.partition_point(|rating| (rating.annotator as usize) < one);
                for other in &item[at + 1..] {
                    said.entry(other.annotator as usize).or_default().push((item[at].category, other.category));
                }
            }
            said.into_iter().map(move |(other, said)| RatingPairs { annotators: [one, other], said })
        })
    }

    /// Fleiss' kappa of all annotators.
    ///
    /// # Errors
    /// Items have different numbers of ratings, for which it is not made: [`Ratings::krippendorff_alpha`] is.
    pub fn fleiss_kappa(&self) -> Result<Option<f64>, AuditError> {
        let n = self.item(0).len();
        if let Some((row, got)) = self.items().map(<[_]>::len).enumerate().find(|(_, len)| *len != n) {
            return Err(AuditError::UnequalRatings { row, got, expected: n });
        }
        // Of one category nothing is to be said.
        if n < 2 || self.categories.len() < 2 {
            return Ok(None);
        }
        let mut shares = vec![0.0; self.categories.len()];
        let (mut agreeing, total) = (0.0, self.ratings.len() as f64);
        for item in self.items() {
            for (category, count) in counts(item) {
                shares[category as usize] += count / total;
                agreeing += count * (count - 1.0) / (n * (n - 1)) as f64;
            }
        }
        let observed = agreeing / self.n_items() as f64;
        let expected: f64 = shares.iter().map(|share| share * share).sum();
        Ok(Some((observed - expected) / (1.0 - expected)))
    }

    /// Krippendorff's alpha of all annotators: 1 where they always agree, 0 where as often as by chance. Items that fewer
    /// than two rated say nothing; anybody may have left out any item.
    pub fn krippendorff_alpha(&self, scale: Scale) -> Option<f64> {
        let mut of_category = vec![0.0; self.categories.len()];
        let rated = || self.items().filter(|item| item.len() > 1);
        rated().flatten().for_each(|rating| of_category[rating.category as usize] += 1.0);
        let n: f64 = of_category.iter().sum();
        // How far apart two categories are is the square of how far these are.
        let places = match scale {
            Scale::Nominal => Vec::new(),
            Scale::Interval => self.values.clone(),
            // The rank of a category is the middle one of its ratings.
            Scale::Ordinal => {
                let mut before = 0.0;
                let rank = |count: &f64| {
                    before += count;
                    before - count / 2.0
                };
                of_category.iter().map(rank).collect()
            }
        };
        let apart = |a: u32, b: u32| match scale {
            Scale::Nominal => f64::from(u8::from(a != b)),
            Scale::Ordinal | Scale::Interval => (places[a as usize] - places[b as usize]).powi(2),
        };
        let mut observed = 0.0;
        for item in rated() {
            let counts = counts(item);
            for (a, n_a) in &counts {
                for (b, n_b) in &counts {
                    observed += n_a * n_b * apart(*a, *b) / (item.len() - 1) as f64;
                }
            }
        }
        // The sum over all pairs of ratings, of any items.
        let expected = match scale {
            Scale::Nominal => of_category.iter().map(|count| count * (n - count)).sum(),
            Scale::Ordinal | Scale::Interval => {
                // From a place that is used, so that places that are all the same have a spread of exactly 0.
                let used = of_category.iter().position(|count| *count > 0.0)?;
                let from = |place: &f64| place - places[used];
                let mean = of_category.iter().zip(&places).map(|(n, place)| n * from(place)).sum::<f64>() / n;
                let spread = of_category.iter().zip(&places).map(|(n, place)| n * (from(place) - mean).powi(2));
                2.0 * n * spread.sum::<f64>()
            }
        };
        let alpha = 1.0 - (n - 1.0) * observed / expected;
        (expected > 0.0 && alpha.is_finite()).then_some(alpha)
    }
}

/// How often each category stands at an item, ascending by category.
fn counts(item: &[Rating]) -> Vec<(u32, f64)> {
    let mut categories: Vec<u32> = item.iter().map(|rating| rating.category).collect();
    categories.sort_unstable();
    categories.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f64)).collect()
}

/// What two annotators said of the items that both rated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatingPairs {
    annotators: [usize; 2],
    /// Categories, by their places among those that are used.
    said: Vec<(u32, u32)>,
}

impl RatingPairs {
    /// The numbers of the two.
    pub fn annotators(&self) -> [usize; 2] {
        self.annotators
    }

    /// How many items both rated.
    pub fn n_items(&self) -> usize {
        self.said.len()
    }

    /// The share of these on which they agree; `None` where there are none.
    pub fn observed_agreement(&self) -> Option<f64> {
        let same = self.said.iter().filter(|(a, b)| a == b).count();
        (!self.said.is_empty()).then(|| same as f64 / self.said.len() as f64)
    }

    /// Cohen's kappa: 1 where they always agree, 0 where as often as by chance.
    pub fn cohen_kappa(&self, weights: Weights) -> Option<f64> {
        // Categories that neither uses do not lie between those that they use.
        let mut used: Vec<u32> = self.said.iter().flat_map(|(a, b)| [*a, *b]).collect();
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
        for (a, b) in &self.said {
            let (a, b) = (place(*a), place(*b));
            rows[a] += 1.0;
            columns[b] += 1.0;
            observed += apart(a, b);
        }
        let expected: f64 =
            (0..k).flat_map(|a| (0..k).map(move |b| (a, b))).map(|(a, b)| rows[a] * columns[b] * apart(a, b)).sum();
        let expected = expected / self.said.len() as f64;
        (expected > 0.0).then(|| 1.0 - observed / expected)
    }
}

/// What a kappa is called: Landis and Koch (1977), The measurement of observer agreement for categorical data. Of an alpha the
/// same words are used; Krippendorff himself would draw conclusions from .8 on, and tentative ones from .667.
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
