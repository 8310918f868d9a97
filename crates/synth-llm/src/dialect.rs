//! What a server understands of the protocol, found out by asking.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::form::FormLevel;

/// A parameter without which a call still makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Optional {
    Seed,
    TopK,
    /// The name that vLLM has for it.
    RepetitionPenalty,
    /// The name that llama.cpp has for it.
    RepeatPenalty,
}

impl Optional {
    const ALL: [Self; 4] = [Self::Seed, Self::TopK, Self::RepetitionPenalty, Self::RepeatPenalty];

    fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::TopK => "top_k",
            Self::RepetitionPenalty => "repetition_penalty",
            Self::RepeatPenalty => "repeat_penalty",
        }
    }
}

/// A way to put a request. Ways are ordered: each only leaves out what others have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) form: FormLevel,
    /// Whether several choices are asked for at once.
    pub(crate) several: bool,
    /// Whether the length is `max_completion_tokens`, as newer models of OpenAI have it, and not `max_tokens`.
    pub(crate) completion_tokens: bool,
    pub(crate) without: BTreeSet<Optional>,
}

impl Way {
    fn full() -> Self {
        Self { form: FormLevel::Schema, several: true, completion_tokens: false, without: BTreeSet::new() }
    }

    /// The way that leaves out what either leaves out.
    fn and(&self, other: &Self) -> Self {
        Self {
            form: self.form.max(other.form),
            several: self.several && other.several,
            completion_tokens: self.completion_tokens || other.completion_tokens,
            without: self.without.union(&other.without).copied().collect(),
        }
    }
}

/// A call that a server did not take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    /// What the server wrote.
    pub(crate) text: &'a str,
    /// Whether the answer was to have a form.
    pub(crate) structured: bool,
    /// Whether several choices were asked for.
    pub(crate) several: bool,
    /// How often it went wrong in this way by now.
    pub(crate) failures: u32,
}

/// What is known of a server. Only what worked is remembered: a request that is wrong by itself teaches nothing.
#[derive(Debug)]
pub(crate) struct Dialect(Mutex<Known>);

#[derive(Debug)]
struct Known {
    way: Way,
    /// Whether a structured answer has come: then its level is not what is wrong with later requests.
    form_works: bool,
}

