//! Input made to break the front end: outlines, expansion and parsing end, and say what they gave up.

use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::ast::Ast;
use cuthere_cfront::expand::Part;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::parser::parse_function;
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::resolve::{FileNames, ordinary};
use cuthere_cfront::shapes::Shapes;
use std::fmt::Write;

/// What became of each function: its name, how many tokens, and the reasons why it is not complete.
fn read(files: &[(&str, &[u8])]) -> Vec<(String, usize, Vec<String>)> {
    let source = MemorySource::new(files.iter().map(|(p, t)| (*p, *t)));
    let program = Program::build(&source, Config::default(), Shapes::default());
    let mut out = Vec::new();
    for file in (0..program.files.len() as u32).map(FileId) {
        let text = program.text(file).expect("in memory");
        for (i, item) in program.outline(file).items.iter().enumerate() {
            let at = ItemRef { file, item: i as u32 };
            if item.kind != ItemKind::Function {
                ordinary(&program, file, item.name);
                continue;
            }
            let (mut tokens, mut ast) = (Vec::new(), Ast::default());
            let failed = program.tokens(at, Part::Whole, &text, &mut tokens);
            let names = FileNames::new(&program, file);
            parse_function(&names, &tokens, &mut ast);
            let reasons = failed.err().into_iter().chain(ast.gaps.iter().map(|g| g.reason.clone())).collect();
            out.push((item.name.as_str().to_owned(), tokens.len(), reasons));
        }
    }
    out
}

fn with_body(macros: &str, body: &str) -> String {
    format!("{macros}\nint f(int x)\n{{\n\t{body}\n\treturn x;\n}}\nint g(int x)\n{{\n\treturn x;\n}}\n")
}

/// `f` is given up, `g` is whole.
fn only_f_gives_up(text: &str) {
    let got = read(&[("a.c", text.as_bytes())]);
    assert_eq!(got.len(), 2);
    assert!(!got[0].2.is_empty(), "{}: {} tokens and no reason", got[0].0, got[0].1);
    assert!(got[0].1 < 2_100_000);
    assert_eq!((got[1].0.as_str(), got[1].2.len()), ("g", 0));
}

#[test]
fn object_like_bombs_are_given_up() {
    let mut macros = "#define L0 x + x +\n".to_owned();
    for i in 1..60 {
        let _ = writeln!(macros, "#define L{i} L{} L{}", i - 1, i - 1);
    }
    only_f_gives_up(&with_body(&macros, "x = L59 1;"));
}

#[test]
fn function_like_bombs_are_given_up() {
    let mut macros = "#define M0(a) a, a\n".to_owned();
    for i in 1..60 {
        let _ = writeln!(macros, "#define M{i}(a) M{}(a a) M{}(a)", i - 1, i - 1);
    }
    only_f_gives_up(&with_body(&macros, "x = M59(x);"));
    // Arguments that double in each other.
    let nested = format!("{}x{}", "D(".repeat(60), ")".repeat(60));
    only_f_gives_up(&with_body("#define D(a) a a", &format!("x = {nested};")));
    // Arguments that nest deeper than expansion follows.
    let nested = format!("{}x{}", "I(".repeat(5000), ")".repeat(5000));
    only_f_gives_up(&with_body("#define I(a) a", &format!("x = {nested};")));
}

#[test]
fn strings_and_pastes_that_double_are_given_up_or_bounded() {
    let mut macros = "#define S0(a) #a #a\n#define P0(a) a##a\n".to_owned();
    for i in 1..40 {
        let _ = writeln!(macros, "#define S{i}(a) S{}(#a #a)\n#define P{i}(a) P{}(a##a)", i - 1, i - 1);
    }
    for body in ["x = S39(a);", "x = P39(a);"] {
        let got = read(&[("a.c", with_body(&macros, body).as_bytes())]);
        assert_eq!((got.len(), got[1].2.len()), (2, 0), "{body}");
    }
}

#[test]
fn macros_that_name_each_other_end() {
    let macros = "#define A B\n#define B A\n#define F(x) G(x)\n#define G(x) F(x)\n#define H(x) H\n";
    let got = read(&[("a.c", with_body(macros, "x = A + B + F(F(G(1))) + H(1)(2)(3);").as_bytes())]);
    assert!(got.iter().all(|f| f.2.is_empty()), "{got:?}");
}

