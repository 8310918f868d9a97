//! The records under audit, as far as an audit looks at them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ndarray::Array2;
use synth::core::{ClassId, ClassSet};
use synth::io::gold::GoldColumn;
use synth::io::ids::{IdColumn, Unique};
use synth::io::{Reader, Vectors};

use super::sources::{LabelInputs, LabelSource, Votes, of_soft};
use crate::args::{AuditFields, RecordArgs};
use crate::config::{Config, or_file};
use crate::errors::{hinted, unboxed};
use crate::generation::material::text_field;
use crate::inputs;
use crate::progress::Progress;

/// What an audit keeps of each record.
pub struct Records {
    pub classes: ClassSet,
    pub source: LabelSource,
    /// The field of ids, if it is named.
    pub id_field: Option<String>,
    /// The field of the text, or why there is none.
    pub text_field: Result<String, String>,
    pub ids: Vec<String>,
    /// `None` where there is none.
    pub labels: Vec<Option<ClassId>>,
    /// What a classifier learns of those with a label, `[n, classes]`, where that is more than the label.
    pub targets: Option<Array2<f64>>,
    pub votes: Option<Votes>,
    /// `None` where there is none, and for all without a field.
    pub texts: Vec<Option<String>>,
    /// Values of the fields with few values, by field.
    pub categories: Vec<(String, Vec<Option<String>>)>,
    pub split: Option<Vec<Option<String>>>,
    /// Where the picture of each record is; empty without a field.
    pub pictures: Vec<Option<PathBuf>>,
    pub number_fields: Vec<String>,
    /// Their values, `[n, fields]`; NaN where there is none.
    pub numbers: Array2<f64>,
    pub vectors: Option<Array2<f64>>,
    /// How many records lack each field.
    pub missing: Vec<(String, u64)>,
}

