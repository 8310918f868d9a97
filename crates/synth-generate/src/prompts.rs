//! Prompts, as templates that a user can replace.
//!
//! Templates are minijinja (the language of Jinja2), with a block `system` and a block `user`. Each says in its first
//! lines what it is given.

use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::{AnswerForm, GenerateError, Prompt};

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PromptKind {
    /// New examples of a class.
    Examples,
    /// A text in other words.
    Paraphrase,
    /// Texts of one class that could be taken for another.
    EdgeCases,
    /// A grade for a text that was made.
    Judge,
    /// Values of an attribute in which texts differ.
    Attributes,
    /// A picture; the block `system` is what it does not show.
    Image,
}

impl PromptKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Examples, Self::Paraphrase, Self::EdgeCases, Self::Judge, Self::Attributes, Self::Image];

    /// Its name, on the command line and as a file: `edge-cases`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Examples => "examples",
            Self::Paraphrase => "paraphrase",
            Self::EdgeCases => "edge-cases",
            Self::Judge => "judge",
            Self::Attributes => "attributes",
            Self::Image => "image",
        }
    }

    fn built_in(self) -> &'static str {
        match self {
            Self::Examples => include_str!("../../../prompts/examples.j2"),
            Self::Paraphrase => include_str!("../../../prompts/paraphrase.j2"),
            Self::EdgeCases => include_str!("../../../prompts/edge-cases.j2"),
            Self::Judge => include_str!("../../../prompts/judge.j2"),
            Self::Attributes => include_str!("../../../prompts/attributes.j2"),
            Self::Image => include_str!("../../../prompts/image.j2"),
        }
    }
}

/// A class, as prompts speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClassText {
    /// Its name.
    pub name: String,
    /// What it means; may be empty.
    pub description: String,
}

/// A text of another class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contrast {
    /// The text.
    pub text: String,
    /// The name of its class.
    pub class: String,
}

/// One attribute that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, as `length`.
    pub name: String,
    /// Its value, as `one short sentence`.
    pub value: String,
}

/// What templates are given. What a kind does not use is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromptValues {
    /// The class that is wanted.
    pub class: ClassText,
    /// The class at whose border texts are wanted.
    pub against: ClassText,
    /// All classes.
    pub classes: Vec<ClassText>,
    /// What the texts are, in the plural.
    pub domain: String,
    /// How they are written.
    pub style: String,
    /// Texts of the class.
    pub examples: Vec<String>,
    /// Texts of other classes.
    pub contrasts: Vec<Contrast>,
    /// What is asked for, beside the class.
    pub attributes: Vec<Attribute>,
    /// The text to rewrite or grade, or the name of an attribute.
    pub source: String,
    /// The best grade; 1 is the worst.
    pub grades: u32,
    /// How many texts are wanted.
    pub n: u32,
    /// Whether the answer is a list in JSON.
    pub list: bool,
}

impl PromptValues {
    /// Values of which none is empty, to try templates with.
    fn sample(list: bool) -> Self {
        let class = |name: &str| ClassText { name: name.into(), description: format!("about {name}") };
        Self {
            class: class("security"),
            against: class("technical"),
            classes: vec![class("security"), class("technical")],
            domain: "messages".into(),
            style: "terse".into(),
            examples: vec!["my account was stolen".into(), "is this mail from you?".into()],
            contrasts: vec![Contrast { text: "the page is blank".into(), class: "technical".into() }],
            attributes: vec![Attribute { name: "length".into(), value: "one sentence".into() }],
            source: "somebody logged in as me".into(),
            grades: 5,
            n: 3,
            list,
        }
    }
}

/// The templates in force.
///
/// ```
/// use synth_generate::{AnswerForm, ClassText, PromptKind, PromptValues, Prompts};
///
/// let values = PromptValues {
///     class: ClassText { name: "security".into(), description: "logins and fraud".into() },
///     domain: "messages".into(),
///     n: 3,
///     list: true,
///     ..PromptValues::default()
/// };
/// let prompt = Prompts::built_in().render(PromptKind::Examples, &values, AnswerForm::Items)?;
/// assert!(prompt.user.contains(r#"Write 3 new messages of the class "security""#));
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Prompts {
    environment: Environment<'static>,
    origins: Vec<(PromptKind, String, String)>,
}

impl Prompts {
    /// The templates that come with synth.
    pub fn built_in() -> Self {
        let mut environment = Environment::new();
        // A name that is mistyped in a template is an error, not an empty string.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut prompts = Self { environment, origins: Vec::new() };
        for kind in PromptKind::ALL {
            let added = prompts.replace(kind, &format!("{} (built in)", kind.name()), kind.built_in());
            // Tests render every one of them.
            added.expect("built-in templates are right");
        }
        prompts
    }

