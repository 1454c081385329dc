//! The parser on little texts of our own.

use super::*;
use crate::lexer::{Lexer, clean};
use crate::shapes::Shape;

/// Types `u32`, `bool` and `foo_t`; values `known` and `printk`; the shapes of a few model names.
struct Some1;

impl Names for Some1 {
    fn is_type(&self, name: Symbol) -> Option<bool> {
        match name.as_str() {
            "u32" | "size_t" | "known_t" => Some(true),
            "known" | "printk" => Some(false),
            _ => None,
        }
    }
    fn shape(&self, name: Symbol) -> Option<Shape> {
        Some(match name.as_str() {
            "guard" => Shape::Guard,
            "scoped_guard" | "scoped_cond_guard" => Shape::Scope,
            "CLASS" => Shape::ClassDecl,
            "list_walk" => Shape::Loop,
            "DECLARE_QUEUE" => Shape::Decl,
            "__free" | "__cleanup" => Shape::Cleanup,
            "__must_hold" | "__init" => Shape::Annotation,
            "__printf" => Shape::Ignored,
            "wait_for" | "outer_of" => Shape::Call,
            _ => return None,
        })
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(text.as_bytes(), 0, text.len(), 1);
    let mut out = Vec::new();
    loop {
        let raw = lexer.next();
        let punct = matches!(raw.kind, Tok::Punct(_) | Tok::Eof);
        let text = if punct { Symbol::EMPTY } else { Symbol::intern(&clean(text.as_bytes(), &raw)) };
        out.push(Token { kind: raw.kind, text, loc: Loc::new(raw.line, lexer.col(raw.lo)), origin: Symbol::EMPTY });
        if raw.kind == Tok::Eof {
            return out;
        }
    }
}

struct Printer<'a>(&'a Ast);

