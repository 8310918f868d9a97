//! What can go wrong while examples are made.

use std::path::PathBuf;

use synth_core::BoxError;

use crate::Budget;

/// Why examples could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A generator failed. Its own error is the source, and has the hints.
    #[error("{generator} gave no answer")]
    Generator {
        /// What it is, as `the server at http://localhost:8000/v1`.
        generator: String,
        /// Its own error.
        source: BoxError,
    },
    /// A generator was asked for what it cannot do, as an augmenter for the answer to a prompt.
    #[error("{generator} cannot {what}")]
    Unsupported {
        /// What it is.
        generator: String,
        /// What was asked of it, as `answer prompts`.
        what: &'static str,
    },
    /// A text is in a language that the generator does not know.
    #[error("{generator} works on English texts, and this one is {language}")]
    Language {
        /// What it is.
        generator: String,
        /// The language of the text, by its English name.
        language: String,
    },
    /// A filter could not judge.
    #[error("the filter `{filter}` could not judge")]
    Filter {
        /// Its name.
        filter: &'static str,
        /// Why.
        source: BoxError,
    },
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A request was not sent, since there is no room for it in the budget.
    #[error("the budget of {budget} is used up")]
    BudgetReached {
        /// The budget.
        budget: Budget,
    },
    /// The budget is money, and nobody knows what the model costs.
    #[error("a budget of money needs a price, and `{model}` has none")]
    NoPrice {
        /// The model.
        model: String,
    },
    /// The journal cannot be used.
    #[error("the journal `{}` cannot be used: {problem}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What SQLite, or the decoder of a response, says.
        source: Option<BoxError>,
    },
    /// There is no unfinished run of the same plan.
    #[error("the journal `{}` has no unfinished run like this one", path.display())]
    NothingToResume {
        /// The file.
        path: PathBuf,
    },
    /// A template has a mistake.
    #[error("the template {origin} has a mistake{}: {problem}", line.map(|line| format!(" in line {line}")).unwrap_or_default())]
    Template {
        /// The file, or that it is built in.
        origin: String,
        /// The line, where it is known.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
    },
    /// Edge cases were asked for without the class at whose border they should be.
    #[error("edge cases of `{class}` need another class to border on")]
    NoBorder {
        /// The class that was wanted.
        class: String,
    },
    /// There is no text of the class that could be rewritten.
    #[error("there is no text of the class `{class}` for {kind}")]
    NoSources {
        /// The class.
        class: String,
        /// What was to be done.
        kind: &'static str,
    },
    /// Candidates could not be made into records.
    #[error("the rows cannot be put together")]
    Rows(#[source] BoxError),
    /// The observer asked to stop.
    #[error("stopped")]
    Cancelled,
}

impl GenerateError {
    /// Whether a generator that failed caused an error, anywhere in its chain of causes: what was made before is whole.
    pub fn is_of_generator(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source())
            .any(|error| matches!(error.downcast_ref(), Some(Self::Generator { .. })))
    }

    /// The budget whose end caused an error, anywhere in its chain of causes: what failed for it may be left out, and
    /// the rest kept.
    pub fn budget_in(error: &(dyn std::error::Error + 'static)) -> Option<Budget> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| match error.downcast_ref() {
            Some(Self::BudgetReached { budget }) => Some(*budget),
            _ => None,
        })
    }

    /// What could be tried, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let hint = |text: &str| vec![text.to_owned()];
        match self {
            Self::Language { .. } => {
                hint("translation there and back, or a language model (--kind paraphrase), serves other languages")
            }
            Self::NoPrice { .. } => hint(
                "set `input-per-million` and `output-per-million` under [llm] in synth.toml, or give the budget as \
                 500req or 100ktok",
            ),
            Self::NothingToResume { .. } => {
                hint("without --resume the run starts, and still pays for no response that is recorded")
            }
            Self::Journal { source: None, .. } => hint("name another file with `journal` under [generate]"),
            Self::Template { .. } => hint("`synth prompts` shows the templates in force, and what each is given"),
            Self::NoBorder { .. } => hint("name it: --against CLASS"),
            Self::NoSources { kind: "image", .. } => hint(
                "name a folder with pictures of the class: --from pictures/; or leave `strength` out under [image]",
            ),
            Self::NoSources { .. } => hint(
                "name records that have labels, by gold or as `synth label` writes them: --from soft.parquet; \
                 --kind examples needs none",
            ),
            Self::BudgetReached { .. } => {
                hint("allow more with --budget; what was paid for is in the journal, and free")
            }
            _ => Vec::new(),
        }
    }
}
