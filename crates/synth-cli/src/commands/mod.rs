//! One file a command.

pub mod check;
pub mod demo;
pub mod fmt;
pub mod help;
pub mod init;
pub mod label;
pub mod lfs;
