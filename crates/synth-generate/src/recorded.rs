//! A generator with a journal and a budget.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use synth_core::Observer;

use crate::{
    Answer, Budget, GenerateError, Generator, Input, Journal, Key, Price, Request, Response, Sink, Spent, Usage,
};

/// A generator whose responses are recorded before anybody uses them, and are never paid twice, within a budget.
///
/// It is a [`Generator`] itself: prompts for examples, judges and prompted labeling functions all go through one, and
/// share its budget.
#[derive(Clone)]
pub struct Recorded {
    generator: Arc<dyn Generator>,
    journal: Arc<Journal>,
    budget: Budget,
    spent: Arc<Mutex<Spent>>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("generator", &self.fingerprint()).field("budget", &self.budget).finish()
    }
}

impl Recorded {
    /// Puts a journal and a budget before a generator.
    ///
    /// # Errors
    /// The budget is money and the generator has no price.
    pub fn new(generator: Arc<dyn Generator>, journal: Arc<Journal>, budget: Budget) -> Result<Self, GenerateError> {
        if matches!(budget, Budget::Microdollars(_)) && generator.price().is_none() {
            return Err(GenerateError::NoPrice { model: generator.model().to_owned() });
        }
        Ok(Self { generator, journal, budget, spent: Arc::new(Mutex::new(Spent::nothing())) })
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        *self.lock()
    }

