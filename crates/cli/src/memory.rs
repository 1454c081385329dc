//! The allocator of the command: mimalloc's, but where it has no more, the run ends with an error and exit status 2.
//!
//! A library may abort on exhausted memory; a command under a limit (`ulimit -v`, a container) is asked to say so. There is nothing to give back
//! or to finish at that moment: whatever allocates might be anywhere, so nothing else runs, and nothing is allocated on the way out.
#![allow(unsafe_code)]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};

/// See the module.
pub struct OrExit;

#[cold]
fn exhausted() -> ! {
    const TEXT: &[u8] = b"cuthere: out of memory: give less to read, or a higher limit\n";
    // SAFETY: both calls are safe at any moment, also in a signal handler; the text is valid for its length.
    unsafe {
        libc::write(2, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(2)
    }
}

fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() { exhausted() } else { memory }
}

/// Keeps what is given back for what is asked for next, instead of handing it to the system and getting it back page by page: a run over a kernel
/// grows to its end. To be called first.
pub fn keep_pages() {
    // `mi_option_purge_delay` of mimalloc.h (versions 2 and 3); -1: never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: sets a number in the allocator's table of options; no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) }
}

// SAFETY: every call is handed on unchanged, with the caller's own promises.
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        checked(unsafe { MiMalloc.alloc(layout) })
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        checked(unsafe { MiMalloc.alloc_zeroed(layout) })
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        checked(unsafe { MiMalloc.realloc(memory, layout, size) })
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { MiMalloc.dealloc(memory, layout) }
    }
}
