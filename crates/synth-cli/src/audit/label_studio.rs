//! Doubtful labels as tasks of Label Studio: its JSON format for import, with the suggestion as a prediction.

use serde_json::{Value, json};

use super::findings::{Findings, LabelError};
use super::records::Records;

/// A task for each doubtful label, the likeliest wrong first: as JSON, and how many there are.
///
/// They fit a project whose configuration has `<Text name="text" value="$text"/>`, or `<Image name="image"
/// value="$image"/>` for records of pictures alone, and `<Choices name="label" toName="text">` (or `image`) with the
/// classes.
pub fn tasks(findings: &Findings, records: &Records) -> (String, usize) {
    let errors = findings.labels.as_ref().map(|labels| labels.errors.as_slice()).unwrap_or_default();
    let judged = match (&records.text_field, records.pictures.is_empty()) {
        (None, false) => "image",
        _ => "text",
    };
    let task = |error: &LabelError| {
        let mut data = json!({ "id": error.id, "row": error.row, "label": error.label });
        if let Some(text) = records.texts[error.row].as_deref().or((judged == "text").then_some("")) {
            data["text"] = text.into();
        }
        if let Some(picture) = records.pictures.get(error.row).and_then(Option::as_ref) {
            data["image"] = picture.to_string_lossy().into();
        }
        json!({
            "data": data,
            "predictions": [{
                "model_version": "synth audit",
                "score": error.probabilities[1],
                "result": [{
                    "from_name": "label",
                    "to_name": judged,
                    "type": "choices",
                    "value": { "choices": [error.suggested] },
                }],
            }],
        })
    };
    let tasks: Vec<Value> = errors.iter().map(task).collect();
    (format!("{:#}\n", Value::Array(tasks)), errors.len())
}
