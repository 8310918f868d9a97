//! Inception v3 up to its last pooling: the features that Fréchet distances of images are taken in.
//!
//! Szegedy et al. (2016), Rethinking the Inception architecture, with the changes that TensorFlow's graph of 2015 has,
//! by which Heusel et al. (2017) measure: pooling does not count what is padded, and the last block pools by maxima. The
//! names of tensors are those of pytorch-fid and torchvision.

use std::path::PathBuf;

use candle_core::{D, Device as On, Result as Computed, Tensor};
use synth_core::BoxError;
use synth_image::{ImageFeatures, Picture};

use crate::weights::Weights;
use crate::{Device, NeuralError};

/// Inception v3 (2,048 features of a picture).
///
/// Weights are those of pytorch-fid, `pt_inception-2015-12-05-6726825d.pth`: distances by them can be compared with
/// published ones. Pictures are resized as clean-fid does, by Pillow's bicubic filter; pytorch-fid itself resizes
/// without averaging, so that its distances of large pictures are a little different.
///
/// ```no_run
/// use synth_image::{ImageFeatures, Picture};
/// use synth_neural::{Device, Inception};
///
/// let inception = Inception::open("pt_inception-2015-12-05-6726825d.pth", Device::Cpu)?;
/// let features = inception.features(&[Picture::open("dog.png")?])?;
/// assert_eq!(features.dim(), (1, 2048));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Inception {
    stem: [Conv; 5],
    blocks: Vec<Block>,
}

impl std::fmt::Debug for Inception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inception").finish_non_exhaustive()
    }
}

/// The side of the pictures that the network sees.
const SIDE: u32 = 299;
const DIM: usize = 2048;

/// A convolution, the batch norm after it folded into it, and the rectifier.
struct Conv {
    weights: Tensor,
    bias: Tensor,
    stride: usize,
    /// Rows and columns of zeros on each side.
    padding: (usize, usize),
}

/// What is between a block's input and its outputs, which are stacked: rows of convolutions, some of them forked at
/// their end.
struct Block {
    rows: Vec<Row>,
}

struct Row {
    pool: Option<Pool>,
    convs: Vec<Conv>,
    /// Two convolutions of what comes out, side by side.
    fork: Option<[Conv; 2]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Pool {
    /// The mean of 3 x 3 neighbours, of those that there are.
    Mean,
    /// The largest of 3 x 3 neighbours.
    Largest,
    /// The same, of every second place; nothing comes after it.
    Halve,
}

impl Inception {
    /// Reads weights from a file of safetensors or of PyTorch.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or holds weights of something else.
    pub fn open(path: impl Into<PathBuf>, device: Device) -> Result<Self, NeuralError> {
        let path = path.into();
        if !path.is_file() {
            return Err(NeuralError::NoInception { path });
        }
        Self::of(&Weights::read(&path)?, &device.open()?)
    }

    fn of(weights: &Weights, on: &On) -> Result<Self, NeuralError> {
        let conv =
            |name: &str, from, to, kernel, stride| Conv::of((weights, on), name, from, to, kernel, stride, (0, 0));
        let stem = [
            conv("Conv2d_1a_3x3", 3, 32, (3, 3), 2)?,
            conv("Conv2d_2a_3x3", 32, 32, (3, 3), 1)?,
            Conv::of((weights, on), "Conv2d_2b_3x3", 32, 64, (3, 3), 1, (1, 1))?,
            conv("Conv2d_3b_1x1", 64, 80, (1, 1), 1)?,
            conv("Conv2d_4a_3x3", 80, 192, (3, 3), 1)?,
        ];
        let mut maker = Maker { weights: (weights, on), block: "", from: 0 };
        let mut blocks = Vec::new();
        for (name, from, pooled) in [("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)] {
            (maker.block, maker.from) = (name, from);
            blocks.push(maker.a(pooled)?);
        }
        (maker.block, maker.from) = ("Mixed_6a", 288);
        blocks.push(maker.b()?);
        for (name, narrow) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
            (maker.block, maker.from) = (name, 768);
            blocks.push(maker.c(narrow)?);
        }
        (maker.block, maker.from) = ("Mixed_7a", 768);
        blocks.push(maker.d()?);
        for (name, from, pool) in [("Mixed_7b", 1280, Pool::Mean), ("Mixed_7c", 2048, Pool::Largest)] {
            (maker.block, maker.from) = (name, from);
            blocks.push(maker.e(pool)?);
        }
        Ok(Self { stem, blocks })
    }

