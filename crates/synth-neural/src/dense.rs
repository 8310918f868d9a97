//! A matrix of 32-bit weights with a bias.
//!
//! Weights of 8 bits ([`crate::linear`]) are faster for up to four vectors at once and slower from there: with those of
//! Opus-MT's vocabulary 1 vector took 3 ms of one core instead of 10, 16 took 50 ms instead of 23.

use candle_core::{Device, Tensor};

use crate::NeuralError;

/// Weights `[n, k]` and their product with vectors.
pub(crate) struct Dense {
    /// `[k, n]`: so the crate `gemm` reads them as they lie; otherwise it would copy all of them for each product, which
    /// took a quarter of the time of a translation.
    transposed: Tensor,
    bias: Option<Vec<f32>>,
    n: usize,
    k: usize,
}

/// From so many numbers on, and with more than one row, the crate `gemm` computes all products alike.
const LARGE: usize = 16 * 16 + 1;

impl Dense {
    /// # Shapes
    /// `weights: [n, k]`, `bias: [n]`.
    pub(crate) fn of(weights: Tensor, bias: Option<Vec<f32>>) -> Result<Self, NeuralError> {
        let (n, k) = weights.dims2().map_err(|error| NeuralError::Compute(error.into()))?;
        let transposed =
            weights.t().and_then(|t| t.contiguous()).map_err(|error| NeuralError::Compute(error.into()))?;
        Ok(Self { transposed, bias, n, k })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n
    }

    /// Rows of weights: the vectors of tokens.
    pub(crate) fn rows(&self, ids: &[u32]) -> Result<Vec<f32>, NeuralError> {
        let columns = Tensor::new(ids, &Device::Cpu).and_then(|ids| self.transposed.index_select(&ids, 1));
        let rows = columns.and_then(|columns| columns.t()?.flatten_all()?.to_vec1());
        rows.map_err(|error| NeuralError::Compute(error.into()))
    }

    /// The product with each of some vectors, and the bias added. It is the same for a vector whatever stands beside it,
    /// bit for bit.
    ///
    /// # Shapes
    /// `vectors: [m, k]`; the result: `[m, n]`.
    pub(crate) fn times(&self, vectors: &[f32]) -> Result<Vec<f32>, NeuralError> {
        self.product(vectors).map_err(|error| NeuralError::Compute(error.into()))
    }

    fn product(&self, vectors: &[f32]) -> candle_core::Result<Vec<f32>> {
        let m = vectors.len() / self.k;
        if m == 0 {
            return Ok(Vec::new());
        }
        // Small products are computed by other kernels, which add in another order: rows of zeros keep them from it.
        let padded = m.max(2).max(LARGE.div_ceil(self.n));
        let mut rows = vectors.to_vec();
        rows.resize(padded * self.k, 0.0);
        let rows = Tensor::from_vec(rows, (padded, self.k), &Device::Cpu)?;
        let mut product: Vec<f32> = rows.matmul(&self.transposed)?.flatten_all()?.to_vec1()?;
        product.truncate(m * self.n);
        if let Some(bias) = &self.bias {
            for row in product.chunks_exact_mut(self.n) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        }
        Ok(product)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn random(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn a_product_by_hand() {
        let weights = Tensor::new(&[[1f32, 2.0], [0.0, -1.0], [3.0, 0.5]], &Device::Cpu).unwrap();
        let dense = Dense::of(weights, Some(vec![0.5, 0.0, -1.0])).unwrap();
        assert_eq!(dense.times(&[1.0, 2.0]).unwrap(), [5.5, -2.0, 3.0]);
        assert_eq!(dense.times(&[1.0, 2.0, 0.0, 1.0]).unwrap(), [5.5, -2.0, 3.0, 2.5, -1.0, -0.5]);
        assert_eq!(dense.times(&[]).unwrap(), [0f32; 0]);
    }

    #[test]
    fn a_batch_is_its_rows_bit_for_bit() {
        for (n, k) in [(32, 32), (64, 32), (170, 36), (512, 512), (2048, 512), (512, 2048), (1000, 770)] {
            let weights = Tensor::from_vec(random(n * k, 1), (n, k), &Device::Cpu).unwrap();
            let dense = Dense::of(weights, Some(random(n, 2))).unwrap();
            let vectors = random(70 * k, 3);
            let together = dense.times(&vectors).unwrap();
            for size in [1, 2, 3, 7, 16, 33, 64] {
                let apart: Vec<f32> = vectors.chunks(size * k).flat_map(|some| dense.times(some).unwrap()).collect();
                assert!(apart == together, "[{n}, {k}] in batches of {size}");
            }
        }
    }
}