impl Printer<'_> {
    fn list(&self, list: List, f: impl Fn(u32) -> String) -> String {
        self.0.list(list).iter().map(|&i| f(i)).collect::<Vec<_>>().join(" ")
    }

    fn expr(&self, id: ExprId) -> String {
        use ExprKind::*;
        match self.0.exprs[id.index()].kind {
            Int { value, .. } => (value as i64).to_string(),
            Float { .. } => "float".to_owned(),
            Str(s) => format!("{:?}", s.as_str()),
            Ident(s) => s.to_string(),
            Unary(op, e) => format!("({op:?} {})", self.expr(e)),
            Binary(op, a, b) => format!("({op:?} {} {})", self.expr(a), self.expr(b)),
            Assign(op, a, b) => format!("(Assign{} {} {})", op.map_or(String::new(), |o| format!("{o:?}")), self.expr(a), self.expr(b)),
            Cond(c, t, e) => format!("(Cond {} {} {})", self.expr(c), t.map_or("-".to_owned(), |t| self.expr(t)), self.expr(e)),
            Comma(a, b) => format!("(Comma {} {})", self.expr(a), self.expr(b)),
            Call { callee, args } => format!("{}({})", self.expr(callee), self.list(args, |a| self.expr(ExprId(a)))),
            Member { base, name, arrow } => format!("{}{}{name}", self.expr(base), if arrow { "->" } else { "." }),
            Index(a, b) => format!("{}[{}]", self.expr(a), self.expr(b)),
            Cast(t, e) => format!("(Cast <{}> {})", self.ty(t), self.expr(e)),
            Compound(t, i) => format!("(Lit <{}> {})", self.ty(t), self.init(i)),
            SizeofType(t) => format!("(sizeof <{}>)", self.ty(t)),
            SizeofExpr(e) => format!("(sizeof {})", self.expr(e)),
            AlignofType(t) => format!("(alignof <{}>)", self.ty(t)),
            AlignofExpr(e) => format!("(alignof {})", self.expr(e)),
            StmtExpr(s) => format!("({})", self.stmt(s)),
            LabelAddr(l) => format!("&&{l}"),
            TypeArg(t) => format!("<{}>", self.ty(t)),
            Offsetof(t, e) => format!("(offsetof <{}> {})", self.ty(t), self.expr(e)),
            TypesCompatible(a, b) => format!("(compatible <{}> <{}>)", self.ty(a), self.ty(b)),
            Generic(e, arms) => format!("(generic {} {})", self.expr(e), arms.len / 2),
            VaArg(e, t) => format!("(va_arg {} <{}>)", self.expr(e), self.ty(t)),
            BraceArg(i) => self.init(i),
            Gap(_) => "GAP".to_owned(),
        }
    }

    fn init(&self, id: InitId) -> String {
        match self.0.inits[id.index()] {
            Init::Expr(e) => self.expr(e),
            Init::Brace { items, .. } => format!("{{{}}}", self.list(items, |i| self.init(InitId(i)))),
            Init::Item { path, value } if path.len == 0 => self.init(value),
            Init::Item { path, value } => format!("{}={}", self.list(path, |i| self.init(InitId(i))), self.init(value)),
            Init::Field(name) => format!(".{name}"),
            Init::At(lo, None) => format!("[{}]", self.expr(lo)),
            Init::At(lo, Some(hi)) => format!("[{}..{}]", self.expr(lo), self.expr(hi)),
        }
    }

    fn ty(&self, id: TypeId) -> String {
        match self.0.types[id.index()] {
            TypeNode::Unknown => "?".to_owned(),
            TypeNode::Void => "void".to_owned(),
            TypeNode::Bool => "bool".to_owned(),
            TypeNode::Int { size, signed } => format!("{}{}", if signed { 'i' } else { 'u' }, u32::from(size) * 8),
            TypeNode::Char => "char".to_owned(),
            TypeNode::Float { size } => format!("f{}", u32::from(size) * 8),
            TypeNode::Named(n) => n.to_string(),
            TypeNode::Tag { kind, tag } => format!("{kind:?} {tag}"),
            TypeNode::Record(r) => {
                let body = &self.0.records[r as usize];
                format!("{:?} {} {{{}}}", body.kind, body.tag, self.list(body.fields, |d| self.decl(DeclId(d))))
            }
            TypeNode::Enum(e) => {
                let names: Vec<_> = self.0.enums[e as usize].items.iter().map(|i| i.0.as_str()).collect();
                format!("enum {{{}}}", names.join(" "))
            }
            TypeNode::Pointer { to, space } => {
                let space = if space == Space::Kernel { String::new() } else { format!("{space:?}") };
                format!("*{space} {}", self.ty(to))
            }
            TypeNode::Array { of, len } => format!("[{}] {}", len.map_or(String::new(), |l| self.expr(l)), self.ty(of)),
            TypeNode::Function { ret, params, variadic, .. } => {
                let dots = if variadic { " ..." } else { "" };
                format!("fn({}{dots}) {}", self.list(params, |d| self.decl(DeclId(d))), self.ty(ret))
            }
            TypeNode::TypeofExpr(e) => format!("typeof {}", self.expr(e)),
            TypeNode::Atomic(t) => format!("atomic <{}>", self.ty(t)),
            TypeNode::TypeofType(t) => format!("typeof <{}>", self.ty(t)),
            TypeNode::AutoType => "auto".to_owned(),
            TypeNode::Qualified { of, space } => format!("{space:?} {}", self.ty(of)),
        }
    }

    fn decl(&self, id: DeclId) -> String {
        let decl = &self.0.decls[id.index()];
        let mut out = format!("{}: {}", decl.name, self.ty(decl.ty));
        if let Some(bits) = decl.bits {
            out += &format!(" : {}", self.expr(bits));
        }
        if let Some(init) = decl.init {
            out += &format!(" = {}", self.init(init));
        }
        if !decl.constructor.is_empty() {
            out += &format!(" by {}({})", decl.constructor, self.list(decl.constructor_args, |a| self.expr(ExprId(a))));
        }
        if !decl.cleanup.is_empty() {
            out += &format!(" cleanup {}", decl.cleanup);
        }
        if decl.annotations.len > 0 {
            out += &format!(" @{}", self.list(decl.annotations, |a| self.expr(ExprId(a))));
        }
        out
    }

    fn stmt(&self, id: StmtId) -> String {
        use StmtKind::*;
        let sub = |s: StmtId| self.stmt(s);
        let args = |list: List| self.list(list, |a| self.expr(ExprId(a)));
        match self.0.stmts[id.index()].kind {
            Empty => ";".to_owned(),
            Expr(e) => format!("{};", self.expr(e)),
            Block { body, .. } => format!("{{{}}}", self.list(body, |s| self.stmt(StmtId(s)))),
            Decl(decls) => format!("let {};", self.0.list(decls).iter().map(|&d| self.decl(DeclId(d))).collect::<Vec<_>>().join(", ")),
            If { cond, then, els } => {
                format!("if {} {}{}", self.expr(cond), sub(then), els.map_or(String::new(), |e| format!(" else {}", sub(e))))
            }
            While { cond, body } => format!("while {} {}", self.expr(cond), sub(body)),
            DoWhile { body, cond } => format!("do {} {}", sub(body), self.expr(cond)),
            For { init, cond, step, body } => {
                let part = |e: Option<ExprId>| e.map_or(String::new(), |e| self.expr(e));
                format!("for ({} {}; {}) {}", sub(init), part(cond), part(step), sub(body))
            }
            Switch { value, body } => format!("switch {} {}", self.expr(value), sub(body)),
            Case { lo, hi, body } => {
                format!("case {}{}: {}", self.expr(lo), hi.map_or(String::new(), |h| format!("..{}", self.expr(h))), sub(body))
            }
            Default { body } => format!("default: {}", sub(body)),
            Label { name, body } => format!("{name}: {}", sub(body)),
            Goto(name) => format!("goto {name};"),
            GotoComputed(e) => format!("goto *{};", self.expr(e)),
            Break => "break;".to_owned(),
            Continue => "continue;".to_owned(),
            Return(e) => format!("return {};", e.map_or(String::new(), |e| self.expr(e))),
            Asm { outputs, inputs, labels, .. } => format!("asm({} | {} | {});", args(outputs), args(inputs), args(labels)),
            ModelLoop { name, args: a, body } => format!("loop {name}({}) {}", args(a), sub(body)),
            ModelScope { name, args: a, body } => format!("scope {name}({}) {}", args(a), sub(body)),
            Guard { name, class, args: a } => format!("{name}[{}]({});", args(class), args(a)),
            NestedFunction => "nested;".to_owned(),
            Gap(_) => "GAP;".to_owned(),
        }
    }
}

