//! What is tried again, and how often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use synth_llm::{LlmError, OpenAi, OpenAiSettings};

use crate::server::{Reply, Server};
use crate::{client, request, request_error, requests, response, responses, settings};

/// A server that answers in this way so often, and then well.
fn after(n: usize, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::new(move |call| if call.index < n { reply() } else { Reply::texts(&["a"]) })
}

/// What goes well at the second attempt, and how it ends where none goes well.
fn check(reply: impl Fn() -> Reply + Send + Sync + Clone + 'static, expected: fn(&LlmError) -> bool) {
    let server = after(1, reply.clone());
    let short = |server: &Server| {
        let (timeout, stall_timeout) = (Duration::from_millis(400), Duration::from_millis(200));
        OpenAi::new(OpenAiSettings { timeout, stall_timeout, max_attempts: 2, ..settings(server.url()) }).unwrap()
    };
    assert_eq!(response(&short(&server), request("")).choices, ["a"]);
    assert_eq!(server.calls().len(), 2);
    let server = after(usize::MAX, reply);
    let error = request_error(&short(&server), request(""));
    assert!(expected(&error), "{error:?}");
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn servers_that_fail() {
    for status in [408, 500, 502, 504] {
        check(
            move || Reply::error(status, "my fault"),
            |error| matches!(error, LlmError::Server { attempts: 2, message, .. } if message == "my fault"),
        );
    }
}

#[test]
fn connections_that_break() {
    check(|| Reply::Drop, |error| matches!(error, LlmError::Broken { attempts: 2, .. }));
}

#[test]
fn answers_that_are_cut_off() {
    let cut = || Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\":[".to_vec());
    check(cut, |error| matches!(error, LlmError::Broken { .. }));
    let chunked = || Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"cho\r\n".to_vec());
    check(chunked, |error| matches!(error, LlmError::Broken { .. }));
}

#[test]
fn json_that_is_damaged() {
    let damaged = |error: &LlmError| matches!(error, LlmError::Malformed { attempts: 2, .. });
    check(|| Reply::Http(200, Vec::new(), r#"{"choices":[{"message":{"conte"#.into()), damaged);
    check(|| Reply::Http(200, Vec::new(), "all is well".into()), damaged);
    check(|| Reply::Http(200, Vec::new(), String::new()), damaged);
    check(|| Reply::Http(200, Vec::new(), r#"{"choices":[}"#.into()), damaged);
}

#[test]
fn errors_in_the_place_of_answers() {
    check(
        || Reply::error(200, "the provider failed"),
        |error| matches!(error, LlmError::Server { status: 502, message, .. } if message == "the provider failed"),
    );
}

#[test]
fn answers_that_do_not_come() {
    check(
        || Reply::Stall(Vec::new()),
        |error| matches!(error, LlmError::Timeout { after, attempts: 2 } if after.as_millis() == 400),
    );
}

#[test]
fn answers_that_stand_still() {
    check(
        || Reply::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{".to_vec()),
        |error| matches!(error, LlmError::Timeout { after, attempts: 2 } if after.as_millis() == 200),
    );
}

#[test]
fn an_error_that_breaks_off_still_has_its_status() {
    check(
        || Reply::Raw(b"HTTP/1.1 500 Oh\r\ncontent-length: 900\r\n\r\n{".to_vec()),
        |error| matches!(error, LlmError::Server { status: 500, .. }),
    );
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let server = after(1, || Reply::error(500, "restarting").with("retry-after-ms", 900));
    response(&client(&server), request(""));
    let calls = server.calls();
    assert!(calls[1].at - calls[0].at >= Duration::from_millis(900));
}

#[test]
fn one_request_that_is_never_taken_does_not_hold_up_the_others() {
    // A request that is larger than a limit of the account, as OpenAI answers it.
    let refused = AtomicUsize::new(0);
    let server = Server::new(move |call| match call.user() {
        "3" => {
            refused.fetch_add(1, Ordering::Relaxed);
            Reply::error(429, "Request too large").with("retry-after-ms", 20)
        }
        _ => Reply::texts(&["a"]),
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 1, max_concurrency: 2, ..settings(server.url()) }).unwrap();
    let (outcomes, result) = crate::run(&client, &requests(200));
    result.unwrap();
    for (i, outcome) in outcomes.into_iter().enumerate() {
        match outcome.unwrap() {
            Ok(_) => assert_ne!(i, 3),
            Err(error) => {
                assert_eq!(i, 3);
                let error = crate::llm_error(error);
                assert!(matches!(error, LlmError::NotTaken { status: 429, attempts: 3, .. }), "{error:?}");
            }
        }
    }
}

#[test]
fn many_requests_survive_a_server_that_fails_one_time_in_four() {
    let server = Server::new(|call| match call.index % 4 {
        1 => Reply::error(500, "my fault"),
        _ => Reply::texts(&[call.user()]),
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 32, max_attempts: 8, ..settings(server.url()) }).unwrap();
    let found = responses(&client, &requests(100));
    assert!(found.iter().enumerate().all(|(i, response)| response.choices == [i.to_string()]));
}
