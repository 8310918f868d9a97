//! Prompted labeling functions, answered by a language model.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synth_core::{BoxError, Event, Observer, Stage};
use synth_generate::{
    Answer, AnswerForm, GenerateError, Generator, Input, Prompt, Request, Response, Sampling, Usage, one_of,
};
use synth_lf::{PromptVoter, Question};

/// A generator that answers for prompted labeling functions: what [`LfSet::bind`](synth_lf::LfSet::bind) takes.
///
/// A question is one request with one choice, the most probable one. The possible answers and their form stand behind
/// the prompt. A request that fails, or is answered with something else, is a fault of its rows; a generator that is of
/// no further use, or a budget that is reached, ends the run. With a [`Recorded`](synth_generate::Recorded) generator no
/// answer is paid twice.
///
/// ```
/// use std::sync::Arc;
/// use synth::PromptedBy;
/// use synth::core::{Dataset, Silent};
/// use synth::lf::{LfSet, lang::{Source, compile}};
/// # use synth::core::Observer;
/// # use synth::generate::{Answer, GenerateError, Generator, Price, Request, Response, Sink, Usage};
/// # struct Yes;
/// # impl Generator for Yes {
/// #     fn fingerprint(&self) -> String { "yes".into() }
/// #     fn model(&self) -> &str { "yes" }
/// #     fn price(&self) -> Option<Price> { None }
/// #     fn n_tokens(&self, _: &str) -> u64 { 1 }
/// #     fn generate(&self, all: &[Request], _: &dyn Observer, sink: &mut Sink<'_>) -> Result<(), GenerateError> {
/// #         let usage = Usage { prompt_tokens: 40, completion_tokens: 5 };
/// #         let answer = |request| Answer { request, result: Ok(Response { choices: vec!["Yes.".into()], usage }) };
/// #         let _ = sink((0..all.len()).map(answer).collect());
/// #         Ok(())
/// #     }
/// # }
/// # let generator = Arc::new(Yes);
///
/// let file = r#"
/// classes ham, spam
/// lf promo ask "Does this advertise something? {text}"
///     spam    when "yes"
///     abstain when "no"
/// "#;
/// let program = compile(&[Source::new("a.lf", file)], None, &|_, _| Ok(String::new())).program.unwrap();
/// let mut lfs = LfSet::new(program.classes().clone());
/// let model = Arc::new(PromptedBy::new(generator));
/// lfs.add_program(program)?.bind(model.clone());
///
/// let applied = lfs.apply([Ok(Dataset::of_texts("text", ["free money", "see you"]))], &Silent)?;
/// assert_eq!(applied.matrix.vote(0, 0), lfs.classes().id("spam"));
/// assert_eq!(model.costs()[0].requests, 2);
/// assert_eq!(model.costs()[0].usage.prompt_tokens, 80);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PromptedBy {
    generator: Arc<dyn Generator>,
    max_tokens: u32,
    seed: u64,
    costs: Mutex<BTreeMap<Arc<str>, PromptCost>>,
}

/// What the answers to a prompted labeling function took, those among them that a journal had recorded too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptCost {
    /// The function.
    pub lf: String,
    /// Requests that were answered.
    pub requests: u64,
    /// Their tokens.
    pub usage: Usage,
    /// What they cost, in millionths of a dollar; `None` where the price of the model is not known.
    pub microdollars: Option<u64>,
}