fn parse(text: &str) -> (Ast, ParsedFunction) {
    let mut ast = Ast::default();
    let function = parse_function(&Some1, &tokens(text), &mut ast);
    (ast, function)
}

/// The body without its outer braces; asserts that nothing is missing.
fn body(text: &str) -> String {
    let (ast, function) = parse(&format!("void f(int x, char *p)\n{{\n{text}\n}}"));
    assert!(ast.gaps.is_empty(), "{text}: {:?}", ast.gaps);
    let printed = Printer(&ast).stmt(function.body.expect("a body"));
    printed[1..printed.len() - 1].to_owned()
}

fn gaps(text: &str) -> Vec<String> {
    let (ast, function) = parse(&format!("void f(int x, int y)\n{{\nint ok = 1;\n{text}\nreturn;\n}}"));
    assert!(function.body.is_some());
    ast.gaps.into_iter().map(|g| g.reason).collect()
}

fn expr(text: &str) -> String {
    let printed = body(&format!("{text};"));
    printed.trim_end_matches(';').to_owned()
}

fn decls(text: &str) -> String {
    let mut ast = Ast::default();
    let found = parse_declaration(&Some1, &tokens(text), &mut ast);
    assert!(ast.gaps.is_empty(), "{text}: {:?}", ast.gaps);
    found.iter().map(|&d| Printer(&ast).decl(d)).collect::<Vec<_>>().join("; ")
}

#[test]
fn operators_bind_as_in_c() {
    assert_eq!(expr("x = a + b * c << 1 & 3"), "(Assign x (And (Shl (Add a (Mul b c)) 1) 3))");
    assert_eq!(expr("x = a || b && c | d"), "(Assign x (LogOr a (LogAnd b (Or c d))))");
    assert_eq!(expr("x = a - b - c"), "(Assign x (Sub (Sub a b) c))");
    assert_eq!(expr("x = y = a ? b : c ? d : e"), "(Assign x (Assign y (Cond a b (Cond c d e))))");
    assert_eq!(expr("x = a ?: b"), "(Assign x (Cond a - b))");
    assert_eq!(expr("*p++ = -~!x"), "(Assign (Deref (PostInc p)) (Neg (BitNot (Not x))))");
    assert_eq!(expr("a->b.c[1](2, 3)++"), "(PostInc a->b.c[1](2 3))");
    assert_eq!(expr("x <<= 1, y ^= 2"), "(Comma (AssignShl x 1) (AssignXor y 2))");
    assert_eq!(expr("x = \"a\" \"b\\n\""), "(Assign x \"ab\\n\")");
    assert_eq!(expr("x = &&out"), "(Assign x &&out)");
}

