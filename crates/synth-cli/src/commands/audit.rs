//! `synth audit`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use synth::io::{AtomicFile, RecordWriter};

use crate::args::{AuditArgs, Common};
use crate::audit::findings::Findings;
use crate::audit::records::Records;
use crate::audit::{label_studio, mend, page, summary};
use crate::config::Config;
use crate::errors::{FOUND, hinted};
use crate::progress::Progress;
use crate::table::counted;
use crate::{inputs, output};

pub fn run(args: &AuditArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    inputs::on_threads(common, || audit(args, common, &config, progress))
}

fn audit(args: &AuditArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    check_outputs(args)?;
    let reader = inputs::reader(&args.records, config, args.out.as_deref(), progress)?;
    let records = Records::read(&args.records, &args.fields, config, &reader, progress)?;
    if let (Some(fix), Some(out)) = (args.fix, &args.out) {
        let schema = mend::schema(fix, &records.source, &reader)?;
        drop(RecordWriter::create(out, &schema)?);
    }
    let findings = Findings::of(args, &records, &reader, progress)?;

    // All files are written before the first of them appears: one that fails leaves none.
    let mut notes = Vec::new();
    let mended = match (args.fix, &args.out) {
        (Some(fix), Some(out)) => {
            let mended = mend::write(fix, out, &findings, &records, &reader, progress)?;
            let changed = counted(mended.n as u64, "record is", "records are");
            notes.push(format!("wrote {}: {changed} changed, see {}", out.display(), mend::log_path(out).display()));
            Some(mended)
        }
        _ => None,
    };
    let mut files = Vec::new();
    if let Some(path) = &args.export {
        let (tasks, n) = label_studio::tasks(&findings, &records);
        files.push(written(path, &tasks)?);
        notes.push(format!("wrote {} to {}", counted(n as u64, "task", "tasks"), path.display()));
    }
    if let Some(path) = &args.report {
        files.push(written(path, &page::render(&findings, &records)?)?);
        notes.push(format!("wrote {}", path.display()));
    }
    files.into_iter().try_for_each(AtomicFile::commit)?;
    mended.map(mend::Mended::commit).transpose()?;

    if common.json {
        output::json(&findings)?;
    } else {
        output::print(&summary::render(&findings, &records.texts))?;
    }
    notes.iter().for_each(|note| progress.note(note));
    Ok(if findings.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// A file with this text, which is not yet there.
fn written(path: &Path, text: &str) -> Result<AtomicFile> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(file)
}

/// Finds out now, not after the work, which files cannot be written. What is begun and not finished leaves nothing.
fn check_outputs(args: &AuditArgs) -> Result<()> {
    let log = args.out.as_deref().map(mend::log_path);
    let files = [("--out", &args.out), ("--out's log", &log), ("--export", &args.export), ("--report", &args.report)];
    let mut flags: BTreeMap<&PathBuf, &str> = BTreeMap::new();
    for (flag, path) in files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?))) {
        if path == Path::new("-") {
            return Err(hinted(format!("`{flag} -`: stdout is for what is found"), "name a file"));
        }
        if let Some(other) = flags.insert(path, flag) {
            return Err(hinted(format!("{other} and {flag} are both `{}`", path.display()), "name two files"));
        }
        drop(AtomicFile::create(path)?);
    }
    Ok(())
}
