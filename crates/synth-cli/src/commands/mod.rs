//! One file a command.

pub mod check;
pub mod demo;
pub mod evaluate;
pub mod fmt;
pub mod help;
pub mod init;
pub mod label;
pub mod lfs;
pub mod predict;
pub mod train;
