//! `synth check --contract`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use synth::audit::{BrokenRule, Contract, ContractCheck, CopiesContract, LabelContract, copies_of_texts};
use synth::io::Reader;

use crate::args::{AuditFields, CheckArgs, Common, LabelErrorArgs, RecordArgs, SIMILARITY};
use crate::audit::findings::judge;
use crate::audit::records::Records;
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted, unboxed};
use crate::generation::material::{has_field, record_args, values};
use crate::progress::Progress;
use crate::table::counted;
use crate::{inputs, output, render};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    version: u32,
    records: u64,
    broken: Vec<BrokenRule>,
}

pub fn run(path: &Path, args: &CheckArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let contract: Contract = toml::from_str(&text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        anyhow!(render::Rendered(render::mistake(&path.to_string_lossy(), &text, span, error.message())))
    })?;
    let now = match &args.now {
        None => clock(),
        Some(text) => synth::audit::micros_of(text).ok_or_else(|| {
            hinted(format!("`--now {text}` is no point in time"), "write a day or a time: --now 2026-11-26")
        })?,
    };
    let report = inputs::on_threads(common, || check(&contract, &args.data, now, config, progress))?;
    if common.json {
        output::json(&report)?;
    } else {
        let mut shown: String = report.broken.iter().map(|rule| format!("{rule}\n")).collect();
        let records = counted(report.records, "record", "records");
        shown.push_str(&match report.broken.len() {
            0 => format!("{records} as promised\n"),
            n => format!("{records}, {} broken\n", counted(n as u64, "rule", "rules")),
        });
        output::print(&shown)?;
    }
    Ok(if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "how fresh records are depends on the day; --now makes a check repeatable"
)]
fn clock() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_micros() as i64
}

fn check(contract: &Contract, data: &[PathBuf], now: i64, config: &Config, progress: &Progress) -> Result<Report> {
    let records = || record_args(&or_file(data, &config.data.files), config.data.id.clone());
    let reader = inputs::reader(&records(), config, None, progress)?;
    let mut check = ContractCheck::new(contract)?;
    let mut n = 0;
    for batch in inputs::with_vectors(&reader, &[], progress)? {
        let batch = batch.map_err(unboxed)?;
        n += batch.n_rows() as u64;
        check.add(&batch);
    }
    let mut broken = check.finish(now);
    if let Some(copies) = &contract.copies {
        broken.extend(of_copies(copies, &reader, n, progress)?);
    }
    if let Some(label) = &contract.label {
        broken.extend(of_labels(label, records(), &reader, config, progress)?);
    }
    Ok(Report { version: 1, records: n, broken })
}

fn of_copies(copies: &CopiesContract, reader: &Reader, n: u64, progress: &Progress) -> Result<Option<BrokenRule>> {
    let mut texts = Vec::new();
    for batch in inputs::with_vectors(reader, &[], progress)? {
        let batch = batch.map_err(unboxed)?;
        let column = batch.column(&copies.field);
        let text = |row: usize| column.as_ref().and_then(|column| column.text(row)).unwrap_or_default().to_owned();
        texts.extend((0..batch.n_rows()).map(text));
    }
    if texts.iter().all(|text| text.trim().is_empty()) && n > 0 {
        let exists = has_field(&reader.schema(), &copies.field);
        let problem = if exists { "the field holds no text" } else { "the field does not exist" };
        return Ok(Some(BrokenRule::whole(Some(copies.field.clone()), "copies", problem.to_owned())));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut rows: Vec<u64> = copies_of_texts(&texts, SIMILARITY)?.iter().map(|copy| copy.row as u64).collect();
    // A text may repeat several.
    rows.dedup();
    let share = rows.len() as f64 / n.max(1) as f64;
    let problem = format!(
        "{:.2} % of the records are near copies of others, expected at most {:.2} %",
        100.0 * share,
        100.0 * copies.most
    );
    Ok((share > copies.most)
        .then(|| BrokenRule { rows, ..BrokenRule::whole(Some(copies.field.clone()), "copies", problem) }))
}

/// Shares of classes, and labels that are likely wrong.
fn of_labels(
    label: &LabelContract,
    records: RecordArgs,
    reader: &Reader,
    config: &Config,
    progress: &Progress,
) -> Result<Vec<BrokenRule>> {
    let schema = reader.schema();
    for field in std::iter::once(&label.field).chain(&label.text).chain(&label.number).chain(&label.category) {
        let problem = if !has_field(&schema, field) {
            "the field does not exist"
        } else if *field == label.field && values(reader, field)?.is_empty() {
            "no record has a label"
        } else {
            continue;
        };
        let (field, problem) = (Some(field.clone()), problem.to_owned());
        return Ok(vec![BrokenRule::whole(field, "label", problem)]);
    }
    let fields = AuditFields {
        label: Some(label.field.clone()),
        text: label.text.clone(),
        number: label.number.clone(),
        category: label.category.clone(),
        ..AuditFields::default()
    };
    let records = Records::read(&records, &fields, config, reader, progress)?;
    let rule = |rule, problem, rows| BrokenRule { rows, ..BrokenRule::whole(Some(label.field.clone()), rule, problem) };
    let mut broken = Vec::new();
    let counts = records.label_counts();
    let labelled = counts.iter().sum::<u64>().max(1) as f64;
    for (class, [least, most]) in &label.shares {
        let share = records.classes.id(class).map_or(0.0, |class| counts[class.index()] as f64 / labelled);
        if !(least..=most).contains(&&share) {
            let problem = format!("the share of `{class}` is {share:.3}, expected {least} to {most}");
            broken.push(rule("shares", problem, Vec::new()));
        }
    }
    if let Some(most) = label.errors {
        match judge(&LabelErrorArgs::default(), &fields, &records, reader, progress)? {
            Ok(judged) => {
                let mut rows: Vec<u64> = judged.findings.errors.iter().map(|error| error.row as u64).collect();
                rows.sort_unstable();
                let share = rows.len() as f64 / labelled;
                if share > most {
                    let problem = format!(
                        "{:.2} % of the labels are likely wrong, expected at most {:.2} %",
                        100.0 * share,
                        100.0 * most
                    );
                    broken.push(rule("errors", problem, rows));
                }
            }
            Err(why) => broken.push(rule(
                "errors",
                format!(
                    "it cannot be told how many labels are wrong: {why}{}",
                    if why.wants_fields() { "; let [label] name text, number or category" } else { "" }
                ),
                Vec::new(),
            )),
        }
    }
    Ok(broken)
}
