//! Outlines of miniatures.

use super::scan;
use crate::condition::Lookup;
use crate::config::Options;
use crate::outline::{FileOutline, ItemKind};
use crate::program::Config;
use crate::shapes::Shapes;
use cuthere_base::Symbol;

fn options() -> Options {
    Options::new(&Config::default(), "x86")
}

fn outline(text: &str) -> FileOutline {
    scan(text.as_bytes(), &options(), &Shapes::default(), &|_| Lookup::Unknown)
}

/// The items as `Kind name@line-end`, with `-` before inactive ones.
fn items(text: &str) -> Vec<String> {
    let outline = outline(text);
    let show =
        |i: &crate::outline::Item| format!("{}{:?} {}@{}-{}", if i.active { "" } else { "-" }, i.kind, i.name, i.loc.line, i.end_line);
    outline.items.iter().map(show).collect()
}

fn names(text: &str, kind: ItemKind) -> Vec<String> {
    outline(text).items.iter().filter(|i| i.kind == kind).map(|i| format!("{}{}", if i.active { "" } else { "-" }, i.name)).collect()
}

fn functions(text: &str) -> Vec<String> {
    names(text, ItemKind::Function)
}

#[test]
fn functions_of_all_shapes() {
    let text = r#"
int plain(void) { return 0; }
static inline struct pair *boxed(int a, struct pair *b)
{
	char c = '}'; /* } */ const char *s = "}\"}"; // }
	return b;
}
asmlinkage __visible void __sched noinline_for_stack decorated(void) __must_hold(x) { }
__printf(1, 2) int said(const char *f, ...) { return 0; }
ODD_MARK(1) static int after_mark(void) { return 0; }
int (*chooser(int a))(long) { return 0; }
static int old(a, b)
	int a;
	char (*b)(int);
{ return a; }
struct made { int x; } *maker(void) { return 0; }
implicit(void) { }
static __attribute__((noinline)) int attributed(void) { return 0; }
__u32 typed(void) { return 0; }
void named(void) asm("other");
int last(void) { return 0; }
"#;
    let expected =
        ["plain", "boxed", "decorated", "said", "after_mark", "chooser", "old", "maker", "implicit", "attributed", "typed", "last"];
    assert_eq!(functions(text), expected);
    let all = outline(text);
    let boxed = all.items.iter().find(|i| i.name.as_str() == "boxed").map(|i| (i.is_static, i.is_inline, i.loc.line, i.end_line));
    assert_eq!(boxed, Some((true, true, 3, 7)));
    let old = all.items.iter().find(|i| i.name.as_str() == "old").map(|i| &text[i.body_lo as usize..i.body_hi as usize]);
    assert_eq!(old, Some("{ return a; }"));
    assert_eq!(names(text, ItemKind::Record), ["made"]);
    assert_eq!(names(text, ItemKind::Prototype), ["named"]);
    assert!(all.notes.is_empty(), "{:?}", all.notes);
}

#[test]
fn functions_made_by_macros() {
    let text = "SYSCALL_DEFINE3(open, const char __user *, f, int, g, int, m)\n{\n}\nCOMPAT_SYSCALL_DEFINE1(gone, int, a) { }\n\
DEFINE_IDTENTRY_RAW(exc_odd)\n{\n}\nBPF_CALL_2(helper_x, int, a, int, b) { }\nPLAIN_MAKER(thing)\n{\n}\n\
int BPF_PROG(watch, struct q *p)\n{\n}\nstatic int FNAME(walk)(struct v *v)\n{\n}\nint HANDLER(int x) { }\nMY_IRQ_HANDLER(pulse)\n{\n}\n";
    let expected = ["sys_open", "compat_sys_gone", "exc_odd", "helper_x", "PLAIN_MAKER", "watch", "walk", "HANDLER", "pulse"];
    assert_eq!(functions(text), expected);
}