#[test]
fn casts_are_told_from_parentheses() {
    assert_eq!(expr("x = (u32)y"), "(Assign x (Cast <u32> y))");
    assert_eq!(expr("x = (u32 *)(y)"), "(Assign x (Cast <* u32> y))");
    assert_eq!(expr("x = (known)(y)"), "(Assign x known(y))");
    assert_eq!(expr("x = (known) - y"), "(Assign x (Sub known y))");
    assert_eq!(expr("x = (other_t)(y)"), "(Assign x (Cast <other_t> y))");
    assert_eq!(expr("x = (other *)y"), "(Assign x (Cast <* other> y))");
    assert_eq!(expr("x = (other)y"), "(Assign x (Cast <other> y))");
    assert_eq!(expr("x = (__dw)y"), "(Assign x (Cast <__dw> y))");
    assert_eq!(expr("x = (__le __attribute__((noderef)) *)y"), "(Assign x (Cast <* __le> y))");
    assert_eq!(expr("x = (__force u32)y + (u16 __force)z"), "(Assign x (Add (Cast <u32> y) (Cast <u16> z)))");
    assert_eq!(expr("x = (other) & y"), "(Assign x (And other y))");
    assert_eq!(expr("x = (int (*)(void *))y"), "(Assign x (Cast <* fn(: * void) i32> y))");
    assert_eq!(expr("x = (struct s){ .a = 1, 2 }.a"), "(Assign x (Lit <Struct s> {.a=1 2}).a)");
    assert_eq!(
        expr("x = sizeof(u32) + sizeof x + sizeof(x) + sizeof(struct s *)"),
        "(Assign x (Add (Add (Add (sizeof <u32>) (sizeof x)) (sizeof x)) (sizeof <* Struct s>)))"
    );
    assert_eq!(expr("x = sizeof (u32){ 0 }"), "(Assign x (sizeof (Lit <u32> {0})))");
    assert_eq!(body("int u32 = 1; x = (u32) - 1;"), "let u32: i32 = 1; (Assign x (Sub u32 1));");
}

#[test]
fn gnu_expressions() {
    assert_eq!(expr("x = ({ int __a = 1; __a; })"), "(Assign x ({let __a: i32 = 1; __a;}))");
    assert_eq!(expr("x = ({ a < b; })"), "(Assign x ({(Lt a b);}))");
    assert_eq!(expr("x = __builtin_offsetof(struct s, a.b[2])"), "(Assign x (offsetof <Struct s> a.b[2]))");
    assert_eq!(expr("x = __builtin_types_compatible_p(typeof(x), int)"), "(Assign x (compatible <typeof x> <i32>))");
    assert_eq!(expr("x = __builtin_va_arg(ap, unsigned long)"), "(Assign x (va_arg ap <u64>))");
    assert_eq!(expr("x = _Generic((x), int: 1, default: 2)"), "(Assign x (generic x 2))");
    assert_eq!(expr("x = __builtin_choose_expr(1, a, b)"), "(Assign x __builtin_choose_expr(1 a b))");
    assert_eq!(expr("x = __extension__ ({ 1; })"), "(Assign x ({1;}))");
    assert_eq!(expr("x = outer_of(p, struct s, member)"), "(Assign x outer_of(p <Struct s> member))");
    assert_eq!(expr("wait_for(q, x == 1, return -1)"), "wait_for(q (Eq x 1) (return (Neg 1);))");
    assert_eq!(expr("wait_for(q, <, { 1 })"), "wait_for(q < {1})");
    assert_eq!(expr("x = missing(known_t, u32 *, other *)"), "(Assign x missing(<known_t> <* u32> <* other>))");
    assert_eq!(expr("x = (__auto_type)y"), "(Assign x (Cast <auto> y))");
    assert_eq!(expr("printk(LEVEL \"x\" SUFFIX \"y\")"), "printk(\"xy\")");
}

