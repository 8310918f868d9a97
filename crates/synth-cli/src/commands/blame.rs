//! `synth blame`

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::core::Dataset;
use synth::generate::{PROVENANCE, Provenance};
use synth::io::ids::IdColumn;
use synth::{batches, generate::Score};

use crate::args::{BlameArgs, Common};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::generation::material::{record_args, text_field};
use crate::generation::provenance::provenance;
use crate::inputs;
use crate::output;
use crate::progress::Progress;

/// What `--json` prints.
#[derive(Serialize)]
struct Blame {
    version: u32,
    row: u64,
    id: String,
    text: Option<String>,
    wanted: Option<String>,
    label: Option<String>,
    confidence: Option<f64>,
    /// Null for a record that was not made.
    provenance: Option<Provenance>,
}

pub fn run(args: &BlameArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let reader = inputs::reader(&record_args(std::slice::from_ref(&args.file), None), &config, None, progress)?;
    let schema = reader.schema();
    if schema.column_with_name(PROVENANCE).is_none() {
        return Err(hinted(
            format!("`{}` has no field `{PROVENANCE}`", args.file.display()),
            "rows that `synth generate` and `synth augment` write have one",
        ));
    }
    // Rows of `generate` have an `id`, whatever those of the data have.
    let named = config.data.id.as_deref().filter(|id| schema.column_with_name(id).is_some());
    let ids = IdColumn::find(&schema, named)?;
    let number: Option<u64> = args.row.parse().ok();
    // An id wins over a number.
    let mut by_number = None;
    for batch in batches(&reader)? {
        let batch = batch.map_err(unboxed)?;
        let names = ids.ids(&batch)?;
        if let Some(row) = (0..batch.n_rows()).find(|&row| names.value(row) == args.row) {
            return show(&batch, row, names.value(row), &config, common.json);
        }
        let at = number.and_then(|number| number.checked_sub(batch.first_row())).map(|at| at as usize);
        if let Some(row) = at.filter(|&row| row < batch.n_rows()) {
            by_number = Some((batch.clone(), row, names.value(row).to_owned()));
        }
    }
    match by_number {
        Some((batch, row, id)) => show(&batch, row, &id, &config, common.json),
        None => Err(hinted(
            format!("`{}` has no row `{}`", args.file.display(), args.row),
            "give an id, or the number of a row, from 0",
        )),
    }
}

fn show(batch: &Dataset, row: usize, id: &str, config: &Config, json: bool) -> Result<ExitCode> {
    let record = batch.row(row);
    let one = Dataset::new(batch.batch().slice(row, 1));
    let named = config.generate.text.as_deref().filter(|field| batch.column(field).is_some());
    let field = text_field(&batch.schema(), named, &[]).ok();
    let owned = |field: &str| record.text(field).map(std::borrow::Cow::into_owned);
    let blame = Blame {
        version: 1,
        row: batch.first_row() + row as u64,
        id: id.to_owned(),
        text: field.as_deref().and_then(owned),
        wanted: owned("wanted"),
        label: owned("label"),
        confidence: record.number("confidence"),
        provenance: provenance(&one)?.pop().flatten(),
    };
    if json {
        output::json(&blame)?;
    } else {
        output::print(&describe(&blame))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(blame: &Blame) -> String {
    let mut text = format!("{} (row {})\n", blame.id, blame.row);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name:>11}  {}\n", value.replace('\n', &format!("\n{:13}", ""))));
        }
    };
    line("text", blame.text.as_deref().unwrap_or(""));
    let Some(provenance) = &blame.provenance else {
        line("made by", "nobody: it is a record of the data");
        return text;
    };
    line("wanted", blame.wanted.as_deref().unwrap_or(""));
    let confidence = blame.confidence.map_or_else(String::new, |confidence| format!(" ({confidence:.3})"));
    line("label", &blame.label.as_ref().map_or_else(String::new, |label| format!("{label}{confidence}")));
    line("kind", &provenance.kind);
    line("model", &provenance.model);
    line("generator", &provenance.generator);
    line("seed", &provenance.seed.to_string());
    line("request", &provenance.request);
    line("parents", &provenance.parents.join(", "));
    let attributes: Vec<String> =
        provenance.attributes.iter().map(|attribute| format!("{}: {}", attribute.name, attribute.value)).collect();
    line("attributes", &attributes.join("; "));
    line("prompt", &provenance.prompt);
    let score = |score: &Score| match score.score {
        Some(number) => format!("{} {number:.3}", score.filter),
        None => format!("{} passed", score.filter),
    };
    line("filters", &provenance.scores.iter().map(score).collect::<Vec<_>>().join(", "));
    text
}
