//! `synth generate`

mod dry_run;
#[cfg(feature = "neural")]
mod image;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::core::{ClassId, ClassSet, SoftLabels};
use synth::generate::{
    Augmenter, Axis, Budget, Candidate, Generator, Grid, Journal, Kind, MICRODOLLARS, Outcome, PictureSettings,
    Pipeline, Plan, PromptKind, Prompts, Recorded, Request, Sampling, Stop, Usage, Wish, items, rows, rows_schema,
    soft_labels,
};
use synth::io::soft::{Options, Writer};

use crate::args::{BackendKind, Common, GenerateArgs, MadeKind};
use crate::config::Config;
use crate::errors::{FOUND, hinted};
use crate::generation::chain::{Maker, Rubric, class_text, domain, has_judge};
use crate::generation::material::known;
use crate::generation::report::{self, FilterYield, Likeness};
use crate::generation::translation::{back_translator, languages};
use crate::generation::{Backend, Material, Prepared};
use crate::inputs;
use crate::output;
use crate::progress::Progress;
use crate::table::counted;

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
    /// Passed all filters, and were not needed any more.
    surplus: u64,
    /// Why fewer are kept than wanted.
    stopped: Option<String>,
    requests: u64,
    /// Of the requests, those that the journal answered.
    recorded: u64,
    failed_requests: u64,
    first_failure: Option<String>,
    prompt_tokens: u64,
    completion_tokens: u64,
    dollars: Option<f64>,
    filters: Vec<FilterYield>,
    /// Cells of the grid of attributes, and how many of them came to nothing and were given up.
    cells: (usize, usize),
    likeness: Likeness,
    out: PathBuf,
}

