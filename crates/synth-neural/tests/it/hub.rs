//! The hub, played by a server in the test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};
use synth_neural::{Download, HubModel, HubToken, LocalLlm, LocalLlmSettings, ModelSource, NeuralError};
use tempfile::TempDir;

/// What the hub has under one name.
#[derive(Clone)]
struct Blob {
    content: Vec<u8>,
    /// What it says the content is.
    etag: String,
    /// Bytes after which the first connections break.
    breaks_after: Option<usize>,
    needs_token: bool,
}

impl Blob {
    fn of(content: &[u8]) -> Self {
        let etag = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { content: content.to_vec(), etag, breaks_after: None, needs_token: false }
    }
}

struct Hub {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// Serves until the test is over.
    fn serve(blob: Blob) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            let mut blob = blob;
            for stream in listener.incoming() {
                answer(stream.unwrap(), &mut blob, &log);
            }
        });
        Self { address, requests }
    }

    fn model(&self, cache: &TempDir) -> HubModel {
        HubModel { endpoint: self.address.clone(), ..HubModel::new("owner/tiny", "tiny.gguf", cache.path()) }
    }

    fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn answer(mut stream: TcpStream, blob: &mut Blob, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    log.lock().unwrap().push(request.clone());
    let refuse = |mut stream: TcpStream, status: &str| {
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    };
    if !request.starts_with("GET /owner/tiny/resolve/main/tiny.gguf ") {
        return refuse(stream, "404 Not Found");
    }
    if blob.needs_token && headers.get("authorization").map(String::as_str) != Some("Bearer secret") {
        return refuse(stream, "401 Unauthorized");
    }
    let range = headers["range"].strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let start: usize = range.0.parse().unwrap();
    let end = range.1.parse().map_or(blob.content.len(), |last: usize| last + 1);
    let mut body = &blob.content[start..end];
    let header = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\
         etag: \"{}\"\r\nx-repo-commit: c0ffee\r\nconnection: close\r\n\r\n",
        body.len(),
        end - 1,
        blob.content.len(),
        blob.etag
    );
    if let Some(n) = blob.breaks_after.filter(|n| body.len() > *n) {
        body = &body[..n];
        blob.breaks_after = None;
    }
    stream.write_all(header.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

#[test]
fn a_file_is_fetched_once_and_its_progress_told() {
    let content: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let hub = Hub::serve(Blob::of(&content));
    let cache = tempfile::tempdir().unwrap();
    let model = hub.model(&cache);
    assert_eq!(model.cached(), None);
    let mut seen = Vec::new();
    let path = model.fetch(&mut |Download { file, done, total }| {
        assert_eq!((file, total), ("tiny.gguf", 200_000));
        seen.push(done);
    });
    assert_eq!(fs::read(path.unwrap()).unwrap(), content);
    assert_eq!((seen[0], *seen.last().unwrap()), (0, 200_000));
    // Later without the hub.
    let requests = hub.n_requests();
    let offline = HubModel { endpoint: "http://127.0.0.1:9".into(), ..model };
    let path = offline.fetch(&mut |_| panic!("nothing to fetch")).unwrap();
    assert_eq!(Some(path), offline.cached());
    assert_eq!(hub.n_requests(), requests);
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let content = vec![7; 300_000];
    let hub = Hub::serve(Blob { breaks_after: Some(100_000), ..Blob::of(&content) });
    let cache = tempfile::tempdir().unwrap();
    let path = hub.model(&cache).fetch(&mut |_| {}).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
}

#[test]
fn what_is_not_what_the_hub_says_is_removed() {
    let etag = Blob::of(b"another").etag;
    let hub = Hub::serve(Blob { etag, ..Blob::of(b"some bytes") });
    let cache = tempfile::tempdir().unwrap();
    let model = hub.model(&cache);
    let error = model.fetch(&mut |_| {}).unwrap_err();
    assert!(matches!(error, NeuralError::Corrupt { what: "sha256", .. }), "{error}");
    assert_eq!(model.cached(), None);
    // A file that has changed since.
    let hub = Hub::serve(Blob::of(b"some bytes"));
    let model = hub.model(&cache);
    let path = model.fetch(&mut |_| {}).unwrap();
    fs::write(&path, b"other bytes").unwrap();
    let error = model.fetch(&mut |_| {}).unwrap_err();
    assert!(error.hints()[0].contains("try again"), "{error}");
    assert_eq!(fs::read(model.fetch(&mut |_| {}).unwrap()).unwrap(), b"some bytes");
}

#[test]
fn what_cannot_be_had_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::serve(Blob { needs_token: true, ..Blob::of(b"some bytes") });
    let refused = hub.model(&cache).fetch(&mut |_| {}).unwrap_err();
    assert_eq!(refused.to_string(), "the hub refuses `tiny.gguf` of `owner/tiny` with status 401");
    let missing = HubModel { file: "other.gguf".into(), ..hub.model(&cache) }.fetch(&mut |_| {}).unwrap_err();
    assert_eq!(missing.to_string(), "the hub has no `other.gguf` in `owner/tiny` at revision `main`");
    // The port of a listener that is gone.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let model =
        HubModel { endpoint: format!("http://{gone}"), token: Some(HubToken::new("secret")), ..hub.model(&cache) };
    let unreachable = model.fetch(&mut |_| {}).unwrap_err();
    let cache = cache.path().display();
    let expected = format!(
        "`tiny.gguf` of `owner/tiny` is not in the cache `{cache}`, and the hub at http://{gone} cannot be reached"
    );
    assert_eq!(unreachable.to_string(), expected);
    assert!(unreachable.hints()[0].contains(&format!("http://{gone}/owner/tiny/resolve/main/tiny.gguf")));
    assert!(!format!("{model:?} {unreachable:?}").contains("secret"));
}

#[test]
fn a_token_opens_what_is_closed() {
    let hub = Hub::serve(Blob { needs_token: true, ..Blob::of(b"some bytes") });
    let cache = tempfile::tempdir().unwrap();
    let model = HubModel { token: Some(HubToken::new("secret")), ..hub.model(&cache) };
    assert_eq!(fs::read(model.fetch(&mut |_| {}).unwrap()).unwrap(), b"some bytes");
}

#[test]
fn names_stay_within_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    for (name, expected) in [("../../x.gguf", "file"), ("", "file"), ("/x.gguf", "file")] {
        let model = HubModel::new("owner/tiny", name, cache.path());
        let error = model.fetch(&mut |_| {}).unwrap_err();
        assert!(matches!(error, NeuralError::Setting { name, .. } if name == expected), "{error}");
    }
}

#[test]
fn a_model_is_opened_from_the_hub() {
    let hub = Hub::serve(Blob::of(b"no weights"));
    let cache = tempfile::tempdir().unwrap();
    let error = LocalLlm::open(&LocalLlmSettings::of(ModelSource::Hub(hub.model(&cache))), &mut |_| {}).unwrap_err();
    assert!(matches!(error, NeuralError::Damaged { .. }), "{error}");
}
