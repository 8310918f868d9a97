//! Diffusion models through the public interface; beside diffusers they are measured in the crate itself.

use std::fs;

use synth_neural::{Device, Diffusion, ModelFolder};

use crate::copy;

#[test]
fn whatever_decides_pictures_is_in_the_fingerprint() {
    // XL has two text encoders.
    let folder = copy("diffusion/xl");
    let model = ModelFolder::Path(folder.path().to_owned());
    let fingerprint = || Diffusion::open(&model, Device::Cpu, &mut |_| {}).unwrap().fingerprint().to_owned();
    let first = fingerprint();
    for file in [
        "model_index.json",
        "text_encoder/config.json",
        "text_encoder_2/config.json",
        "tokenizer_2/vocab.json",
        "tokenizer_2/merges.txt",
        "tokenizer_2/special_tokens_map.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer/special_tokens_map.json",
        "unet/config.json",
        "vae/config.json",
        "scheduler/scheduler_config.json",
    ] {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n")).unwrap();
        assert_ne!(fingerprint(), first, "{file}");
        fs::write(&path, text).unwrap();
    }
    assert_eq!(fingerprint(), first);
}
