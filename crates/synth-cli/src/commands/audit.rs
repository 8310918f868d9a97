//! `synth audit`

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{AuditArgs, Common};
use crate::audit::findings::Findings;
use crate::audit::records::Records;
use crate::audit::{label_studio, mend, page, summary};
use crate::config::Config;
use crate::errors::FOUND;
use crate::progress::Progress;
use crate::{inputs, output};

pub fn run(args: &AuditArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    inputs::on_threads(common, || audit(args, common, &config, progress))
}

fn audit(args: &AuditArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    let reader = inputs::reader(&args.records, config, args.out.as_deref(), progress)?;
    let records = Records::read(args, config, &reader, progress)?;
    let findings = Findings::of(args, &records, &reader, progress)?;
    let mut notes = Vec::new();
    if let (Some(fix), Some(out)) = (args.fix, &args.out) {
        let (n, log) = mend::write(fix, out, &findings, &records, &reader)?;
        notes.push(format!("wrote {}; {n} changes are in {}", out.display(), log.display()));
    }
    if let Some(path) = &args.label_studio {
        let n = label_studio::write(path, &findings, &records)?;
        notes.push(format!("wrote {n} tasks to {}", path.display()));
    }
    if let Some(path) = &args.report {
        page::write(path, &findings, &records)?;
        notes.push(format!("wrote {}", path.display()));
    }
    if common.json {
        output::json(&findings)?;
    } else {
        output::print(&summary::render(&findings, &records.texts))?;
    }
    notes.iter().for_each(|note| progress.note(note));
    Ok(if findings.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
