//! From an item of the program to its lowered form: tokens, syntax tree, IR, with buffers that one item leaves to the next.
//!
//! A reader belongs to one thread. It is fastest when it gets the items of one file after the other.

use crate::func::Func;
use crate::globals::{GlobalInit, lower_globals};
use crate::lower::{LowerCx, LowerScratch, lower_function};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::ast::{Ast, Gap};
use cuthere_cfront::expand::Part;
use cuthere_cfront::outline::{Item, ItemKind, ItemRef};
use cuthere_cfront::parser::{parse_declaration, parse_function};
use cuthere_cfront::program::FileText;
use cuthere_cfront::resolve::FileNames;
use cuthere_cfront::token::{Punct, Tok, Token};

/// What an item holds.
#[derive(Clone, Debug, Default)]
pub struct Lowered {
    pub functions: Vec<Func>,
    pub globals: Vec<GlobalInit>,
}

/// Reads items of one program.
pub struct BodyReader<'a> {
    cx: LowerCx<'a>,
    names: Option<(FileId, FileNames<'a, 'a>)>,
    text: Option<(FileId, Result<FileText, String>)>,
    tokens: Vec<Token>,
    ast: Ast,
    scratch: LowerScratch,
}

impl<'a> BodyReader<'a> {
    pub fn new(cx: LowerCx<'a>) -> BodyReader<'a> {
        BodyReader { cx, names: None, text: None, tokens: Vec::new(), ast: Ast::default(), scratch: LowerScratch::default() }
    }

    /// The tree of the item read last, for those who want to look at the syntax.
    pub fn ast(&self) -> &Ast {
        &self.ast
    }

    fn turn_to(&mut self, file: FileId) {
        if self.names.as_ref().is_none_or(|n| n.0 != file) {
            self.names = Some((file, FileNames::new(self.cx.program, file)));
        }
        if self.text.as_ref().is_none_or(|t| t.0 != file) {
            self.text = Some((file, self.cx.program.text(file)));
        }
    }

    /// Fills `self.tokens`; the error is why they are not all.
    fn read_tokens(&mut self, at: ItemRef) -> Result<(), String> {
        self.turn_to(at.file);
        self.tokens.clear();
        match &self.text {
            Some((_, Ok(text))) => self.cx.program.tokens(at, Part::Whole, text, &mut self.tokens),
            Some((_, Err(reason))) => Err(reason.clone()),
            None => Err("not read".to_owned()),
        }
    }

    /// One function definition. What cannot be read is a gap of the function.
    pub fn function(&mut self, at: ItemRef) -> Func {
        let item = *self.cx.program.item(at);
        let failed = self.read_tokens(at).err();
        let mut func = self.lower_tokens(at.file, &item, 0, self.tokens.len());
        if let Some(reason) = failed {
            // What was left out did not close what was read.
            func.gaps.retain(|gap| !gap.reason.starts_with("unbalanced "));
            func.gaps.insert(0, Gap { loc: item.loc, reason });
        }
        func
    }

    fn lower_tokens(&mut self, file: FileId, item: &Item, lo: usize, hi: usize) -> Func {
        let Some((_, names)) = &self.names else { return Func::default() };
        self.ast.clear();
        let parsed = parse_function(names, self.tokens.get(lo..hi).unwrap_or(&[]), &mut self.ast);
        lower_function(&self.cx, file, &self.ast, &parsed, item, &mut self.scratch)
    }

    /// Everything an item defines: a function, variables, or what a macro at file level expands to.
    pub fn item(&mut self, at: ItemRef) -> Lowered {
        let item = *self.cx.program.item(at);
        let mut out = Lowered::default();
        match item.kind {
            ItemKind::Function => out.functions.push(self.function(at)),
            ItemKind::Variable => {
                // What came before an error is still good.
                let _ = self.read_tokens(at);
                let all = self.tokens.len();
                self.declarations(at.file, 0, all, Some(item.name), &mut out);
            }
            ItemKind::MacroUse => {
                let _ = self.read_tokens(at);
                self.pieces(at.file, &item, &mut out);
            }
            _ => {}
        }
        out
    }

    fn declarations(&mut self, file: FileId, lo: usize, hi: usize, only: Option<Symbol>, out: &mut Lowered) {
        let Some((_, names)) = &self.names else { return };
        self.ast.clear();
        let decls = parse_declaration(names, self.tokens.get(lo..hi).unwrap_or(&[]), &mut self.ast);
        lower_globals(&self.cx, file, &self.ast, &decls, only, &mut self.scratch, &mut out.globals);
    }

    /// Splits the expansion of a macro at file level into declarations and function definitions.
    fn pieces(&mut self, file: FileId, item: &Item, out: &mut Lowered) {
        let mut start = 0;
        let mut depth = 0i32;
        let mut assigned = false;
        // Whether a brace opened at the outermost level, and after a `)`: then it is a function's body.
        let mut body = false;
        let mut index = 0;
        while let Some(token) = self.tokens.get(index) {
            let mut ended = false;
            match token.kind {
                Tok::Punct(Punct::LBrace) => {
                    if depth == 0 && !assigned {
                        let before = index.checked_sub(1).filter(|&b| b >= start).and_then(|b| self.tokens.get(b));
                        body = before.is_some_and(|t| matches!(t.kind, Tok::Punct(Punct::RParen)));
                    }
                    depth += 1;
                }
                Tok::Punct(Punct::LParen | Punct::LBracket) => depth += 1,
                Tok::Punct(Punct::RParen | Punct::RBracket) => depth -= 1,
                Tok::Punct(Punct::RBrace) => {
                    depth -= 1;
                    ended = depth == 0 && body;
                }
                Tok::Punct(Punct::Eq) if depth == 0 => assigned = true,
                Tok::Punct(Punct::Semi) => ended = depth == 0,
                Tok::Eof => break,
                _ => {}
            }
            index += 1;
            if ended {
                self.piece(file, item, start, index, body, out);
                start = index;
                (assigned, body) = (false, false);
            }
        }
        if start < index {
            self.piece(file, item, start, index, body, out);
        }
    }

    fn piece(&mut self, file: FileId, item: &Item, lo: usize, hi: usize, body: bool, out: &mut Lowered) {
        if hi - lo <= 1 {
            return;
        }
        if !body {
            return self.declarations(file, lo, hi, None, out);
        }
        let mut made = *item;
        made.kind = ItemKind::Function;
        let mut func = self.lower_tokens(file, &made, lo, hi);
        if let Some(name) = self.function_name(lo, hi) {
            func.name = name;
        }
        func.is_static = self.has_word(lo, hi, "static");
        func.is_inline = self.has_word(lo, hi, "inline");
        out.functions.push(func);
    }

    /// The name before the first parameter list of a definition.
    fn function_name(&self, lo: usize, hi: usize) -> Option<Symbol> {
        let tokens = self.tokens.get(lo..hi)?;
        let mut name = None;
        for pair in tokens.windows(2) {
            if let [a, b] = pair {
                if matches!(b.kind, Tok::Punct(Punct::LBrace)) {
                    break;
                }
                if name.is_none()
                    && a.kind == Tok::Ident
                    && matches!(b.kind, Tok::Punct(Punct::LParen))
                    && a.text.as_str() != "__attribute__"
                {
                    name = Some(a.text);
                }
            }
        }
        name
    }

    fn has_word(&self, lo: usize, hi: usize, word: &str) -> bool {
        let body = |t: &&Token| !matches!(t.kind, Tok::Punct(Punct::LBrace));
        let word = Symbol::intern(word);
        self.tokens.get(lo..hi).is_some_and(|t| t.iter().take_while(body).any(|t| t.kind == Tok::Ident && t.text == word))
    }
}