impl fmt::Debug for PromptedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptedBy")
            .field("generator", &self.generator.fingerprint())
            .field("max_tokens", &self.max_tokens)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl PromptedBy {
    /// Puts all questions to this generator: 64 tokens an answer, which is a JSON object around a few words, and
    /// seed 0.
    pub fn new(generator: Arc<dyn Generator>) -> Self {
        Self { generator, max_tokens: 64, seed: 0, costs: Mutex::default() }
    }

    /// How long an answer may be, in tokens of the model. Models that think aloud before they answer need more.
    #[must_use]
    pub fn max_tokens(self, max_tokens: u32) -> Self {
        Self { max_tokens, ..self }
    }

    /// The seed of all requests. Few models need one for the most probable answer; some servers do.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// What each function took since this was made, by name; functions that nothing was asked for are left out.
    pub fn costs(&self) -> Vec<PromptCost> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, PromptCost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, question: &Question) -> Request {
        let words: Vec<String> = question.answers.iter().map(|answer| format!("{answer:?}")).collect();
        // Servers that cannot be made to keep to a form, and models that run here, know it from the prompt alone.
        let user = format!(
            "{}\n\nAnswer with a JSON object {{\"answer\": \"…\"}} that holds one of these: {}.",
            question.prompt,
            words.join(", ")
        );
        let form = AnswerForm::OneOf(question.answers.to_vec());
        Request {
            input: Input::Prompt(Prompt { system: String::new(), user, form }),
            n_choices: 1,
            max_tokens: self.max_tokens,
            sampling: Sampling::greedy(),
            seed: self.seed,
        }
    }

    /// Which answer a response gives, and what it cost.
    fn read(&self, question: &Question, response: &Response) -> Result<usize, BoxError> {
        let price = self.generator.price();
        let mut costs = self.lock();
        let cost = costs.entry(question.lf.clone()).or_insert_with(|| PromptCost {
            lf: question.lf.to_string(),
            requests: 0,
            usage: Usage::default(),
            microdollars: Some(0),
        });
        cost.requests += 1;
        cost.usage += response.usage;
        cost.microdollars = cost.microdollars.zip(price).map(|(sum, price)| sum + price.of(response.usage));
        let said = response.choices.first().ok_or("the model said nothing")?;
        one_of(said, &question.answers).ok_or_else(|| {
            let shown: String = said.chars().take(80).collect();
            let more = if shown.len() < said.len() { "…" } else { "" };
            format!("the model said {shown:?}{more}, which is none of the possible answers").into()
        })
    }
}

