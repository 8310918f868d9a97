//! The client of OpenAI-compatible servers, against a server here that takes its time: wall time beside the ideal,
//! and attempts after a storm of 429.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use synth_core::Silent;
use synth_generate::{AnswerForm, Budget, Generator, Input, Journal, Prompt, Recorded, Request, RunMode, Sampling};
use synth_llm::{OpenAi, OpenAiSettings};

const LATENCY: Duration = Duration::from_millis(200);
const REQUESTS: usize = 2000;
const CONCURRENCY: usize = 64;
/// When the server answers 429, counted from its start.
const STORM: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(6);

/// Measures both.
pub(crate) fn run() -> Result<()> {
    let requests = requests();
    let ideal = REQUESTS as f64 / CONCURRENCY as f64 * LATENCY.as_secs_f64();
    println!("{REQUESTS} requests, {CONCURRENCY} at once, {} ms each", LATENCY.as_millis());
    for _ in 0..3 {
        let server = Server::start(Duration::ZERO..Duration::ZERO)?;
        let wall = drive(&server, &requests)?.as_secs_f64();
        println!("  {wall:.3} s, {:.3} times the ideal {ideal:.3} s, {} calls", wall / ideal, server.calls().len());
    }
    println!("429 from {:?} to {:?}, with Retry-After: 1", STORM.start, STORM.end);
    let server = Server::start(STORM)?;
    let wall = drive(&server, &requests)?.as_secs_f64();
    let calls = server.calls();
    let count = |wanted: fn(&Call) -> bool| calls.iter().filter(|call| wanted(call)).count();
    let before = count(|call| call.at < STORM.start);
    let (after, during) = (count(|call| call.at >= STORM.end), count(|call| STORM.contains(&call.at)));
    let unanswered = REQUESTS - before;
    println!(
        "  {wall:.3} s, {during} calls during the storm, {after} after it for {unanswered} requests then unanswered: \
         {:.3} attempts each",
        after as f64 / unanswered as f64
    );
    Ok(())
}

/// The time that a fresh client takes for all requests, each answer recorded in a journal on the disk.
fn drive(server: &Server, requests: &[Request]) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let journal = Journal::open(folder.path().join("journal.sqlite"), "bench", "bench", RunMode::Cached)?;
    let client = OpenAi::new(OpenAiSettings {
        base_url: format!("http://{}/v1", server.address),
        concurrency: CONCURRENCY,
        max_concurrency: CONCURRENCY,
        ..OpenAiSettings::new("mock")
    })?;
    let client = Recorded::new(Arc::new(client), Arc::new(journal), Budget::Requests(REQUESTS as u64))?;
    let (mut answered, mut failed) = (0, 0);
    let start = Instant::now();
    client.generate(requests, &Silent, &mut |answers| {
        answered += answers.len();
        failed += answers.iter().filter(|answer| answer.result.is_err()).count();
        ControlFlow::Continue(())
    })?;
    let wall = start.elapsed();
    ensure!(answered == requests.len() && failed == 0, "{answered} answers, {failed} of them errors");
    Ok(wall)
}

fn requests() -> Vec<Request> {
    let prompt = |i| Prompt { system: String::new(), user: format!("request {i}"), form: AnswerForm::Items };
    let request = |i| Request {
        input: Input::Prompt(prompt(i)),
        n_choices: 1,
        max_tokens: 100,
        sampling: Sampling::default(),
        seed: i as u64,
    };
    (0..REQUESTS).map(request).collect()
}

struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

#[derive(Clone, Copy)]
struct Call {
    /// Since the start of the server.
    at: Duration,
}

impl Server {
    /// A server with a thread for each connection, which all wait nearly all the time.
    fn start(storm: Range<Duration>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self { address: listener.local_addr()?, calls: Arc::default() };
        let (calls, start) = (Arc::clone(&server.calls), Instant::now());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (calls, storm) = (Arc::clone(&calls), storm.clone());
                // A connection that breaks is the client's affair.
                thread::spawn(move || serve(stream, start, &storm, &calls).ok());
            }
        });
        Ok(server)
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no thread panics").clone()
    }
}

fn serve(
    mut stream: TcpStream,
    start: Instant,
    storm: &Range<Duration>,
    calls: &Mutex<Vec<Call>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        let at = start.elapsed();
        calls.lock().expect("no thread panics").push(Call { at });
        let (head, body) = if storm.contains(&at) {
            ("429 Too Many Requests\r\nretry-after: 1", r#"{"error":{"message":"slow down"}}"#)
        } else {
            thread::sleep(LATENCY);
            let body = r#"{"choices":[{"message":{"content":"{\"items\":[\"a\"]}"}}],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#;
            ("200 OK", body)
        };
        write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    }
}