    /// Replaces a template; `origin` is the file it comes from.
    ///
    /// # Errors
    /// The template has a mistake, or lacks a block `system` or `user`.
    pub fn replace(&mut self, kind: PromptKind, origin: &str, source: &str) -> Result<(), GenerateError> {
        let wrong = |error: minijinja::Error| wrong(origin, &error);
        self.environment.add_template_owned(kind.name(), source.to_owned()).map_err(wrong)?;
        self.origins.retain(|(other, ..)| *other != kind);
        self.origins.push((kind, origin.to_owned(), source.to_owned()));
        // With every value empty and with every value there, mistyped names and missing blocks show before anything is
        // paid for, in whatever branch they stand.
        for values in [PromptValues::default(), PromptValues::sample(true), PromptValues::sample(false)] {
            self.render(kind, &values, AnswerForm::Text)?;
        }
        Ok(())
    }

    /// Where a template comes from, and its text.
    pub fn source(&self, kind: PromptKind) -> (&str, &str) {
        let found = self.origins.iter().find(|(other, ..)| *other == kind);
        // All kinds are there from the start.
        let (_, origin, source) = found.expect("every kind has a template");
        (origin, source)
    }

    /// A hash of the templates of these kinds.
    pub fn fingerprint(&self, kinds: &[PromptKind]) -> String {
        let mut hasher = blake3::Hasher::new();
        for &kind in kinds {
            hasher.update(self.source(kind).1.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// A prompt.
    ///
    /// # Errors
    /// A template of the user's uses a name it is not given, or lacks a block.
    pub fn render(&self, kind: PromptKind, values: &PromptValues, form: AnswerForm) -> Result<Prompt, GenerateError> {
        let wrong = |error: minijinja::Error| wrong(self.source(kind).0, &error);
        let template = self.environment.get_template(kind.name()).map_err(wrong)?;
        let mut rendered = template.render_captured(minijinja::value::Serde(values)).map_err(wrong)?;
        let mut block = |name| rendered.with_state_mut(|state| state.render_block(name)).map_err(wrong);
        let (system, user) = (block("system")?.trim().to_owned(), block("user")?.trim().to_owned());
        Ok(Prompt { system, user, form })
    }
}

fn wrong(origin: &str, error: &minijinja::Error) -> GenerateError {
    let mut problem = error.kind().to_string();
    if let Some(detail) = error.detail() {
        problem = format!("{problem}: {detail}");
    }
    GenerateError::Template { origin: origin.to_owned(), line: error.line(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_says_what_it_is_given() {
        let prompts = Prompts::built_in();
        let user = |kind| prompts.render(kind, &PromptValues::sample(true), AnswerForm::Items).unwrap().user;
        let all = [
            (PromptKind::Examples, "1. my account was stolen\n2. is this mail from you?\n"),
            (PromptKind::Examples, "- the page is blank (technical)\n"),
            (PromptKind::Examples, "Style: terse. Length: one sentence. No two"),
            (PromptKind::Paraphrase, "in 3 different ways"),
            (PromptKind::Paraphrase, "Text: somebody logged in as me\n"),
            (PromptKind::EdgeCases, "belong to \"security\", and could at first be taken for \"technical\""),
            (PromptKind::Judge, "\"security\" (about security), \"technical\" (about technical)."),
            (PromptKind::Attributes, "differ in their somebody logged in as me?"),
            (PromptKind::Image, "a photo of a security, about security, one sentence, terse"),
        ];
        for (kind, expected) in all {
            assert!(user(kind).contains(expected), "{}: {}", kind.name(), user(kind));
        }
        for kind in PromptKind::ALL {
            let prompt = prompts.render(kind, &PromptValues::sample(true), AnswerForm::Items).unwrap();
            let text = prompt.system + &prompt.user;
            assert!(!text.contains("\n\n\n") && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn a_small_model_is_asked_for_plain_text() {
        let values = PromptValues::sample(false);
        for kind in [PromptKind::Examples, PromptKind::Paraphrase, PromptKind::EdgeCases] {
            let prompt = Prompts::built_in().render(kind, &values, AnswerForm::Text).unwrap();
            assert!(!(prompt.system + &prompt.user).contains("JSON"), "{}", kind.name());
        }
    }

    #[test]
    fn mistakes_in_templates_name_file_and_line() {
        let mistake = |source: &str| {
            let mut prompts = Prompts::built_in();
            prompts.replace(PromptKind::Judge, "my.j2", source).unwrap_err().to_string()
        };
        assert_eq!(
            mistake("{% block system %}{% endblock %}\n{% block user %}{{ clas.name }}{% endblock %}"),
            "the template my.j2 has a mistake in line 2: undefined value: `clas` is undefined"
        );
        // Also where nothing is rendered unless a value is there.
        let hidden =
            "{% block system %}{% endblock %}{% block user %}{% if examples %}{{ n.x.y }}{% endif %}{% endblock %}";
        assert!(mistake(hidden).contains("undefined"), "{}", mistake(hidden));
        assert!(mistake("{% block system %}{% endblock %}").contains("block 'user' not found"), "{}", mistake(""));
        assert!(mistake("{% block user %}\n{% if %}").contains("in line 2"));
    }
}
