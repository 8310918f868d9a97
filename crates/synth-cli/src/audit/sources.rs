//! Where labels come from: a field, soft labels, or what annotators say together.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::Result;
use ndarray::{Array2, ArrayView1};
use synth::core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder, LfVote};
use synth::io::votes::{Crowd, sort_labels};
use synth::io::{Reader, soft};
use synth::label::Method;

use super::annotators::{self, soft_labels};
use crate::args::{AuditFields, RecordArgs};
use crate::config::Config;
use crate::errors::hinted;
use crate::generation::material::values;
use crate::inputs;
use crate::joined::Joined;
use crate::progress::Progress;
use crate::table::counted;

/// Where labels come from.
pub enum LabelSource {
    /// A field of the records.
    Field(String),
    /// Soft labels beside them.
    Soft(PathBuf),
    /// What annotators say together.
    Votes,
}

impl LabelSource {
    fn of(fields: &AuditFields, config: &Config, reader: &Reader) -> Self {
        const USUAL: &str = "label";
        let named = fields.label.as_deref().or(config.data.gold.as_deref());
        match (&fields.soft, &fields.votes, named) {
            (Some(path), ..) => Self::Soft(path.clone()),
            (None, _, Some(field)) => Self::Field(field.to_owned()),
            (None, Some(_), None) if reader.schema().column_with_name(USUAL).is_none() => Self::Votes,
            (None, _, None) => Self::Field(USUAL.to_owned()),
        }
    }

    /// The field, if the labels are in one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field(field) => Some(field),
            Self::Soft(_) | Self::Votes => None,
        }
    }
}

/// What is known of labels before the records are read.
pub struct LabelInputs {
    pub source: LabelSource,
    pub classes: ClassSet,
    pub soft: Option<Joined>,
    pub crowd: Option<Crowd>,
}

impl LabelInputs {
    pub fn read(
        args: &RecordArgs,
        fields: &AuditFields,
        config: &Config,
        reader: &Reader,
        progress: &Progress,
    ) -> Result<Self> {
        let source = LabelSource::of(fields, config, reader);
        let mut given = inputs::given_classes(&fields.classes)?;
        let mut joined = None;
        if let LabelSource::Soft(path) = &source {
            let id = args.id(config);
            let loaded = soft::load(path, given.as_ref(), id, "")?;
            given = Some(loaded.labels.classes().clone());
            joined = Some(Joined::of(reader, id, None, loaded, path)?);
        }
        let crowd = fields.votes.as_ref().map(|path| annotators::load(path, given.as_ref(), progress)).transpose()?;
        let classes = match given {
            Some(classes) => classes,
            None => {
                let mut names = match source.field() {
                    Some(field) => names_in(field, reader)?,
                    None => BTreeSet::new(),
                };
                names.extend(crowd.iter().flat_map(|crowd| crowd.matrix.classes().names()).cloned());
                let mut names: Vec<String> = names.into_iter().collect();
                sort_labels(&mut names);
                ClassSet::new(names)?
            }
        };
        Ok(Self { source, classes, soft: joined, crowd })
    }
}

/// More classes than this are hardly classes, and each two of them take room.
const MOST_CLASSES: usize = 2_000;

/// The labels that stand in a field.
fn names_in(field: &str, reader: &Reader) -> Result<BTreeSet<String>> {
    /// Of more numbers with a fraction it is not believed that they are classes.
    const FRACTIONS: usize = 20;
    let schema = reader.schema();
    let names = values(reader, field)?;
    if let (true, Some((_, known))) = (names.is_empty(), schema.column_with_name(field)) {
        return Err(hinted(
            format!("no record has a label in the field `{field}`, which holds {}", known.data_type()),
            "labels are texts, whole numbers, or true and false",
        ));
    }
    if names.is_empty() {
        let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        if known.is_empty() {
            return Err(hinted("there are no records", "name a file that has some: --data records.jsonl"));
        }
        return Err(hinted(
            format!("no record has a label in the field `{field}`"),
            format!("name the field: --label FIELD; the records have {}", known.join(", ")),
        ));
    }
    if names.len() > MOST_CLASSES {
        return Err(hinted(
            format!("`{field}` holds {} different labels, and an audit takes up to {MOST_CLASSES}", names.len()),
            "name the field of the labels: --label FIELD",
        ));
    }
    let has_fraction = |name: &&String| name.parse().is_ok_and(|number: f64| number.fract() != 0.0);
    let fractions = names.iter().filter(has_fraction).count();
    if fractions > FRACTIONS {
        return Err(hinted(
            format!("`{field}` holds {fractions} different numbers with a fraction: they are no classes"),
            "an audit judges classes: put the numbers into a few ranges, or name another field with --label",
        ));
    }
    Ok(names)
}

