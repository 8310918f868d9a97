//! Several answers at once, each as if it were alone.

use std::collections::VecDeque;
use std::sync::Arc;

use synth_core::Observer;
use synth_generate::{Answer, GenerateError, Request, Response, Usage};

use super::LocalLlm;
use crate::llama::{Cache, Run, Sequence};
use crate::parallel::each;
use crate::sampling::Sampler;

/// Requests that are being answered.
pub(super) struct Work<'a> {
    model: &'a LocalLlm,
    requests: &'a [Request],
    /// The first request that has not been looked at.
    next: usize,
    /// A request whose prompt has been read, and choices of which have not begun.
    read: Option<Read>,
    /// Requests with choices that are not finished, in their order.
    open: VecDeque<Open>,
    /// What is being written now.
    writing: Vec<Choice>,
}

/// A prompt that has been read.
struct Read {
    request: usize,
    cache: Arc<Cache>,
    logits: Vec<f32>,
    next_choice: u32,
}

/// The answer to a request, as far as it is there.
struct Open {
    request: usize,
    choices: Vec<Option<String>>,
    usage: Usage,
}

/// An answer that is being written.
struct Choice {
    request: usize,
    number: u32,
    sequence: Sequence,
    sampler: Sampler,
    tokens: Vec<u32>,
    ended: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(model: &'a LocalLlm, requests: &'a [Request]) -> Self {
        Self { model, requests, next: 0, read: None, open: VecDeque::new(), writing: Vec::new() }
    }

    /// Whether nothing is being written, though some may not have begun.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_empty()
    }

    /// Whether all requests have begun.
    pub(super) fn is_over(&self) -> bool {
        self.read.is_none() && self.next == self.requests.len()
    }

    /// Begins answers until the batch is full.
    pub(super) fn fill(&mut self, observer: &dyn Observer, answers: &mut Vec<Answer>) -> Result<(), GenerateError> {
        while self.writing.len() < self.model.batch && !self.is_over() {
            let Some(read) = &mut self.read else {
                let request = self.next;
                self.next += 1;
                match self.model.prepare(&self.requests[request]) {
                    Err(error) => answers.push(Answer { request, result: Err(error) }),
                    Ok(tokens) => {
                        let mut sequence = Sequence::new();
                        let logits = self.model.read(&mut sequence, &tokens, observer);
                        let Some(logits) = logits.map_err(|error| self.model.failed(error))? else {
                            return Err(GenerateError::Cancelled);
                        };
                        let cache = Arc::new(sequence.into_cache());
                        self.read = Some(Read { request, cache, logits, next_choice: 0 });
                        let n = self.requests[request].n_choices as usize;
                        let usage = Usage { prompt_tokens: tokens.len() as u64, completion_tokens: 0 };
                        self.open.push_back(Open { request, choices: vec![None; n], usage });
                    }
                }
                continue;
            };
            let Request { sampling, seed, n_choices, .. } = self.requests[read.request];
            let mut choice = Choice {
                request: read.request,
                number: read.next_choice,
                sequence: Sequence::after(Arc::clone(&read.cache)),
                sampler: Sampler::new(sampling, seed, read.next_choice),
                tokens: Vec::new(),
                ended: false,
            };
            choice.go_on(self.model, &read.logits, self.requests);
            self.writing.push(choice);
            read.next_choice += 1;
            if read.next_choice == n_choices {
                self.read = None;
            }
        }
        Ok(())
    }

    /// Writes one more token of each answer.
    pub(super) fn step(&mut self) -> Result<(), GenerateError> {
        let (model, requests) = (self.model, self.requests);
        let mut runs: Vec<Run<'_>> = self
            .writing
            .iter_mut()
            .map(|Choice { sequence, tokens, .. }| Run { sequence, tokens: &tokens[tokens.len().saturating_sub(1)..] })
            .collect();
        let logits = model.llama.forward(&mut runs).map_err(|error| model.failed(error))?;
        let rows = self.writing.iter_mut().zip(logits.chunks_exact(model.llama.n_vocab()));
        each(rows.collect(), |(choice, logits)| choice.go_on(model, logits, requests));
        Ok(())
    }

    /// Takes away what has ended, and answers requests whose choices all have.
    pub(super) fn take_finished(&mut self, answers: &mut Vec<Answer>) {
        for choice in self.writing.extract_if(.., |choice| choice.ended) {
            let Some(open) = self.open.iter_mut().find(|open| open.request == choice.request) else { continue };
            open.usage.completion_tokens += choice.tokens.len() as u64;
            open.choices[choice.number as usize] = Some(self.model.tokenizer.text(&choice.tokens));
        }
        let mut unfinished = VecDeque::new();
        for open in self.open.drain(..) {
            if open.choices.iter().all(Option::is_some) {
                let choices = open.choices.into_iter().flatten().collect();
                answers.push(Answer { request: open.request, result: Ok(Response { choices, usage: open.usage }) });
            } else {
                unfinished.push_back(open);
            }
        }
        self.open = unfinished;
    }
}

impl Choice {
    /// Takes the next token, or ends.
    fn go_on(&mut self, model: &LocalLlm, logits: &[f32], requests: &[Request]) {
        let token = self.sampler.next(logits);
        if model.tokenizer.ends(token) {
            self.ended = true;
            return;
        }
        self.tokens.push(token);
        self.ended = self.tokens.len() >= requests[self.request].max_tokens as usize;
    }
}
