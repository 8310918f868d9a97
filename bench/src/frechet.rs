//! The Fréchet distance of 2 × 2,000 points in 2,048 dimensions: CPU seconds. See bench/frechet.sh.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use synth_generate::{Moments, frechet_distance};
use synth_io::Vectors;

use crate::cpu::cpu_seconds;

/// Measures the points that `bench/frechet.py` has left in a folder.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let points = |name: &str| -> Result<_> { Ok(Vectors::open("point", &folder.join(name))?.all()?) };
    let (x, y) = (points("x.npy")?, points("y.npy")?);
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let (x, y) = (Moments::of(x.view()), Moments::of(y.view()));
    let moments = cpu_seconds() - cpu;
    let distance = frechet_distance(&x, &y).unwrap_or(f64::NAN);
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    println!("synth {distance:.9}: {cpu:.2} CPU s ({moments:.2} for the moments), {wall:.2} s");
    // A distance of a set from itself, by the trace of its covariance.
    let trace = x.covariance().map_or(f64::NAN, |covariance| covariance.diag().sum());
    println!("synth, the same points: {:.1e} of the trace", frechet_distance(&x, &x).unwrap_or(f64::NAN) / trace);
    Ok(())
}
