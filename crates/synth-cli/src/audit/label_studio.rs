//! Doubtful labels as tasks of Label Studio: its JSON format for import, with the suggestion as a prediction.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::findings::{Findings, LabelError};
use super::records::Records;

/// A task for each doubtful label, the likeliest wrong first: as JSON, and how many there are. They fit a project with the
/// [`interface`].
pub fn tasks(findings: &Findings, records: &Records) -> (String, usize) {
    let errors = findings.labels.as_ref().map(|labels| labels.errors.as_slice()).unwrap_or_default();
    let task = |error: &LabelError| {
        let mut data = json!({ "id": error.id, "row": error.row, "label": error.label });
        let text = records.shown(error.row);
        if judged(records) == "text" || !text.is_empty() {
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
                    "to_name": judged(records),
                    "type": "choices",
                    "value": { "choices": [error.suggested] },
                }],
            }],
        })
    };
    let tasks: Vec<Value> = errors.iter().map(task).collect();
    (format!("{:#}\n", Value::Array(tasks)), errors.len())
}

/// What people look at: pictures alone, or texts.
fn judged(records: &Records) -> &'static str {
    match (&records.text_field, records.pictures.is_empty()) {
        (Err(_), false) => "image",
        _ => "text",
    }
}

/// The file of the [`interface`] beside that of the tasks.
pub fn interface_path(tasks: &Path) -> PathBuf {
    tasks.with_extension("xml")
}

/// The labeling interface that a project of these tasks needs, with all classes.
pub fn interface(records: &Records) -> String {
    let shown = match judged(records) {
        "image" => r#"<Image name="image" value="$image"/>"#,
        _ => r#"<Text name="text" value="$text"/>"#,
    };
    let choice = |name: &String| format!("    <Choice value=\"{}\"/>\n", escaped(name));
    let choices: String = records.classes.names().iter().map(choice).collect();
    format!(
        "<View>\n  {shown}\n  <Choices name=\"label\" toName=\"{}\" choice=\"single\">\n{choices}  </Choices>\n</View>\n",
        judged(records)
    )
}

/// A text within quotes of XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
