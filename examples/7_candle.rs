//! Soft labels into candle: a network with a hidden layer, trained on distributions instead of classes.
//!
//!     cargo run --release -p synth-examples --example 7_candle

mod demo;
#[path = "demo/dense.rs"]
mod dense;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::log_softmax;
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear};
use ndarray::Array2;
use synth::core::BoxError;
use synth::prelude::*;

struct Network {
    hidden: Linear,
    out: Linear,
}

impl Network {
    fn logits(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.out.forward(&self.hidden.forward(x)?.relu()?)
    }
}

/// candle computes in 32 bits.
fn tensor(array: &Array2<f64>) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = array.iter().map(|x| *x as f32).collect();
    Tensor::from_vec(values, array.dim(), &Device::Cpu)
}

fn main() -> Result<(), BoxError> {
    let (records, soft) = demo::labelled()?;
    let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
    let features = Features::fit(spec, [Ok(records.clone())], |row| soft.covered(row as usize))?;
    let all = tensor(&dense::dense(&features.of_records(&records)?))?;

    // What no function voted on has no label of its own, so it does not teach.
    let covered: Vec<u32> = (0..soft.n_rows() as u32).filter(|&row| soft.covered(row as usize)).collect();
    let rows = Tensor::new(covered.as_slice(), &Device::Cpu)?;
    let (x, y) = (all.index_select(&rows, 0)?, tensor(&soft.to_array())?.index_select(&rows, 0)?);

    // A fixed start gives the same network every time: candle seeds its random numbers on other devices only.
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let (d, h, k) = (features.n_columns(), 32, soft.classes().len());
    let network = Network { hidden: linear(d, h, builder.pp("hidden"))?, out: linear(h, k, builder.pp("out"))? };
    let start = |rows: usize, columns: usize| {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            let mixed = (i * columns + j).wrapping_mul(2_654_435_761) % 10_007;
            (mixed as f64 / 10_007.0 - 0.5) * 2.0 / (columns as f64).sqrt()
        })
    };
    for (name, values) in [("hidden.weight", start(h, d)), ("out.weight", start(k, h))] {
        variables.data().lock().map_err(|_| "poisoned")?[name].set(&tensor(&values)?)?;
    }

    let mut optimiser =
        AdamW::new(variables.all_vars(), ParamsAdamW { lr: 0.02, weight_decay: 0.05, ..ParamsAdamW::default() })?;
    for step in 0..60 {
        // Cross-entropy against the whole distribution: a doubtful label pulls less than a sure one.
        let loss = (log_softmax(&network.logits(&x)?, D::Minus1)? * &y)?.sum(D::Minus1)?.mean_all()?.neg()?;
        optimiser.backward_step(&loss)?;
        if step % 20 == 0 {
            println!("step {step}: cross-entropy {:.3}", loss.to_scalar::<f32>()?);
        }
    }

    let predicted: Vec<u32> = network.logits(&all)?.argmax(D::Minus1)?.to_vec1()?;
    let agree = covered.iter().filter(|&&row| predicted[row as usize] == soft.label(row as usize).index() as u32);
    let agree = agree.count() as f64 / covered.len() as f64;
    println!("agrees with the soft labels on {:.0} % of {} covered records", 100.0 * agree, covered.len());
    assert!(agree > 0.9);
    Ok(())
}
