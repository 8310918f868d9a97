//! .lf files from disk.

use std::io;
use std::path::{Path, PathBuf};

use synth_core::ClassSet;
use synth_lf::lang::{Diagnostic, Program, Severity, Source, compile};

/// .lf files that have been read and compiled.
#[derive(Debug, Clone)]
pub struct LfFiles {
    /// The files, in the order given.
    pub sources: Vec<Source>,
    /// What they say together; `None` if there is an error among the diagnostics.
    pub program: Option<Program>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The list files they name with `file("…")`, with their contents.
    pub lists: Vec<(PathBuf, String)>,
}

/// Why .lf files could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LfFileError {
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There are mistakes in the files.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Diagnostic>),
}

impl LfFiles {
    /// Reads and compiles files. `classes` are those given elsewhere, if any; else the files declare them.
    /// Mistakes in the files are no error here: they stand in [`LfFiles::diagnostics`].
    ///
    /// # Errors
    /// A file that cannot be read, or is not UTF-8.
    pub fn read<P: AsRef<Path>>(paths: &[P], classes: Option<&ClassSet>) -> Result<Self, LfFileError> {
        let mut sources = Vec::with_capacity(paths.len());
        for path in paths.iter().map(AsRef::as_ref) {
            let text =
                std::fs::read_to_string(path).map_err(|source| LfFileError::Read { path: path.to_owned(), source })?;
            sources.push(Source::new(path.to_string_lossy(), text));
        }
        let lists = std::cell::RefCell::new(Vec::new());
        let read_list = |list: &str, asked_by: &Source| {
            let folder = Path::new(&*asked_by.name).parent().unwrap_or(Path::new(""));
            let path = folder.join(list);
            let text = std::fs::read_to_string(&path)?;
            lists.borrow_mut().push((path, text.clone()));
            Ok(text)
        };
        let compiled = compile(&sources, classes, &read_list);
        let lists = lists.into_inner();
        Ok(Self { sources, program: compiled.program, diagnostics: compiled.diagnostics, lists })
    }

    /// Reads and compiles files that are expected to be right.
    ///
    /// # Errors
    /// As [`LfFiles::read`]; also any mistake in them.
    pub fn program<P: AsRef<Path>>(paths: &[P], classes: Option<&ClassSet>) -> Result<Program, LfFileError> {
        let files = Self::read(paths, classes)?;
        let errors = files.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect();
        files.program.ok_or(LfFileError::Mistakes(errors))
    }
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
