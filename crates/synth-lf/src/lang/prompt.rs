//! What a function that asks a model asks, and what its answers mean.

use std::ops::Range;

use synth_core::{ClassId, Vote};

use super::lexer::{is_name_part, is_name_start};

/// What a prompted labeling function asks and what it makes of the answers, checked and ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptSpec {
    /// The prompt: text, and fields whose values stand in it.
    pub template: Vec<Piece>,
    /// The possible answers, in the order of the file; no two of them differ in case alone.
    pub answers: Vec<Answer>,
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The same for every record.
    Text(String),
    /// The value of the field at this path.
    Field(String),
}

/// A possible answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer as the file has it, without white space around it.
    pub text: String,
    /// What the function votes when the model gives it.
    pub vote: Vote,
}

impl PromptSpec {
    /// The classes it can vote for, ascending.
    pub fn classes(&self) -> Vec<ClassId> {
        let mut classes: Vec<ClassId> = self.answers.iter().filter_map(|answer| answer.vote).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// The paths of the fields it shows to the model, as often as it does.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.template.iter().filter_map(|piece| match piece {
            Piece::Field(path) => Some(path.as_str()),
            Piece::Text(_) => None,
        })
    }
}

/// A mistake in a prompt, and its bytes.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Appends the pieces of a string: `{field}` is a field, `{{` and `}}` are braces.
pub(super) fn read(text: &str, template: &mut Vec<Piece>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut at = 0;
    while let Some(len) = text[at..].find(['{', '}']) {
        push_text(template, &text[at..at + len]);
        at += len;
        let rest = &text[at..];
        let brace = &rest[..1];
        if rest[1..].starts_with(brace) {
            push_text(template, brace);
            at += 2;
            continue;
        }
        if brace == "}" {
            mistakes.push(Mistake { span: at..at + 1, message: "this brace closes nothing".to_owned() });
            at += 1;
            continue;
        }
        let Some(inside) = rest[1..].find(['{', '}']).filter(|&len| rest[1 + len..].starts_with('}')) else {
            mistakes.push(Mistake { span: at..at + 1, message: "this brace is not closed".to_owned() });
            at += 1;
            continue;
        };
        let inside = &rest[1..1 + inside];
        let span = at..at + inside.len() + 2;
        at = span.end;
        match field(inside.trim()) {
            Some(path) => template.push(Piece::Field(path)),
            None => mistakes.push(Mistake { span, message: format!("`{inside}` is not a field") }),
        }
    }
    push_text(template, &text[at..]);
    mistakes
}

/// Appends text, to the text before it if there is any, so that a prompt has one form.
pub(super) fn push_text(template: &mut Vec<Piece>, more: &str) {
    match template.last_mut() {
        Some(Piece::Text(text)) => text.push_str(more),
        _ if more.is_empty() => {}
        _ => template.push(Piece::Text(more.to_owned())),
    }
}

/// The path that names joined by dots make; names with other signs in them stand in backquotes.
fn field(mut written: &str) -> Option<String> {
    let mut path = String::new();
    loop {
        let (name, rest) = match written.strip_prefix('`') {
            Some(quoted) => quoted.split_once('`')?,
            None if written.starts_with(is_name_start) => {
                written.split_at(written.find(|c| !is_name_part(c)).unwrap_or(written.len()))
            }
            None => return None,
        };
        path.push_str(name);
        match rest.strip_prefix('.') {
            _ if name.is_empty() => return None,
            None if rest.is_empty() => return Some(path),
            None => return None,
            Some(rest) => written = rest,
        }
        path.push('.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces, fields in angle brackets, then the mistakes with what they point at.
    fn shown(text: &str) -> (String, Vec<String>) {
        let mut template = Vec::new();
        let mistakes = read(text, &mut template);
        let pieces = template.iter().map(|piece| match piece {
            Piece::Text(text) => format!("[{text}]"),
            Piece::Field(path) => format!("<{path}>"),
        });
        (pieces.collect(), mistakes.iter().map(|m| format!("{} «{}»", m.message, &text[m.span.clone()])).collect())
    }

    #[test]
    fn text_and_fields() {
        for (text, pieces) in [
            ("", ""),
            ("Is {text} good?", "[Is ]<text>[ good?]"),
            ("{a}{ meta.lang }", "<a><meta.lang>"),
            ("{`review text`.`and`}", "<review text.and>"),
            ("{{\"é\": {x}}}", "[{\"é\": ]<x>[}]"),
            ("{{text}}", "[{text}]"),
        ] {
            assert_eq!(shown(text), (pieces.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, mistake) in [
            ("é {text", "this brace is not closed «{»"),
            ("a } b", "this brace closes nothing «}»"),
            ("{}", "`` is not a field «{}»"),
            ("{\"a\": 1}", "`\"a\": 1` is not a field «{\"a\": 1}»"),
            ("{a.}", "`a.` is not a field «{a.}»"),
            ("{``}", "```` is not a field «{``}»"),
            ("{`a}", "``a` is not a field «{`a}»"),
            ("{a b}", "`a b` is not a field «{a b}»"),
        ] {
            assert_eq!(shown(text).1, [mistake], "{text}");
        }
        // The inner brace is looked at after the outer one was found open.
        assert_eq!(shown("{a {b}").1, ["this brace is not closed «{»"]);
        assert_eq!(shown("{a {b}").0, "[a ]<b>");
    }
}
