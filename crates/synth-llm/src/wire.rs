//! Requests and answers as they go over the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use synth_generate::{Prompt, Request, Usage};

use crate::dialect::{Optional, Way};
use crate::form::response_format;
use crate::retry::choice_seed;

/// The most that is quoted of what a server wrote, in characters.
const QUOTED: usize = 300;

/// Tokens that the roles of messages take.
const TOKENS_OF_ROLES: u64 = 8;

/// Choices of a request: so many from this one on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    pub(crate) first: usize,
    pub(crate) n: u32,
}

/// <https://platform.openai.com/docs/api-reference/chat/create>
#[derive(Serialize)]
struct Call<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    temperature: f64,
    top_p: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repetition_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The body of a call, and the number of choices that it asks for.
pub(crate) fn body(model: &str, request: &Request, prompt: &Prompt, choices: Choices, way: &Way) -> (Vec<u8>, u32) {
    let has = |optional| !way.without.contains(&optional);
    let n = if way.several { choices.n } else { 1 };
    let penalty = Some(request.sampling.repetition_penalty).filter(|&penalty| penalty != 1.0);
    let system = Some(Message { role: "system", content: &prompt.system }).filter(|m| !m.content.is_empty());
    let call = Call {
        model,
        messages: system.into_iter().chain([Message { role: "user", content: &prompt.user }]).collect(),
        n: Some(n).filter(|&n| n > 1),
        max_tokens: Some(request.max_tokens).filter(|_| !way.completion_tokens),
        max_completion_tokens: Some(request.max_tokens).filter(|_| way.completion_tokens),
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        seed: Some(choice_seed(request.seed, choices.first)).filter(|_| has(Optional::Seed)),
        top_k: request.sampling.top_k.filter(|_| has(Optional::TopK)),
        repetition_penalty: penalty.filter(|_| has(Optional::RepetitionPenalty)),
        repeat_penalty: penalty.filter(|_| has(Optional::RepeatPenalty)),
        response_format: response_format(&prompt.form, way.form),
    };
    (serde_json::to_vec(&call).expect("a struct of texts and numbers is JSON"), n)
}

#[derive(Deserialize)]
struct Answer {
    choices: Option<Vec<Choice>>,
    // What cannot be read of it is estimated: the answer is paid for.
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<i64>,
    message: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
    refusal: Option<String>,
}

/// What came back for a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Completion {
    /// The choices that hold a text.
    pub(crate) texts: Vec<String>,
    /// All of them.
    pub(crate) n_choices: usize,
    pub(crate) usage: Usage,
}

/// Why an answer is none.
#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// No JSON, or not all of it.
    Damaged(String),
    /// JSON of another kind.
    Foreign(String),
    /// An error in the place of an answer, with its status if it has one.
    Reported(Option<u16>),
    NoChoice,
    NoText(String),
    Declined(String),
}

pub(crate) fn completion(bytes: &[u8], prompt: &Prompt) -> Result<Completion, Fault> {
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(Fault::Foreign("a page of HTML or XML".into()));
    }
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Fault::Foreign(error.to_string()),
        _ => Fault::Damaged(error.to_string()),
    })?;
    let Some(mut choices) = answer.choices else {
        let Some(error) = answer.error else { return Err(Fault::Foreign("it has no `choices`".into())) };
        let status = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        return Err(Fault::Reported(status.filter(|status| (400..600).contains(status))));
    };
    choices.sort_by_key(|choice| choice.index);
    let n_choices = choices.len();
    let (mut texts, mut refusal, mut reason) = (Vec::new(), None, None);
    for choice in choices {
        let content = choice.message.unwrap_or(Content { content: None, refusal: None });
        texts.extend(content.content);
        refusal = refusal.or(content.refusal);
        reason = reason.or(choice.finish_reason);
    }
    if n_choices == 0 {
        return Err(Fault::NoChoice);
    }
    if texts.is_empty() {
        return Err(refusal.map_or_else(|| Fault::NoText(reason.unwrap_or_else(|| "unknown".into())), Fault::Declined));
    }
    let count = |name: &str| answer.usage.as_ref().and_then(|usage| usage[name].as_u64());
    let usage = Usage {
        prompt_tokens: count("prompt_tokens").unwrap_or_else(|| prompt_tokens(prompt)),
        completion_tokens: count("completion_tokens")
            .unwrap_or_else(|| texts.iter().map(|text| estimated_tokens(text)).sum()),
    };
    Ok(Completion { texts, n_choices, usage })
}

pub(crate) fn prompt_tokens(prompt: &Prompt) -> u64 {
    estimated_tokens(&prompt.system) + estimated_tokens(&prompt.user) + TOKENS_OF_ROLES
}

/// About how many tokens a text is: one for four ASCII characters, as OpenAI has it for English, one for each other
/// character, of which Chinese needs most and European languages less.
pub(crate) fn estimated_tokens(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().count() - ascii;
    (ascii.div_ceil(4) + others) as u64
}