#[test]
fn declarations_of_every_shape() {
    assert_eq!(
        body("int a, *b, c[2], (*d)(int), *(*e[3])(void);"),
        "let a: i32, b: * i32, c: [2] i32, d: * fn(: i32) i32, e: [3] * fn() * i32;"
    );
    assert_eq!(
        body("unsigned long long a; long unsigned int b; signed char c; __int128 d; unsigned __int128 e;"),
        "let a: u64; let b: u64; let c: i8; let d: i128; let e: u128;"
    );
    assert_eq!(
        body("const char __user *a; struct s __rcu **b; int __percpu *c;"),
        "let a: *User char; let b: * *Rcu Struct s; let c: *Percpu i32;"
    );
    assert_eq!(
        body("typeof(x) y = x; __auto_type z = y; typeof(int *) w;"),
        "let y: typeof x = x; let z: auto = y; let w: typeof <* i32>;"
    );
    assert_eq!(
        body("struct s { int a : 3, : 0; struct { int b; }; char c[]; } v = { .a = 1, c: 2, [1 ... 3] = 4, [5].d = 6 };"),
        "let v: Struct s {a: i32 : 3 : i32 : 0 : Struct  {b: i32} c: [] char} = {.a=1 .c=2 [1..3]=4 [5] .d=6};"
    );
    assert_eq!(body("enum e { A, B = 2, C } v;"), "let v: enum {A B C};");
    assert_eq!(
        body("typedef struct s local; local *v; x = (local)(1);"),
        "let local: Struct s; let v: * local; (Assign x (Cast <local> 1));"
    );
    assert_eq!(body("char *s __free(kfree) = p;"), "let s: * char = p cleanup __free_kfree;");
    assert_eq!(body("int fd __cleanup(close_it) = 1;"), "let fd: i32 = 1 cleanup close_it;");
    assert_eq!(body("int fd __attribute__((__cleanup__(close_it), unused)) = 1;"), "let fd: i32 = 1 cleanup close_it;");
    assert_eq!(body("register int r asm(\"r0\"); static int s; extern int g(void);"), "let r: i32; let s: i32; let g: fn() i32;");
    assert_eq!(
        body("int __attribute__((btf_type_tag(\"percpu\"))) *a; x = *(typeof(x) __seg_gs *)a;"),
        "let a: *Percpu i32; (Assign x (Deref (Cast <* typeof x> a)));"
    );
    assert_eq!(body("auto v = 1;"), "let v: auto = 1;");
    assert_eq!(body("struct empty { }; struct fwd;"), "let : Struct empty {}; let : Struct fwd;");
    assert_eq!(body("_Static_assert(sizeof(int) == 4, \"x\"); __label__ a, b; int y;"), "; ; let y: i32;");
}

#[test]
fn unknown_names_are_types_by_use() {
    assert_eq!(
        body("thing *t; thing u; other_t v = 1; t = (thing)(u);"),
        "let t: * thing; let u: thing; let v: other_t = 1; (Assign t (Cast <thing> u));"
    );
    assert_eq!(body("x * y;\n thing * const q = 0;"), "(Mul x y); let q: * thing = 0;");
    assert_eq!(body("int a __weird; __weird int b; WEIRD(1) int c;"), "let a: i32; let b: i32; let c: i32;");
    assert_eq!(decls("static __weird int f(void);"), "f: fn() i32");
    assert_eq!(decls("static __weird u32 g(thing a, other *b, third);"), "g: fn(a: thing b: * other : third) u32");
    assert_eq!(decls("extern WEIRD(1) struct s *h(void) __weird ATTR(1, 2);"), "h: fn() * Struct s");
    assert_eq!(decls("static noisy_t a;"), "a: noisy_t");
    assert_eq!(decls("int __init start(void) __must_hold(&lock);"), "start: fn() i32 @__init __must_hold((Addr lock))");
}

#[test]
fn declarations_at_file_level() {
    assert_eq!(
        decls("typedef unsigned int mine; typedef mine (*fun)(mine, ...); fun table[] = { 0 };"),
        "mine: u32; fun: * fn(: mine ...) mine; table: [] fun = {0}"
    );
    assert_eq!(decls("static DECLARE_QUEUE(q);"), "q: ? by DECLARE_QUEUE(q)");
    assert_eq!(decls("struct s { int a; } __attribute__((packed))"), ": Struct s {a: i32}");
    assert_eq!(decls("int printf(const char *, ...) __attribute__((format(printf, 1, 2), noreturn));"), "printf: fn(: * char ...) i32");
    assert_eq!(decls("void (*signal(int n, void (*f)(int)))(int);"), "signal: fn(n: i32 f: * fn(: i32) void) * fn(: i32) void");
    assert_eq!(decls("int f(int a[static 3], int g(void));"), "f: fn(a: * i32 g: * fn() i32) i32");
    assert_eq!(decls("WEIRD_USE(a, b); int x;"), "x: i32");
}

