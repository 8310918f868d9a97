//! `synth generate`

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::core::{ClassId, ClassSet, SoftLabels};
use synth::generate::{
    Augmenter, Axis, Candidate, Generator, Grid, Input, Journal, Kind, MICRODOLLARS, Outcome, Pipeline, Plan,
    PromptKind, Prompts, Recorded, RunMode, Sampling, Usage, Wish, items, rows, rows_schema, soft_labels,
};
use synth::io::soft::{Options, Writer};

use crate::args::{BackendKind, Common, GenerateArgs, MadeKind};
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted};
use crate::generation::report::{self, FilterYield, Likeness};
use crate::generation::{
    Journals, Material, backend,
    chain::{Judging, Maker},
};
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
        let job = Job::new(args, &config, progress)?;
        if args.dry_run {
            return job.dry_run(common.json);
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

/// Flags and settings, checked, with everything read that they name.
struct Job<'a> {
    args: &'a GenerateArgs,
    config: &'a Config,
    progress: &'a Progress,
    journals: Journals,
    material: Material,
    prompts: Prompts,
    plan: Plan,
    generator: Arc<dyn Generator>,
}

impl<'a> Job<'a> {
    fn new(args: &'a GenerateArgs, config: &'a Config, progress: &'a Progress) -> Result<Self> {
        let kind = match args.kind {
            MadeKind::Examples => Kind::Examples,
            MadeKind::Paraphrase => Kind::Paraphrase,
            MadeKind::EdgeCases => Kind::EdgeCases,
            MadeKind::Augment => Kind::Augment,
        };
        check_combination(args, kind)?;
        let prompts = prompts(config)?;
        let journals = Journals::new(&args.ask, config)?;
        let mut named = vec![args.class.as_str()];
        named.extend(args.against.as_deref());
        let material = Material::load(&args.material, &args.ask, &named, config, progress)?;
        let class = class_of(&material.classes, "--class", &args.class)?;
        let against = args.against.as_ref().map(|name| class_of(&material.classes, "--against", name)).transpose()?;
        for name in config.generate.classes.keys() {
            if material.classes.id(name).is_none() {
                return Err(no_class(&material.classes, "[generate.classes]", name));
            }
        }
        let (generator, small): (Arc<dyn Generator>, bool) = match kind {
            Kind::Augment => (Arc::new(Augmenter::new(config.augment)?), false),
            _ => {
                let model = backend::language_model(&args.ask, config, progress)?;
                (model.generator, model.kind == BackendKind::Local)
            }
        };
        let plan = plan(args, config, kind, &material.classes, (class, against), small);
        plan.check(&material.sources)?;
        Ok(Self { args, config, progress, journals, material, prompts, plan, generator })
    }

