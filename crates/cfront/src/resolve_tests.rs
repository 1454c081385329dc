//! Names, types, layouts and constants over little programs of our own.

use crate::ast::{Ast, Space, TagKind};
use crate::consteval;
use crate::layout;
use crate::parser::{self, parse_expression};
use crate::program::{Config, Program};
use crate::resolve::{self, FileNames, Ordinary, find_field, ordinary, record_for_tag};
use crate::shapes::{KnownType, Shapes};
use crate::token::Token;
use crate::types::{Ty, TyKind};
use crate::typing::Typer;
use cuthere_base::{FileId, MemorySource, Source, Symbol};

fn symbol(name: &str) -> Symbol {
    Symbol::intern(name)
}

/// Runs over a program of these files; the file asked is `a.c`.
fn with(files: &[(&str, &str)], f: impl FnOnce(&Program<'_>, FileId)) {
    let source = MemorySource::new(files.iter().map(|&(path, text)| (path, text)));
    let mut shapes = Shapes::default();
    shapes.types.insert(symbol("model_t"), KnownType::Int { size: 2, signed: false });
    shapes.types.insert(symbol("model_struct"), KnownType::Struct);
    shapes.constants.insert(symbol("MODEL"), 7);
    for (name, text) in [("WRAPPED", "(x) (MODEL + x)"), ("OWN", "(x) 0")] {
        shapes.macros.insert(symbol(name), std::sync::Arc::new(crate::macros::MacroBody::of_text(symbol(name), text)));
    }
    let program = Program::build(&source, Config::default(), shapes);
    let file = source.find("a.c").expect("a.c");
    f(&program, file);
}

fn type_of(program: &Program<'_>, file: FileId, name: &str) -> Ty {
    match ordinary(program, file, symbol(name)) {
        Some(Ordinary::Variable { ty, .. } | Ordinary::Function { ty, .. } | Ordinary::Typedef(ty)) => ty,
        other => panic!("{name}: {other:?}"),
    }
}

fn described(program: &Program<'_>, file: FileId, name: &str) -> String {
    program.types.describe(type_of(program, file, name))
}

fn evaluated(program: &Program<'_>, file: FileId, text: &str) -> Option<i64> {
    let names = FileNames::new(program, file);
    let mut tokens: Vec<Token> = Vec::new();
    let bytes = crate::program::FileText::new(std::sync::Arc::from(text.as_bytes()));
    program.snippet_tokens(file, &bytes, &mut tokens).expect("tokens");
    let mut ast = Ast::default();
    let expr = parse_expression(&names, &tokens, &mut ast).unwrap_or_else(|| panic!("{text}: {:?}", ast.gaps));
    let mut typer = Typer::new(program, file, &ast);
    consteval::eval(&mut typer, expr).map(|c| c.value)
}

#[test]
fn macros_without_a_header() {
    let text = "#define OWN(x) (x)\nstatic int a[WRAPPED(1)];\n";
    with(&[("a.c", text)], |p, f| {
        assert_eq!(evaluated(p, f, "WRAPPED(WRAPPED(2))"), Some(16));
        assert_eq!(evaluated(p, f, "OWN(3)"), Some(3));
        assert_eq!(described(p, f, "a"), "int[8]");
    });
}

#[test]
fn variables_functions_and_typedefs() {
    let text = "typedef unsigned int u32; struct dev { u32 id; struct dev *next; };\n\
                static struct dev *head; u32 table[] = { 1, 2, 3 }; static u32 grid[2][sizeof(u32)];\n\
                int probe(struct dev *d, u32 a[4], ...) __attribute__((noreturn));\n\
                typedef int (*handler)(struct dev *); handler all[4]; model_t m; struct nowhere *n; model_struct *s;\n\
                char __user *from; missing_t what;";
    with(&[("a.c", text)], |p, f| {
        assert_eq!(described(p, f, "head"), "struct dev *");
        assert_eq!(described(p, f, "table"), "unsigned int [3]".replace(" [", "[").as_str());
        assert_eq!(described(p, f, "grid"), "unsigned int[2][4]");
        assert_eq!(described(p, f, "probe"), "int (struct dev *, unsigned int *, ...)");
        assert_eq!(described(p, f, "all"), "int (*[4])(struct dev *)");
        assert_eq!(described(p, f, "m"), "unsigned short");
        assert_eq!(described(p, f, "n"), "struct nowhere *");
        assert_eq!(described(p, f, "s"), "struct model_struct *");
        assert_eq!(described(p, f, "from"), "char __user *");
        assert_eq!(type_of(p, f, "what"), Ty::UNKNOWN);
        assert!(matches!(ordinary(p, f, symbol("probe")), Some(Ordinary::Function { noreturn: true, .. })));
        assert_eq!(ordinary(p, f, symbol("MODEL")), Some(Ordinary::Enumerator(7)));
        assert_eq!(ordinary(p, f, symbol("nobody")), None);
    });
}

#[test]
fn enumerators_after_an_include_are_not_counted() {
    let text = "enum parts {\n\tFIRST = 3,\n\tSECOND,\n#define PART(x) x##_part,\n#include \"parts.h\"\n\tPARTS,\n};\nenum plain { ONE = 1, TWO };\n";
    with(&[("a.c", text), ("parts.h", "PART(left)\nPART(right)\n")], |p, f| {
        assert_eq!(ordinary(p, f, symbol("SECOND")), Some(Ordinary::Enumerator(4)));
        assert_eq!(ordinary(p, f, symbol("PARTS")), None);
        assert_eq!(ordinary(p, f, symbol("TWO")), Some(Ordinary::Enumerator(2)));
    });
}

#[test]
fn two_files_structures_of_one_name_are_two_records() {
    let files = [
        ("a.c", "#include \"h.h\"\nstruct priv { int a; }; struct priv *mine; struct shared *one;"),
        ("b.c", "#include \"h.h\"\nstruct priv { long b; }; struct priv *theirs; struct shared *two;"),
        ("h.h", "struct shared { struct later *l; int x; };"),
    ];
    with(&files, |p, a| {
        let b = p.source.find("b.c").expect("b.c");
        assert_ne!(type_of(p, a, "mine"), type_of(p, b, "theirs"));
        assert_eq!(type_of(p, a, "one"), type_of(p, b, "two"));
        let mine = record_for_tag(p, a, TagKind::Struct, symbol("priv"));
        assert_eq!(resolve::record(p, mine).fields[0].name, symbol("a"));
        let shared = record_for_tag(p, a, TagKind::Struct, symbol("shared"));
        assert_eq!(p.types.describe(resolve::record(p, shared).fields[0].ty), "struct later *");
        let later = record_for_tag(p, a, TagKind::Struct, symbol("later"));
        assert!(!resolve::record(p, later).complete);
        assert_eq!(layout::size_of(p, p.types.record_type(later)), None);
    });
}

#[test]
fn what_a_macro_declares_here_is_nearer_than_a_name_elsewhere() {
    let own = "#define COUNTER(n) int n\nstatic COUNTER(all);\nint f(void) { return all; }";
    let other = "struct { long x; } all;";
    with(&[("a.c", own), ("b.c", other)], |p, f| assert_eq!(described(p, f, "all"), "int"));
}

#[test]
fn macros_declare_variables() {
    let text = "#define DEFINE_THING(type, name) struct hidden_##name; type name = 0\nstatic DEFINE_THING(long, counter);\n\
                #define DEFINE_KIND(n) typedef struct n { int v; } n##_t;\nDEFINE_KIND(some)\nsome_t value;";
    with(&[("a.c", text)], |p, f| {
        assert_eq!(described(p, f, "counter"), "long");
        assert_eq!(described(p, f, "some_t"), "struct some");
    });
}

#[test]
fn members_of_anonymous_members_belong_to_the_named_record() {
    let text = "struct o { int a; union { struct { char b; int c; }; long d; }; struct { int e; } named; struct o *self; int f : 3; };\n\
                typedef struct { int x; } plain; plain p;";
    with(&[("a.c", text)], |p, f| {
        let o = record_for_tag(p, f, TagKind::Struct, symbol("o"));
        let c = find_field(p, o, symbol("c")).expect("c");
        assert_eq!((c.record, c.path.len()), (o, 3));
        assert_eq!(layout::field_offset(p, o, symbol("c")), Some(12));
        assert_eq!(layout::field_offset(p, o, symbol("d")), Some(8));
        assert!(find_field(p, o, symbol("e")).is_none());
        assert_eq!(find_field(p, o, symbol("f")).expect("f").bits, Some(3));
        assert_eq!(p.types.describe(find_field(p, o, symbol("self")).expect("self").ty), "struct o *");
        assert_eq!(described(p, f, "p"), "struct plain");
    });
}

#[test]
fn layouts_are_gccs() {
    let text = "struct a { char c; long l; short s; }; struct b { char c; int x : 3; int y : 30; char z; };\n\
                struct p { char c; long l; } __attribute__((packed)); union u { char c[5]; int i; };\n\
                struct al { char c; int x __attribute__((aligned(16))); }; struct fl { int n; char data[]; };\n\
                struct e { }; struct n { struct a a; struct e e; char last; }; struct bf { unsigned long a : 40; unsigned long b : 30; };\n\
                struct z { char a : 4; int : 0; char b; }; struct inf { struct inf x; };";
    with(&[("a.c", text)], |p, f| {
        let size = |tag: &str, kind| layout::layout(p, record_for_tag(p, f, kind, symbol(tag))).map(|l| (l.size, l.align));
        let st = |tag| size(tag, TagKind::Struct);
        assert_eq!(st("a"), Some((24, 8)));
        assert_eq!(st("b"), Some((12, 4)));
        assert_eq!(st("p"), Some((9, 1)));
        assert_eq!(size("u", TagKind::Union), Some((8, 4)));
        assert_eq!(st("al"), Some((32, 16)));
        assert_eq!(st("fl"), Some((4, 4)));
        assert_eq!(st("e"), Some((0, 1)));
        assert_eq!(st("n"), Some((32, 8)));
        assert_eq!(st("bf"), Some((16, 8)));
        assert_eq!(st("z"), Some((5, 1)));
        assert_eq!(st("inf"), None);
    });
}

#[test]
fn constants_have_cs_widths() {
    let text = "enum { A, B = 5, C, D = B | 8, E = -1 }; typedef unsigned char u8; typedef unsigned long ulong; struct s { int a; int b[4]; struct { char x; } in[2]; };\n\
                int array[C + 1]; typedef struct s s_t;";
    with(&[("a.c", text)], |p, f| {
        let eval = |text: &str| evaluated(p, f, text);
        assert_eq!(eval("A + C"), Some(6));
        assert_eq!(eval("D"), Some(13));
        assert_eq!(eval("E < 0"), Some(1));
        assert_eq!(eval("-1 < 1u"), Some(0));
        assert_eq!(eval("(u8)300"), Some(44));
        assert_eq!(eval("~0u >> 28"), Some(15));
        assert_eq!(eval("1 << 31"), Some(-2147483648));
        assert_eq!(eval("1ul << 40"), Some(1 << 40));
        assert_eq!(eval("1 << 40"), None);
        assert_eq!(eval("1 / 0"), None);
        assert_eq!(eval("sizeof(array) / sizeof(array[0])"), Some(7));
        assert_eq!(eval("sizeof(struct s)"), Some(24));
        assert_eq!(eval("sizeof(s_t *)"), Some(8));
        assert_eq!(eval("__builtin_offsetof(struct s, b[2])"), Some(12));
        assert_eq!(eval("__builtin_offsetof(struct s, in[1].x)"), Some(21));
        assert_eq!(eval("(ulong)&((struct s *)0)->b"), Some(4));
        assert_eq!(eval("0 ? 1 / 0 : 3"), Some(3));
        assert_eq!(eval("__builtin_constant_p(array[0]) ? 1 : 2"), Some(2));
        assert_eq!(eval("__builtin_choose_expr(sizeof(int) == 4, 10, 20)"), Some(10));
        assert_eq!(eval("__builtin_types_compatible_p(typeof(array[0]), int)"), Some(1));
        assert_eq!(eval("_Generic((u8)1, int: 1, unsigned char: 2, default: 3)"), Some(2));
        assert_eq!(eval("sizeof(({ int z[3]; z[0]; }))"), Some(4));
        assert_eq!(eval("'a' + 1"), Some(98));
        assert_eq!(eval("MODEL"), Some(7));
        assert_eq!(eval("array[0]"), None);
        assert_eq!(eval("nobody"), None);
    });
}

#[test]
fn expressions_have_types() {
    let text = "struct s { struct s *next; const char *name; int (*op)(struct s *, int); unsigned char bytes[8]; };\n\
                static struct s *list; struct s *get(int); int counter; char __user *buf;";
    with(&[("a.c", text)], |p, f| {
        let ty = |text: &str| {
            let names = FileNames::new(p, f);
            let mut tokens = Vec::new();
            p.snippet_tokens(f, &crate::program::FileText::new(std::sync::Arc::from(text.as_bytes())), &mut tokens).expect("tokens");
            let mut ast = Ast::default();
            let e = parse_expression(&names, &tokens, &mut ast).expect("an expression");
            let mut typer = Typer::new(p, f, &ast);
            typer.declare(symbol("local"), p.types.int(2, false));
            let ty = typer.expr_type(e);
            p.types.describe(ty)
        };
        assert_eq!(ty("list->next->name"), "char *");
        assert_eq!(ty("get(1)->op(list, 2)"), "int");
        assert_eq!(ty("*get(1)"), "struct s");
        assert_eq!(ty("&list->next"), "struct s **");
        assert_eq!(ty("list->bytes[1] + 1"), "int");
        assert_eq!(ty("local"), "unsigned short");
        assert_eq!(ty("local + 1ul"), "unsigned long");
        assert_eq!(ty("list - list"), "long");
        assert_eq!(ty("counter ? list : (void *)0"), "struct s *");
        assert_eq!(ty("({ typeof(list) x = list; x->next; })"), "struct s *");
        assert_eq!(ty("({ __auto_type x = list; x; })"), "struct s *");
        assert_eq!(ty("(*list->op)"), "int (struct s *, int)");
        assert_eq!(ty("buf + 1"), "char __user *");
        assert_eq!(ty("unknown->x"), "?");
    });
    assert_ne!(Space::User, Space::Kernel);
}

#[test]
fn types_of_a_body_know_its_own_tags() {
    let text =
        "struct s { int a; };\nint f(void) { struct s { long b; } x; typedef struct s mine; mine y; enum { Q = 3 }; char z[Q]; return 0; }";
    with(&[("a.c", text)], |p, f| {
        let item = p.functions(f).first().copied().expect("a function");
        let at = crate::outline::ItemRef { file: f, item };
        let bytes = p.text(f).expect("text");
        let mut tokens = Vec::new();
        p.tokens(at, crate::expand::Part::Whole, &bytes, &mut tokens).expect("tokens");
        let mut ast = Ast::default();
        parser::parse_function(&FileNames::new(p, f), &tokens, &mut ast);
        assert!(ast.gaps.is_empty(), "{:?}", ast.gaps);
        let mut typer = Typer::new(p, f, &ast);
        let mut sizes = Vec::new();
        for decl in &ast.decls {
            let ty = typer.declared_type(decl);
            if decl.storage.is_typedef {
                resolve::ExprTyper::memo(&mut typer).typedefs.insert(decl.name, ty);
            }
            if matches!(decl.name.as_str(), "x" | "y" | "z") {
                sizes.push(layout::size_of(p, ty));
            }
        }
        assert_eq!(sizes, [Some(8), Some(8), Some(3)]);
        assert!(matches!(p.types.kind(Ty::UNKNOWN), TyKind::Unknown));
    });
}

/// Were each mention followed anew, this would take longer than anyone can wait.
#[test]
fn definitions_that_need_themselves_end() {
    let mut text = "typedef struct { char a[sizeof(t)]; char b[sizeof(t)]; char c[sizeof(t)]; } t; t value;\n\
                    struct w { struct w a, b, c; }; struct m { struct n a, b, c; }; struct n { struct m a, b, c; };\n\
                    extern typeof(y) x; extern typeof(x) y; enum { E = E + E, F = G, G = F };\n"
        .to_owned();
    for i in 0..60 {
        text += &format!("DEFINE_SELF({i}, unknown_{i});\n");
    }
    with(&[("a.c", &text)], |p, f| {
        let _ = type_of(p, f, "value");
        for tag in ["w", "m", "n"] {
            assert_eq!(layout::layout(p, record_for_tag(p, f, TagKind::Struct, symbol(tag))), None);
        }
        assert_eq!(type_of(p, f, "x"), Ty::UNKNOWN);
        assert_eq!(ordinary(p, f, symbol("F")), None);
        assert_eq!(ordinary(p, f, symbol("unknown_3_not")), None);
    });
}

#[test]
fn headers_of_a_library_beside_the_program() {
    let fatal = "__attribute__((noreturn)) void fatal(const char *text);\n";
    let source = MemorySource::new([
        ("lib/fatal.h", fatal),
        ("lib/two.h", "int two;\n"),
        ("tests/two.h", "int two;\n"),
        ("programs/a.c", "#include \"fatal.h\"\n#include \"two.h\"\n#include <other.h>\n"),
        ("lib/other.h", "int other;\n"),
    ]);
    let program = Program::build(&source, Config::default(), Shapes::default());
    let file = source.find("programs/a.c").expect("it is there");
    let found = |name: &str| ordinary(&program, file, symbol(name));
    assert!(matches!(found("fatal"), Some(Ordinary::Function { noreturn: true, .. })));
    // Which of two is meant the build knows, and what stands in angles is the system's.
    let seen: Vec<&str> = program.includes(file).iter().map(|f| source.path(*f)).collect();
    assert_eq!(seen, ["lib/fatal.h"]);
}
