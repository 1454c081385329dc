//! What names say of locks: the kernel's customs, for functions that are not read or whose ways of returning nothing tells apart.
//!
//! Names never make a finding; they lower one.

use cuthere_base::Symbol;

/// Whether a name speaks of taking a lock or giving one back.
pub fn names_lock(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "lock" | "unlock" | "trylock" | "relock"))
}

/// Whether a name speaks of giving a lock back.
pub fn names_unlock(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| word == "unlock")
}
