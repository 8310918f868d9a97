//! Parts of the records where a classifier is weak.

use serde::Serialize;
use synth::audit::weak_slices;

use crate::audit::records::Records;

#[derive(Serialize)]
pub struct Weak {
    pub field: String,
    pub value: String,
    pub n: usize,
    pub accuracy: f64,
    pub deviations: f64,
}

/// Where the prediction is wrong more often than elsewhere: by the fields of --category, the split and the label.
pub fn find(records: &Records, is_right: &[bool]) -> Vec<Weak> {
    let labelled = &records.labelled();
    let mut fields: Vec<(&str, Vec<Option<&str>>)> = Vec::new();
    fn of<'a>(all: &'a [Option<String>], labelled: &[usize]) -> Vec<Option<&'a str>> {
        labelled.iter().map(|row| all[*row].as_deref()).collect()
    }
    fields.extend(records.split.as_deref().map(|split| ("split", of(split, labelled))));
    fields.extend(records.categories.iter().map(|(field, all)| (field.as_str(), of(all, labelled))));
    let labels = labelled.iter().map(|row| records.labels[*row].map(|class| records.name(class))).collect();
    fields.push((records.source.field().unwrap_or("label"), labels));
    let weak = |(field, keys): (&str, Vec<Option<&str>>)| -> Vec<Weak> {
        weak_slices(&keys, is_right)
            .into_iter()
            .map(|slice| Weak {
                field: field.to_owned(),
                value: slice.key,
                n: slice.n,
                accuracy: slice.accuracy,
                deviations: slice.deviations,
            })
            .collect()
    };
    fields.into_iter().flat_map(weak).collect()
}