    fn run(&self) -> Result<Summary> {
        // What cannot be written is said before anything is paid for.
        let writer = self.writer()?;
        let journal = self.journal()?;
        let recorded = Recorded::new(Arc::clone(&self.generator), Arc::clone(&journal), self.journals.budget)?;
        let grid = self.grid(&recorded)?;
        let maker = Maker {
            config: &self.config.filters,
            material: &self.material,
            kind: Some(self.plan.kind),
            class: Some(self.plan.class),
            against: self.plan.against,
            judge: self.judge(&recorded)?,
            progress: self.progress,
        };
        let mut filters = maker.chain(&self.args.material.filters)?;
        let pipeline = self.pipeline(&recorded);
        let (outcome, grid) = pipeline.run(self.args.n, grid, &mut filters, self.progress)?;
        self.write(writer, &outcome)?;
        journal.finish()?;
        let spent = recorded.spent();
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
            first_failure: outcome.failed.1.as_ref().map(|error| format!("{:#}", anyhow::anyhow!("{error}"))),
            prompt_tokens: spent.usage.prompt_tokens,
            completion_tokens: spent.usage.completion_tokens,
            dollars: spent.microdollars.map(|sum| sum as f64 / MICRODOLLARS as f64),
            filters: report::yields(filters.tallies()),
            cells: grid.n_cells(),
            likeness: report::likeness(&self.material, self.plan.class, &kept)?,
            out: self.args.out.clone(),
        })
    }

    fn pipeline<'b>(&'b self, recorded: &'b Recorded) -> Pipeline<'b> {
        /// Enough to keep a server busy, few enough that the grid learns early.
        const ROUND: usize = 32;
        Pipeline {
            plan: &self.plan,
            sources: &self.material.sources,
            prompts: &self.prompts,
            generator: recorded,
            round: self.config.generate.round.unwrap_or(ROUND),
        }
    }

    /// The journal of the run. Augmentation costs nothing and needs none on the disk.
    fn journal(&self) -> Result<Arc<Journal>> {
        if self.plan.kind == Kind::Augment {
            return Ok(Arc::new(Journal::in_memory()?));
        }
        let mode = match (self.args.resume, self.args.ask.no_cache) {
            (true, _) => RunMode::Resume,
            (false, true) => RunMode::Fresh,
            (false, false) => RunMode::Cached,
        };
        let about = format!(
            "{} of {}, seed {}, by {}",
            self.plan.kind.name(),
            self.args.class,
            self.plan.seed,
            self.generator.model()
        );
        self.journals.open(&self.identity(), &about, mode)
    }

    /// What decides the requests: two runs of which all this is the same are the same work, with whatever filters.
    fn identity(&self) -> String {
        let mut sources = blake3_of_sources(&self.material);
        sources.push_str(&format!("{:?}{:?}", self.plan, self.config.generate.attributes));
        sources.push_str(&format!("{:?}", self.config.generate.propose_attributes));
        format!("{}\n{}\n{sources}", self.generator.fingerprint(), self.prompts.fingerprint())
    }

    /// The grid of attributes: those of the settings, and those that the model is asked to propose.
    fn grid(&self, recorded: &Recorded) -> Result<Grid> {
        if self.plan.kind == Kind::Augment {
            return Ok(Grid::new(Vec::new(), self.plan.seed));
        }
        let mut axes = self.axes();
        if let Some((name, _)) = axes.iter().find(|(_, values)| values.is_empty()) {
            return Err(hinted(format!("the attribute `{name}` has no values"), "list some, or leave it out"));
        }
        for name in &self.config.generate.propose_attributes {
            if !axes.contains_key(name) {
                axes.insert(name.clone(), self.propose(name, recorded)?);
            }
        }
        let axes = axes.into_iter().map(|(name, values)| Axis { name, values }).collect();
        Ok(Grid::new(axes, self.plan.seed))
    }

    /// The attributes of the settings: those for all classes, and in their place those of the class.
    fn axes(&self) -> BTreeMap<String, Vec<String>> {
        let settings = &self.config.generate;
        let mut axes = settings.attributes.clone();
        if let Some(class) = settings.classes.get(&self.args.class) {
            axes.extend(class.attributes.clone());
        }
        axes
    }

    /// Values of an attribute, by the model itself. The journal keeps them: it is asked once.
    fn propose(&self, name: &str, recorded: &Recorded) -> Result<Vec<String>> {
        const VALUES: u32 = 8;
        let request = self.plan.ask_for_attribute(name, VALUES, &self.material.sources, &self.prompts)?;
        let mut found = None;
        recorded.generate(&[request], self.progress, &mut |answers| {
            found = answers.into_iter().next().map(|answer| answer.result);
            ControlFlow::Continue(())
        })?;
        let response = found.context("the model said nothing")??;
        let values: Vec<String> =
            response.choices.iter().flat_map(|choice| items(choice)).take(VALUES as usize).collect();
        if values.is_empty() {
            return Err(hinted(
                format!("the model proposes no values for the attribute `{name}`"),
                format!("list them: `{name} = [\"…\", \"…\"]` under [generate.attributes]"),
            ));
        }
        Ok(values)
    }

    /// Who judges, if a judge is among the filters: the same model, or for augmentation the one that is configured.
    fn judge(&self, recorded: &Recorded) -> Result<Option<Judging>> {
        let named = or_file(&self.args.material.filters, &self.config.filters.order);
        if !named.iter().any(|name| name.trim() == "judge") {
            return Ok(None);
        }
        let generator: Arc<dyn Generator> = match self.plan.kind {
            Kind::Augment => {
                let model = backend::language_model(&self.args.ask, self.config, self.progress)?;
                let about = format!("judge of {}", self.args.class);
                let journal = self.journals.open(&about, &about, RunMode::Cached)?;
                Arc::new(Recorded::new(model.generator, journal, self.journals.budget)?)
            }
            _ => Arc::new(recorded.clone()),
        };
        Ok(Some(Judging { generator, plan: self.plan.clone(), prompts: self.prompts.clone() }))
    }

    fn writer(&self) -> Result<Writer> {
        let schema = rows_schema(&self.material.text_field);
        let options = Options { id: Some("id".to_owned()), ..Options::default() };
        Ok(Writer::create(&self.args.out, &schema, &self.material.classes, &options)?)
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
            Kind::Examples => Wish { accuracy: 0.9, against: None },
            Kind::Paraphrase | Kind::Augment => Wish { accuracy: 0.95, against: None },
            Kind::EdgeCases => Wish { accuracy: 0.7, against: self.plan.against },
        };
        let class = self.plan.class;
        let made: Vec<&str> = outcome.made.iter().map(String::as_str).collect();
        let of_made: Vec<f64> =
            self.material.predict(&made)?.into_iter().flatten().map(|probs| probs[class.index()]).collect();
        let kept: Vec<&str> = outcome.kept.iter().map(|candidate| candidate.text.as_str()).collect();
        let predicted = self.material.predict(&kept)?;
        let n_classes = self.material.classes.len();
        let mut probs = soft_labels(wish, &of_made, &vec![class; kept.len()], &predicted, n_classes);
        if self.plan.kind == Kind::Augment {
            for (probs, candidate) in probs.iter_mut().zip(&outcome.kept) {
                if let Some(parent) = self.label_of_parent(candidate) {
                    *probs = parent;
                }
            }
        }
        // The wish is a vote, and what was predicted another.
        let n_votes = predicted.iter().map(|predicted| 1 + u32::from(predicted.is_some())).collect();
        Ok(SoftLabels::from_rows(self.material.classes.clone(), probs.concat(), n_votes)?)
    }

    /// The soft label of the text from which a variant was made.
    fn label_of_parent(&self, candidate: &Candidate) -> Option<Vec<f64>> {
        let parent = candidate.provenance.parents.first()?;
        self.material.sources.of_class(self.plan.class).find(|source| source.id == *parent)?.probs.clone()
    }

    /// What would be asked, and what it would cost.
    fn dry_run(&self, json: bool) -> Result<ExitCode> {
        let journal = Arc::new(Journal::in_memory()?);
        let recorded = Recorded::new(Arc::clone(&self.generator), journal, self.journals.budget)?;
        let proposed = self.config.generate.propose_attributes.len();
        let axes = self.axes().into_iter().filter(|(_, values)| !values.is_empty());
        let mut grid = Grid::new(axes.map(|(name, values)| Axis { name, values }).collect(), self.plan.seed);
        let needed = self.args.n.div_ceil(self.plan.per_request as usize);
        let planned = self.plan.requests(0, needed, &mut grid, &self.material.sources, &self.prompts)?;
        let mut usage = Usage::default();
        planned.iter().for_each(|planned| usage += recorded.estimate(&planned.request));
        let dollars = recorded.price().map(|price| price.of(usage) as f64 / MICRODOLLARS as f64);
        if json {
            let prompts: Vec<&Input> = planned.iter().map(|planned| &planned.request.input).collect();
            output::json(&serde_json::json!({
                "version": 1, "requests": needed + proposed, "prompt_tokens": usage.prompt_tokens,
                "completion_tokens_at_most": usage.completion_tokens, "dollars_at_most": dollars, "inputs": prompts,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = String::new();
        if let Some(first) = planned.first() {
            match &first.request.input {
                Input::Prompt(prompt) => {
                    text.push_str(&format!("--- system\n{}\n--- user\n{}\n---\n", prompt.system, prompt.user));
                }
                Input::Text { text: source, .. } => text.push_str(&format!("--- text\n{source}\n---\n")),
            }
        }
        text.push_str(&format!(
            "{} by {}, of which this is the first, if every text passes",
            counted(needed as u64, "request", "requests"),
            recorded.model()
        ));
        if proposed > 0 {
            text.push_str(&format!("; before them {} for attributes", counted(proposed as u64, "request", "requests")));
        }
        if usage != Usage::default() {
            text.push_str(&format!(
                "\nabout {} tokens in, at most {} out",
                usage.prompt_tokens, usage.completion_tokens
            ));
            text.push_str(&match dollars {
                Some(dollars) => format!(", at most {dollars:.4} dollars"),
                None => "; the price is not known, see [llm] in synth.toml".to_owned(),
            });
        }
        text.push_str(&format!("\nthe budget is {}; nothing was sent\n", self.journals.budget));
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
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
    if kind == Kind::Augment && args.ask.backend.is_some() {
        return Err(hinted("`--kind augment` asks no model", "leave `--backend` out, or make --kind paraphrase"));
    }
    if kind == Kind::Augment && args.resume {
        return Err(hinted("`--kind augment` has nothing to resume", "run it again: it costs nothing"));
    }
    Ok(())
}

fn class_of(classes: &ClassSet, flag: &str, name: &str) -> Result<ClassId> {
    classes.id(name).ok_or_else(|| no_class(classes, flag, name))
}

fn no_class(classes: &ClassSet, place: &str, name: &str) -> anyhow::Error {
    hinted(format!("{place}: there is no class `{name}`"), format!("the classes are {}", classes.names().join(", ")))
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
    let (few_shot, max_tokens, temperature, penalty) = if small { (3, 80, 0.8, 1.1) } else { (6, 160, 1.0, 1.0) };
    let default = Sampling::default();
    let describe = |name: &String| settings.classes.get(name).map(|class| class.description.clone());
    Plan {
        kind,
        descriptions: classes.names().iter().map(|name| describe(name).unwrap_or_default()).collect(),
        classes: classes.clone(),
        class,
        against,
        domain: settings.domain.clone().unwrap_or_else(|| "texts".to_owned()),
        style: settings.style.clone().unwrap_or_default(),
        per_request: settings.per_request.unwrap_or(if kind == Kind::Augment { 2 } else { 5 }),
        few_shot: settings.few_shot.unwrap_or(few_shot),
        list: !small,
        max_tokens: settings.max_tokens.unwrap_or(max_tokens),
        sampling: Sampling {
            temperature: settings.temperature.unwrap_or(temperature),
            top_p: settings.top_p.unwrap_or(default.top_p),
            top_k: settings.top_k,
            repetition_penalty: settings.repetition_penalty.unwrap_or(penalty),
        },
        seed: args.seed.or(settings.seed).unwrap_or(0),
    }
}

/// A hash of everything that prompts can show.
fn blake3_of_sources(material: &Material) -> String {
    let mut hasher = blake3::Hasher::new();
    for source in material.sources.all() {
        for part in [source.id.as_str(), source.text.as_str()] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        hasher.update(format!("{:?}", source.class).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn describe(summary: &Summary) -> String {
    let mut text = report::yield_table(&summary.filters);
    text.push('\n');
    if summary.failed_requests > 0 {
        text.push_str(&format!(
            "{} not answered, the first: {}\n",
            counted(summary.failed_requests, "request was", "requests were"),
            summary.first_failure.as_deref().unwrap_or("-")
        ));
    }
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
    text.push_str(&format!(
        "{} by {}: kept {} of {} made; {}",
        summary.kind,
        summary.model,
        summary.kept,
        summary.made,
        report::spent(&synth::generate::Spent {
            requests: summary.requests,
            recorded: summary.recorded,
            usage: Usage { prompt_tokens: summary.prompt_tokens, completion_tokens: summary.completion_tokens },
            microdollars: summary.dollars.map(|dollars| (dollars * MICRODOLLARS as f64).round() as u64),
        })
    ));
    if let Some(stopped) = &summary.stopped {
        text.push_str(&format!("\nkept {} of {} wanted: {stopped}", summary.kept, summary.wanted));
    }
    if summary.out != Path::new("-") {
        text.push_str(&format!("\nwrote {}", summary.out.display()));
    }
    text
}
