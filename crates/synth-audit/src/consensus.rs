//! What several annotators say together, how far each can be trusted, and where to ask once more.
//!
//! With a classifier by CROWDLAB: Goh, Tkachenko, Mueller (2022), CROWDLAB: supervised learning to infer consensus labels
//! and quality scores for data with multiple annotators. Without one, by whatever label model.

use ndarray::{Array2, ArrayView2};
use synth_core::{ClassId, LabelMatrix};

use crate::AuditError;

/// The consensus on items that several annotators have labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct Consensus {
    /// How probable each class is for each item, `[items, classes]`.
    pub probs: Array2<f64>,
    /// The most probable class of each item, the first of several.
    pub labels: Vec<ClassId>,
    /// How probable that is: the quality of the label.
    pub quality: Vec<f64>,
    /// The annotators, in their order.
    pub annotators: Vec<AnnotatorQuality>,
    /// How much the classifier counts, where one annotator who is always right counts 1; `None` without one.
    pub classifier_weight: Option<f64>,
}

/// How far an annotator can be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnotatorQuality {
    /// How many items they labelled.
    pub n: usize,
    /// The share of them on which they agree with the consensus, among those that others labelled, too; `None` where there
    /// are none.
    pub agreement: Option<f64>,
    /// How probable their labels are on average; `None` without any.
    pub quality: Option<f64>,
}

/// What counts for nothing counts this little.
const LEAST: f64 = 1e-6;

impl Consensus {
    /// By a label model: what it holds each item for.
    ///
    /// # Shapes
    /// `votes: [items, annotators]`, `probs: [items, classes]`
    ///
    /// # Errors
    /// As many distributions as there are no items, or of another number of classes, or a row that is none.
    pub fn by_model(votes: &LabelMatrix, probs: ArrayView2<'_, f64>) -> Result<Self, AuditError> {
        check(votes, probs)?;
        Ok(Self::of(votes, probs.to_owned(), None))
    }

    /// By the annotators and a classifier that has not seen the items, weighed by how often each agrees with the others.
    ///
    /// ```
    /// use ndarray::array;
    /// use synth_audit::Consensus;
    /// use synth_core::{ClassSet, LabelMatrixBuilder};
    ///
    /// let classes = ClassSet::new(["ham", "spam"])?;
    /// let (ham, spam) = (classes.id("ham"), classes.id("spam"));
    /// let mut votes = LabelMatrixBuilder::new(classes, ["anna", "bert", "carl"])?;
    /// for row in [[ham, ham, spam], [spam, spam, spam], [ham, ham, ham], [ham, spam, None]] {
    ///     votes.push_row(row)?;
    /// }
    /// let probs = array![[0.9, 0.1], [0.1, 0.9], [0.8, 0.2], [0.2, 0.8]];
    /// let consensus = Consensus::with_classifier(&votes.finish(), probs.view())?;
    /// // One to one, and the classifier decides; it is also what should be looked at first.
    /// assert_eq!(consensus.labels[3], spam.unwrap());
    /// assert_eq!(consensus.relabel_first()[0], 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Shapes
    /// `votes: [items, annotators]`, `probs: [items, classes]`
    ///
    /// # Errors
    /// As many distributions as there are no items, or of another number of classes, or a row that is none; no item that two annotators
    /// labelled, so that nobody can be compared.
    pub fn with_classifier(votes: &LabelMatrix, probs: ArrayView2<'_, f64>) -> Result<Self, AuditError> {
        check(votes, probs)?;
        let (n, m, k) = (votes.n_rows(), votes.n_lfs(), votes.n_classes());
        let n_votes: Vec<usize> = (0..n).map(|row| votes.votes(row).len()).collect();
        let shared: Vec<usize> = (0..n).filter(|row| n_votes[*row] > 1).collect();
        if shared.is_empty() {
            return Err(AuditError::Empty { what: "items that two annotators labelled" });
        }
        let first: Vec<usize> = (0..n).map(|row| majority(votes, row, probs)).collect();
        let mean = |of: &dyn Fn(usize) -> f64| shared.iter().map(|row| of(*row)).sum::<f64>() / shared.len() as f64;
        // How probable it is that any annotator gives the consensus.
        let agree = mean(&|row| {
            let same = votes.votes(row).iter().filter(|vote| vote.class.index() == first[row]).count();
            same as f64 / n_votes[row] as f64
        });
        let mut counts = vec![0usize; k];
        shared.iter().for_each(|row| counts[first[*row]] += 1);
        let commonest = counts.iter().copied().max().unwrap_or(0) as f64;
        // How often whoever always says the commonest class is wrong: what is no better than that counts for nothing.
        let worst = (1.0 - commonest / shared.len() as f64).max(LEAST);
        let weight = |wrong: f64| (1.0 - wrong / worst).max(LEAST);
        let largest = |row: usize| crate::label_errors::largest(probs.row(row).iter().copied());
        let classifier_wrong = mean(&|row| f64::from(u8::from(largest(row) != first[row])));
        let per_item = n_votes.iter().sum::<usize>() as f64 / n as f64;
        let classifier = weight(classifier_wrong) * per_item.sqrt();
        let weights: Vec<f64> =
            agreement_with_others(votes, &shared, m).into_iter().map(|same| weight(1.0 - same)).collect();
        let others = (1.0 - agree) / (k - 1).max(1) as f64;
        let mut combined = probs.mapv(|p| p * classifier);
        for (row, mut combined) in combined.rows_mut().into_iter().enumerate() {
            let mut total = classifier;
            for vote in votes.votes(row) {
                let weight = weights[vote.lf_idx as usize];
                total += weight;
                for (class, p) in combined.iter_mut().enumerate() {
                    *p += weight * if class == vote.class.index() { agree } else { others };
                }
            }
            combined.mapv_inplace(|p| p / total);
        }
        Ok(Self::of(votes, combined, Some(classifier)))
    }

