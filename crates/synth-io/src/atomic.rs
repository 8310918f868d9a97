//! The one way in which files are written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::IoError;

/// A file that appears whole or not at all.
///
/// Bytes go to a temporary file in the target's folder; [`AtomicFile::commit`] flushes them to the disk and renames
/// the temporary file to the target. Dropped without a commit it leaves nothing behind, and what stood there before
/// still stands. If the process is killed, a file `.NAME.XXXXXX.tmp` may stay; it is safe to delete and never looks
/// like a result.
///
/// The new file has the permissions of an ordinary new file. A target that is a symbolic link stays one: the file it
/// points to is replaced. A target that exists and is no regular file, like `/dev/null` or a named pipe, cannot be
/// replaced and is written to as it is. `-` is stdout. In both cases the bytes are streamed: nothing is atomic.
///
/// ```
/// use std::io::Write;
/// use synth_io::AtomicFile;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("model.json");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"{}")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    /// As the caller named it, for messages.
    path: PathBuf,
    output: Output,
}

#[derive(Debug)]
enum Output {
    Temporary { file: BufWriter<NamedTempFile>, target: PathBuf },
    Existing(BufWriter<File>),
    Stdout(BufWriter<io::Stdout>),
}

/// Writers above this one, Parquet's among them, write in small pieces.
const BUFFER: usize = 1 << 16;

impl AtomicFile {
    /// Starts to write a file. Its folder must exist.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to; the target is a folder.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref();
        let output = open(path).map_err(|source| IoError::write(path, source))?;
        Ok(Self { path: path.to_owned(), output })
    }

    /// Writes a whole file at once.
    ///
    /// # Errors
    /// As [`AtomicFile::create`] and [`AtomicFile::commit`].
    pub fn write_all_to(path: impl AsRef<Path>, contents: &[u8]) -> Result<(), IoError> {
        let path = path.as_ref();
        let mut file = Self::create(path)?;
        file.write_all(contents).map_err(|source| IoError::write(path, source))?;
        file.commit()
    }

    /// The path as the caller named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True where written bytes can be revised before the commit.
    pub(crate) fn can_seek(&self) -> bool {
        matches!(self.output, Output::Temporary { .. })
    }

    /// Makes the file appear under its name.
    ///
    /// # Errors
    /// The disk is full or fails; then nothing appears.
    pub fn commit(self) -> Result<(), IoError> {
        let Self { path, output } = self;
        finish(output).map_err(|source| IoError::write(&path, source))
    }
}

fn open(path: &Path) -> io::Result<Output> {
    if path == Path::new("-") {
        return Ok(Output::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())));
    }
    let target = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    match target.metadata() {
        Ok(existing) if existing.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // Renaming over a device or a pipe would replace it.
        Ok(existing) if !existing.is_file() => {
            let file = OpenOptions::new().write(true).open(&target)?;
            return Ok(Output::Existing(BufWriter::with_capacity(BUFFER, file)));
        }
        _ => {}
    }
    let Some(name) = target.file_name() else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    if !folder(&target).is_dir() {
        let problem = format!("there is no folder `{}`", folder(&target).display());
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    // Temporary files are private otherwise; the umask applies to this as to any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder(&target))?;
    Ok(Output::Temporary { file: BufWriter::with_capacity(BUFFER, file), target })
}

fn finish(output: Output) -> io::Result<()> {
    match output {
        Output::Stdout(mut stdout) => stdout.flush(),
        Output::Existing(mut file) => file.flush(),
        Output::Temporary { file, target } => {
            let file = file.into_inner().map_err(|error| error.into_error())?;
            file.as_file().sync_all()?;
            file.persist(&target).map_err(|error| error.error)?;
            // The new name is durable only once the folder is. Some file systems refuse to sync a folder; the file
            // is complete and in place then, so that is no failure.
            #[cfg(unix)]
            if let Ok(folder) = File::open(folder(&target)) {
                let _ = folder.sync_all();
            }
            Ok(())
        }
    }
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.output {
            Output::Temporary { file, .. } => file.write(bytes),
            Output::Existing(file) => file.write(bytes),
            Output::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Temporary { file, .. } => file.flush(),
            Output::Existing(file) => file.flush(),
            Output::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.output {
            Output::Temporary { file, .. } => file.seek(to),
            Output::Existing(_) | Output::Stdout(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            dir.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_shows_before_the_commit_and_nothing_stays_without() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        let temporary = names(dir.path()).remove(0);
        assert!(temporary.starts_with(".out.json.") && temporary.ends_with(".tmp"), "{temporary}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(names(dir.path()), ["out.json"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        AtomicFile::write_all_to(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["out.json"]);
    }

    #[test]
    fn a_missing_folder_and_a_folder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for bad in [dir.path().join("no/such/out"), dir.path().to_owned()] {
            let error = AtomicFile::create(&bad).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot write `{}`", bad.display()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_new_file_and_links_stay() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let [ordinary, ours, link] = ["ordinary", "ours", "link"].map(|name| dir.path().join(name));
        std::fs::write(&ordinary, "").unwrap();
        AtomicFile::write_all_to(&ours, b"1").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&ordinary));
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        AtomicFile::write_all_to(&link, b"2").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&ours).unwrap(), b"2");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_names_the_path() {
        let error = AtomicFile::write_all_to("/dev/full", &[0; 1 << 20]).unwrap_err();
        assert_eq!(error.to_string(), "cannot write `/dev/full`");
        assert!(!Path::new("/dev/full").is_file(), "the device is still one");
    }
}
