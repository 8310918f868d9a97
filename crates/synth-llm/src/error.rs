//! What can go wrong between a request and its answer.

use std::time::Duration;

use synth_core::BoxError;

/// An error of the client, by what the caller can do about it. What a server wrote is quoted in part, without the
/// key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was; never a key.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// The base address cannot be used. It is not quoted, as it may hold a password.
    #[error("the base URL {problem}")]
    Address {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Encrypted connections cannot be made: the system has no certificates to trust.
    #[error("cannot set up encrypted connections")]
    Tls(#[source] BoxError),
    /// The system gives no thread or socket.
    #[error("cannot start the client")]
    Start(#[source] BoxError),
    /// No connection to the server comes about.
    #[error("cannot reach {url}, tried {attempts} times")]
    Unreachable {
        /// The base address.
        url: String,
        /// How often that was tried in a row.
        attempts: u32,
        /// The last failure.
        source: BoxError,
    },
    /// The server does not accept the key (401), or not for this (403): gateways decline single prompts so.
    #[error("the server refused the key (HTTP {status}): {message}")]
    Key {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
        /// Whether a key was sent.
        sent: bool,
    },
    /// The model, or the address, is unknown to the server (404, 405, 410).
    #[error("the server does not know the model `{model}` or the address {url} (HTTP {status}): {message}")]
    NotFound {
        /// The HTTP status.
        status: u16,
        /// The model.
        model: String,
        /// The base address.
        url: String,
        /// What the server said.
        message: String,
    },
    /// The account has nothing left.
    #[error("the account is used up (HTTP {status}): {message}")]
    Quota {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The server does nothing but ask to wait (429, 503), or for a long time.
    #[error("the server asks to wait (HTTP {status}), {} s in all: {message}", waited.as_secs())]
    Throttled {
        /// The HTTP status.
        status: u16,
        /// How long since the last success, the wait that it asked for last included.
        waited: Duration,
        /// What the server said.
        message: String,
    },
    /// The server answers one call with requests to wait (429, 503), and others not.
    #[error("the server would not take the call (HTTP {status}), tried {attempts} times: {message}")]
    NotTaken {
        /// The HTTP status.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// What the server said.
        message: String,
    },
    /// The server sends elsewhere. That is not followed: the key would go along.
    #[error("the server redirects to {location} (HTTP {status})")]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to, without what stands behind `?`.
        location: String,
    },
    /// The server will not answer this request (400 and the like).
    #[error("the server rejected the request (HTTP {status}): {message}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The server failed at this request (500 and the like).
    #[error("the server failed (HTTP {status}), tried {attempts} times: {message}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// What the server said.
        message: String,
    },
    /// An answer did not come in time, or stood still.
    #[error("no whole answer within {} s, tried {attempts} times", after.as_secs_f64())]
    Timeout {
        /// `timeout` where nothing came, `stall_timeout` where an answer stood still.
        after: Duration,
        /// How often it was tried.
        attempts: u32,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection broke, tried {attempts} times")]
    Broken {
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: BoxError,
    },
    /// The answer is longer than allowed; the rest was not read.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// The answer is damaged: no JSON, or cut off.
    #[error("the answer is no whole JSON, tried {attempts} times: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is something else than a chat completion.
    #[error("the answer is no chat completion: {problem}")]
    NoCompletion {
        /// What is wrong.
        problem: String,
    },
    /// The answer holds no choice.
    #[error("the answer holds no choice")]
    NoChoice,
    /// No choice holds a text.
    #[error("the answer holds no text (finish reason {finish_reason})")]
    NoText {
        /// Why the model stopped, as the server has it.
        finish_reason: String,
    },
    /// The model declined, by the field that the protocol has for it.
    #[error("the model declined: {refusal}")]
    Declined {
        /// What it said.
        refusal: String,
    },
    /// The client itself failed.
    #[error("the client failed: {problem}")]
    Crashed {
        /// The panic.
        problem: String,
    },
}

impl LlmError {
    /// What could be tried, most useful first. Settings have the names that they have in `synth.toml`.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Address { .. } => {
                "for a local server it is such as http://localhost:8000/v1; a key stands in no address"
            }
            Self::Tls(_) => "install the certificates of your system, on Debian `ca-certificates`",
            Self::Unreachable { .. } => "see that the server runs, and that the base URL has its host and port",
            Self::Key { sent: false, .. } => "the server wants a key: name the variable that holds it in `api-key-env`",
            Self::Key { .. } => "see that the key belongs to this server and is allowed to use the model",
            Self::NotFound { .. } => "most base URLs end in /v1; the server lists its models at /models",
            Self::Quota { .. } => "add credit or raise the limit of the account, then resume",
            Self::Throttled { .. } => "resume later, or set `requests-per-minute` and `tokens-per-minute`",
            Self::NotTaken { .. } => "the request may be larger than a limit of the account: lower `max-tokens`",
            Self::Redirect { .. } => "put that address into the base URL if you trust it with the key",
            Self::Timeout { .. } => {
                "set a longer `timeout-seconds`, or a lower `concurrency`: local servers queue calls"
            }
            Self::TooLarge { .. } => "see that the base URL is that of a chat server",
            Self::NoCompletion { .. } => "see that the base URL is that of a chat server; most end in /v1",
            Self::NoText { .. } => "models that think first need more `max-tokens` until they answer",
            _ => return Vec::new(),
        };
        vec![hint.into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_hints() {
        let check = |error: LlmError, text: &str, hint: &str| {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.hints().first().map_or("", String::as_str), hint);
        };
        check(
            LlmError::Key { status: 401, message: "no such key".into(), sent: false },
            "the server refused the key (HTTP 401): no such key",
            "the server wants a key: name the variable that holds it in `api-key-env`",
        );
        check(
            LlmError::Unreachable { url: "http://localhost:8000/v1".into(), attempts: 3, source: "refused".into() },
            "cannot reach http://localhost:8000/v1, tried 3 times",
            "see that the server runs, and that the base URL has its host and port",
        );
        check(
            LlmError::Throttled { status: 429, waited: Duration::from_secs(3600), message: "slow down".into() },
            "the server asks to wait (HTTP 429), 3600 s in all: slow down",
            "resume later, or set `requests-per-minute` and `tokens-per-minute`",
        );
        check(
            LlmError::Timeout { after: Duration::from_millis(500), attempts: 2 },
            "no whole answer within 0.5 s, tried 2 times",
            "set a longer `timeout-seconds`, or a lower `concurrency`: local servers queue calls",
        );
        check(LlmError::NoChoice, "the answer holds no choice", "");
    }
}