impl Dialect {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Known { way: Way::full(), form_works: false }))
    }

    /// The best way that is not known to fail.
    pub(crate) fn way(&self) -> Way {
        self.lock().way.clone()
    }

    /// Remembers a way that worked.
    pub(crate) fn worked(&self, way: &Way, structured: bool) {
        let mut known = self.lock();
        let form = if structured && !known.form_works { known.way.form.max(way.form) } else { known.way.form };
        known.way = Way { form, ..known.way.and(way) };
        known.form_works |= structured;
    }

    /// Remembers that of several choices only one came.
    pub(crate) fn gave_one(&self) {
        self.lock().way.several = false;
    }

    /// Another way to put a call that was refused, if that may be what is wrong. Each way leaves out more than the
    /// one before, so this ends.
    pub(crate) fn other_way(&self, tried: &Way, refusal: Refusal<'_>) -> Option<Way> {
        let Refusal { status, text, structured, several, failures } = refusal;
        let known = self.lock();
        if ![400, 404, 422, 500, 501].contains(&status) {
            return None;
        }
        let names_form = ["response_format", "json_schema", "json_object"].iter().any(|name| names(text, name));
        let merged = tried.and(&known.way);
        if merged != *tried {
            // Another call has found out.
            return Some(merged);
        }
        let lower_form = || {
            // A server that fails (500) may have failed by chance, so the same call goes once more.
            let meant = status != 500 || names_form || failures >= 2;
            let form = tried.form.next().filter(|_| structured && !known.form_works && meant)?;
            Some(Way { form, ..tried.clone() })
        };
        let fewer_parameters = || {
            if ![400, 422].contains(&status) {
                return None;
            }
            let mut way = tried.clone();
            way.without.extend(Optional::ALL.iter().filter(|optional| names(text, optional.name())));
            if several && ["'n'", "\"n\"", "`n`"].iter().any(|name| text.contains(name)) {
                way.several = false;
            }
            // A length that is only too large is not to be lost in a parameter that the server does not know.
            let unknown =
                ["unsupported", "not supported", "unknown", "unrecognized", "unexpected", "extra", "permitted"];
            let lower = text.to_lowercase();
            if names(text, "max_tokens")
                && (names(text, "max_completion_tokens") || unknown.iter().any(|word| lower.contains(word)))
            {
                way.completion_tokens = true;
            }
            (way != *tried).then_some(way)
        };
        if names_form { lower_form().or_else(fewer_parameters) } else { fewer_parameters().or_else(lower_form) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // No line that changes what is known can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text has a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(inside) && !text[at + name.len()..].starts_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: Refusal<'static> =
        Refusal { status: 400, text: "no", structured: true, several: false, failures: 1 };

    fn form(dialect: &Dialect, tried: &Way, refusal: Refusal<'_>) -> Option<FormLevel> {
        dialect.other_way(tried, refusal).map(|way| way.form)
    }

    #[test]
    fn the_form_is_given_up_by_steps() {
        let dialect = Dialect::new();
        let way = dialect.way();
        assert_eq!(form(&dialect, &way, REFUSAL), Some(FormLevel::Object));
        assert_eq!(form(&dialect, &way, Refusal { structured: false, ..REFUSAL }), None);
        assert_eq!(form(&dialect, &way, Refusal { status: 429, ..REFUSAL }), None);
        assert_eq!(form(&dialect, &way, Refusal { status: 500, ..REFUSAL }), None);
        assert_eq!(form(&dialect, &way, Refusal { status: 500, failures: 2, ..REFUSAL }), Some(FormLevel::Object));
        let named = Refusal { status: 500, text: "bad response_format", ..REFUSAL };
        assert_eq!(form(&dialect, &way, named), Some(FormLevel::Object));
        let plain = Way { form: FormLevel::Plain, ..way };
        assert_eq!(form(&dialect, &plain, REFUSAL), None);
        // Nothing worked, so nothing is remembered.
        assert_eq!(dialect.way(), Way::full());
    }

    #[test]
    fn what_worked_stays() {
        let dialect = Dialect::new();
        let object = Way { form: FormLevel::Object, ..Way::full() };
        dialect.worked(&object, false);
        assert_eq!(dialect.way().form, FormLevel::Schema, "an answer without a form says nothing about it");
        dialect.worked(&object, true);
        assert_eq!(dialect.way(), object);
        // A call that was under way learns of it; one that fails later has another fault.
        assert_eq!(form(&dialect, &Way::full(), REFUSAL), Some(FormLevel::Object));
        assert_eq!(form(&dialect, &object, REFUSAL), None);
        dialect.worked(&Way { form: FormLevel::Plain, ..Way::full() }, true);
        assert_eq!(dialect.way(), object);
    }

    #[test]
    fn parameters_that_a_server_names_are_left_out() {
        let check = |text: &str, several: bool, expected: &dyn Fn(&mut Way)| {
            let refusal = Refusal { text, several, structured: false, ..REFUSAL };
            let mut way = Way::full();
            expected(&mut way);
            assert_eq!(Dialect::new().other_way(&Way::full(), refusal), (way != Way::full()).then_some(way), "{text}");
        };
        check("unknown field top_k", false, &|way| way.without = [Optional::TopK].into());
        check(r#"{"loc": ["body", "seed"]}"#, false, &|way| way.without = [Optional::Seed].into());
        check("the seedling and top_keys", false, &|_| ());
        check("'n' : number must be at most 1", true, &|way| way.several = false);
        check("'n' : number must be at most 1", false, &|_| ());
        check("Unsupported parameter: 'max_tokens'", false, &|way| way.completion_tokens = true);
        check("use max_completion_tokens, not max_tokens", false, &|way| way.completion_tokens = true);
        check("max_tokens is too large: 9000", false, &|_| ());
    }
}
