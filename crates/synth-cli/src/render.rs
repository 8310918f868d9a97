//! Diagnostics as a person reads them: the line, a caret, a hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use synth::lf::lang::{Diagnostic, Severity};

/// A message that is rendered already, as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Rendered(pub String);

/// So many diagnostics are shown; whoever has more begins with these.
const SHOWN: usize = 50;

/// Diagnostics with their source lines; of very many the first.
pub fn diagnostics<'a>(all: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let all: Vec<&Diagnostic> = all.into_iter().collect();
    let mut text: String = all.iter().take(SHOWN).map(|d| diagnostic(d)).collect();
    if all.len() > SHOWN {
        text.push_str(&format!("… and {} more\n", all.len() - SHOWN));
    }
    text
}

/// A diagnostic with its source line.
fn diagnostic(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let primary = Excerpt::of(&diagnostic.source.text, &diagnostic.span);
    let snippet = primary.snippet(&diagnostic.source.name);
    let snippet = snippet.annotation(AnnotationKind::Primary.span(primary.span.clone()));
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.code).element(snippet);
    let related = diagnostic.related.as_ref().map(|(source, span, why)| (source, Excerpt::of(&source.text, span), why));
    if let Some((source, excerpt, why)) = &related {
        let context = AnnotationKind::Context.span(excerpt.span.clone()).label(*why);
        group = group.element(excerpt.snippet(&source.name).annotation(context));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

/// The lines that a span touches: what is rendered must not grow with the file.
struct Excerpt<'a> {
    text: &'a str,
    first_line: usize,
    /// The span in `text`.
    span: Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn of(text: &'a str, span: &Range<usize>) -> Self {
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
        let first_line = text[..start].matches('\n').count() + 1;
        Self { text: &text[start..end], first_line, span: span.start - start..span.end - start }
    }

    fn snippet<T: Clone>(&self, name: &'a str) -> Snippet<'a, T> {
        Snippet::source(self.text).line_start(self.first_line).path(name)
    }
}

/// A mistake in a file that is not in the .lf language.
pub fn mistake(name: &str, text: &str, span: Range<usize>, message: &str) -> String {
    let snippet = Snippet::source(text).path(name).annotation(AnnotationKind::Primary.span(span));
    let group = Level::ERROR.primary_title(message).element(snippet);
    format!("{}\n", Renderer::styled().render(&[group]))
}
