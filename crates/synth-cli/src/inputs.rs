//! From flags and settings to records, labeling functions, votes and label models.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use synth::core::{BoxError, ClassId, ClassSet, Dataset, LabelMatrix, VotePatterns};
use synth::io::gold::GoldColumn;
use synth::io::ids::{IdColumn, Unique};
use synth::io::{Format, ReadOptions, Reader, Source, Vectors};
use synth::label::{ClassBalance, Fit, Gold, Method};
use synth::lf::lang::{Diagnostic, Program, Severity};
use synth::lf::{Faults, LfSet};
use synth::{LfFiles, batches};

use crate::args::{Common, DataFormat, ModelArgs, ModelKind, RecordArgs};
use crate::config::{Config, or_file};
use crate::errors::hinted;
use crate::progress::Progress;
use crate::render::{self, Rendered};

/// Votes and what goes with them, wherever they come from.
pub struct Votes {
    pub matrix: LabelMatrix,
    pub faults: Faults,
    /// One entry a row, where gold was asked for.
    pub gold: Option<Vec<Option<ClassId>>>,
}

/// The classes given by a flag or in the settings.
pub fn given_classes(names: &[String]) -> Result<Option<ClassSet>> {
    match names {
        [] => Ok(None),
        names => Ok(Some(ClassSet::new(names.iter().map(|name| name.trim())).context("bad `--classes`")?)),
    }
}

/// Reads and compiles the .lf files; prints their warnings; mistakes are an error that shows all of them.
pub fn lf_files(paths: &[PathBuf], classes: &[String], progress: &Progress) -> Result<LfFiles> {
    if paths.is_empty() {
        return Err(hinted(
            "no labeling functions are given",
            "name a file: --lfs spam.lf; `synth help lf` shows how to write one",
        ));
    }
    let classes = given_classes(classes)?;
    let files = LfFiles::read(paths, classes.as_ref())?;
    let of = |severity| files.diagnostics.iter().filter(move |d: &&Diagnostic| d.severity == severity);
    if files.program.is_none() {
        return Err(anyhow!(Rendered(render::diagnostics(of(Severity::Error)))));
    }
    let warnings = of(Severity::Warning).count();
    if warnings > 0 {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let plural = if warnings == 1 { "" } else { "s" };
        progress.warn(&format!(
            "{warnings} warning{plural} about the labeling functions; `synth check {}` shows them",
            names.join(" ")
        ));
    }
    Ok(files)
}

/// A set of the functions of .lf files.
pub fn lf_set(files: &LfFiles) -> Result<LfSet> {
    program_set(files.program.clone().context("the .lf files have mistakes")?)
}

/// A set of the functions of a program. Every set that a command applies to records of the user's is made here.
pub fn program_set(program: Program) -> Result<LfSet> {
    let mut set = LfSet::new(program.classes().clone());
    set.add_program(program)?;
    Ok(set)
}

fn data_files(flag: &[PathBuf], config: &Config) -> Result<Vec<PathBuf>> {
    let files = or_file(flag, &config.data.files);
    if files.is_empty() {
        return Err(hinted("no records are given", "name a file: --data records.jsonl; `-` is stdin"));
    }
    Ok(files)
}

/// Opens the records. `output` tells where there is room to keep stdin.
pub fn reader(args: &RecordArgs, config: &Config, output: Option<&Path>, progress: &Progress) -> Result<Reader> {
    let files = data_files(&args.data, config)?;
    let source = |path: &PathBuf| {
        let source = Source::new(path);
        match args.stdin_format.filter(|_| path == Path::new("-")) {
            None => source,
            Some(DataFormat::Jsonl) => source.with_format(Format::Jsonl),
            Some(DataFormat::Csv) => source.with_format(Format::Csv),
            Some(DataFormat::Parquet) => source.with_format(Format::Parquet),
            Some(DataFormat::Arrow) => source.with_format(Format::Arrow),
        }
    };
    let sources: Vec<Source> = files.iter().map(source).collect();
    let beside = output.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let options = ReadOptions {
        skip_bad: args.skip_bad || config.data.skip_bad,
        bad_file: args.bad_out.clone(),
        spool_dir: beside.map_or_else(|| PathBuf::from("."), Path::to_owned),
        ..ReadOptions::default()
    };
    let reader = Reader::open(&sources, options, progress)?;
    let bad = reader.bad_records();
    if bad.count() > 0 {
        let plural = if bad.count() == 1 { "" } else { "s" };
        progress.warn(&format!("{} malformed record{plural} set aside:", bad.count()));
        for record in bad.listed().iter().take(5) {
            progress.note(&format!("  {record}"));
        }
        if bad.count() > 5 {
            progress.note("  …");
        }
    }
    Ok(reader)
}