#[test]
fn function_headers() {
    let header = |text: &str| {
        let (ast, function) = parse(text);
        assert!(ast.gaps.is_empty(), "{text}: {:?}", ast.gaps);
        Printer(&ast).decl(function.decl)
    };
    assert_eq!(header("static inline int f(void) { return 0; }"), "f: fn() i32");
    assert_eq!(header("int f(a, b) int a; char *b; { return a; }"), "f: fn(a: i32 b: * char) i32");
    assert_eq!(header("f(a) int a; { return a; }"), "f: fn(a: i32) i32");
    assert_eq!(header("__weird int *f(thing t) { return 0; }"), "f: fn(t: thing) * i32");
    assert_eq!(
        header("long sys_a(int); static long do_a(int a); long sys_a(int a) { return do_a(a); } static long do_a(int a) { return 1; }"),
        "do_a: fn(a: i32) i64"
    );
    assert_eq!(header("MAKE_IT(name, struct s *p) { p->x = 1; }").split(':').next(), Some("MAKE_IT"));
    assert_eq!(header("struct s *(*f(int a))(void) { return 0; }"), "f: fn(a: i32) * fn() * Struct s");
}

#[test]
fn a_header_that_cannot_be_read_does_not_lose_the_body() {
    let (ast, function) = parse("int @ strange(int a) { a = 1; }");
    assert_eq!(ast.gaps.len(), 1);
    assert_eq!(ast.decls[function.decl.index()].name.as_str(), "strange");
    assert_eq!(Printer(&ast).stmt(function.body.expect("a body")), "{(Assign a 1);}");
}

#[test]
fn statements() {
    assert_eq!(body("if (x) ; else x = 1;"), "if x ; else (Assign x 1);");
    assert_eq!(body("for (int i = 0; i < 3; i++) continue;"), "for (let i: i32 = 0; (Lt i 3); (PostInc i)) continue;");
    assert_eq!(body("for (;;) break;"), "for (; ; ) break;");
    assert_eq!(body("do x--; while (x);"), "do (PostDec x); x");
    assert_eq!(
        body("switch (x) { case 1: case 2: x = 1; break; case 'a' ... 'z': default: ; }"),
        "switch x {case 1: ; case 2: (Assign x 1); break; case 97..122: ; default: ;}"
    );
    assert_eq!(body("switch (x) case 1: x = 2;"), "switch x case 1: (Assign x 2);");
    assert_eq!(
        body("switch (x) { case 0: do { x++; case 1: x--; } while (x); }"),
        "switch x {case 0: do {(PostInc x); case 1: (PostDec x);} x}"
    );
    assert_eq!(body("out: int y = 1; goto *p; goto out; last:"), "out: let y: i32 = 1; goto *p; goto out; last: ;");
    assert_eq!(body("a: b: x = 1; c:"), "a: ; b: (Assign x 1); c: ;");
    assert_eq!(body("asm volatile(\"nop %0\" : \"=r\" (x), [y] \"+m\" (*p) : \"i\" (1) : \"memory\");"), "asm(x (Deref p) | 1 | );");
    assert_eq!(body("asm(\"x\" CC_SET(c) : CC_OUT(c) (x), [a] \"+m\" (y));"), "asm(x y |  | );");
    assert_eq!(body("asm goto(\"jmp %l0\" : : \"r\"(x) : \"memory\" : out, err); out: err: ;"), "asm( | x | out err); out: ; err: ;");
    assert_eq!(
        body("switch (x) { case 1: x++; __attribute__((fallthrough)); case 2: [[fallthrough]]; default: break; }"),
        "switch x {case 1: (PostInc x); ; case 2: ; default: break;}"
    );
    assert_eq!(body("int inner(int a) { return a @ b; } x = inner(1);"), "nested; (Assign x inner(1));");
    assert_eq!(body("return;"), "return ;");
}

#[test]
fn names_of_the_model() {
    assert_eq!(body("guard(mutex)(&m);"), "guard[mutex]((Addr m));");
    assert_eq!(body("scoped_guard(mutex, &m) { x = 1; }"), "scope scoped_guard(mutex (Addr m)) {(Assign x 1);}");
    assert_eq!(
        body("scoped_cond_guard(mutex, return -1, &m) x = 1;"),
        "scope scoped_cond_guard(mutex (return (Neg 1);) (Addr m)) (Assign x 1);"
    );
    assert_eq!(body("CLASS(fd, f)(1); x = f;"), "let f: class_fd_t by class_fd_constructor(1) cleanup class_fd_destructor; (Assign x f);");
    assert_eq!(body("list_walk(p, q) { if (x) break; }"), "loop list_walk(p q) {if x break;}");
    assert_eq!(body("DECLARE_QUEUE(wait, current);"), "let wait: ? by DECLARE_QUEUE(wait current);");
    assert_eq!(body("my_for_each_thing(p, q) x++;"), "loop my_for_each_thing(p q) (PostInc x);");
    assert_eq!(body("for_all(p) { continue; }"), "loop for_all(p) {continue;}");
    let (ast, _) = parse("void f(void) {\nNO_SEMICOLON(1)\nx = 1;\n}");
    assert!(ast.gaps.is_empty() && ast.notes.len() == 1);
}

