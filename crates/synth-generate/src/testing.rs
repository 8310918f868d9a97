//! What the tests of several modules share.

use std::ops::ControlFlow;
use std::sync::Mutex;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use synth_core::Observer;

use crate::{Answer, AnswerForm, GenerateError, Generator, Input, Price, Prompt, Request, Response, Sink, Usage};

/// Answers a prompt with its own text, its seed and the number of the choice.
pub(crate) struct Echo;

impl Generator for Echo {
    fn fingerprint(&self) -> String {
        "echo".to_owned()
    }

    fn model(&self) -> &str {
        "echo"
    }

    fn price(&self) -> Option<Price> {
        Some(Price { input_per_million: 1.0, output_per_million: 1.0 })
    }

    fn n_tokens(&self, text: &str) -> u64 {
        text.len() as u64
    }

    fn generate(&self, requests: &[Request], _: &dyn Observer, sink: &mut Sink<'_>) -> Result<(), GenerateError> {
        // Backwards, since the order must not matter.
        for (index, request) in requests.iter().enumerate().rev() {
            if sink(vec![Answer { request: index, result: Ok(echo(request)) }]) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

fn echo(request: &Request) -> Response {
    let text = match &request.input {
        Input::Prompt(prompt) => &prompt.user,
        Input::Text { text, .. } => text,
        Input::Picture { prompt, .. } => prompt,
    };
    let choices = (0..request.n_choices).map(|choice| format!("{text} {} {choice}", request.seed)).collect();
    Response { choices, usage: Usage { prompt_tokens: text.len() as u64, completion_tokens: 10 } }
}

/// Notes what it is asked, and answers by [`Echo`] or not at all.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) asked: Mutex<Vec<u64>>,
    pub(crate) failing: Vec<u64>,
    /// The seed of the order in which it answers; in that of the requests without one.
    pub(crate) order: Option<u64>,
}

impl Generator for Counting {
    fn fingerprint(&self) -> String {
        "echo".to_owned()
    }

    fn model(&self) -> &str {
        "echo"
    }

    fn price(&self) -> Option<Price> {
        Echo.price()
    }

    fn n_tokens(&self, text: &str) -> u64 {
        Echo.n_tokens(text)
    }

    fn generate(&self, requests: &[Request], _: &dyn Observer, sink: &mut Sink<'_>) -> Result<(), GenerateError> {
        self.asked.lock().unwrap().extend(requests.iter().map(|request| request.seed));
        let mut requests: Vec<(usize, &Request)> = requests.iter().enumerate().collect();
        if let Some(order) = self.order {
            requests.shuffle(&mut ChaCha8Rng::seed_from_u64(order));
        }
        for (index, request) in requests {
            let result = match self.failing.contains(&request.seed) {
                false => Ok(echo(request)),
                true => Err(GenerateError::Generator { generator: "echo".to_owned(), source: "silence".into() }),
            };
            if sink(vec![Answer { request: index, result }]) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

pub(crate) fn prompt(text: &str) -> Input {
    Input::Prompt(Prompt { system: String::new(), user: text.to_owned(), form: AnswerForm::Text })
}
