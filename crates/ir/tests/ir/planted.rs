//! What is not C, planted anywhere in a body, makes exactly that function incomplete.

use crate::common;
use cuthere_base::{MemorySource, Symbol};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_ir::tables::LowerTables;
use cuthere_ir::{BodyReader, LowerCx};

/// None of these is a statement or the beginning of one, whatever its names mean.
const PLANTED: &[&str] = &[
    "@@",
    "@@;",
    "foo bar baz;",
    "int = 5;",
    "if while",
    ") (",
    "x = = 3;",
    "case 7:",
    "default:",
    "fn main() -> u32 { }",
    "x <- y -> ;",
    "let x = 5;",
    "let mut x: u32 = 5;",
    "def f(x): pass",
    "a b c d",
    "unless (x) { }",
    "@@@",
    "?? ;",
    "x := 3;",
    "\n#!bad\n",
    "\n#bad words\n",
    "`ls`;",
    "``",
    "x = `y`;",
    "for x in y { }",
    "x ** ;",
    "x === y;",
    "x = y z;",
    "return x y;",
    "elif (x) { }",
    "else { }",
    "goto;",
    "try { } catch (x) { }",
    "x = <y>;",
    "x[1;",
    "f(x;",
    "=> x;",
    "int x y;",
    "\\ x;",
    "break;",
];

/// Bodies in pieces: something can be planted between any two of them.
const BODIES: &[&[&str]] = &[
    &["", "x = f(x);", "return x;", ""],
    &["int i;\n\n", "for (i = 0; i < x; i++) {", "x += i;", "}", "if (x) {", "x--;", "}", "out:", "return x;"],
    &["do {", "x = x ? 1 : f(2);", "} while (x < 7);", "list_for_each_entry(p, &head, list) {", "p->n++;", "}", "return -1;"],
];

fn incomplete(text: &str) -> Vec<(&'static str, bool)> {
    let source = MemorySource::new([("a.c", text)]);
    let program = Program::build(&source, Config::default(), common::shapes());
    let tables = LowerTables::customary();
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &|_: Symbol| false };
    let mut reader = BodyReader::new(cx);
    let mut out = Vec::new();
    for file in 0..program.files.len() as u32 {
        let file = cuthere_base::FileId(file);
        for (i, item) in program.outline(file).items.iter().enumerate().filter(|(_, i)| i.kind == ItemKind::Function) {
            out.push((item.name.as_str(), !reader.function(ItemRef { file, item: i as u32 }).is_complete()));
        }
    }
    out
}

fn file(body: &str) -> String {
    format!(
        "struct s {{ int n; struct s *list; }};\nstatic struct s *p, head;\nint f(int x);\n\
         int before(int x)\n{{\n\treturn f(x) + 1;\n}}\n\
         int middle(int x)\n{{\n{body}\n}}\n\
         int after(int x)\n{{\n\tif (x)\n\t\treturn 2;\n\treturn before(x);\n}}\n"
    )
}

#[test]
fn bodies_are_complete_as_they_are() {
    for body in BODIES {
        let got = incomplete(&file(&body.join("\n")));
        assert_eq!(got, [("before", false), ("middle", false), ("after", false)], "{body:?}");
    }
}

#[test]
fn what_is_not_c_makes_exactly_its_function_incomplete() {
    let mut wrong = Vec::new();
    for body in BODIES {
        for at in 1..body.len() {
            for planted in PLANTED {
                // Inside a loop `break` is right.
                let open =
                    body[..at].iter().filter(|l| l.ends_with('{')).count() > body[..at].iter().filter(|l| l.starts_with('}')).count();
                // So is `else` after an `if`.
                let after_if = body[at - 1] == "}" && body[..at].iter().any(|l| l.starts_with("if"));
                if *planted == "break;" && open || planted.starts_with("else") && after_if {
                    continue;
                }
                let text = format!("{}\n{planted}\n{}", body[..at].join("\n"), body[at..].join("\n"));
                let got = incomplete(&file(&text));
                if got != [("before", false), ("middle", true), ("after", false)] {
                    wrong.push(format!("{planted:?} after {:?}: {got:?}", body[at - 1]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
