//! All outlines of a tree, and what a name means in a given file.
//!
//! Names are looked up as C would find them: the file's own declarations first, then those of the files it includes (nearest first), then,
//! where headers are missing, a definition that is unique in the tree. Files under `arch/X` see X's headers, all others those of
//! the chosen architecture; `tools/`, `scripts/` and other user-space folders do not mix with the kernel's.

use crate::asked::{Asked, Question, Space};
use crate::config::Options;
use crate::include_graph::{Domain, Resolver, arch_of, common_dirs, domain_of, linked_apart};
use crate::macros::MacroBody;
use crate::names::{Names, Table};
use crate::outline::{FileOutline, Item, ItemKind, ItemRef};
use crate::shapes::Shapes;
pub use crate::text::FileText;
use crate::text::Texts;
use crate::types::{Sharded, Types};
use cuthere_base::{FileId, Source, Symbol};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};

/// How conditionals are decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--arch`, default `x86`.
    pub arch: String,
    /// Text of `--config FILE` (`CONFIG_X=y|m|value`, `# CONFIG_X is not set`), if given: then what it does not name is off.
    pub dotconfig: Option<String>,
    /// `--preempt rt`: `CONFIG_PREEMPT_RT` on.
    pub preempt_rt: bool,
    /// What `LINUX_VERSION_CODE` stands for; `None`: newer than everything.
    pub linux_version: Option<(u32, u32, u32)>,
    /// Folders in which includes are looked for before the kernel's own, relative to the tree (`-I`).
    pub include: Vec<String>,
    /// Macros that the command line of the build defines, with their values (`-D`).
    pub defines: Vec<(String, i64)>,
}

impl Default for Config {
    fn default() -> Self {
        Config { arch: "x86".to_owned(), dotconfig: None, preempt_rt: false, linux_version: None, include: Vec::new(), defines: Vec::new() }
    }
}

/// C's name spaces at file level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NameSpace {
    /// Functions, variables, typedefs, enumerators.
    Ordinary,
    /// Tags of structs, unions and enums.
    Tag,
}

/// A tree read by outline.
pub struct Program<'s> {
    pub source: &'s dyn Source,
    pub config: Config,
    pub shapes: Shapes,
    pub files: Vec<FileOutline>,
    pub types: Types,
    pub(crate) names: Names,
    includes: Vec<Box<[FileId]>>,
    /// Only the files around some were read: these, from which each is included.
    pub(crate) includers: Option<Vec<Vec<FileId>>>,
    pub(crate) of_includers: Sharded<(FileId, Symbol), Option<ItemRef>>,
    /// The active includes of each file that were not found.
    pub(crate) missing: Vec<Box<[Symbol]>>,
    function_base: Vec<u32>,
    /// Per file: the items that are functions.
    function_items: Vec<Box<[u32]>>,
    texts: Texts,
    pub(crate) bodies: Sharded<ItemRef, Arc<MacroBody>>,
    /// Which hashes of names the unindexed `#define` lists have: one bit per remainder.
    bulk_names: Box<[u64]>,
    options: FxHashMap<String, Options>,
    /// What was asked beyond includes, if somebody wants to know.
    asked: OnceLock<Asked>,
    pub(crate) id: u64,
}

static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

