//! A tree as the planting tools see it: outlines of some folders, and the bare tokens of a body.
//!
//! Tokens are those of the active text, before any expansion: what is planted must be visible to a reader of the file.

use anyhow::{Context, Result, bail};
use cuthere_base::FileId;
use cuthere_cfront::lexer::{Lexer, Raw};
use cuthere_cfront::outline::{Item, ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::token::{Punct, Tok};
use cuthere_kernel::Model;
use cuthere_tree::{OpenOptions, Tree};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Lists a tree.
pub fn open(root: &Path) -> Result<Tree> {
    Tree::open_dir(root, &OpenOptions::default()).with_context(|| format!("cannot open {}", root.display()))
}

/// Outlines of some folders and of what they include.
pub struct Corpus<'s> {
    pub program: Program<'s>,
    /// The `.c` files of the folders.
    pub files: Vec<FileId>,
}

impl<'s> Corpus<'s> {
    /// Reads the folders; none: the whole tree.
    pub fn read(tree: &'s Tree, folders: &[String]) -> Result<Corpus<'s>> {
        let within = |path: &str| folders.is_empty() || folders.iter().any(|f| below(path, f.trim_end_matches('/')));
        let roots: Vec<FileId> = (0..tree.len() as u32).map(FileId).filter(|file| within(tree.path(*file))).collect();
        let files: Vec<FileId> = roots.iter().copied().filter(|file| tree.path(*file).ends_with(".c")).collect();
        if files.is_empty() {
            bail!("no C file in {}", folders.join(", "));
        }
        let shapes = Model::builtin().shapes();
        let program = match folders {
            [] => Program::build(tree, Config::default(), shapes),
            _ => Program::build_partial(tree, Config::default(), shapes, &roots),
        };
        Ok(Corpus { program, files })
    }

    /// The path of a file.
    pub fn path(&self, file: FileId) -> &str {
        self.program.source.path(file)
    }

    /// The functions of a file that the configuration includes.
    pub fn functions(&self, file: FileId) -> impl Iterator<Item = (ItemRef, &Item)> {
        self.program
            .functions(file)
            .iter()
            .map(move |&item| ItemRef { file, item })
            .map(|at| (at, self.program.item(at)))
            .filter(|(_, item)| item.kind == ItemKind::Function && item.active && item.body_hi > item.body_lo)
    }

    /// The active tokens of a function's body, braces included, directives left out.
    pub fn body(&self, at: ItemRef) -> Option<Body> {
        let item = *self.program.item(at);
        let text = self.program.text(at.file).ok()?;
        let outline = self.program.outline(at.file);
        let inactive: Vec<(u32, u32)> = outline.inactive.iter().copied().filter(|r| r.1 > item.lo && r.0 < item.hi).collect();
        let tokens = tokens(&text.bytes, item.body_lo as usize..item.body_hi as usize, text.line_of(item.body_lo), &inactive);
        Some(Body { bytes: text.bytes, tokens })
    }
}

/// Whether a path is a folder or lies in it.
pub fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Tokens of a range, without directives and what the configuration excludes.
pub fn tokens(bytes: &[u8], range: Range<usize>, line: u32, inactive: &[(u32, u32)]) -> Vec<Raw> {
    let mut lexer = Lexer::new(bytes, range.start, range.end, line);
    let mut out = Vec::new();
    loop {
        let raw = lexer.next();
        if raw.kind == Tok::Eof {
            return out;
        }
        if raw.kind == Tok::Punct(Punct::Hash) && raw.first {
            lexer.skip_line();
        } else if !inactive.iter().any(|r| r.0 <= raw.lo && raw.lo < r.1) {
            out.push(raw);
        }
    }
}

/// The tokens of a body.
pub struct Body {
    pub bytes: Arc<[u8]>,
    pub tokens: Vec<Raw>,
}

impl Body {
    /// The text of the token at an index; empty beyond the end.
    pub fn text(&self, index: usize) -> &str {
        let Some(raw) = self.tokens.get(index) else { return "" };
        self.bytes.get(raw.lo as usize..raw.hi as usize).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
    }