impl Records {
    pub fn read(
        args: &RecordArgs,
        fields: &AuditFields,
        config: &Config,
        reader: &Reader,
        progress: &Progress,
    ) -> Result<Self> {
        #[cfg(not(feature = "neural"))]
        if fields.image.is_some() {
            return Err(crate::generation::backend::missing_feature("neural", "pictures"));
        }
        let schema = reader.schema();
        let LabelInputs { source, classes, soft, crowd } = LabelInputs::read(args, fields, config, reader, progress)?;
        for (flag, named) in fields.learned() {
            if source.field() == Some(named) {
                return Err(hinted(
                    format!("`{flag} {named}` is the field of the labels"),
                    "name what labels are told by, or another field with --label",
                ));
            }
        }
        let mut not = vec![args.id(config), source.field(), fields.image.as_deref(), fields.split.as_deref()];
        not.extend(fields.category.iter().chain(&fields.number).map(|field| Some(field.as_str())));
        let text_field = match (&fields.text, text_field(&schema, fields.text.as_deref(), &not)) {
            (_, Ok(field)) => Ok(field),
            (Some(_), Err(error)) => return Err(error),
            (None, Err(error)) => Err(error.to_string()),
        };
        let split_field = fields.split.clone().or_else(|| schema.column_with_name("split").map(|_| "split".to_owned()));
        let gold = source.field().map(|field| GoldColumn::find(&schema, field, &classes)).transpose()?;
        let id = IdColumn::find(&schema, args.id(config))?;
        let field_names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut records = Self {
            classes,
            source,
            id_field: args.id(config).map(str::to_owned),
            text_field,
            ids: Vec::new(),
            labels: Vec::new(),
            targets: None,
            votes: None,
            texts: Vec::new(),
            categories: fields.category.iter().map(|field| (field.clone(), Vec::new())).collect(),
            split: split_field.as_ref().map(|_| Vec::new()),
            pictures: Vec::new(),
            number_fields: fields.number.clone(),
            numbers: Array2::zeros((0, fields.number.len())),
            vectors: None,
            missing: field_names.iter().map(|name| (name.clone(), 0)).collect(),
        };
        let pictures = Pictures::beside(&or_file(&args.data, &config.data.files));
        // Votes are joined by id.
        let mut unique = crowd.is_some().then(|| Unique::new(id.clone()));
        let mut numbers = Vec::new();
        for batch in inputs::with_vectors(reader, &[], progress)? {
            let batch = batch.map_err(unboxed)?;
            let n = batch.n_rows();
            if let Some(unique) = &mut unique {
                unique.check(&batch)?;
            }
            if let Some(gold) = &gold {
                records.labels.extend(gold.labels(&batch)?);
            }
            let names = id.ids(&batch)?;
            records.ids.extend((0..n).map(|row| names.value(row).to_owned()));
            let column = |field: &str| {
                batch.column(field).ok_or_else(|| {
                    hinted(
                        format!("the records have no field `{field}`"),
                        format!("they have {}", field_names.join(", ")),
                    )
                })
            };
            let texts_of = |field: &str| -> Result<Vec<Option<String>>> {
                let column = column(field)?;
                Ok((0..n).map(|row| column.value(row).map(|value| value.to_string())).collect())
            };
            match &records.text_field {
                Ok(field) => records.texts.extend(texts_of(field)?),
                Err(_) => records.texts.extend((0..n).map(|_| None)),
            }
            if let (Some(field), Some(split)) = (&split_field, &mut records.split) {
                split.extend(texts_of(field)?);
            }
            if let Some(field) = &fields.image {
                for name in texts_of(field)? {
                    records.pictures.push(name.map(|name| pictures.path(&name)).transpose()?);
                }
            }
            for (field, all) in &mut records.categories {
                all.extend(texts_of(field)?);
            }
            for row in 0..n {
                for field in &fields.number {
                    numbers.push(batch.row(row).number(field).unwrap_or(f64::NAN));
                }
            }
            for (name, missing) in &mut records.missing {
                let column = batch.column(name);
                let is_missing = |row: usize| {
                    column.as_ref().is_none_or(|column| {
                        column.array().is_null(row) || column.text(row).is_some_and(|text| text.trim().is_empty())
                    })
                };
                *missing += (0..n).filter(|row| is_missing(*row)).count() as u64;
            }
        }
        let n = records.ids.len();
        if n == 0 {
            return Err(hinted("there are no records", "name a file that has some: --data records.jsonl"));
        }
        records.numbers = Array2::from_shape_vec((n, fields.number.len()), numbers)?;
        if let Some(crowd) = &crowd {
            records.votes = Some(Votes::join(crowd, &records.classes, &records.ids, progress)?);
        }
        let distributed = match (&records.source, &soft, &records.votes) {
            (LabelSource::Soft(_), Some(soft), _) => Some(of_soft(soft)),
            (LabelSource::Votes, _, Some(votes)) => Some(votes.together(n)?),
            _ => None,
        };
        if let Some((labels, targets)) = distributed {
            (records.labels, records.targets) = (labels, Some(targets));
        }
        if let Some(path) = &fields.vectors {
            let vectors = Vectors::open("vectors", path)?.all()?;
            if let Some(((row, column), x)) = vectors.indexed_iter().find(|(_, x)| !x.is_finite()) {
                return Err(hinted(
                    format!("`{}` has {x} in row {row}, column {column}, expected numbers", path.display()),
                    "write them anew: synth embed --data RECORDS --out vectors.npy",
                ));
            }
            if vectors.nrows() != n {
                return Err(hinted(
                    format!("`{}` has {} rows for {n} records", path.display(), vectors.nrows()),
                    "write them anew: synth embed --data RECORDS --out vectors.npy",
                ));
            }
            records.vectors = Some(vectors);
        }
        Ok(records)
    }

    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// What a person sees of a record: its text or, where texts are not looked at, the fields that are.
    pub fn shown(&self, row: usize) -> String {
        if let (Ok(_), text) = (&self.text_field, &self.texts[row]) {
            return text.clone().unwrap_or_default();
        }
        let numbers = self.number_fields.iter().zip(self.numbers.row(row)).filter(|(_, x)| x.is_finite());
        let numbers = numbers.map(|(field, x)| format!("{field} {x}"));
        let categories =
            self.categories.iter().filter_map(|(field, all)| Some(format!("{field} {}", all[row].as_ref()?)));
        numbers.chain(categories).collect::<Vec<_>>().join(", ")
    }

    /// The name of a label.
    pub fn name(&self, class: ClassId) -> &str {
        self.classes.name(class)
    }

    /// The rows of records with a label.
    pub fn labelled(&self) -> Vec<usize> {
        (0..self.n_rows()).filter(|row| self.labels[*row].is_some()).collect()
    }

    /// How often each class is a label.
    pub fn label_counts(&self) -> Vec<u64> {
        counts(&self.labels, self.classes.len())
    }
}

/// How often each class is a label.
pub fn counts(labels: &[Option<ClassId>], n_classes: usize) -> Vec<u64> {
    let mut counts = vec![0; n_classes];
    labels.iter().flatten().for_each(|class| counts[class.index()] += 1);
    counts
}

/// Where pictures are that records name.
struct Pictures {
    /// The folders of the files of records.
    folders: BTreeSet<PathBuf>,
}

impl Pictures {
    fn beside(files: &[PathBuf]) -> Self {
        Self { folders: files.iter().map(|path| path.parent().unwrap_or(Path::new("")).to_owned()).collect() }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        match self.folders.first() {
            _ if Path::new(name).is_absolute() => Ok(PathBuf::from(name)),
            Some(_) if self.folders.len() > 1 => Err(hinted(
                format!("the records are in several folders, so that it is not clear which one `{name}` is in"),
                "put the files of records into one folder, or name pictures by whole paths",
            )),
            folder => Ok(folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))),
        }
    }
}
