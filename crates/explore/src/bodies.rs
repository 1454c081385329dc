//! Functions and variables as they are read, for all searches of an exploration: each is read once, whichever of them comes to it first. Refuses
//! to keep what the searches make of them, which depends on what each has met before.

use cuthere_base::Symbol;
use cuthere_cfront::outline::ItemRef;
use cuthere_ir::GlobalInit;
use cuthere_ir::func::Func;
use rustc_hash::FxHashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// By item and name, for a macro may define several. Nothing: it could not be read.
type Kept<T> = Mutex<FxHashMap<(ItemRef, Symbol), Option<Arc<T>>>>;

/// See the module.
#[derive(Default)]
pub(crate) struct Bodies {
    functions: Kept<Func>,
    variables: Kept<GlobalInit>,
}

impl Bodies {
    /// A function, read by `read` if nobody has read it yet.
    pub fn function(&self, item: ItemRef, name: Symbol, read: impl FnOnce() -> Option<Func>) -> Option<Arc<Func>> {
        kept(&self.functions, (item, name), read)
    }

    /// The same of a variable at file level.
    pub fn variable(&self, item: ItemRef, name: Symbol, read: impl FnOnce() -> Option<GlobalInit>) -> Option<Arc<GlobalInit>> {
        kept(&self.variables, (item, name), read)
    }
}

/// Nothing is locked while it is read: of two that read the same at once, one has read in vain.
fn kept<K: Copy + Eq + Hash, T>(all: &Mutex<FxHashMap<K, Option<Arc<T>>>>, key: K, read: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
    let locked = || all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = locked().get(&key) {
        return known.clone();
    }
    let new = read().map(Arc::new);
    locked().entry(key).or_insert(new).clone()
}