    /// Whether the tokens from `index` on are these.
    pub fn reads(&self, index: usize, texts: &[&str]) -> bool {
        texts.iter().enumerate().all(|(n, text)| self.text(index + n) == *text)
    }

    /// Whether the token is an identifier or a keyword.
    pub fn ident(&self, index: usize) -> bool {
        self.tokens.get(index).is_some_and(|raw| raw.kind == Tok::Ident)
    }

    /// The index of the bracket that closes the one at `open`.
    pub fn close(&self, open: usize) -> Option<usize> {
        let mut depth = 0u32;
        for at in open..self.tokens.len() {
            match self.text(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// The identifier at `index` is called, and not through an object.
    pub fn called(&self, index: usize) -> bool {
        self.ident(index) && self.text(index + 1) == "(" && (index == 0 || !matches!(self.text(index - 1), "." | "->"))
    }

    /// The index of the brace that opens the innermost block around a token.
    pub fn opens(&self, index: usize) -> Option<usize> {
        let mut depth = 0u32;
        for at in (0..index).rev() {
            match self.text(at) {
                "}" => depth += 1,
                "{" if depth == 0 => return Some(at),
                "{" => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The token is a label's name.
    pub fn label(&self, index: usize) -> bool {
        self.ident(index) && self.text(index + 1) == ":" && index > 0 && matches!(self.text(index - 1), ";" | "{" | "}" | ":")
    }

    /// The index of the semicolon that ends the simple statement at `start`.
    pub fn statement_end(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while self.text(at) != ";" {
            at = if matches!(self.text(at), "(" | "[" | "{") { self.close(at)? + 1 } else { at + 1 };
            self.tokens.get(at)?;
        }
        Some(at)
    }

    /// A simple statement starts at the token and has its lines to itself.
    pub fn whole_lines(&self, start: usize) -> bool {
        let own = |index: usize| self.tokens.get(index).is_some_and(|raw| raw.first);
        let after = |text: &str| matches!(text, ";" | "{" | "}" | ":");
        start > 0 && after(self.text(start - 1)) && own(start) && self.statement_end(start).is_some_and(|end| own(end + 1))
    }

    /// The range of the lines from one token to another.
    pub fn lines_of(&self, first: usize, last: usize) -> Option<Range<usize>> {
        let (first, last) = (self.tokens.get(first)?, self.tokens.get(last)?);
        Some(line_start(&self.bytes, first.lo as usize)..line_end(&self.bytes, last.hi as usize - 1))
    }
}

/// A unified diff of one file.
pub fn diff(path: &str, old: &[u8], new: &[u8]) -> Result<Vec<u8>> {
    let diff = similar::TextDiff::from_lines(old, new);
    let mut out = Vec::new();
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_writer(&mut out)?;
    Ok(out)
}

/// The bytes with `new` in the place of a range.
pub fn replaced(bytes: &[u8], range: Range<usize>, new: &str) -> Vec<u8> {
    let (head, tail) = (bytes.get(..range.start).unwrap_or(bytes), bytes.get(range.end..).unwrap_or(&[]));
    [head, new.as_bytes(), tail].concat()
}

/// Where the line that holds an offset begins.
pub fn line_start(bytes: &[u8], offset: usize) -> usize {
    bytes.get(..offset).and_then(|head| head.iter().rposition(|b| *b == b'\n')).map_or(0, |newline| newline + 1)
}

/// Where the line after the one that holds an offset begins.
pub fn line_end(bytes: &[u8], offset: usize) -> usize {
    bytes.get(offset..).and_then(|tail| tail.iter().position(|b| *b == b'\n')).map_or(bytes.len(), |newline| offset + newline + 1)
}
