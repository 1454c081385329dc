//! The parser of GNU C over preprocessed tokens.
//!
//! Recursive descent without backtracking: what a construct is, is decided by looking ahead, with the brackets matched beforehand, so
//! that time is linear in the number of tokens. Nesting is capped ([`MAX_EXPR_DEPTH`], [`MAX_STMT_DEPTH`], [`MAX_EXPR_HEIGHT`]), so that
//! whoever walks the tree may recurse. The parser refuses to guess meaning: it asks [`Names`] what is a type and what the kernel model
//! knows, and decides by use where nobody knows. An error in a statement makes that statement a gap with its reason; the rest is parsed.

mod attribute;
mod decl;
mod expr;
mod init;
mod item;
mod literal;
mod params;
mod record;
mod stmt;
mod words;

#[cfg(test)]
mod tests;

use crate::ast::*;
use crate::shapes::Shape;
use crate::token::{Punct, Tok, Token};
use cuthere_base::{Loc, Symbol};
use rustc_hash::FxHashMap;
use words::{Kw, Words};

/// Parentheses, prefix operators, conditional operators, braces of initialisers: how deep they may nest.
pub const MAX_EXPR_DEPTH: u32 = 256;
/// How deep statements may nest, `else if` chains included.
pub const MAX_STMT_DEPTH: u32 = 512;
/// The height of an expression's tree, statement expressions inside it included; bounds chains such as `a + a + …` too.
pub const MAX_EXPR_HEIGHT: u32 = 600;

/// What the parser asks about names at file level; local declarations it follows itself.
pub trait Names {
    /// Whether the name is a type, or surely something else (a variable, function or enumerator); `None`: unknown.
    fn is_type(&self, name: Symbol) -> Option<bool>;
    /// How a name of the kernel model is written.
    fn shape(&self, name: Symbol) -> Option<Shape>;
}

/// Knows no name.
pub struct NoNames;

impl Names for NoNames {
    fn is_type(&self, _: Symbol) -> Option<bool> {
        None
    }
    fn shape(&self, _: Symbol) -> Option<Shape> {
        None
    }
}

/// A function definition.
#[derive(Clone, Copy, Debug)]
pub struct ParsedFunction {
    /// Its type is `TypeNode::Function`, unless it comes from a typedef.
    pub decl: DeclId,
    /// The parameters' DeclIds, in order; array and function types are already pointers.
    pub params: List,
    pub variadic: bool,
    pub body: Option<StmtId>,
}

/// Parses a function definition, signature and body. What precedes it in the same tokens (declarations that a macro such as
/// `SYSCALL_DEFINE3` makes) is passed over; gaps are in `ast.gaps`. Nodes are appended to `ast`.
pub fn parse_function(names: &dyn Names, tokens: &[Token], ast: &mut Ast) -> ParsedFunction {
    Parser::new(names, tokens, ast).function()
}

/// Parses declarations at file level: records, enums, typedefs, variables, prototypes. Bodies of functions are passed over.
pub fn parse_declaration(names: &dyn Names, tokens: &[Token], ast: &mut Ast) -> Vec<DeclId> {
    Parser::new(names, tokens, ast).declarations()
}

/// Parses a whole expression, commas included; `None` (with a gap in `ast`) if it is none or something follows it.
pub fn parse_expression(names: &dyn Names, tokens: &[Token], ast: &mut Ast) -> Option<ExprId> {
    Parser::new(names, tokens, ast).whole_expression()
}

/// An error is on its way to the statement that recovers; its reason is in `Parser::error`.
#[derive(Debug)]
struct Fail;
type P<T> = Result<T, Fail>;

/// A token's kind with keywords told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum K {
    Ident,
    Kw(Kw),
    P(Punct),
    Int,
    Float,
    Char,
    Str,
    Unknown,
    Eof,
}

const NO_MATE: u32 = u32::MAX;

