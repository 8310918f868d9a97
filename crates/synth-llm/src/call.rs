//! One request, from its calls to its response: attempts, ways to put it, and which error is whose.

use std::time::Duration;

use synth_core::BoxError;
use synth_generate::{Prompt, Request, Response, Usage};
use tokio::time::sleep;

use crate::dialect::{Dialect, Refusal};
use crate::form::is_structured;
use crate::gate::{Gate, Permit, Trouble};
use crate::rate::Rates;
use crate::retry::{backoff, jitter};
use crate::transport::{Lost, Reply, Transport};
use crate::wire::{self, Choices, Completion, Fault};
use crate::{LlmError, OpenAiSettings};

/// The longest that one call waits for its next attempt because the server asked for it.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How often a server that has never answered is looked for.
const FIRST_LOOKS: u32 = 3;

/// Sends the requests of one server.
#[derive(Debug)]
pub(crate) struct Caller {
    settings: OpenAiSettings,
    base_url: String,
    transport: Transport,
    gate: Gate,
    rates: Rates,
    dialect: Dialect,
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The next request may fare better.
    Request(LlmError),
    /// No request will.
    Run(LlmError),
}

/// What came of one attempt.
enum Outcome {
    Done(Completion),
    /// The server asks to wait.
    Wait {
        status: u16,
        text: String,
        asked: Option<Duration>,
    },
    Unreachable(BoxError),
    /// What may go well the next time.
    Again {
        cause: Cause,
        asked: Option<Duration>,
    },
    /// What the server will not answer, put like this.
    Rejected {
        status: u16,
        text: String,
    },
    Failed(Failure),
}

/// What may go well the next time.
enum Cause {
    Server { status: u16, text: String },
    Slow(Duration),
    Broken(BoxError),
    Damaged(String),
}

impl Caller {
    pub(crate) fn new(settings: OpenAiSettings) -> Result<Self, LlmError> {
        let (base_url, url) = settings.checked()?;
        Ok(Self {
            transport: Transport::new(&settings, url)?,
            gate: Gate::new(settings.concurrency, settings.max_concurrency),
            rates: Rates::new(settings.requests_per_minute, settings.tokens_per_minute),
            dialect: Dialect::new(),
            base_url,
            settings,
        })
    }

