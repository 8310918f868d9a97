//! The key goes to the server and nowhere else.

use serde_json::json;
use synth_generate::Generator;
use synth_llm::{OpenAi, OpenAiSettings, Secret};

use crate::server::{Reply, Server};
use crate::{everything, request, response, run, settings};

const KEY: &str = "sk-Hush/0123456789abcdef+=";

fn with_key(url: String) -> OpenAi {
    OpenAi::new(OpenAiSettings { key: Some(Secret::new(KEY)), max_attempts: 1, ..settings(url) }).unwrap()
}

/// Not in any case, and no large part of it.
fn assert_hidden(text: &str) {
    assert!(!text.to_lowercase().contains("hush"), "{text}");
    assert!(!text.contains("0123456789abcdef"), "{text}");
}

#[test]
fn the_server_gets_it() {
    let server = Server::always("a");
    response(&with_key(server.url()), request(""));
    let head = server.calls().remove(0).head;
    assert!(head.contains(&format!("authorization: bearer {}", KEY.to_lowercase())), "{head}");
}

#[test]
fn nothing_shows_it() {
    let server = Server::always("a");
    let client = with_key(server.url());
    assert_hidden(&format!("{client:?} {} {}", client.fingerprint(), client.model()));
    let settings = OpenAiSettings { key: Some(Secret::new(KEY)), ..settings(server.url()) };
    assert_hidden(&format!("{settings:?} {:?}", settings.clone()));
    let unfit = Secret::new(format!("{KEY}\u{7f}"));
    let error = OpenAi::new(OpenAiSettings { key: Some(unfit), ..settings }).unwrap_err();
    assert_hidden(&everything(&error));
}

/// A server that echoes the key in an answer of every kind.
#[test]
fn no_error_shows_it_though_the_server_does() {
    let long = format!("{}{KEY}", "x".repeat(290));
    type Make = Box<dyn Fn() -> Reply + Send + Sync>;
    let mut replies: Vec<Make> = Vec::new();
    for status in [301, 400, 401, 402, 403, 404, 408, 418, 422, 429, 500, 502, 503, 504] {
        for text in [format!("no such key: {KEY}"), long.clone(), KEY.to_lowercase(), KEY.to_uppercase()] {
            let (json, plain) = (text.clone(), text);
            let location = format!("http://example.com/{KEY}?key={KEY}");
            // Longer than anybody waits.
            replies.push(Box::new(move || {
                Reply::error(status, &json).with("retry-after", 3600).with("location", &location)
            }));
            replies.push(Box::new(move || Reply::Http(status, vec![("retry-after", "3600".into())], plain.clone())));
        }
        replies.push(Box::new(move || {
            let text = json!({ "detail": [{ "input": { "authorization": KEY } }] }).to_string().replace('/', "\\/");
            Reply::Http(status, vec![("retry-after", "3600".into())], text)
        }));
    }
    for text in [
        format!(r#"{{"choices":"{KEY}"}}"#),
        format!(r#"{{"choices":[{{"finish_reason":"{KEY}"}}]}}"#),
        format!(r#"{{"choices":[{{"message":{{"refusal":"{KEY}"}}}}]}}"#),
        format!(r#"{{"error":{{"message":"{KEY}"}}}}"#),
        format!(r#"{{"error":"{KEY}"#),
        format!("<html>{KEY}</html>"),
        KEY.to_owned(),
    ] {
        replies.push(Box::new(move || Reply::Http(200, Vec::new(), text.clone())));
    }
    replies.push(Box::new(|| Reply::Raw(format!("HTTP/1.1 2{KEY} {KEY}\r\n{KEY}\r\n\r\n").into_bytes())));
    let n = replies.len();
    let server = Server::new(move |call| replies[call.index]());
    let client = with_key(server.url());
    for i in 0..n {
        let (mut outcomes, result) = run(&client, &[request("")]);
        let error = match (outcomes.remove(0), result) {
            (Some(Err(error)), Ok(())) | (None, Err(error)) => error,
            other => panic!("reply {i}: {other:?}"),
        };
        assert_hidden(&everything(&error));
    }
    assert_eq!(server.calls().len(), n);
}

#[test]
fn no_answer_holds_it_though_the_server_echoes_it() {
    let server = Server::new(|call| Reply::texts(&[&call.head.replace(&KEY.to_lowercase(), KEY)]));
    let choice = response(&with_key(server.url()), request("")).choices.remove(0);
    assert!(choice.contains("authorization: bearer …"), "{choice}");
    assert_hidden(&choice);
}
