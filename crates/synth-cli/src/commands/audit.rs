//! `synth audit`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use synth::io::{AtomicFile, RecordWriter};

use crate::args::{AuditArgs, AuditFields, Common};
use crate::audit::findings::Findings;
use crate::audit::records::Records;
use crate::audit::{label_studio, mend, page, summary};
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted};
use crate::progress::Progress;
use crate::table::counted;
use crate::{inputs, output};

pub fn run(args: &AuditArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    inputs::on_threads(common, || audit(args, common, &config, progress))
}

fn audit(args: &AuditArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    check_outputs(args, config)?;
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
        let interface = label_studio::interface_path(path);
        files.push(written(path, &tasks)?);
        files.push(written(&interface, &label_studio::interface(&records))?);
        let tasks = counted(n as u64, "task", "tasks");
        notes.push(format!("wrote {tasks} to {}; their labeling interface is {}", path.display(), interface.display()));
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
        output::print(&summary::render(&findings, &records))?;
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
fn check_outputs(args: &AuditArgs, config: &Config) -> Result<()> {
    let log = args.out.as_deref().map(mend::log_path);
    let interface = args.export.as_deref().map(label_studio::interface_path);
    let files = [
        ("--out", &args.out),
        ("the log of --out", &log),
        ("--export", &args.export),
        ("the interface of --export", &interface),
        ("--report", &args.report),
    ];
    let AuditFields { soft, votes, vectors, .. } = &args.fields;
    let beside = [soft, votes, vectors, &args.labels.probs, &args.before];
    let data = or_file(&args.records.data, &config.data.files);
    let read: Vec<&PathBuf> = data.iter().chain(beside.into_iter().flatten()).collect();
    let mut flags: BTreeMap<&PathBuf, &str> = BTreeMap::new();
    for (flag, path) in files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?))) {
        if path == Path::new("-") {
            return Err(hinted(format!("`{flag} -`: stdout is for what is found"), "name a file"));
        }
        if let Some(other) = flags.insert(path, flag) {
            return Err(hinted(format!("{other} and {flag} are both `{}`", path.display()), "name two files"));
        }
        inputs::not_over(flag, path, &read)?;
        drop(AtomicFile::create(path)?);
    }
    Ok(())
}
