//! Expressions: precedence climbing, with the casts and macro arguments that only look-ahead tells apart.

use super::words::{Kw, looks_like_annotation, looks_like_type};
use super::{K, P, Parser, literal};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::{Punct, Token};
use cuthere_base::Symbol;

/// Operator and precedence of a binary operator.
fn binary_op(kind: K) -> Option<(BinOp, u8)> {
    let K::P(punct) = kind else { return None };
    Some(match punct {
        Punct::OrOr => (BinOp::LogOr, 1),
        Punct::AndAnd => (BinOp::LogAnd, 2),
        Punct::Pipe => (BinOp::Or, 3),
        Punct::Caret => (BinOp::Xor, 4),
        Punct::Amp => (BinOp::And, 5),
        Punct::EqEq => (BinOp::Eq, 6),
        Punct::Ne => (BinOp::Ne, 6),
        Punct::Lt => (BinOp::Lt, 7),
        Punct::Gt => (BinOp::Gt, 7),
        Punct::Le => (BinOp::Le, 7),
        Punct::Ge => (BinOp::Ge, 7),
        Punct::Shl => (BinOp::Shl, 8),
        Punct::Shr => (BinOp::Shr, 8),
        Punct::Plus => (BinOp::Add, 9),
        Punct::Minus => (BinOp::Sub, 9),
        Punct::Star => (BinOp::Mul, 10),
        Punct::Slash => (BinOp::Div, 10),
        Punct::Percent => (BinOp::Rem, 10),
        _ => return None,
    })
}

fn assign_op(kind: K) -> Option<Option<BinOp>> {
    let K::P(punct) = kind else { return None };
    Some(match punct {
        Punct::Eq => None,
        Punct::PlusEq => Some(BinOp::Add),
        Punct::MinusEq => Some(BinOp::Sub),
        Punct::StarEq => Some(BinOp::Mul),
        Punct::SlashEq => Some(BinOp::Div),
        Punct::PercentEq => Some(BinOp::Rem),
        Punct::AmpEq => Some(BinOp::And),
        Punct::PipeEq => Some(BinOp::Or),
        Punct::CaretEq => Some(BinOp::Xor),
        Punct::ShlEq => Some(BinOp::Shl),
        Punct::ShrEq => Some(BinOp::Shr),
        _ => return None,
    })
}

