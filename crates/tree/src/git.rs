//! A git repository, as the `git` command reads it: who has a revision has that command, and a library that reads all of git's formats
//! costs more time to build than the rest of what the command needs.
//!
//! Only commands that resolve names and read objects are run. They start nothing else: no hook, pager, filter or file system monitor, and
//! nothing is fetched where a clone is partial. Variables that point git at another repository are taken away, and of two repositories
//! with one name, the one that git itself finds from the folder counts.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What points git elsewhere, as hooks of git have it in their environment.
const ELSEWHERE: &[&str] = &["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_PREFIX"];

/// The name of an object: a hash of 20 or 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    bytes: [u8; 32],
    len: u8,
}

impl Id {
    fn from_bytes(from: &[u8]) -> Option<Id> {
        let mut bytes = [0; 32];
        bytes.get_mut(..from.len())?.copy_from_slice(from);
        matches!(from.len(), 20 | 32).then_some(Id { bytes, len: from.len() as u8 })
    }

    /// Reads the name as git prints it.
    pub fn from_hex(text: &str) -> Option<Id> {
        let digit = |b: &u8| (*b as char).to_digit(16).map(|d| d as u8);
        let pair = |pair: &[u8]| Some((digit(pair.first()?)? << 4) | digit(pair.get(1)?)?);
        Id::from_bytes(&text.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>()?)
    }

    /// Bytes of it, which all names of a repository have.
    fn width(&self) -> usize {
        usize::from(self.len)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().take(self.width()).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a folder of a revision has under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Folder,
    File,
    Link,
    /// A commit of another repository.
    Submodule,
}

/// One name in a folder of a revision.
pub struct Entry<'a> {
    pub kind: Kind,
    pub name: &'a [u8],
    pub id: Id,
}

/// The entries of a folder, from the object that holds it, up to the first that is damaged.
pub fn entries(folder: Id, data: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, String>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = entry(rest, folder.width());
        rest = entry.as_ref().map_or(&[][..], |(_, rest)| *rest);
        Some(entry.map(|(entry, _)| entry).ok_or_else(|| "the folder is damaged".to_owned()))
    })
}

fn entry(data: &[u8], width: usize) -> Option<(Entry<'_>, &[u8])> {
    let blank = data.iter().position(|b| *b == b' ')?;
    let end = data.iter().position(|b| *b == 0).filter(|end| *end > blank + 1)?;
    let mode = u32::from_str_radix(std::str::from_utf8(data.get(..blank)?).ok()?, 8).ok()?;
    let kind = match mode & 0o170_000 {
        0o040_000 => Kind::Folder,
        0o100_000 => Kind::File,
        0o120_000 => Kind::Link,
        0o160_000 => Kind::Submodule,
        _ => return None,
    };
    let id = Id::from_bytes(data.get(end + 1..end + 1 + width)?)?;
    Some((Entry { kind, name: data.get(blank + 1..end)?, id }, data.get(end + 1 + width..)?))
}

/// A repository.
#[derive(Clone, Debug)]
pub struct Git {
    /// Its own folder, `.git` or a bare one.
    pub dir: PathBuf,
    /// Where in the work tree the folder that it was found from lies; empty at the top and in a bare repository.
    pub inside: PathBuf,
}