/// Whatever is planted into a body is named, and what follows it is still read.
#[test]
fn what_is_not_c_is_a_gap() {
    let planted = [
        "@@",
        "@@;",
        "foo bar baz;",
        "int = 5;",
        "if while",
        "if while;",
        ") (",
        ") (;",
        "x = = 3;",
        "case 3:",
        "case",
        "default:",
        "fn main() -> u32",
        "fn main() -> u32;",
        "fn main() { x = 1; }",
        "x <- y",
        "x <- y;",
        "let x := 3;",
        "x y = 3 4;",
        "int int z;",
        "return return;",
        "else x = 1;",
        "struct;",
        "x = (1;",
        "x = 1);",
        "foo(1,, 2);",
        "x ? 1;",
        "x.;",
        "x->3;",
        "goto;",
        "goto 3;",
        "break;",
        "continue;",
        "do x++;",
        "while x;",
        "for (;;;) ;",
        "for (x) ;",
        "switch { }",
        "1 = x;",
        "x + 1 = 2;",
        "int a b;",
        "int 3x;",
        "x = 09;",
        "x = '';",
        "#define X 1",
        "\\ x;",
        "`x`",
        "unknown_thing(x) { x = 1; }",
        "printk(1) { x = 1; }",
        "printk(1)\nx = 2;",
        "known x;",
        "u32 = 5;",
        "struct { int @; } v;",
        "enum { 1 } e;",
        "int a[;",
        "x = { 1 };",
        "x = 1 y = 2;",
        "unsigned float q;",
        "asm(1",
        "x = y z;",
        "[1] = 2;",
        "x[1;",
        "def f(): pass",
        "x += ;",
        "-> x;",
        "* ;",
        "a b c d e f;",
        "int f(void) -> int;",
        "x == y;",
    ];
    for text in planted {
        let reasons = gaps(text);
        assert!(!reasons.is_empty(), "silently accepted: {text}");
        assert!(reasons.iter().all(|r| !r.is_empty()));
    }
}

#[test]
fn the_rest_is_read_after_a_gap() {
    let rest = |text: &str| {
        let (ast, function) = parse(&format!("void f(int x)\n{{\n{text}\n}}"));
        assert!(!ast.gaps.is_empty());
        Printer(&ast).stmt(function.body.expect("a body"))
    };
    assert_eq!(rest("x = 1; x = @ 2; x = 3;"), "{(Assign x 1); GAP; (Assign x 3);}");
    assert_eq!(rest("if (x) x = @; else x = 2;"), "{if x GAP; else (Assign x 2);}");
    assert_eq!(rest("if (x) { @ } x = 1;"), "{if x {GAP;} (Assign x 1);}");
    assert_eq!(rest("if (x @) { y = 1; } else { y = 2; } x = 1;"), "{GAP; (Assign x 1);}");
    assert_eq!(rest("x = ({ @; 1; }); x = 1;"), "{(Assign x ({GAP; 1;})); (Assign x 1);}");
    assert_eq!(rest("int y = @; y = 1;"), "{GAP; (Assign y 1);}");
    assert_eq!(rest("do { x = 1; } until (x); x = 2;"), "{GAP; (Assign x 2);}");
    let (ast, _) = parse("void f(int x)\n{\n  x = 1;\n  x = = 3;\n}");
    assert_eq!(ast.gaps[0].reason, "unexpected `=` in expression");
    assert_eq!(ast.gaps[0].loc, Loc::new(4, 7));
}

