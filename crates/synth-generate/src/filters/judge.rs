//! A language model gives it a bad grade.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use synth_core::{Observer, Silent};

use crate::{
    AnswerForm, Candidate, Filter, GenerateError, Generator, Input, Prompt, Request, Sampling, Verdict, one_of,
};

/// Settings of [`Judge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct JudgeSettings {
    /// The best grade; grades start at 1. From 2 to 100, default 5.
    pub grades: u32,
    /// The least grade that passes; default 4.
    pub least: u32,
    /// The length of an answer at most, in tokens of the model; default 32: `{"answer": "4"}` and what a model likes to
    /// say before it.
    pub max_tokens: u32,
    /// The seed of the requests. Judges take the most probable word, but few servers are quite without chance.
    pub seed: u64,
}

impl Default for JudgeSettings {
    fn default() -> Self {
        Self { grades: 5, least: 4, max_tokens: 32, seed: 0 }
    }
}

impl JudgeSettings {
    /// Checks that all settings are in their range.
    ///
    /// # Errors
    /// One is not.
    pub fn check(&self) -> Result<(), GenerateError> {
        let wrong =
            |name, value: u32, expected| Err(GenerateError::Setting { name, value: value.to_string(), expected });
        if !(2..=100).contains(&self.grades) {
            return wrong("grades", self.grades, "from 2 to 100");
        }
        if !(1..=self.grades).contains(&self.least) {
            return wrong("least", self.least, "one of the grades");
        }
        if self.max_tokens == 0 {
            return wrong("max-tokens", 0, "at least 1");
        }
        Ok(())
    }
}

/// The prompt that asks for the grade of a candidate. Its form is set by the judge.
type Rubric = Box<dyn Fn(&Candidate) -> Result<Prompt, GenerateError> + Send>;

/// Asks a language model for a grade of each text, and drops those with a bad one.
///
/// All texts of a batch are asked about at once, in one request each; how many are in flight is the generator's
/// affair. What is not answered, or with no grade or several, is dropped with that as the reason: a text that nobody
/// judged did not pass. So is what the budget has no room for. A generator that fails for good is an error. The score is
/// the grade.
pub struct Judge {
    settings: JudgeSettings,
    words: Vec<String>,
    generator: Arc<dyn Generator>,
    rubric: Rubric,
    observer: Arc<dyn Observer>,
}

impl Judge {
    /// A filter by a generator, with the prompt that holds the rubric and the text.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(
        settings: &JudgeSettings,
        generator: Arc<dyn Generator>,
        rubric: impl Fn(&Candidate) -> Result<Prompt, GenerateError> + Send + 'static,
    ) -> Result<Self, GenerateError> {
        settings.check()?;
        let words = (1..=settings.grades).map(|grade| grade.to_string()).collect();
        let observer = Arc::new(Silent);
        Ok(Self { settings: settings.clone(), words, generator, rubric: Box::new(rubric), observer })
    }

    /// Lets an observer stop it.
    #[must_use]
    pub fn watched_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    fn request(&self, candidate: &Candidate) -> Result<Request, GenerateError> {
        let prompt = Prompt { form: AnswerForm::OneOf(self.words.clone()), ..(self.rubric)(candidate)? };
        Ok(Request {
            input: Input::Prompt(prompt),
            n_choices: 1,
            max_tokens: self.settings.max_tokens,
            sampling: Sampling::greedy(),
            seed: self.settings.seed,
        })
    }

    fn verdict(&self, answer: &str) -> Verdict {
        let Some(at) = one_of(answer, &self.words) else {
            let shown: String = answer.trim().chars().take(40).collect();
            return Verdict::drop(format!("the judge gave no grade: {shown:?}"), None);
        };
        let grade = at as u32 + 1;
        let score = Some(f64::from(grade));
        match grade < self.settings.least {
            true => Verdict::drop(format!("the judge gave it {grade} of {}", self.settings.grades), score),
            false => Verdict::pass(score),
        }
    }
}

