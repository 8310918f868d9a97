//! One call over HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use synth_core::BoxError;
use tokio::time::timeout;

use crate::retry::asked_wait;
use crate::{LlmError, OpenAiSettings};

/// The most that is read of an answer that reports an error.
const ERROR_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    stall_timeout: Duration,
    max_bytes: usize,
}

/// What a server sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) bytes: Vec<u8>,
    /// How long the server asks to wait.
    pub(crate) wait: Option<Duration>,
    pub(crate) location: Option<String>,
}

/// Why nothing came, or not all of it.
#[derive(Debug)]
pub(crate) enum Lost {
    Unreachable(BoxError),
    Broken(BoxError),
    /// Nothing happened for so long.
    Slow(Duration),
    TooLarge,
}

impl Transport {
    pub(crate) fn new(settings: &OpenAiSettings, url: Url) -> Result<Self, LlmError> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(key) = &settings.key {
            let expected = "printable ASCII";
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| LlmError::Setting { name: "key", value: "something else".into(), expected })?;
            // Then nothing that prints headers prints it.
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(encryption(url.scheme() == "https").map_err(LlmError::Tls)?)
            .user_agent(concat!("synth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            // A redirect takes the key elsewhere, or makes a GET of a POST.
            .redirect(Policy::none())
            // Attempts are counted, and waited between, in one place.
            .retry(reqwest::retry::never())
            // Libraries do not read the environment.
            .no_proxy()
            .build()
            .map_err(|error| LlmError::Start(error.into()))?;
        Ok(Self {
            client,
            url,
            headers,
            timeout: settings.timeout,
            stall_timeout: settings.stall_timeout,
            max_bytes: settings.max_response_bytes,
        })
    }

    /// Sends a body and waits for the whole answer.
    pub(crate) async fn post(&self, body: Vec<u8>) -> Result<Reply, Lost> {
        timeout(self.timeout, self.exchange(body)).await.unwrap_or(Err(Lost::Slow(self.timeout)))
    }

    async fn exchange(&self, body: Vec<u8>) -> Result<Reply, Lost> {
        let call = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let response = call.send().await.map_err(|error| {
            let unreachable = error.is_connect();
            let error = error.without_url().into();
            if unreachable { Lost::Unreachable(error) } else { Lost::Broken(error) }
        })?;
        let location = response.headers().get(LOCATION);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (status, wait) = (response.status().as_u16(), asked_wait(response.headers()));
        let bytes = if response.status().is_success() {
            self.read(response, self.max_bytes, true).await?
        } else {
            // The status says enough where the text breaks off.
            self.read(response, ERROR_BYTES, false).await.unwrap_or_default()
        };
        Ok(Reply { status, bytes, wait, location })
    }

    /// Reads a body up to a limit; what is longer is an error, or cut off.
    async fn read(&self, mut response: Response, limit: usize, whole: bool) -> Result<Vec<u8>, Lost> {
        if whole && response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(Lost::TooLarge);
        }
        let mut bytes = Vec::new();
        loop {
            let piece = timeout(self.stall_timeout, response.chunk()).await;
            let piece = piece.map_err(|_| Lost::Slow(self.stall_timeout))?;
            let piece = piece.map_err(|error| Lost::Broken(error.without_url().into()))?;
            let Some(piece) = piece else { return Ok(bytes) };
            if bytes.len() + piece.len() > limit {
                if whole {
                    return Err(Lost::TooLarge);
                }
                bytes.extend_from_slice(&piece[..limit - bytes.len()]);
                return Ok(bytes);
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

/// The provider of cryptography is handed over, so that nothing is set for the whole process. Where nothing is
/// encrypted no certificates of the system are needed, and small containers have none.
fn encryption(used: bool) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(if used {
        builder.with_platform_verifier()?.with_no_client_auth()
    } else {
        builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    })
}
