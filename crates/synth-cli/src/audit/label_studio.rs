//! Doubtful labels as tasks of Label Studio: its JSON format for import, with the suggestion as a prediction.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use synth::io::AtomicFile;

use super::findings::Findings;
use super::records::Records;

/// Writes a task for each doubtful label, the likeliest wrong first; how many there are.
///
/// They fit a project whose configuration has `<Text name="text" value="$text"/>` and `<Choices name="label"
/// toName="text">` with the classes.
pub fn write(path: &Path, findings: &Findings, records: &Records) -> Result<usize> {
    let errors = findings.labels.as_ref().map(|labels| labels.errors.as_slice()).unwrap_or_default();
    let task = |error: &super::findings::LabelError| {
        json!({
            "data": {
                "text": records.texts[error.row].as_deref().unwrap_or_default(),
                "id": error.id,
                "row": error.row,
                "label": error.label,
            },
            "predictions": [{
                "model_version": "synth audit",
                "score": error.probabilities[1],
                "result": [{
                    "from_name": "label",
                    "to_name": "text",
                    "type": "choices",
                    "value": { "choices": [error.suggested] },
                }],
            }],
        })
    };
    let tasks: Vec<_> = errors.iter().map(task).collect();
    let text = serde_json::to_string_pretty(&tasks)? + "\n";
    AtomicFile::write_all_to(path, text.as_bytes())?;
    Ok(tasks.len())
}
