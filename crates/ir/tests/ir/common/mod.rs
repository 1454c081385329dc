//! Lowers miniature C files and prints the result.

use cuthere_base::{FileId, MemorySource, Symbol};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::shapes::{Shape, Shapes};
use cuthere_ir::dump::{DumpOptions, dump};
use cuthere_ir::tables::LowerTables;
use cuthere_ir::{BodyReader, Func, GlobalInit, LowerCx};

/// The names that the kernel model would leave unexpanded.
pub fn shapes() -> Shapes {
    let mut shapes = Shapes::default();
    let names = [
        ("list_for_each_entry", Shape::Loop),
        ("guard", Shape::Guard),
        ("scoped_guard", Shape::Scope),
        ("scoped_cond_guard", Shape::Scope),
        ("__free", Shape::Cleanup),
        ("CLASS", Shape::ClassDecl),
        ("LIST_HEAD", Shape::Decl),
        ("wait_event", Shape::Call),
        ("wait_event_interruptible", Shape::Call),
        ("WARN_ON", Shape::Call),
        ("BUG", Shape::Call),
        ("READ_ONCE", Shape::Call),
        ("WRITE_ONCE", Shape::Call),
        ("rcu_dereference", Shape::Call),
        ("rcu_assign_pointer", Shape::Call),
        ("container_of", Shape::Call),
        ("no_free_ptr", Shape::Call),
        ("return_ptr", Shape::Call),
        ("kzalloc", Shape::Call),
    ];
    for (name, shape) in names {
        shapes.names.insert(Symbol::intern(name), shape);
    }
    shapes
}

/// Runs `f` with the program of one file `a.c` and its lowering context.
pub fn with<T>(text: &str, f: impl FnOnce(&Program<'_>, &mut BodyReader<'_>) -> T) -> T {
    let source = MemorySource::new([("a.c", text)]);
    let program = Program::build(&source, Config::default(), shapes());
    let tables = LowerTables::customary();
    let bug = Symbol::intern("BUG");
    let noreturn = |name| name == bug;
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &noreturn };
    let mut reader = BodyReader::new(cx);
    f(&program, &mut reader)
}

/// All functions of the file as text.
pub fn functions(text: &str) -> String {
    with(text, |program, reader| {
        let mut out = String::new();
        for &index in program.functions(FileId(0)) {
            let func = reader.function(ItemRef { file: FileId(0), item: index });
            check(&func);
            out.push_str(&text_of(program, &func));
        }
        out
    })
}

pub fn text_of(program: &Program<'_>, func: &Func) -> String {
    let name = |ty| program.types.describe(ty);
    dump(func, &DumpOptions { annotate: None, type_name: Some(&name) })
}

/// All variables of the file, and functions made by macros.
pub fn globals(text: &str) -> (Vec<GlobalInit>, Vec<Func>) {
    with(text, |program, reader| {
        let (mut globals, mut functions) = (Vec::new(), Vec::new());
        for (index, item) in program.outline(FileId(0)).items.iter().enumerate() {
            if matches!(item.kind, ItemKind::Variable | ItemKind::MacroUse) {
                let made = reader.item(ItemRef { file: FileId(0), item: index as u32 });
                globals.extend(made.globals);
                functions.extend(made.functions);
            }
        }
        (globals, functions)
    })
}

/// The promises of `func.rs` that hold for every function.
pub fn check(f: &Func) {
    let count = f.blocks.len() as u32;
    for (index, expr) in f.exprs.iter().enumerate() {
        use cuthere_ir::ExprKind as E;
        let operands: Vec<_> = match expr.kind {
            E::Deref(e) | E::Load(e) | E::Addr(e) | E::Unary(_, e) | E::Cast(e) => vec![e],
            E::Field { base, .. } => vec![base],
            E::Index { base, index } => vec![base, index],
            E::Binary(_, l, r) => vec![l, r],
            E::Select(c, t, f) => vec![c, t, f],
            E::ContainerOf { ptr, .. } => vec![ptr],
            _ => vec![],
        };
        assert!(operands.iter().all(|o| o.index() < index), "{}: operand after its user", f.name);
    }
    let mut end = 0;
    for block in &f.blocks {
        assert_eq!(block.ops.0, end, "{}: operations are contiguous", f.name);
        end = block.ops.1;
        use cuthere_ir::Term;
        let targets = match &block.term {
            Term::Goto(b) => vec![*b],
            Term::Branch { then, els, .. } => vec![*then, *els],
            Term::LoopBranch { body, exit, .. } => vec![*body, *exit],
            Term::Switch { cases, default, .. } => cases.iter().map(|c| c.2).chain([*default]).collect(),
            Term::Any(targets) => targets.to_vec(),
            Term::Return(_) | Term::Unreachable => vec![],
        };
        assert!(targets.iter().all(|t| t.0 < count), "{}: target out of range", f.name);
    }
    assert_eq!(end as usize, f.ops.len());
}
