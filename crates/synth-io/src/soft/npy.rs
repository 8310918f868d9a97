//! The probabilities alone, as a NumPy array of f64, n x k.

use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;

use synth_core::SoftLabels;

use crate::AtomicFile;
use crate::npy::Header;

/// The header; its length is the same for every number of rows.
fn header(rows: u64, n_classes: usize) -> Vec<u8> {
    let shape = vec![usize::try_from(rows).unwrap_or(usize::MAX), n_classes];
    Header { descr: "<f8".to_owned(), fortran_order: false, shape }.to_bytes()
}

/// Begins the array. What `n_rows` says may be corrected at the end where the file can be revised.
pub(super) fn begin(file: &mut AtomicFile, n_rows: Option<u64>, n_classes: usize) -> io::Result<()> {
    if n_rows.is_none() && !file.can_seek() {
        return Err(io::Error::new(
            io::ErrorKind::NotSeekable,
            "an array goes into a pipe only where its number of rows is known beforehand",
        ));
    }
    file.write_all(&header(n_rows.unwrap_or(0), n_classes))
}

/// Appends rows; rows that are not known are NaN.
pub(super) fn rows(
    file: &mut AtomicFile,
    soft: &SoftLabels,
    mut rows: Range<usize>,
    known: impl Fn(usize) -> bool,
) -> io::Result<()> {
    rows.try_for_each(|row| {
        let known = known(row);
        soft.probs(row).iter().try_for_each(|p| file.write_all(&if known { *p } else { f64::NAN }.to_le_bytes()))
    })
}

/// Writes the true number of rows into the header.
pub(super) fn end(file: &mut AtomicFile, n_rows: u64, n_classes: usize) -> io::Result<()> {
    if file.can_seek() {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(n_rows, n_classes))?;
    }
    Ok(())
}