#[test]
fn deep_nesting_is_a_gap() {
    for (open, close) in [("(", ")"), ("{", "}"), ("[", "]"), ("-", ""), ("*", ""), ("if (x) ", ";"), ("x ? ", ""), ("sizeof ", "")] {
        let text = with_body("", &format!("x = {}x{};", open.repeat(100_000), close.repeat(100_000)));
        only_f_gives_up(&text);
    }
    let records = format!("{}int x;{}\nint g(int x)\n{{\n\treturn x;\n}}\n", "struct { ".repeat(50_000), "} a;".repeat(50_000));
    assert_eq!(read(&[("a.c", records.as_bytes())]).len(), 1);
    let conditionals = format!("{}{}int g(int x)\n{{\n\treturn x;\n}}\n", "#if 1\n".repeat(50_000), "#endif\n".repeat(50_000));
    assert_eq!(read(&[("a.c", conditionals.as_bytes())]).len(), 1);
}

#[test]
fn include_cycles_end() {
    let got = read(&[
        ("include/a.h", b"#include <b.h>\n#include <a.h>\n#define FROM_A 1\nstruct t *t;\n"),
        ("include/b.h", b"#include <a.h>\n#define FROM_B FROM_A\nstruct t { struct t t[FROM_B]; typeof(t) u; };\n"),
        ("x.c", b"#include <a.h>\n#include \"x.c\"\nint f(void)\n{\n\treturn FROM_B;\n}\n"),
    ]);
    assert_eq!(got.len(), 1);
    assert_eq!((got[0].1, got[0].2.len()), (11, 0), "{got:?}");
}

#[test]
fn one_endless_line_is_read() {
    let text = format!("int f(int x) {{ {} return x; }} int g(int x) {{ return x; }}", "x = x + 1; ".repeat(400_000));
    only_f_gives_up(&text);
    let text = with_body("", &format!("x = \"{}\"[0];", "y".repeat(5_000_000)));
    assert_eq!(read(&[("a.c", text.as_bytes())]).len(), 2);
}

#[test]
fn names_declared_without_number_are_cut() {
    let mut text = String::new();
    for i in 0..20_000 {
        let _ = write!(
            text,
            "typedef int t;\nstruct s {{ int a{i}; }};\n#undef A\n#define A {i}\nt f{i}(t x, struct s *p)\n{{\n\treturn x + A;\n}}\n"
        );
    }
    let source = MemorySource::new([("a.c", text.as_bytes())]);
    let program = Program::build(&source, Config::default(), Shapes::default());
    let notes: Vec<_> = program.outline(FileId(0)).notes.iter().map(|n| n.1.as_str()).collect();
    assert!(notes.iter().any(|n| n.starts_with("`t` is declared more than")) && notes.iter().any(|n| n.starts_with("`s` is")), "{notes:?}");
    let got = read(&[("a.c", text.as_bytes())]);
    assert_eq!(got.iter().filter(|f| f.2.is_empty()).count(), 20_000);
}

#[test]
fn random_bytes_and_files_cut_anywhere_end() {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let pieces: &[&str] = &[
        "int f(int x)\n{\n",
        "}\n",
        "#define X(a) a\n",
        "#if X\n",
        "#else\n",
        "#endif\n",
        "struct s {",
        "};\n",
        "(",
        ")",
        "[",
        "]",
        "X(",
        "\"",
        "'",
        "/*",
        "*/",
        "//",
        "\\\n",
        "\n",
        " x ",
        "; ",
        "= 1",
        "#",
        "##",
        ",",
        "enum e { A = ",
        "typedef ",
        "case 1:",
        "static ",
        "\u{fffd}",
        "\0",
        "__attribute__((",
        "asm(",
        "@",
    ];
    for _ in 0..300 {
        let count = random() % 200;
        let mut text: Vec<u8> = (0..count).flat_map(|_| pieces[(random() % pieces.len() as u64) as usize].bytes()).collect();
        if random() % 2 == 0 {
            text.extend((0..random() % 300).map(|_| random() as u8));
        }
        text.truncate((random() % (text.len() as u64 + 1)) as usize);
        read(&[("a.c", &text), ("b.h", &text)]);
    }
}