struct Parser<'a> {
    names: &'a dyn Names,
    tokens: &'a [Token],
    ast: &'a mut Ast,
    kinds: Vec<K>,
    /// For an opening bracket the index of its closing one.
    mates: Vec<u32>,
    pos: usize,
    eof: Token,
    error: Option<(usize, String)>,
    /// Local names: whether they are types; with a log to undo at the end of a scope.
    scope: FxHashMap<Symbol, bool>,
    undo: Vec<(Symbol, Option<bool>)>,
    /// Stack of ids for lists under construction.
    ids: Vec<u32>,
    /// Height of each expression made here, from `first_expr` on.
    heights: Vec<u32>,
    first_expr: usize,
    /// The greatest height since the enclosing type, initialiser or statement expression began.
    tallest: u32,
    expr_depth: u32,
    stmt_depth: u32,
    switch_depth: u32,
    loop_depth: u32,
    /// Inside `({ … })`.
    value_depth: u32,
    /// The statement is an argument of a macro: it may lack its semicolon.
    in_argument: bool,
    buffer: Vec<u8>,
}

impl<'a> Parser<'a> {
    fn new(names: &'a dyn Names, tokens: &'a [Token], ast: &'a mut Ast) -> Parser<'a> {
        let words = Words::get();
        let mut kinds = Vec::with_capacity(tokens.len());
        let mut mates = vec![NO_MATE; tokens.len()];
        let mut open: Vec<(Punct, u32)> = Vec::with_capacity(16);
        for (at, token) in tokens.iter().enumerate() {
            kinds.push(match token.kind {
                Tok::Ident => words.find(token.text).map_or(K::Ident, K::Kw),
                Tok::Int => K::Int,
                Tok::Float => K::Float,
                Tok::Char => K::Char,
                Tok::Str => K::Str,
                Tok::Unknown => K::Unknown,
                Tok::Eof => K::Eof,
                Tok::Punct(punct) => {
                    match punct {
                        Punct::LParen => open.push((Punct::RParen, at as u32)),
                        Punct::LBracket => open.push((Punct::RBracket, at as u32)),
                        Punct::LBrace => open.push((Punct::RBrace, at as u32)),
                        Punct::RParen | Punct::RBracket => {
                            if let Some((_, start)) = open.pop_if(|top| top.0 == punct) {
                                mates[start as usize] = at as u32;
                            }
                        }
                        Punct::RBrace => {
                            // A closing brace ends whatever parentheses are still open inside it.
                            while let Some((close, start)) = open.pop() {
                                if close == Punct::RBrace {
                                    mates[start as usize] = at as u32;
                                    break;
                                }
                            }
                        }
                        _ => {}
                    }
                    K::P(punct)
                }
            });
        }
        let last = tokens.last().map_or(Loc::NONE, |t| t.loc);
        Parser {
            names,
            tokens,
            first_expr: ast.exprs.len(),
            ast,
            kinds,
            mates,
            pos: 0,
            eof: Token { kind: Tok::Eof, text: Symbol::EMPTY, loc: last, origin: Symbol::EMPTY },
            error: None,
            scope: FxHashMap::default(),
            undo: Vec::new(),
            ids: Vec::new(),
            heights: Vec::new(),
            tallest: 0,
            expr_depth: 0,
            stmt_depth: 0,
            switch_depth: 0,
            loop_depth: 0,
            value_depth: 0,
            in_argument: false,
            buffer: Vec::new(),
        }
    }

    fn whole_expression(&mut self) -> Option<ExprId> {
        let result = self.expr().and_then(|e| if self.k() == K::Eof { Ok(e) } else { self.unexpected("expression") });
        if result.is_err() {
            self.take_gap();
        }
        result.ok()
    }

    // --- tokens

    fn k(&self) -> K {
        self.k_at(self.pos)
    }

    fn k_at(&self, at: usize) -> K {
        self.kinds.get(at).copied().unwrap_or(K::Eof)
    }

    fn token_at(&self, at: usize) -> Token {
        self.tokens.get(at).copied().unwrap_or(self.eof)
    }

    fn token(&self) -> Token {
        self.token_at(self.pos)
    }

    fn text_at(&self, at: usize) -> Symbol {
        self.tokens.get(at).map_or(Symbol::EMPTY, |t| t.text)
    }

    fn is(&self, punct: Punct) -> bool {
        self.k() == K::P(punct)
    }

    fn is_at(&self, at: usize, punct: Punct) -> bool {
        self.k_at(at) == K::P(punct)
    }

    fn bump(&mut self) {
        if self.pos < self.tokens.len() {
            self.pos += 1;
        }
    }

    fn eat(&mut self, punct: Punct) -> bool {
        let found = self.is(punct);
        if found {
            self.pos += 1;
        }
        found
    }

    fn eat_kw(&mut self, word: Kw) -> bool {
        let found = self.k() == K::Kw(word);
        if found {
            self.pos += 1;
        }
        found
    }

    fn expect(&mut self, punct: Punct, place: &str) -> P<()> {
        if self.eat(punct) { Ok(()) } else { self.unexpected(place) }
    }

    /// The index of the bracket that closes the one at `at`.
    fn mate(&self, at: usize) -> Option<usize> {
        self.mates.get(at).copied().filter(|&m| m != NO_MATE).map(|m| m as usize)
    }

    /// Passes over a bracketed group.
    fn skip_group(&mut self, place: &str) -> P<()> {
        match self.mate(self.pos) {
            Some(close) => {
                self.pos = close + 1;
                Ok(())
            }
            None => self.unexpected(place),
        }
    }

    // --- errors

    fn fail<T>(&mut self, reason: impl Into<String>) -> P<T> {
        if self.error.is_none() {
            self.error = Some((self.pos, reason.into()));
        }
        Err(Fail)
    }

    #[cold]
    fn unexpected<T>(&mut self, place: &str) -> P<T> {
        if self.error.is_none() {
            let reason = match self.k() {
                K::Eof => format!("unexpected end in {place}"),
                _ => format!("unexpected `{}` in {place}", spelling(&self.token())),
            };
            self.error = Some((self.pos, reason));
        }
        Err(Fail)
    }

    /// Makes the error on its way a gap.
    fn take_gap(&mut self) -> u32 {
        let (at, reason) = self.error.take().unwrap_or((self.pos, "not understood".to_owned()));
        let token = self.token_at(at);
        self.ast.gap(&token, reason)
    }

    fn note(&mut self, at: usize, reason: String) {
        let loc = self.token_at(at).loc;
        self.ast.notes.push(Gap { loc, reason });
    }

    // --- names

    fn declare(&mut self, name: Symbol, is_type: bool) {
        if !name.is_empty() {
            let before = self.scope.insert(name, is_type);
            if before != Some(is_type) {
                self.undo.push((name, before));
            }
        }
    }

    fn close_scope(&mut self, mark: usize) {
        while self.undo.len() > mark {
            if let Some((name, before)) = self.undo.pop() {
                match before {
                    Some(value) => self.scope.insert(name, value),
                    None => self.scope.remove(&name),
                };
            }
        }
    }

    fn is_type(&self, name: Symbol) -> Option<bool> {
        if let Some(&known) = self.scope.get(&name) {
            return Some(known);
        }
        self.names.is_type(name).or_else(|| words::is_builtin_type(name).then_some(true))
    }

    fn is_type_at(&self, at: usize) -> Option<bool> {
        if self.k_at(at) == K::Ident { self.is_type(self.text_at(at)) } else { None }
    }

    fn shape_at(&self, at: usize) -> Option<Shape> {
        if self.k_at(at) == K::Ident { self.names.shape(self.text_at(at)) } else { None }
    }

    /// An identifier that may stand where an annotation may: the model says so, or nobody knows it and it looks like one.
    fn is_annotation_at(&self, at: usize) -> bool {
        if self.k_at(at) != K::Ident {
            return false;
        }
        match self.shape_at(at) {
            Some(Shape::Ignored | Shape::Annotation | Shape::Cleanup) => true,
            Some(_) => false,
            None => self.is_type_at(at).is_none() && words::looks_like_annotation(self.text_at(at)),
        }
    }

    // --- nodes

    fn list_from(&mut self, base: usize) -> List {
        let start = self.ast.lists.len() as u32;
        self.ast.lists.extend_from_slice(&self.ids[base..]);
        let len = (self.ids.len() - base) as u32;
        self.ids.truncate(base);
        List { start, len }
    }

    fn type_node(&mut self, node: TypeNode) -> TypeId {
        self.ast.types.push(node);
        TypeId(self.ast.types.len() as u32 - 1)
    }

    fn add_stmt(&mut self, kind: StmtKind, at: &Token) -> StmtId {
        self.ast.stmts.push(Stmt { kind, loc: at.loc, origin: at.origin });
        StmtId(self.ast.stmts.len() as u32 - 1)
    }

    fn add_init(&mut self, init: Init) -> InitId {
        self.ast.inits.push(init);
        InitId(self.ast.inits.len() as u32 - 1)
    }

    fn add_decl(&mut self, decl: Decl) -> DeclId {
        self.ast.decls.push(decl);
        DeclId(self.ast.decls.len() as u32 - 1)
    }

    fn height(&self, id: ExprId) -> u32 {
        self.heights.get(id.index().wrapping_sub(self.first_expr)).copied().unwrap_or(0)
    }

    /// Adds an expression whose parts are expressions only.
    fn add(&mut self, kind: ExprKind, at: &Token) -> P<ExprId> {
        self.add_over(kind, at, 0)
    }

    /// Adds an expression over parts of which the tallest that is no expression (type, initialiser, statement) has this height.
    fn add_over(&mut self, kind: ExprKind, at: &Token, inner: u32) -> P<ExprId> {
        use ExprKind::*;
        let below = match kind {
            Int { .. } | Float { .. } | Str(_) | Ident(_) | LabelAddr(_) | Gap(_) => 0,
            Unary(_, e) | Cast(_, e) | SizeofExpr(e) | AlignofExpr(e) | Member { base: e, .. } | Offsetof(_, e) | VaArg(e, _) => {
                self.height(e)
            }
            Binary(_, a, b) | Assign(_, a, b) | Comma(a, b) | Index(a, b) | Cond(a, None, b) => self.height(a).max(self.height(b)),
            Cond(a, Some(b), c) => self.height(a).max(self.height(b)).max(self.height(c)),
            Call { callee, args } => {
                let args = &self.ast.lists[args.start as usize..(args.start + args.len) as usize];
                args.iter().map(|&a| self.height(ExprId(a))).fold(self.height(callee), u32::max)
            }
            Generic(e, arms) => {
                let arms = &self.ast.lists[arms.start as usize..(arms.start + arms.len) as usize];
                arms.iter().skip(1).step_by(2).map(|&a| self.height(ExprId(a))).fold(self.height(e), u32::max)
            }
            Compound(..) | SizeofType(_) | AlignofType(_) | StmtExpr(_) | TypeArg(_) | TypesCompatible(..) | BraceArg(_) => 0,
        };
        let height = below.max(inner) + 1;
        if height > MAX_EXPR_HEIGHT {
            return self.fail("expression too deep");
        }
        self.tallest = self.tallest.max(height);
        self.ast.exprs.push(Expr { kind, loc: at.loc, origin: at.origin });
        self.heights.push(height);
        Ok(ExprId(self.ast.exprs.len() as u32 - 1))
    }

    /// Runs `f` and gives with its result the height of the tallest expression made inside.
    fn measured<T>(&mut self, f: impl FnOnce(&mut Self) -> P<T>) -> P<(T, u32)> {
        let outer = std::mem::take(&mut self.tallest);
        let result = f(self);
        let inner = self.tallest;
        self.tallest = outer.max(inner);
        result.map(|value| (value, inner))
    }

    /// One level deeper in expressions.
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> P<T>) -> P<T> {
        if self.expr_depth >= MAX_EXPR_DEPTH {
            return self.fail("expression nested too deeply");
        }
        self.expr_depth += 1;
        let result = f(self);
        self.expr_depth -= 1;
        result
    }
}

/// A token as written, for a reason's text.
fn spelling(token: &Token) -> String {
    match token.kind {
        Tok::Punct(punct) => punct.as_str().to_owned(),
        Tok::Str => "\"…\"".to_owned(),
        Tok::Eof => "end".to_owned(),
        _ => {
            let text = token.text.as_str();
            if text.is_empty() { "stray byte".to_owned() } else { text.chars().take(40).collect() }
        }
    }
}
