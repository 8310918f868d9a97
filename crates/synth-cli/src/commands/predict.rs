//! `synth predict`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::core::{Event, Observer, Predict, Stage};
use synth::io::soft;
use synth::learn::Classifier;

use crate::args::{Common, PredictArgs};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::progress::Progress;
use crate::table::{class_counts, counted};
use crate::{inputs, output};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    n: u64,
    classes: Vec<String>,
    /// How many records have each class as their label.
    labels: Vec<u64>,
    written: PathBuf,
}

pub fn run(args: &PredictArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    if args.out == Path::new("-") && common.json {
        return Err(hinted("`--out -` and `--json` both go to stdout", "write the soft labels to a file"));
    }
    let summary = inputs::on_threads(common, || predict(args, &config, progress))?;
    if common.json {
        output::json(&summary)?;
    } else {
        let labels = class_counts(&summary.classes, &summary.labels);
        progress.note(&format!("{}; {labels}", counted(summary.n, "record", "records")));
    }
    Ok(ExitCode::SUCCESS)
}

fn predict(args: &PredictArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let classifier = Classifier::load(&args.model)?;
    let reader = inputs::reader(&args.records, config, Some(&args.out), progress)?;
    let options = soft::Options {
        id: args.records.id(config).map(str::to_owned),
        prefix: args.prefix.clone(),
        n_rows: reader.n_rows(),
        ..soft::Options::default()
    };
    let classes = classifier.classes();
    let mut writer = soft::Writer::create(&args.out, &reader.schema(), classes, &options)?;
    let mut labels = vec![0; classes.len()];
    progress.event(Event::Started { stage: Stage::Write, total: reader.n_rows() });
    let mut n = 0;
    // The writer knows the fields of the reader, so the vectors are not written.
    for batch in inputs::with_vectors(&reader, &inputs::vectors(&args.vectors)?, progress)? {
        let batch = batch.map_err(unboxed)?;
        let soft = classifier.predict(&batch).map_err(unboxed)?;
        (0..soft.n_rows()).for_each(|row| labels[soft.label(row).index()] += 1);
        writer.write(&batch, &soft, 0..soft.n_rows())?;
        n += soft.n_rows() as u64;
        progress.event(Event::Advanced { stage: Stage::Write, done: n });
    }
    progress.event(Event::Finished { stage: Stage::Write });
    writer.finish()?;
    Ok(Summary { version: 1, n, classes: classes.names().to_vec(), labels, written: args.out.clone() })
}
