//! The records under audit, as far as an audit looks at them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ndarray::Array2;
use synth::core::{ClassId, ClassSet};
use synth::io::gold::GoldColumn;
use synth::io::ids::IdColumn;
use synth::io::{Reader, Vectors};

use crate::args::AuditArgs;
use crate::config::{Config, or_file};
use crate::errors::{hinted, unboxed};
use crate::generation::material::{text_field, values};
use crate::inputs;
use crate::progress::Progress;

/// What an audit keeps of each record.
pub struct Records {
    pub classes: ClassSet,
    /// The field of the labels.
    pub label_field: String,
    /// That of the text, if there is one.
    pub text_field: Option<String>,
    pub ids: Vec<String>,
    /// `None` where there is none.
    pub labels: Vec<Option<ClassId>>,
    /// `None` where there is none, and for all without a field.
    pub texts: Vec<Option<String>>,
    /// Values of the fields with few values, by field.
    pub categories: Vec<(String, Vec<Option<String>>)>,
    pub split: Option<Vec<Option<String>>>,
    /// Where the picture of each record is; empty without a field.
    pub pictures: Vec<Option<PathBuf>>,
    /// Fields of numbers, `[n, fields]`; NaN where there is none.
    pub numbers: Array2<f64>,
    pub vectors: Option<Array2<f64>>,
    /// How many records lack each field.
    pub missing: Vec<(String, u64)>,
}

impl Records {
    pub fn read(args: &AuditArgs, config: &Config, reader: &Reader, progress: &Progress) -> Result<Self> {
        #[cfg(not(feature = "neural"))]
        if args.image.is_some() {
            return Err(crate::generation::backend::missing_feature("neural", "pictures"));
        }
        let schema = reader.schema();
        let named = args.label.as_deref().or(config.data.gold.as_deref());
        let label_field = named.unwrap_or("label").to_owned();
        let classes = match inputs::given_classes(&args.classes)? {
            Some(classes) => classes,
            None => {
                let mut names: Vec<String> = values(reader, &label_field)?.into_iter().collect();
                if names.iter().all(|name| name.parse::<i64>().is_ok()) {
                    names.sort_by_key(|name| name.parse::<i64>().unwrap_or(0));
                }
                if names.is_empty() {
                    let fields: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                    return Err(hinted(
                        format!("no record has a label in the field `{label_field}`"),
                        format!("name the field: --label FIELD; the records have {}", fields.join(", ")),
                    ));
                }
                ClassSet::new(names)?
            }
        };
        let not = [args.records.id(config), Some(&*label_field), args.image.as_deref()];
        let text_field = match (&args.text, text_field(&schema, args.text.as_deref(), &not)) {
            (_, Ok(field)) => Some(field),
            (Some(_), Err(error)) => return Err(error),
            (None, Err(_)) => None,
        };
        let split_field = args.split.clone().or_else(|| schema.column_with_name("split").map(|_| "split".to_owned()));
        let gold = GoldColumn::find(&schema, &label_field, &classes)?;
        let id = IdColumn::find(&schema, args.records.id(config))?;
        let field_names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut records = Self {
            classes,
            label_field,
            text_field,
            ids: Vec::new(),
            labels: Vec::new(),
            texts: Vec::new(),
            categories: args.category.iter().map(|field| (field.clone(), Vec::new())).collect(),
            split: split_field.as_ref().map(|_| Vec::new()),
            pictures: Vec::new(),
            numbers: Array2::zeros((0, args.number.len())),
            vectors: None,
            missing: field_names.iter().map(|name| (name.clone(), 0)).collect(),
        };
        let files = or_file(&args.records.data, &config.data.files);
        let folder = files.first().and_then(|path| path.parent()).unwrap_or(Path::new("")).to_owned();
        let mut numbers = Vec::new();
        for batch in inputs::with_vectors(reader, &[], progress)? {
            let batch = batch.map_err(unboxed)?;
            let n = batch.n_rows();
            records.labels.extend(gold.labels(&batch)?);
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
                Some(field) => records.texts.extend(texts_of(field)?),
                None => records.texts.extend((0..n).map(|_| None)),
            }
            if let (Some(field), Some(split)) = (&split_field, &mut records.split) {
                split.extend(texts_of(field)?);
            }
            if let Some(field) = &args.image {
                let path = |name: Option<String>| name.map(|name| folder.join(name));
                records.pictures.extend(texts_of(field)?.into_iter().map(path));
            }
            for (field, all) in &mut records.categories {
                all.extend(texts_of(field)?);
            }
            for row in 0..n {
                for field in &args.number {
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
        let n = records.labels.len();
        if n == 0 {
            return Err(hinted("there are no records", "name a file that has some: --data records.jsonl"));
        }
        records.numbers = Array2::from_shape_vec((n, args.number.len()), numbers)?;
        if let Some(path) = &args.vectors {
            let vectors = Vectors::open("vectors", path)?.all()?;
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

    /// The name of a label.
    pub fn name(&self, class: ClassId) -> &str {
        self.classes.name(class)
    }
}
