//! The functions of one file, by name and lines. Inactive ones (behind `#if`) count as well: a patch touches them like any other.

use cuthere_cfront::condition::Lookup;
use cuthere_cfront::config::Options;
use cuthere_cfront::outline::ItemKind;
use cuthere_cfront::program::Config;
use cuthere_cfront::shapes::Shapes;
use std::ops::Range;

/// A function definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    pub name: String,
    /// First line, from 1.
    pub line: u32,
    /// Line of the name.
    pub name_line: u32,
    pub end_line: u32,
    pub is_static: bool,
    /// Bytes from the first to the last.
    pub span: Range<usize>,
    /// Bytes of the body, with its braces.
    pub body: Range<usize>,
}

impl Function {
    pub fn contains(&self, line: u32) -> bool {
        (self.line..=self.end_line).contains(&line)
    }
}

/// Reads outlines of single files under one configuration.
pub(crate) struct Outliner {
    options: Options,
    shapes: Shapes,
}

impl Outliner {
    pub fn new(shapes: Shapes) -> Outliner {
        let config = Config::default();
        Outliner { options: Options::new(&config, &config.arch), shapes }
    }

    /// The functions in the order of the file.
    pub fn functions(&self, text: &[u8]) -> Vec<Function> {
        let outline = cuthere_cfront::scan::scan(text, &self.options, &self.shapes, &|_| Lookup::Unknown);
        let lines = Lines::new(text);
        let function = |item: &cuthere_cfront::outline::Item| Function {
            name: item.name.as_str().to_owned(),
            line: lines.of(item.lo as usize),
            name_line: item.loc.line,
            end_line: item.end_line,
            is_static: item.is_static,
            span: item.lo as usize..item.hi as usize,
            body: item.body_lo as usize..item.body_hi as usize,
        };
        outline.items.iter().filter(|item| item.kind == ItemKind::Function).map(function).collect()
    }
}

/// Where lines begin.
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub fn new(text: &[u8]) -> Lines {
        Lines { starts: std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1)).collect() }
    }

    /// The line of an offset, from 1.
    pub fn of(&self, offset: usize) -> u32 {
        self.starts.partition_point(|start| *start <= offset) as u32
    }

    /// The bytes of a line (from 1), without its end.
    pub fn text<'t>(&self, text: &'t [u8], line: u32) -> Option<&'t [u8]> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).map_or(text.len(), |next| next - 1);
        let line = text.get(start..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_lines() {
        let text = b"#include <x.h>\n\nstatic int\nfoo(int a)\n{\n\treturn a;\n}\n\nint g;\nvoid bar(void) { }\n";
        let functions = Outliner::new(Shapes::default()).functions(text);
        let got: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.line, f.name_line, f.end_line, f.is_static)).collect();
        assert_eq!(got, [("foo", 3, 4, 7, true), ("bar", 10, 10, 10, false)]);
        let lines = Lines::new(text);
        assert_eq!(lines.text(text, 4), Some(&b"foo(int a)"[..]));
        assert_eq!((lines.text(text, 0), lines.text(text, 99)), (None, None));
    }
}
