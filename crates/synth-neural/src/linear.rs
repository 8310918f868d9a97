//! A matrix of quantised weights.

use candle_core::quantized::{GgmlDType, QuantizedType};
use half::f16;

use crate::NeuralError;
use crate::gguf::RawTensor;
use crate::parallel::each;

/// Weights `[n, k]`, in blocks along k, and their product with vectors.
///
/// The product is candle's dot product of one row of weights with one quantised vector, whatever the number of
/// vectors. Candle's `QMatMul` is faster for some kinds of blocks, but computes one vector and several ones by
/// other kernels, whose last bits differ; here an answer may not depend on what else is in its batch.
pub(crate) struct Linear {
    blocks: Box<dyn QuantizedType>,
    offsets: Option<Offsets>,
    n: usize,
    k: usize,
}

/// What is added to products with blocks of Q4_1, which are kept as Q4_0: see [`Linear::of`]. Both `[k / 32, n]`.
struct Offsets {
    /// `8 d` of each block.
    eights: Vec<f32>,
    /// `m` of each block.
    minima: Vec<f32>,
}

/// Numbers in a block of the kinds Q4_0, Q4_1 and Q8_0.
const BLOCK: usize = 32;
/// Bytes of a block of Q4_1: scale and minimum in 16 bits each, then two numbers a byte.
const Q4_1_BYTES: usize = 20;

impl Linear {
    /// Takes a tensor of two dimensions.
    ///
    /// Blocks of the kind Q4_1 stand for `d q + m` with q from 0 to 15. Candle multiplies them in scalar code only,
    /// but has vector code for Q4_0, `d (q - 8)`, of the same layout. As `d q + m = d (q - 8) + 8 d + m`, they are
    /// kept as Q4_0, and `8 d` and `m` beside them, to be multiplied with the sum of each block of the vector.
    pub(crate) fn of(tensor: RawTensor) -> Self {
        let (n, k) = (tensor.shape[0], tensor.shape[1]);
        if tensor.dtype != GgmlDType::Q4_1 {
            return Self { blocks: tensor.dtype.from_data(tensor.bytes.into()), offsets: None, n, k };
        }
        let per_row = k / BLOCK;
        let mut q4_0 = Vec::with_capacity(tensor.bytes.len() / Q4_1_BYTES * (Q4_1_BYTES - 2));
        let mut offsets = Offsets { eights: vec![0.0; n * per_row], minima: vec![0.0; n * per_row] };
        for (at, block) in tensor.bytes.chunks_exact(Q4_1_BYTES).enumerate() {
            let [d, m] = [0, 2].map(|at| f16::from_le_bytes([block[at], block[at + 1]]).to_f32());
            let place = at % per_row * n + at / per_row;
            (offsets.eights[place], offsets.minima[place]) = (8.0 * d, m);
            q4_0.extend_from_slice(&block[..2]);
            q4_0.extend_from_slice(&block[4..]);
        }
        Self { blocks: GgmlDType::Q4_0.from_data(q4_0.into()), offsets: Some(offsets), n, k }
    }

    /// How many numbers a product has.
    pub(crate) fn n_rows(&self) -> usize {
        self.n
    }

    /// The product with each of some vectors.
    ///
    /// # Shapes
    /// `vectors`: `[m, k]`; the result: `[m, n]`.
    pub(crate) fn times(&self, vectors: &[f32]) -> Result<Vec<f32>, NeuralError> {
        let m = vectors.len() / self.k;
        let mut product = vec![0.0; m * self.n];
        let computed = self.blocks.matmul_t((m, self.k, self.n), vectors, &mut product);
        computed.map_err(|error| NeuralError::Compute(error.into()))?;
        if let Some(offsets) = &self.offsets {
            let rows: Vec<_> = product.chunks_exact_mut(self.n).zip(vectors.chunks_exact(self.k)).collect();
            each(rows, |(product, vector)| {
                let blocks = offsets.eights.chunks_exact(self.n).zip(offsets.minima.chunks_exact(self.n));
                for (block, (eights, minima)) in vector.chunks_exact(BLOCK).zip(blocks) {
                    let (sum, rounded) = quantised_sums(block);
                    for ((product, eight), minimum) in product.iter_mut().zip(eights).zip(minima) {
                        *product += sum * eight + rounded * minimum;
                    }
                }
            });
        }
        Ok(product)
    }

    /// Rows of weights as numbers: the vectors of tokens.
    pub(crate) fn rows(&self, ids: &[u32]) -> Result<Vec<f32>, NeuralError> {
        let failed = |error: candle_core::Error| NeuralError::Compute(error.into());
        let mut rows = self.blocks.embedding(ids, self.n, self.k).and_then(into_f32).map_err(failed)?;
        if let Some(offsets) = &self.offsets {
            for (row, &id) in rows.chunks_exact_mut(self.k).zip(ids) {
                for (at, block) in row.chunks_exact_mut(BLOCK).enumerate() {
                    let place = at * self.n + id as usize;
                    let offset = offsets.eights[place] + offsets.minima[place];
                    block.iter_mut().for_each(|x| *x += offset);
                }
            }
        }
        Ok(rows)
    }
}

