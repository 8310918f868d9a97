//! Where a model is computed.

use std::fmt;
use std::str::FromStr;

use crate::NeuralError;

/// Where a model is computed: networks of pictures and of sentence embeddings can go to a graphics processor.
///
/// ```
/// use synth_neural::Device;
///
/// assert_eq!("cuda:1".parse(), Ok(Device::Cuda(1)));
/// assert_eq!("cuda".parse::<Device>().map(|device| device.to_string()), Ok("cuda:0".to_owned()));
/// assert!("tpu".parse::<Device>().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// This machine's processors.
    #[default]
    Cpu,
    /// A graphics processor of NVIDIA, by its number from 0. Needs the feature `cuda`.
    Cuda(usize),
}

/// A text names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device, expected cpu, cuda, or cuda:1 for the second graphics processor")]
pub struct NoDevice(String);

impl FromStr for Device {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        let no_device = || NoDevice(text.to_owned());
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or_else(no_device)?;
                number.parse().map(Self::Cuda).map_err(|_| no_device())
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl Device {
    /// The device, where there is one.
    pub(crate) fn open(self) -> Result<candle_core::Device, NeuralError> {
        match self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(_) if !candle_core::utils::cuda_is_available() => Err(NeuralError::NoCuda { device: self }),
            Self::Cuda(number) => candle_core::Device::new_cuda(number)
                .map_err(|source| NeuralError::Device { device: self, source: source.into() }),
        }
    }
}
