//! `synth lfs`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{RecursiveMode, Watcher};
use serde::Serialize;
use synth::core::{
    ClassId, ClassSet, Dataset, LabelMatrix, LabelMatrixBuilder, LabelModel, LfVote, Observer, SoftLabels,
};
use synth::generate::MICRODOLLARS;
use synth::io::Reader;
use synth::io::ids::IdColumn;
use synth::label::{Analysis, Report, is_against};
use synth::lf::{Explanation, LfSet};
use synth::{LfFiles, PromptedBy, batches};

use crate::args::{Common, LfsArgs};
use crate::config::Config;
use crate::errors::{hinted, report, unboxed};
use crate::generation::Backend;
use crate::inputs::{self, Votes};
use crate::output;
use crate::progress::Progress;
use crate::table::{self, AnalysisTable};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    n: u64,
    m: usize,
    k: usize,
    classes: &'a [String],
    faults: u64,
    analysis: &'a Analysis,
    model: &'a Report,
    /// What functions took that ask a model.
    asked: Vec<ShownCost>,
    rows: Option<Vec<ShownRow>>,
}

/// What one function took that asks a model, answers from the journal included.
#[derive(Serialize)]
struct ShownCost {
    lf: String,
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    dollars: Option<f64>,
}

/// A record that a function is wrong or outvoted on.
#[derive(Serialize)]
struct ShownRow {
    row: u64,
    id: String,
    vote: String,
    /// The gold class, if it is known.
    gold: Option<String>,
    /// The class of the label model.
    label: String,
    found: Vec<ShownFind>,
    /// What the model answered, where the function asks one.
    answer: Option<String>,
    /// The text in which something was found, else the first text of the record.
    text: Option<String>,
}

#[derive(Serialize)]
struct ShownFind {
    field: String,
    text: String,
    /// Bytes of the field's text; none if the text was changed first.
    span: Option<[usize; 2]>,
}

