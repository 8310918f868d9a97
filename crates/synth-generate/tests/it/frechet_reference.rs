//! The Fréchet distance of 2 × 2,000 points in 2,048 dimensions, beside that of other tools.

use std::path::Path;

use ndarray::Array2;
use synth_generate::{Moments, frechet_distance};

use crate::{folder, say};

/// Float32 points from a `.npy` file in row-major order.
fn points(path: &Path) -> Option<Array2<f64>> {
    let bytes = std::fs::read(path).ok()?;
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let numbers = bytes[header..].as_chunks::<4>().0.iter().map(|four| f64::from(f32::from_le_bytes(*four)));
    Some(Array2::from_shape_vec((2000, 2048), numbers.collect()).expect("2,000 points in 2,048 dimensions"))
}

/// scipy's `sqrtm` gives 393.415466045, numpy by two symmetric decompositions 393.415467276, by the nuclear norm
/// 393.415467819, torchmetrics 393.415464746.
#[test]
fn as_scipy_numpy_and_torchmetrics_have_it() {
    let data = folder("PEER_DATA", "target/peer-data");
    let (Some(x), Some(y)) = (points(&data.join("fid_x_2000.npy")), points(&data.join("fid_y_2000.npy"))) else {
        say("skipped: no fid_x_2000.npy and fid_y_2000.npy in the folder that PEER_DATA names");
        return;
    };
    let found = frechet_distance(&Moments::of(x.view()), &Moments::of(y.view())).expect("enough points");
    let nuclear_norm = 393.41546781874354;
    say(&format!(
        "Fréchet distance {found:.9}, {:.1e} relative to numpy's nuclear norm",
        (found / nuclear_norm - 1.0).abs()
    ));
    for expected in [nuclear_norm, 393.415_466_045_035, 393.4154672757054, 393.4154647456603] {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} against {expected}");
    }
}