#[test]
fn other_declarations() {
    let text = r#"
struct outer { int a; struct inner { int b; } c; union { enum shade { DARK, LIGHT = 2 } s; } u; } first_var, *second_var;
typedef struct { int x; } pair_t, *pair_p;
typedef int (*handler_t)(int, void *);
typedef int action_t(int);
enum { ALONE = (1 << 3), NEXT, };
enum small : u8 { TINY };
int f(int), *g(void), plain_var;
extern struct device dev_table[], *dev_end;
static const struct ops my_ops = { .open = my_open, .data = &(struct x){ 1, 2 }, };
static int counter __read_mostly = 3, other;
extern char __bss_start[], __end;
static struct thing one __unknown_mark;
void (*hook)(int), (*hooks[3])(void);
struct forward;
DEFINE_MUTEX(my_lock);
static LIST_HEAD(my_list);
DEFINE_PER_CPU(int, my_count) = 5;
EXPORT_SYMBOL(f)
module_init(start)
static int tail_var;
asm(".globl x");
_Static_assert(1, "x");
struct packed_one { int a; } __packed;
static void declared(void) __attribute__((weak));
__be32 wire;
"#;
    let kind = |k| names(text, k);
    assert_eq!(kind(ItemKind::Record), ["outer", "inner", "packed_one"]);
    assert_eq!(kind(ItemKind::Enum), ["shade", "", "small"]);
    assert_eq!(kind(ItemKind::Enumerator), ["DARK", "LIGHT", "ALONE", "NEXT", "TINY"]);
    assert_eq!(kind(ItemKind::Typedef), ["pair_t", "pair_p", "handler_t", "action_t"]);
    assert_eq!(kind(ItemKind::Prototype), ["f", "g", "declared"]);
    let variables = [
        "first_var",
        "second_var",
        "plain_var",
        "dev_table",
        "dev_end",
        "my_ops",
        "counter",
        "other",
        "__bss_start",
        "__end",
        "one",
        "hook",
        "hooks",
        "tail_var",
        "wire",
    ];
    assert_eq!(kind(ItemKind::Variable), variables);
    assert_eq!(kind(ItemKind::MacroUse), ["DEFINE_MUTEX", "LIST_HEAD", "DEFINE_PER_CPU", "EXPORT_SYMBOL", "module_init"]);
    assert_eq!(kind(ItemKind::Function), [] as [&str; 0]);
}

#[test]
fn branches_that_the_configuration_leaves_out() {
    let text = "#ifdef CONFIG_SMP\nint on(void) { return 1; }\n#else\nint off(void) { return 0; }\n#define GONE 1\n#endif\n\
#if 0\nint never(void) { return 0; }\n# if 1\nint nested(void) { }\n# else\nint deep(void) { }\n# endif\n#elif defined(CONFIG_NUMA)\n\
int second(void) { return 2; }\n#endif\nint all(void) { return 3; }\n";
    let expected = [
        "Function on@2-2",
        "-Function off@4-4",
        "-Function never@8-8",
        "-Function nested@10-10",
        "-Function deep@12-12",
        "Function second@15-15",
        "Function all@17-17",
    ];
    assert_eq!(items(text), expected);
    let all = outline(text);
    assert_eq!(all.macros.iter().map(|m| (m.name.as_str(), m.active)).collect::<Vec<_>>(), [("GONE", false)]);
    let left: Vec<&str> = all.inactive.iter().map(|r| &text[r.0 as usize..r.1 as usize]).collect();
    assert_eq!(left.len(), 2);
    assert_eq!(left[0], "\nint off(void) { return 0; }\n#define GONE 1\n");
    assert!(left[1].contains("never") && left[1].contains("deep") && !left[1].contains("second"));
}

#[test]
fn own_macros_decide_in_order() {
    let text = "#ifndef GUARD_H\n#define GUARD_H\n#ifdef LATER\nint early(void) {}\n#endif\n#define LATER (2 + 1)\n#if LATER == 3\nint yes(void) {}\n\
#endif\n#undef LATER\n#ifdef LATER\nint no(void) {}\n#endif\n#endif\n";
    assert_eq!(functions(text), ["-early", "yes", "-no"]);
    let undefs: Vec<&str> = outline(text).undefs.iter().map(|u| u.0.as_str()).collect();
    assert_eq!(undefs, ["LATER"]);
}

#[test]
fn conditionals_inside_functions() {
    let split = "#ifdef CONFIG_PREEMPT_RT\nint f(int a) {\n#else\nint f(void) {\n#endif\n\tif (x) {\n#ifdef CONFIG_SMP\n\t}\n#else\n\t} }\n#endif\n}\n\
int next(void) { }\n";
    assert_eq!(functions(split), ["f", "next"]);
    let parameters = "int g(int a\n#ifdef CONFIG_SMP\n\t, int b)\n#else\n\t)\n#endif\n{ }\nint h(void) { }\n";
    assert_eq!(functions(parameters), ["g", "h"]);
    let joined = "int k(void)\n{\n#define LOCAL(x) { x\n#include \"body.h\"\n#error don't\n}\nint l(void) { }\n";
    assert_eq!(functions(joined), ["k", "l"]);
    let all = outline(joined);
    assert_eq!((all.macros.len(), all.includes.len(), all.macros[0].function_like), (1, 1, true));
}

#[test]
fn broken_braces_cost_one_function() {
    let text = "int a(void)\n{\n\tif (x) {\n}\n\nstatic int b(void)\n{\n\tif (y) {\n}\n\nint c(void)\n{\n}\n}\nint d(void) { }\n";
    assert_eq!(functions(text), ["a", "b", "c", "d"]);
    let notes = outline(text).notes;
    assert_eq!(
        notes.iter().map(|n| (n.0.line, n.1.as_str())).collect::<Vec<_>>()[..2],
        [(2, "unbalanced braces"), (7, "unbalanced braces")]
    );
    assert_eq!(functions("int a(int b\n{\n}\nstatic int c(void) { }\n"), ["c"]);
}