pub fn run(args: &LfsArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    inputs::on_threads(common, || {
        let mut session = Session::open(args, &config, common.json, progress)?;
        session.show()?;
        if args.watch {
            session.watch()?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Records that stay open, and the votes of the functions as they are now.
struct Session<'a> {
    args: &'a LfsArgs,
    config: &'a Config,
    json: bool,
    progress: &'a Progress,
    backend: Backend<'a>,
    reader: Reader,
    files: LfFiles,
    lfs: LfSet,
    /// The model that functions ask, if some do.
    prompted: Option<Arc<PromptedBy>>,
    votes: Votes,
}

impl<'a> Session<'a> {
    fn open(args: &'a LfsArgs, config: &'a Config, json: bool, progress: &'a Progress) -> Result<Self> {
        let files = args.input.lf_files(config, progress)?;
        let mut lfs = inputs::lf_set(&files)?;
        let backend = Backend::new(&args.ask, config, progress)?;
        let prompted = backend.bind(&mut lfs)?;
        let reader = inputs::reader(&args.input.records, config, None, progress)?;
        let gold = args.input.gold.field(config);
        let votes = inputs::apply(&lfs, &reader, id_field(args, config), gold, progress)?;
        Ok(Self { args, config, json, progress, backend, reader, files, lfs, prompted, votes })
    }

    fn show(&self) -> Result<()> {
        let matrix = &self.votes.matrix;
        let gold = inputs::gold_rows(&self.votes)?;
        // Gold is for judging here: a model that had seen it would judge itself.
        let fit = inputs::fit(&self.args.model, self.config, matrix.patterns(), &synth::label::Gold::none())?;
        let model = Some(&fit.model as &dyn LabelModel);
        let analysis = Analysis::of(matrix.patterns(), &gold, model).map_err(unboxed)?;
        let soft = fit.model.predict(matrix).map_err(unboxed)?;
        let rows = self.args.rows.as_ref().map(|name| self.rows(name, &soft)).transpose()?;
        let classes = matrix.classes();
        if self.json {
            return output::json(&Summary {
                version: 1,
                n: analysis.n_rows,
                m: matrix.n_lfs(),
                k: classes.len(),
                classes: classes.names(),
                faults: self.votes.faults.total(),
                analysis: &analysis,
                model: &fit.report,
                asked: self.costs(),
                rows,
            });
        }
        if let Some(rows) = rows {
            return output::print(&describe_rows(self.args.rows.as_deref().unwrap_or_default(), &rows));
        }
        let table = AnalysisTable { analysis: &analysis, classes, has_gold: !gold.is_empty() };
        let mut text = format!("{}\n\n{}", table.heading(), table.render());
        let findings = table.findings();
        if !findings.is_empty() {
            text.push_str(&format!("\n{findings}"));
        }
        let costs = self.costs();
        if !costs.is_empty() {
            text.push_str(&format!("\n{}", describe_costs(&costs)));
        }
        text.push_str(&format!("\n{}", fit.report));
        if let Some(scores) = self.votes.gold.as_ref().and_then(|gold| table::scores(&soft, gold)) {
            text.push_str(&format!("against gold: {scores}\n"));
        }
        output::print(&text)
    }

    fn costs(&self) -> Vec<ShownCost> {
        let costs = self.prompted.iter().flat_map(|prompted| prompted.costs());
        costs
            .map(|cost| ShownCost {
                lf: cost.lf,
                requests: cost.requests,
                prompt_tokens: cost.usage.prompt_tokens,
                completion_tokens: cost.usage.completion_tokens,
                dollars: cost.microdollars.map(|sum| sum as f64 / MICRODOLLARS as f64),
            })
            .collect()
    }

    /// The first records that a function is wrong on, where gold is known, or outvoted on.
    fn rows(&self, name: &str, soft: &SoftLabels) -> Result<Vec<ShownRow>> {
        let matrix = &self.votes.matrix;
        let Some(lf_idx) = matrix.lf_names().iter().position(|lf| lf == name) else {
            let hint = format!("the functions are {}", matrix.lf_names().join(", "));
            return Err(hinted(format!("there is no labeling function `{name}`"), hint));
        };
        let gold_of = |row: usize| self.votes.gold.as_ref().and_then(|gold| gold[row]);
        let wrong = |row: &usize| is_against(matrix.votes(*row), lf_idx, gold_of(*row).unwrap_or(soft.label(*row)));
        let wanted: Vec<usize> = (0..matrix.n_rows()).filter(wrong).take(self.args.limit).collect();
        let ids = IdColumn::find(&self.reader.schema(), id_field(self.args, self.config))?;
        let mut shown = Vec::new();
        for batch in batches(&self.reader)? {
            let batch = batch.map_err(unboxed)?;
            let first = batch.first_row() as usize;
            let last = first + batch.n_rows();
            if wanted.last().is_none_or(|&row| row < first) {
                break;
            }
            let inside: Vec<usize> = wanted.iter().copied().filter(|row| (first..last).contains(row)).collect();
            if inside.is_empty() {
                continue;
            }
            let batch_ids = ids.ids(&batch)?;
            for row in inside {
                let explanation = self.lfs.explain(&batch, row - first, lf_idx)?;
                let Some(explanation) = explanation else { continue };
                let id = batch_ids.value(row - first).to_owned();
                shown.push(show_row(&batch, row, id, &explanation, gold_of(row), soft));
            }
        }
        Ok(shown)
    }

    /// Shows everything anew whenever a file changes; ends on Ctrl-C.
    fn watch(&mut self) -> Result<()> {
        let (sender, changes) = channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and reading is what we do when one comes.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = sender.send(());
            }
        })?;
        // Editors replace files, so their folders are watched.
        let mut folders: Vec<&Path> = self.files.sources.iter().map(|s| folder_of(Path::new(&*s.name))).collect();
        folders.extend(self.files.lists.iter().map(|(path, _)| folder_of(path)));
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("cannot watch `{}`", folder.display()))?;
        }
        self.progress.note("watching; save an .lf file to see its functions anew, Ctrl-C ends");
        while !self.progress.cancelled() {
            if changes.recv_timeout(Duration::from_millis(200)).is_err() {
                continue;
            }
            // A save is several events.
            while changes.recv_timeout(Duration::from_millis(50)).is_ok() {}
            match self.refresh() {
                Ok(true) => self.show()?,
                Ok(false) => {}
                // A half-written file is normal here: say what is wrong and wait for the next save.
                Err(error) => {
                    report(&error);
                }
            }
        }
        Ok(())
    }

    /// Reads the files again and runs the functions that changed; false if nothing did.
    fn refresh(&mut self) -> Result<bool> {
        let files = self.args.input.lf_files(self.config, self.progress)?;
        let texts = |files: &LfFiles| {
            let sources = files.sources.iter().map(|source| source.text.to_string());
            sources.chain(files.lists.iter().map(|(_, text)| text.clone())).collect::<Vec<_>>()
        };
        if texts(&files) == texts(&self.files) {
            return Ok(false);
        }
        let (new, old) = (files.program.clone().context("mistakes")?, self.files.program.clone().context("mistakes")?);
        let same = new.same_functions(&old);
        let changed: Vec<usize> = (0..same.len()).filter(|&i| same[i].is_none()).collect();
        let mut subset = inputs::program_set(new.subset(&changed))?;
        let asked = self.backend.bind(&mut subset)?;
        let gold = self.args.input.gold.field(self.config);
        let fresh = inputs::apply(&subset, &self.reader, id_field(self.args, self.config), gold, self.progress)?;
        let names: Vec<String> = new.names().map(str::to_owned).collect();
        let matrix = join(new.classes(), &names, &same, &self.votes.matrix, &fresh.matrix)?;
        self.progress.note(&format!("\n{} of {} functions changed", changed.len(), names.len()));
        self.lfs = inputs::lf_set(&files)?;
        // Those that did not change were asked before, and the journal answers for them.
        self.backend.bind(&mut self.lfs)?;
        self.prompted = asked;
        self.files = files;
        self.votes = Votes { matrix, faults: fresh.faults, gold: fresh.gold };
        Ok(true)
    }
}