/// Labels, and what a classifier learns: `[n, classes]`.
type Labels = (Vec<Option<ClassId>>, Array2<f64>);

/// The labels of soft labels.
pub fn of_soft(soft: &Joined) -> Labels {
    let (targets, known) = (soft.targets(), soft.weights(false));
    let label = |(probs, weight): (ArrayView1<'_, f64>, &f64)| decided(probs).filter(|_| *weight > 0.0);
    (targets.rows().into_iter().zip(&known).map(label).collect(), targets)
}

/// The most probable class, if there is one.
fn decided(probs: ArrayView1<'_, f64>) -> Option<ClassId> {
    let largest = probs.iter().copied().fold(0.0, f64::max);
    // Rounding decides nothing.
    let mut likely = (0u16..).zip(probs).filter(|(_, p)| **p > largest - 1e-9);
    let (class, _) = likely.next()?;
    likely.next().is_none().then(|| ClassId::new(class))
}

/// Votes of annotators on records.
pub struct Votes {
    /// The rows of records with votes.
    pub rows: Vec<usize>,
    /// Their votes, in the same order, of the classes of the records.
    pub matrix: LabelMatrix,
}

impl Votes {
    /// Joins votes with records, by the items that are ids.
    pub fn join(crowd: &Crowd, classes: &ClassSet, ids: &[String], progress: &Progress) -> Result<Self> {
        let row_of: HashMap<&str, usize> = ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
        // Of each class of the votes that of the records, which has its name.
        let class_of: Vec<Option<ClassId>> =
            crowd.matrix.classes().names().iter().map(|name| classes.id(name)).collect();
        let mut builder = LabelMatrixBuilder::new(classes.clone(), crowd.matrix.lf_names().to_vec())?;
        let mut rows = Vec::new();
        for (item, name) in crowd.items.iter().enumerate() {
            let Some(row) = row_of.get(name.as_str()) else { continue };
            let vote = |vote: &LfVote| Some(LfVote { class: class_of[vote.class.index()]?, ..*vote });
            builder.push_sparse(&crowd.matrix.votes(item).iter().filter_map(vote).collect::<Vec<_>>())?;
            rows.push(*row);
        }
        if rows.is_empty() {
            return Err(hinted(
                format!("no record has votes: the first item is `{}`, the first id is `{}`", crowd.items[0], ids[0]),
                "name the field that holds the items of the votes: --id FIELD",
            ));
        }
        let without = crowd.items.len() - rows.len();
        if without > 0 {
            progress.warn(&format!("{} with votes but without a record", counted(without as u64, "item", "items")));
        }
        Ok(Self { rows, matrix: builder.finish() })
    }

    /// What the votes say together of n records.
    pub fn together(&self, n: usize) -> Result<Labels> {
        let soft = soft_labels(&self.matrix, Method::DawidSkene)?;
        let mut targets = Array2::from_elem((n, soft.ncols()), 1.0 / soft.ncols() as f64);
        let mut labels = vec![None; n];
        for (row, probs) in self.rows.iter().zip(soft.rows()) {
            labels[*row] = decided(probs);
            targets.row_mut(*row).assign(&probs);
        }
        Ok((labels, targets))
    }
}