pub fn run(args: &GenerateArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    if common.json && !args.dry_run && args.out == Path::new("-") {
        return Err(hinted("the rows and `--json` both go to stdout", "name a file for the rows: --out rows.jsonl"));
    }
    inputs::on_threads(common, || {
        if args.kind == MadeKind::Image {
            return image(args, common, &config, progress);
        }
        let job = Job::new(args, &config, progress)?;
        if args.dry_run {
            return dry_run::run(job, common.json);
        }
        let summary = job.run()?;
        if common.json {
            output::json(&summary)?;
        } else {
            progress.note(&describe(&summary));
        }
        Ok(if summary.kept < summary.wanted { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
    })
}

#[cfg(feature = "neural")]
fn image(args: &GenerateArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    check_combination(args, args.kind.into())?;
    image::run(args, common, config, progress)
}

#[cfg(not(feature = "neural"))]
fn image(_: &GenerateArgs, _: &Common, _: &Config, _: &Progress) -> Result<ExitCode> {
    Err(crate::generation::backend::missing_feature("neural", "models that run here"))
}

impl From<MadeKind> for Kind {
    fn from(kind: MadeKind) -> Self {
        match kind {
            MadeKind::Examples => Self::Examples,
            MadeKind::Paraphrase => Self::Paraphrase,
            MadeKind::EdgeCases => Self::EdgeCases,
            MadeKind::Augment => Self::Augment,
            MadeKind::BackTranslation => Self::BackTranslation,
            MadeKind::Image => Self::Image,
        }
    }
}

/// How many values of an attribute a model is asked for.
const N_VALUES: u32 = 8;

/// Flags and settings, checked, and what they name; nothing is asked yet.
struct Job<'a> {
    args: &'a GenerateArgs,
    config: &'a Config,
    progress: &'a Progress,
    backend: Backend<'a>,
    prepared: Prepared,
    prompts: Prompts,
    plan: Plan,
}

impl<'a> Job<'a> {
    fn new(args: &'a GenerateArgs, config: &'a Config, progress: &'a Progress) -> Result<Self> {
        let kind = Kind::from(args.kind);
        check_combination(args, kind)?;
        if kind == Kind::BackTranslation {
            languages(&args.pivot, config)?;
        }
        let prompts = prompts(config)?;
        let backend = Backend::new(&args.ask, config, progress)?;
        let mut named = vec![("--class", args.class.as_str())];
        named.extend(args.against.as_deref().map(|against| ("--against", against)));
        let prepared = Prepared::load(&args.material, &named, config, progress)?;
        let asks = kind.is_prompted() || has_judge(&args.material.filters, &config.filters) || prepared.asks();
        let small = asks && backend.kind()? == BackendKind::Local;
        let class = known(prepared.classes(), "--class", &args.class)?;
        let against = args.against.as_ref().map(|name| known(prepared.classes(), "--against", name)).transpose()?;
        let plan = plan(args, config, kind, prepared.classes(), (class, against), small);
        plan.check_settings()?;
        check_axes(config, &args.class)?;
        Ok(Self { args, config, progress, backend, prepared, prompts, plan })
    }

    fn run(self) -> Result<Summary> {
        // What cannot be written is said before anything is paid for.
        let schema = rows_schema(self.prepared.text_field());
        let options = Options { id: Some("id".to_owned()), ..Options::default() };
        let writer = Writer::create(&self.args.out, &schema, self.prepared.classes(), &options)?;
        let recorded = self.begin()?;
        let Self { args, config, progress, backend, prepared, prompts, plan } = self;
        let material = prepared.finish(Some(&backend), config, progress)?;
        Making { args, config, progress, material, prompts, plan }.run(writer, &recorded, &backend)
    }

    /// Who makes the texts. What is asked of a model belongs to a run that can be resumed. Augmentation costs nothing,
    /// and needs no journal on the disk and no budget.
    fn begin(&self) -> Result<Recorded> {
        if self.plan.kind == Kind::Augment {
            let augmenter = Arc::new(Augmenter::new(self.config.augment)?);
            return Ok(Recorded::new(augmenter, Arc::new(Journal::in_memory()?), Budget::Requests(u64::MAX))?);
        }
        let (kind, class, seed) = (self.plan.kind.name(), &self.args.class, self.plan.seed);
        let about = |generator: &dyn Generator| format!("{kind} of {class}, seed {seed}, by {}", generator.model());
        if self.plan.kind == Kind::BackTranslation {
            let translator = back_translator(&self.args.pivot, self.config, self.progress)?;
            let (plan, about) = (self.identity(&translator.fingerprint())?, about(&*translator));
            return Ok(self.backend.begin_with(translator, &plan, &about, self.args.resume)?.clone());
        }
        let generator = self.backend.generator()?;
        let (plan, about) = (self.identity(&generator.fingerprint())?, about(&**generator));
        self.backend.begin(&plan, &about, self.args.resume)?;
        Ok(self.backend.recorded()?.clone())
    }

    /// What decides the requests for texts: two runs of which all this is the same are the same work, with whatever
    /// filters.
    fn identity(&self, generator: &str) -> Result<String> {
        let of_texts = [PromptKind::Examples, PromptKind::Paraphrase, PromptKind::EdgeCases, PromptKind::Attributes];
        Ok(format!(
            "{generator}\n{}\n{}\n{:?} {:?} {:?} {}",
            self.prompts.fingerprint(&of_texts),
            self.prepared.digest()?,
            self.plan,
            axes(self.config, &self.args.class),
            self.config.generate.propose_attributes,
            round(self.config),
        ))
    }
}

/// The attributes of the settings: those for all classes, and in their place those of the class.
fn axes(config: &Config, class: &str) -> BTreeMap<String, Vec<String>> {
    let settings = &config.generate;
    let mut axes = settings.attributes.clone();
    if let Some(class) = settings.classes.get(class) {
        axes.extend(class.attributes.clone());
    }
    axes
}

fn check_axes(config: &Config, class: &str) -> Result<()> {
    match axes(config, class).iter().find(|(_, values)| values.is_empty()) {
        Some((name, _)) => Err(hinted(format!("the attribute `{name}` has no values"), "list some, or leave it out")),
        None => Ok(()),
    }
}

/// Requests of one round, at most: enough to keep a server busy, few enough that the grid learns early.
fn round(config: &Config) -> usize {
    const ROUND: usize = 64;
    config.generate.round.unwrap_or(ROUND)
}

/// Everything that texts are made from.
struct Making<'a> {
    args: &'a GenerateArgs,
    config: &'a Config,
    progress: &'a Progress,
    material: Material,
    prompts: Prompts,
    plan: Plan,
}

