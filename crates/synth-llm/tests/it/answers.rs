//! What is sent, and what is made of what comes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use serde_json::json;
use synth_core::Silent;
use synth_generate::{AnswerForm, GenerateError, Generator, Input, Price, Request, Response, Sampling, Usage};
use synth_llm::{OpenAi, OpenAiSettings};

use crate::server::{Reply, Server};
use crate::{client, request, requests, response, responses, run, settings, structured};

#[test]
fn an_answer_with_its_usage() {
    let server = Server::always("an owl");
    let client = client(&server);
    let expected =
        Response { choices: vec!["an owl".into()], usage: Usage { prompt_tokens: 10, completion_tokens: 1 } };
    assert_eq!(response(&client, request("Name a bird.")), expected);
    let call = server.calls().remove(0);
    assert!(call.head.starts_with("post /v1/chat/completions http/1.1"), "{}", call.head);
    assert!(!call.head.contains("authorization"), "there is no key to send");
    assert_eq!(call.body["model"], "some-model");
    assert_eq!(call.body["messages"], json!([{ "role": "user", "content": "Name a bird." }]));
    assert_eq!((&call.body["max_tokens"], &call.body["temperature"]), (&json!(20), &json!(1.0)));
    assert!(call.body["seed"].as_u64().unwrap() < 1 << 31);
}

#[test]
fn usage_is_estimated_where_none_is_given() {
    let server = Server::new(|_| Reply::json(200, json!({ "choices": [{ "message": { "content": "an owl!!" } }] })));
    let usage = response(&client(&server), request("Name a bird.")).usage;
    assert_eq!(usage, Usage { prompt_tokens: 11, completion_tokens: 2 });
}

#[test]
fn an_answer_that_was_cut_at_max_tokens_counts() {
    let server = Server::new(|_| {
        Reply::json(200, json!({ "choices": [{ "message": { "content": "an" }, "finish_reason": "length" }] }))
    });
    assert_eq!(response(&client(&server), request("")).choices, ["an"]);
}

#[test]
fn answers_belong_to_their_requests_and_come_once() {
    let server = Server::new(|call| {
        thread::sleep(Duration::from_millis(call.index as u64 * 7 % 20));
        Reply::texts(&[call.user()])
    });
    let found = responses(&client(&server), &requests(100));
    assert!(found.iter().enumerate().all(|(i, response)| response.choices == [i.to_string()]));
    assert_eq!(server.calls().len(), 100);
}

#[test]
fn answers_that_come_together_are_handed_over_together() {
    let server = Server::new(|_| {
        thread::sleep(Duration::from_millis(50));
        Reply::texts(&["a"])
    });
    let client = OpenAi::new(OpenAiSettings { concurrency: 16, ..settings(server.url()) }).unwrap();
    let mut sizes = Vec::new();
    let result = client.generate(&requests(64), &Silent, &mut |answers| {
        sizes.push(answers.len());
        thread::sleep(Duration::from_millis(20));
        ControlFlow::Continue(())
    });
    result.unwrap();
    assert_eq!(sizes.iter().sum::<usize>(), 64);
    assert!(sizes.len() < 40, "{sizes:?}");
}

#[test]
fn a_slow_sink_stops_the_calls() {
    let server = Server::always("a");
    let settings = OpenAiSettings { concurrency: 2, max_concurrency: 2, ..settings(server.url()) };
    let client = OpenAi::new(settings).unwrap();
    let mut most = 0;
    let mut taken = 0;
    let result = client.generate(&requests(40), &Silent, &mut |answers| {
        thread::sleep(Duration::from_millis(20));
        most = most.max(server.calls().len() - taken);
        taken += answers.len();
        ControlFlow::Continue(())
    });
    result.unwrap();
    // Two in the sink, two that wait for it, and two that are answered or on their way.
    assert!(most <= 6, "{most} calls were ahead of the sink");
}