/// Refuses, as gold, the label that synth itself has written beside these records.
pub fn check_gold(reader: &Reader, field: &str, prefix: &str) -> Result<()> {
    if is_result(reader, field, prefix) {
        return Err(hinted(
            format!("`{field}` is the label that synth gave these records, not one that is known"),
            "keep known labels under another name, or let `synth label` put a `--prefix` before its own",
        ));
    }
    Ok(())
}

/// Whether a field is the label that synth has written beside the records.
pub fn is_result(reader: &Reader, field: &str, prefix: &str) -> bool {
    let schema = reader.schema();
    let written = |name: &str| schema.column_with_name(&format!("{prefix}{name}")).is_some();
    field == format!("{prefix}label") && written("confidence") && written("n_votes")
}

/// The arrays of vectors that stand beside the records, as given: NAME=FILE.npy.
pub fn vectors(given: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let pair = |written: &String| match written.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), PathBuf::from(path))),
        _ => Err(hinted(
            format!("`--vectors {written}` is no NAME=FILE.npy"),
            "the name is the field that the vectors become: --vectors emb=embeddings.npy",
        )),
    };
    given.iter().map(pair).collect()
}

/// The records, each with its vectors as further fields, until Ctrl-C.
pub fn with_vectors<'a>(
    reader: &'a Reader,
    vectors: &[(String, PathBuf)],
    progress: &'a Progress,
) -> Result<Box<dyn Iterator<Item = Result<Dataset, BoxError>> + 'a>> {
    let unless_cancelled = |batch: Result<Dataset, BoxError>| progress.check().map_err(BoxError::from).and(batch);
    let mut all: Box<dyn Iterator<Item = _>> = Box::new(batches(reader)?.map(unless_cancelled));
    for (field, path) in vectors {
        all = Box::new(Vectors::open(field, path)?.attach(all));
    }
    Ok(all)
}

/// Applies labeling functions, watching that ids are unique and taking down gold on the way.
pub fn apply(lfs: &LfSet, reader: &Reader, id: Option<&str>, gold: Option<&str>, progress: &Progress) -> Result<Votes> {
    let schema = reader.schema();
    let mut ids = Unique::new(IdColumn::find(&schema, id)?);
    let column = gold.map(|field| GoldColumn::find(&schema, field, lfs.classes())).transpose()?;
    let mut labels = column.as_ref().map(|_| Vec::new());
    let checked = batches(reader)?.map(|batch| {
        let batch = batch?;
        ids.check(&batch)?;
        if let (Some(column), Some(labels)) = (&column, &mut labels) {
            labels.extend(column.labels(&batch)?);
        }
        Ok(batch)
    });
    let applied = lfs.apply(checked, progress)?;
    if applied.faults.total() > 0 {
        progress.warn(&format!("{} calls of labeling functions failed:", applied.faults.total()));
        for faults in applied.faults.iter() {
            let first = &faults.examples[0];
            progress.note(&format!(
                "  {}: {} times, first on row {}: {}",
                faults.lf, faults.count, first.row, first.message
            ));
        }
    }
    Ok(Votes { matrix: applied.matrix, faults: applied.faults, gold: labels })
}

/// Gold rows of a matrix, for a fit.
pub fn gold_rows(votes: &Votes) -> Result<Gold> {
    match &votes.gold {
        Some(gold) => Ok(Gold::of(&votes.matrix, gold)?),
        None => Ok(Gold::none()),
    }
}