fn command() -> Command {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command
        .envs([("LC_ALL", "C"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "none"), ("GIT_OPTIONAL_LOCKS", "0")])
        .args(["--no-pager", "-c", "core.fsmonitor=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn cannot_run(error: std::io::Error) -> String {
    format!("the git command cannot be run: {error}")
}

/// What a command prints; what it complains about where it fails.
fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let out = command.output().map_err(cannot_run)?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let said = String::from_utf8_lossy(&out.stderr);
    let said = said.lines().map(|line| line.trim_start_matches("fatal: ").trim_start_matches("error: ")).find(|line| !line.is_empty());
    Err(said.map_or_else(|| format!("git ended with {}", out.status), str::to_owned))
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

impl Git {
    /// The repository at or above a folder.
    pub fn discover(folder: &Path) -> Result<Git, String> {
        let out = run(command().arg("-C").arg(folder).args(["rev-parse", "--absolute-git-dir", "--show-prefix"]))?;
        let mut lines = out.split(|b| *b == b'\n').map(path);
        let (dir, inside) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        Ok(Git { dir, inside })
    }

    /// The repository whose own folder this is.
    pub fn open(dir: &Path) -> Git {
        Git { dir: dir.to_path_buf(), inside: PathBuf::new() }
    }

    fn command(&self) -> Command {
        let mut command = command();
        command.arg("--git-dir").arg(&self.dir);
        command
    }

    /// What a command of git prints.
    pub fn output<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Vec<u8>, String> {
        run(self.command().args(arguments))
    }

    /// The object that a revision names, or that it stands for as a `commit` or `tree`.
    pub fn resolve(&self, rev: &str, kind: &str) -> Result<Id, String> {
        let id = self.id(rev)?;
        self.id(&format!("{id}^{{{kind}}}"))
    }

    fn id(&self, rev: &str) -> Result<Id, String> {
        let out = self.output(["rev-parse", "--verify", "--end-of-options", rev])?;
        Id::from_hex(String::from_utf8_lossy(&out).trim()).ok_or_else(|| "it names no object".to_owned())
    }

    /// The sizes of objects, in their order.
    pub fn sizes(&self, ids: &[Id]) -> Result<Vec<Result<u64, String>>, String> {
        let mut child = self
            .command()
            .args(["cat-file", "--batch-check", "--buffer"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot_run)?;
        let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else { return Err("no pipe".to_owned()) };
        let mut out = Vec::new();
        // Asked by a thread of its own: git answers before it has read everything.
        let done = std::thread::scope(|scope| {
            scope.spawn(move || ids.iter().try_for_each(|id| writeln!(to, "{id}")));
            from.read_to_end(&mut out)
        });
        let status = child.wait();
        done.map_err(|error| error.to_string())?;
        let mut lines = out.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(header);
        let all: Vec<_> = ids.iter().map_while(|_| lines.next()).map(|header| header.map(|(_, size)| size)).collect();
        match status {
            Ok(status) if all.len() < ids.len() => Err(format!("git ended with {status}")),
            _ => Ok(all),
        }
    }

    /// Begins to read objects.
    pub fn objects(&self) -> Result<Objects, String> {
        let mut command = self.command();
        let mut child = command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(cannot_run)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Objects { child, to: Some(to), from: BufReader::with_capacity(1 << 16, from), ended: false }),
            _ => Err("no pipe to git".to_owned()),
        }
    }
}

/// The id and size of an answer `<id> <type> <size>`.
fn header(line: &[u8]) -> Result<(Id, u64), String> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let id = words.next().and_then(Id::from_hex);
    let size = words.nth(1).and_then(|size| size.parse().ok());
    id.zip(size).ok_or_else(|| match line.rsplit(' ').next() {
        Some(why @ ("missing" | "ambiguous")) => format!("the object is {why}"),
        _ => "git's answer was not understood".to_owned(),
    })
}

/// Why an object was not read.
pub enum Unread {
    /// It is larger than asked for, so many bytes.
    Large(u64),
    Cause(String),
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Unread {
        Unread::Cause(error.to_string())
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Large(size) => write!(f, "it has {size} bytes"),
            Unread::Cause(cause) => f.write_str(cause),
        }
    }
}

/// A `git` that gives the contents of objects, one after the other.
pub struct Objects {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// It is gone, or what it says next cannot be known.
    pub ended: bool,
}

impl Objects {
    /// The object of a name (without line feeds) with its contents, if they have at most `limit` bytes.
    pub fn read(&mut self, name: impl fmt::Display, limit: u64) -> Result<(Id, Vec<u8>), Unread> {
        // Until the answer has come to its end.
        self.ended = true;
        let mut line = Vec::new();
        let asked = self.to.as_mut().map(|to| writeln!(to, "{name}").and_then(|()| to.flush()));
        if !matches!(asked, Some(Ok(()))) || self.from.read_until(b'\n', &mut line)? == 0 {
            return Err(Unread::Cause("git ended without an answer; `git fsck` says what is damaged".to_owned()));
        }
        let answer = header(line.trim_ascii_end());
        let Ok((id, size)) = answer else {
            self.ended = false;
            return Err(Unread::Cause(answer.err().unwrap_or_default()));
        };
        let mut body = (&mut self.from).take(size);
        let mut data = Vec::new();
        if size > limit {
            std::io::copy(&mut body, &mut std::io::sink())?;
        } else {
            body.read_to_end(&mut data)?;
        }
        let whole = body.limit() == 0 && self.from.read_exact(&mut [0]).is_ok();
        self.ended = !whole;
        match whole {
            true if size > limit => Err(Unread::Large(size)),
            true => Ok((id, data)),
            false => Err(Unread::Cause("git ended within the object; `git fsck` says what is damaged".to_owned())),
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
