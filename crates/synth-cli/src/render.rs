//! Diagnostics as a person reads them: the line, a caret, a hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use synth::lf::lang::{Diagnostic, Severity};

/// A message that is rendered already, as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Rendered(pub String);

/// A diagnostic with its source line.
pub fn diagnostic(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let source = &diagnostic.source;
    let snippet = Snippet::source(&*source.text)
        .path(&*source.name)
        .annotation(AnnotationKind::Primary.span(diagnostic.span.clone()));
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.code).element(snippet);
    if let Some((source, span, why)) = &diagnostic.related {
        let snippet = Snippet::source(&*source.text)
            .path(&*source.name)
            .annotation(AnnotationKind::Context.span(span.clone()).label(why));
        group = group.element(snippet);
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

/// A mistake in a file that is not in the .lf language.
pub fn mistake(name: &str, text: &str, span: Range<usize>, message: &str) -> String {
    let snippet = Snippet::source(text).path(name).annotation(AnnotationKind::Primary.span(span));
    let group = Level::ERROR.primary_title(message).element(snippet);
    format!("{}\n", Renderer::styled().render(&[group]))
}
