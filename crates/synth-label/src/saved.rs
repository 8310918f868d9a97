//! Fitted models as versioned JSON.

use serde::{Deserialize, Serialize};
use synth_core::ClassSet;

use crate::model::{Part, Scorer};
use crate::{FittedModel, LabelError};

const FORMAT: &str = "synth-label-model";
/// The format's version. It grows when older programs would misread what newer ones write.
const VERSION: u64 = 1;

/// A model as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: String,
    version: u64,
    method: String,
    classes: Vec<String>,
    labeling_functions: Vec<String>,
    balance: Vec<f64>,
    parts: Vec<Part>,
    uncovered: Option<Vec<f64>>,
}

/// What is read first, whatever else the file holds.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl FittedModel {
    /// The model as JSON text. Reading it back gives the same model, bit for bit.
    ///
    /// ```
    /// use synth_core::{ClassSet, LabelMatrixBuilder};
    /// use synth_label::{FittedModel, Gold, Majority};
    ///
    /// let classes = ClassSet::new(["ham", "spam"])?;
    /// let spam = classes.id("spam");
    /// let mut builder = LabelMatrixBuilder::new(classes, ["links"])?;
    /// builder.push_row([spam])?;
    /// let matrix = builder.finish();
    /// let model = Majority::default().fit(matrix.patterns(), &Gold::none())?.model;
    /// assert_eq!(FittedModel::from_json(&model.to_json())?, model);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> String {
        let saved = Saved {
            format: FORMAT.into(),
            version: VERSION,
            method: self.method.clone(),
            classes: self.classes.names().to_vec(),
            labeling_functions: self.lf_names.to_vec(),
            balance: self.balance.clone(),
            parts: self.parts.clone(),
            uncovered: self.uncovered.clone(),
        };
        // Strings, numbers and lists always have a JSON form.
        serde_json::to_string(&saved).unwrap_or_default()
    }

    /// A model from the text that [`FittedModel::to_json`] wrote.
    ///
    /// # Errors
    /// The text is something else, was damaged, or is of a newer format.
    pub fn from_json(text: &str) -> Result<Self, LabelError> {
        let damaged = |problem: &str| LabelError::Damaged { problem: problem.into(), source: None };
        let broken = |error: serde_json::Error| LabelError::Damaged {
            problem: "the JSON does not have the form of one".into(),
            source: Some(Box::new(error)),
        };
        let header: Header = serde_json::from_str(text).map_err(broken)?;
        if header.format != FORMAT {
            return Err(damaged(&format!("its format is {:?}", header.format)));
        }
        if header.version > VERSION {
            return Err(LabelError::NewerFormat { got: header.version, newest: VERSION });
        }
        let saved: Saved = serde_json::from_str(text).map_err(broken)?;
        let classes = ClassSet::new(saved.classes).map_err(|error| LabelError::Damaged {
            problem: "its class names are no class set".into(),
            source: Some(Box::new(error)),
        })?;
        let (m, k) = (saved.labeling_functions.len(), classes.len());
        if !is_distribution(&saved.balance, k) || saved.uncovered.as_ref().is_some_and(|u| !is_distribution(u, k)) {
            return Err(damaged("its class balance is no distribution over its classes"));
        }
        let shares: Vec<f64> = saved.parts.iter().map(|part| part.share).collect();
        if !is_distribution(&shares, shares.len()) {
            return Err(damaged("the shares of its parts do not sum to 1"));
        }
        if !saved.parts.iter().all(|part| fits(&part.scorer, m, k)) {
            return Err(damaged("its numbers do not fit its classes and labeling functions"));
        }
        let mut names = saved.labeling_functions.clone();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(damaged("a labeling function stands twice"));
        }
        Ok(Self {
            method: saved.method,
            classes,
            lf_names: saved.labeling_functions.into(),
            balance: saved.balance,
            parts: saved.parts,
            uncovered: saved.uncovered,
        })
    }
}

fn is_distribution(shares: &[f64], len: usize) -> bool {
    shares.len() == len
        && shares.iter().all(|s| s.is_finite() && *s >= 0.0)
        && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6
}

fn fits(scorer: &Scorer, m: usize, k: usize) -> bool {
    let weights = |weights: &[f64]| weights.len() == m && weights.iter().all(|w| w.is_finite() && *w >= 0.0);
    match scorer {
        Scorer::Top { lf_weights } => weights(lf_weights),
        Scorer::Shares { lf_weights, smoothing } => weights(lf_weights) && smoothing.is_finite() && *smoothing >= 0.0,
        Scorer::LogLinear { base, lf, class, cells, sharpness } => {
            base.len() == k
                && class.len() == lf.len()
                && cells.len() == lf.len() * k
                && lf.iter().all(|&lf| (lf as usize) < m)
                && class.iter().all(|&class| usize::from(class) < k)
                && base.iter().chain(cells).chain([sharpness]).all(|x| x.is_finite())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::patterns;
    use crate::{Auto, DawidSkene, Gold, Majority, Triplet, Weighted};

    fn model() -> FittedModel {
        let rows = [(vec![Some(0), Some(1), None], 7), (vec![Some(1), Some(1), Some(1)], 5), (vec![None; 3], 2)];
        Auto::default().fit(&patterns(3, 2, &rows), &Gold::none()).unwrap().model
    }

    #[test]
    fn every_method_comes_back_bit_for_bit() {
        let rows = [(vec![Some(0), Some(1), None], 7), (vec![Some(1), Some(1), Some(1)], 5), (vec![None; 3], 2)];
        let votes = patterns(3, 2, &rows);
        let gold = Gold::none();
        for model in [
            Auto::default().fit(&votes, &gold).unwrap().model,
            Majority::default().fit(&votes, &gold).unwrap().model,
            Weighted::default().fit(&votes, &gold).unwrap().model,
            DawidSkene::default().fit(&votes, &gold).unwrap().model,
            Triplet::default().fit(&votes, &gold).unwrap().model,
        ] {
            let back = FittedModel::from_json(&model.to_json()).unwrap();
            assert_eq!(back, model);
            assert_eq!(back.posteriors(&votes).unwrap(), model.posteriors(&votes).unwrap());
        }
    }

    #[test]
    fn damage_is_refused() {
        let text = model().to_json();
        let check = |text: &str, expected: &str| {
            let error = FittedModel::from_json(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(&text[..text.len() / 2], "not a saved label model");
        check("{}", "not a saved label model");
        check(&text.replace(FORMAT, "other"), "its format is \"other\"");
        check(&text.replace("\"version\":1", "\"version\":2"), "format version 2, this program reads up to 1");
        check(&text.replace("[\"c0\",\"c1\"]", "[\"c0\",\"c1\",\"c2\"]"), "class balance");
        check(&text.replace("[\"c0\",\"c1\"]", "[\"c0\",\"c0\"]"), "class names");
        check(&text.replace("\"lf2\"", "\"lf1\""), "stands twice");
        check(&text.replace("[\"lf0\",\"lf1\",\"lf2\"]", "[\"lf0\",\"lf1\"]"), "do not fit");
    }
}
