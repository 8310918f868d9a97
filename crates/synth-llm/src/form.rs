//! What servers are told about the form of an answer.

use serde_json::{Value, json};
use synth_generate::AnswerForm;

/// How a server is told, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FormLevel {
    /// `json_schema`, strict: OpenAI, vLLM, llama.cpp, Ollama, LM Studio.
    Schema,
    /// `json_object` beside a schema: llama-cpp-python.
    Object,
    /// Not at all: the prompt has to say it.
    Plain,
}

impl FormLevel {
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Schema => Some(Self::Object),
            Self::Object => Some(Self::Plain),
            Self::Plain => None,
        }
    }
}

/// Whether there is anything to tell.
pub(crate) fn is_structured(form: &AnswerForm) -> bool {
    !matches!(form, AnswerForm::Text)
}

/// The value of `response_format`.
pub(crate) fn response_format(form: &AnswerForm, level: FormLevel) -> Option<Value> {
    let (name, value) = match form {
        AnswerForm::Text => return None,
        AnswerForm::Items => ("items", json!({ "type": "array", "items": { "type": "string" } })),
        AnswerForm::OneOf(words) => ("answer", json!({ "type": "string", "enum": words })),
    };
    // Strict schemas have all properties required and no others.
    let schema = json!({
        "type": "object",
        "properties": { name: value },
        "required": [name],
        "additionalProperties": false,
    });
    match level {
        FormLevel::Schema => {
            Some(json!({ "type": "json_schema", "json_schema": { "name": name, "strict": true, "schema": schema } }))
        }
        FormLevel::Object => Some(json!({ "type": "json_object", "schema": schema })),
        FormLevel::Plain => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent() {
        let items = response_format(&AnswerForm::Items, FormLevel::Schema).unwrap();
        assert_eq!(
            items.to_string(),
            r#"{"json_schema":{"name":"items","schema":{"additionalProperties":false,"properties":{"items":{"items":{"type":"string"},"type":"array"}},"required":["items"],"type":"object"},"strict":true},"type":"json_schema"}"#
        );
        let one = response_format(&AnswerForm::OneOf(vec!["yes".into(), "no".into()]), FormLevel::Object).unwrap();
        assert_eq!(one["type"], "json_object");
        assert_eq!(one["schema"]["properties"]["answer"], json!({ "type": "string", "enum": ["yes", "no"] }));
        assert_eq!(response_format(&AnswerForm::Items, FormLevel::Plain), None);
        assert_eq!(response_format(&AnswerForm::Text, FormLevel::Schema), None);
    }
}
