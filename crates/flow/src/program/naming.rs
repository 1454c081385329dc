//! What names say of locks, and of who gives back what is taken: the kernel's customs, for functions that are not read or whose ways of returning nothing tells apart.
//!
//! Names never make a finding; they lower one.

use cuthere_base::Symbol;

/// Whether a name speaks of taking a lock or giving one back.
pub fn names_lock(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "lock" | "locks" | "unlock" | "trylock" | "relock"))
}

/// Whether a name speaks of a lock that is given out, or of taking one (`pte_lockptr`, `bucket_lock`, `node_mutex`).
pub fn gives_lock(name: Symbol) -> bool {
    let word = |w: &str| {
        w.starts_with("lock") || w.starts_with("spinlock") || w.ends_with("lock") && !w.ends_with("block") && !w.ends_with("clock")
    };
    name.as_str().split('_').any(|w| word(w) || w == "mutex" || w == "rwsem" || w == "sem")
}

/// Whether a name speaks of making an object one's own: by a reference, a mark, or by taking it from where others find it.
pub fn names_claim(name: Symbol) -> bool {
    let word = |w: &str| {
        matches!(w, "hold" | "ref" | "grab" | "igrab" | "pin" | "inc" | "incref" | "claim" | "acquire" | "take" | "own" | "tryget" | "iget")
            || matches!(w, "del" | "remove" | "unlink" | "detach" | "splice" | "move" | "dequeue" | "pop" | "erase" | "replace" | "destroy")
            || matches!(w, "put" | "free" | "release" | "active")
    };
    // `get` in between is a question (`x_get_id`), first or last it is what it says.
    let text = name.as_str().trim_start_matches('_');
    let get = text.starts_with("get_")
        || text.ends_with("_get")
        || text.contains("_get_unless")
        || text.contains("_get_not")
        || text.ends_with("_get_rcu");
    get || text.split('_').any(word)
}

/// Whether a name speaks of beginning what somebody else ends.
pub fn names_begin(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "begin" | "start" | "enter" | "down" | "freeze" | "suspend" | "prep" | "prepare"))
}

/// Whether a name speaks of making an object.
pub fn names_maker(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "alloc" | "create" | "new" | "zalloc"))
}

/// Whether a name speaks of ending something, or of giving it up.
pub fn names_end(name: Symbol) -> bool {
    let word = |w: &str| {
        matches!(
            w,
            "put" | "free" | "release" | "drop" | "unref" | "destroy" | "close" | "unregister" | "detach" | "remove" | "del" | "delete"
        ) || matches!(
            w,
            "disconnect" | "cleanup" | "exit" | "fini" | "unbind" | "kill" | "shutdown" | "deinit" | "uninit" | "clear" | "reset"
        )
    };
    name.as_str().split('_').any(word)
}

/// Whether a name says that the device core gives back what is taken.
pub fn names_managed(name: Symbol) -> bool {
    ["devm_", "drmm_", "pcim_"].iter().any(|prefix| name.as_str().starts_with(prefix))
}

/// Whether a name speaks of giving a lock back.
pub fn names_unlock(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| word == "unlock")
}

/// Whether a function that gives an object says by its name that a reference, or a lock, comes with it.
pub fn names_referenced(name: Symbol) -> bool {
    let word =
        |w: &str| matches!(w, "get" | "hold" | "ref" | "grab" | "igrab" | "lock" | "acquire" | "take" | "getby") || w.ends_with("iget");
    name.as_str().split('_').any(word) || name.as_str().contains("getby")
}