fn id_field<'a>(args: &'a LfsArgs, config: &'a Config) -> Option<&'a str> {
    args.input.records.id(config)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A matrix whose columns stand in `old` where `same` says so, and else, in order, in `fresh`.
fn join(
    classes: &ClassSet,
    names: &[String],
    same: &[Option<usize>],
    old: &LabelMatrix,
    fresh: &LabelMatrix,
) -> Result<LabelMatrix> {
    let mut builder = LabelMatrixBuilder::new(classes.clone(), names.iter().cloned())?;
    let mut votes: Vec<LfVote> = Vec::new();
    for row in 0..fresh.n_rows() {
        votes.clear();
        let mut next_fresh = 0;
        for (lf_idx, same) in same.iter().enumerate() {
            let vote = match same {
                Some(column) => old.vote(row, *column),
                None => {
                    next_fresh += 1;
                    fresh.vote(row, next_fresh - 1)
                }
            };
            votes.extend(vote.map(|class| LfVote { lf_idx: lf_idx as u32, class }));
        }
        builder.push_sparse(&votes)?;
    }
    Ok(builder.finish())
}

fn show_row(
    batch: &Dataset,
    row: usize,
    id: String,
    explanation: &Explanation,
    gold: Option<ClassId>,
    soft: &SoftLabels,
) -> ShownRow {
    let name = |class| soft.classes().name(class).to_owned();
    let schema = batch.schema();
    let texts = schema.fields().iter().map(|field| field.name().as_str());
    let view = batch.row(row - batch.first_row() as usize);
    // Something to read: where something was found, else the longest text there is.
    let text = match explanation.found.first() {
        Some(found) => view.text(&found.field),
        None => texts.filter_map(|field| view.text(field)).max_by_key(|text| text.len()),
    };
    let found = explanation.found.iter().map(|found| ShownFind {
        field: found.field.clone(),
        text: found.text.clone(),
        span: (!found.changed).then_some([found.span.start, found.span.end]),
    });
    ShownRow {
        row: row as u64,
        id,
        vote: name(explanation.class),
        gold: gold.map(name),
        label: name(soft.label(row)),
        found: found.collect(),
        answer: explanation.asked.as_ref().map(|asked| asked.answer.clone()),
        text: text.map(std::borrow::Cow::into_owned),
    }
}

fn describe_costs(costs: &[ShownCost]) -> String {
    let mut table = table::plain(&["asked", "requests", "tokens in", "tokens out", "dollars"], 1);
    for cost in costs {
        table.add_row([
            cost.lf.clone(),
            cost.requests.to_string(),
            cost.prompt_tokens.to_string(),
            cost.completion_tokens.to_string(),
            cost.dollars.map_or_else(|| "unknown".to_owned(), |dollars| format!("{dollars:.4}")),
        ]);
    }
    table::trimmed(&table)
}

fn describe_rows(name: &str, rows: &[ShownRow]) -> String {
    if rows.is_empty() {
        return format!("`{name}` is wrong or outvoted on no record\n");
    }
    let mut out = String::new();
    for row in rows {
        let against = match &row.gold {
            Some(gold) => format!("gold {gold}, label model {}", row.label),
            None => format!("label model {}", row.label),
        };
        out.push_str(&format!("{} (row {}): {name} votes {}, {against}\n", row.id, row.row, row.vote));
        if let Some(text) = &row.text {
            out.push_str(&format!("    {}\n", table::marked(text, row.found.iter().filter_map(|f| f.span), 300)));
        }
        let found: Vec<String> = row.found.iter().map(|f| format!("{} {:?}", f.field, f.text)).collect();
        if !found.is_empty() {
            out.push_str(&format!("    found: {}\n", found.join(", ")));
        }
        if let Some(answer) = &row.answer {
            out.push_str(&format!("    answered: {answer:?}\n"));
        }
    }
    out
}