impl Filter for Judge {
    fn name(&self) -> &'static str {
        "judge"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let requests: Vec<Request> = batch.iter().map(|candidate| self.request(candidate)).collect::<Result<_, _>>()?;
        let mut results: Vec<Option<Result<_, GenerateError>>> = batch.iter().map(|_| None).collect();
        self.generator.generate(&requests, &*self.observer, &mut |answers| {
            for answer in answers {
                if let Some(place) = results.get_mut(answer.request) {
                    *place = Some(answer.result);
                }
            }
            ControlFlow::Continue(())
        })?;
        let verdict = |result: Option<Result<crate::Response, GenerateError>>| match result {
            Some(Err(GenerateError::BudgetReached { budget })) => Ok(Verdict::unaffordable(budget)),
            Some(Err(error @ GenerateError::Cancelled)) => Err(error),
            Some(Err(error)) => Ok(Verdict::drop(format!("the judge gave no answer: {error}"), None)),
            Some(Ok(response)) => Ok(match response.choices.first() {
                Some(answer) => self.verdict(answer),
                None => Verdict::drop("the judge gave an empty answer", None),
            }),
            None => Ok(Verdict::drop("the judge gave no answer", None)),
        };
        results.into_iter().map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Scripted, candidates};
    use super::*;

    fn rubric(candidate: &Candidate) -> Result<Prompt, GenerateError> {
        Ok(Prompt { system: "Grade.".into(), user: candidate.text.clone(), form: AnswerForm::Text })
    }

    #[test]
    fn grades_decide_and_no_grade_is_no_pass() {
        let generator = Arc::new(Scripted);
        let mut judge = Judge::new(&JudgeSettings::default(), generator, rubric).unwrap();
        let batch = candidates(&["5", "fine, a 4", "3", "between 1 and 2", "fail", "silent", "empty"]);
        let verdicts = judge.judge(&batch).unwrap();
        let reasons: Vec<_> = verdicts.iter().map(|verdict| verdict.dropped.as_deref()).collect();
        assert_eq!(
            reasons,
            [
                None,
                None,
                Some("the judge gave it 3 of 5"),
                Some("the judge gave no grade: \"between 1 and 2\""),
                Some("the judge gave no answer: scripted gave no answer"),
                Some("the judge gave no answer"),
                Some("the judge gave an empty answer"),
            ]
        );
        assert_eq!(verdicts[1].score, Some(4.0));
    }

    #[test]
    fn what_ends_the_run_is_an_error() {
        let mut judge = Judge::new(&JudgeSettings::default(), Arc::new(Scripted), rubric).unwrap();
        assert!(matches!(judge.judge(&candidates(&["5", "cancel"])), Err(GenerateError::Cancelled)));
        assert!(matches!(judge.judge(&candidates(&["stop"])), Err(GenerateError::Unsupported { .. })));
        assert!(judge.judge(&[]).unwrap().is_empty());
    }

    #[test]
    fn one_request_a_text_with_the_grades_as_its_form() {
        let settings = JudgeSettings { grades: 3, least: 2, max_tokens: 9, seed: 4 };
        let judge = Judge::new(&settings, Arc::new(Scripted), rubric).unwrap();
        let request = judge.request(&candidates(&["a text"])[0]).unwrap();
        let form = AnswerForm::OneOf(["1", "2", "3"].map(str::to_owned).to_vec());
        let prompt = Prompt { system: "Grade.".into(), user: "a text".into(), form };
        let sampling = Sampling::greedy();
        assert_eq!(request, Request { input: Input::Prompt(prompt), n_choices: 1, max_tokens: 9, sampling, seed: 4 });
        for settings in [
            JudgeSettings { grades: 1, ..settings.clone() },
            JudgeSettings { least: 4, ..settings.clone() },
            JudgeSettings { max_tokens: 0, ..settings },
        ] {
            assert!(Judge::new(&settings, Arc::new(Scripted), rubric).is_err());
        }
    }
}
