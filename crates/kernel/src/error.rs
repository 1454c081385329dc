//! Errors of model files, with the place and what to do.

use std::fmt;

/// Why a model file was not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl ModelError {
    /// An error at a byte offset of the text.
    pub(crate) fn at(file: &str, text: &str, offset: usize, message: impl Into<String>) -> ModelError {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
        ModelError { file: file.to_owned(), line, column, message: message.into() }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for ModelError {}
