//! How far labels can be trusted, class by class.

use synth_core::ClassId;

use super::class_id;
use super::joint::ConfidentJoint;

/// Estimates for a whole set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetHealth {
    /// The share of labels that are likely right.
    pub score: f64,
    /// Class by class, the worst first.
    pub classes: Vec<ClassHealth>,
    /// Pairs of a label and another class with any examples, most examples first.
    pub pairs: Vec<PairHealth>,
}

/// Estimates for one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassHealth {
    /// The class.
    pub class: ClassId,
    /// How often it was given as a label.
    pub n_labels: u64,
    /// Examples that are labelled with it and are of another class, estimated.
    pub n_wrong: u64,
    /// The share of the former that these are; 0 where nothing is labelled with it.
    pub label_noise: f64,
    /// Examples of the class that are labelled as another, estimated.
    pub n_missed: u64,
    /// The share of the class that these are.
    pub inverse_label_noise: f64,
}

/// Examples of one class that are labelled as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairHealth {
    /// The label.
    pub label: ClassId,
    /// The class that they are of.
    pub class: ClassId,
    /// How many, estimated.
    pub n: u64,
}

impl ConfidentJoint {
    /// What the joint says of the classes.
    pub fn health(&self) -> DatasetHealth {
        let counts = self.counts();
        let k = counts.nrows();
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let of_class = |class: usize| {
            let right = counts[[class, class]];
            let (n_labels, n_true) = (counts.row(class).sum(), counts.column(class).sum());
            ClassHealth {
                class: class_id(class),
                n_labels,
                n_wrong: n_labels - right,
                label_noise: share(n_labels - right, n_labels),
                n_missed: n_true - right,
                inverse_label_noise: share(n_true - right, n_true),
            }
        };
        let mut classes: Vec<ClassHealth> = (0..k).map(of_class).collect();
        classes.sort_by(|a, b| b.label_noise.total_cmp(&a.label_noise).then(a.class.cmp(&b.class)));
        let mut pairs: Vec<PairHealth> = counts
            .indexed_iter()
            .filter(|((label, class), n)| label != class && **n > 0)
            .map(|((label, class), n)| PairHealth { label: class_id(label), class: class_id(class), n: *n })
            .collect();
        // Sorting keeps the order of labels and classes among equals.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.n));
        DatasetHealth { score: share(counts.diag().sum(), counts.sum()), classes, pairs }
    }
}
