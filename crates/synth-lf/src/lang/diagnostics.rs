//! What is wrong, or probably not meant, in a .lf file, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that is parsed, with the name it is called by in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name as the user wrote it.
    pub name: Arc<str>,
    /// What the file holds.
    pub text: Arc<str>,
}

impl Source {
    /// A source of this name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Line and column of a byte position, both from 1; columns count characters.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and something in it is probably not meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One message about a place in a .lf file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A short name for the kind of mistake, such as `unknown-class`.
    pub code: &'static str,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// The file.
    pub source: Source,
    /// The bytes of the file it is about.
    pub span: Range<usize>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another place that matters, in the same file or another, and why.
    pub related: Option<(Source, Range<usize>, String)>,
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        let (source, message) = (source.clone(), message.into());
        Self { severity: Severity::Error, code, message, source, span, hint: None, related: None }
    }

    pub(crate) fn warning(code: &'static str, source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, source, span, message) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn related(mut self, source: &Source, span: Range<usize>, why: impl Into<String>) -> Self {
        self.related = Some((source.clone(), span, why.into()));
        self
    }

    /// Line and column where it begins, from 1.
    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.span.start)
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `spam.lf:3:9: error[unknown-class]: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        let Self { severity, code, message, source, .. } = self;
        write!(f, "{}:{line}:{column}: {severity}[{code}]: {message}", source.name)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

/// The name most like `name` among `known`, if one is like it enough to be what was meant.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 2).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_recognised() {
        let known = ["spam", "ham", "delivery"];
        assert_eq!(closest("smap", known), Some("spam"));
        assert_eq!(closest("Delivry", known), Some("delivery"));
        assert_eq!(closest("billing", known), None);
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("a.lf", "é x\nñandú y");
        assert_eq!(source.line_column("é ".len()), (1, 3));
        assert_eq!(source.line_column("é x\nñandú ".len()), (2, 7));
        assert_eq!(source.line_column(1), (1, 1)); // inside é
    }
}