impl Making<'_> {
    fn run(&self, writer: Writer, recorded: &Recorded, backend: &Backend<'_>) -> Result<Summary> {
        self.plan.check(&self.material.sources)?;
        let judge = match has_judge(&self.args.material.filters, &self.config.filters) {
            true => Some((backend.recorded()?.clone(), self.rubric())),
            false => None,
        };
        let maker = Maker {
            settings: self.config,
            material: &self.material,
            kind: Some(self.plan.kind),
            class: Some(self.plan.class),
            against: self.plan.against,
            judge,
            progress: self.progress,
        };
        let mut filters = maker.chain(&self.args.material.filters)?;
        let grid = self.grid(recorded)?;
        let pipeline = Pipeline {
            plan: &self.plan,
            sources: &self.material.sources,
            prompts: &self.prompts,
            generator: recorded,
            round: round(self.config),
        };
        let faults = || self.material.functions.as_ref().map_or((0, None), |functions| functions.faults());
        // Those on the user's own records were told when the functions were applied to them.
        let before = faults().0;
        let (outcome, grid) = pipeline.run(self.args.n, grid, &mut filters, self.progress)?;
        let (n, first) = faults();
        if n > before {
            let faults = counted(n - before, "fault", "faults");
            let first = first.unwrap_or_default();
            self.progress.warn(&format!("{faults} of labeling functions on what was made, as: {first}"));
        }
        self.write(writer, &outcome)?;
        // What went unanswered can be resumed.
        if outcome.stop != Stop::Unanswered {
            backend.finish()?;
        }
        // All that was asked: by prompts for texts, by labeling functions and by the judge.
        let spent = backend.spent();
        let kept: Vec<&str> = outcome.kept.iter().map(|candidate| candidate.text.as_str()).collect();
        Ok(Summary {
            version: 1,
            class: self.args.class.clone(),
            kind: self.plan.kind.name(),
            model: recorded.model().to_owned(),
            generator: recorded.fingerprint(),
            seed: self.plan.seed,
            wanted: self.args.n,
            kept: outcome.kept.len(),
            made: outcome.made.len(),
            surplus: outcome.surplus,
            stopped: report::why(outcome.stop),
            requests: spent.requests,
            recorded: spent.recorded,
            failed_requests: outcome.failed.0,
            first_failure: outcome.failed.1.as_ref().map(report::with_causes),
            prompt_tokens: spent.usage.prompt_tokens,
            completion_tokens: spent.usage.completion_tokens,
            dollars: spent.microdollars.map(|sum| sum as f64 / MICRODOLLARS as f64),
            filters: report::yields(filters.tallies()),
            cells: grid.n_cells(),
            likeness: report::likeness(&self.material, self.plan.class, &kept)?,
            out: self.args.out.clone(),
        })
    }

    fn rubric(&self) -> Rubric {
        Rubric::new(self.prompts.clone(), &self.material.classes, self.config)
    }

    /// The grid of attributes: those of the settings, and those that the model is asked to propose.
    fn grid(&self, recorded: &Recorded) -> Result<Grid> {
        if !self.plan.kind.is_prompted() {
            return Ok(Grid::new(Vec::new(), self.plan.seed));
        }
        let mut axes = axes(self.config, &self.args.class);
        for name in &self.config.generate.propose_attributes {
            if !axes.contains_key(name) {
                axes.insert(name.clone(), self.propose(name, recorded)?);
            }
        }
        let axes = axes.into_iter().map(|(name, values)| Axis { name, values }).collect();
        Ok(Grid::new(axes, self.plan.seed))
    }

    fn ask_for(&self, attribute: &str) -> Result<Request> {
        Ok(self.plan.ask_for_attribute(attribute, N_VALUES, &self.material.sources, &self.prompts)?)
    }

    /// Values of an attribute, by the model itself. The journal keeps them: it is asked once.
    fn propose(&self, name: &str, recorded: &Recorded) -> Result<Vec<String>> {
        let request = self.ask_for(name)?;
        let mut found = None;
        recorded.generate(&[request], self.progress, &mut |answers| {
            found = answers.into_iter().next().map(|answer| answer.result);
            ControlFlow::Continue(())
        })?;
        let response = found.context("the model said nothing")??;
        let values: Vec<String> =
            response.choices.iter().flat_map(|choice| items(choice)).take(N_VALUES as usize).collect();
        if values.is_empty() {
            return Err(hinted(
                format!("the model proposes no values for the attribute `{name}`"),
                format!("list them: `{name} = [\"…\", \"…\"]` under [generate.attributes]"),
            ));
        }
        Ok(values)
    }

    fn write(&self, mut writer: Writer, outcome: &Outcome) -> Result<()> {
        let records = rows(&outcome.kept, &self.material.text_field, &self.material.classes)?;
        let soft = self.soft_labels(outcome)?;
        writer.write(&records, &soft, 0..soft.n_rows())?;
        Ok(writer.finish()?)
    }

    /// What the kept texts are: the wish of the prompt, corrected by what is known of the text.
    fn soft_labels(&self, outcome: &Outcome) -> Result<SoftLabels> {
        let wish = match self.plan.kind {
            // How often models write what they are asked for; ten texts outweigh it.
            Kind::Examples | Kind::Image => Wish { accuracy: 0.9, against: None },
            Kind::Paraphrase | Kind::Augment | Kind::BackTranslation => Wish { accuracy: 0.95, against: None },
            Kind::EdgeCases => Wish { accuracy: 0.7, against: self.plan.against },
        };
        let class = self.plan.class;
        let of_asked: Vec<f64> = self
            .material
            .predict(&asked_about(outcome))?
            .into_iter()
            .flatten()
            .map(|probs| probs[class.index()])
            .collect();
        let kept: Vec<&str> = outcome.kept.iter().map(|candidate| candidate.text.as_str()).collect();
        let predicted = self.material.predict(&kept)?;
        let n_classes = self.material.classes.len();
        let mut probs = soft_labels(wish, &of_asked, &vec![class; kept.len()], &predicted, n_classes);
        if !self.plan.kind.is_prompted() {
            // A variant has the soft label of the text from which it was made.
            let sources = self.material.sources.of_class(class);
            let labels: HashMap<&str, &Vec<f64>> =
                sources.filter_map(|source| Some((source.id.as_str(), source.probs.as_ref()?))).collect();
            for (probs, candidate) in probs.iter_mut().zip(&outcome.kept) {
                let parent = candidate.provenance.parents.first();
                if let Some(of_parent) = parent.and_then(|parent| labels.get(parent.as_str())) {
                    probs.clone_from(of_parent);
                }
            }
        }
        // The wish is a vote, and what was predicted another.
        let n_votes = predicted.iter().map(|predicted| 1 + u32::from(predicted.is_some())).collect();
        Ok(SoftLabels::from_rows(self.material.classes.clone(), probs.concat(), n_votes)?)
    }
}