    /// The budget.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// What a request may use at most, by estimate: what is planned with.
    pub fn estimate(&self, request: &Request) -> Usage {
        estimate(&*self.generator, request)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many of these requests fit into the budget, each taken at its estimate.
    fn fitting(&self, requests: &[Request]) -> usize {
        let (mut planned, price) = (self.spent(), self.price());
        requests
            .iter()
            .take_while(|request| {
                planned.add(self.estimate(request), price, false);
                planned.within(self.budget)
            })
            .count()
    }

    /// Answers requests that fit into the budget, from the journal or by asking.
    fn wave(
        &self,
        requests: &[Request],
        first: usize,
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, GenerateError> {
        let keys: Vec<Key> = requests.iter().map(|request| Key::of(&*self.generator, request)).collect();
        let price = self.price();
        // Requests that are alike are asked once.
        let mut alike: HashMap<Key, Vec<usize>> = HashMap::new();
        let (mut known, mut missing) = (Vec::new(), Vec::new());
        for (at, response) in self.journal.look_up(&keys)?.into_iter().enumerate() {
            match response {
                Some(response) => {
                    self.lock().add(response.usage, price, true);
                    known.push(Answer { request: first + at, result: Ok(response) });
                }
                None => {
                    let same = alike.entry(keys[at]).or_default();
                    if same.is_empty() {
                        missing.push(at);
                    }
                    same.push(at);
                }
            }
        }
        if !known.is_empty() && sink(known).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if missing.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let asked: Vec<Request> = missing.iter().map(|&at| requests[at].clone()).collect();
        let fingerprint = self.fingerprint();
        let mut failed = None;
        let mut flow = ControlFlow::Continue(());
        self.generator.generate(&asked, observer, &mut |answers| {
            let responses: Vec<(Key, &Request, &Response)> = answers
                .iter()
                .filter_map(|answer| Some((answer.request, answer.result.as_ref().ok()?)))
                .map(|(index, response)| (keys[missing[index]], &asked[index], response))
                .collect();
            if let Err(error) = self.journal.record(&fingerprint, &responses) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            let mut all = Vec::with_capacity(answers.len());
            for answer in answers {
                let same = &alike[&keys[missing[answer.request]]];
                match &answer.result {
                    Ok(response) => {
                        self.lock().add(response.usage, price, false);
                        for &at in &same[1..] {
                            self.lock().add(response.usage, price, true);
                            all.push(Answer { request: first + at, result: Ok(response.clone()) });
                        }
                    }
                    Err(error) => {
                        let copy = || GenerateError::Generator {
                            generator: self.model().to_owned(),
                            source: error.to_string().into(),
                        };
                        all.extend(same[1..].iter().map(|&at| Answer { request: first + at, result: Err(copy()) }));
                    }
                }
                all.push(Answer { request: first + same[0], result: answer.result });
            }
            flow = sink(all);
            flow
        })?;
        failed.map_or(Ok(flow), Err)
    }
}

/// What a request may use at most: its prompt, and all choices at full length.
fn estimate(generator: &dyn Generator, request: &Request) -> Usage {
    /// The signs with which a chat is put together.
    const FRAME: u64 = 16;
    match &request.input {
        Input::Prompt(prompt) => Usage {
            prompt_tokens: generator.n_tokens(&prompt.system) + generator.n_tokens(&prompt.user) + FRAME,
            completion_tokens: u64::from(request.n_choices) * u64::from(request.max_tokens),
        },
        // Augmenters count no tokens.
        Input::Text { .. } => Usage::default(),
    }
}

impl Generator for Recorded {
    fn fingerprint(&self) -> String {
        self.generator.fingerprint()
    }

    fn model(&self) -> &str {
        self.generator.model()
    }

    fn price(&self) -> Option<Price> {
        self.generator.price()
    }

    fn n_tokens(&self, text: &str) -> u64 {
        self.generator.n_tokens(text)
    }

    /// As the generator behind it. A request that the budget has no room for is answered with
    /// [`GenerateError::BudgetReached`]. Requests are sent in waves, each as many as fit at their estimates: what is
    /// sent depends on the requests and on what they used, not on whether they were recorded or on the timing.
    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        let mut first = 0;
        while first < requests.len() {
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            let fitting = self.fitting(&requests[first..]);
            if fitting == 0 {
                let reached =
                    |request| Answer { request, result: Err(GenerateError::BudgetReached { budget: self.budget }) };
                let _ = sink((first..requests.len()).map(reached).collect());
                return Ok(());
            }
            let wave = &requests[first..first + fitting];
            if self.wave(wave, first, observer, sink)?.is_break() {
                return Ok(());
            }
            first += fitting;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Silent;

    use super::*;
    use crate::testing::{Counting, prompt};
    use crate::{RunMode, Sampling};

    fn requests(seeds: &[u64]) -> Vec<Request> {
        let one = |&seed: &u64| Request {
            input: prompt("hello"),
            n_choices: 1,
            max_tokens: 29,
            sampling: Sampling::default(),
            seed,
        };
        seeds.iter().map(one).collect()
    }

    /// The seeds of the requests that were answered, in order, and those that the budget had no room for.
    fn run(recorded: &Recorded, seeds: &[u64]) -> (Vec<u64>, Vec<u64>) {
        let (mut answered, mut refused) = (Vec::new(), Vec::new());
        let sink = &mut |answers: Vec<Answer>| {
            for answer in answers {
                let list = if answer.result.is_ok() { &mut answered } else { &mut refused };
                list.push(seeds[answer.request]);
            }
            ControlFlow::Continue(())
        };
        recorded.generate(&requests(seeds), &Silent, sink).unwrap();
        answered.sort_unstable();
        refused.sort_unstable();
        (answered, refused)
    }

    #[test]
    fn nothing_is_asked_twice() {
        let dir = tempfile::tempdir().unwrap();
        let generator = Arc::new(Counting::default());
        let open = || Arc::new(Journal::open(dir.path().join("j"), "p", "", RunMode::Cached).unwrap());
        let recorded = Recorded::new(generator.clone(), open(), Budget::default()).unwrap();
        assert_eq!(run(&recorded, &[1, 2, 2, 3]).0, [1, 2, 2, 3]);
        let again = Recorded::new(generator.clone(), open(), Budget::default()).unwrap();
        assert_eq!(run(&again, &[3, 4, 1]).0, [1, 3, 4]);
        assert_eq!(*generator.asked.lock().unwrap(), [1, 2, 3, 4]);
        assert_eq!((again.spent().requests, again.spent().recorded), (3, 2));
    }

    #[test]
    fn a_failed_request_is_asked_again_and_costs_nothing() {
        let failing = Arc::new(Counting { failing: vec![2], ..Counting::default() });
        let journal = Arc::new(Journal::in_memory().unwrap());
        let recorded = Recorded::new(failing, journal.clone(), Budget::default()).unwrap();
        // Copies of a request that fails, fail too.
        assert_eq!(run(&recorded, &[1, 2, 2]), (vec![1], vec![2, 2]));
        assert_eq!(recorded.spent().requests, 1);
        let working = Arc::new(Counting::default());
        let recorded = Recorded::new(working.clone(), journal, Budget::default()).unwrap();
        assert_eq!(run(&recorded, &[1, 2]).0, [1, 2]);
        assert_eq!(*working.asked.lock().unwrap(), [2]);
    }

    #[test]
    fn the_budget_holds_and_does_not_depend_on_what_is_recorded() {
        let seeds: Vec<u64> = (0..20).collect();
        // An estimate is 5 + 16 + 29 = 50 tokens; a response uses 15. Ten fit at first, 7 of what they left, …
        for budget in [Budget::Requests(7), Budget::Tokens(250), Budget::Microdollars(250)] {
            let journal = Arc::new(Journal::in_memory().unwrap());
            let generator = Arc::new(Counting::default());
            let whole = Recorded::new(generator.clone(), journal.clone(), budget).unwrap();
            let (answered, refused) = run(&whole, &seeds);
            assert_eq!(answered.len() + refused.len(), 20);
            assert!(whole.spent().within(budget), "{budget}: {:?}", whole.spent());
            // As if every third response had been recorded by a run that was killed.
            let journal = Arc::new(Journal::in_memory().unwrap());
            let before: Vec<u64> = answered.iter().copied().step_by(3).collect();
            let earlier = Recorded::new(generator.clone(), journal.clone(), Budget::default()).unwrap();
            run(&earlier, &before);
            let resumed = Recorded::new(generator, journal, budget).unwrap();
            assert_eq!(run(&resumed, &seeds), (answered, refused), "{budget}");
        }
    }
}
