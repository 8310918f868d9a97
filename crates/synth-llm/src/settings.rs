//! Where the server is, and what it may be asked for.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use synth_generate::Price;

use crate::{LlmError, Secret};

/// The settings of an [`OpenAi`](crate::OpenAi), which checks them.
///
/// ```
/// use synth_llm::{OpenAiSettings, Secret};
///
/// let settings = OpenAiSettings { key: Some(Secret::new("sk-4f1c")), ..OpenAiSettings::new("gpt-4o-mini") };
/// assert_eq!(settings.base_url, "https://api.openai.com/v1");
/// assert!(!format!("{settings:?}").contains("4f1c"));
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// The address to which `/chat/completions` is added, over `http` or `https`; most servers have it end in `/v1`.
    /// Names, passwords and what stands behind `?` or `#` are refused: addresses are written beside the data.
    pub base_url: String,
    /// The name of the model, as the server has it.
    pub model: String,
    /// The key, sent as a bearer token; none for most servers that run locally.
    pub key: Option<Secret>,
    /// Calls in flight at the start, at least 1. 8 keep a local server busy and are within the limits of hosted ones.
    pub concurrency: usize,
    /// Calls in flight at most, at least as many as at the start.
    pub max_concurrency: usize,
    /// Calls a minute at most, spread over it: bursts are of one second's share. At least 1.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute at most, in and out; counted by the server's own figures once they are there, and before by
    /// the length of the prompt and `max_tokens`. At least 1.
    pub tokens_per_minute: Option<u64>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one call may take until its answer is whole. Local servers work on queued calls one by one, so the
    /// default is five minutes.
    pub timeout: Duration,
    /// How long an answer that has begun may stand still.
    pub stall_timeout: Duration,
    /// How often a call is tried before its error counts, at least 1. Being told to wait (429, 503) does not count
    /// as long as other calls fare no better.
    pub max_attempts: u32,
    /// The length of an answer at most, in bytes, at least 1024; what is longer is not read.
    pub max_response_bytes: usize,
    /// What the model costs, if known.
    pub price: Option<Price>,
}

impl OpenAiSettings {
    /// A model of OpenAI, without a key.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            model: model.into(),
            key: None,
            concurrency: 8,
            max_concurrency: 64,
            requests_per_minute: None,
            tokens_per_minute: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(300),
            stall_timeout: Duration::from_secs(30),
            max_attempts: 6,
            max_response_bytes: 16 << 20,
            price: None,
        }
    }

    /// The address without its last slash, and that of chat completions.
    pub(crate) fn checked(&self) -> Result<(String, Url), LlmError> {
        let url = endpoint(&self.base_url)?;
        let base = url.as_str().trim_end_matches("/chat/completions").to_owned();
        if self.model.trim().is_empty() {
            return Err(out_of_range("model", format!("`{}`", self.model), "the name of a model"));
        }
        if let Some(key) = &self.key {
            // Whatever is wrong with a key, it is not shown.
            if key.expose().is_empty() {
                return Err(out_of_range("key", "empty".into(), "a key, or none"));
            }
            if key.expose().contains(char::is_whitespace) || HeaderValue::from_str(key.expose()).is_err() {
                let expected = "printable ASCII without blanks, as a header takes it";
                return Err(out_of_range("key", "something else".into(), expected));
            }
        }
        if self.concurrency == 0 {
            return Err(out_of_range("concurrency", self.concurrency.to_string(), "1 or more"));
        }
        if self.max_concurrency < self.concurrency {
            return Err(out_of_range("max_concurrency", self.max_concurrency.to_string(), "`concurrency` or more"));
        }
        if self.requests_per_minute == Some(0) {
            return Err(out_of_range("requests_per_minute", "0".into(), "1 or more"));
        }
        if self.tokens_per_minute == Some(0) {
            return Err(out_of_range("tokens_per_minute", "0".into(), "1 or more"));
        }
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("timeout", self.timeout),
            ("stall_timeout", self.stall_timeout),
        ];
        for (name, time) in times {
            // A day is more than any server takes, and far from where sums of times overflow.
            if time.is_zero() || time > Duration::from_secs(86_400) {
                return Err(out_of_range(name, format!("{time:?}"), "more than 0, and a day at most"));
            }
        }
        if self.max_attempts == 0 {
            return Err(out_of_range("max_attempts", "0".into(), "1 or more"));
        }
        if self.max_response_bytes < 1024 {
            return Err(out_of_range("max_response_bytes", self.max_response_bytes.to_string(), "1024 or more"));
        }
        if let Some(price) = self.price {
            for (name, dollars) in [
                ("price.input_per_million", price.input_per_million),
                ("price.output_per_million", price.output_per_million),
            ] {
                if !(dollars.is_finite() && dollars >= 0.0) {
                    return Err(out_of_range(name, dollars.to_string(), "0 or more"));
                }
            }
        }
        Ok((base, url))
    }
}