/// The label model that is asked for, fitted.
pub fn fit(args: &ModelArgs, config: &Config, patterns: &VotePatterns, gold: &Gold) -> Result<Fit> {
    let kind = model_kind(args, config)?;
    let written = args.balance.as_ref().or(config.label.balance.as_ref());
    let balance = class_balance(written.map(String::as_str), patterns.classes())?;
    // The flag has the names of the methods.
    let method: Method = kind.to_possible_value().unwrap_or_default().get_name().parse()?;
    method.fit(patterns, gold, &balance).context("cannot fit the label model")
}

fn model_kind(args: &ModelArgs, config: &Config) -> Result<ModelKind> {
    match (args.model, &config.label.model) {
        (Some(kind), _) => Ok(kind),
        (None, Some(name)) => setting("label.model", name),
        (None, None) => Ok(ModelKind::Auto),
    }
}

/// A value of `synth.toml` that has the names of a flag.
pub fn setting<T: ValueEnum>(key: &str, name: &str) -> Result<T> {
    T::from_str(name, false).map_err(|_| {
        let values = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let values: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        hinted(format!("`{key}` in synth.toml is `{name}`"), format!("possible: {}", values.join(", ")))
    })
}

/// `estimate`, `uniform`, or a share for each class: `a=.2,b=.8`.
fn class_balance(written: Option<&str>, classes: &ClassSet) -> Result<ClassBalance> {
    let written = match written {
        None | Some("estimate") => return Ok(ClassBalance::Estimate),
        Some("uniform") => return Ok(ClassBalance::Uniform),
        Some(written) => written,
    };
    let bad = |problem: String| {
        let example: Vec<String> =
            classes.names().iter().map(|name| format!("{name}={:.2}", 1.0 / classes.len() as f64)).collect();
        let hint = format!("write estimate, uniform, or a share for each class: {}", example.join(","));
        hinted(format!("`--balance {written}`: {problem}"), hint)
    };
    let mut shares = vec![None; classes.len()];
    for pair in written.split(',') {
        let Some((name, share)) = pair.rsplit_once('=') else { return Err(bad(format!("`{pair}` is no CLASS=SHARE"))) };
        let Some(class) = classes.id(name.trim()) else {
            return Err(bad(format!("there is no class `{}`", name.trim())));
        };
        let share: f64 = share.trim().parse().map_err(|_| bad(format!("`{}` is no number", share.trim())))?;
        if shares[class.index()].replace(share).is_some() {
            return Err(bad(format!("class `{}` stands twice", name.trim())));
        }
    }
    if let Some(missing) = shares.iter().position(Option::is_none) {
        return Err(bad(format!("class `{}` is missing", classes.names()[missing])));
    }
    let shares: Vec<f64> = shares.into_iter().flatten().collect();
    let sum: f64 = shares.iter().sum();
    if shares.iter().any(|share| !(0.0..=1.0).contains(share)) || (sum - 1.0).abs() > 1e-3 {
        return Err(bad(format!("the shares are {shares:?} and sum to {sum}, they must be from 0 to 1 and sum to 1")));
    }
    Ok(ClassBalance::Given(shares))
}

/// Refuses to write over a file that is read.
pub fn not_over(flag: &str, out: &Path, read: &[&PathBuf]) -> Result<()> {
    let Ok(out_there) = out.canonicalize() else { return Ok(()) };
    let is_it = |path: &&&PathBuf| out_there.is_file() && path.canonicalize().is_ok_and(|path| path == out_there);
    match read.iter().find(is_it) {
        Some(path) => {
            Err(hinted(format!("{flag} is `{}`, which is read: it would be lost", path.display()), "name another file"))
        }
        None => Ok(()),
    }
}

/// Runs work on as many threads as were asked for.
pub fn on_threads<T: Send>(common: &Common, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if common.threads == Some(0) {
        return Err(hinted("`--threads 0`: there must be at least one thread", "leave it out to use all cores"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(common.threads.unwrap_or(0)).build();
    pool.context("cannot start threads")?.install(work)
}
