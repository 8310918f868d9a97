//! CLIP and DINOv2 beside transformers, as they were recorded: see fixtures/vision.py.

use std::fs;
use std::sync::Arc;

use serde::Deserialize;
use synth_core::{ClassSet, Dataset, Predict};
use synth_image::{ImageFeatures, Picture};
use synth_neural::{Clip, ClipZeroShot, Device, Dinov2, ModelFolder};

use crate::fixtures;

#[derive(Deserialize)]
struct Recorded {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    prompts: Vec<String>,
    clip_image: Vec<f64>,
    clip_probs: Vec<f64>,
    dinov2: Vec<f64>,
}

fn recorded() -> (Recorded, Picture) {
    let recorded: Recorded = serde_json::from_slice(&fs::read(fixtures().join("vision.json")).unwrap()).unwrap();
    let picture = Picture::from_rgb(recorded.width, recorded.height, recorded.rgb.clone()).unwrap();
    (recorded, picture)
}

fn folder(name: &str) -> ModelFolder {
    ModelFolder::Path(fixtures().join("vision").join(name))
}

#[track_caller]
fn near(got: impl IntoIterator<Item = f64>, expected: &[f64]) {
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), expected.len());
    let farthest = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(farthest < 1e-4, "{farthest}");
}

#[test]
fn clip_is_that_of_transformers() {
    let (recorded, picture) = recorded();
    let clip = Arc::new(Clip::open(&folder("clip"), Device::Cpu, &mut |_| {}).unwrap());
    near(clip.features(std::slice::from_ref(&picture)).unwrap().row(0).to_vec(), &recorded.clip_image);
    let prompts: Vec<&str> = recorded.prompts.iter().map(String::as_str).collect();
    near(clip.probabilities(&picture, &prompts).unwrap(), &recorded.clip_probs);
    // As a classifier of records.
    let classes = ClassSet::new(["dog", "boot", "zebra"]).unwrap();
    let zero_shot = ClipZeroShot::new(Arc::clone(&clip), classes.clone(), &recorded.prompts, "picture").unwrap();
    let soft = zero_shot.predict(&Dataset::of_texts("picture", [picture.to_url()])).unwrap();
    near(soft.probs(0).to_vec(), &recorded.clip_probs);
    assert!(zero_shot.predict(&Dataset::of_texts("picture", ["nowhere.png"])).is_err());
    assert!(ClipZeroShot::new(clip, classes, &recorded.prompts[..2], "picture").is_err());
}

#[test]
fn dinov2_is_that_of_transformers() {
    let (recorded, picture) = recorded();
    let dinov2 = Dinov2::open(&folder("dinov2"), Device::Cpu, &mut |_| {}).unwrap();
    near(dinov2.features(&[picture]).unwrap().row(0).to_vec(), &recorded.dinov2);
}

#[test]
fn other_models_are_refused() {
    let error = Clip::open(&folder("dinov2"), Device::Cpu, &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("config.json` cannot be used"), "{error}");
    assert!(Dinov2::open(&folder("clip"), Device::Cpu, &mut |_| {}).is_err());
}