#[test]
fn hostile_input_ends() {
    for unit in [
        "(",
        "{",
        "[",
        "struct {",
        "enum {",
        "#if 0\n",
        "#if 1\n#else\n",
        "f(a) int b;",
        "\"",
        "/*",
        "a = {",
        "int a,",
        "}\nint f(x) {\n",
        "\0",
        "\\\n",
    ] {
        let text = unit.repeat(100_000);
        let outline = outline(&text);
        assert_eq!(outline.size as usize, text.len());
    }
    let line = "int f(int a) { return a; } ".repeat(200_000);
    let all = outline(&line);
    assert_eq!((all.items.len(), all.items.last().map(|i| i.loc.col)), (200_000, Some(65535)));
    assert!(outline("int a; /* never closed").notes.iter().any(|n| n.1.contains("comment")));
    assert!(outline("#ifdef CONFIG_SMP\nint a;").notes.iter().any(|n| n.1.contains("#endif")));
    assert!(outline("int \0a;").notes.iter().any(|n| n.1.contains("NUL")));
}

#[test]
fn a_branch_left_out_ends_where_it_ends() {
    // What closes a block by force looks for what follows it, and must not find the directive behind the branch.
    for open in ["{{", "(\n(", "f() {\n{"] {
        let text = format!("#ifndef CONFIG_\n{open}\n}}\n#endif\nint g(void)\n{{\n}}\n");
        assert_eq!(functions(&text).last().map(String::as_str), Some("g"), "{text}");
    }
}

#[test]
fn headers_of_nothing_but_macros_are_kept_in_bulk() {
    let mut text = "#ifndef REGS_H\n#define REGS_H\n".to_owned();
    for i in 0..1000 {
        text += &format!("#define REG_{i}__SHIFT 0x{i:x}\n#define REG_{i}(x) ((x) + \\\n\t{i})\n");
    }
    text += "#ifdef CONFIG_KASAN\n#define ONLY_THEN 1\n#define REG_7__SHIFT 0\n#endif\n#endif\n";
    let all = outline(&text);
    assert!(all.macros.is_empty());
    let body = |name: &str| {
        all.macro_def(text.as_bytes(), Symbol::intern(name)).map(|m| (&text[m.lo as usize..m.hi as usize], m.function_like, m.active))
    };
    assert_eq!(body("REG_7__SHIFT"), Some((" 0x7", false, true)));
    assert_eq!(body("REG_999"), Some(("(x) ((x) + \\\n\t999)", true, true)));
    assert_eq!(body("ONLY_THEN"), Some((" 1", false, false)));
    assert_eq!(body("REG_1000"), None);
    assert_eq!(body("REG_"), None);
}

#[test]
fn inside_an_inactive_function_its_own_condition_holds() {
    let text = "#ifndef CONFIG_SMP\nint f(void)\n{\n#ifdef CONFIG_SMP\n\twrong();\n#else\n\tright();\n#endif\n#ifdef CONFIG_KASAN\n\tnever();\n\
#endif\n}\n#elif defined(CONFIG_KASAN) && BITS == 32\nint g(void)\n{\n#if BITS == 32 && defined(CONFIG_SMP)\n\tright();\n#else\n\twrong();\n#endif\n}\n#endif\n\
int h(void)\n{\n#ifdef CONFIG_KASAN\n\twrong();\n#endif\n}\n";
    let all = outline(text);
    let left = |name: &str| -> String {
        let Some(item) = all.items.iter().find(|i| i.name.as_str() == name) else { return "none".to_owned() };
        let ranges = all.inactive_for_item(text.as_bytes(), item, &options(), &|_| Lookup::Unknown);
        ranges.iter().map(|r| text[r.0 as usize..r.1 as usize].trim()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(left("f"), "wrong();|never();");
    assert_eq!(left("g"), "wrong();");
    assert_eq!(left("h"), "wrong();");
}

/// Places inside a branch are counted from places behind it: macros of later branches are noted first.
#[test]
fn lines_inside_a_branch_that_ends_before_what_was_read() {
    let text = "#if 1\nint a(void) { return 0; }\n#elif 2\nint b(void) { return 0; }\n#if 1\nint c(void);\n#else\n#define LATER 1\nint d(void);\n#endif\n#else\n#define LAST 2\nint e(void) { return 0; }\n#endif\n";
    let found = items(text);
    assert!(found.contains(&"-Function b@4-4".to_owned()) && found.contains(&"-Function e@13-13".to_owned()), "{found:?}");
}
