//! `synth label`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::core::{ClassSet, Dataset, Event, LabelMatrix, LabelModel, Observer, SoftLabels, Stage, VotePatterns};
use synth::io::soft::{self, Uncovered};
use synth::io::votes::{load_crowd, load_npy, save_npy};
use synth::io::{AtomicFile, Format, Reader, counts};
use synth::label::{FittedModel, Gold, Report};

use crate::args::{Common, DataFormat, LabelArgs, UncoveredKind};
use crate::config::{Config, or_file};
use crate::errors::{FOUND, hinted, unboxed};
use crate::generation::Backend;
use crate::inputs::{self, Votes};
use crate::output;
use crate::progress::Progress;
use crate::table::{class_counts, counted};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    /// Records, labeling functions, classes.
    n: u64,
    m: usize,
    k: usize,
    classes: Vec<String>,
    /// Records on which at least one function voted.
    covered: u64,
    patterns: usize,
    faults: u64,
    bad_records: u64,
    seed: u64,
    fingerprint: String,
    model: Option<Report>,
    /// How many records have each class as their label; uncovered ones are not counted.
    labels: Option<Vec<u64>>,
    written: Vec<PathBuf>,
}

pub fn run(args: &LabelArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let job = Job::new(args, common.json, &config, progress)?;
    let (summary, too_many_faults) = inputs::on_threads(common, || job.run())?;
    if common.json {
        output::json(&summary)?;
    } else {
        progress.note(&describe(&summary));
    }
    Ok(if too_many_faults { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// A label model, and the report of its fit if it was not loaded.
struct Fitted {
    model: FittedModel,
    report: Option<Report>,
}

/// Flags and settings, checked, before any work starts.
struct Job<'a> {
    args: &'a LabelArgs,
    config: &'a Config,
    progress: &'a Progress,
    out: Option<PathBuf>,
    id: Option<String>,
    gold: Option<String>,
    uncovered: Uncovered,
    prefix: String,
    seed: u64,
    max_faults: u64,
}

impl<'a> Job<'a> {
    fn new(args: &'a LabelArgs, json: bool, config: &'a Config, progress: &'a Progress) -> Result<Self> {
        let uncovered = match (args.uncovered, &config.label.uncovered) {
            (Some(kind), _) => kind,
            (None, Some(name)) => inputs::setting("label.uncovered", name)?,
            (None, None) => UncoveredKind::Prior,
        };
        // The output of the settings is for the plain command; asking for something else by flag replaces it.
        let other_output = args.votes_out.is_some() || args.counts_out.is_some() || !args.merge_counts.is_empty();
        let from_file = config.label.out.clone().filter(|_| !other_output && args.save_model.is_none());
        let out = args.out.clone().or(from_file);
        if out.is_none() && !other_output && args.save_model.is_none() {
            return Err(hinted("nothing to write is asked for", "name a file for the soft labels: --out soft.parquet"));
        }
        let outputs = [&out, &args.votes_out, &args.counts_out, &args.save_model];
        let to_stdout = outputs.into_iter().flatten().filter(|path| *path == Path::new("-")).count();
        if to_stdout + usize::from(json) > 1 {
            let hint = "write all but one of them to files";
            return Err(hinted("more than one of the outputs and `--json` goes to stdout", hint));
        }
        if let (Some(path), None) = (&args.label_model, &out) {
            let message = format!("`{}` has nothing to label", path.display());
            return Err(hinted(message, "name a file for the soft labels: --out soft.parquet"));
        }
        check_outputs(args, config, out.as_deref())?;
        Ok(Self {
            args,
            config,
            progress,
            out,
            id: args.input.records.id(config).map(str::to_owned),
            gold: args.input.gold.field(config).map(str::to_owned),
            uncovered: match uncovered {
                UncoveredKind::Prior => Uncovered::Prior,
                UncoveredKind::Null => Uncovered::Null,
                UncoveredKind::Drop => Uncovered::Drop,
            },
            prefix: args.prefix.clone().or_else(|| config.label.prefix.clone()).unwrap_or_default(),
            seed: args.model.seed.or(config.label.seed).unwrap_or(0),
            max_faults: args.max_faults.or(config.lfs.max_faults).unwrap_or(0),
        })
    }

    fn run(&self) -> Result<(Summary, bool)> {
        if !self.args.merge_counts.is_empty() {
            return Ok((self.fit_counts()?, false));
        }
        match &self.args.votes {
            Some(path) => Ok((self.label_votes(path)?, false)),
            None => self.label_records(),
        }
    }

    /// Counts of shards, fitted as one.
    fn fit_counts(&self) -> Result<Summary> {
        let save = self.args.save_model.as_ref();
        if save.is_none() {
            return Err(hinted(
                "`--merge-counts` has no rows to label",
                "say where to keep the model: --save-model model.json",
            ));
        }
        let patterns = counts::merge(&self.args.merge_counts)?;
        let fitted = self.model(&patterns, &Gold::none())?;
        let fingerprint = self.fingerprint(&patterns, Some(&fitted), &[]);
        Ok(self.summary(&patterns, fitted.report, fingerprint, save.into_iter().cloned().collect()))
    }

    /// Votes that somebody else made.
    fn label_votes(&self, path: &Path) -> Result<Summary> {
        let classes = inputs::given_classes(&or_file(&self.args.input.classes, &self.config.lfs.classes))?;
        let stdin = match self.args.input.records.stdin_format {
            Some(DataFormat::Csv) => "csv",
            _ => "npy",
        };
        let ending = path.extension().and_then(|ending| ending.to_str());
        let crowd = match ending.or((path == Path::new("-")).then_some(stdin)) {
            Some("csv") => Some(load_crowd(path, classes.as_ref())?),
            Some("npy") => None,
            _ => {
                let message = format!("`{}` holds no votes in a form that is known", path.display());
                return Err(hinted(
                    message,
                    "votes are .npy (n x m integers, -1 abstains) or .csv (item,worker,label)",
                ));
            }
        };
        let (matrix, items) = match crowd {
            Some(crowd) => {
                if crowd.n_replaced > 0 {
                    let votes = counted(crowd.n_replaced, "vote was", "votes were");
                    self.progress
                        .warn(&format!("{votes} replaced by a later vote of the same worker on the same item"));
                }
                (crowd.matrix, Some(crowd.items))
            }
            None => {
                let classes = classes.context("votes in .npy are numbers; name the classes: --classes a,b,c")?;
                (load_npy(path, &classes, None)?, None)
            }
        };
        if self.args.input.gold.gold.is_some() {
            self.progress.warn("`--gold` names a field of records; votes have none, so no gold is used");
        }
        let votes = Votes { matrix, faults: synth::lf::Faults::default(), gold: None };
        let fitted = self.fit_if_asked(&votes)?;
        let mut summary = self.write_votes(&votes.matrix, fitted.as_ref(), &[])?;
        if let (Some(out), Some(fitted)) = (&self.out, &fitted) {
            let soft = predict(&fitted.model, &votes.matrix)?;
            let mut options = self.output_options(&summary.fingerprint, soft.n_rows() as u64);
            // The id field of the settings is one of records, and these rows have none.
            options.id = items.as_ref().map(|_| "item".to_owned());
            let records = match items {
                Some(items) => Dataset::of_texts("item", items),
                None => Dataset::without_fields(soft.n_rows()),
            };
            let mut writer = soft::Writer::create(out, &records.schema(), soft.classes(), &options)?;
            writer.write(&records, &soft, 0..soft.n_rows())?;
            writer.finish()?;
            self.wrote(&mut summary, out, &soft);
        }
        Ok(summary)
    }

    /// Records and labeling functions.
    fn label_records(&self) -> Result<(Summary, bool)> {
        let files = self.args.input.lf_files(self.config, self.progress)?;
        let mut lfs = inputs::lf_set(&files)?;
        Backend::new(&self.args.ask, self.config, self.progress)?.bind(&mut lfs)?;
        let reader = inputs::reader(&self.args.input.records, self.config, self.out.as_deref(), self.progress)?;
        self.check_output(&reader, lfs.classes())?;
        let votes = inputs::apply(&lfs, &reader, self.id.as_deref(), self.gold.as_deref(), self.progress)?;
        let fitted = self.fit_if_asked(&votes)?;
        let mut texts: Vec<&str> = files.sources.iter().map(|source| &*source.text).collect();
        texts.extend(files.lists.iter().map(|(_, text)| text.as_str()));
        let mut summary = self.write_votes(&votes.matrix, fitted.as_ref(), &texts)?;
        summary.faults = votes.faults.total();
        summary.bad_records = reader.bad_records().count();
        if let (Some(out), Some(fitted)) = (&self.out, &fitted) {
            let soft = predict(&fitted.model, &votes.matrix)?;
            self.write_soft(out, &reader, &soft, &summary.fingerprint)?;
            self.wrote(&mut summary, out, &soft);
        }
        let too_many = summary.faults > self.max_faults;
        if too_many {
            self.progress
                .warn(&format!("{} faults are more than the {} of --max-faults", summary.faults, self.max_faults));
        }
        Ok((summary, too_many))
    }

    /// Finds out before the work, not after it, that its result could not be written.
    fn check_output(&self, reader: &Reader, classes: &ClassSet) -> Result<()> {
        if let Some(out) = self.out.as_deref().filter(|out| *out != Path::new("-")) {
            let options = self.output_options("", 0);
            // What is begun and not finished leaves nothing.
            drop(soft::Writer::create(out, &reader.schema(), classes, &options)?);
        }
        Ok(())
    }

    /// A model, if anything that was asked for needs one.
    fn fit_if_asked(&self, votes: &Votes) -> Result<Option<Fitted>> {
        if self.out.is_none() && self.args.save_model.is_none() {
            return Ok(None);
        }
        let gold = inputs::gold_rows(votes)?;
        self.model(votes.matrix.patterns(), &gold).map(Some)
    }

    /// The label model: loaded, or fitted, and then kept if that was asked for.
    fn model(&self, patterns: &VotePatterns, gold: &Gold) -> Result<Fitted> {
        if let Some(path) = &self.args.label_model {
            if self.args.model.model.is_some() || self.args.model.balance.is_some() {
                self.progress.warn("a label model is used as it was fitted: `--model` and `--balance` change nothing");
            }
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let model = FittedModel::from_json(&text).with_context(|| format!("cannot use `{}`", path.display()))?;
            return Ok(Fitted { model, report: None });
        }
        self.progress.event(Event::Started { stage: Stage::Fit, total: None });
        let fit = inputs::fit(&self.args.model, self.config, patterns, gold);
        self.progress.event(Event::Finished { stage: Stage::Fit });
        let fit = fit?;
        self.progress.check()?;
        if let Some(path) = &self.args.save_model {
            AtomicFile::write_all_to(path, fit.model.to_json().as_bytes())?;
        }
        Ok(Fitted { model: fit.model, report: Some(fit.report) })
    }

    /// Writes the votes and counts that were asked for.
    fn write_votes(&self, matrix: &LabelMatrix, fitted: Option<&Fitted>, texts: &[&str]) -> Result<Summary> {
        let fingerprint = self.fingerprint(matrix.patterns(), fitted, texts);
        let mut written = Vec::new();
        if let Some(path) = &self.args.votes_out {
            save_npy(path, matrix)?;
            written.push(path.clone());
        }
        if let Some(path) = &self.args.counts_out {
            counts::save(path, matrix.patterns(), &[("synth.run".to_owned(), fingerprint.clone())])?;
            written.push(path.clone());
        }
        written.extend(self.args.save_model.clone());
        let report = fitted.and_then(|fitted| fitted.report.clone());
        Ok(self.summary(matrix.patterns(), report, fingerprint, written))
    }

    /// Reads the records a second time and writes them with their soft labels.
    fn write_soft(&self, out: &Path, reader: &Reader, soft: &SoftLabels, fingerprint: &str) -> Result<()> {
        let options = self.output_options(fingerprint, soft.n_rows() as u64);
        let writer = soft::Writer::create(out, &reader.schema(), soft.classes(), &options)?;
        output::soft(writer, reader, soft, self.progress)
    }

    fn output_options(&self, fingerprint: &str, n_rows: u64) -> soft::Options {
        soft::Options {
            format: None,
            id: self.id.clone(),
            prefix: self.prefix.clone(),
            uncovered: self.uncovered,
            metadata: vec![("synth.run".to_owned(), fingerprint.to_owned())],
            n_rows: Some(n_rows),
        }
    }

    /// The same for the same votes, functions and label model, on any machine.
    fn fingerprint(&self, patterns: &VotePatterns, fitted: Option<&Fitted>, texts: &[&str]) -> String {
        let mut hash = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(&self.seed.to_le_bytes());
        for name in patterns.classes().names().iter().chain(patterns.lf_names()) {
            add(name.as_bytes());
        }
        texts.iter().for_each(|text| add(text.as_bytes()));
        add(fitted.map_or(String::new(), |fitted| fitted.model.to_json()).as_bytes());
        for (votes, count) in patterns.iter() {
            add(&count.to_le_bytes());
            for vote in votes {
                add(&[vote.lf_idx.to_le_bytes(), (vote.class.index() as u32).to_le_bytes()].concat());
            }
        }
        hash.finalize().to_hex()[..16].to_owned()
    }

    fn summary(
        &self,
        patterns: &VotePatterns,
        model: Option<Report>,
        fingerprint: String,
        written: Vec<PathBuf>,
    ) -> Summary {
        let covered = patterns.iter().filter(|(votes, _)| !votes.is_empty()).map(|(_, count)| count).sum();
        Summary {
            version: 1,
            n: patterns.n_rows(),
            m: patterns.n_lfs(),
            k: patterns.n_classes(),
            classes: patterns.classes().names().to_vec(),
            covered,
            patterns: patterns.len(),
            faults: 0,
            bad_records: 0,
            seed: self.seed,
            fingerprint,
            model,
            labels: None,
            written,
        }
    }

    fn wrote(&self, summary: &mut Summary, out: &Path, soft: &SoftLabels) {
        let mut labels = vec![0; soft.classes().len()];
        for row in (0..soft.n_rows()).filter(|&row| soft.covered(row)) {
            labels[soft.label(row).index()] += 1;
        }
        summary.labels = Some(labels);
        if out != Path::new("-") {
            summary.written.push(out.to_owned());
        }
    }
}

/// Refuses what could not be written, or would be written over, before an hour of work rather than after it.
fn check_outputs(args: &LabelArgs, config: &Config, out: Option<&Path>) -> Result<()> {
    if let Some(out) = out.filter(|out| *out != Path::new("-") && Format::of(out).0.is_none()) {
        let hint = "the name tells the format: .parquet, .arrow, .jsonl, .csv or .npy";
        return Err(hinted(format!("`{}` has no known format", out.display()), hint));
    }
    let data = or_file(&args.input.records.data, &config.data.files);
    let lfs = or_file(&args.input.lfs, &config.lfs.files);
    let inputs = data.iter().chain(&lfs).chain(&args.votes).chain(&args.merge_counts).chain(&args.label_model);
    let mut taken: Vec<PathBuf> = inputs.filter_map(|path| path.canonicalize().ok()).collect();
    let outputs = [out, args.votes_out.as_deref(), args.counts_out.as_deref(), args.save_model.as_deref()];
    let outputs = outputs.into_iter().chain([args.input.records.bad_out.as_deref()]).flatten();
    for path in outputs.filter(|path| *path != Path::new("-")) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().with_context(|| format!("cannot write `{}`", path.display()))?;
        let target = path.canonicalize().unwrap_or_else(|_| folder.join(path.file_name().unwrap_or_default()));
        // Devices such as /dev/null may be named as often as one likes.
        if taken.contains(&target) && (target.is_file() || !target.exists()) {
            let message = format!("`{}` is named twice: it would be written over", path.display());
            return Err(hinted(message, "give each output a file of its own"));
        }
        taken.push(target);
    }
    Ok(())
}

fn predict(model: &dyn LabelModel, matrix: &LabelMatrix) -> Result<SoftLabels> {
    model.predict(matrix).map_err(|error| unboxed(error).context("cannot use the label model"))
}

fn describe(summary: &Summary) -> String {
    let Summary { n, m, k, covered, patterns, .. } = summary;
    let share = if *n == 0 { 0.0 } else { 100.0 * *covered as f64 / *n as f64 };
    let mut text = format!(
        "{}, {}, {}; {covered} covered ({share:.1} %), {}\n",
        counted(*n, "record", "records"),
        counted(*m as u64, "labeling function", "labeling functions"),
        counted(*k as u64, "class", "classes"),
        counted(*patterns as u64, "vote pattern", "vote patterns"),
    );
    if let Some(report) = &summary.model {
        text.push_str(&report.to_string());
    }
    if let Some(labels) = &summary.labels {
        text.push_str(&format!("{}\n", class_counts(&summary.classes, labels)));
    }
    let written: Vec<String> = summary.written.iter().map(|path| path.display().to_string()).collect();
    if !written.is_empty() {
        text.push_str(&format!("wrote {}", written.join(", ")));
    }
    text.trim_end().to_owned()
}
