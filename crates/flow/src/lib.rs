//! The path engine and what it needs: bodies, values, the state of a path, summaries, the program around a function.
//!
//! [`body`] is what is kept of a function; [`program`] links the functions of a tree; [`engine`] runs one function over symbolic states
//! ([`domain`], [`value`]), tells an observer what happens on its paths, and leaves a [`summary`] for its callers; [`index`] is what the whole
//! tree says. Nothing here knows what a defect is, reads files, or names a kernel primitive that the model does not name.

pub mod body;
pub mod domain;
pub mod engine;
pub mod index;
pub mod program;
pub mod summary;
pub mod value;
