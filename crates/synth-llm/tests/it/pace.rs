//! How many calls are in flight, and how fast they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use synth_llm::{OpenAi, OpenAiSettings};

use crate::server::{Reply, Server};
use crate::{requests, responses, settings};

const LATENCY: Duration = Duration::from_millis(20);

fn slow(reply: Reply) -> Reply {
    thread::sleep(LATENCY);
    reply
}

#[test]
fn calls_go_at_once_and_no_more_than_allowed() {
    let server = Server::new(|_| slow(Reply::texts(&["a"])));
    let client = OpenAi::new(OpenAiSettings { concurrency: 4, max_concurrency: 8, ..settings(server.url()) }).unwrap();
    responses(&client, &requests(200));
    assert!(server.busiest() > 4 && server.busiest() <= 8, "{}", server.busiest());
}

#[test]
fn the_pace_fits_a_server_with_few_places() {
    // It takes five calls at once, and answers 429 to more.
    let busy = Arc::new(AtomicUsize::new(0));
    let server = Server::new(move |_| {
        let taken = busy.fetch_add(1, Ordering::SeqCst) < 5;
        let reply =
            if taken { slow(Reply::texts(&["a"])) } else { Reply::error(429, "busy").with("retry-after-ms", 20) };
        busy.fetch_sub(1, Ordering::SeqCst);
        reply
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 32, ..settings(server.url()) }).unwrap();
    responses(&client, &requests(300));
    let attempts = server.calls().len();
    assert!(attempts < 400, "{attempts} attempts for 300 requests");
}

#[test]
fn after_a_storm_requests_are_not_asked_for_again_and_again() {
    const STORM: Duration = Duration::from_millis(1500);
    let start = Instant::now();
    let server = Server::new(move |_| {
        if start.elapsed() < STORM {
            Reply::error(429, "slow down").with("retry-after", 1)
        } else {
            slow(Reply::texts(&["a"]))
        }
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 64, ..settings(server.url()) }).unwrap();
    responses(&client, &requests(500));
    let (during, after): (Vec<_>, Vec<_>) = server.calls().into_iter().partition(|call| call.at - start < STORM);
    assert!(after.len() <= 600, "{} attempts after the storm for 500 requests", after.len());
    assert!(during.len() <= 64 + 32, "{} attempts during the storm", during.len());
}

#[test]
fn nobody_calls_before_the_wait_is_over() {
    let server = Server::new(|call| match call.index {
        10 => Reply::error(429, "slow down").with("retry-after-ms", 500),
        _ => slow(Reply::texts(&["a"])),
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 8, ..settings(server.url()) }).unwrap();
    responses(&client, &requests(100));
    let calls = server.calls();
    let asked = calls[10].at;
    // Calls that were on their way when the answer came are no calls after it.
    let early =
        calls.iter().filter(|call| call.at > asked + 5 * LATENCY && call.at < asked + Duration::from_millis(490));
    assert_eq!(early.count(), 0);
}

#[test]
fn a_server_that_goes_away_and_comes_back() {
    let start = Instant::now();
    let server = Server::new(move |call| match start.elapsed().as_millis() {
        100..600 => Reply::Drop,
        _ => slow(Reply::texts(&[call.user()])),
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 16, max_attempts: 6, ..settings(server.url()) }).unwrap();
    let found = responses(&client, &requests(200));
    assert!(found.iter().enumerate().all(|(i, response)| response.choices == [i.to_string()]));
}

#[test]
fn calls_a_minute() {
    let server = Server::always("a");
    // Ten a second, of which ten may go at once.
    let limit = OpenAiSettings { concurrency: 16, requests_per_minute: Some(600), ..settings(server.url()) };
    let start = Instant::now();
    responses(&OpenAi::new(limit).unwrap(), &requests(25));
    assert!(start.elapsed() >= Duration::from_millis(1450), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn tokens_a_minute() {
    let server = Server::always("a");
    // 110 a second. Each call is thought to take 29 and takes 11 by the server's count.
    let limit = OpenAiSettings { concurrency: 2, tokens_per_minute: Some(6600), ..settings(server.url()) };
    let start = Instant::now();
    responses(&OpenAi::new(limit).unwrap(), &requests(30));
    assert!(start.elapsed() >= Duration::from_millis(1700), "{:?}", start.elapsed());
    // By what was thought alone it would be 7 s.
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}
