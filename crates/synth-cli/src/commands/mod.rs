//! One file a command.

pub mod agreement;
pub mod audit;
pub mod augment;
pub mod blame;
pub mod check;
pub mod contract;
pub mod demo;
pub mod embed;
pub mod evaluate;
pub mod fid;
pub mod filter;
pub mod fmt;
pub mod generate;
pub mod help;
pub mod init;
pub mod label;
pub mod lfs;
pub mod predict;
pub mod prompts;
pub mod train;