/// What a server wrote about an error: the message where it is in one of the usual places, else all of it.
pub(crate) fn message(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let places = ["/error/message", "/error", "/message", "/detail"];
    let message = places.iter().find_map(|place| value.pointer(place).and_then(Value::as_str));
    message.map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether an error says that the account has nothing left, which OpenAI reports as 429.
pub(crate) fn is_used_up(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
    let places = ["/error/code", "/error/type", "/code", "/type"];
    let codes = ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"];
    places.iter().any(|place| value.pointer(place).and_then(Value::as_str).is_some_and(|code| codes.contains(&code)))
}

/// The beginning of a text, on one line.
pub(crate) fn quoted(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "nothing".into(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use synth_generate::{AnswerForm, Input, Sampling};

    use super::*;
    use crate::form::FormLevel;

    fn prompt() -> Prompt {
        Prompt { system: String::new(), user: "Name a bird.".into(), form: AnswerForm::Text }
    }

    fn request(sampling: Sampling) -> Request {
        Request { input: Input::Prompt(prompt()), n_choices: 3, max_tokens: 20, sampling, seed: 5 }
    }

    fn way() -> Way {
        Way { form: FormLevel::Schema, several: true, completion_tokens: false, without: BTreeSet::new() }
    }

    fn sent(request: &Request, prompt: &Prompt, way: &Way) -> String {
        String::from_utf8(body("m", request, prompt, Choices { first: 0, n: 3 }, way).0).unwrap()
    }

    #[test]
    fn what_is_sent() {
        let seed = choice_seed(5, 0);
        assert_eq!(
            sent(&request(Sampling::default()), &prompt(), &way()),
            format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":"Name a bird."}}],"n":3,"max_tokens":20,"temperature":1.0,"top_p":0.95,"seed":{seed}}}"#
            )
        );
        let all = Sampling { temperature: 0.5, top_p: 1.0, top_k: Some(40), repetition_penalty: 1.1 };
        let with_system = Prompt { system: "Be brief.".into(), ..prompt() };
        let text = sent(&request(all), &with_system, &Way { several: false, completion_tokens: true, ..way() });
        for part in [
            r#""messages":[{"role":"system","content":"Be brief."},{"role":"user","#,
            r#""max_completion_tokens":20,"#,
            r#""top_k":40,"repetition_penalty":1.1,"repeat_penalty":1.1"#,
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains(r#""n":"#) && !text.contains("max_tokens"), "{text}");
        let without = [Optional::Seed, Optional::TopK, Optional::RepetitionPenalty].into();
        let text = sent(&request(all), &prompt(), &Way { without, ..way() });
        assert!(!text.contains("seed") && !text.contains("top_k") && !text.contains("repetition"), "{text}");
        assert!(text.contains("repeat_penalty"));
    }

    #[test]
    fn what_comes_back() {
        let check = |text: &str, expected: Result<(&[&str], u64, u64), Fault>| {
            let found = completion(text.as_bytes(), &prompt());
            let found = found.map(|c| (c.texts, c.usage.prompt_tokens, c.usage.completion_tokens));
            let expected =
                expected.map(|(texts, p, c)| (texts.iter().map(|&text| text.into()).collect::<Vec<String>>(), p, c));
            assert_eq!(found, expected, "{text}");
        };
        let choice = |content: &str| format!(r#"{{"choices":[{{"message":{{"content":{content}}}}}]}}"#);
        check(&choice(r#""an owl!""#), Ok((&["an owl!"], 11, 2)));
        check(&choice(r#""""#), Ok((&[""], 11, 0)));
        let counted = r#"{"choices":[{"index":1,"message":{"content":"b"}},
            {"index":0,"message":{"role":"assistant","content":"a","refusal":null},"finish_reason":"length"}],
            "usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16},"id":"x"}"#;
        check(counted, Ok((&["a", "b"], 7, 9)));
        let half = r#"{"choices":[{"message":{"content":null}},{"message":{"content":"b"}}],"usage":null}"#;
        check(half, Ok((&["b"], 11, 1)));
        check(r#"{"choices":[]}"#, Err(Fault::NoChoice));
        check(&choice("null"), Err(Fault::NoText("unknown".into())));
        check(r#"{"choices":[{"finish_reason":"content_filter"}]}"#, Err(Fault::NoText("content_filter".into())));
        let declined = r#"{"choices":[{"message":{"content":null,"refusal":"I will not."}}]}"#;
        check(declined, Err(Fault::Declined("I will not.".into())));
        check(r#"{"error":{"code":503,"message":"busy"}}"#, Err(Fault::Reported(Some(503))));
        check(r#"{"error":{"code":"bad"}}"#, Err(Fault::Reported(None)));
        check(r#"{"text":"an owl"}"#, Err(Fault::Foreign("it has no `choices`".into())));
        check(" <html></html>", Err(Fault::Foreign("a page of HTML or XML".into())));
        let damaged = |text: &str| {
            let fault = completion(text.as_bytes(), &prompt());
            assert!(matches!(fault, Err(Fault::Damaged(_))), "{text}: {fault:?}");
        };
        damaged("");
        damaged(r#"{"choices":[{"message""#);
        damaged(r#"{"choices":[}"#);
        let foreign = completion(br#"{"choices":7}"#, &prompt());
        assert!(matches!(foreign, Err(Fault::Foreign(_))), "{foreign:?}");
    }

    #[test]
    fn what_servers_write_about_errors() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(&message(text)), expected);
        check(r#"{"error":{"message":"no such\nmodel","code":null}}"#, "no such model");
        check(r#"{"error":"model not found"}"#, "model not found");
        check(r#"{"message":"no"}"#, "no");
        check(r#"{"detail":[{"loc":["body","n"]}]}"#, r#"{"detail":[{"loc":["body","n"]}]}"#);
        check("bad\n  gateway", "bad gateway");
        check("", "nothing");
        assert_eq!(quoted(&"ü".repeat(301)), format!("{}…", "ü".repeat(300)));
        assert!(is_used_up(r#"{"error":{"code":"insufficient_quota"}}"#));
        assert!(!is_used_up(r#"{"error":{"code":"rate_limit_exceeded"}}"#) && !is_used_up("insufficient_quota"));
    }

    #[test]
    fn tokens_are_estimated() {
        let check = |text: &str, expected: u64| assert_eq!(estimated_tokens(text), expected, "{text}");
        check("", 0);
        check("bird", 1);
        check("birds", 2);
        check("鸟儿", 2);
        check("Vögel", 2);
    }
}