/// The candidates of which the predictor was asked: what failed a filter before that is not worth asking about.
fn asked_about(outcome: &Outcome) -> Vec<&str> {
    let asked = |candidate: &&Candidate| {
        let of_predictor = |filter: &str| ["agreement", "confidence"].contains(&filter);
        candidate.provenance.scores.iter().any(|score| of_predictor(&score.filter) && score.score.is_some())
    };
    let found: Vec<&str> = outcome.made.iter().filter(asked).map(|candidate| candidate.text.as_str()).collect();
    if found.is_empty() { outcome.kept.iter().map(|candidate| candidate.text.as_str()).collect() } else { found }
}

/// What cannot be done together.
fn check_combination(args: &GenerateArgs, kind: Kind) -> Result<()> {
    if args.n == 0 {
        return Err(hinted("`--n 0`: nothing is to be made", "say how many rows are to be kept"));
    }
    if kind == Kind::EdgeCases && args.against.is_none() {
        return Err(hinted(
            "edge cases need another class to border on",
            "name it: synth generate --class X --kind edge-cases --against Y",
        ));
    }
    if kind != Kind::EdgeCases && args.against.is_some() {
        return Err(hinted(
            format!("`--against` means nothing for `--kind {}`", kind.name()),
            "it goes with --kind edge-cases",
        ));
    }
    if kind != Kind::BackTranslation && !args.pivot.is_empty() {
        return Err(hinted(
            format!("`--pivot` means nothing for `--kind {}`", kind.name()),
            "it goes with --kind back-translation",
        ));
    }
    if kind == Kind::Augment && args.resume {
        return Err(hinted("`--kind augment` has nothing to resume", "run it again: it costs nothing"));
    }
    Ok(())
}

