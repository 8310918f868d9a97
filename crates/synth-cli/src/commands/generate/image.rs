//! `synth generate --kind image`

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::core::SoftLabels;
use synth::generate::{
    Axis, Candidate, Confidence, Filter, FilterChain, Frechet, Generator, Grid, KernelDistanceSettings, Kind,
    LookAlikes, Looks, Moments, Outcome, PictureSettings, Pipeline, Plan, PromptKind, Realism, Sampling, Stop, Wish,
    frechet_distance, kernel_distance, rows, rows_schema, soft_labels,
};
use synth::image::Picture;
use synth::io::AtomicFile;
use synth::io::soft::{Options, Writer};
use synth::neural::{Device, Diffusion, DiffusionSampler, HubModel, ModelFolder, PictureGenerator};

use super::{axes, prompts};
use crate::args::{Common, FeaturesKind, GenerateArgs};
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted};
use crate::generation::Backend;
use crate::generation::backend::{device, downloading, model_cache, model_folder, with_token};
use crate::generation::chain::class_text;
use crate::generation::image_features::{clip, image_features};
use crate::generation::pictures::Pictures;
use crate::generation::report::{self, FilterYield};
use crate::inputs;
use crate::output;
use crate::progress::Progress;

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    class: String,
    kind: &'static str,
    model: String,
    generator: String,
    seed: u64,
    wanted: usize,
    kept: usize,
    made: usize,
    /// Why fewer are kept than wanted.
    stopped: Option<String>,
    failed_requests: u64,
    first_failure: Option<String>,
    /// What places pictures.
    features: String,
    filters: Vec<FilterYield>,
    /// Of as many kept pictures as dropped ones, and the other way round.
    kept_from_real: Option<Distances>,
    dropped_from_real: Option<Distances>,
    out: PathBuf,
}

/// How far pictures are from the real ones of their class.
#[derive(Serialize)]
struct Distances {
    /// `None` with no more pictures than there are coordinates.
    frechet: Option<f64>,
    kernel: f64,
}

/// The filters of pictures, cheap ones first.
const NAMES: [&str; 5] = ["looks", "look-alikes", "confidence", "realism", "frechet"];

/// From where a thing is seen, where nothing else is asked for.
const VIEWS: [&str; 4] = ["centered", "in its natural environment", "close-up", "seen from a different angle"];