fn out_of_range(name: &'static str, value: String, expected: &'static str) -> LlmError {
    LlmError::Setting { name, value, expected }
}

fn endpoint(base_url: &str) -> Result<Url, LlmError> {
    // What cannot be parsed may hold a password all the same, and is not quoted.
    let wrong = |problem| LlmError::Address { problem };
    let mut url = Url::parse(base_url.trim()).map_err(|_| wrong("is no address such as http://localhost:8000/v1"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("holds more than a path: leave out what stands behind `?` or `#`"));
    }
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("does not begin with http:// or https://"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/chat/completions").unwrap_or(path);
    url.set_path(&format!("{path}/chat/completions"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: &str| {
            let settings = OpenAiSettings { base_url: text.into(), ..OpenAiSettings::new("m") };
            let (base, url) = settings.checked().unwrap();
            assert_eq!((base.as_str(), url.as_str()), (expected, &*format!("{expected}/chat/completions")));
        };
        check("http://localhost:8000/v1", "http://localhost:8000/v1");
        check("http://LOCALHOST:8000/v1/ ", "http://localhost:8000/v1");
        check("https://example.com", "https://example.com");
        check("https://example.com/v1/chat/completions", "https://example.com/v1");
    }

    #[test]
    fn addresses_that_are_refused_are_not_shown() {
        let check = |text: &str, expected: &str| {
            let settings = OpenAiSettings { base_url: text.into(), ..OpenAiSettings::new("m") };
            let error = settings.checked().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{error}");
        };
        check("http://me:hush@localhost/v1", "a name or a password");
        check("http://hush@localhost/v1", "a name or a password");
        check("https://example.com/v1?key=hush", "behind `?`");
        check("ftp://example.com/hush", "does not begin with http");
        check("localhost:8000/hush", "does not begin with http");
        check("hush", "is no address");
    }

    #[test]
    fn what_is_out_of_range() {
        let check = |expected: &str, set: fn(&mut OpenAiSettings)| {
            let mut settings = OpenAiSettings::new("m");
            set(&mut settings);
            assert_eq!(settings.checked().unwrap_err().to_string(), expected);
        };
        check("`model` is ` `, expected the name of a model", |s| s.model = " ".into());
        check("`key` is empty, expected a key, or none", |s| s.key = Some(Secret::new(" ")));
        check("`key` is something else, expected printable ASCII without blanks, as a header takes it", |s| {
            s.key = Some(Secret::new("hush hush"));
        });
        check("`key` is something else, expected printable ASCII without blanks, as a header takes it", |s| {
            s.key = Some(Secret::new("hush\u{1}hush"));
        });
        check("`concurrency` is 0, expected 1 or more", |s| s.concurrency = 0);
        check("`max_concurrency` is 7, expected `concurrency` or more", |s| s.max_concurrency = 7);
        check("`requests_per_minute` is 0, expected 1 or more", |s| s.requests_per_minute = Some(0));
        check("`tokens_per_minute` is 0, expected 1 or more", |s| s.tokens_per_minute = Some(0));
        check("`timeout` is 0ns, expected more than 0, and a day at most", |s| s.timeout = Duration::ZERO);
        check("`max_attempts` is 0, expected 1 or more", |s| s.max_attempts = 0);
        check("`max_response_bytes` is 3, expected 1024 or more", |s| s.max_response_bytes = 3);
        check("`price.input_per_million` is NaN, expected 0 or more", |s| {
            s.price = Some(Price { input_per_million: f64::NAN, output_per_million: 1.0 });
        });
    }
}
