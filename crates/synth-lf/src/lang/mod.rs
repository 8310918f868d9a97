//! The .lf language: from text to a checked [`Program`].
//!
//! `lexer` → `parser` → syntax tree (`ast`) → `resolve` → [`Program`], which the engine runs; `warn` looks at
//! the result, `format` writes a tree back. The language itself is described in [`REFERENCE`].

pub(crate) mod ast;
mod diagnostics;
mod format;
mod lexer;
mod parser;
pub(crate) mod program;
pub(crate) mod prompt;
mod resolve;
pub(crate) mod time;
mod warn;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use synth_core::ClassSet;

pub(crate) use diagnostics::closest;
pub use diagnostics::{Diagnostic, Severity, Source};
pub use format::format;
pub use program::Program;
pub use prompt::{Answer, Piece, PromptSpec};
pub use resolve::ReadList;

/// The description of the language, in Markdown: what `synth help lf` shows.
pub const REFERENCE: &str = include_str!("../reference.md");

/// What compiling gave: a program if there is no mistake, and everything there is to say.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The program; `None` if there is an error among the diagnostics.
    pub program: Option<Program>,
    /// Errors and warnings, file by file, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles .lf files into one program.
///
/// `classes` are those given elsewhere, if any; else the files declare them. `read_list` reads the files that
/// `file("…")` names.
///
/// ```
/// use synth_lf::lang::{Source, compile};
///
/// let source = Source::new("spam.lf", "classes ham, spam\nlf link spam when text contains \"http\"\n");
/// let compiled = compile(&[source], None, &|path, _| std::fs::read_to_string(path));
/// assert!(compiled.diagnostics.iter().all(|d| d.code == "unused-class"));
/// assert_eq!(compiled.program.unwrap().names().collect::<Vec<_>>(), ["link"]);
///
/// let source = Source::new("bad.lf", "classes ham, spam\nlf link smap when text contians \"http\"\n");
/// let compiled = compile(&[source], None, &|path, _| std::fs::read_to_string(path));
/// assert!(compiled.program.is_none());
/// assert_eq!(
///     compiled.diagnostics[0].to_string(),
///     "bad.lf:2:24: error[syntax]: expected a condition on `text`, found `contians` (hint: did you mean `contains`?)"
/// );
/// ```
pub fn compile(sources: &[Source], classes: Option<&ClassSet>, read_list: &ReadList<'_>) -> Compiled {
    let mut diagnostics = Vec::new();
    let mut files = Vec::with_capacity(sources.len());
    for source in sources {
        let parsed = parser::parse(source);
        diagnostics.extend(parsed.diagnostics);
        files.push((source.clone(), parsed.file));
    }
    let (program, places) = resolve::resolve(&files, classes, read_list, &mut diagnostics);
    let program = program.filter(|_| diagnostics.is_empty());
    if let Some(program) = &program {
        diagnostics.extend(warn::warnings(program, &places));
    }
    let same = |a: &Source, b: &Source| Arc::ptr_eq(&a.text, &b.text) && a.name == b.name;
    let file_of = |d: &Diagnostic| sources.iter().position(|source| same(source, &d.source));
    diagnostics.sort_by_key(|d| (file_of(d), d.span.start, d.severity));
    Compiled { program, diagnostics }
}