pub(super) fn run(args: &GenerateArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    check(args)?;
    let backend = Backend::new(&args.ask, config, progress)?;
    let prompts = prompts(config)?;
    let kind = match config.image.features.as_deref() {
        None => FeaturesKind::Thumbnail,
        Some(name) => inputs::setting("image.features", name)?,
    };
    let features = image_features(kind, config, progress)?;
    let clip = config.features.clip.as_ref().map(|_| clip(config, progress)).transpose()?;
    // A classifier of texts, which the settings may name, knows nothing of pictures.
    let model = args.material.model.as_deref();
    let pictures = Pictures::load(&args.material.from, &args.class, model, features, clip, progress)?;
    let plan = plan(args, config, &pictures);
    plan.check(&pictures.sources)?;
    super::check_axes(config, &args.class)?;
    let mut grid = grid(args, config, plan.seed);
    let (sampler, device) = (sampler(config)?, device(config)?);
    if args.dry_run {
        let n = args.n.div_ceil(plan.per_request as usize);
        let planned = plan.requests(0, n, &mut grid, &pictures.sources, &prompts)?;
        return super::dry_run::run_pictures(&planned, common.json);
    }
    let mut filters = chain(&args.material.filters, config, &pictures, progress)?;
    // What cannot be written is said before anything is drawn.
    let out = Out::open(&args.out, &args.material.from, &pictures)?;
    let generator: Arc<dyn Generator> = Arc::new(generator(config, sampler, device, progress)?);
    let of_image = [PromptKind::Image];
    let identity = format!(
        "{}\n{}\n{:?} {:?} {:?} {}",
        generator.fingerprint(),
        prompts.fingerprint(&of_image),
        plan,
        pictures.digest(plan.picture.strength.is_some())?,
        axes(config, &args.class),
        super::round(config),
    );
    let about = format!("images of {}, seed {}, by {}", args.class, plan.seed, generator.model());
    let recorded = backend.begin_with(generator, &identity, &about, args.resume)?;
    let pipeline = Pipeline {
        plan: &plan,
        sources: &pictures.sources,
        prompts: &prompts,
        generator: recorded,
        // Few enough that what is kept counts soon, and that a run that is stopped loses little.
        round: config.generate.round.unwrap_or(8),
    };
    let (outcome, _) = pipeline.run(args.n, grid, &mut filters, progress)?;
    out.write(&outcome, &pictures)?;
    if outcome.stop != Stop::Unanswered {
        backend.finish()?;
    }
    let ids: HashSet<&str> = outcome.dropped.iter().map(String::as_str).collect();
    let mut dropped: Vec<&Candidate> = outcome.made.iter().filter(|made| ids.contains(made.id.as_str())).collect();
    let mut kept: Vec<&Candidate> = outcome.kept.iter().collect();
    // The fewer pictures, the larger a Fréchet distance: as many of the ones as of the others, where both can be measured.
    let n = kept.len().min(dropped.len());
    if n >= 2 {
        dropped.truncate(n);
        kept.truncate(n);
    }
    let summary = Summary {
        version: 1,
        class: args.class.clone(),
        kind: plan.kind.name(),
        model: recorded.model().to_owned(),
        generator: recorded.fingerprint(),
        seed: plan.seed,
        wanted: args.n,
        kept: outcome.kept.len(),
        made: outcome.made.len(),
        stopped: report::why(outcome.stop),
        failed_requests: outcome.failed.0,
        first_failure: outcome.failed.1.as_ref().map(report::with_causes),
        features: pictures.features.name().to_owned(),
        filters: report::yields(filters.tallies()),
        kept_from_real: distances(&kept, &pictures)?,
        dropped_from_real: distances(&dropped, &pictures)?,
        out: args.out.clone(),
    };
    if common.json {
        output::json(&summary)?;
    } else {
        progress.note(&describe(&summary));
    }
    Ok(if summary.kept < summary.wanted { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// What means nothing for pictures.
fn check(args: &GenerateArgs) -> Result<()> {
    if args.out == Path::new("-") {
        return Err(hinted("pictures go into a folder, not to stdout", "name one: --out pictures/"));
    }
    let unused = [
        ("--lfs", !args.material.lfs.is_empty()),
        ("--text", args.material.text.is_some()),
        ("--gold", args.material.gold.gold.is_some()),
        ("--classes", !args.material.classes.is_empty()),
        ("--exclude", !args.material.exclude.is_empty()),
    ];
    match unused.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(hinted(
            format!("`{flag}` means nothing for `--kind image`"),
            "the classes of pictures are the folders in that of --from",
        )),
        None => Ok(()),
    }
}

fn plan(args: &GenerateArgs, config: &Config, pictures: &Pictures) -> Plan {
    let (settings, image) = (&config.generate, &config.image);
    let default = PictureSettings::default();
    Plan {
        kind: Kind::Image,
        descriptions: pictures.classes.names().iter().map(|name| class_text(name, config).description).collect(),
        classes: pictures.classes.clone(),
        class: pictures.class,
        against: None,
        domain: "pictures".to_owned(),
        style: settings.style.clone().unwrap_or_default(),
        per_request: settings.per_request.unwrap_or(1),
        few_shot: 0,
        list: false,
        max_tokens: 1,
        sampling: Sampling::default(),
        picture: PictureSettings {
            steps: image.steps.unwrap_or(default.steps),
            guidance: image.guidance.unwrap_or(default.guidance),
            strength: image.strength,
            size: image.size.map(|[width, height]| (width, height)),
        },
        seed: args.seed.or(settings.seed).unwrap_or(0),
    }
}

fn grid(args: &GenerateArgs, config: &Config, seed: u64) -> Grid {
    let mut axes = axes(config, &args.class);
    if axes.is_empty() {
        axes.insert("view".to_owned(), VIEWS.map(str::to_owned).to_vec());
    }
    Grid::new(axes.into_iter().map(|(name, values)| Axis { name, values }).collect(), seed)
}

fn sampler(config: &Config) -> Result<Option<DiffusionSampler>> {
    match config.image.sampler.as_deref() {
        None => Ok(None),
        Some("ddim") => Ok(Some(DiffusionSampler::Ddim)),
        Some("euler") => Ok(Some(DiffusionSampler::Euler)),
        Some("euler-ancestral") => Ok(Some(DiffusionSampler::EulerAncestral)),
        Some(other) => {
            Err(hinted(format!("`sampler` under [image] is `{other}`"), "it is `ddim`, `euler` or `euler-ancestral`"))
        }
    }
}

fn generator(
    config: &Config,
    sampler: Option<DiffusionSampler>,
    device: Device,
    progress: &Progress,
) -> Result<PictureGenerator> {
    let model = match &config.image.model {
        None => ModelFolder::Hub(with_token(HubModel::stable_diffusion(model_cache(config)))),
        Some(name) => {
            let weights = "unet/diffusion_pytorch_model.safetensors";
            let needed =
                "the folders unet, vae, text_encoder, tokenizer and scheduler (of XL also text_encoder_2, tokenizer_2)";
            model_folder(name, weights, needed, "stable-diffusion-v1-5/stable-diffusion-v1-5", config)?
        }
    };
    let diffusion = downloading(progress, |on_download| Diffusion::open(&model, device, on_download))?;
    let image = &config.image;
    if diffusion.is_of_few_steps() && image.steps.is_none_or(|n| n > 8) && image.guidance.is_none_or(|g| g > 1.0) {
        progress.note(&format!(
            "{} was made to draw in few steps: set steps = 1 and guidance = 1 under [image] in synth.toml",
            diffusion.name()
        ));
    }
    Ok(PictureGenerator::new(diffusion, sampler))
}

fn chain(given: &[String], config: &Config, pictures: &Pictures, progress: &Progress) -> Result<FilterChain> {
    let (settings, real) = (&config.filters, pictures.real());
    let names: Vec<String> = or_file(given, &config.image.filters).iter().map(|name| name.trim().to_owned()).collect();
    if let Some(name) = names.iter().find(|name| *name != "none" && !NAMES.contains(&name.as_str())) {
        return Err(hinted(
            format!("there is no filter `{name}` for pictures"),
            format!("there are: {}, or none", NAMES.join(", ")),
        ));
    }
    let by_default = |name: &str| match name {
        "confidence" => pictures.model.is_some(),
        "frechet" => !real.is_empty(),
        // It keeps what lies in the middle: of sandals by a tiny model those that it dropped were nearer to the real ones,
        // at a Fréchet distance of .55, than those it kept, at .74.
        "realism" => false,
        _ => true,
    };
    let is_wanted = |name: &&str| if names.is_empty() { by_default(name) } else { names.iter().any(|n| n == name) };
    let mut filters: Vec<Box<dyn Filter>> = Vec::new();
    for name in NAMES.iter().filter(|name| is_wanted(name)) {
        let missing = |what: &str| {
            hinted(format!("the filter `{name}` has no {what}"), "name a folder of pictures: --from pictures/")
        };
        filters.push(match *name {
            "looks" => Box::new(Looks::new(&settings.looks)?),
            "look-alikes" => {
                let hash = |path: &String| Ok((path.clone(), Picture::open(path)?.perceptual_hash()));
                let all: Vec<String> = pictures.sources.all().iter().map(|source| source.text.clone()).collect();
                Box::new(LookAlikes::new(&settings.look_alikes, all.iter().map(hash).collect::<Result<Vec<_>>>()?)?)
            }
            "confidence" => {
                let model =
                    pictures.model.clone().ok_or_else(|| missing("classifier, nor pictures of several classes"))?;
                let confidence = settings.confidence.clone().unwrap_or_default();
                Box::new(Confidence::new(&confidence, None, model, pictures.records.clone())?)
            }
            "realism" => {
                if real.is_empty() {
                    return Err(missing("real pictures of the class"));
                }
                let names: Vec<&str> = real.iter().map(String::as_str).collect();
                let embed = Arc::clone(&pictures.embed);
                Box::new(Realism::new(&settings.realism, embed, pictures.records.clone(), &names)?)
            }
            _ => {
                if real.is_empty() {
                    return Err(missing("real pictures of the class"));
                }
                let of_class = BTreeMap::from([(Some(pictures.class), real.clone())]);
                let embed = Arc::clone(&pictures.embed);
                let frechet = Frechet::new(&settings.frechet, embed, pictures.records.clone(), &of_class)?;
                if let Some(note) = frechet.note() {
                    progress.note(&format!("frechet: {}", note.replace("texts", "pictures")));
                }
                Box::new(frechet)
            }
        });
    }
    Ok(FilterChain::new(filters))
}

/// The folder of pictures, with `manifest.jsonl`, which has a row for each.
struct Out<'a> {
    folder: &'a Path,
    manifest: Writer,
    /// Pictures of the run before, by its manifest.
    old: BTreeSet<PathBuf>,
}

const MANIFEST: &str = "manifest.jsonl";

impl<'a> Out<'a> {
    /// Opens a folder that is new, or that an earlier run has written.
    fn open(folder: &'a Path, from: &[PathBuf], pictures: &Pictures) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(from) = from.iter().find(|from| whole(folder).starts_with(whole(from))) {
            return Err(hinted(
                format!("`--out {}` lies in `--from {}`", folder.display(), from.display()),
                "made pictures would count as real ones the next time: name a folder outside it",
            ));
        }
        let old: BTreeSet<PathBuf> = written(&folder.join(MANIFEST)).iter().map(|file| folder.join(file)).collect();
        let there = synth::image::folder(folder).unwrap_or_default();
        if let Some(other) = there.iter().find(|path| !old.contains(*path)) {
            return Err(hinted(
                format!(
                    "`{}` is no picture of an earlier run, and would be mixed with those of this one",
                    other.display()
                ),
                "name another folder: --out",
            ));
        }
        let options = Options { id: Some("id".to_owned()), ..Options::default() };
        let manifest = Writer::create(folder.join(MANIFEST), &rows_schema("file"), &pictures.classes, &options)?;
        Ok(Self { folder, manifest, old })
    }

    /// Writes the kept pictures, then the manifest, and takes away those of the run before.
    fn write(mut self, outcome: &Outcome, pictures: &Pictures) -> Result<()> {
        let mut kept = outcome.kept.clone();
        let names: Vec<&str> = outcome.kept.iter().map(|candidate| candidate.text.as_str()).collect();
        let soft = soft(outcome, &names, pictures)?;
        for candidate in &mut kept {
            let file = format!("{}.png", candidate.id);
            let path = self.folder.join(&file);
            let provenance = serde_json::to_string(&candidate.provenance)?;
            let prompt = &candidate.provenance.prompt;
            let notes = [("Software", "synth"), ("Description", prompt.as_str()), ("Provenance", provenance.as_str())];
            let bytes = Picture::named(&candidate.text)?.to_png(&notes);
            let mut written = AtomicFile::create(&path)?;
            written.write_all(&bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
            written.commit()?;
            self.old.remove(&path);
            candidate.text = file;
        }
        self.manifest.write(&rows(&kept, "file", &pictures.classes)?, &soft, 0..soft.n_rows())?;
        self.manifest.finish()?;
        for path in self.old {
            // One that is gone already is no loss.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

/// The files that a manifest names; none without one that can be read.
fn written(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let file = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).ok()?;
        // Files in the folder itself alone: nothing else is ours to take away.
        row["file"].as_str().filter(|file| !file.contains(['/', '\\'])).map(str::to_owned)
    };
    text.lines().filter_map(file).collect()
}

/// What the kept pictures are: the wish of the prompt, corrected by what a classifier sees.
fn soft(outcome: &Outcome, kept: &[&str], pictures: &Pictures) -> Result<SoftLabels> {
    let wish = Wish { accuracy: 0.9, against: None };
    let n = pictures.classes.len();
    let predict = |names: &[&str]| -> Result<Vec<Option<Vec<f64>>>> {
        let Some(model) = &pictures.model else { return Ok(vec![None; names.len()]) };
        let soft = model.predict(&pictures.records.dataset(names)).map_err(crate::errors::unboxed)?;
        Ok((0..soft.n_rows()).map(|row| Some(soft.probs(row).to_vec())).collect())
    };
    let made: Vec<&str> = outcome.made.iter().map(|candidate| candidate.text.as_str()).collect();
    let of_made: Vec<f64> = predict(&made)?.into_iter().flatten().map(|probs| probs[pictures.class.index()]).collect();
    let predicted = predict(kept)?;
    let probs = soft_labels(wish, &of_made, &vec![pictures.class; kept.len()], &predicted, n);
    let n_votes = predicted.iter().map(|predicted| 1 + u32::from(predicted.is_some())).collect();
    Ok(SoftLabels::from_rows(pictures.classes.clone(), probs.concat(), n_votes)?)
}

/// From the real pictures of the class; `None` with too few on either side.
fn distances(candidates: &[&Candidate], pictures: &Pictures) -> Result<Option<Distances>> {
    let real = pictures.real();
    if real.len() < 2 || candidates.len() < 2 {
        return Ok(None);
    }
    let made: Vec<&str> = candidates.iter().map(|candidate| candidate.text.as_str()).collect();
    let real = pictures.points(&real.iter().map(String::as_str).collect::<Vec<_>>())?;
    let made = pictures.points(&made)?;
    let kernel = kernel_distance(real.view(), made.view(), &KernelDistanceSettings::default())?.mean;
    let enough = real.nrows().min(made.nrows()) > real.ncols();
    let frechet = || frechet_distance(&Moments::of(real.view()), &Moments::of(made.view()));
    Ok(Some(Distances { frechet: enough.then(frechet).flatten(), kernel }))
}

fn describe(summary: &Summary) -> String {
    let mut text = report::yield_table(&summary.filters);
    text.push_str(&report::failures(summary.failed_requests, summary.first_failure.as_deref()));
    for (which, distances) in [("kept", &summary.kept_from_real), ("dropped", &summary.dropped_from_real)] {
        if let Some(Distances { frechet, kernel }) = distances {
            let frechet = frechet.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
            text.push_str(&format!(
                "\n{which} pictures, by {}: Fréchet distance to the real ones {frechet}, kernel distance {kernel:.4}",
                summary.features
            ));
        }
    }
    text.push_str(&format!("\nimages by {}: kept {} of {} made", summary.model, summary.kept, summary.made));
    if let Some(stopped) = &summary.stopped {
        text.push_str(&format!("\nkept {} of {} wanted: {stopped}", summary.kept, summary.wanted));
    }
    text.push_str(&format!("\nwrote {} and its manifest.jsonl", summary.out.display()));
    text
}
