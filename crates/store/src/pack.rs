//! A pack: one immutable file with many entries. Written whole under a temporary name and renamed, so that a reader sees all of it or
//! nothing, and writers never meet.
//!
//! Layout: the magic; the entries' bytes one after the other; the index, one row per entry (key, offset, length, checksum); a trailer
//! (index offset, number of rows, checksum of the index, the magic again). Numbers are little-endian. A pack whose trailer or index is
//! damaged is not used at all; damage in an entry is found when the entry is read.

use crate::key::{Key, checksum};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"cuthere1";
/// Key, offset, length, checksum.
const ROW: usize = 16 + 8 + 4 + 16;
/// Index offset, number of rows, checksum, magic.
const TRAILER: usize = 8 + 8 + 16 + 8;
/// More rows than any pack gets; a larger number is damage.
const MAX_ROWS: u64 = 1 << 22;
/// What the temporary names begin with.
pub(crate) const TEMPORARY: &str = "new-";
/// What the names of packs end with.
pub(crate) const SUFFIX: &str = ".pack";

/// Where an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub key: Key,
    pub offset: u64,
    pub len: u32,
    pub sum: [u8; 16],
}

/// An open pack. The open handle keeps the bytes readable when another process removes the file.
#[derive(Debug)]
pub(crate) struct Pack {
    pub path: PathBuf,
    pub size: u64,
    file: File,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl Pack {
    /// Opens a pack and reads its index. `InvalidData` says that the file is damaged.
    pub fn open(path: &Path) -> io::Result<(Pack, Vec<Row>)> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let end = size.checked_sub(TRAILER as u64).ok_or_else(|| damaged("too short"))?;
        let mut trailer = [0; TRAILER];
        file.seek(SeekFrom::Start(end))?;
        file.read_exact(&mut trailer)?;
        let (start, rest) = trailer.split_at(8);
        let (count, rest) = rest.split_at(8);
        let (sum, magic) = rest.split_at(16);
        let (start, count) = (number(start), number(count));
        let whole = count <= MAX_ROWS && start >= MAGIC.len() as u64 && start.checked_add(count * ROW as u64) == Some(end);
        if magic != MAGIC || !whole {
            return Err(damaged("no trailer"));
        }
        let mut index = vec![0; count as usize * ROW];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut index)?;
        if checksum(b"index", &index) != sum {
            return Err(damaged("the index is damaged"));
        }
        let rows = index.chunks_exact(ROW).map(|bytes| Row::read(bytes).filter(|row| row.ends_by(start)));
        let rows: Option<Vec<Row>> = rows.collect();
        let rows = rows.ok_or_else(|| damaged("the index points outside"))?;
        Ok((Pack { path: path.to_owned(), size, file }, rows))
    }

    /// The bytes of an entry; `None` if they are damaged or cannot be read.
    pub fn read(&self, row: &Row) -> Option<Vec<u8>> {
        let mut bytes = vec![0; row.len as usize];
        read_at(&self.file, &mut bytes, row.offset).ok()?;
        (checksum(&row.key.0, &bytes) == row.sum).then_some(bytes)
    }

    /// Marks the pack as in use, so that others are evicted before it. Not being able to is no loss.
    pub fn touch(&self) {
        // A handle opened for reading may change times only on some systems, hence the second handle.
        let set = |file: &File| file.set_modified(std::time::SystemTime::now());
        if set(&self.file).is_err()
            && let Ok(file) = OpenOptions::new().append(true).open(&self.path)
        {
            let _ = set(&file);
        }
    }

    /// Writes a pack of these entries into `folder` and opens it. On error nothing is left behind.
    pub fn write(folder: &Path, name: &str, entries: &[(Key, Vec<u8>)]) -> io::Result<(Pack, Vec<Row>)> {
        let temporary = folder.join(format!("{TEMPORARY}{name}"));
        let path = folder.join(format!("{name}{SUFFIX}"));
        // Opened under the temporary name: once it has its own, another process may merge and remove it at any time.
        let opened = write_file(&temporary, entries).and_then(|()| Pack::open(&temporary));
        let written = opened.and_then(|opened| fs::rename(&temporary, &path).map(|()| opened));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map(|(pack, rows)| (Pack { path, ..pack }, rows))
    }
}

impl Row {
    fn read(bytes: &[u8]) -> Option<Row> {
        let (key, rest) = bytes.split_first_chunk::<16>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (sum, _) = rest.split_first_chunk::<16>()?;
        Some(Row { key: Key(*key), offset: u64::from_le_bytes(*offset), len: u32::from_le_bytes(*len), sum: *sum })
    }

    fn ends_by(&self, end: u64) -> bool {
        self.offset >= MAGIC.len() as u64 && self.offset.checked_add(u64::from(self.len)).is_some_and(|last| last <= end)
    }
}

fn write_file(path: &Path, entries: &[(Key, Vec<u8>)]) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, OpenOptions::new().write(true).create_new(true).open(path)?);
    out.write_all(MAGIC)?;
    let mut offset = MAGIC.len() as u64;
    let mut index = Vec::with_capacity(entries.len() * ROW);
    for (key, bytes) in entries {
        let len = u32::try_from(bytes.len()).map_err(|_| damaged("an entry is too large"))?;
        out.write_all(bytes)?;
        index.extend_from_slice(&key.0);
        index.extend_from_slice(&offset.to_le_bytes());
        index.extend_from_slice(&len.to_le_bytes());
        index.extend_from_slice(&checksum(&key.0, bytes));
        offset += u64::from(len);
    }
    out.write_all(&index)?;
    out.write_all(&offset.to_le_bytes())?;
    out.write_all(&(entries.len() as u64).to_le_bytes())?;
    out.write_all(&checksum(b"index", &index))?;
    out.write_all(MAGIC)?;
    // No sync: after a power failure a half-written pack fails its checksums and is dropped.
    out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