impl<'s> Program<'s> {
    /// Outlines every file in parallel.
    pub fn build(source: &'s dyn Source, config: Config, shapes: Shapes) -> Program<'s> {
        let all: Vec<FileId> = (0..source.len() as u32).map(FileId).collect();
        let reader = Reader::new(source, &config);
        let files: Vec<FileOutline> = all.par_iter().with_max_len(16).map(|&f| reader.outline(f, &shapes)).collect();
        Program::finish(source, config, shapes, files, reader.options)
    }

    /// Outlines only these files and, transitively, what they include. All others are as if empty.
    pub fn build_partial(source: &'s dyn Source, config: Config, shapes: Shapes, roots: &[FileId]) -> Program<'s> {
        let reader = Reader::new(source, &config);
        let resolver = Resolver::new(source, &config);
        let mut files: Vec<FileOutline> = vec![FileOutline::default(); source.len()];
        let mut seen = vec![false; source.len()];
        let mut wave: Vec<FileId> = roots.iter().copied().filter(|f| f.index() < source.len()).collect();
        wave.sort_unstable();
        wave.dedup();
        wave.iter().for_each(|f| seen[f.index()] = true);
        while !wave.is_empty() {
            let read: Vec<FileOutline> = wave.par_iter().map(|&f| reader.outline(f, &shapes)).collect();
            let mut next = Vec::new();
            for (f, outline) in wave.iter().zip(read) {
                for include in outline.includes.iter().filter(|i| i.active) {
                    if let Some(file) = resolver.resolve(*f, include.path, include.quoted)
                        && !std::mem::replace(&mut seen[file.index()], true)
                    {
                        next.push(file);
                    }
                }
                files[f.index()] = outline;
            }
            next.sort_unstable();
            wave = next;
        }
        drop(resolver);
        let mut program = Program::finish(source, config, shapes, files, reader.options);
        let mut includers = vec![Vec::new(); program.files.len()];
        for (n, included) in program.includes.iter().enumerate() {
            included.iter().for_each(|f| includers[f.index()].push(FileId(n as u32)));
        }
        program.includers = Some(includers);
        program
    }

    fn finish(
        source: &'s dyn Source,
        config: Config,
        shapes: Shapes,
        mut files: Vec<FileOutline>,
        options: FxHashMap<String, Options>,
    ) -> Program<'s> {
        let resolver = Resolver::new(source, &config);
        /// Headers that were found, and those that were not.
        type Resolved = (Box<[FileId]>, Box<[Symbol]>);
        let resolved: Vec<Resolved> = files
            .par_iter()
            .enumerate()
            .map(|(f, outline)| {
                let mut missing: Vec<Symbol> = Vec::new();
                let mut found: Vec<FileId> = Vec::new();
                for include in outline.includes.iter().filter(|i| i.active) {
                    match resolver.resolve(FileId(f as u32), include.path, include.quoted) {
                        Some(file) if !found.contains(&file) => found.push(file),
                        Some(_) => {}
                        None if missing.contains(&include.path) => {}
                        None => missing.push(include.path),
                    }
                }
                (found.into_boxed_slice(), missing.into_boxed_slice())
            })
            .collect();
        let (includes, missing): (Vec<_>, Vec<_>) = resolved.into_iter().unzip();
        let mut function_base = Vec::with_capacity(files.len() + 1);
        let mut function_items = Vec::with_capacity(files.len());
        let mut total = 0u32;
        for outline in &files {
            function_base.push(total);
            let items: Box<[u32]> =
                outline.items.iter().enumerate().filter(|(_, i)| i.kind == ItemKind::Function).map(|(n, _)| n as u32).collect();
            total += items.len() as u32;
            function_items.push(items);
        }
        function_base.push(total);
        let names = Names::new(&mut files);
        let count = files.len();
        let bulk_names = bulk_filter(&files);
        Program {
            source,
            config,
            shapes,
            files,
            types: Types::default(),
            names,
            includes,
            includers: None,
            of_includers: Sharded::new(),
            missing,
            function_base,
            function_items,
            texts: Texts::new(count),
            bodies: Sharded::new(),
            bulk_names,
            options,
            asked: OnceLock::new(),
            id: NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        }
    }

    pub fn outline(&self, file: FileId) -> &FileOutline {
        &self.files[file.index()]
    }

    pub fn item(&self, item: ItemRef) -> &Item {
        &self.files[item.file.index()].items[item.item as usize]
    }

    /// The files that a file includes directly, in order.
    pub fn includes(&self, file: FileId) -> &[FileId] {
        &self.includes[file.index()]
    }

    /// The headers that the file includes and that are not in the tree, as written.
    pub fn missing_headers(&self, file: FileId) -> &[Symbol] {
        &self.missing[file.index()]
    }

    pub fn domain(&self, file: FileId) -> Domain {
        domain_of(self.source.path(file))
    }

    /// The configuration that a file is read under.
    pub fn options(&self, file: FileId) -> &Options {
        let arch = arch_of(self.source.path(file)).unwrap_or(&self.config.arch);
        self.options.get(arch).or_else(|| self.options.get(&self.config.arch)).expect("the chosen architecture always has options")
    }

    /// The file's bytes. Headers are kept; sources are read anew each time.
    pub fn text(&self, file: FileId) -> Result<FileText, String> {
        let read = || self.source.read(file).map(|bytes| FileText::new(Arc::from(&bytes[..])));
        if self.source.path(file).ends_with(".c") {
            return read();
        }
        self.texts.get(file, read)
    }

    /// Gives back what only reading needs: texts, macros and their bodies. Declarations, functions and types stay; what is read
    /// after this is read without macros.
    pub fn release_texts(&mut self) {
        self.texts = Texts::new(self.files.len());
        self.bodies = Sharded::new();
        self.types.release_names();
        self.bulk_names = Box::default();
        self.names.macros = Table::default();
        for outline in &mut self.files {
            outline.macros = Vec::new();
            outline.undefs = Vec::new();
            outline.inactive = Vec::new();
            outline.bulk = None;
        }
        // What threads remember is no longer true.
        self.id = NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether an unindexed `#define` list may hold the name. Seldom wrong, and only towards yes.
    pub(crate) fn may_be_bulk(&self, name: &str) -> bool {
        let bit = crate::bulk::name_hash(name.as_bytes()) as usize;
        !self.bulk_names.is_empty() && self.bulk_names[bit / 64 % self.bulk_names.len()] >> (bit % 64) & 1 != 0
    }

    // ---- what answers rest on ----

    /// From now on, look-ups that go beyond what a file includes are noted.
    pub fn note_questions(&self) {
        self.asked.get_or_init(Asked::new);
    }

    /// The look-ups noted so far: which file asked for what.
    pub fn questions(&self) -> Vec<Question> {
        self.asked.get().map_or(Vec::new(), Asked::take)
    }

    pub(crate) fn note_question(&self, from: FileId, space: Space, name: Symbol) {
        if let Some(asked) = self.asked.get() {
            asked.note(from, space, name);
        }
    }

    /// Whether any file that was read declares a function or variable of this name, or a macro.
    pub fn defines(&self, name: Symbol) -> bool {
        !self.names.ordinary.get(name).is_empty() || !self.names.macros.get(name).is_empty()
    }

    // ---- functions by number ----

    /// The number of the file's first function.
    pub fn function_base(&self, file: FileId) -> u32 {
        self.function_base[file.index()]
    }

    /// How many function definitions there are.
    pub fn function_count(&self) -> u32 {
        *self.function_base.last().unwrap_or(&0)
    }

    /// The items of the file's function definitions, in order.
    pub fn functions(&self, file: FileId) -> &[u32] {
        &self.function_items[file.index()]
    }

    /// The number of a function definition.
    pub fn function_number(&self, item: ItemRef) -> Option<u32> {
        let position = self.functions(item.file).binary_search(&item.item).ok()?;
        Some(self.function_base(item.file) + position as u32)
    }

    /// The function definition of a number.
    pub fn function_ref(&self, number: u32) -> Option<ItemRef> {
        let file = self.function_base.partition_point(|&b| b <= number).checked_sub(1)?;
        let item = *self.function_items.get(file)?.get((number - self.function_base[file]) as usize)?;
        Some(ItemRef { file: FileId(file as u32), item })
    }

    // ---- names ----

    /// What a name means in a file: its own declarations, then the included files' (nearest first), then one that is the only one of the tree's part.
    pub fn lookup(&self, from: FileId, space: NameSpace, name: Symbol) -> Option<ItemRef> {
        let table = match space {
            NameSpace::Ordinary => &self.names.ordinary,
            NameSpace::Tag => &self.names.tags,
        };
        let all = table.get(name);
        if all.is_empty() {
            self.note_question(from, Space::Named(space), name);
            return None;
        }
        let weigh = |r: &ItemRef| {
            let item = self.item(*r);
            let declared_only =
                matches!(item.kind, ItemKind::Prototype) || (item.kind == ItemKind::Variable && !self.source.path(r.file).ends_with(".c"));
            (!item.active, declared_only, r.item)
        };
        if let Some(own) = all.iter().filter(|r| r.file == from).min_by_key(|r| weigh(r)) {
            return Some(*own);
        }
        let visible = crate::closure::with(self, from, |closure| {
            all.iter()
                .filter_map(|r| closure.rank(r.file).map(|rank| (r, rank)))
                .min_by_key(|(r, rank)| {
                    let (inactive, declared_only, at) = weigh(r);
                    (inactive, declared_only, *rank, at)
                })
                .map(|(r, _)| *r)
        });
        if visible.is_some() {
            return visible;
        }
        self.note_question(from, Space::Named(space), name);
        // No header says so. A unique outside definition is believed; another source file's static names are not.
        let path = self.source.path(from);
        let (domain, arch) = (domain_of(path), arch_of(path));
        type Key = (bool, std::cmp::Reverse<usize>, bool);
        let mut best: Option<(Key, ItemRef)> = None;
        let mut ties = 0;
        for r in all {
            let p = self.source.path(r.file);
            let item = self.item(*r);
            if domain_of(p) != domain || !self.arch_fits(arch, p) || (p.ends_with(".c") && (item.is_static || space == NameSpace::Tag)) {
                continue;
            }
            let key = (!item.active, std::cmp::Reverse(common_dirs(p, path)), item.kind == ItemKind::Prototype);
            match &best {
                Some((k, _)) if *k < key => {}
                Some((k, _)) if *k == key => ties += 1,
                _ => {
                    best = Some((key, *r));
                    ties = 0;
                }
            }
        }
        best.filter(|(key, _)| ties == 0 || key.1.0 > 0 || space == NameSpace::Ordinary).map(|b| b.1)
    }

    pub(crate) fn arch_fits(&self, from: Option<&str>, path: &str) -> bool {
        match arch_of(path) {
            None => true,
            Some(arch) => arch == from.unwrap_or(&self.config.arch),
        }
    }

    /// The definition that a call by name reaches. `None`: not in the tree, or not clear which.
    pub fn resolve_call(&self, from: FileId, name: Symbol) -> Option<ItemRef> {
        self.resolve(from, name, false)
    }

    /// The same, but rather a header's stub for another setting than nothing: for who must execute something.
    pub fn resolve_call_or_stub(&self, from: FileId, name: Symbol) -> Option<ItemRef> {
        self.resolve(from, name, false).or_else(|| self.resolve(from, name, true))
    }

    fn resolve(&self, from: FileId, name: Symbol, stubs: bool) -> Option<ItemRef> {
        let all = self.names.ordinary.get(name);
        if all.is_empty() {
            return None;
        }
        let functions = || all.iter().filter(|r| self.item(**r).kind == ItemKind::Function);
        // A header's stub for another setting is not what an active declaration means, wherever the body may be.
        let declared = !stubs && all.iter().any(|r| self.item(*r).kind == ItemKind::Prototype && self.item(*r).active);
        let meant = |r: &&ItemRef| self.item(**r).active || !declared || self.source.path(r.file).ends_with(".c");
        if let Some(own) = functions().filter(|r| r.file == from && meant(r)).min_by_key(|r| (!self.item(**r).active, r.item)) {
            return Some(*own);
        }
        functions().next()?;
        let path = self.source.path(from);
        let header = |r: &&ItemRef| !self.source.path(r.file).ends_with(".c");
        if functions().any(|r| header(&r)) {
            let found = crate::closure::with(self, from, |closure| {
                functions()
                    .filter(|r| header(r) && self.item(**r).active)
                    .filter_map(|r| closure.rank(r.file).map(|rank| (rank, r.item, *r)))
                    .min()
                    .map(|f| f.2)
            });
            if found.is_some() {
                return found;
            }
        }
        let (domain, arch, apart) = (domain_of(path), arch_of(path), linked_apart(path));
        functions()
            .filter(|r| {
                let p = self.source.path(r.file);
                let item = self.item(**r);
                (item.active || p.ends_with(".c") || !declared)
                    && domain_of(p) == domain
                    && self.arch_fits(arch, p)
                    && (!item.is_static || !p.ends_with(".c"))
                    && (apart || !linked_apart(p))
            })
            .min_by_key(|r| {
                let p = self.source.path(r.file);
                (!self.item(**r).active, !p.ends_with(".c"), std::cmp::Reverse(common_dirs(p, path)), **r)
            })
            .copied()
            // In another part of the tree only one that exists is meant; user-space programs share many names.
            .filter(|r| domain == Domain::Kernel || common_dirs(self.source.path(r.file), path) > 1)
    }
}

fn bulk_filter(files: &[FileOutline]) -> Box<[u64]> {
    let lists = || files.iter().filter_map(|f| f.bulk.as_ref());
    let count: usize = lists().map(|b| b.len()).sum();
    if count == 0 {
        return Box::default();
    }
    // Eight bits or more for each name.
    let mut bits = vec![0u64; (count / 8 + 1).next_power_of_two().min(1 << 20)].into_boxed_slice();
    for &(hash, _) in lists().flat_map(|b| b.entries()) {
        let bit = hash as usize;
        bits[bit / 64 % bits.len()] |= 1 << (bit % 64);
    }
    bits
}

/// Reads and outlines single files.
struct Reader<'s> {
    source: &'s dyn Source,
    default_arch: String,
    options: FxHashMap<String, Options>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s dyn Source, config: &Config) -> Reader<'s> {
        let mut options = FxHashMap::default();
        options.insert(config.arch.clone(), Options::new(config, &config.arch));
        for i in 0..source.len() as u32 {
            if let Some(arch) = arch_of(source.path(FileId(i)))
                && !options.contains_key(arch)
                && options.len() < 256
            {
                options.insert(arch.to_owned(), Options::new(config, arch));
            }
        }
        Reader { source, default_arch: config.arch.clone(), options }
    }

    fn outline(&self, file: FileId, shapes: &Shapes) -> FileOutline {
        let arch = arch_of(self.source.path(file)).unwrap_or(&self.default_arch);
        let options =
            self.options.get(arch).or_else(|| self.options.get(&self.default_arch)).expect("the chosen architecture always has options");
        match self.source.read(file) {
            Ok(text) => {
                let mut outline = crate::scan::scan(&text, options, shapes, &|_| crate::condition::Lookup::Unknown);
                if self.source.path(file).ends_with(".c") {
                    crate::rename::rename(&text, &mut outline);
                }
                outline
            }
            Err(reason) => FileOutline { notes: vec![(cuthere_base::Loc::NONE, reason)], ..FileOutline::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::MemorySource;

    #[test]
    fn the_kernel_does_not_call_what_is_linked_apart() {
        let body = "char *skip(char *s)\n{\n\treturn s + 1;\n}\n";
        let call = "char *skip(char *s);\nchar *f(char *s)\n{\n\treturn skip(s);\n}\n";
        let source = MemorySource::new([
            ("arch/x86/boot/compressed/args.c", body),
            ("arch/x86/boot/compressed/main.c", call),
            ("lib/text.c", body),
            ("kernel/args.c", call),
        ]);
        let program = Program::build(&source, Config::default(), Shapes::default());
        let reached = |from: &str| {
            let from = source.find(from).expect("it is there");
            program.resolve_call(from, Symbol::intern("skip")).map(|r| source.path(r.file))
        };
        assert_eq!(reached("kernel/args.c"), Some("lib/text.c"));
        assert_eq!(reached("arch/x86/boot/compressed/main.c"), Some("arch/x86/boot/compressed/args.c"));
    }
}
