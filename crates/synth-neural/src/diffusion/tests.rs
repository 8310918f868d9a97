//! Each part and whole pictures beside diffusers, as they were recorded: see tests/fixtures/diffusion.py.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::Spacing;
use super::prompt::Meaning;
use super::*;

#[derive(Deserialize)]
struct Recorded {
    prompts: Vec<String>,
    v1: Version,
    v2: Version,
    xl: XlVersion,
    turbo: XlVersion,
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
    ddim_trailing_half: Vec<f32>,
    ddim_linspace_half: Vec<f32>,
    euler_leading: Vec<f32>,
    img2img_ddim: Vec<f32>,
    img2img_euler: Vec<f32>,
}

#[derive(Deserialize)]
struct XlVersion {
    ids: [Vec<Vec<u32>>; 2],
    noise: Vec<f32>,
    text: Vec<f32>,
    pooled: Vec<f32>,
    unet: Vec<f32>,
    euler: Vec<f32>,
    ddim: Vec<f32>,
    no_negative: Vec<f32>,
    one_step: Vec<f32>,
    four_steps: Vec<f32>,
    ancestral: Vec<f32>,
    wide: Vec<f32>,
    image: Vec<f32>,
    img2img: Vec<f32>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn recorded() -> Recorded {
    serde_json::from_slice(&std::fs::read(fixtures().join("diffusion.json")).unwrap()).unwrap()
}

fn open(name: &str) -> Diffusion {
    Diffusion::open(&ModelFolder::Path(fixtures().join("diffusion").join(name)), Device::Cpu, &mut |_| {}).unwrap()
}

fn tensor(numbers: &[f32], shape: (usize, usize, usize, usize)) -> Tensor {
    Tensor::from_slice(numbers, shape, &On::Cpu).unwrap()
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

/// Every 19th token of meanings.
fn some_tokens(meanings: &[Meaning]) -> Tensor {
    let every = Tensor::new(&[0u32, 19, 38, 57, 76], &On::Cpu).unwrap();
    let some: Vec<Tensor> = meanings.iter().map(|meaning| meaning.tokens.index_select(&every, 1).unwrap()).collect();
    Tensor::cat(&some, 0).unwrap()
}

#[test]
fn parts_are_those_of_diffusers() {
    each_version(|model, recorded, prompts| {
        let mut states = Vec::new();
        for (prompt, ids) in prompts.iter().zip(&recorded.ids) {
            assert_eq!(model.prompts.tokens(prompt), std::slice::from_ref(ids), "{prompt:?}");
            states.push(model.prompts.meaning(prompt).unwrap());
        }
        near(&some_tokens(&states), &recorded.text, "text");
        let noise = tensor(&recorded.noise, LATENTS);
        let condition = model.unet.condition(states.swap_remove(0), (16, 16)).unwrap();
        near(&model.unet.forward(&noise, 371.0, &condition).unwrap(), &recorded.unet, "unet");
        near(&model.vae.decode(&noise).unwrap(), &recorded.decoded, "decoded");
        let (mean, deviation) = model.vae.encode(&tensor(&recorded.image, (1, 3, 16, 16))).unwrap();
        near(&mean, &recorded.mean, "mean");
        near(&deviation, &recorded.deviation, "deviation");
    });
}

#[test]
fn pictures_are_those_of_diffusers() {
    each_version(|model, recorded, prompts| {
        let noise = tensor(&recorded.noise, LATENTS);
        let picture = |model: &Diffusion, sampler| {
            let request = PictureRequest {
                negative_prompt: "do of",
                steps: 10,
                sampler: Some(sampler),
                ..PictureRequest::of(&prompts[0], 0)
            };
            model.denoised(&request, None, &|_| Ok(noise.clone()), &|| false).unwrap().unwrap()
        };
        model.schedule.timestep_spacing = None;
        near(&picture(model, DiffusionSampler::Ddim), &recorded.ddim, "ddim");
        near(&picture(model, DiffusionSampler::Euler), &recorded.euler, "euler");
        model.schedule.timestep_spacing = Some(Spacing::Trailing);
        near(&picture(model, DiffusionSampler::Ddim), &recorded.ddim_trailing, "ddim, trailing");
        model.schedule.timestep_spacing = Some(Spacing::Leading);
        near(&picture(model, DiffusionSampler::Euler), &recorded.euler_leading, "euler, leading");
        for (spacing, steps, expected) in [
            (Spacing::Trailing, 16, &recorded.ddim_trailing_half),
            (Spacing::Linspace, 7, &recorded.ddim_linspace_half),
        ] {
            model.schedule.timestep_spacing = Some(spacing);
            let sampler = Some(DiffusionSampler::Ddim);
            let request = PictureRequest { steps, sampler, ..PictureRequest::of(&prompts[0], 0) };
            let made = model.denoised(&request, None, &|_| Ok(noise.clone()), &|| false).unwrap().unwrap();
            near(&made, expected, "times half way between two");
        }
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
            let made =
                model.denoised(&request, Some((&latents, 0.6)), &|_| Ok(noise.clone()), &|| false).unwrap().unwrap();
            near(&made, expected, "from a picture");
        }
    });
}

#[test]
fn xl_and_its_turbo_are_those_of_diffusers() {
    let recorded = recorded();
    for (name, version) in [("xl", &recorded.xl), ("turbo", &recorded.turbo)] {
        let mut model = open(name);
        let mut meanings = Vec::new();
        for (at, prompt) in recorded.prompts.iter().enumerate() {
            assert_eq!(model.prompts.tokens(prompt), [version.ids[0][at].clone(), version.ids[1][at].clone()]);
            meanings.push(model.prompts.meaning(prompt).unwrap());
        }
        near(&some_tokens(&meanings), &version.text, "text");
        let whole: Vec<&Tensor> = meanings.iter().map(|meaning| meaning.whole.as_ref().unwrap()).collect();
        near(&Tensor::cat(&whole, 0).unwrap(), &version.pooled, "pooled");
        let noise = tensor(&version.noise, LATENTS);
        let condition = model.unet.condition(meanings.swap_remove(0), (16, 24)).unwrap();
        near(&model.unet.forward(&noise, 371.0, &condition).unwrap(), &version.unet, "unet");
        // The noise after each step: the first one, moved on by one number more each time.
        let hand_in = |what: Noise| match what {
            Noise::Step(step) => {
                let mut moved = version.noise.clone();
                moved.rotate_right(step + 1);
                Ok(tensor(&moved, LATENTS))
            }
            _ => Ok(noise.clone()),
        };
        let picture = |model: &Diffusion, sampler, steps, guidance, negative_prompt| {
            let plain = PictureRequest::of(&recorded.prompts[0], 0);
            let request = PictureRequest { negative_prompt, steps, guidance, sampler, ..plain };
            model.denoised(&request, None, &hand_in, &|| false).unwrap().unwrap()
        };
        // What the settings of the model say, then what is asked for.
        match name {
            "xl" => near(&picture(&model, None, 10, 7.5, "do of"), &version.euler, "euler"),
            _ => near(&picture(&model, None, 4, 1.0, ""), &version.four_steps, "four steps"),
        }
        let (euler, ancestral) = (Some(DiffusionSampler::Euler), Some(DiffusionSampler::EulerAncestral));
        (model.schedule.timestep_spacing, model.schedule.steps_offset) = (Some(Spacing::Leading), 1);
        near(&picture(&model, euler, 10, 7.5, "do of"), &version.euler, "euler");
        near(&picture(&model, Some(DiffusionSampler::Ddim), 10, 7.5, "do of"), &version.ddim, "ddim");
        near(&picture(&model, euler, 4, 5.0, ""), &version.no_negative, "no negative prompt");
        model.schedule.timestep_spacing = Some(Spacing::Trailing);
        near(&picture(&model, ancestral, 1, 1.0, ""), &version.one_step, "one step");
        near(&picture(&model, ancestral, 4, 1.0, ""), &version.four_steps, "four steps");
        near(&picture(&model, ancestral, 10, 3.0, "do of"), &version.ancestral, "ancestral");
        let latents = model.encoded(&tensor(&version.image, (1, 3, 16, 16)), &noise).unwrap();
        let plain = PictureRequest { guidance: 1.0, sampler: ancestral, ..PictureRequest::of(&recorded.prompts[0], 0) };
        let request = PictureRequest { steps: 4, ..plain };
        let made = model.denoised(&request, Some((&latents, 0.75)), &hand_in, &|| false).unwrap().unwrap();
        near(&made, &version.img2img, "from a picture");
        // Wider than high.
        (model.schedule.timestep_spacing, model.schedule.steps_offset) = (Some(Spacing::Leading), 1);
        let wide = Tensor::cat(&[&noise, &noise], 3).unwrap().narrow(3, 0, 12).unwrap();
        let request = PictureRequest { negative_prompt: "do of", steps: 4, guidance: 5.0, sampler: euler, ..plain };
        let made = model.denoised(&request, None, &|_| Ok(wide.clone()), &|| false).unwrap().unwrap();
        near(&made, &version.wide, "wide");
    }
}

#[test]
fn new_noise_follows_from_the_seed() {
    let model = open("turbo");
    let request = |steps| PictureRequest { steps, guidance: 1.0, ..PictureRequest::of("a photo of a dog", 5) };
    let draw = |request: &PictureRequest<'_>| model.draw(request, &|| false).unwrap().unwrap();
    assert_eq!(draw(&request(4)), draw(&request(4)));
    // The first noise is the same: it is the new noise that differs.
    let plain = PictureRequest { sampler: Some(DiffusionSampler::Euler), ..request(4) };
    assert_ne!(draw(&plain), draw(&request(4)));
    assert_eq!(draw(&PictureRequest { steps: 1, ..plain }), draw(&request(1)));
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