#[test]
fn several_choices_come_by_one_call() {
    let server = Server::new(|call| Reply::texts(&["a", "b", "c"][..call.body["n"].as_u64().unwrap() as usize]));
    let found = response(&client(&server), Request { n_choices: 3, ..request("") });
    assert_eq!(found.choices, ["a", "b", "c"]);
    assert_eq!(found.usage, Usage { prompt_tokens: 10, completion_tokens: 3 });
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn more_choices_than_asked_for_are_left_out() {
    let server = Server::new(|_| Reply::texts(&["a", "b", "c"]));
    assert_eq!(response(&client(&server), Request { n_choices: 2, ..request("") }).choices, ["a", "b"]);
}

#[test]
fn where_n_is_ignored_each_choice_has_its_own_call_and_seed() {
    let server = Server::new(|call| Reply::texts(&[&call.index.to_string()]));
    let client = client(&server);
    let found = response(&client, Request { n_choices: 3, ..request("") });
    assert_eq!(found.choices, ["0", "1", "2"]);
    assert_eq!(found.usage, Usage { prompt_tokens: 30, completion_tokens: 3 });
    assert_eq!(response(&client, Request { n_choices: 2, ..request("") }).choices, ["3", "4"]);
    let calls = server.calls();
    // The server was asked for several once.
    let n: Vec<_> = calls.iter().map(|call| call.body.get("n").cloned()).collect();
    assert_eq!(n, [Some(json!(3)), None, None, None, None]);
    let seeds: Vec<u64> = calls.iter().map(|call| call.body["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(seeds[..2], seeds[3..], "a choice has the same seed in every request with that seed");
}

#[test]
fn where_n_is_refused_it_is_not_sent_again() {
    let server = Server::new(|call| match call.body.get("n") {
        Some(_) => Reply::error(400, "'n' : number must be at most 1"),
        None => Reply::texts(&["a"]),
    });
    let client = client(&server);
    for _ in 0..2 {
        assert_eq!(response(&client, Request { n_choices: 2, ..request("") }).choices, ["a", "a"]);
    }
    assert_eq!(server.calls().len(), 5);
}

#[test]
fn choices_that_are_paid_stay_when_the_rest_fails() {
    let server = Server::new(|call| match call.index {
        0 => Reply::texts(&["a"]),
        _ => Reply::error(400, "enough"),
    });
    assert_eq!(response(&client(&server), Request { n_choices: 3, ..request("") }).choices, ["a"]);
}

#[test]
fn no_choices_need_no_call() {
    let server = Server::always("a");
    assert!(response(&client(&server), Request { n_choices: 0, ..request("") }).choices.is_empty());
    assert!(server.calls().is_empty());
}

/// The form of each call for two requests, one after the other.
fn forms(server: &Server) -> Vec<String> {
    let client = client(server);
    for form in [AnswerForm::Items, AnswerForm::OneOf(vec!["yes".into(), "no".into()])] {
        assert_eq!(response(&client, structured("", form)).choices, ["{}"]);
    }
    server.calls().iter().map(|call| call.form().unwrap_or("none").to_owned()).collect()
}

#[test]
fn forms_are_asked_for_as_the_server_takes_them() {
    let server = Server::always("{}");
    assert_eq!(forms(&server), ["json_schema", "json_schema"]);
    let format = &server.calls()[1].body["response_format"]["json_schema"];
    assert_eq!(format["strict"], true);
    assert_eq!(format["schema"]["properties"]["answer"]["enum"], json!(["yes", "no"]));

    for status in [400, 404, 422, 501] {
        let only_objects = Server::new(move |call| match call.form() {
            Some("json_object") => Reply::texts(&["{}"]),
            _ => Reply::error(status, "no such thing"),
        });
        assert_eq!(forms(&only_objects), ["json_schema", "json_object", "json_object"], "{status}");
        assert!(only_objects.calls()[1].body["response_format"]["schema"].is_object());
        let no_forms = Server::new(move |call| match call.form() {
            None => Reply::texts(&["{}"]),
            _ => Reply::error(status, "no such thing"),
        });
        assert_eq!(forms(&no_forms), ["json_schema", "json_object", "none", "none"], "{status}");
    }
}

#[test]
fn a_server_that_fails_over_a_form_is_asked_for_another() {
    // llama-cpp-python. Without a hint it could be a failure by chance, so the first way is tried twice.
    let silent = Server::new(|call| match call.form() {
        Some("json_object") => Reply::texts(&["{}"]),
        _ => Reply::error(500, "internal error"),
    });
    assert_eq!(forms(&silent), ["json_schema", "json_schema", "json_object", "json_object"]);
    let telling = Server::new(|call| match call.form() {
        Some("json_object") => Reply::texts(&["{}"]),
        _ => Reply::error(500, "[{'loc': ('body', 'response_format', 'type')}]"),
    });
    assert_eq!(forms(&telling), ["json_schema", "json_object", "json_object"]);
}

#[test]
fn a_form_that_worked_is_kept_whatever_later_fails() {
    let server = Server::new(|call| match call.user() {
        "bad" => Reply::error(400, "the prompt is too long"),
        _ => Reply::texts(&["{}"]),
    });
    let client = client(&server);
    let of = |user| structured(user, AnswerForm::Items);
    let (outcomes, result) = run(&client, &[of("good")]);
    result.unwrap();
    assert!(outcomes[0].as_ref().unwrap().is_ok());
    assert!(run(&client, &[of("bad")]).0[0].as_ref().unwrap().is_err());
    response(&client, of("good"));
    let forms: Vec<_> = server.calls().iter().map(|call| call.form().unwrap().to_owned()).collect();
    assert_eq!(forms, ["json_schema"; 3]);
}

#[test]
fn a_prompt_that_is_rejected_in_every_form_says_why_and_changes_nothing() {
    let server = Server::new(|call| match call.user() {
        "bad" => Reply::error(400, call.form().unwrap_or("none")),
        _ => Reply::texts(&["{}"]),
    });
    let client = client(&server);
    let error = crate::request_error(&client, structured("bad", AnswerForm::Items));
    assert_eq!(error.to_string(), "the server rejected the request (HTTP 400): json_schema");
    response(&client, structured("good", AnswerForm::Items));
    assert_eq!(server.calls().last().unwrap().form(), Some("json_schema"));
}

#[test]
fn parameters_that_a_server_does_not_know_are_left_out() {
    let server = Server::new(|call| {
        for name in ["max_tokens", "top_k", "repetition_penalty", "seed"] {
            if call.body.get(name).is_some() {
                return Reply::error(400, &format!("Unsupported parameter: '{name}'"));
            }
        }
        Reply::texts(&["a"])
    });
    let client = client(&server);
    let sampling = Sampling { top_k: Some(40), repetition_penalty: 1.5, ..Sampling::default() };
    response(&client, Request { sampling, ..request("") });
    assert_eq!(server.calls().len(), 5);
    response(&client, Request { sampling, ..request("") });
    let body = &server.calls()[5].body;
    assert_eq!(body["max_completion_tokens"], 20);
    assert_eq!(body["repeat_penalty"], 1.5);
    assert_eq!(server.calls().len(), 6);
}

#[test]
fn nothing_beside_the_protocol_is_sent_by_default() {
    let server = Server::always("a");
    response(&client(&server), request(""));
    let body = server.calls().remove(0).body;
    let mut names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["max_tokens", "messages", "model", "seed", "temperature", "top_p"]);
}

#[test]
fn texts_to_change_are_not_its_business() {
    let server = Server::always("a");
    let text = Request { input: Input::Text { text: "a".into(), others: Vec::new() }, ..request("") };
    let (mut outcomes, result) = run(&client(&server), &[text, request("")]);
    result.unwrap();
    assert!(outcomes.remove(1).unwrap().is_ok());
    let error = outcomes.remove(0).unwrap().unwrap_err();
    assert!(matches!(error, GenerateError::Unsupported { .. }), "{error}");
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn what_it_says_of_itself() {
    let price = Price { input_per_million: 0.15, output_per_million: 0.6 };
    let settings = OpenAiSettings { price: Some(price), ..settings("http://localhost:8000/v1/") };
    let client = OpenAi::new(settings).unwrap();
    assert_eq!(client.fingerprint(), "openai http://localhost:8000/v1 some-model");
    assert_eq!(client.model(), "some-model");
    assert_eq!(client.price(), Some(price));
    assert_eq!(client.n_tokens("a small bird"), 3);
}

#[test]
fn it_works_within_a_runtime_of_the_caller() {
    let server = Server::always("a");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = client(&server);
        assert_eq!(response(&client, request("")).choices, ["a"]);
    });
}

#[test]
fn connections_are_kept_between_runs() {
    let server = Server::always("a");
    let client = client(&server);
    for _ in 0..20 {
        response(&client, request(""));
    }
    assert_eq!(server.connections(), 1);
}
