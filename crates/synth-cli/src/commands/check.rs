//! `synth check`

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::LfFiles;
use synth::lf::lang::{Diagnostic, Severity};

use super::contract;
use crate::args::{CheckArgs, Common};
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted};
use crate::inputs::given_classes;
use crate::progress::Progress;
use crate::{output, render};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    functions: usize,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    severity: String,
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    file: &'a str,
    line: usize,
    column: usize,
    /// Bytes of the file, end exclusive.
    span: [usize; 2],
}

pub fn run(args: &CheckArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    if let Some(path) = &args.contract {
        return contract::run(path, args, common, &config, progress);
    }
    let files = or_file(&args.files, &config.lfs.files);
    if files.is_empty() {
        return Err(hinted("no .lf file is given", "name one: synth check spam.lf"));
    }
    let classes = given_classes(&or_file(&args.classes, &config.lfs.classes))?;
    let files = LfFiles::read(&files, classes.as_ref())?;
    let count = |severity| files.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let functions = files.program.as_ref().map_or(0, |program| program.names().len());
    if common.json {
        let diagnostics = files.diagnostics.iter().map(entry).collect();
        output::json(&Report { version: 1, functions, errors, warnings, diagnostics })?;
    } else {
        anstream::eprint!("{}", render::diagnostics(&files.diagnostics));
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let (errors, warnings) = (count(errors, "error"), count(warnings, "warning"));
        let functions = if files.program.is_some() { count(functions, "function") + ", " } else { String::new() };
        output::print(&format!("{functions}{errors}, {warnings}\n"))?;
    }
    let failed = errors > 0 || (args.deny_warnings && warnings > 0);
    Ok(if failed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn entry(diagnostic: &Diagnostic) -> Entry<'_> {
    let (line, column) = diagnostic.line_column();
    Entry {
        severity: diagnostic.severity.to_string(),
        code: diagnostic.code,
        message: &diagnostic.message,
        hint: diagnostic.hint.as_deref(),
        file: &diagnostic.source.name,
        line,
        column,
        span: [diagnostic.span.start, diagnostic.span.end],
    }
}
