//! The client as a generator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use synth_core::Observer;
use synth_generate::{Answer, GenerateError, Generator, Input, Price, Request, Sink};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::call::{Caller, Failure};
use crate::{LlmError, OpenAiSettings, wire};

/// How often the observer is asked whether to stop.
const TICK: Duration = Duration::from_millis(50);

/// A model behind a server that speaks the chat protocol of OpenAI.
///
/// Several threads may call it at once; they share its pace, its limits and what it has learned of the server.
#[derive(Debug)]
pub struct OpenAi {
    caller: Arc<Caller>,
    /// There until the client is dropped.
    runtime: Option<Runtime>,
}

impl OpenAi {
    /// A client of a server; nothing is sent yet.
    ///
    /// # Errors
    /// A setting out of its range; a system that gives no thread, or no certificates where the address begins with
    /// `https`.
    pub fn new(settings: OpenAiSettings) -> Result<Self, LlmError> {
        let caller = Arc::new(Caller::new(settings)?);
        // One thread is enough to wait. It lives as long as the client, so that connections are kept between calls,
        // and callers may be part of a runtime of their own.
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("synth-llm").enable_all().build();
        Ok(Self { caller, runtime: Some(runtime.map_err(|error| LlmError::Start(error.into()))?) })
    }

    fn name(&self) -> String {
        format!("the server at {}", self.caller.base_url())
    }

    fn spawn(&self, job: Job) -> Running {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the client is dropped");
        Running(runtime.spawn(job.run()))
    }
}

impl Drop for OpenAi {
    fn drop(&mut self) {
        // Dropping it would wait, which panics in a runtime of the caller's.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Generator for OpenAi {
    fn fingerprint(&self) -> String {
        format!("openai {} {}", self.caller.base_url(), self.caller.settings().model)
    }

    fn model(&self) -> &str {
        &self.caller.settings().model
    }

    fn price(&self) -> Option<Price> {
        self.caller.settings().price
    }

    fn n_tokens(&self, text: &str) -> u64 {
        wire::estimated_tokens(text)
    }

    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        let (out, answers) = channel();
        // So many answers may wait for the sink: an answer that is not recorded is lost if the process dies.
        let room = Arc::new(Semaphore::new(self.caller.settings().max_concurrency));
        let _running = self.spawn(Job {
            caller: Arc::clone(&self.caller),
            requests: requests.to_vec(),
            next: AtomicUsize::new(0),
            name: self.name(),
            room: Arc::clone(&room),
            out,
        });
        loop {
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            let first = match answers.recv_timeout(TICK) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut batch = Vec::new();
            let mut failed = None;
            for message in std::iter::once(first).chain(answers.try_iter()) {
                match message {
                    Ok(answer) => batch.push(answer),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            let n = batch.len();
            if n > 0 && sink(batch).is_break() {
                return Ok(());
            }
            room.add_permits(n);
            if let Some(error) = failed {
                return Err(GenerateError::Generator { generator: self.name(), source: error.into() });
            }
        }
    }
}

/// Work that ends when nobody waits for it any more.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The requests of one call of [`OpenAi::generate`].
struct Job {
    caller: Arc<Caller>,
    requests: Vec<Request>,
    /// The next request that nobody works on.
    next: AtomicUsize,
    name: String,
    room: Arc<Semaphore>,
    /// Closed when all is done; an error ends the run.
    out: Sender<Result<Answer, LlmError>>,
}

impl Job {
    async fn run(self) {
        let n_workers = self.caller.settings().max_concurrency.min(self.requests.len());
        let job = Arc::new(self);
        let mut workers = JoinSet::new();
        for _ in 0..n_workers {
            let job = Arc::clone(&job);
            workers.spawn(async move { job.work().await });
        }
        while let Some(worker) = workers.join_next().await {
            let result = worker.unwrap_or_else(|panic| Err(LlmError::Crashed { problem: panic.to_string() }));
            if let Err(error) = result {
                // The others end as `workers` is dropped. Nobody may listen any more.
                let _ = job.out.send(Err(error));
                return;
            }
        }
    }

    /// Answers requests, one after the other, until none is left.
    async fn work(&self) -> Result<(), LlmError> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = self.requests.get(index) else { return Ok(()) };
            let result = match &request.input {
                Input::Prompt(prompt) => match self.caller.answer(request, prompt).await {
                    Ok(response) => Ok(response),
                    Err(Failure::Run(error)) => return Err(error),
                    Err(Failure::Request(error)) => {
                        Err(GenerateError::Generator { generator: self.name.clone(), source: error.into() })
                    }
                },
                Input::Text { .. } | Input::Picture { .. } => {
                    Err(GenerateError::Unsupported { generator: self.name.clone(), what: "change texts" })
                }
            };
            // The room is given back by whoever takes the answer.
            match self.room.acquire().await {
                Ok(room) => room.forget(),
                Err(_) => return Ok(()),
            }
            if self.out.send(Ok(Answer { request: index, result })).is_err() {
                return Ok(());
            }
        }
    }
}