impl Parser<'_> {
    /// An expression with commas.
    pub(super) fn expr(&mut self) -> P<ExprId> {
        let mut left = self.assign()?;
        while self.is(Punct::Comma) {
            let at = self.token();
            self.bump();
            let right = self.assign()?;
            left = self.add(ExprKind::Comma(left, right), &at)?;
        }
        Ok(left)
    }

    /// An expression without commas.
    pub(super) fn assign(&mut self) -> P<ExprId> {
        self.deeper(|p| {
            let left = p.conditional()?;
            let Some(op) = assign_op(p.k()) else { return Ok(left) };
            let at = p.token();
            if !p.assignable(left) {
                return p.unexpected("expression");
            }
            p.bump();
            let right = p.assign()?;
            p.add(ExprKind::Assign(op, left, right), &at)
        })
    }

    /// Whether it may stand left of `=`; model macros and gaps may stand for anything.
    fn assignable(&self, id: ExprId) -> bool {
        use ExprKind::*;
        let Some(expr) = self.ast.exprs.get(id.index()) else { return false };
        match expr.kind {
            Int { .. }
            | Float { .. }
            | Binary(..)
            | Assign(..)
            | SizeofExpr(_)
            | SizeofType(_)
            | AlignofExpr(_)
            | AlignofType(_)
            | LabelAddr(_) => false,
            Unary(op, _) => op == UnOp::Deref,
            _ => true,
        }
    }

    /// A constant expression, or anything without assignment and comma.
    pub(super) fn conditional(&mut self) -> P<ExprId> {
        let cond = self.binary(1)?;
        if !self.is(Punct::Question) {
            return Ok(cond);
        }
        let at = self.token();
        self.bump();
        let then = if self.is(Punct::Colon) { None } else { Some(self.expr()?) };
        self.expect(Punct::Colon, "conditional expression")?;
        let els = self.deeper(|p| p.conditional())?;
        self.add(ExprKind::Cond(cond, then, els), &at)
    }

    fn binary(&mut self, least: u8) -> P<ExprId> {
        let mut left = self.unary()?;
        while let Some((op, precedence)) = binary_op(self.k()) {
            if precedence < least {
                break;
            }
            let at = self.token();
            self.bump();
            let right = self.binary(precedence + 1)?;
            left = self.add(ExprKind::Binary(op, left, right), &at)?;
        }
        Ok(left)
    }

    fn prefix(&mut self, op: UnOp) -> P<ExprId> {
        let at = self.token();
        self.bump();
        let operand = self.deeper(|p| p.unary())?;
        self.add(ExprKind::Unary(op, operand), &at)
    }

    fn unary(&mut self) -> P<ExprId> {
        match self.k() {
            K::Ident | K::Int => self.postfix(),
            K::P(Punct::LParen) => {
                if self.is_type_in_parens(self.pos) {
                    self.cast()
                } else {
                    self.postfix()
                }
            }
            K::P(Punct::Minus) => self.prefix(UnOp::Neg),
            K::P(Punct::Plus) => self.prefix(UnOp::Plus),
            K::P(Punct::Tilde) => self.prefix(UnOp::BitNot),
            K::P(Punct::Not) => self.prefix(UnOp::Not),
            K::P(Punct::Star) => self.prefix(UnOp::Deref),
            K::P(Punct::Amp) => self.prefix(UnOp::Addr),
            K::P(Punct::Inc) => self.prefix(UnOp::PreInc),
            K::P(Punct::Dec) => self.prefix(UnOp::PreDec),
            K::P(Punct::AndAnd) if self.k_at(self.pos + 1) == K::Ident => {
                let at = self.token();
                let label = self.text_at(self.pos + 1);
                self.pos += 2;
                self.add(ExprKind::LabelAddr(label), &at)
            }
            K::Kw(Kw::Extension | Kw::RealImag) => {
                self.bump();
                self.deeper(|p| p.unary())
            }
            K::Kw(Kw::Sizeof) => self.size_of(false),
            K::Kw(Kw::Alignof) => self.size_of(true),
            _ => self.postfix(),
        }
    }

    /// `sizeof` and `_Alignof`, of a type in parentheses or of an expression.
    fn size_of(&mut self, align: bool) -> P<ExprId> {
        let at = self.token();
        self.bump();
        let unknown_type = self.is(Punct::LParen)
            && self.k_at(self.pos + 1) == K::Ident
            && self.is_at(self.pos + 2, Punct::RParen)
            && self.is_type_at(self.pos + 1).is_none()
            && looks_like_type(self.text_at(self.pos + 1));
        if self.is(Punct::LParen) && (unknown_type || self.is_type_in_parens(self.pos)) {
            let open = self.token();
            self.bump();
            let (ty, inner) = self.measured(|p| p.type_name())?;
            self.expect(Punct::RParen, "type name")?;
            if !self.is(Punct::LBrace) {
                return self.add_over(if align { ExprKind::AlignofType(ty) } else { ExprKind::SizeofType(ty) }, &at, inner);
            }
            let literal = self.compound(ty, inner, &open)?;
            let operand = self.suffixes(literal)?;
            return self.add(if align { ExprKind::AlignofExpr(operand) } else { ExprKind::SizeofExpr(operand) }, &at);
        }
        let operand = self.deeper(|p| p.unary())?;
        self.add(if align { ExprKind::AlignofExpr(operand) } else { ExprKind::SizeofExpr(operand) }, &at)
    }

    /// `(type) operand` or `(type){ … }`.
    fn cast(&mut self) -> P<ExprId> {
        let at = self.token();
        self.bump();
        let (ty, inner) = self.measured(|p| p.type_name())?;
        self.expect(Punct::RParen, "type name")?;
        if self.is(Punct::LBrace) {
            let literal = self.compound(ty, inner, &at)?;
            return self.suffixes(literal);
        }
        let operand = self.deeper(|p| p.unary())?;
        self.add_over(ExprKind::Cast(ty, operand), &at, inner)
    }

    fn compound(&mut self, ty: TypeId, inner: u32, at: &Token) -> P<ExprId> {
        let (init, height) = self.measured(|p| p.braces())?;
        self.add_over(ExprKind::Compound(ty, init), at, inner.max(height))
    }

    /// Whether the parenthesis at `open` holds a type name.
    pub(super) fn is_type_in_parens(&self, open: usize) -> bool {
        match self.k_at(open + 1) {
            K::Kw(word) => word.starts_type() || (word == Kw::Attribute && !self.is_at(open + 2, Punct::RParen)),
            K::Ident => {
                let name = self.text_at(open + 1);
                match self.is_type(name) {
                    // A local that came out of an unknown macro may hide a type's name: look at what follows too.
                    Some(true) => match self.k_at(open + 2) {
                        K::P(Punct::RParen | Punct::Star | Punct::LBracket) | K::Kw(_) | K::Ident => true,
                        K::P(Punct::LParen) => matches!(self.k_at(open + 3), K::P(Punct::Star)),
                        _ => false,
                    },
                    Some(false) => false,
                    None => self.unknown_in_parens(open, name),
                }
            }
            _ => false,
        }
    }

    /// `( name …` where nobody knows the name: a type if the use leaves no other reading, or if it is called like one.
    fn unknown_in_parens(&self, open: usize, name: Symbol) -> bool {
        // `(__force u32)`.
        let followed = match self.k_at(open + 2) {
            K::Kw(word) => word.starts_type(),
            K::Ident => self.is_at(open + 3, Punct::RParen) || self.is_at(open + 3, Punct::Star),
            _ => false,
        };
        if followed && self.is_annotation_at(open + 1) {
            return true;
        }
        let mut at = open + 2;
        // `(u16 __force)`.
        if self.is_annotation_at(at) && matches!(self.k_at(at + 1), K::P(Punct::RParen | Punct::Star)) {
            return true;
        }
        loop {
            match self.k_at(at) {
                K::P(Punct::Star) | K::Kw(Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_)) => at += 1,
                K::Kw(Kw::Attribute) => match self.mate(at + 1) {
                    Some(close) => at = close + 1,
                    None => return false,
                },
                _ => break,
            }
        }
        if self.is_at(at, Punct::LParen) && self.is_at(at + 1, Punct::Star) && self.is_at(at + 2, Punct::RParen) {
            return true;
        }
        if !self.is_at(at, Punct::RParen) {
            return false;
        }
        if at > open + 2 {
            return true;
        }
        let like_type = looks_like_type(name);
        match self.k_at(at + 1) {
            K::Ident | K::Int | K::Float | K::Char | K::Kw(Kw::Sizeof) | K::P(Punct::Tilde) => true,
            K::P(Punct::LParen | Punct::LBrace | Punct::Minus | Punct::Star | Punct::Amp | Punct::Not) | K::Str => like_type,
            _ => false,
        }
    }

    fn postfix(&mut self) -> P<ExprId> {
        let first = self.primary()?;
        self.suffixes(first)
    }

    fn suffixes(&mut self, mut left: ExprId) -> P<ExprId> {
        loop {
            let at = self.token();
            left = match self.k() {
                K::P(Punct::Dot | Punct::Arrow) => {
                    let arrow = self.is(Punct::Arrow);
                    self.bump();
                    if !matches!(self.k(), K::Ident | K::Kw(_)) {
                        return self.unexpected("member access");
                    }
                    let name = self.token().text;
                    self.bump();
                    self.add(ExprKind::Member { base: left, name, arrow }, &at)?
                }
                K::P(Punct::LParen) => {
                    let callee = match self.ast.exprs.get(left.index()).map(|e| e.kind) {
                        Some(ExprKind::Ident(name)) if self.k_at(self.pos.wrapping_sub(1)) == K::Ident => name,
                        _ => Symbol::EMPTY,
                    };
                    let from = if callee.is_empty() { at } else { self.token_at(self.pos - 1) };
                    let args = self.call_args(callee)?;
                    self.add(ExprKind::Call { callee: left, args }, &from)?
                }
                K::P(Punct::LBracket) => {
                    self.bump();
                    let index = self.expr()?;
                    self.expect(Punct::RBracket, "index")?;
                    self.add(ExprKind::Index(left, index), &at)?
                }
                K::P(Punct::Inc) => {
                    self.bump();
                    self.add(ExprKind::Unary(UnOp::PostInc, left), &at)?
                }
                K::P(Punct::Dec) => {
                    self.bump();
                    self.add(ExprKind::Unary(UnOp::PostDec, left), &at)?
                }
                _ => return Ok(left),
            };
        }
    }

    fn primary(&mut self) -> P<ExprId> {
        let at = self.token();
        match self.k() {
            K::Ident => {
                // `KERN_INFO "text"`, `"%" PRIu64`: a macro that no header defines, standing for a literal.
                let next = self.k_at(self.pos + 1);
                let among = next == K::Str || next == K::Ident && self.k_at(self.pos + 2) == K::Str && self.is_literal_macro(self.pos + 1);
                if among && self.is_literal_macro(self.pos) {
                    return self.strings();
                }
                self.bump();
                self.add(ExprKind::Ident(at.text), &at)
            }
            K::Int => match literal::integer(at.text.as_str()) {
                Some((value, unsigned, long)) => {
                    self.bump();
                    self.add(ExprKind::Int { value, unsigned, long }, &at)
                }
                None => self.fail(format!("malformed number `{}`", at.text)),
            },
            K::Char => match literal::character(at.text.as_str()) {
                Some(value) => {
                    self.bump();
                    self.add(ExprKind::Int { value, unsigned: false, long: 0 }, &at)
                }
                None => self.fail("empty character constant"),
            },
            K::Float => {
                self.bump();
                let (bits, size) = literal::float(at.text.as_str());
                self.add(ExprKind::Float { bits, size }, &at)
            }
            K::Str => self.strings(),
            K::P(Punct::LParen) => {
                if self.is_at(self.pos + 1, Punct::LBrace) {
                    return self.statement_expression();
                }
                self.bump();
                let inner = self.expr()?;
                self.expect(Punct::RParen, "expression")?;
                Ok(inner)
            }
            K::Kw(Kw::Generic) => self.generic(),
            K::Kw(Kw::Offsetof) => {
                self.bump();
                self.expect(Punct::LParen, "offsetof")?;
                let (ty, inner) = self.measured(|p| p.type_name())?;
                self.expect(Punct::Comma, "offsetof")?;
                let member = self.conditional()?;
                self.expect(Punct::RParen, "offsetof")?;
                self.add_over(ExprKind::Offsetof(ty, member), &at, inner)
            }
            K::Kw(Kw::TypesCompatible) => {
                self.bump();
                self.expect(Punct::LParen, "type comparison")?;
                let (a, first) = self.measured(|p| p.type_name())?;
                self.expect(Punct::Comma, "type comparison")?;
                let (b, second) = self.measured(|p| p.type_name())?;
                self.expect(Punct::RParen, "type comparison")?;
                self.add_over(ExprKind::TypesCompatible(a, b), &at, first.max(second))
            }
            K::Kw(Kw::VaArg) => {
                self.bump();
                self.expect(Punct::LParen, "va_arg")?;
                let list = self.assign()?;
                self.expect(Punct::Comma, "va_arg")?;
                let (ty, inner) = self.measured(|p| p.type_name())?;
                self.expect(Punct::RParen, "va_arg")?;
                self.add_over(ExprKind::VaArg(list, ty), &at, inner)
            }
            _ => self.unexpected("expression"),
        }
    }

    /// An unknown upper-case name that stands among string literals.
    fn is_literal_macro(&self, at: usize) -> bool {
        let name = self.text_at(at).as_str();
        let upper = name.strip_prefix("PRI").is_some() || name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        upper && self.is_type_at(at).is_none()
    }

    /// An unknown name with arguments among literals: `"a" __stringify(X) "b"`, `"a" pr_fmt("b")`.
    fn stringifies(&self, at: usize) -> bool {
        let after = self.mate(at + 1).filter(|_| self.is_at(at + 1, Punct::LParen));
        let literal = |close: usize| {
            self.k_at(close + 1) == K::Str
                || self.k_at(at + 2) == K::Str && matches!(self.k_at(close + 1), K::P(Punct::Comma | Punct::RParen))
        };
        after.is_some_and(literal) && self.is_type_at(at).is_none()
    }

    fn strings(&mut self) -> P<ExprId> {
        let at = self.token();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        loop {
            match self.k() {
                K::Str => literal::string(self.token().text.as_str(), &mut buffer),
                K::Ident if self.is_literal_macro(self.pos) || self.stringifies(self.pos) => {
                    if self.is_at(self.pos + 1, Punct::LParen) {
                        let Some(close) = self.mate(self.pos + 1) else { break };
                        self.pos = close;
                    }
                }
                _ => break,
            }
            self.bump();
        }
        let text = match std::str::from_utf8(&buffer) {
            Ok(text) => Symbol::intern(text),
            Err(_) => Symbol::intern(&String::from_utf8_lossy(&buffer)),
        };
        self.buffer = buffer;
        self.add(ExprKind::Str(text), &at)
    }

    /// `({ … })`.
    fn statement_expression(&mut self) -> P<ExprId> {
        let at = self.token();
        self.bump();
        let (block, inner) = self.deeper(|p| {
            p.measured(|p| {
                let in_argument = std::mem::replace(&mut p.in_argument, false);
                p.value_depth += 1;
                let block = p.block();
                p.value_depth -= 1;
                p.in_argument = in_argument;
                block
            })
        })?;
        self.expect(Punct::RParen, "statement expression")?;
        self.add_over(ExprKind::StmtExpr(block), &at, inner)
    }

    fn generic(&mut self) -> P<ExprId> {
        let at = self.token();
        self.bump();
        self.expect(Punct::LParen, "_Generic")?;
        let value = self.assign()?;
        let base = self.ids.len();
        let mut tallest = 0;
        while self.eat(Punct::Comma) {
            if self.eat_kw(Kw::Default) {
                self.ids.push(u32::MAX);
            } else {
                let (ty, inner) = self.measured(|p| p.type_name())?;
                tallest = tallest.max(inner);
                self.ids.push(ty.0);
            }
            self.expect(Punct::Colon, "_Generic")?;
            let arm = self.assign()?;
            self.ids.push(arm.0);
        }
        let arms = self.list_from(base);
        self.expect(Punct::RParen, "_Generic")?;
        self.add_over(ExprKind::Generic(value, arms), &at, tallest)
    }

    /// The arguments of a call, parentheses included. What is called decides how lenient they are read: a macro of the kernel model takes
    /// types, braces, statements, operators and nothing, and so does an unknown `UPPER_CASE` name; any other unknown name takes types and
    /// statements.
    pub(super) fn call_args(&mut self, callee: Symbol) -> P<List> {
        let (shaped, unknown) = if callee.is_empty() {
            (false, false)
        } else {
            let shaped = !self.scope.contains_key(&callee) && self.names.shape(callee).is_some();
            (shaped || self.names_unknown_macro(callee), !shaped && self.is_type(callee).is_none())
        };
        self.expect(Punct::LParen, "call")?;
        // A macro that takes statements may put them into a loop.
        let loops = u32::from(shaped || unknown);
        self.loop_depth += loops;
        let args = self.arguments(shaped, unknown);
        self.loop_depth -= loops;
        args
    }

    fn arguments(&mut self, shaped: bool, unknown: bool) -> P<List> {
        let base = self.ids.len();
        if self.eat(Punct::RParen) {
            return Ok(self.list_from(base));
        }
        loop {
            let arg = self.argument(shaped, unknown)?;
            self.ids.push(arg.0);
            if self.eat(Punct::Comma) {
                continue;
            }
            self.expect(Punct::RParen, "arguments")?;
            return Ok(self.list_from(base));
        }
    }

    /// An unknown `UPPER_CASE` name.
    fn names_unknown_macro(&self, name: Symbol) -> bool {
        !name.as_str().starts_with('_') && looks_like_annotation(name) && self.is_type(name).is_none()
    }

    fn argument(&mut self, shaped: bool, unknown: bool) -> P<ExprId> {
        let at = self.token();
        match self.k() {
            K::Kw(word) if word.starts_type() => self.type_argument(),
            K::Ident if self.is_type_argument() => self.type_argument(),
            K::Kw(word) if (shaped || unknown) && word.starts_stmt() => {
                let in_argument = std::mem::replace(&mut self.in_argument, true);
                let result = self.deeper(|p| p.measured(|p| Ok(p.stmt())));
                self.in_argument = in_argument;
                let (stmt, inner) = result?;
                self.add_over(ExprKind::StmtExpr(stmt), &at, inner)
            }
            K::P(Punct::LBrace) if shaped => {
                let (init, inner) = self.measured(|p| p.braces())?;
                self.add_over(ExprKind::BraceArg(init), &at, inner)
            }
            K::P(Punct::Comma | Punct::RParen) if shaped => self.add(ExprKind::Ident(Symbol::EMPTY), &at),
            // Half a number or a name, for a macro to paste.
            K::Int if shaped && literal::integer(at.text.as_str()).is_none() => {
                self.bump();
                self.add(ExprKind::Ident(at.text), &at)
            }
            K::P(punct) if shaped && matches!(self.k_at(self.pos + 1), K::P(Punct::Comma | Punct::RParen)) => {
                self.bump();
                self.add(ExprKind::Ident(Symbol::intern(punct.as_str())), &at)
            }
            _ => self.assign(),
        }
    }

    fn type_argument(&mut self) -> P<ExprId> {
        let at = self.token();
        let (ty, inner) = self.measured(|p| p.type_name())?;
        self.add_over(ExprKind::TypeArg(ty), &at, inner)
    }

    /// Whether the argument at an identifier is a type.
    fn is_type_argument(&self) -> bool {
        let next = self.k_at(self.pos + 1);
        let starred = || {
            let mut at = self.pos + 1;
            while self.is_at(at, Punct::Star) {
                at += 1;
            }
            at > self.pos + 1 && matches!(self.k_at(at), K::P(Punct::Comma | Punct::RParen))
        };
        match next {
            K::P(Punct::Comma | Punct::RParen) | K::Kw(Kw::Const | Kw::Volatile | Kw::Space(_)) => self.is_type_at(self.pos) == Some(true),
            K::P(Punct::LBracket) => self.is_type_at(self.pos) == Some(true),
            K::P(Punct::Star) => starred() && self.is_type_at(self.pos) != Some(false),
            _ => false,
        }
    }

    /// Whether a name is written like an operation of the model.
    pub(super) fn is_shape_at(&self, at: usize, shape: Shape) -> bool {
        self.shape_at(at) == Some(shape)
    }
}
