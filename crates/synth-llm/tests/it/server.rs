//! A server of one's own: what it answers is a function of what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// How many calls came before.
    pub(crate) index: usize,
    pub(crate) at: Instant,
    /// The head as it came, in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Call {
    /// What the user of the prompt said.
    pub(crate) fn user(&self) -> &str {
        let messages = self.body["messages"].as_array().unwrap();
        messages.last().unwrap()["content"].as_str().unwrap()
    }

    pub(crate) fn form(&self) -> Option<&str> {
        self.body["response_format"]["type"].as_str()
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// A status, more headers, a body.
    Http(u16, Vec<(&'static str, String)>, String),
    /// Bytes as they are, after which the connection ends.
    Raw(Vec<u8>),
    /// The connection ends at once.
    Drop,
    /// Bytes, and then nothing for ten seconds.
    Stall(Vec<u8>),
    /// A head, and then so many bytes.
    Flood(String, usize),
}

impl Reply {
    /// A completion with these texts.
    pub(crate) fn texts(texts: &[&str]) -> Self {
        let choices: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| json!({ "index": index, "message": { "content": text }, "finish_reason": "stop" }))
            .collect();
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": texts.len() });
        Self::json(200, json!({ "choices": choices, "usage": usage }))
    }

    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::Http(status, Vec::new(), body.to_string())
    }

    /// An error as OpenAI writes it.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::json(status, json!({ "error": { "message": message, "type": "some_error", "code": null } }))
    }

    pub(crate) fn with(self, name: &'static str, value: impl ToString) -> Self {
        match self {
            Self::Http(status, mut headers, body) => {
                headers.push((name, value.to_string()));
                Self::Http(status, headers, body)
            }
            other => other,
        }
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    /// The most calls that were worked on at once.
    busiest: Arc<Mutex<(usize, usize)>>,
    connections: Arc<AtomicUsize>,
    flooded: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            busiest: Arc::default(),
            connections: Arc::default(),
            flooded: Arc::default(),
        };
        let (calls, busiest, answer) = (Arc::clone(&server.calls), Arc::clone(&server.busiest), Arc::new(answer));
        let (connections, flooded) = (Arc::clone(&server.connections), Arc::clone(&server.flooded));
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::Relaxed);
                let flooded = Arc::clone(&flooded);
                let (calls, busiest, answer) = (Arc::clone(&calls), Arc::clone(&busiest), Arc::clone(&answer));
                thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    while let Some((head, body)) = read(&mut stream) {
                        let call = {
                            let mut calls = calls.lock().unwrap();
                            let body = serde_json::from_slice(&body).unwrap_or_default();
                            let index = calls.len();
                            calls.push(Call { index, at: Instant::now(), head, body });
                            calls.last().unwrap().clone()
                        };
                        {
                            let mut busiest = busiest.lock().unwrap();
                            busiest.0 += 1;
                            busiest.1 = busiest.1.max(busiest.0);
                        }
                        let reply = answer(&call);
                        busiest.lock().unwrap().0 -= 1;
                        if !write(&mut stream, reply, &flooded) {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    /// One that answers every call in the same way.
    pub(crate) fn always(text: &'static str) -> Self {
        Self::new(move |_| Reply::texts(&[text]))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The bytes of floods that somebody took.
    pub(crate) fn flooded(&self) -> usize {
        self.flooded.load(Ordering::Relaxed)
    }

    pub(crate) fn busiest(&self) -> usize {
        self.busiest.lock().unwrap().1
    }
}

/// An address at which nobody answers.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    Some((head, bytes[end..end + length].to_vec()))
}

/// Whether the connection goes on.
fn write(stream: &mut TcpStream, reply: Reply, flooded: &AtomicUsize) -> bool {
    match reply {
        Reply::Http(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} Some\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).is_ok()
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Reply::Drop => false,
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes);
            thread::sleep(Duration::from_secs(10));
            false
        }
        Reply::Flood(head, mut n) => {
            let piece = [b' '; 1 << 16];
            if stream.write_all(head.as_bytes()).is_err() {
                return false;
            }
            while n > 0 {
                let length = n.min(piece.len());
                if stream.write_all(&piece[..length]).is_err() {
                    return false;
                }
                flooded.fetch_add(length, Ordering::Relaxed);
                n -= length;
            }
            false
        }
    }
}
