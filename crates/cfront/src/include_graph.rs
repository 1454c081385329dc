//! Which file an `#include` means, without the build's `-I` list.

use crate::program::Config;
use cuthere_base::{FileId, Source, Symbol, folder};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

/// Which world a file belongs to. Names of different worlds do not mix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Domain {
    Kernel,
    /// `tools/`, `scripts/`, `usr/`, `Documentation/`.
    User,
}

/// The domain of a path.
pub fn domain_of(path: &str) -> Domain {
    match path.split('/').next() {
        Some("tools" | "scripts" | "usr" | "Documentation") => Domain::User,
        _ => Domain::Kernel,
    }
}

/// Whether a file is linked into a program apart from the kernel: what unpacks it, what starts another one, what is mapped into processes.
pub fn linked_apart(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    path.starts_with("arch/") && folders.any(|folder| matches!(folder, "boot" | "purgatory" | "vdso" | "vdso32" | "vdso64"))
        || path.starts_with("drivers/firmware/efi/libstub/")
}

/// The architecture whose folder a path lies in.
pub fn arch_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("arch/").or_else(|| path.strip_prefix("tools/arch/"))?;
    let (arch, rest) = rest.split_once('/')?;
    (!rest.is_empty()).then_some(arch)
}

/// Finds included files.
pub struct Resolver<'s> {
    source: &'s dyn Source,
    default_arch: String,
    /// Folders that are searched before the kernel's own.
    include: Vec<String>,
    /// Headers and other includable files by their last path component.
    by_name: FxHashMap<&'s str, Vec<FileId>>,
    /// Angle includes already found: (architecture, user space, path).
    angle: RwLock<FxHashMap<(Symbol, Domain, Symbol), Option<FileId>>>,
}

impl<'s> Resolver<'s> {
    pub fn new(source: &'s dyn Source, config: &Config) -> Resolver<'s> {
        let mut by_name: FxHashMap<&'s str, Vec<FileId>> = FxHashMap::default();
        for i in 0..source.len() as u32 {
            let path = source.path(FileId(i));
            let name = path.rsplit('/').next().unwrap_or(path);
            if !name.ends_with(".c") {
                by_name.entry(name).or_default().push(FileId(i));
            }
        }
        Resolver { source, default_arch: config.arch.clone(), include: config.include.clone(), by_name, angle: RwLock::default() }
    }

    /// The file that `from` includes as `path`.
    pub fn resolve(&self, from: FileId, path: Symbol, quoted: bool) -> Option<FileId> {
        let from_path = self.source.path(from);
        let text = path.as_str();
        if text.is_empty() || text.len() > 512 {
            return None;
        }
        if quoted {
            let dir = folder(from_path);
            if let Some(file) = self.join(dir, text) {
                return Some(file);
            }
            // `-I$(src)/…` of a parent folder.
            let mut up = dir;
            for _ in 0..4 {
                let Some((parent, _)) = up.rsplit_once('/') else { break };
                up = parent;
                if let Some(file) = self.join(up, text).or_else(|| self.join(&format!("{up}/include"), text)) {
                    return Some(file);
                }
            }
        }
        let arch = arch_of(from_path).unwrap_or(&self.default_arch);
        let domain = domain_of(from_path);
        let key = (Symbol::intern(arch), domain, path);
        if let Some(found) = self.angle.read().get(&key) {
            return found.or_else(|| self.nearest(from_path, text, quoted));
        }
        let found = self.standard(arch, domain, text);
        self.angle.write().insert(key, found);
        found.or_else(|| self.nearest(from_path, text, quoted))
    }

    /// The include folders of the kernel's own build.
    fn standard(&self, arch: &str, domain: Domain, text: &str) -> Option<FileId> {
        let find = |path: String| self.source.find(&path);
        if let Some(file) = self.include.iter().find_map(|folder| self.join(folder, text)) {
            return Some(file);
        }
        if domain == Domain::User {
            for dir in ["tools/include", "tools/include/uapi", "tools/lib", "tools/lib/perf/include"] {
                if let Some(file) = find(format!("{dir}/{text}")) {
                    return Some(file);
                }
            }
            return find(format!("tools/arch/{arch}/include/{text}")).or_else(|| find(format!("tools/arch/{arch}/include/uapi/{text}")));
        }
        find(format!("include/{text}"))
            .or_else(|| find(format!("arch/{arch}/include/{text}")))
            .or_else(|| find(format!("arch/{arch}/include/uapi/{text}")))
            .or_else(|| find(format!("include/uapi/{text}")))
            .or_else(|| {
                text.strip_prefix("asm/").and_then(|rest| {
                    find(format!("include/asm-generic/{rest}")).or_else(|| find(format!("include/uapi/asm-generic/{rest}")))
                })
            })
            .or_else(|| find(text.to_owned()))
    }

    /// A file whose path ends with the include's, the one nearest to the includer. For trees without the kernel's headers, and for `-I` folders.
    fn nearest(&self, from: &str, text: &str, quoted: bool) -> Option<FileId> {
        let text = text.trim_start_matches("./");
        let stripped = text.trim_start_matches("../");
        let name = stripped.rsplit('/').next()?;
        let domain = domain_of(from);
        let arch = arch_of(from);
        let mut best: Option<(usize, std::cmp::Reverse<usize>, FileId)> = None;
        let (mut far, mut others) = (None, 0);
        for &file in self.by_name.get(name)? {
            let path = self.source.path(file);
            let fits = path == stripped || (path.ends_with(stripped) && path.as_bytes()[path.len() - stripped.len() - 1] == b'/');
            if !fits || domain_of(path) != domain || arch_of(path).is_some_and(|a| Some(a) != arch && a != self.default_arch) {
                continue;
            }
            let common = common_dirs(path, from);
            // Without a folder in the name, a far file of that name is more likely an unrelated one, unless quotes say that it is the
            // project's own and there is no other: `-Ilib` for a program beside its library.
            if !stripped.contains('/') && common == 0 && path.contains('/') && from.contains('/') {
                others += usize::from(far.is_some());
                far = Some(file);
                continue;
            }
            let key = (common, std::cmp::Reverse(path.len()), file);
            if best.is_none_or(|b| (key.0, key.1) > (b.0, b.1)) {
                best = Some(key);
            }
        }
        best.map(|b| b.2).or(far.filter(|_| quoted && others == 0))
    }

    fn join(&self, dir: &str, text: &str) -> Option<FileId> {
        let mut parts: Vec<&str> = if dir.is_empty() { Vec::new() } else { dir.split('/').collect() };
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                other => parts.push(other),
            }
        }
        self.source.find(&parts.join("/"))
    }
}

/// How many leading folders two paths share.
pub fn common_dirs(a: &str, b: &str) -> usize {
    folder(a).split('/').zip(folder(b).split('/')).take_while(|(x, y)| x == y && !x.is_empty()).count()
}
