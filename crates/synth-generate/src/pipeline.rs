//! Requests, responses, candidates, filters: until enough is kept.

use std::ops::ControlFlow;

use synth_core::{Event, Observer, Stage};

use crate::items::{items, only_text};
use crate::{
    AnswerForm, Budget, Candidate, FilterChain, GenerateError, Generator, Grid, Input, Key, Plan, Planned, Prompts,
    Provenance, Recorded, Response, Sources,
};

/// Everything a run needs.
#[derive(Debug)]
pub struct Pipeline<'a> {
    /// What is to be made.
    pub plan: &'a Plan,
    /// The user's texts.
    pub sources: &'a Sources,
    /// The templates in force.
    pub prompts: &'a Prompts,
    /// Who makes it.
    pub generator: &'a Recorded,
    /// Requests of one round, at most. Between rounds the grid is told what each cell came to; within one, requests
    /// are worked on at once.
    pub round: usize,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As many are kept as were wanted.
    Enough,
    /// The budget has no room for another request.
    Budget(Budget),
    /// The generator failed for good, or no request of a whole round was answered, after others were.
    Unanswered,
    /// Nothing was kept of so many candidates in a row.
    Dry(u64),
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The candidates that passed all filters, in the order of the requests, at most as many as were wanted.
    pub kept: Vec<Candidate>,
    /// All candidates, dropped ones included, with what each filter said of them until one dropped them: round by
    /// round, in each those that were dropped before those that passed.
    pub made: Vec<Candidate>,
    /// The ids of the candidates that a filter dropped.
    pub dropped: Vec<String>,
    /// How many candidates passed and were not needed any more.
    pub surplus: u64,
    /// Why it ended.
    pub stop: Stop,
    /// How many requests were not answered, and what the first of them says.
    pub failed: (u64, Option<GenerateError>),
}

/// A run in which so many candidates in a row are dropped will not bring anything.
const DRY_CANDIDATES: usize = 1000;

/// Nor will one in which so many rounds bring fewer candidates than rounds.
const DRY_ROUNDS: usize = 50;