    /// # Shapes
    /// `pictures: [n, 3, 299, 299]`, from -1 to 1; the result: `[n, 2048]`.
    fn forward(&self, pictures: &Tensor) -> Computed<Tensor> {
        let [first, second, third, fourth, fifth] = &self.stem;
        let x = third.forward(&second.forward(&first.forward(pictures)?)?)?;
        let x = fourth.forward(&x.max_pool2d_with_stride(3, 2)?)?;
        let mut x = fifth.forward(&x)?.max_pool2d_with_stride(3, 2)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        x.mean(D::Minus1)?.mean(D::Minus1)
    }

    fn compute(&self, picture: &Picture) -> Result<Vec<f32>, BoxError> {
        let side = SIDE as usize;
        let numbers: Vec<f32> = picture.resized(SIDE, SIDE).iter().map(|x| x / 127.5 - 1.0).collect();
        let input = Tensor::from_vec(numbers, (1, 3, side, side), self.stem[0].weights.device())?;
        Ok(self.forward(&input)?.flatten_all()?.to_vec1()?)
    }
}

impl ImageFeatures for Inception {
    fn dim(&self) -> usize {
        DIM
    }

    fn name(&self) -> &str {
        "Inception v3"
    }

    fn point(&self, picture: &Picture) -> Result<Vec<f64>, BoxError> {
        Ok(self.compute(picture)?.into_iter().map(f64::from).collect())
    }
}

impl Conv {
    fn of(
        (weights, on): (&Weights, &On),
        name: &str,
        from: usize,
        to: usize,
        kernel: (usize, usize),
        stride: usize,
        padding: (usize, usize),
    ) -> Result<Self, NeuralError> {
        /// That of the batch norms of TensorFlow's Inception.
        const EPSILON: f32 = 1e-3;
        let filters = weights.tensor(&format!("{name}.conv.weight"), &[to, from, kernel.0, kernel.1])?;
        let norm = |which: &str| weights.numbers(&format!("{name}.bn.{which}"), &[to]);
        let (gain, shift) = (norm("weight")?, norm("bias")?);
        let (mean, variance) = (norm("running_mean")?, norm("running_var")?);
        let scale: Vec<f32> = gain.iter().zip(&variance).map(|(gain, var)| gain / (var + EPSILON).sqrt()).collect();
        let bias: Vec<f32> = shift.iter().zip(&mean).zip(&scale).map(|((shift, mean), s)| shift - mean * s).collect();
        let folded = || -> Computed<(Tensor, Tensor)> {
            let scale = Tensor::from_vec(scale, (to, 1, 1, 1), on)?;
            Ok((filters.to_device(on)?.broadcast_mul(&scale)?, Tensor::from_vec(bias, (1, to, 1, 1), on)?))
        };
        let (weights, bias) = folded().map_err(|error| NeuralError::Compute(error.into()))?;
        Ok(Self { weights, bias, stride, padding })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let (rows, columns) = self.padding;
        let x = match rows == columns {
            true => x.conv2d(&self.weights, rows, self.stride, 1, 1)?,
            false => {
                let padded = x.pad_with_zeros(2, rows, rows)?.pad_with_zeros(3, columns, columns)?;
                padded.conv2d(&self.weights, 0, self.stride, 1, 1)?
            }
        };
        x.broadcast_add(&self.bias)?.relu()
    }
}

impl Row {
    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let mut x = match self.pool {
            None => x.clone(),
            Some(Pool::Mean) => mean_of_neighbours(x)?,
            // Behind a rectifier nothing is below the zeros that are padded.
            Some(Pool::Largest) => padded(x)?.max_pool2d_with_stride(3, 1)?,
            Some(Pool::Halve) => x.max_pool2d_with_stride(3, 2)?,
        };
        for conv in &self.convs {
            x = conv.forward(&x)?;
        }
        match &self.fork {
            None => Ok(x),
            Some([one, other]) => Tensor::cat(&[one.forward(&x)?, other.forward(&x)?], 1),
        }
    }
}

impl Block {
    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let rows: Vec<Tensor> = self.rows.iter().map(|row| row.forward(x)).collect::<Computed<_>>()?;
        Tensor::cat(&rows, 1)
    }
}

fn padded(x: &Tensor) -> Computed<Tensor> {
    x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)
}

/// The mean of 3 x 3 neighbours, of those that there are.
fn mean_of_neighbours(x: &Tensor) -> Computed<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let ones = Tensor::ones((1, 1, height, width), x.dtype(), x.device())?;
    let share = padded(&ones)?.avg_pool2d_with_stride(3, 1)?;
    padded(x)?.avg_pool2d_with_stride(3, 1)?.broadcast_div(&share)
}

/// Makes the blocks, each from the weights whose names begin with its own.
struct Maker<'a> {
    weights: (&'a Weights, &'a On),
    block: &'a str,
    /// Channels that come in.
    from: usize,
}

/// A convolution in a row: its name, channels that come out, and the size of its kernel.
type Link<'a> = (&'a str, usize, (usize, usize));

