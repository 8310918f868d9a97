//! `synth embed`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use ndarray::Array2;
use serde::Serialize;
use synth::batches;
use synth::core::{Dataset, Event, Observer, Stage};
use synth::io::{RecordWriter, VectorsWriter};

use crate::args::{Common, EmbedArgs};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::generation::embedder::embedder;
use crate::generation::material::text_field;
use crate::inputs;
use crate::output;
use crate::progress::Progress;
use crate::table::counted;

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    records: u64,
    dimensions: usize,
    model: String,
    out: PathBuf,
}

/// The field that records get in formats that keep them.
const FIELD: &str = "embedding";

/// Records that are placed at once: few enough for Ctrl-C and the bar.
const ROWS: usize = 64;

pub fn run(args: &EmbedArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    if common.json && args.out == Path::new("-") {
        return Err(hinted("the rows and `--json` both go to stdout", "name a file for the rows: --out vectors.npy"));
    }
    let summary = inputs::on_threads(common, || embed(args, &config, progress))?;
    if common.json {
        output::json(&summary)?;
    } else {
        progress.note(&format!(
            "{} to {} dimensions by {}\nwrote {}",
            counted(summary.records, "record", "records"),
            summary.dimensions,
            summary.model,
            summary.out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Vectors alone, or records with their vectors.
enum Writer {
    Vectors(VectorsWriter),
    Records(RecordWriter, SchemaRef),
}

fn embed(args: &EmbedArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let reader = inputs::reader(&args.records, config, Some(&args.out), progress)?;
    let schema = reader.schema();
    let written = args.text.as_deref().or(config.generate.text.as_deref());
    let field = text_field(&schema, written, &[args.records.id(config), config.data.gold.as_deref()])?;
    let is_array = args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"));
    if !is_array && schema.column_with_name(FIELD).is_some() {
        let hint = "write the vectors alone: --out vectors.npy";
        return Err(hinted(format!("the records have a field `{FIELD}` already"), hint));
    }
    let (embedder, model) = embedder(args.model.as_deref(), &field, config, progress)?;
    let mut writer = if is_array {
        Writer::Vectors(VectorsWriter::create(&args.out, embedder.dim())?)
    } else {
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(FIELD, list_of(embedder.dim()), false)));
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        Writer::Records(RecordWriter::create(&args.out, &schema)?, schema)
    };
    let mut records = 0;
    progress.event(Event::Started { stage: Stage::Write, total: reader.n_rows() });
    for batch in batches(&reader)? {
        let batch = batch.map_err(unboxed)?;
        for first in (0..batch.n_rows()).step_by(ROWS) {
            progress.check()?;
            let some = Dataset::new(batch.batch().slice(first, ROWS.min(batch.n_rows() - first)));
            let points = embedder.embed(&some).map_err(unboxed)?;
            match &mut writer {
                Writer::Vectors(writer) => writer.write(points.view())?,
                Writer::Records(writer, schema) => writer.write(&with_points(&some, &points, schema)?)?,
            }
            records += some.n_rows() as u64;
            progress.event(Event::Advanced { stage: Stage::Write, done: records });
        }
    }
    progress.event(Event::Finished { stage: Stage::Write });
    match writer {
        Writer::Vectors(writer) => writer.finish()?,
        Writer::Records(writer, _) => writer.finish()?,
    }
    Ok(Summary { version: 1, records, dimensions: embedder.dim(), model, out: args.out.clone() })
}

fn list_of(dim: usize) -> DataType {
    DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Float32, false)), dim as i32)
}

fn with_points(records: &Dataset, points: &Array2<f64>, schema: &SchemaRef) -> Result<Dataset> {
    let mut columns: Vec<ArrayRef> = records.batch().columns().to_vec();
    columns.push(points_column(points)?);
    Ok(Dataset::new(RecordBatch::try_new(Arc::clone(schema), columns)?))
}

/// Points as a column: lists of 32-bit numbers.
pub fn points_column(points: &Array2<f64>) -> Result<ArrayRef, ArrowError> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, false));
    let values = Arc::new(Float32Array::from_iter_values(points.iter().map(|x| *x as f32)));
    Ok(Arc::new(FixedSizeListArray::try_new(item, points.ncols() as i32, values, None)?))
}