impl Pipeline<'_> {
    /// Makes candidates until `n` are kept. The grid comes back with what each cell came to.
    ///
    /// Requests go out in rounds, each of as many as are needed at the yield so far, [`Pipeline::round`] at most. The
    /// responses of a round are filtered when all are there, in the order of the requests: so the same responses give the
    /// same rows, whatever the timing.
    ///
    /// # Errors
    /// [`Plan::check`] fails; the generator, the journal or a filter fails; no request of the first round is answered;
    /// the observer asks to stop. The journal then has what was answered, and the same call goes on from there.
    pub fn run(
        &self,
        n: usize,
        mut grid: Grid,
        filters: &mut FilterChain,
        observer: &dyn Observer,
    ) -> Result<(Outcome, Grid), GenerateError> {
        self.plan.check(self.sources)?;
        let mut outcome = Outcome {
            kept: Vec::new(),
            made: Vec::new(),
            dropped: Vec::new(),
            surplus: 0,
            stop: Stop::Enough,
            failed: (0, None),
        };
        observer.event(Event::Started { stage: Stage::Generate, total: Some(n as u64) });
        let (mut position, mut dry, mut dry_from) = (0, 0, 0);
        while outcome.kept.len() < n {
            let count = self.round_size(n, &outcome);
            let planned = self.plan.requests(position, count, &mut grid, self.sources, self.prompts)?;
            position += planned.len() as u64;
            let before = outcome.kept.len();
            let answered = self.responses(&planned, &mut outcome, observer).and_then(|(responses, budget)| {
                // Filters may ask too.
                self.filter(&planned, responses, n, &mut grid, filters, &mut outcome)?;
                Ok(budget)
            });
            let budget = match answered {
                // What was kept before is not thrown away for a server that has gone.
                Err(error) if !outcome.kept.is_empty() && GenerateError::is_of_generator(&error) => {
                    outcome.stop = Stop::Unanswered;
                    outcome.failed.0 += 1;
                    outcome.failed.1.get_or_insert(error);
                    break;
                }
                answered => answered?,
            };
            report(observer, self.generator, &outcome);
            if outcome.kept.len() >= n {
                break;
            }
            if outcome.stop == Stop::Unanswered {
                break;
            }
            if let Some(budget) = budget {
                outcome.stop = Stop::Budget(budget);
                break;
            }
            if outcome.kept.len() > before {
                (dry, dry_from) = (0, outcome.made.len());
            } else {
                dry += 1;
            }
            let dropped = outcome.made.len() - dry_from;
            if dropped >= DRY_CANDIDATES || (dry >= DRY_ROUNDS && dropped < dry) {
                outcome.stop = Stop::Dry(dropped as u64);
                break;
            }
        }
        observer.event(Event::Finished { stage: Stage::Generate });
        Ok((outcome, grid))
    }

    /// How many requests the next round has: as many as are needed at the yield so far.
    fn round_size(&self, n: usize, outcome: &Outcome) -> usize {
        /// What is expected of a generator of which nothing is known, and the least that is planned with.
        const HOPED: f64 = 0.8;
        const LEAST: f64 = 0.1;
        let passed = outcome.kept.len() as f64 + outcome.surplus as f64;
        let share = if outcome.made.is_empty() { HOPED } else { passed / outcome.made.len() as f64 };
        let needed = (n - outcome.kept.len()) as f64 / (share.max(LEAST) * f64::from(self.plan.per_request));
        (needed.ceil() as usize).clamp(1, self.round.max(1))
    }

    /// The responses of a round, each at the place of its request; and the budget, if it had no room for some.
    fn responses(
        &self,
        planned: &[Planned],
        outcome: &mut Outcome,
        observer: &dyn Observer,
    ) -> Result<(Vec<Option<Response>>, Option<Budget>), GenerateError> {
        let requests: Vec<_> = planned.iter().map(|planned| planned.request.clone()).collect();
        let mut responses: Vec<Option<Response>> = vec![None; planned.len()];
        let (mut budget, mut failures) = (None, Vec::new());
        self.generator.generate(&requests, observer, &mut |answers| {
            for answer in answers {
                match answer.result {
                    Ok(response) => responses[answer.request] = Some(response),
                    Err(GenerateError::BudgetReached { budget: reached }) => budget = Some(reached),
                    Err(error) => failures.push((answer.request, error)),
                }
            }
            report(observer, self.generator, outcome);
            if observer.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if observer.cancelled() {
            return Err(GenerateError::Cancelled);
        }
        // Which of them came first depends on the timing, which is first in the plan does not.
        failures.sort_by_key(|(request, _)| *request);
        let n_failures = failures.len() as u64;
        if let Some((_, first)) = failures.into_iter().next() {
            let none = responses.iter().all(Option::is_none);
            // What was kept before is not thrown away for it.
            if none && outcome.made.is_empty() {
                return Err(first);
            }
            if none {
                outcome.stop = Stop::Unanswered;
            }
            outcome.failed.0 += n_failures;
            outcome.failed.1.get_or_insert(first);
        }
        Ok((responses, budget))
    }

    /// Takes a round through the filters.
    fn filter(
        &self,
        planned: &[Planned],
        responses: Vec<Option<Response>>,
        n: usize,
        grid: &mut Grid,
        filters: &mut FilterChain,
        outcome: &mut Outcome,
    ) -> Result<(), GenerateError> {
        let (mut batch, mut cells) = (Vec::new(), Vec::new());
        for (planned, response) in planned.iter().zip(responses) {
            let Some(response) = response else { continue };
            let candidates = self.candidates(planned, &response);
            cells.extend(candidates.iter().map(|candidate| (candidate.id.clone(), planned.cell)));
            // A cell that makes nothing readable is as bad as one whose texts are dropped.
            grid.note(planned.cell, u64::from(candidates.is_empty()), 0);
            batch.extend(candidates);
        }
        let (mut passed, dropped) = filters.judge(batch)?;
        outcome.dropped.extend(dropped.iter().map(|dropped| dropped.candidate.id.clone()));
        outcome.made.extend(dropped.into_iter().map(|dropped| dropped.candidate));
        outcome.made.extend(passed.iter().cloned());
        let wanted = n - outcome.kept.len();
        // Both are in the order of the requests.
        let mut of_passed = passed.iter().map(|candidate| &candidate.id).peekable();
        for (id, cell) in &cells {
            let kept = of_passed.next_if_eq(&id).is_some();
            grid.note(*cell, 1, u64::from(kept));
        }
        drop(of_passed);
        if passed.len() > wanted {
            outcome.surplus += (passed.len() - wanted) as u64;
            passed.truncate(wanted);
        }
        filters.keep(&passed)?;
        outcome.kept.extend(passed);
        Ok(())
    }

    /// The candidates in a response.
    fn candidates(&self, planned: &Planned, response: &Response) -> Vec<Candidate> {
        let key = Key::of(self.generator, &planned.request).to_hex();
        let prompt = match &planned.request.input {
            Input::Prompt(prompt) if prompt.system.is_empty() => prompt.user.clone(),
            Input::Prompt(prompt) => format!("{}\n\n{}", prompt.system, prompt.user),
            Input::Picture { prompt, negative_prompt, .. } if negative_prompt.is_empty() => prompt.clone(),
            Input::Picture { prompt, negative_prompt, .. } => format!("{prompt}\n\nwithout: {negative_prompt}"),
            Input::Text { .. } => String::new(),
        };
        let is_prompt = matches!(planned.request.input, Input::Prompt(_));
        let is_list = matches!(&planned.request.input, Input::Prompt(prompt) if prompt.form == AnswerForm::Items);
        let mut found = Vec::new();
        for choice in &response.choices {
            let texts = match is_list {
                true => items(choice),
                // Only models say more than the text.
                false if is_prompt => vec![only_text(choice, self.sources.single_lines()).to_owned()],
                false => vec![choice.clone()],
            };
            // Models that are told to stop at five go on.
            for text in texts.into_iter().take(if is_list { self.plan.per_request as usize } else { 1 }) {
                let provenance = Provenance {
                    kind: self.plan.kind.name().to_owned(),
                    generator: self.generator.fingerprint(),
                    model: self.generator.model().to_owned(),
                    prompt: prompt.clone(),
                    request: key.clone(),
                    parents: planned.parents.clone(),
                    seed: planned.request.seed,
                    attributes: planned.attributes.clone(),
                    scores: Vec::new(),
                };
                found.push(Candidate {
                    id: format!("g-{}-{}", &key[..12], found.len()),
                    text,
                    wanted: Some(self.plan.class),
                    source: planned.source.as_ref().map(|source| source.text.clone()),
                    provenance,
                });
            }
        }
        found
    }
}

fn report(observer: &dyn Observer, generator: &Recorded, outcome: &Outcome) {
    let spent = generator.spent();
    let kept = outcome.kept.len() as u64;
    observer.event(Event::Generated {
        kept,
        dropped: outcome.made.len() as u64 - kept - outcome.surplus,
        requests: spent.requests,
        microdollars: spent.microdollars,
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use synth_core::{ClassSet, Silent};

    use super::*;
    use crate::testing::Counting;
    use crate::{Filter, Journal, Kind, PictureSettings, Sampling, Verdict};

    /// Drops what was made from an even seed.
    struct Odd;

    impl Filter for Odd {
        fn name(&self) -> &'static str {
            "odd"
        }

        fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
            let verdict = |candidate: &Candidate| {
                if candidate.provenance.seed % 2 == 1 { Verdict::pass(None) } else { Verdict::drop("even", None) }
            };
            Ok(batch.iter().map(verdict).collect())
        }
    }

    fn plan() -> Plan {
        let classes = ClassSet::new(["ham", "spam"]).unwrap();
        Plan {
            kind: Kind::Examples,
            descriptions: vec![String::new(); 2],
            class: classes.id("spam").unwrap(),
            against: None,
            classes,
            domain: "comments".to_owned(),
            style: String::new(),
            per_request: 2,
            few_shot: 0,
            list: false,
            max_tokens: 50,
            sampling: Sampling::default(),
            picture: PictureSettings::default(),
            seed: 1,
        }
    }

    fn run(n: usize, generator: Counting, budget: Budget, journal: &Arc<Journal>) -> (Outcome, Vec<u64>) {
        let generator = Arc::new(generator);
        let recorded = Recorded::new(generator.clone(), journal.clone(), budget).unwrap();
        let pipeline = Pipeline {
            plan: &plan(),
            sources: &Sources::default(),
            prompts: &Prompts::built_in(),
            generator: &recorded,
            round: 8,
        };
        let mut filters = FilterChain::new(vec![Box::new(Odd)]);
        let outcome = pipeline.run(n, Grid::new(Vec::new(), 1), &mut filters, &Silent).unwrap().0;
        let asked = generator.asked.lock().unwrap().clone();
        (outcome, asked)
    }

    #[test]
    fn it_goes_on_until_enough_is_kept() {
        let journal = Arc::new(Journal::in_memory().unwrap());
        let (outcome, asked) = run(20, Counting::default(), Budget::default(), &journal);
        assert_eq!((outcome.kept.len(), outcome.stop), (20, Stop::Enough));
        assert!(outcome.kept.iter().all(|candidate| candidate.provenance.seed % 2 == 1));
        assert!(asked.len() > 10 && asked.len() < 50, "{}", asked.len());
        // With everything recorded nothing is asked, and the rows are the same.
        let (again, asked) = run(20, Counting::default(), Budget::default(), &journal);
        assert_eq!((&again.kept, asked.len()), (&outcome.kept, 0));
    }

    #[test]
    fn the_same_responses_give_the_same_rows_in_whatever_order() {
        let rows = |order: u64| {
            let journal = Arc::new(Journal::in_memory().unwrap());
            let recorded = Recorded::new(
                Arc::new(Counting { order: Some(order), ..Counting::default() }),
                journal,
                Budget::default(),
            )
            .unwrap();
            let (plan, sources, prompts) = (plan(), Sources::default(), Prompts::built_in());
            let pipeline =
                Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &recorded, round: 8 };
            let mut filters = FilterChain::new(vec![Box::new(Odd)]);
            pipeline.run(30, Grid::new(Vec::new(), 1), &mut filters, &Silent).unwrap().0.kept
        };
        let first = rows(0);
        assert_eq!(first.len(), 30);
        for order in 1..6 {
            assert_eq!(rows(order), first);
        }
    }

    #[test]
    fn a_budget_ends_it() {
        let journal = Arc::new(Journal::in_memory().unwrap());
        let (outcome, asked) = run(20, Counting::default(), Budget::Requests(5), &journal);
        assert_eq!((asked.len(), outcome.stop), (5, Stop::Budget(Budget::Requests(5))));
        assert!(outcome.kept.len() < 20);
    }

    #[test]
    fn failed_requests_are_counted_and_a_round_without_any_answer_is_an_error() {
        let journal = Arc::new(Journal::in_memory().unwrap());
        let (_, asked) = run(4, Counting::default(), Budget::default(), &Arc::new(Journal::in_memory().unwrap()));
        let failing = Counting { failing: vec![asked[0]], ..Counting::default() };
        let (outcome, _) = run(4, failing, Budget::default(), &journal);
        assert_eq!((outcome.failed.0, outcome.kept.len()), (1, 4));
        let all = Arc::new(Counting { failing: asked.clone(), ..Counting::default() });
        let recorded = Recorded::new(all, Arc::new(Journal::in_memory().unwrap()), Budget::default()).unwrap();
        let (plan, sources, prompts) = (plan(), Sources::default(), Prompts::built_in());
        let pipeline = Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &recorded, round: 2 };
        let error = pipeline.run(4, Grid::new(Vec::new(), 1), &mut FilterChain::new(Vec::new()), &Silent);
        assert!(matches!(error, Err(GenerateError::Generator { .. })));
    }

    #[test]
    fn what_was_kept_survives_a_judge_that_goes() {
        struct Goes(u32);
        impl Filter for Goes {
            fn name(&self) -> &'static str {
                "goes"
            }

            fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
                self.0 += 1;
                if self.0 > 1 {
                    let gone = GenerateError::Generator { generator: "judge".into(), source: "no credit".into() };
                    return Err(GenerateError::Filter { filter: "goes", source: gone.into() });
                }
                Ok(batch.iter().map(|_| Verdict::pass(None)).collect())
            }
        }
        let journal = Arc::new(Journal::in_memory().unwrap());
        let recorded = Recorded::new(Arc::new(Counting::default()), journal, Budget::default()).unwrap();
        let (plan, sources, prompts) = (plan(), Sources::default(), Prompts::built_in());
        let pipeline = Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &recorded, round: 4 };
        let mut filters = FilterChain::new(vec![Box::new(Goes(0))]);
        let outcome = pipeline.run(50, Grid::new(Vec::new(), 1), &mut filters, &Silent).unwrap().0;
        assert_eq!((outcome.kept.len(), outcome.stop, outcome.failed.0), (8, Stop::Unanswered, 1));
        // Without anything kept it is the error.
        let mut filters = FilterChain::new(vec![Box::new(Goes(1))]);
        assert!(pipeline.run(50, Grid::new(Vec::new(), 1), &mut filters, &Silent).is_err());
    }

    #[test]
    fn it_gives_up_when_nothing_comes_of_it() {
        struct Nothing;
        impl Filter for Nothing {
            fn name(&self) -> &'static str {
                "nothing"
            }

            fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
                Ok(batch.iter().map(|_| Verdict::drop("no", None)).collect())
            }
        }
        let journal = Arc::new(Journal::in_memory().unwrap());
        let recorded = Recorded::new(Arc::new(Counting::default()), journal, Budget::default()).unwrap();
        let (plan, sources, prompts) = (plan(), Sources::default(), Prompts::built_in());
        let pipeline = Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &recorded, round: 4 };
        let mut filters = FilterChain::new(vec![Box::new(Nothing)]);
        let outcome = pipeline.run(50, Grid::new(Vec::new(), 1), &mut filters, &Silent).unwrap().0;
        assert_eq!(outcome.stop, Stop::Dry(1000));
        assert_eq!(filters.tallies()[0].dropped, 1000);
    }
}
