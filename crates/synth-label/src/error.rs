//! What can go wrong when a label model is fitted, applied, saved or loaded.

use synth_core::BoxError;

/// An error of a label model, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// A parameter is out of its range.
    #[error("{name} is {value}, expected {expected}")]
    Param {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Gold labels do not fit the votes.
    #[error("gold labels do not fit the votes: {problem}")]
    BadGold {
        /// What does not fit.
        problem: String,
    },
    /// The votes come from other labeling functions than the model was fitted on.
    #[error(
        "the votes are of other labeling functions than the model was fitted on{}",
        lf_difference(missing, unknown)
    )]
    DifferentLfs {
        /// Functions the model knows and the votes lack.
        missing: Vec<String>,
        /// Functions the votes have and the model does not know.
        unknown: Vec<String>,
    },
    /// The votes are over other classes than the model was fitted on.
    #[error("the votes are over the classes {got}, the model was fitted on {expected}")]
    DifferentClasses {
        /// The model's classes, joined by commas.
        expected: String,
        /// The classes of the votes, joined by commas.
        got: String,
    },
    /// A saved model is of a format this version does not read.
    #[error("the saved label model has format version {got}, this program reads up to {newest}")]
    NewerFormat {
        /// The version found.
        got: u64,
        /// The newest version that can be read.
        newest: u64,
    },
    /// What was read is no saved label model, or a damaged one.
    #[error("not a saved label model: {problem}")]
    Damaged {
        /// What is wrong with it.
        problem: String,
        /// The cause, where another layer found it.
        #[source]
        source: Option<BoxError>,
    },
}

impl LabelError {
    /// What to try, in order of promise.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Param { .. } => Vec::new(),
            Self::BadGold { .. } => vec!["gold labels go with the very rows the label matrix was built from".into()],
            Self::DifferentLfs { .. } => {
                vec!["apply the labeling functions the model was fitted with, or fit it anew".into()]
            }
            Self::DifferentClasses { .. } => vec!["class names and their order must be those of the fit".into()],
            Self::NewerFormat { .. } => vec!["update this program, or fit the model anew".into()],
            Self::Damaged { .. } => vec!["save the model again; a saved model is written whole or not at all".into()],
        }
    }
}

fn lf_difference(missing: &[String], unknown: &[String]) -> String {
    let list = |what: &str, names: &[String]| match names {
        [] => String::new(),
        _ if names.len() > 5 => format!("; {what}: {}, … ({} in all)", names[..5].join(", "), names.len()),
        all => format!("; {what}: {}", all.join(", ")),
    };
    list("missing", missing) + &list("unknown", unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_the_functions() {
        let error = LabelError::DifferentLfs { missing: vec!["links".into()], unknown: vec!["short".into()] };
        assert_eq!(
            error.to_string(),
            "the votes are of other labeling functions than the model was fitted on; missing: links; unknown: short"
        );
        let many = LabelError::DifferentLfs { missing: (0..7).map(|i| format!("f{i}")).collect(), unknown: vec![] };
        assert!(many.to_string().ends_with("f4, … (7 in all)"));
    }
}
