//! Features of pictures beside pytorch-fid, with weights that are made by a formula: see fixtures/inception.py.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use candle_core::{Device, Tensor};
use serde::Deserialize;
use synth_image::{ImageFeatures, Picture};
use synth_neural::Inception;

use crate::fixtures;

#[derive(Deserialize)]
struct Recorded {
    shapes: BTreeMap<String, Vec<usize>>,
    features: Vec<Vec<f64>>,
    sums: Vec<f64>,
}

/// Numbers from -1 to 1, as the script makes them from a name.
fn numbers(name: &str, n: usize) -> Vec<f64> {
    let seed = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let number = |i: u64| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (1..=n as u64).map(number).collect()
}

fn weights(shapes: &BTreeMap<String, Vec<usize>>) -> HashMap<String, Tensor> {
    let tensor = |(name, shape): (&String, &Vec<usize>)| {
        let mut made = numbers(name, shape.iter().product());
        let fan_in: usize = shape[1..].iter().product();
        for x in &mut made {
            *x = if name.ends_with("conv.weight") {
                *x * (6.0 / fan_in as f64).sqrt()
            } else if name.ends_with("bn.weight") || name.ends_with("running_var") {
                1.0 + 0.4 * *x
            } else {
                0.2 * *x
            };
        }
        let made: Vec<f32> = made.into_iter().map(|x| x as f32).collect();
        (name.clone(), Tensor::from_vec(made, shape.as_slice(), &Device::Cpu).unwrap())
    };
    shapes.iter().map(tensor).collect()
}

fn picture(i: usize) -> Picture {
    let (side, plane) = (299, 299 * 299);
    let made = numbers(&format!("picture {i}"), 3 * plane);
    let byte = |at: usize, channel: usize| ((made[channel * plane + at] + 1.0) * 127.99) as u8;
    let rgb = (0..plane).flat_map(|at| [0, 1, 2].map(|channel| byte(at, channel))).collect();
    Picture::from_rgb(side, side, rgb).unwrap()
}

/// 13 x 13 spots of 23 x 23 pixels.
fn spots() -> Picture {
    let made = numbers("spots", 3 * 13 * 13);
    let byte = |x: usize, y: usize, channel: usize| ((made[channel * 169 + y / 23 * 13 + x / 23] + 1.0) * 127.99) as u8;
    let pixel = |at: usize| [0, 1, 2].map(|channel| byte(at % 299, at / 299, channel));
    Picture::from_rgb(299, 299, (0..299 * 299).flat_map(pixel).collect()).unwrap()
}

fn recorded(name: &str) -> Recorded {
    serde_json::from_slice(&fs::read(fixtures().join(name)).unwrap()).unwrap()
}

/// Features of three pictures, which are those that were recorded.
#[track_caller]
fn check(inception: &Inception, recorded: &Recorded) -> ndarray::Array2<f64> {
    let features = inception.features(&[picture(0), picture(1), spots()]).unwrap();
    for (row, (expected, sum)) in recorded.features.iter().zip(&recorded.sums).enumerate() {
        let farthest =
            expected.iter().enumerate().map(|(at, x)| (features[[row, at * 16]] - x).abs()).fold(0.0, f64::max);
        assert!(farthest < 1e-3, "picture {row}: {farthest}");
        assert!((features.row(row).sum() / sum - 1.0).abs() < 1e-5);
    }
    features
}

#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find weights by a variable, and say what they skip"
)]
fn features_by_trained_weights_are_those_of_pytorch_fid() {
    let Some(path) = std::env::var_os("SYNTH_INCEPTION") else {
        eprintln!("skipped: SYNTH_INCEPTION names no file (that of fixtures/inception.py, from npm's nsfwjs 4.4.0)");
        return;
    };
    let inception = Inception::open(std::path::PathBuf::from(path), synth_neural::Device::Cpu).unwrap();
    check(&inception, &recorded("inception_trained.json"));
}

#[test]
fn features_are_those_of_pytorch_fid() {
    let recorded = recorded("inception.json");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inception.safetensors");
    let mut weights = weights(&recorded.shapes);
    candle_core::safetensors::save(&weights, &path).unwrap();
    let inception = Inception::open(&path, synth_neural::Device::Cpu).unwrap();
    let features = check(&inception, &recorded);
    // A picture beside no other gives the same, bit for bit.
    assert_eq!(inception.features(&[picture(1)]).unwrap().row(0), features.row(1));

    let missing = Inception::open(folder.path().join("none.pth"), synth_neural::Device::Cpu).unwrap_err();
    assert!(
        missing.to_string().contains("no weights of Inception") && missing.hints()[0].contains("curl"),
        "{missing}"
    );
    weights.remove("Mixed_7c.branch_pool.bn.bias");
    candle_core::safetensors::save(&weights, &path).unwrap();
    let error = Inception::open(&path, synth_neural::Device::Cpu).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "it has no tensor `Mixed_7c.branch_pool.bn.bias`, of [192]");
}

#[test]
fn damaged_safetensors_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let refused = |header: &str, numbers: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; numbers]);
        fs::write(&path, bytes).unwrap();
        let error = Inception::open(&path, synth_neural::Device::Cpu).unwrap_err();
        std::error::Error::source(&error).unwrap().to_string()
    };
    let tensor = |dtype: &str, shape: &str, to: u64| {
        format!(
            r#"{{"__metadata__": {{"format": "pt"}}, "a": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [0, {to}]}}}}"#
        )
    };
    assert_eq!(
        refused(&tensor("F32", "[2, 2]", 16), 12),
        "it is cut off: the tensor `a` ends at byte 16 behind the header"
    );
    assert_eq!(refused(&tensor("F32", "[2, 3]", 16), 16), "the tensor `a` of [2, 3] takes other than 0 to 16 bytes");
    let large = format!("[{0}, {0}]", usize::MAX);
    assert!(refused(&tensor("F16", &large, 16), 16).ends_with("takes other than 0 to 16 bytes"));
    assert_eq!(refused(&tensor("F4", "[1]", 1), 1), "the tensor `a` holds numbers of the type F4");
    // What is read in full lacks what the network needs; counters are left out.
    for dtype in ["F32", "I32"] {
        assert!(refused(&tensor(dtype, "[4]", 16), 16).starts_with("it has no tensor `Conv2d_1a_3x3"));
    }
    assert!(!refused("{", 0).is_empty() && !refused(r#"{"a": 1}"#, 0).is_empty());
    fs::write(&path, [255; 8]).unwrap();
    let error = Inception::open(&path, synth_neural::Device::Cpu).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, format!("its header takes {} bytes, and there are 8", u64::MAX));
}