impl Maker<'_> {
    fn conv(&self, (name, to, kernel): Link<'_>, from: usize, stride: usize) -> Result<Conv, NeuralError> {
        // What halves pads nothing, what keeps the size pads what the kernel takes.
        let padding = if stride == 1 { ((kernel.0 - 1) / 2, (kernel.1 - 1) / 2) } else { (0, 0) };
        Conv::of(self.weights, &format!("{}.{name}", self.block), from, to, kernel, stride, padding)
    }

    /// Convolutions one after the other, the last with a stride.
    fn row(&self, links: &[Link<'_>], last_stride: usize) -> Result<Row, NeuralError> {
        let mut from = self.from;
        let mut convs = Vec::with_capacity(links.len());
        for (at, link) in links.iter().enumerate() {
            let stride = if at + 1 == links.len() { last_stride } else { 1 };
            convs.push(self.conv(*link, from, stride)?);
            from = link.1;
        }
        Ok(Row { pool: None, convs, fork: None })
    }

    fn pooled(&self, pool: Pool, to: usize) -> Result<Row, NeuralError> {
        Ok(Row { pool: Some(pool), ..self.row(&[("branch_pool", to, (1, 1))], 1)? })
    }

    fn a(&self, pooled: usize) -> Result<Block, NeuralError> {
        let rows = vec![
            self.row(&[("branch1x1", 64, (1, 1))], 1)?,
            self.row(&[("branch5x5_1", 48, (1, 1)), ("branch5x5_2", 64, (5, 5))], 1)?,
            self.row(
                &[("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3)), ("branch3x3dbl_3", 96, (3, 3))],
                1,
            )?,
            self.pooled(Pool::Mean, pooled)?,
        ];
        Ok(Block { rows })
    }

    fn b(&self) -> Result<Block, NeuralError> {
        let double = [("branch3x3dbl_1", 64, (1, 1)), ("branch3x3dbl_2", 96, (3, 3)), ("branch3x3dbl_3", 96, (3, 3))];
        let rows = vec![self.row(&[("branch3x3", 384, (3, 3))], 2)?, self.row(&double, 2)?, halved()];
        Ok(Block { rows })
    }

    fn c(&self, narrow: usize) -> Result<Block, NeuralError> {
        let single = [("branch7x7_1", narrow, (1, 1)), ("branch7x7_2", narrow, (1, 7)), ("branch7x7_3", 192, (7, 1))];
        let double = [
            ("branch7x7dbl_1", narrow, (1, 1)),
            ("branch7x7dbl_2", narrow, (7, 1)),
            ("branch7x7dbl_3", narrow, (1, 7)),
            ("branch7x7dbl_4", narrow, (7, 1)),
            ("branch7x7dbl_5", 192, (1, 7)),
        ];
        let rows = vec![
            self.row(&[("branch1x1", 192, (1, 1))], 1)?,
            self.row(&single, 1)?,
            self.row(&double, 1)?,
            self.pooled(Pool::Mean, 192)?,
        ];
        Ok(Block { rows })
    }

    fn d(&self) -> Result<Block, NeuralError> {
        let long = [
            ("branch7x7x3_1", 192, (1, 1)),
            ("branch7x7x3_2", 192, (1, 7)),
            ("branch7x7x3_3", 192, (7, 1)),
            ("branch7x7x3_4", 192, (3, 3)),
        ];
        let short = [("branch3x3_1", 192, (1, 1)), ("branch3x3_2", 320, (3, 3))];
        Ok(Block { rows: vec![self.row(&short, 2)?, self.row(&long, 2)?, halved()] })
    }

    fn e(&self, pool: Pool) -> Result<Block, NeuralError> {
        let fork = |one: &str, other: &str| -> Result<Option<[Conv; 2]>, NeuralError> {
            Ok(Some([self.conv((one, 384, (1, 3)), 384, 1)?, self.conv((other, 384, (3, 1)), 384, 1)?]))
        };
        let single = self.row(&[("branch3x3_1", 384, (1, 1))], 1)?;
        let double = self.row(&[("branch3x3dbl_1", 448, (1, 1)), ("branch3x3dbl_2", 384, (3, 3))], 1)?;
        let rows = vec![
            self.row(&[("branch1x1", 320, (1, 1))], 1)?,
            Row { fork: fork("branch3x3_2a", "branch3x3_2b")?, ..single },
            Row { fork: fork("branch3x3dbl_3a", "branch3x3dbl_3b")?, ..double },
            self.pooled(pool, 192)?,
        ];
        Ok(Block { rows })
    }
}

fn halved() -> Row {
    Row { pool: Some(Pool::Halve), convs: Vec::new(), fork: None }
}
