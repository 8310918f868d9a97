//! `synth fid`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use ndarray::{Array2, Axis, concatenate};
use serde::Serialize;
use synth::batches;
use synth::core::Dataset;
use synth::generate::{
    KernelDistanceSettings, Moments, frechet_deviation, frechet_distance, kernel_distance, precision_recall,
};
use synth::io::Vectors;

use crate::args::{Common, FidArgs};
use crate::config::Config;
use crate::errors::{FOUND, hinted, unboxed};
use crate::generation::embedder::embedder;
use crate::generation::material::{record_args, text_field};
use crate::inputs;
use crate::output;
use crate::progress::Progress;
use crate::table::{plain, trimmed};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    /// What places the points.
    features: String,
    dimensions: usize,
    real: usize,
    made: usize,
    frechet: Option<f64>,
    /// Half the width of its 95 % interval.
    frechet_margin: Option<f64>,
    /// Why there is no Fréchet distance.
    refused: Option<String>,
    kernel: f64,
    /// Over subsets.
    kernel_deviation: Option<f64>,
    precision: f64,
    recall: f64,
}

/// Points of one side, and what placed them.
struct Side {
    points: Array2<f64>,
    features: String,
}

/// Balls of precision and recall reach to this neighbour, as in the paper.
const NEIGHBOURS: usize = 3;

