//! What cannot get better by trying again: each has its error, at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use synth_core::{Event, Observer, Silent};
use synth_generate::{GenerateError, Generator};
use synth_llm::{LlmError, OpenAi, OpenAiSettings, Secret};

use crate::server::{Reply, Server, nobody};
use crate::{client, request, request_error, requests, run, run_error, settings};

/// The error of one request, after one call.
fn check(reply: impl Fn() -> Reply + Send + Sync + 'static, expected: fn(&LlmError) -> bool) {
    let server = Server::new(move |_| reply());
    let error = request_error(&client(&server), request(""));
    assert!(expected(&error), "{error:?}");
    assert_eq!(server.calls().len(), 1);
}

/// The error of a run, after one call.
fn check_run(reply: impl Fn() -> Reply + Send + Sync + 'static, expected: fn(&LlmError) -> bool) {
    let server = Server::new(move |_| reply());
    let one = OpenAiSettings { concurrency: 1, max_concurrency: 1, ..settings(server.url()) };
    let error = run_error(&OpenAi::new(one).unwrap(), &requests(50));
    assert!(expected(&error), "{error:?}");
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn rejected_requests() {
    for status in [400, 413, 422, 431] {
        check(
            move || Reply::error(status, "too long"),
            |error| matches!(error, LlmError::Rejected { message, .. } if message == "too long"),
        );
    }
}

#[test]
fn answers_of_another_kind() {
    let kind = |error: &LlmError| matches!(error, LlmError::NoCompletion { .. });
    check(|| Reply::json(200, json!({ "text": "a" })), kind);
    check(|| Reply::json(200, json!({ "choices": "a" })), kind);
    check(|| Reply::json(200, json!({ "choices": [{ "message": { "content": 7 } }] })), kind);
    check(|| Reply::json(200, json!(["a"])), kind);
    check(|| Reply::Http(200, Vec::new(), "<!doctype html><title>Hello</title>".into()), kind);
}

#[test]
fn answers_without_a_text() {
    check(|| Reply::json(200, json!({ "choices": [] })), |error| matches!(error, LlmError::NoChoice));
    check(
        || Reply::json(200, json!({ "choices": [{ "message": { "content": null }, "finish_reason": "length" }] })),
        |error| matches!(error, LlmError::NoText { finish_reason } if finish_reason == "length"),
    );
    check(
        || Reply::json(200, json!({ "choices": [{ "message": { "content": null, "refusal": "I will not." } }] })),
        |error| matches!(error, LlmError::Declined { refusal } if refusal == "I will not."),
    );
}

#[test]
fn answers_that_are_too_large_are_not_read() {
    const LENGTH: usize = 100_000_000;
    let too_large = |error: &LlmError| matches!(error, LlmError::TooLarge { limit } if *limit == 16 << 20);
    check(|| Reply::Flood(format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n"), LENGTH), too_large);
    // Without a length it shows while it comes.
    let server = Server::new(|_| Reply::Flood("HTTP/1.1 200 OK\r\n\r\n".into(), LENGTH));
    let error = request_error(&client(&server), request(""));
    assert!(too_large(&error), "{error:?}");
    // What is not read stands in buffers of the system, which are smaller.
    assert!(server.flooded() < LENGTH / 2, "{} bytes were sent", server.flooded());
    let server = Server::new(|_| Reply::Flood("HTTP/1.1 400 No\r\n\r\n".into(), LENGTH));
    let error = request_error(&client(&server), request(""));
    assert!(matches!(error, LlmError::Rejected { status: 400, .. }), "{error:?}");
    assert!(server.flooded() < LENGTH / 2, "{} bytes were sent", server.flooded());
}

#[test]
fn refused_keys_end_the_run() {
    let refused =
        |error: &LlmError| matches!(error, LlmError::Key { message, sent: false, .. } if message == "no such key");
    check_run(|| Reply::error(401, "no such key"), refused);
}

#[test]
fn a_prompt_that_is_declined_ends_nothing_else() {
    let server = Server::new(|_| Reply::error(403, "moderated"));
    let error = request_error(&client(&server), request(""));
    assert!(matches!(error, LlmError::Key { status: 403, .. }), "{error:?}");
}

#[test]
fn unknown_models_end_the_run() {
    check_run(
        || Reply::error(404, "no such model"),
        |error| {
            let text = "does not know the model `some-model`";
            matches!(error, LlmError::NotFound { .. }) && error.to_string().contains(text) && !error.hints().is_empty()
        },
    );
}

#[test]
fn used_up_accounts_end_the_run() {
    let used_up = |error: &LlmError| matches!(error, LlmError::Quota { message, .. } if message == "no credit");
    check_run(|| Reply::error(402, "no credit"), used_up);
    check_run(
        || Reply::json(429, json!({ "error": { "message": "no credit", "code": "insufficient_quota" } })),
        used_up,
    );
}

#[test]
fn waits_of_an_hour_end_the_run() {
    check_run(
        || Reply::error(429, "come back").with("retry-after", 3600),
        |error| matches!(error, LlmError::Throttled { status: 429, waited, .. } if waited.as_secs() == 3600),
    );
    check_run(
        || {
            let reply = Reply::error(503, "come back").with("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT");
            reply.with("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        },
        |error| matches!(error, LlmError::Throttled { status: 503, waited, .. } if waited.as_secs() == 3600),
    );
}

#[test]
fn redirects_are_not_followed_and_nobody_else_sees_the_key() {
    let elsewhere = Server::always("a");
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/chat/completions?q=1", elsewhere.url());
        let server = Server::new(move |_| Reply::error(status, "moved").with("location", &location));
        let key = Some(Secret::new("sk-hush-0123456789"));
        let client = OpenAi::new(OpenAiSettings { key, ..settings(server.url()) }).unwrap();
        let error = run_error(&client, &[request("")]);
        let LlmError::Redirect { location, .. } = error else { panic!("{error:?}") };
        assert_eq!(location, format!("{}/chat/completions", elsewhere.url()));
        assert!(server.calls()[0].head.contains("sk-hush"));
    }
    assert!(elsewhere.calls().is_empty());
}

#[test]
fn a_server_that_is_not_there_ends_the_run() {
    let client = OpenAi::new(settings(nobody())).unwrap();
    let start = Instant::now();
    let (outcomes, result) = run(&client, &requests(500));
    let error = crate::llm_error(result.unwrap_err());
    assert!(matches!(error, LlmError::Unreachable { attempts: 3, .. }), "{error:?}");
    assert!(outcomes.iter().all(Option::is_none), "no request burns its own attempts");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(!error.hints().is_empty());
}

#[test]
fn answers_that_came_before_an_error_are_handed_over() {
    let server = Server::new(|call| match call.index {
        0..10 => Reply::texts(&["a"]),
        _ => Reply::error(401, "the key was revoked"),
    });
    let one = OpenAiSettings { concurrency: 1, max_concurrency: 1, ..settings(server.url()) };
    let (outcomes, result) = run(&OpenAi::new(one).unwrap(), &requests(50));
    assert!(matches!(crate::llm_error(result.unwrap_err()), LlmError::Key { .. }));
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Some(Ok(_)))).count(), 10);
}

#[test]
fn one_bad_request_among_many() {
    let server = Server::new(|call| match call.user() {
        "7" => Reply::error(400, "too long"),
        _ => Reply::texts(&["a"]),
    });
    let (outcomes, result) = run(&client(&server), &requests(30));
    result.unwrap();
    let bad: Vec<usize> = (0..30).filter(|&i| outcomes[i].as_ref().unwrap().is_err()).collect();
    assert_eq!(bad, [7]);
}

/// Asks to stop once so many questions were put.
struct Stops {
    at: usize,
    asked: AtomicUsize,
    stopped: AtomicBool,
}

impl Observer for Stops {
    fn event(&self, _: Event) {}

    fn cancelled(&self) -> bool {
        let stop = self.asked.fetch_add(1, Ordering::Relaxed) >= self.at;
        self.stopped.fetch_or(stop, Ordering::Relaxed);
        stop
    }
}

#[test]
fn it_stops_when_asked_to_while_nothing_comes() {
    let server = Server::new(|_| {
        thread::sleep(Duration::from_secs(3));
        Reply::texts(&["a"])
    });
    let observer = Stops { at: 2, asked: AtomicUsize::new(0), stopped: AtomicBool::new(false) };
    let start = Instant::now();
    let mut n = 0;
    let result = client(&server).generate(&requests(20), &observer, &mut |answers| {
        n += answers.len();
        ControlFlow::Continue(())
    });
    assert!(matches!(result, Err(GenerateError::Cancelled)), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(1) && n == 0);
    assert!(observer.stopped.load(Ordering::Relaxed));
    // Nothing is sent any more.
    thread::sleep(Duration::from_millis(100));
    let sent = server.calls().len();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.calls().len(), sent);
}

#[test]
fn it_stops_when_the_sink_has_enough() {
    let server = Server::always("a");
    let settings = OpenAiSettings { concurrency: 2, max_concurrency: 2, ..settings(server.url()) };
    let client = OpenAi::new(settings).unwrap();
    let mut n = 0;
    let result = client.generate(&requests(1000), &Silent, &mut |answers| {
        n += answers.len();
        if n >= 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    result.unwrap();
    assert!((10..20).contains(&n), "{n}");
    thread::sleep(Duration::from_millis(100));
    assert!(server.calls().len() < 30, "{}", server.calls().len());
    // The client is as good as new.
    assert_eq!(crate::response(&client, request("")).choices, ["a"]);
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    let check = |settings: OpenAiSettings, expected: &str| {
        let error = OpenAi::new(settings).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(settings("http://me:hush@localhost/v1"), "the base URL holds a name or a password");
    check(OpenAiSettings { max_attempts: 0, ..settings(nobody()) }, "`max_attempts` is 0, expected 1 or more");
}