impl PromptVoter for PromptedBy {
    fn ask(&self, questions: &[Question], observer: &dyn Observer) -> Result<Vec<Result<usize, BoxError>>, BoxError> {
        let requests: Vec<Request> = questions.iter().map(|question| self.request(question)).collect();
        let mut replies: Vec<Option<Result<usize, BoxError>>> = questions.iter().map(|_| None).collect();
        let (mut done, mut ended) = (0, None);
        self.generator.generate(&requests, observer, &mut |answers: Vec<Answer>| {
            for Answer { request, result } in answers {
                done += 1;
                replies[request] = Some(match result {
                    Ok(response) => self.read(&questions[request], &response),
                    Err(error @ GenerateError::BudgetReached { .. }) => {
                        ended = Some(error);
                        return ControlFlow::Break(());
                    }
                    Err(error) => Err(error.into()),
                });
            }
            observer.event(Event::Advanced { stage: Stage::Ask, done });
            ControlFlow::Continue(())
        })?;
        match ended {
            Some(error) => Err(error.into()),
            None => {
                Ok(replies.into_iter().map(|reply| reply.unwrap_or(Err("the model gave no answer".into()))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use synth_core::{Dataset, Silent};
    use synth_generate::{Budget, Price, Sink};
    use synth_lf::lang::{Source, compile};
    use synth_lf::{LfError, LfSet};

    use super::*;

    const FILE: &str = r#"classes ham, spam
lf promo ask "Does this advertise something? {text}"
    spam    when "yes"
    ham     when "no"
    abstain when "unsure"
lf money spam when text contains "money"
lf tone ask "{text}" ham when "nice" abstain when "other"
"#;

    /// Answers what stands in the text between `<` and `>`, one token a word, out of order.
    #[derive(Default)]
    struct Told {
        asked: Mutex<Vec<Request>>,
        refuses: bool,
    }

    impl Generator for Told {
        fn fingerprint(&self) -> String {
            "told".to_owned()
        }

        fn model(&self) -> &str {
            "told"
        }

        fn price(&self) -> Option<Price> {
            Some(Price { input_per_million: 1.0, output_per_million: 10.0 })
        }

        fn n_tokens(&self, text: &str) -> u64 {
            text.split_whitespace().count() as u64
        }

        fn generate(&self, requests: &[Request], _: &dyn Observer, sink: &mut Sink<'_>) -> Result<(), GenerateError> {
            if self.refuses {
                return Err(GenerateError::Generator { generator: "told".to_owned(), source: "wrong key".into() });
            }
            self.asked.lock().unwrap().extend(requests.iter().cloned());
            for (index, request) in requests.iter().enumerate().rev() {
                let Input::Prompt(prompt) = &request.input else { unreachable!("only prompts are asked") };
                let said = prompt.user.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let result = match said.as_str() {
                    "broken" => {
                        Err(GenerateError::Generator { generator: "told".to_owned(), source: "a storm".into() })
                    }
                    "poor" => Err(GenerateError::BudgetReached { budget: Budget::Requests(3) }),
                    "" => Ok(Response { choices: Vec::new(), usage: Usage::default() }),
                    _ => {
                        Ok(Response { choices: vec![said], usage: Usage { prompt_tokens: 100, completion_tokens: 2 } })
                    }
                };
                if sink(vec![Answer { request: index, result }]).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }

    fn set(model: Arc<PromptedBy>) -> LfSet {
        let program = compile(&[Source::new("t.lf", FILE)], None, &|_, _| Ok(String::new())).program.unwrap();
        let mut lfs = LfSet::new(program.classes().clone());
        lfs.add_program(program).unwrap().bind(model);
        lfs
    }

    fn texts(texts: &[&str]) -> [Result<Dataset, BoxError>; 1] {
        [Ok(Dataset::of_texts("text", texts))]
    }

    #[test]
    fn votes_faults_and_costs() {
        let model = Arc::new(PromptedBy::new(Arc::new(Told::default())));
        let lfs = set(model.clone());
        let rows = ["money <yes>", "<NO>", "<unsure>", "<maybe so>", "<broken>", "no mark"];
        let applied = lfs.apply(texts(&rows), &Silent).unwrap();
        let letters =
            |row| (0..3).map(|lf| applied.matrix.vote(row, lf).map_or(0, |class| class.index() + 1)).collect();
        let votes: Vec<Vec<usize>> = (0..rows.len()).map(letters).collect();
        // `tone` knows none of these answers.
        assert_eq!(votes, [[2, 2, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]);
        let faults: Vec<_> = applied.faults.iter().map(|faults| (faults.lf.as_str(), faults.count)).collect();
        assert_eq!(faults, [("promo", 3), ("tone", 6)]);
        let promo = applied.faults.iter().next().unwrap();
        let shown: Vec<String> = promo.examples.iter().map(|f| format!("{}: {}", f.row, f.message)).collect();
        assert_eq!(
            shown,
            [
                "3: the model said \"maybe so\", which is none of the possible answers",
                "4: told gave no answer: a storm",
                "5: the model said nothing",
            ]
        );
        // What was answered is paid for, whether it could be used or not: 100 tokens at 1 and 2 at 10 dollars.
        let costs: Vec<_> = model.costs().into_iter().map(|c| (c.lf, c.requests, c.usage, c.microdollars)).collect();
        let usage = Usage { prompt_tokens: 400, completion_tokens: 8 };
        assert_eq!(costs, [("promo".into(), 5, usage, Some(480)), ("tone".into(), 5, usage, Some(480))]);
    }

    #[test]
    fn what_is_requested() {
        let told = Arc::new(Told::default());
        let lfs = set(Arc::new(PromptedBy::new(told.clone()).max_tokens(9).seed(7)));
        lfs.apply(texts(&["<yes>", "<yes>"]), &Silent).unwrap();
        let asked = told.asked.lock().unwrap();
        assert_eq!(asked.len(), 2, "one question for two equal rows, for each of two functions");
        let user = "Does this advertise something? <yes>\n\nAnswer with a JSON object {\"answer\": \"…\"} that holds one of \
                    these: \"yes\", \"no\", \"unsure\".";
        let form = AnswerForm::OneOf(["yes", "no", "unsure"].map(str::to_owned).to_vec());
        let prompt = Prompt { system: String::new(), user: user.to_owned(), form };
        assert_eq!(
            asked[0],
            Request {
                input: Input::Prompt(prompt),
                n_choices: 1,
                max_tokens: 9,
                sampling: Sampling::greedy(),
                seed: 7
            }
        );
    }

    #[test]
    fn what_ends_the_run_keeps_its_cause() {
        let cause = |told: Told, row: &str| {
            let lfs = set(Arc::new(PromptedBy::new(Arc::new(told))));
            let error = lfs.apply(texts(&["<no>", row]), &Silent).unwrap_err();
            assert!(matches!(error, LfError::Asking(_)), "{error}");
            let cause = error.source().and_then(|cause| cause.downcast_ref::<GenerateError>());
            cause.expect("the error of the generator").to_string()
        };
        assert_eq!(cause(Told::default(), "<poor>"), "the budget of 3 requests is used up");
        assert_eq!(cause(Told { refuses: true, ..Told::default() }, "<no>"), "told gave no answer");
    }
}