pub fn run(args: &FidArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let summary = inputs::on_threads(common, || measure(args, &config, progress))?;
    if common.json {
        output::json(&summary)?;
    } else {
        output::print(&describe(&summary))?;
    }
    if let Some(refused) = &summary.refused {
        progress.warn(refused);
    }
    Ok(if summary.frechet.is_none() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn measure(args: &FidArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let (real, made) = (side(&args.real, args, config, progress)?, side(&args.made, args, config, progress)?);
    let d = real.points.ncols();
    if d != made.points.ncols() {
        return Err(hinted(
            format!(
                "`{}` has points of {d} dimensions, `{}` of {}",
                args.real.display(),
                args.made.display(),
                made.points.ncols()
            ),
            "both must come from the same model",
        ));
    }
    let (n, m) = (real.points.nrows(), made.points.nrows());
    if let Some((path, n)) = [(&args.real, n), (&args.made, m)].into_iter().find(|(_, n)| *n <= NEIGHBOURS) {
        return Err(hinted(
            format!("`{}` has {n} points, too few to measure anything", path.display()),
            format!(
                "{} or more on either side are needed, and hundreds for figures that mean something",
                NEIGHBOURS + 1
            ),
        ));
    }
    let few = n.min(m);
    let refused = (few <= d).then(|| {
        format!(
            "no Fréchet distance: of {few} points in {d} dimensions no covariance can be known, and the distance would \
             mostly tell how few they are; it takes more than {d} on either side, and is sound from about {}; the kernel \
             distance beside it is without bias at any number",
            5 * d
        )
    });
    progress.check()?;
    let (mut frechet, mut margin) = (None, None);
    if refused.is_none() {
        frechet = frechet_distance(&Moments::of(real.points.view()), &Moments::of(made.points.view()));
        /// Draws of the bootstrap: what takes a second each in many dimensions is drawn less often.
        const DRAWS: [u64; 2] = [200, 20];
        let n_draws = DRAWS[usize::from(d > 256)];
        progress.check()?;
        let deviation = frechet_deviation(real.points.view(), made.points.view(), n_draws, args.seed);
        margin = deviation.map(|deviation| 1.96 * deviation);
    }
    progress.check()?;
    let settings = KernelDistanceSettings { seed: args.seed, ..KernelDistanceSettings::default() };
    let by_subsets = n > settings.subset_size || m > settings.subset_size;
    let kernel = kernel_distance(real.points.view(), made.points.view(), &settings)?;
    progress.check()?;
    let manifolds = precision_recall(real.points.view(), made.points.view(), NEIGHBOURS)?;
    Ok(Summary {
        version: 1,
        features: if real.features == made.features {
            real.features
        } else {
            format!("{} and {}", real.features, made.features)
        },
        dimensions: d,
        real: n,
        made: m,
        frechet,
        frechet_margin: margin,
        refused,
        kernel: kernel.mean,
        kernel_deviation: by_subsets.then_some(kernel.deviation),
        precision: manifolds.precision,
        recall: manifolds.recall,
    })
}

/// Reads points, or has a model place what is no points yet.
fn side(path: &Path, args: &FidArgs, config: &Config, progress: &Progress) -> Result<Side> {
    let is_array = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"));
    if is_array {
        let points = Vectors::open("points", path)?.all()?;
        if let Some((row, _)) = points.outer_iter().enumerate().find(|(_, row)| row.iter().any(|x| !x.is_finite())) {
            return Err(hinted(
                format!("row {row} of `{}` holds what is no number", path.display()),
                "look for NaN and infinities in what made the features",
            ));
        }
        return Ok(Side { points, features: "the features of the arrays".to_owned() });
    }
    if path.is_dir() {
        return pictures(path, args, config, progress);
    }
    texts(path, args, config, progress)
}

#[cfg(not(feature = "neural"))]
fn pictures(_: &Path, _: &FidArgs, _: &Config, _: &Progress) -> Result<Side> {
    Err(crate::generation::backend::missing_feature("neural", "models that run here"))
}

/// Pictures of a folder, as a network places them.
#[cfg(feature = "neural")]
fn pictures(path: &Path, args: &FidArgs, config: &Config, progress: &Progress) -> Result<Side> {
    use synth::core::{Event, Observer, Stage};
    use synth::image::{ImageError, Picture, folder};

    use crate::generation::image_features::image_features;

    let files = folder(path).map_err(|error| match error {
        ImageError::NoPictures { .. } => hinted(
            format!("the folder `{}` holds no pictures", path.display()),
            "names of pictures end in .png, .jpg, .jpeg or .webp; folders in it are not looked into: name one of them",
        ),
        error => error.into(),
    })?;
    let network = image_features(args.features, config, progress)?;
    progress.event(Event::Started { stage: Stage::Embed, total: Some(files.len() as u64) });
    let mut points = Array2::zeros((0, network.dim()));
    for (file, done) in files.iter().zip(1..) {
        progress.check()?;
        points.append(Axis(0), network.features(&[Picture::open(file)?]).map_err(unboxed)?.view())?;
        progress.event(Event::Advanced { stage: Stage::Embed, done });
    }
    progress.event(Event::Finished { stage: Stage::Embed });
    Ok(Side { points, features: network.name().to_owned() })
}

/// Texts of records, as sentence embeddings place them.
fn texts(path: &Path, args: &FidArgs, config: &Config, progress: &Progress) -> Result<Side> {
    let records = record_args(&[path.to_owned()], None);
    let reader = inputs::reader(&records, config, None, progress)?;
    let written = args.text.as_deref().or(config.generate.text.as_deref());
    let field = text_field(&reader.schema(), written, &[config.data.gold.as_deref()])?;
    let (embedder, features) = embedder(args.embed_model.as_deref(), &field, config, progress)?;
    let mut parts = vec![Array2::zeros((0, embedder.dim()))];
    for batch in batches(&reader)? {
        let batch = batch.map_err(unboxed)?;
        /// Records that are placed at once: few enough for Ctrl-C.
        const ROWS: usize = 64;
        for first in (0..batch.n_rows()).step_by(ROWS) {
            progress.check()?;
            let some = Dataset::new(batch.batch().slice(first, ROWS.min(batch.n_rows() - first)));
            parts.push(embedder.embed(&some).map_err(unboxed)?);
        }
    }
    let parts: Vec<_> = parts.iter().map(Array2::view).collect();
    Ok(Side { points: concatenate(Axis(0), &parts)?, features })
}

fn describe(summary: &Summary) -> String {
    let mut table = plain(&["", "value", "±"], 1);
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}"));
    let none = || String::new();
    let margin = summary.frechet_margin.map_or_else(none, |x| format!("{x:.4}"));
    table.add_row(["Fréchet distance".to_owned(), number(summary.frechet), margin]);
    let deviation = summary.kernel_deviation.map_or_else(none, |x| format!("{x:.6}"));
    table.add_row(["kernel distance".to_owned(), format!("{:.6}", summary.kernel), deviation]);
    table.add_row(["precision".to_owned(), format!("{:.3}", summary.precision), none()]);
    table.add_row(["recall".to_owned(), format!("{:.3}", summary.recall), none()]);
    let mut text = trimmed(&table);
    text.push_str(&format!(
        "\n{} real and {} made points in {} dimensions, by {}\n",
        summary.real, summary.made, summary.dimensions, summary.features
    ));
    if summary.frechet_margin.is_some() {
        text.push_str("± of the Fréchet distance: its 95 % interval, by the bootstrap\n");
    }
    if summary.kernel_deviation.is_some() {
        text.push_str("± of the kernel distance: the standard deviation over 100 subsets of at most 1,000 points\n");
    }
    text
}