    pub(crate) fn settings(&self) -> &OpenAiSettings {
        &self.settings
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Answers a request: by one call where the server gives several choices at once, else by one for each.
    pub(crate) async fn answer(&self, request: &Request, prompt: &Prompt) -> Result<Response, Failure> {
        let mut response = Response { choices: Vec::new(), usage: Usage::default() };
        loop {
            let first = response.choices.len();
            let missing = u32::try_from(first).map_or(0, |first| request.n_choices.saturating_sub(first));
            if missing == 0 {
                return Ok(response);
            }
            match self.complete(request, prompt, Choices { first, n: missing }).await {
                Ok(completion) => {
                    response.usage += completion.usage;
                    let texts = completion.texts.into_iter().take(missing as usize);
                    response.choices.extend(texts.map(|text| self.without_key(text)));
                }
                // What is there is paid for. If no request can be answered any more, the next will say so.
                Err(_) if first > 0 => return Ok(response),
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn complete(&self, request: &Request, prompt: &Prompt, choices: Choices) -> Result<Completion, Failure> {
        let structured = is_structured(&prompt.form);
        let most = self.settings.max_attempts;
        let mut way = self.dialect.way();
        // Attempts that count, those that went wrong in this way, and all that were sent.
        let (mut attempts, mut in_this_way, mut sent) = (0, 0, 0);
        let mut others_succeeded = None;
        let mut rejection = None;
        loop {
            let (body, n) = wire::body(&self.settings.model, request, prompt, choices, &way);
            let paid = wire::prompt_tokens(prompt) + u64::from(request.max_tokens) * u64::from(n);
            let permit = self.gate.enter().await;
            self.rates.wait(paid).await;
            sent += 1;
            let jitter = jitter(request.seed, sent);
            let outcome = self.attempt(body, prompt).await;
            if let Outcome::Wait { .. } | Outcome::Unreachable(_) | Outcome::Rejected { .. } = outcome {
                self.rates.settle(paid, 0);
            }
            let (status, text) = match &outcome {
                Outcome::Rejected { status, text } => (*status, text.as_str()),
                Outcome::Again { cause: Cause::Server { status, text }, .. } => (*status, text.as_str()),
                _ => (0, ""),
            };
            let refusal = Refusal { status, text, structured, several: n > 1, failures: in_this_way + 1 };
            let other_way = self.dialect.other_way(&way, refusal);
            if let Some(other) = other_way {
                permit.reached();
                rejection = rejection.or(Some((status, text.to_owned())).filter(|_| status < 500));
                (way, in_this_way) = (other, 0);
                continue;
            }
            match outcome {
                Outcome::Done(completion) => {
                    permit.succeeded();
                    self.rates.settle(paid, completion.usage.total());
                    self.dialect.worked(&way, structured);
                    if n > 1 && completion.n_choices == 1 {
                        self.dialect.gave_one();
                    }
                    return Ok(completion);
                }
                Outcome::Rejected { status, text } => {
                    permit.succeeded();
                    // The first rejection is that of the request as it was meant.
                    let (status, text) = rejection.unwrap_or((status, text));
                    return Err(self.rejected(status, &text));
                }
                Outcome::Failed(failure) => {
                    permit.succeeded();
                    return Err(failure);
                }
                Outcome::Wait { status, text, asked } => {
                    let standing = permit.failed(Trouble::Throttled(asked), jitter);
                    if let Some(waited) = standing.too_long {
                        let message = self.quoted(&text);
                        return Err(Failure::Run(LlmError::Throttled { status, waited, message }));
                    }
                    // Where others succeed, and this one never, it is to blame.
                    attempts += u32::from(others_succeeded.is_some_and(|before| standing.successes > before));
                    others_succeeded = Some(standing.successes);
                    if attempts >= most {
                        let message = self.quoted(&text);
                        return Err(Failure::Request(LlmError::NotTaken { status, attempts, message }));
                    }
                }
                Outcome::Unreachable(source) => {
                    let standing = permit.failed(Trouble::Unreachable, jitter);
                    attempts += u32::from(others_succeeded.is_some_and(|before| standing.successes > before));
                    others_succeeded = Some(standing.successes);
                    let looks = if standing.successes == 0 { most.min(FIRST_LOOKS) } else { most };
                    let (tried, url) = (standing.unreachable, self.base_url.clone());
                    if tried >= looks {
                        return Err(Failure::Run(LlmError::Unreachable { url, attempts: tried, source }));
                    }
                    if attempts >= most {
                        return Err(Failure::Request(LlmError::Unreachable { url, attempts, source }));
                    }
                }
                Outcome::Again { cause, asked } => {
                    attempts += 1;
                    in_this_way += 1;
                    self.note(&permit, &cause, jitter);
                    // Nobody else waits for the place while this call waits for its time.
                    drop(permit);
                    if attempts >= most {
                        return Err(Failure::Request(self.given_up(cause, attempts)));
                    }
                    sleep(backoff(attempts, jitter).max(asked.unwrap_or_default().min(LONGEST_WAIT))).await;
                }
            }
        }
    }

    async fn attempt(&self, body: Vec<u8>, prompt: &Prompt) -> Outcome {
        match self.transport.post(body).await {
            Ok(reply) => self.judged(reply, prompt),
            Err(Lost::Unreachable(source)) => Outcome::Unreachable(source),
            Err(Lost::Broken(source)) => Outcome::Again { cause: Cause::Broken(source), asked: None },
            Err(Lost::Slow(after)) => Outcome::Again { cause: Cause::Slow(after), asked: None },
            Err(Lost::TooLarge) => {
                let limit = self.settings.max_response_bytes;
                Outcome::Failed(Failure::Request(LlmError::TooLarge { limit }))
            }
        }
    }

    fn judged(&self, reply: Reply, prompt: &Prompt) -> Outcome {
        let Reply { status, bytes, wait: asked, location } = reply;
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return self.judged_error(status, text, asked, location);
        }
        let failed = |error| Outcome::Failed(Failure::Request(error));
        match wire::completion(&bytes, prompt) {
            Ok(completion) => Outcome::Done(completion),
            Err(Fault::Damaged(problem)) => Outcome::Again { cause: Cause::Damaged(problem), asked },
            // Gateways report so what went wrong behind them, which mostly passes.
            Err(Fault::Reported(status)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.judged_error(status.unwrap_or(502), text, asked, location)
            }
            Err(Fault::Foreign(problem)) => failed(LlmError::NoCompletion { problem: self.quoted(&problem) }),
            Err(Fault::NoChoice) => failed(LlmError::NoChoice),
            Err(Fault::NoText(reason)) => failed(LlmError::NoText { finish_reason: self.quoted(&reason) }),
            Err(Fault::Declined(refusal)) => failed(LlmError::Declined { refusal: self.quoted(&refusal) }),
        }
    }

    fn judged_error(&self, status: u16, text: String, asked: Option<Duration>, location: Option<String>) -> Outcome {
        let run = |error| Outcome::Failed(Failure::Run(error));
        match status {
            300..=399 => {
                let location = location.unwrap_or_else(|| "nowhere".into());
                let location = location.split(['?', '#']).next().unwrap_or_default();
                run(LlmError::Redirect { status, location: self.quoted(location) })
            }
            401 => {
                let sent = self.settings.key.is_some();
                run(LlmError::Key { status, message: self.quoted(&text), sent })
            }
            // A key that is refused for everything, or a gateway that declines this one prompt.
            403 => {
                let sent = self.settings.key.is_some();
                Outcome::Failed(Failure::Request(LlmError::Key { status, message: self.quoted(&text), sent }))
            }
            402 => run(LlmError::Quota { status, message: self.quoted(&text) }),
            429 if wire::is_used_up(&text) => run(LlmError::Quota { status, message: self.quoted(&text) }),
            // 529 is Anthropic's and its gateways' word for 503.
            429 | 503 | 529 => Outcome::Wait { status, text, asked },
            // A conflict and a request that came too early pass by themselves.
            408 | 409 | 425 | 500 | 502 | 504 | 506.. => {
                Outcome::Again { cause: Cause::Server { status, text }, asked }
            }
            _ => Outcome::Rejected { status, text },
        }
    }

    fn rejected(&self, status: u16, text: &str) -> Failure {
        let message = self.quoted(text);
        match status {
            404 | 405 | 410 => {
                let (model, url) = (self.settings.model.clone(), self.base_url.clone());
                Failure::Run(LlmError::NotFound { status, model, url, message })
            }
            _ => Failure::Request(LlmError::Rejected { status, message }),
        }
    }

    fn given_up(&self, cause: Cause, attempts: u32) -> LlmError {
        match cause {
            Cause::Server { status, text } => LlmError::Server { status, attempts, message: self.quoted(&text) },
            Cause::Slow(after) => LlmError::Timeout { after, attempts },
            Cause::Broken(source) => LlmError::Broken { attempts, source },
            Cause::Damaged(problem) => LlmError::Malformed { problem: self.quoted(&problem), attempts },
        }
    }

    /// Tells the gate how the call fared.
    fn note(&self, permit: &Permit<'_>, cause: &Cause, jitter: f64) {
        match cause {
            Cause::Slow(_) => {
                permit.failed(Trouble::Slow, jitter);
            }
            Cause::Server { .. } | Cause::Damaged(_) => permit.reached(),
            Cause::Broken(_) => {}
        }
    }

    /// What a server wrote, as it may stand in an error.
    fn quoted(&self, text: &str) -> String {
        let message = wire::message(text);
        // Before it is cut: a part of a key is not recognised.
        match &self.settings.key {
            Some(key) => wire::quoted(&key.hide_in(&message)),
            None => wire::quoted(&message),
        }
    }

    fn without_key(&self, text: String) -> String {
        match &self.settings.key {
            Some(key) => key.hide_in_answer(text),
            None => text,
        }
    }
}
