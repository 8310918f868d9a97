//! Votes that were made elsewhere: `.npy` as Snorkel and WRENCH keep them, CSV as crowdsourcing platforms do.

mod crowd;
mod npy;

pub use crowd::{Crowd, load_crowd, sort_labels};
pub use npy::{load_npy, read_npy, save_npy};
