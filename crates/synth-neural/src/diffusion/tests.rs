//! Each part and whole pictures beside diffusers, as they were recorded: see tests/fixtures/diffusion.py.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Recorded {
    prompts: Vec<String>,
    v1: Version,
    v2: Version,
}

#[derive(Deserialize)]
struct Version {
    ids: Vec<Vec<u32>>,
    noise: Vec<f32>,
    image: Vec<f32>,
    text: Vec<f32>,
    unet: Vec<f32>,
    decoded: Vec<f32>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    ddim: Vec<f32>,
    euler: Vec<f32>,
    ddim_trailing: Vec<f32>,
    euler_leading: Vec<f32>,
    img2img_ddim: Vec<f32>,
    img2img_euler: Vec<f32>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn recorded() -> Recorded {
    serde_json::from_slice(&std::fs::read(fixtures().join("diffusion.json")).unwrap()).unwrap()
}

fn open(name: &str) -> Diffusion {
    Diffusion::open(&ModelFolder::Path(fixtures().join("diffusion").join(name)), &mut |_| {}).unwrap()
}

fn tensor(numbers: &[f32], shape: (usize, usize, usize, usize)) -> Tensor {
    Tensor::from_slice(numbers, shape, &Device::Cpu).unwrap()
}

#[track_caller]
fn near(got: &Tensor, expected: &[f32], what: &str) {
    let got: Vec<f32> = got.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(got.len(), expected.len(), "{what}");
    let farthest = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(farthest < 1e-3, "{what}: {farthest}");
}

const LATENTS: (usize, usize, usize, usize) = (1, 4, 8, 8);

fn each_version(check: impl Fn(&mut Diffusion, &Version, &[String])) {
    let recorded = recorded();
    check(&mut open("v1"), &recorded.v1, &recorded.prompts);
    check(&mut open("v2"), &recorded.v2, &recorded.prompts);
}

#[test]
fn parts_are_those_of_diffusers() {
    each_version(|model, recorded, prompts| {
        let mut states = Vec::new();
        for (prompt, ids) in prompts.iter().zip(&recorded.ids) {
            let tokens = model.tokenizer.tokens(prompt).unwrap();
            assert_eq!(&tokens, ids, "{prompt:?}");
            states.push(model.text.forward(&tokens, &Device::Cpu).unwrap());
        }
        let every = Tensor::new(&[0u32, 19, 38, 57, 76], &Device::Cpu).unwrap();
        let some: Vec<Tensor> = states.iter().map(|states| states.index_select(&every, 1).unwrap()).collect();
        near(&Tensor::cat(&some, 0).unwrap(), &recorded.text, "text");
        let noise = tensor(&recorded.noise, LATENTS);
        near(&model.unet.forward(&noise, 371.0, &states[0]).unwrap(), &recorded.unet, "unet");
        near(&model.vae.decode(&noise).unwrap(), &recorded.decoded, "decoded");
        let (mean, deviation) = model.vae.encode(&tensor(&recorded.image, (1, 3, 16, 16))).unwrap();
        near(&mean, &recorded.mean, "mean");
        near(&deviation, &recorded.deviation, "deviation");
    });
}

#[test]
fn pictures_are_those_of_diffusers() {
    use super::config::Spacing;

    each_version(|model, recorded, prompts| {
        let noise = tensor(&recorded.noise, LATENTS);
        let picture = |model: &Diffusion, sampler| {
            let request = PictureRequest {
                negative_prompt: "do of",
                steps: 10,
                sampler: Some(sampler),
                ..PictureRequest::of(&prompts[0], 0)
            };
            model.denoised(&request, None, &noise, &|| false).unwrap().unwrap()
        };
        model.schedule.timestep_spacing = None;
        near(&picture(model, DiffusionSampler::Ddim), &recorded.ddim, "ddim");
        near(&picture(model, DiffusionSampler::Euler), &recorded.euler, "euler");
        model.schedule.timestep_spacing = Some(Spacing::Trailing);
        near(&picture(model, DiffusionSampler::Ddim), &recorded.ddim_trailing, "ddim, trailing");
        model.schedule.timestep_spacing = Some(Spacing::Leading);
        near(&picture(model, DiffusionSampler::Euler), &recorded.euler_leading, "euler, leading");
    });
}

#[test]
fn pictures_of_pictures_are_those_of_diffusers() {
    each_version(|model, recorded, prompts| {
        model.schedule.timestep_spacing = None;
        let latents =
            model.encoded(&tensor(&recorded.image, (1, 3, 16, 16)), &tensor(&recorded.noise, LATENTS)).unwrap();
        let backwards: Vec<f32> = recorded.noise.iter().rev().copied().collect();
        let noise = tensor(&backwards, LATENTS);
        for (sampler, expected) in
            [(DiffusionSampler::Ddim, &recorded.img2img_ddim), (DiffusionSampler::Euler, &recorded.img2img_euler)]
        {
            let request = PictureRequest { steps: 10, sampler: Some(sampler), ..PictureRequest::of(&prompts[0], 0) };
            let made = model.denoised(&request, Some((&latents, 0.6)), &noise, &|| false).unwrap().unwrap();
            near(&made, expected, "from a picture");
        }
    });
}

#[test]
fn a_seed_fixes_every_pixel() {
    let model = open("v1");
    let request = |seed| PictureRequest { steps: 4, ..PictureRequest::of("a photo of a dog", seed) };
    let draw = |request: &PictureRequest<'_>| model.draw(request, &|| false).unwrap().unwrap();
    let first = draw(&request(1));
    assert_eq!((first.width(), first.height()), (16, 16));
    assert_eq!(draw(&request(1)), first);
    assert_ne!(draw(&request(2)), first);
    assert_ne!(draw(&PictureRequest { prompt: "two dogs", ..request(1) }), first);
    assert_ne!(draw(&PictureRequest { guidance: 1.0, ..request(1) }), first);
    // Little may change of a picture.
    let apart = |a: &Picture| -> f64 {
        let all = a.rgb().iter().zip(first.rgb()).map(|(a, b)| f64::from(a.abs_diff(*b)));
        all.sum::<f64>() / a.rgb().len() as f64
    };
    let begun = |strength| draw(&PictureRequest { steps: 20, start: Some((&first, strength)), ..request(3) });
    // The autoencoder of random weights keeps little of a picture: but more where less is noise.
    let (near, far) = (begun(0.05), begun(1.0));
    assert!(near != far && apart(&near) != apart(&far), "{} {}", apart(&near), apart(&far));
    assert_eq!(near, begun(0.05));
    let wide = draw(&PictureRequest { size: Some((24, 16)), ..request(1) });
    assert_eq!((wide.width(), wide.height()), (24, 16));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| draw(&request(1))), first);
    assert_eq!(model.draw(&request(1), &|| true).unwrap(), None);
}

#[test]
fn requests_are_checked() {
    let model = open("v1");
    let refuse = |request: PictureRequest<'_>| model.draw(&request, &|| false).unwrap_err().to_string();
    let plain = || PictureRequest::of("dog", 0);
    assert!(refuse(PictureRequest { steps: 0, ..plain() }).starts_with("`steps` is 0, expected 1 or more"));
    assert!(refuse(PictureRequest { steps: 1001, ..plain() }).starts_with("`steps` is 1001"));
    let size = refuse(PictureRequest { size: Some((14, 16)), ..plain() });
    assert_eq!(size, "a picture of 14 x 16 pixels cannot be drawn: its sides must be multiples of 4");
    assert!(refuse(PictureRequest { size: Some((1 << 20, 1 << 20)), ..plain() }).contains("33 million pixels"));
    assert!(refuse(PictureRequest { guidance: f64::NAN, ..plain() }).starts_with("`guidance` is NaN"));
    let picture = Picture::from_rgb(1, 1, vec![0; 3]).unwrap();
    assert!(refuse(PictureRequest { start: Some((&picture, 0.01)), ..plain() }).starts_with("`strength` is 0.01"));
}
