//! `synth fmt`

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use synth::io::AtomicFile;
use synth::lf::lang::{Source, format};

use crate::args::FmtArgs;
use crate::errors::FOUND;
use crate::output;
use crate::render::{self, Rendered};

pub fn run(args: &FmtArgs) -> Result<ExitCode> {
    let mut changed = false;
    for path in &args.files {
        let stdin = path == Path::new("-");
        let mut text = String::new();
        if stdin {
            std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
        } else {
            text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        }
        let source = Source::new(if stdin { "<stdin>".into() } else { path.to_string_lossy() }, text.as_str());
        let formatted = format(&source).map_err(|mistakes| anyhow!(Rendered(render::diagnostics(&mistakes))))?;
        let differs = formatted != text;
        changed |= differs;
        match (args.check, stdin) {
            (true, _) if differs => output::print(&format!("{}\n", source.name))?,
            (true, _) => {}
            (false, true) => output::print(&formatted)?,
            (false, false) if differs => AtomicFile::write_all_to(path, formatted.as_bytes())?,
            (false, false) => {}
        }
    }
    Ok(if args.check && changed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}
