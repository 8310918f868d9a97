//! The client against servers that do what servers do.

mod answers;
mod faults;
mod pace;
mod retries;
mod secrets;
mod server;

use std::ops::ControlFlow;
use std::time::Duration;

use synth_core::Silent;
use synth_generate::{AnswerForm, GenerateError, Generator, Input, Prompt, Request, Response, Sampling};
use synth_llm::{LlmError, OpenAi, OpenAiSettings};

use crate::server::Server;

/// Settings with which nothing takes long.
fn settings(url: impl Into<String>) -> OpenAiSettings {
    OpenAiSettings {
        base_url: url.into(),
        timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        max_attempts: 3,
        ..OpenAiSettings::new("some-model")
    }
}

fn client(server: &Server) -> OpenAi {
    OpenAi::new(settings(server.url())).unwrap()
}

fn request(user: &str) -> Request {
    Request {
        input: Input::Prompt(Prompt { system: String::new(), user: user.into(), form: AnswerForm::Text }),
        n_choices: 1,
        max_tokens: 20,
        sampling: Sampling::default(),
        seed: 7,
    }
}

/// Requests that are told apart by their prompts, 0, 1, ….
fn requests(n: usize) -> Vec<Request> {
    (0..n).map(|i| Request { seed: i as u64, ..request(&i.to_string()) }).collect()
}

fn structured(user: &str, form: AnswerForm) -> Request {
    Request { input: Input::Prompt(Prompt { system: String::new(), user: user.into(), form }), ..request(user) }
}

type Outcomes = Vec<Option<Result<Response, GenerateError>>>;

/// What comes of each request, `None` where nothing came, and of the run.
fn run(client: &OpenAi, requests: &[Request]) -> (Outcomes, Result<(), GenerateError>) {
    let mut outcomes: Outcomes = requests.iter().map(|_| None).collect();
    let result = client.generate(requests, &Silent, &mut |answers| {
        for answer in answers {
            let old = outcomes[answer.request].replace(answer.result);
            assert!(old.is_none(), "request {} is answered twice", answer.request);
        }
        ControlFlow::Continue(())
    });
    (outcomes, result)
}

/// The responses, where all requests have one.
fn responses(client: &OpenAi, requests: &[Request]) -> Vec<Response> {
    let (outcomes, result) = run(client, requests);
    result.unwrap();
    outcomes.into_iter().map(|outcome| outcome.expect("an answer").unwrap()).collect()
}

fn response(client: &OpenAi, request: Request) -> Response {
    responses(client, &[request]).remove(0)
}

/// The error of one request, which leaves the run alone.
fn request_error(client: &OpenAi, request: Request) -> LlmError {
    let (mut outcomes, result) = run(client, &[request]);
    result.unwrap();
    llm_error(outcomes.remove(0).expect("an answer").unwrap_err())
}

/// The error of a run.
fn run_error(client: &OpenAi, requests: &[Request]) -> LlmError {
    llm_error(run(client, requests).1.unwrap_err())
}

fn llm_error(error: GenerateError) -> LlmError {
    match error {
        GenerateError::Generator { generator, source } => {
            assert!(generator.starts_with("the server at http"), "{generator}");
            *source.downcast::<LlmError>().expect("an error of the client")
        }
        other => panic!("{other:?}"),
    }
}

/// The error with its causes, as it is and as it is debugged.
fn everything(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text} {error} {error:?}");
        cause = error.source();
    }
    text
}

#[test]
fn public_types_are_send() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<OpenAi>();
    send_and_sync::<OpenAiSettings>();
    send_and_sync::<synth_llm::Secret>();
    send_and_sync::<LlmError>();
}
