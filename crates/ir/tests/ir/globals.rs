//! Initialisers at file level and macros that define things there.

use crate::common::{check, globals};
use cuthere_base::Symbol;
use cuthere_ir::{ConstValue, PathStep};

fn sym(name: &str) -> Symbol {
    Symbol::intern(name)
}

#[test]
fn operations_tables_name_their_slots() {
    let (globals, _) = globals(
        "struct ops { int (*open)(int); int (*close)(int); };\n\
         struct driver { const char *name; struct ops ops; const struct ops *more; int flags; };\n\
         static int my_open(int x) { return x; }\n\
         static int my_close(int x) { return x; }\n\
         static const struct ops table = { .open = my_open, my_close };\n\
         struct driver driver = { .name = \"mine\", .ops = { .open = &my_open }, .ops.close = my_close, .more = &table, .flags = 1 << 3 };\n",
    );
    assert_eq!(globals.len(), 2);
    let table = &globals[0];
    assert_eq!((table.name, table.is_static, table.initialised), (sym("table"), true, true));
    let values: Vec<_> = table.entries.iter().map(|e| (e.slot().map(|s| s.1), e.value.clone())).collect();
    assert_eq!(
        values,
        [(Some(sym("open")), ConstValue::Function(sym("my_open"))), (Some(sym("close")), ConstValue::Function(sym("my_close")))]
    );
    let driver = &globals[1];
    let slots: Vec<_> = driver.entries.iter().map(|e| e.slot().map_or("", |s| s.1.as_str())).collect();
    assert_eq!(slots, ["name", "open", "close", "more", "flags"]);
    // The same record in both: the one that declares the member.
    assert_eq!(driver.entries[1].slot(), table.entries[0].slot());
    assert_eq!(driver.entries[3].value, ConstValue::Address { symbol: sym("table"), path: Box::default() });
    assert_eq!(driver.entries[4].value, ConstValue::Int(8));
}

#[test]
fn arrays_of_structures_with_and_without_braces() {
    let (globals, _) = globals(
        "struct cmd { int id; int (*run)(int); };\n\
         static int one(int x) { return x; }\n\
         static int two(int x) { return x; }\n\
         static struct cmd flat[] = { 1, one, 2, two };\n\
         static struct cmd nested[8] = { { 1, one }, [3] = { .run = two }, [5 ... 6] = { 7 } };\n",
    );
    let runs = |index: usize| {
        let entries = &globals[index].entries;
        entries.iter().filter(|e| matches!(e.value, ConstValue::Function(_))).map(|e| (e.path[0], e.value.clone())).collect::<Vec<_>>()
    };
    let at = |n| PathStep::Index { lo: n, hi: n };
    let expected = |second| vec![(at(0), ConstValue::Function(sym("one"))), (at(second), ConstValue::Function(sym("two")))];
    assert_eq!(runs(0), expected(1));
    assert_eq!(runs(1), expected(3));
    assert_eq!(globals[1].entries.last().map(|e| e.path[0]), Some(PathStep::Index { lo: 5, hi: 6 }));
}

#[test]
fn compound_literals_keep_their_entries() {
    let (globals, _) = globals(
        "struct ops { int (*run)(int); };\n\
         struct clk { const struct ops *ops; const char *const *names; };\n\
         static int run(int x) { return x; }\n\
         struct clk clk = { .ops = &(const struct ops){ .run = run }, .names = (const char *[]){ \"a\", \"b\" } };\n",
    );
    let ConstValue::Compound { entries, .. } = &globals[0].entries[0].value else { panic!("{:?}", globals[0].entries[0]) };
    assert_eq!(entries[0].value, ConstValue::Function(sym("run")));
    let ConstValue::Compound { entries, .. } = &globals[0].entries[1].value else { panic!("{:?}", globals[0].entries[1]) };
    assert_eq!(entries[1].value, ConstValue::Str(sym("b")));
}

#[test]
fn macros_at_file_level_define_variables_and_functions() {
    let (globals, functions) = globals(
        "struct driver { int (*probe)(void); };\n\
         int driver_register(struct driver *d);\n\
         #define DEFINE_DRIVER(n, p) static struct driver n = { .probe = p }\n\
         #define module_driver(n) static int n##_init(void) { return driver_register(&n); } static int (*n##_entry)(void) = n##_init\n\
         static int probe(void) { return 0; }\n\
         DEFINE_DRIVER(mine, probe);\n\
         module_driver(mine);\n",
    );
    let names: Vec<_> = globals.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["mine", "mine_entry"]);
    assert_eq!(globals[0].entries[0].value, ConstValue::Function(sym("probe")));
    assert_eq!(globals[1].entries[0].value, ConstValue::Function(sym("mine_init")));
    assert_eq!(functions.len(), 1);
    check(&functions[0]);
    assert_eq!(functions[0].name, sym("mine_init"));
    assert!(functions[0].is_static && functions[0].is_complete());
}
