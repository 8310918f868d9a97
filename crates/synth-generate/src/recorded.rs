//! A generator with a journal and a budget.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synth_core::Observer;

use crate::{
    Answer, Budget, GenerateError, Generator, Input, Journal, Key, Price, Request, Response, Sink, Spent, Usage,
};

/// A generator whose responses are recorded before anybody uses them, and are never paid twice, within a budget.
///
/// It is a [`Generator`] itself: prompts for examples, judges and prompted labeling functions all go through one, and
/// its clones share the budget.
#[derive(Clone)]
pub struct Recorded {
    generator: Arc<dyn Generator>,
    journal: Arc<Journal>,
    budget: Budget,
    account: Arc<Mutex<Account>>,
}

/// What was spent, and for what.
#[derive(Debug)]
struct Account {
    spent: Spent,
    /// What was paid for by this run; the same again is free.
    paid: HashSet<Key>,
}

/// Requests that are alike: their key, and their places among all.
struct Alike {
    key: Key,
    places: Vec<usize>,
    /// The response, if this run recorded it before it was killed.
    response: Option<Response>,
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
        budget.check(&*generator)?;
        let account = Account { spent: Spent::nothing(), paid: HashSet::new() };
        Ok(Self { generator, journal, budget, account: Arc::new(Mutex::new(account)) })
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        self.account().spent
    }

    /// The budget.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// What a request may use at most, by estimate: what is planned with.
    pub fn estimate(&self, request: &Request) -> Usage {
        estimate(&*self.generator, request)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a response, and copies it to all that asked for it.
    fn pay(&self, alike: &Alike, response: Response, answers: &mut Vec<Answer>) {
        {
            let mut account = self.account();
            account.spent.pay(response.usage, self.price());
            account.spent.recall(alike.places.len() - 1);
            account.paid.insert(alike.key);
        }
        answers.extend(alike.places.iter().map(|&request| Answer { request, result: Ok(response.clone()) }));
    }

    /// Requests by what they ask, in the order of their first appearance. Those that are free are answered.
    fn recall(&self, requests: &[Request], answers: &mut Vec<Answer>) -> Result<Vec<Alike>, GenerateError> {
        let mut at: HashMap<Key, usize> = HashMap::new();
        let mut all: Vec<Alike> = Vec::new();
        for (place, request) in requests.iter().enumerate() {
            let key = Key::of(&*self.generator, request);
            let next = all.len();
            match *at.entry(key).or_insert(next) {
                known if known < next => all[known].places.push(place),
                _ => all.push(Alike { key, places: vec![place], response: None }),
            }
        }
        let keys: Vec<Key> = all.iter().map(|alike| alike.key).collect();
        let mut account = self.account();
        let mut left = Vec::new();
        for (mut alike, found) in all.into_iter().zip(self.journal.look_up(&keys)?) {
            match found {
                Some(found) if !found.of_this_run || account.paid.contains(&alike.key) => {
                    account.spent.recall(alike.places.len());
                    let copy = |request| Answer { request, result: Ok(found.response.clone()) };
                    answers.extend(alike.places.into_iter().map(copy));
                }
                found => {
                    alike.response = found.map(|found| found.response);
                    left.push(alike);
                }
            }
        }
        Ok(left)
    }

    /// How many of these requests fit into the budget, each taken at its estimate.
    fn fitting(&self, left: &[Alike], requests: &[Request]) -> usize {
        let (mut planned, price) = (self.spent(), self.price());
        left.iter()
            .take_while(|alike| {
                planned.pay(self.estimate(&requests[alike.places[0]]), price);
                planned.within(self.budget)
            })
            .count()
    }

    /// Answers requests that fit into the budget: those that this run has recorded, and by asking.
    fn wave(
        &self,
        wave: &mut [Alike],
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, GenerateError> {
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        for alike in wave {
            match alike.response.take() {
                Some(response) => self.pay(alike, response, &mut answers),
                None => missing.push(&*alike),
            }
        }
        if !answers.is_empty() && sink(answers).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if missing.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let asked: Vec<Request> = missing.iter().map(|alike| requests[alike.places[0]].clone()).collect();
        let fingerprint = self.fingerprint();
        let mut failed = None;
        let mut flow = ControlFlow::Continue(());
        self.generator.generate(&asked, observer, &mut |answers| {
            let responses: Vec<(Key, &Request, &Response)> = answers
                .iter()
                .filter_map(|answer| Some((answer.request, answer.result.as_ref().ok()?)))
                .map(|(index, response)| (missing[index].key, &asked[index], response))
                .collect();
            if let Err(error) = self.journal.record(&fingerprint, &responses) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            let mut all = Vec::with_capacity(answers.len());
            for answer in answers {
                let alike = missing[answer.request];
                match answer.result {
                    Ok(response) => self.pay(alike, response, &mut all),
                    Err(error) => {
                        self.account().spent.failed += 1;
                        let copy = || GenerateError::Generator {
                            generator: self.model().to_owned(),
                            source: error.to_string().into(),
                        };
                        let copies = alike.places[1..].iter().map(|&request| Answer { request, result: Err(copy()) });
                        all.extend(copies);
                        all.push(Answer { request: alike.places[0], result: Err(error) });
                    }
                }
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
        // What changes texts, and what draws, counts no tokens.
        Input::Text { .. } | Input::Picture { .. } => Usage::default(),
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
    /// sent depends on the requests and on what they used, not on what this run had recorded before it was killed, nor
    /// on the timing.
    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        let mut free = Vec::new();
        let mut all = self.recall(requests, &mut free)?;
        if !free.is_empty() && sink(free).is_break() {
            return Ok(());
        }
        let mut left = &mut all[..];
        while !left.is_empty() {
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            let fitting = self.fitting(left, requests);
            if fitting == 0 {
                let reached =
                    |&request| Answer { request, result: Err(GenerateError::BudgetReached { budget: self.budget }) };
                let _ = sink(left.iter().flat_map(|alike| &alike.places).map(reached).collect());
                return Ok(());
            }
            let (wave, rest) = left.split_at_mut(fitting);
            if self.wave(wave, requests, observer, sink)?.is_break() {
                return Ok(());
            }
            left = rest;
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
        // Clones share what they have.
        assert_eq!(run(&again.clone(), &[4, 5]).0, [4, 5]);
        assert_eq!((again.spent().requests, again.spent().recorded), (5, 3));
    }

    #[test]
    fn a_failed_request_is_asked_again() {
        let failing = Arc::new(Counting { failing: vec![2], ..Counting::default() });
        let journal = Arc::new(Journal::in_memory().unwrap());
        let recorded = Recorded::new(failing, journal.clone(), Budget::default()).unwrap();
        // Copies of a request that fails, fail too.
        assert_eq!(run(&recorded, &[1, 2, 2]), (vec![1], vec![2, 2]));
        assert_eq!((recorded.spent().requests, recorded.spent().failed), (1, 1));
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
            let dir = tempfile::tempdir().unwrap();
            let open = |mode| Arc::new(Journal::open(dir.path().join("j"), "p", "", mode).unwrap());
            let before: Vec<u64> = answered.iter().copied().step_by(3).collect();
            run(&Recorded::new(generator.clone(), open(RunMode::Cached), Budget::default()).unwrap(), &before);
            let resumed = Recorded::new(generator.clone(), open(RunMode::Resume), budget).unwrap();
            assert_eq!(run(&resumed, &seeds), (answered.clone(), refused), "{budget}");
            assert_eq!(resumed.spent(), whole.spent(), "{budget}");
            // What an earlier run has paid is free for a later one.
            let later = Recorded::new(generator, open(RunMode::Cached), budget).unwrap();
            assert!(run(&later, &seeds).0.len() > answered.len(), "{budget}");
        }
    }
}
