//! Kept candidates as records.

use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use synth_core::{BoxError, ClassSet, Dataset};

use crate::{Candidate, GenerateError, Provenance};

/// The field in which rows carry where they come from.
pub const PROVENANCE: &str = "provenance";

/// The schema of kept candidates: `id`, the text in its field, the class that was asked for as `wanted`, and
/// `provenance` with the fields of [`Provenance`].
pub fn rows_schema(text_field: &str) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new(text_field, DataType::Utf8, false),
        Field::new("wanted", DataType::Utf8, true),
        provenance_field(),
    ]))
}

/// The field of [`Provenance`], null where a record was not made.
pub fn provenance_field() -> Field {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, false)));
    let fields = Fields::from(vec![
        text("kind"),
        text("generator"),
        text("model"),
        text("prompt"),
        text("request"),
        Field::new("parents", list(DataType::Utf8), false),
        Field::new("seed", DataType::UInt64, false),
        Field::new("attributes", list(DataType::Struct(vec![text("name"), text("value")].into())), false),
        Field::new(
            "scores",
            list(DataType::Struct(vec![text("filter"), Field::new("score", DataType::Float64, true)].into())),
            false,
        ),
    ]);
    Field::new(PROVENANCE, DataType::Struct(fields), true)
}

/// Candidates as records of [`rows_schema`].
///
/// # Errors
/// Arrow cannot build the columns.
pub fn rows(candidates: &[Candidate], text_field: &str, classes: &ClassSet) -> Result<Dataset, GenerateError> {
    let values: Vec<serde_json::Value> = candidates
        .iter()
        .map(|candidate| {
            serde_json::json!({
                "id": candidate.id,
                text_field: candidate.text,
                "wanted": candidate.wanted.map(|class| classes.name(class)),
                PROVENANCE: candidate.provenance,
            })
        })
        .collect();
    decode(&values, rows_schema(text_field))
}

/// A column of provenance beside other records; `None` for records that were not made.
///
/// # Errors
/// As [`rows`].
pub fn provenance_column(all: &[Option<&Provenance>]) -> Result<Dataset, GenerateError> {
    let values: Vec<serde_json::Value> =
        all.iter().map(|provenance| serde_json::json!({ PROVENANCE: provenance })).collect();
    decode(&values, Arc::new(Schema::new(vec![provenance_field()])))
}

fn decode(values: &[serde_json::Value], schema: SchemaRef) -> Result<Dataset, GenerateError> {
    let read = || -> Result<Dataset, BoxError> {
        let mut decoder = ReaderBuilder::new(SchemaRef::clone(&schema)).build_decoder()?;
        decoder.serialize(values)?;
        let batch = decoder.flush()?;
        Ok(Dataset::new(batch.unwrap_or_else(|| arrow_array::RecordBatch::new_empty(schema))))
    };
    read().map_err(GenerateError::Rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Score};

    #[test]
    fn rows_say_where_they_come_from() {
        let classes = ClassSet::new(["ham", "spam"]).unwrap();
        let provenance = Provenance {
            kind: "examples".into(),
            parents: vec!["a".into(), "b".into()],
            seed: 1 << 40,
            attributes: vec![Attribute { name: "length".into(), value: "short".into() }],
            scores: vec![Score { filter: "length".into(), score: None }],
            ..Provenance::default()
        };
        let candidate = Candidate {
            id: "g-1".into(),
            text: "win".into(),
            wanted: classes.id("spam"),
            source: None,
            provenance: provenance.clone(),
        };
        let records = rows(&[candidate], "body.text", &classes).unwrap();
        let row = records.row(0);
        assert_eq!(row.text("body.text").as_deref(), Some("win"));
        assert_eq!(row.text("wanted").as_deref(), Some("spam"));
        assert_eq!(row.text("provenance.kind").as_deref(), Some("examples"));
        assert_eq!(row.number("provenance.seed"), Some((1_u64 << 40) as f64));
        assert_eq!(rows(&[], "text", &classes).unwrap().n_rows(), 0);
        let column = provenance_column(&[None, Some(&provenance)]).unwrap();
        assert_eq!(column.row(0).text("provenance.kind"), None);
        assert_eq!(column.row(1).text("provenance.kind").as_deref(), Some("examples"));
    }
}
