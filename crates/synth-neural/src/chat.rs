//! A prompt as the text that a model was trained to answer.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};
use synth_generate::Prompt;

use crate::NeuralError;
use crate::tokenizer::Special;

/// The chat template of a model: a Jinja template that its file carries, written for Python's Jinja2.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    special: Special,
    model: String,
}

/// What is taken where a file carries no template: ChatML, which most small models were trained on.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] \
    + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const NAME: &str = "chat";
/// Instructions a template may take: thousands of times what one needs, and a bound on one that loops.
const FUEL: u64 = 10_000_000;

impl ChatTemplate {
    /// Compiles the template of a file, or ChatML where it has none.
    pub(crate) fn of(template: Option<&str>, special: &Special, model: &str) -> Result<Self, NeuralError> {
        let mut environment = Environment::new();
        // As Hugging Face's `apply_chat_template` sets Jinja2 up.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failed(model, error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        let added = environment.add_template_owned(NAME, template.unwrap_or(CHATML).to_owned());
        added.map_err(|error| failed(model, error))?;
        Ok(Self { environment, special: special.clone(), model: model.to_owned() })
    }

    /// The text of a prompt, up to where the answer begins.
    pub(crate) fn render(&self, prompt: &Prompt) -> Result<String, NeuralError> {
        let message = |role, content| context! { role => role, content => content };
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(message("system", &prompt.system));
        }
        messages.push(message("user", &prompt.user));
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| {
            template.render(context! {
                messages => messages,
                add_generation_prompt => true,
                bos_token => &self.special.bos,
                eos_token => &self.special.eos,
            })
        });
        rendered.map_err(|error| failed(&self.model, error))
    }
}

fn failed(model: &str, error: minijinja::Error) -> NeuralError {
    NeuralError::Template { model: model.to_owned(), source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use synth_generate::AnswerForm;

    use super::*;

    fn render(template: Option<&str>, system: &str, user: &str) -> Result<String, NeuralError> {
        let special = Special { bos: "<s>".into(), eos: "</s>".into() };
        let prompt = Prompt { system: system.into(), user: user.into(), form: AnswerForm::Text };
        ChatTemplate::of(template, &special, "tiny")?.render(&prompt)
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        assert_eq!(render(Some(template), " be brief ", "say \"hi\" & <go>").unwrap(), expected);
    }

    #[test]
    fn without_a_template_it_is_chatml() {
        let text = render(None, "", "hi").unwrap();
        assert_eq!(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
        let text = render(None, "be brief", "hi").unwrap();
        assert!(text.starts_with("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n"), "{text}");
    }

    #[test]
    fn what_templates_use_of_python() {
        check("{{ messages[0]['content'].strip() }}|{{ messages[0].content|trim }}", "be brief|be brief");
        check("{{ messages[1].content.split('&')[0].rstrip() + bos_token + eos_token }}", "say \"hi\"<s></s>");
        check("{% if messages[0]['role'].startswith('sys') and not tools is defined %}yes{% endif %}", "yes");
        check("{% for m in messages[1:] %}{{ loop.index0 }}{{ m.role.upper() }}{% endfor %}", "0USER");
        check(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            "2",
        );
        check("{{ messages[1].content|tojson|length > 5 }}", "True");
        // Blocks leave no lines behind.
        check("{% if true %}\n  {% if true %}\n{{ 'x' }}\n  {% endif %}\n{% endif %}\n", "x\n");
        // Nothing is escaped: it is no HTML.
        check("{{ messages[1].content }}", "say \"hi\" & <go>");
    }

    #[test]
    fn mistakes_are_typed() {
        let error = render(Some("{{ raise_exception('roles must alternate') }}"), "", "hi").unwrap_err();
        assert_eq!(error.to_string(), "the chat template of `tiny` cannot be rendered");
        assert!(error.source().unwrap().to_string().contains("roles must alternate"));
        for bad in ["{% if %}", "{{ messages.no_such_method() }}", "{% for i in range(100000000) %}{% endfor %}"] {
            assert!(matches!(render(Some(bad), "", "hi"), Err(NeuralError::Template { .. })), "{bad}");
        }
        let endless = "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}";
        assert!(render(Some(endless), "", "hi").is_err());
    }
}
