//! Texts that are nearly C, changed at random: reading and lowering them ends, keeps the promises of `func.rs`, and never panics.

use crate::common;
use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_ir::tables::LowerTables;
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;

const SEEDS: &[&str] = &[
    "#ifndef CONFIG_A\nint f(void)\n{\n\treturn 0;\n}\n#endif\n",
    "#if defined(A) && B > 1\nint a;\n#elif IS_ENABLED(CONFIG_C)\nint b;\n#else\nint c;\n#endif\n",
    "int f(int a)\n{\n\tint b = g(a) __acquire(a);\n\treturn b;\n}\n",
    "void f(void) __acquires(l)\n{\n\tk();\n\t__release(l);\n}\n",
    "int d(void) __acquires(l);\nint x = 1, *y = &x, z[2] = { 1, 2 };\n",
    "int f(p, q)\n\tint p;\n\tchar *q;\n{\n\treturn p + *q;\n}\n",
    "struct s { int a; union { int b; struct s *n; }; int c:3; } __packed;\nint f(struct s *p)\n{\n\treturn p->n->b;\n}\n",
    "union { union { int a; } b; struct { int c; } d; } u;\nenum e { A, B = A + 1 };\ntypedef int (*fn)(struct s *, ...);\n",
    "static const struct ops o = { .a = f, .b[1 ... 2] = { 1 }, .c.d = &u };\n",
    "int f(int x)\n{\n\tswitch (x) {\n\tcase 1 ... 3:\n\t\tbreak;\n\tdefault:\n\t\tgoto out;\n\t}\nout:\n\treturn ({ int y = x; y; });\n}\n",
    "void f(int x)\n{\n\tfor (int i = 0; i < x; i++)\n\t\tif (i) continue; else break;\n\tdo { x--; } while (x);\n\twhile (x) ;\n}\n",
    "void f(struct l *h)\n{\n\tlist_for_each_entry(p, h, n) { guard(mutex)(&p->m); scoped_guard(spinlock, &l) g(p); }\n}\n",
    "int f(void)\n{\n\tstatic void *t[] = { &&a, &&b };\n\tstruct s *p __free(kfree) = g();\n\tgoto *t[1];\na:\tb: return __builtin_offsetof(struct s, a);\n}\n",
    "#define M(a, ...) do { a##1; g(#a, ##__VA_ARGS__); } while (0)\nvoid f(void)\n{\n\tM(x, 1);\n\tasm volatile(\"\" : \"=r\"(x) : [y] \"r\"(1) : \"memory\");\n}\n",
    "SYSCALL_DEFINE2(open, int, a, char *, b)\n{\n\treturn a ? *b : (char)(long)sizeof(int[a]);\n}\nEXPORT_SYMBOL(f);\nmodule_init(f);\n",
    "int f(void)\n{\n\twait_event(q, ({ x; }));\n\tBUG_ON(WARN_ON(!p));\n\treturn container_of(p, struct s, m)->a;\n}\nDEFINE_MUTEX(m);\n",
];

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{{",
    ";",
    ",",
    ":",
    "=",
    "*",
    "&",
    "&&",
    "->",
    ".",
    "...",
    "?",
    "#",
    "##",
    "\\\n",
    "\n",
    "/*",
    "*/",
    "//",
    "\"",
    "'",
    "0",
    "1",
    "x",
    "f",
    "k()",
    "int",
    "struct",
    "union",
    "enum",
    "static",
    "typedef",
    "typeof",
    "__attribute__((",
    "__auto_type",
    "sizeof",
    "if",
    "else",
    "while",
    "do",
    "for",
    "switch",
    "case",
    "default",
    "goto",
    "return",
    "break",
    "asm",
    "__acquire(",
    "__acquires",
    "__must_hold(l)",
    "__free(kfree)",
    "guard",
    "scoped_guard",
    "list_for_each_entry",
    "wait_event",
    "EXPORT_SYMBOL(f)",
    "\n#if X\n",
    "\n#ifndef CONFIG_A\n",
    "\n#else\n",
    "\n#endif\n",
    "\n#define ",
    "\n#include \"a.c\"\n",
    "\n}\n",
    "\r\n",
    "\0",
];

/// Reads everything that a file declares.
fn read(bytes: &[u8]) {
    let source = MemorySource::new([("a.c", bytes)]);
    let shapes = Model::builtin().shapes();
    let program = Program::build(&source, Config::default(), shapes);
    let tables = LowerTables::customary();
    let noreturn = |_| false;
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &noreturn };
    let mut reader = BodyReader::new(cx);
    for (index, item) in program.outline(FileId(0)).items.iter().enumerate() {
        let item_ref = ItemRef { file: FileId(0), item: index as u32 };
        match item.kind {
            ItemKind::Function => {
                let func = reader.function(item_ref);
                common::check(&func);
                common::text_of(&program, &func);
            }
            ItemKind::Variable | ItemKind::MacroUse => {
                reader.item(item_ref).functions.iter().for_each(common::check);
            }
            _ => {}
        }
    }
}

#[test]
fn changed_texts_are_read() {
    cuthere_mutate::survive(SEEDS, PIECES, 20_000, read);
}
