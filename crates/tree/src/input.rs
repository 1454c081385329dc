//! Reading one file that somebody names: a mail, a patch, a configuration.
//!
//! Decides what may be opened: regular files, an empty device (`/dev/null`), and descriptors that are open already (`/dev/stdin`, `/dev/fd/63` of
//! `<(command)`). Refuses named pipes and other devices, on which a run could wait for ever, and never reads beyond a limit.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// At most `limit` bytes of the file at `path`, and one more if there are more.
pub fn read_input(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file at `path`, which must have at most `limit` bytes.
pub fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let bytes = read_input(path, limit)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

fn open(path: &Path) -> io::Result<File> {
    let refused = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if is_descriptor(path) {
        return File::open(path);
    }
    // The open must not wait for a writer, whatever takes the path's place meanwhile.
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return refused("it is a folder");
    }
    if kind.is_file() || path == Path::new("/dev/null") {
        return Ok(file);
    }
    refused(if is_pipe(kind) {
        "it is a named pipe, which may never end; redirect it to standard input"
    } else {
        "it is not a regular file"
    })
}

/// Whether the path names a descriptor that this process has open already.
fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)))
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_kind: FileType) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn pipes_and_endless_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let error = read_input(&pipe, 10).expect_err("a pipe");
        assert!(error.to_string().contains("named pipe"), "{error}");
        assert!(read_input(Path::new("/dev/zero"), 10).is_err());
        assert!(read_input(folder.path(), 10).expect_err("a folder").to_string().contains("folder"));
        assert_eq!(read_input(Path::new("/dev/null"), 10).expect("empty"), b"");
    }

    #[test]
    fn limits_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "0123456789").expect("written");
        assert_eq!(read_input(&file, 3).expect("read"), b"0123");
        assert_eq!(read_small(&file, 10).expect("read").len(), 10);
        assert!(read_small(&file, 9).is_err());
    }
}