/// The templates in force: those built in, and those of the user's folder.
pub fn prompts(config: &Config) -> Result<Prompts> {
    let mut prompts = Prompts::built_in();
    let Some(folder) = &config.generate.prompts else { return Ok(prompts) };
    let mut found = false;
    for kind in PromptKind::ALL {
        let path = folder.join(format!("{}.j2", kind.name()));
        if path.is_file() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            prompts.replace(kind, &path.to_string_lossy(), &text)?;
            found = true;
        }
    }
    if !found {
        let names = PromptKind::ALL.map(|kind| format!("{}.j2", kind.name())).join(", ");
        return Err(hinted(
            format!("the folder `{}` of `generate.prompts` has no template", folder.display()),
            format!("templates are called {names}; `synth prompts` shows those built in, to start from"),
        ));
    }
    Ok(prompts)
}

fn plan(
    args: &GenerateArgs,
    config: &Config,
    kind: Kind,
    classes: &ClassSet,
    (class, against): (ClassId, Option<ClassId>),
    small: bool,
) -> Plan {
    let settings = &config.generate;
    // A small model has room for few examples, and repeats itself unless that is made dear.
    let (few_shot, max_tokens, temperature, penalty) = match small {
        // On the way back from another language the words of the text are wanted, not surprises.
        _ if kind == Kind::BackTranslation => (0, 160, 0.8, 1.0),
        true => (3, 80, 0.8, 1.1),
        false => (6, 160, 1.0, 1.0),
    };
    let default = Sampling::default();
    Plan {
        kind,
        descriptions: classes.names().iter().map(|name| class_text(name, config).description).collect(),
        classes: classes.clone(),
        class,
        against,
        domain: domain(config),
        style: settings.style.clone().unwrap_or_default(),
        per_request: settings.per_request.unwrap_or(if kind.is_prompted() { 5 } else { 2 }),
        few_shot: settings.few_shot.unwrap_or(few_shot),
        list: !small,
        max_tokens: settings.max_tokens.unwrap_or(max_tokens),
        sampling: Sampling {
            temperature: settings.temperature.unwrap_or(temperature),
            top_p: settings.top_p.unwrap_or(default.top_p),
            top_k: settings.top_k,
            repetition_penalty: settings.repetition_penalty.unwrap_or(penalty),
        },
        picture: PictureSettings::default(),
        seed: args.seed.or(settings.seed).unwrap_or(0),
    }
}

fn describe(summary: &Summary) -> String {
    let mut text = report::yield_table(&summary.filters);
    text.push('\n');
    text.push_str(&report::failures(summary.failed_requests, summary.first_failure.as_deref()));
    if summary.cells.0 > 1 {
        text.push_str(&format!(
            "{} of attributes, {} given up\n",
            counted(summary.cells.0 as u64, "cell", "cells"),
            summary.cells.1
        ));
    }
    let Likeness { frechet, self_bleu, self_bleu_real } = &summary.likeness;
    let number = |x: &Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
    text.push_str(&format!(
        "kept texts: Fréchet distance to the real ones {}; self-BLEU {}, of as many real ones {}\n",
        number(frechet),
        number(self_bleu),
        number(self_bleu_real)
    ));
    text.push_str(&format!("{} by {}: kept {} of {} made", summary.kind, summary.model, summary.kept, summary.made));
    if summary.requests > 0 {
        let usage = Usage { prompt_tokens: summary.prompt_tokens, completion_tokens: summary.completion_tokens };
        text.push_str(&format!("; {}", report::spent(summary.requests, summary.recorded, usage, summary.dollars)));
    }
    if let Some(stopped) = &summary.stopped {
        text.push_str(&format!("\nkept {} of {} wanted: {stopped}", summary.kept, summary.wanted));
    }
    if summary.out != Path::new("-") {
        text.push_str(&format!("\nwrote {}", summary.out.display()));
    }
    text
}
