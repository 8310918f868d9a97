//! The soft label of a made text: not only the wish of the prompt.

use synth_core::ClassId;

/// How often a generator made the class it was asked for, before anything is known of it: it counts as so many texts.
const PRIOR_WEIGHT: f64 = 10.0;

/// What is believed of a generator from its kind of work alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// The share of texts that are of the class that was asked for, in (0, 1).
    pub accuracy: f64,
    /// The class that takes what is left, at the border to which texts were asked for; all other classes alike
    /// where there is none.
    pub against: Option<ClassId>,
}

/// Soft labels of made texts.
///
/// The wish of the prompt is one more vote, right with a probability that is learned from the predictor: the mean of
/// what it gives the wanted class over all candidates that it knows something of, drop-outs included, with a prior
/// worth ten texts. Times what the predictor says of the text itself, by Bayes' rule with the classes equally common.
///
/// # Shapes
/// `wanted` n classes; `predicted` n distributions over k classes, `None` where nothing is known of a text; the result
/// n distributions over k classes.
///
/// `all` are the candidates the accuracy is learned from: how much the predictor gives the wanted class of each.
pub fn soft_labels(
    wish: Wish,
    all: &[f64],
    wanted: &[ClassId],
    predicted: &[Option<Vec<f64>>],
    n_classes: usize,
) -> Vec<Vec<f64>> {
    let accuracy = (wish.accuracy * PRIOR_WEIGHT + all.iter().sum::<f64>()) / (PRIOR_WEIGHT + all.len() as f64);
    wanted
        .iter()
        .zip(predicted)
        .map(|(&class, predicted)| {
            let mut probs = of_wish(Wish { accuracy, ..wish }, class, n_classes);
            if let Some(predicted) = predicted {
                let joint: Vec<f64> = probs.iter().zip(predicted).map(|(wish, p)| wish * p).collect();
                let sum: f64 = joint.iter().sum();
                // A predictor that rules out every class that the wish allows leaves the wish.
                if sum > 0.0 {
                    probs = joint.iter().map(|p| p / sum).collect();
                }
            }
            probs
        })
        .collect()
}

/// The distribution that the wish alone tells.
fn of_wish(wish: Wish, class: ClassId, n_classes: usize) -> Vec<f64> {
    if n_classes == 1 {
        return vec![1.0];
    }
    let rest = 1.0 - wish.accuracy;
    (0..n_classes)
        .map(|at| match wish.against {
            _ if at == class.index() => wish.accuracy,
            Some(against) if at == against.index() => rest,
            Some(_) => 0.0,
            None => rest / (n_classes - 1) as f64,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use synth_core::ClassSet;

    use super::*;

    #[test]
    fn the_wish_is_one_more_vote() {
        let classes = ClassSet::new(["a", "b", "c"]).unwrap();
        let a = classes.id("a").unwrap();
        let wish = Wish { accuracy: 0.8, against: None };
        // Nothing known: the wish alone.
        let found = soft_labels(wish, &[], &[a], &[None], 3);
        for (p, expected) in found[0].iter().zip([0.8, 0.1, 0.1]) {
            assert!((p - expected).abs() < 1e-12, "{found:?}");
        }
        // The accuracy falls to (8 + 2) / 20 = .5 where ten texts got .2 each; then .5 * .2 : .25 * .6 : .25 * .2.
        let found = soft_labels(wish, &[0.2; 10], &[a], &[Some(vec![0.2, 0.6, 0.2])], 3);
        for (p, expected) in found[0].iter().zip([0.1 / 0.3, 0.15 / 0.3, 0.05 / 0.3]) {
            assert!((p - expected).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn a_single_class_is_certain() {
        let classes = ClassSet::new(["a"]).unwrap();
        let wish = Wish { accuracy: 0.9, against: None };
        assert_eq!(soft_labels(wish, &[], &[classes.id("a").unwrap()], &[None], 1), [vec![1.0]]);
    }

    #[test]
    fn edge_cases_are_between_two_classes() {
        let classes = ClassSet::new(["a", "b", "c"]).unwrap();
        let (a, b) = (classes.id("a").unwrap(), classes.id("b"));
        let wish = Wish { accuracy: 0.75, against: b };
        assert_eq!(soft_labels(wish, &[], &[a], &[None], 3), [vec![0.75, 0.25, 0.0]]);
        assert_eq!(soft_labels(wish, &[], &[a], &[Some(vec![0.0, 0.0, 1.0])], 3), [vec![0.75, 0.25, 0.0]]);
    }
}