/// A tensor as plain numbers, of whatever kind it is.
pub(crate) fn numbers(tensor: RawTensor) -> Result<Vec<f32>, NeuralError> {
    let n = tensor.shape.iter().product();
    let blocks = tensor.dtype.from_data(tensor.bytes.into());
    blocks.dequantize(n).and_then(into_f32).map_err(|error| NeuralError::Compute(error.into()))
}

fn into_f32(storage: candle_core::CpuStorage) -> candle_core::Result<Vec<f32>> {
    match storage {
        candle_core::CpuStorage::F32(numbers) => Ok(numbers),
        other => candle_core::bail!("numbers of the type {:?}", candle_core::backend::BackendStorage::dtype(&other)),
    }
}

/// The sum of a block as it is quantised, in 8 bits a number: by the scale of 16 bits that the dot product takes, and
/// as ggml keeps it beside a block that meets Q4_1, rounded to 16 bits itself (`block_q8_1`). Two sums, as small
/// models of 4 bits say something else after some tokens where one is taken for the other.
fn quantised_sums(block: &[f32]) -> (f32, f32) {
    let largest = block.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let scale = largest / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let sum: i32 = block.iter().map(|x| i32::from((x * inverse).round() as i8)).sum();
    (f16::from_f32(scale).to_f32() * sum as f32, f16::from_f32(scale * sum as f32).to_f32())
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{QMatMul, QTensor};
    use candle_core::{Device, Module, Tensor};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const KINDS: [GgmlDType; 13] = [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];
    const N: usize = 48;
    const K: usize = 512;

    fn random(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    fn quantised(dtype: GgmlDType) -> QTensor {
        let tensor = Tensor::from_vec(random(N * K, 1), (N, K), &Device::Cpu).unwrap();
        QTensor::quantize(&tensor, dtype).unwrap()
    }

    fn linear(weights: &QTensor) -> Linear {
        let bytes = weights.data().unwrap().into_owned();
        Linear::of(RawTensor { dtype: weights.dtype(), shape: vec![N, K], bytes })
    }

    #[test]
    fn a_batch_is_its_rows_bit_for_bit_whatever_the_kind_of_blocks() {
        for dtype in KINDS {
            let linear = linear(&quantised(dtype));
            let vectors = random(37 * K, 2);
            let together = linear.times(&vectors).unwrap();
            for size in [1, 2, 3, 8, 32] {
                let apart: Vec<f32> = vectors.chunks(size * K).flat_map(|some| linear.times(some).unwrap()).collect();
                assert_eq!(apart, together, "{dtype:?} in batches of {size}");
            }
        }
    }

    #[test]
    fn products_are_those_of_the_numbers() {
        for dtype in KINDS {
            let weights = quantised(dtype);
            let exact = weights.dequantize(&Device::Cpu).unwrap();
            let vectors = Tensor::from_vec(random(3 * K, 3), (3, K), &Device::Cpu).unwrap();
            let expected = QMatMul::Tensor(exact).forward(&vectors).unwrap().flatten_all().unwrap();
            let expected: Vec<f32> = expected.to_vec1().unwrap();
            let got = linear(&weights).times(&vectors.flatten_all().unwrap().to_vec1::<f32>().unwrap()).unwrap();
            // Vectors are rounded to 8 bits: a relative 1/254 of their largest number, over 512 products of
            // numbers up to 1 that add up at random.
            let bound = 1.0 / 254.0 * (K as f32).sqrt() * 2.0;
            for (got, expected) in got.iter().zip(&expected) {
                assert!((got - expected).abs() < bound, "{dtype:?}: {got} {expected}");
            }
        }
    }

    #[test]
    fn q4_1_is_what_candle_makes_of_it() {
        let weights = quantised(GgmlDType::Q4_1);
        let vectors = random(2 * K, 4);
        let blocks = GgmlDType::Q4_1.from_data(weights.data().unwrap());
        let mut expected = vec![0.0; 2 * N];
        blocks.matmul_t((2, K, N), &vectors, &mut expected).unwrap();
        let got = linear(&weights).times(&vectors).unwrap();
        for (got, expected) in got.iter().zip(&expected) {
            // Candle rounds each block's sum to 16 bits, of 11 digits, where we do not: 16 of them, of numbers that
            // are some 10 large, times offsets of about 1 below.
            assert!((got - expected).abs() < 0.05, "{got} {expected}");
        }
        let linear = linear(&weights);
        let rows = linear.rows(&[5, 0]).unwrap();
        let exact: Vec<f32> = weights.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for (got, expected) in rows.iter().zip(exact[5 * K..6 * K].iter().chain(&exact[..K])) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }
}