#[test]
fn hostile_nesting_ends_in_a_gap() {
    let many = |s: &str| s.repeat(20_000);
    let hostile = [
        format!("x = {}1{};", many("("), many(")")),
        format!("x = {}1;", many("(")),
        format!("x = {}1;", many("-")),
        format!("x = {}1;", many("- -")),
        format!("x = 1{};", many("+ 1")),
        format!("x = x{};", many(".a")),
        format!("x = x{};", many("[0]")),
        format!("x = {}1;", many("(int)")),
        format!("x = {}1{};", many("({ x = "), many("; })")),
        format!("x = 1{};", many(" ? 1 : 1")),
        format!("x = {}1;", many("x = ")),
        many("{"),
        format!("{}{}", many("{"), many("}")),
        format!("{} ;", many("if (x) ")),
        format!("{} ;", many("if (x) ; else ")),
        format!("{} ;", many("while (x) ")),
        format!("int {}y{};", many("("), many(")")),
        format!("int {}y;", many("*")),
        format!("int y{};", many("[1]")),
        format!("int y{};", many("(int (*)")),
        format!("{} int y; {}", many("struct {"), many("};")),
        format!("int y[] = {}1{};", many("{"), many("}")),
        format!("x = {}int{};", many("sizeof(typeof("), many("))")),
        format!("x = {}1{};", many("f("), many(")")),
        format!("x = {}1;", many("sizeof ")),
        format!("x = 1{};", many(", 1")),
        format!("{} x = 1;", many("a_label: ")),
        many("} {"),
        many(") ("),
        many("x = (y; "),
    ];
    for text in &hostile {
        let (ast, function) = parse(&format!("void f(int x)\n{{\n{text}\n}}"));
        let labels = text.starts_with("a_label");
        assert!(labels || !ast.gaps.is_empty(), "accepted: {}", &text[..20]);
        assert!(function.body.is_some() || text.starts_with('{') || text.starts_with('}'));
    }
}

#[test]
fn long_comma_chains_are_statements() {
    let (ast, function) = parse(&format!("void f(void) {{ ({} a = 1); }}", "a = 1, ".repeat(5000)));
    assert!(ast.gaps.is_empty());
    assert!(Printer(&ast).stmt(function.body.expect("a body")).starts_with("{{(Assign a 1); (Assign a 1);"));
}

/// However deep the input, walking the tree by recursion is safe.
#[test]
fn trees_stay_shallow() {
    fn depth(ast: &Ast, e: ExprId) -> u32 {
        match ast.exprs[e.index()].kind {
            ExprKind::Binary(_, a, b) => 1 + depth(ast, a).max(depth(ast, b)),
            _ => 1,
        }
    }
    let mut chain = "1".to_owned();
    for _ in 0..300 {
        chain = format!("({chain} {})", "+ 1".repeat(100));
    }
    let (ast, _) = parse(&format!("void f(void) {{ x = {chain}; }}"));
    assert!(!ast.gaps.is_empty());
    let deepest = (0..ast.exprs.len()).map(|e| depth(&ast, ExprId(e as u32))).max();
    assert!(deepest <= Some(MAX_EXPR_HEIGHT));
}

#[test]
fn an_arena_is_reused() {
    let mut ast = Ast::default();
    let text = tokens("int f(int a) { return a + 1; }");
    parse_function(&NoNames, &text, &mut ast);
    let nodes = ast.exprs.len();
    ast.clear();
    parse_function(&NoNames, &text, &mut ast);
    assert_eq!(ast.exprs.len(), nodes);
    assert!(parse_expression(&NoNames, &tokens("a + 1"), &mut ast).is_some());
    assert!(parse_expression(&NoNames, &tokens("a + 1 b"), &mut ast).is_none());
}

/// Whatever stretch a text lacks, what was given up leaves nothing behind that points out of the tree.
#[test]
fn texts_that_lack_any_stretch_are_read() {
    let text = "int f(struct a *p, int c) { switch (c) { case w(1, 43, sizeof(struct a)): { int k[2] = { [0] = 1, }; \
                for (int i = 0; i < g(p, (int)c); i++) ({ h(p, k[i] ? k : 0); }); break; } case 1 ... 3: default: l: \
                do { p->next[c].x++; } while (c && (p = q(1, 2, (struct a){ .y = 1 }))); } return c ? 1 : 2; }";
    let whole = tokens(text);
    let mut ast = Ast::default();
    for from in 0..whole.len() {
        for to in from + 1..whole.len() {
            let lacking = [&whole[..from], &whole[to..]].concat();
            ast.clear();
            let function = parse_function(&Some1, &lacking, &mut ast);
            // Printing follows every id.
            let printed = function.body.map(|body| Printer(&ast).stmt(body));
            assert!(printed.is_some() || !ast.gaps.is_empty(), "no body and no reason: {from}..{to}");
        }
    }
    ast.clear();
    assert!(parse_function(&Some1, &whole, &mut ast).body.is_some() && ast.gaps.is_empty());
}