    fn of(votes: &LabelMatrix, probs: Array2<f64>, classifier_weight: Option<f64>) -> Self {
        let labels: Vec<usize> =
            probs.rows().into_iter().map(|row| crate::label_errors::largest(row.iter().copied())).collect();
        let quality = labels.iter().enumerate().map(|(row, label)| probs[[row, *label]]).collect();
        let mut sums = vec![(0usize, 0.0, 0usize, 0usize); votes.n_lfs()];
        for (row, label) in labels.iter().enumerate() {
            let of_item = votes.votes(row);
            for vote in of_item {
                let (n, probability, shared, same) = &mut sums[vote.lf_idx as usize];
                *n += 1;
                *probability += probs[[row, vote.class.index()]];
                if of_item.len() > 1 {
                    *shared += 1;
                    *same += usize::from(vote.class.index() == *label);
                }
            }
        }
        let annotator = |(n, probability, shared, same): (usize, f64, usize, usize)| AnnotatorQuality {
            n,
            agreement: (shared > 0).then(|| same as f64 / shared as f64),
            quality: (n > 0).then(|| probability / n as f64),
        };
        Self {
            labels: labels.into_iter().map(crate::label_errors::class_id).collect(),
            quality,
            annotators: sums.into_iter().map(annotator).collect(),
            classifier_weight,
            probs,
        }
    }

    /// Items in the order in which one more label is worth most: the least sure first, the first of several.
    pub fn relabel_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.quality.len()).collect();
        // Sorting keeps the order of equals.
        order.sort_by(|a, b| self.quality[*a].total_cmp(&self.quality[*b]));
        order
    }
}

fn check(votes: &LabelMatrix, probs: ArrayView2<'_, f64>) -> Result<(), AuditError> {
    if probs.nrows() != votes.n_rows() {
        return Err(AuditError::Rows { what: "distributions", got: probs.nrows(), expected: votes.n_rows() });
    }
    if probs.ncols() != votes.n_classes() {
        return Err(AuditError::Rows { what: "classes", got: probs.ncols(), expected: votes.n_classes() });
    }
    crate::label_errors::check_distributions(probs)
}

/// What most annotators say of an item; of several classes the one that the classifier holds for the most probable.
fn majority(votes: &LabelMatrix, row: usize, probs: ArrayView2<'_, f64>) -> usize {
    let mut counts = vec![0.0; votes.n_classes()];
    votes.votes(row).iter().for_each(|vote| counts[vote.class.index()] += 1.0);
    // No probability is worth a vote.
    crate::label_errors::largest(counts.iter().zip(probs.row(row)).map(|(count, p)| count + 0.5 * p))
}

/// How often each annotator agrees with the others on items that they share; the mean of all for who shares none.
fn agreement_with_others(votes: &LabelMatrix, shared: &[usize], m: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); m];
    for &row in shared {
        let of_item = votes.votes(row);
        for vote in of_item {
            let same = of_item.iter().filter(|other| other.class == vote.class).count() - 1;
            let (agreeing, pairs) = &mut sums[vote.lf_idx as usize];
            *agreeing += same as f64;
            *pairs += (of_item.len() - 1) as f64;
        }
    }
    let known: Vec<f64> = sums.iter().filter(|(_, pairs)| *pairs > 0.0).map(|(same, pairs)| same / pairs).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    sums.into_iter().map(|(same, pairs)| if pairs > 0.0 { same / pairs } else { mean }).collect()
}
