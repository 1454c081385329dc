//! What one thread remembers between expansions: what kind of name a symbol is, and what macros mean in the files it reads.

use super::Tk;
use crate::macros::MacroBody;
use crate::program::Program;
use crate::shapes::Shape;
use cuthere_base::{FileId, Symbol};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

/// What can become of a name in expansion, in any file of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Class {
    /// Not asked for yet.
    New,
    /// Stays as it is: no macro of this name anywhere, or one that the shapes keep.
    Plain,
    /// The shapes keep it, but where a header that takes the name away from the kernel is seen.
    Replaced,
    /// Some file, or the table of shapes, defines a macro of this name.
    Macro,
    /// `CONFIG_…`, `IS_ENABLED`, `__LINE__` and the like.
    Special,
}

/// The names that the expander knows by itself.
pub(super) struct Words {
    pub config: Vec<(Symbol, bool)>,
    pub line: Symbol,
    pub file: Symbol,
    pub counter: Symbol,
    pub pragma: Symbol,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    config: ["IS_ENABLED", "IS_BUILTIN", "IS_REACHABLE", "IS_MODULE"].map(|n| (Symbol::intern(n), n != "IS_MODULE")).to_vec(),
    line: Symbol::intern("__LINE__"),
    file: Symbol::intern("__FILE__"),
    counter: Symbol::intern("__COUNTER__"),
    pragma: Symbol::intern("_Pragma"),
});

/// Classes by symbol.
#[derive(Default)]
pub(super) struct Classes {
    program: u64,
    of: Vec<Class>,
}

impl Classes {
    pub(super) fn get(&mut self, program: &Program<'_>, name: Symbol) -> Class {
        match self.of.get(name.index()) {
            Some(Class::New) | None => self.classify(program, name),
            Some(&known) => known,
        }
    }

    #[cold]
    fn classify(&mut self, program: &Program<'_>, name: Symbol) -> Class {
        let words = &*WORDS;
        let text = name.as_str();
        let special = text.starts_with("CONFIG_")
            || [words.line, words.file, words.counter, words.pragma].contains(&name)
            || words.config.iter().any(|w| w.0 == name);
        let class = if let Some(shape) = program.shapes.get(name) {
            let replaced = shape == Shape::Call && program.names.macros.get(name).iter().any(|r| program.replaces(name, *r));
            if replaced { Class::Replaced } else { Class::Plain }
        } else if special {
            Class::Special
        } else if !program.names.macros.get(name).is_empty() || program.may_be_bulk(text) || program.shapes.macros.contains_key(&name) {
            Class::Macro
        } else {
            Class::Plain
        };
        if self.of.len() <= name.index() {
            self.of.resize((name.index() + 1).next_power_of_two(), Class::New);
        }
        self.of[name.index()] = class;
        class
    }
}

/// A macro's body, shared within the thread: counting uses of what all threads share costs more.
#[derive(Clone)]
pub(super) struct Body(Rc<Shared>);

struct Shared(Arc<MacroBody>);

impl Body {
    pub(super) fn new(body: Arc<MacroBody>) -> Body {
        Body(Rc::new(Shared(body)))
    }
}

impl std::ops::Deref for Body {
    type Target = MacroBody;

    fn deref(&self) -> &MacroBody {
        &self.0.0
    }
}

/// What macros mean in one file.
#[derive(Default)]
pub(super) struct Cache {
    program: u64,
    file: Option<FileId>,
    /// Definitions from included files by name. Own ones depend on the place.
    pub found: FxHashMap<Symbol, Option<Body>>,
    used: u64,
}

/// How many files' look-ups a thread remembers: a source and the headers whose declarations its bodies need.
const CACHES: usize = 12;

/// One thread's memory.
#[derive(Default)]
pub(super) struct Memory {
    clock: u64,
    caches: Vec<Cache>,
    classes: Classes,
    /// Vectors for reuse.
    spare: Vec<Vec<Tk>>,
}

thread_local! {
    pub(super) static MEMORY: RefCell<Memory> = RefCell::default();
}

impl Memory {
    /// The parts, with the cache of this file.
    pub(super) fn of(&mut self, program: u64, file: FileId) -> (&mut Cache, &mut Classes, &mut Vec<Vec<Tk>>) {
        if self.classes.program != program {
            self.classes = Classes { program, of: Vec::new() };
            self.caches.clear();
        }
        self.clock += 1;
        let caches = &mut self.caches;
        let i = match caches.iter().position(|c| c.program == program && c.file == Some(file)) {
            Some(i) => i,
            None => {
                let i = if caches.len() < CACHES {
                    caches.push(Cache::default());
                    caches.len() - 1
                } else {
                    (0..caches.len()).min_by_key(|&i| caches[i].used).unwrap_or(0)
                };
                caches[i].program = program;
                caches[i].file = Some(file);
                caches[i].found.clear();
                i
            }
        };
        caches[i].used = self.clock;
        (&mut caches[i], &mut self.classes, &mut self.spare)
    }
}
