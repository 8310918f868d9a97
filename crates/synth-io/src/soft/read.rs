//! Soft labels from files.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use arrow_schema::{DataType, Schema};
use synth_core::{ClassSet, Dataset, Silent, SoftLabels, Value};

use crate::ids::{IdColumn, Unique, type_of};
use crate::npy::Header;
use crate::{Format, IoError, ReadOptions, Reader, SoftProblem, Source};

/// Soft labels as a file has them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// One row for each row of the file. Rows without probabilities are uniform, with no votes.
    pub labels: SoftLabels,
    /// Whether each row has probabilities in the file.
    pub known: Vec<bool>,
    /// The id of each row; `None` for `.npy`, and where the file has no field of ids.
    pub ids: Option<Vec<String>>,
}

/// Loads soft labels that [`Writer`](super::Writer) wrote, or that look like it: a column `probs` with lists of numbers,
/// or a column `p_CLASS` for each class; `.npy` is an array of float64, n x k.
///
/// `classes` are needed where the file does not name them (JSONL, `.npy`), and checked where it does. `id` is the field
/// of ids (by default `id`), `prefix` stands before the names of the result columns. Without a column `n_votes` every
/// row counts as having one. Records may have fields `p_…` of their own: with `classes` the columns of exactly these are
/// read, and otherwise those that stand after `n_votes`.
///
/// # Errors
/// The file cannot be read; there are no probabilities in it, or they are no distributions over the classes; the classes
/// are not known, or other ones; an id is missing or stands twice.
pub fn load(path: &Path, classes: Option<&ClassSet>, id: Option<&str>, prefix: &str) -> Result<Loaded, IoError> {
    if Format::of(path).0 == Some(Format::Npy) {
        return load_npy(path, classes);
    }
    let problem = |problem| IoError::Soft { path: path.to_owned(), problem };
    let reader = Reader::open(&[Source::new(path)], ReadOptions::default(), &Silent)?;
    let schema = reader.schema();
    let columns = ProbColumns::find(&schema, prefix, classes).ok_or_else(|| problem(SoftProblem::NoProbs))?;
    let named: Option<Vec<String>> = match (&columns, reader.classes_json()) {
        (ProbColumns::Each(names), _) => Some(names.iter().map(|name| name[prefix.len() + 2..].to_owned()).collect()),
        (_, Some(json)) => serde_json::from_str(json).ok(),
        _ => None,
    };
    let classes = match (named, classes) {
        (Some(named), Some(given)) if named != given.names() => {
            let (expected, got) = (given.names().join(", "), named.join(", "));
            return Err(problem(SoftProblem::OtherClasses { expected, got }));
        }
        (Some(named), _) => ClassSet::new(named).map_err(|source| IoError::Core { path: path.to_owned(), source })?,
        (None, Some(given)) => given.clone(),
        (None, None) => return Err(problem(SoftProblem::NoClasses)),
    };
    let id = IdColumn::find(&schema, id)?;
    let has_ids = matches!(id, IdColumn::Field(_));
    let mut unique = Unique::new(id.clone());
    let votes = format!("{prefix}n_votes");
    let (mut probs, mut known, mut n_votes, mut ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for batch in reader.batches()? {
        let batch = batch?;
        unique.check(&batch)?;
        ids.extend(id.ids(&batch)?.iter().flatten().map(str::to_owned));
        let votes = batch.column(&votes);
        for row in 0..batch.n_rows() {
            let at = batch.first_row() + row as u64;
            let found = columns.probs(&batch, row).filter(|found| !found.iter().all(|p| p.is_nan()));
            known.push(found.is_some());
            n_votes.push(match votes.as_ref().map(|votes| votes.value(row)) {
                _ if found.is_none() => 0,
                None => 1,
                Some(Some(Value::Number(votes))) => votes as u32,
                Some(_) => 0,
            });
            match found {
                Some(found) if found.len() == classes.len() => probs.extend(found),
                Some(found) => {
                    let (expected, got) = (classes.len(), found.len());
                    return Err(problem(SoftProblem::Length { row: at, expected, got }));
                }
                None => probs.extend(vec![1.0 / classes.len() as f64; classes.len()]),
            }
        }
    }
    let labels = SoftLabels::from_rows(classes, probs, n_votes);
    let labels = labels.map_err(|source| IoError::Core { path: path.to_owned(), source })?;
    Ok(Loaded { labels, known, ids: has_ids.then_some(ids) })
}

/// Where the probabilities stand.
enum ProbColumns {
    List(String),
    Each(Vec<String>),
}

impl ProbColumns {
    fn find(schema: &Schema, prefix: &str, classes: Option<&ClassSet>) -> Option<Self> {
        let list = format!("{prefix}probs");
        if matches!(
            type_of(schema, &list),
            Some(DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
        ) {
            return Some(Self::List(list));
        }
        let start = format!("{prefix}p_");
        if let Some(classes) = classes {
            let each: Vec<String> = classes.names().iter().map(|name| format!("{start}{name}")).collect();
            if each.iter().all(|name| is_number(schema, name)) {
                return Some(Self::Each(each));
            }
        }
        let votes = schema.column_with_name(&format!("{prefix}n_votes")).map_or(0, |(at, _)| at);
        let names = schema.fields().iter().skip(votes).map(|field| field.name());
        let names = names.filter(|name| name.starts_with(&start) && is_number(schema, name));
        let each: Vec<String> = names.cloned().collect();
        (!each.is_empty()).then_some(Self::Each(each))
    }

    /// The probabilities of a row, NaN where one is missing; `None` where there are none.
    fn probs(&self, records: &Dataset, row: usize) -> Option<Vec<f64>> {
        match self {
            Self::List(name) => records.column(name)?.vector(row),
            Self::Each(names) => {
                let number = |name: &String| match records.column(name)?.value(row)? {
                    Value::Number(p) => Some(p),
                    _ => None,
                };
                Some(names.iter().map(|name| number(name).unwrap_or(f64::NAN)).collect())
            }
        }
    }
}

/// Whether there is such a column of numbers; one that is null throughout has no type.
fn is_number(schema: &Schema, name: &str) -> bool {
    let known = schema.column_with_name(name);
    known.is_some_and(|(_, field)| field.data_type().is_numeric() || *field.data_type() == DataType::Null)
}

fn load_npy(path: &Path, classes: Option<&ClassSet>) -> Result<Loaded, IoError> {
    let problem = |problem| IoError::Soft { path: path.to_owned(), problem };
    let classes = classes.ok_or_else(|| problem(SoftProblem::NoClasses))?;
    let file = File::open(path).map_err(|source| IoError::Open { path: path.to_owned(), source })?;
    let mut file = BufReader::new(file);
    let header = Header::read(&mut file).map_err(|error| error.at(path))?;
    let shape = match header.shape[..] {
        [n, k] if header.descr == "<f8" && !header.fortran_order => (n, k),
        _ => return Err(problem(SoftProblem::NotFloats { descr: header.descr })),
    };
    if shape.1 != classes.len() {
        return Err(problem(SoftProblem::Length { row: 0, expected: classes.len(), got: shape.1 }));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| IoError::Read { path: path.to_owned(), source })?;
    if Some(bytes.len()) != shape.0.checked_mul(8 * shape.1) {
        let problem = crate::NpyProblem::CutShort { rows: shape.0, columns: shape.1 };
        return Err(IoError::Npy { path: path.to_owned(), problem });
    }
    let mut probs: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let mut known = vec![true; shape.0];
    for (row, known) in probs.chunks_exact_mut(shape.1).zip(&mut known) {
        if row.iter().all(|p| p.is_nan()) {
            row.fill(1.0 / shape.1 as f64);
            *known = false;
        }
    }
    let n_votes = known.iter().map(|&known| u32::from(known)).collect();
    let labels = SoftLabels::from_rows(classes.clone(), probs, n_votes);
    let labels = labels.map_err(|source| IoError::Core { path: path.to_owned(), source })?;
    Ok(Loaded { labels, known, ids: None })
}
