//! Faults of structure that the analysis once had: what one part of a program says must not change what is said of another.

use cuthere_base::{Confidence, Finding, MemorySource};
use cuthere_checks::{Options, Quiet, run};
use cuthere_kernel::Model;

const HEAD: &str = "typedef struct { int raw; } spinlock_t;\nvoid spin_lock(spinlock_t *l);\nvoid spin_unlock(spinlock_t *l);\nvoid msleep(unsigned int n);\n\
typedef int irqreturn_t;\nint request_irq(unsigned int irq, irqreturn_t (*h)(int, void *), unsigned long flags, const char *name, void *data);\n";

fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    findings_from(Confidence::Medium, files)
}

fn findings_from(least: Confidence, files: &[(&str, &str)]) -> Vec<Finding> {
    let files: Vec<(String, String)> = files.iter().map(|(path, text)| ((*path).to_owned(), format!("{HEAD}{text}"))).collect();
    let model = Model::builtin().for_preempt(false);
    let outcome = run(&MemorySource::new(files), &model, &Options::default(), &Quiet);
    assert_eq!(outcome.stats.incomplete, [], "the files are read whole");
    outcome.findings.into_iter().filter(|f| f.confidence >= least && f.check == "sleep-in-atomic").collect()
}

fn functions(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.function.as_str()).collect()
}

const HANDLER: &str = "struct unit { spinlock_t lock; };\nstatic irqreturn_t poke(int irq, void *data)\n{\n\tmsleep(1);\n\treturn 1;\n}\n\
void caller(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\tpoke(0, u);\n\tspin_unlock(&u->lock);\n}\n";

#[test]
fn binding_a_function_as_a_handler_does_not_silence_its_direct_callers() {
    let alone = findings(&[("drivers/unit/unit.c", HANDLER)]);
    assert_eq!(functions(&alone), ["caller"]);
    let bound = format!("{HANDLER}int probe(struct unit *u)\n{{\n\treturn request_irq(3, poke, 0, \"unit\", u);\n}}\n");
    let both = findings(&[("drivers/unit/unit.c", &bound)]);
    let caller = both.iter().find(|f| f.function == "caller").expect("the direct caller's defect is still found");
    assert_eq!((caller.confidence, &caller.message), (alone[0].confidence, &alone[0].message));
    assert!(both.iter().any(|f| f.function == "poke"), "the handler's own defect is found too");
}

#[test]
fn records_of_one_name_in_two_files_are_two_records() {
    let sleeps = "struct priv { spinlock_t lock; void (*done)(struct priv *p); };\nstatic void slow(struct priv *p)\n{\n\tmsleep(1);\n}\n\
                  void a_init(struct priv *p)\n{\n\tp->done = slow;\n}\nvoid a_finish(struct priv *p)\n{\n\tp->done(p);\n}\n";
    let spins = "struct priv { spinlock_t lock; void (*done)(struct priv *p); };\nstatic void quick(struct priv *p)\n{\n}\n\
                 void b_init(struct priv *p)\n{\n\tp->done = quick;\n}\n\
                 void b_finish(struct priv *p)\n{\n\tspin_lock(&p->lock);\n\tp->done(p);\n\tspin_unlock(&p->lock);\n}\n";
    assert_eq!(functions(&findings(&[("drivers/a/a.c", sleeps), ("drivers/b/b.c", spins)])), [] as [&str; 0]);
    // In one file it is one record, and the call may mean either: which is not sure.
    let one = format!("{sleeps}{}", spins.split_once("};\n").expect("a structure").1);
    assert_eq!(functions(&findings_from(Confidence::Low, &[("drivers/a/a.c", &one)])), ["b_finish"]);
}

#[test]
fn a_record_of_a_common_header_is_one_for_all() {
    let header = "struct priv { spinlock_t lock; void (*done)(struct priv *p); };\n";
    let a = "#include <linux/priv.h>\nstatic void slow(struct priv *p)\n{\n\tmsleep(1);\n}\nvoid a_init(struct priv *p)\n{\n\tp->done = slow;\n}\n";
    let b =
        "#include <linux/priv.h>\nvoid b_finish(struct priv *p)\n{\n\tspin_lock(&p->lock);\n\tp->done(p);\n\tspin_unlock(&p->lock);\n}\n";
    let found = findings(&[("include/linux/priv.h", header), ("drivers/a/a.c", a), ("drivers/b/b.c", b)]);
    assert_eq!(functions(&found), ["b_finish"]);
}

#[test]
fn more_locks_than_anybody_holds_are_still_told_apart() {
    let members: String = (0..30).map(|n| format!("spinlock_t l{n}; ")).collect();
    let take: String = (0..30).map(|n| format!("\tspin_lock(&u->l{n});\n")).collect();
    let give: String = (0..30).rev().map(|n| format!("\tspin_unlock(&u->l{n});\n")).collect();
    let text = format!(
        "struct unit {{ {members}}};\nvoid f(struct unit *u)\n{{\n{take}{give}\tmsleep(1);\n}}\nvoid g(struct unit *u)\n{{\n{take}\tmsleep(1);\n{give}}}\n"
    );
    assert_eq!(functions(&findings(&[("drivers/unit/unit.c", &text)])), ["g"]);
}

#[test]
fn what_a_function_that_was_not_read_may_undo_is_not_sure() {
    let caller = "struct unit { spinlock_t lock; };\nvoid elsewhere(struct unit *u);\nvoid f(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\telsewhere(u);\n\tmsleep(1);\n\tspin_unlock(&u->lock);\n}\n";
    let unread = findings(&[("drivers/unit/unit.c", caller)]);
    assert_eq!((functions(&unread), unread[0].confidence), (vec!["f"], Confidence::Medium));
    assert!(unread[0].assumes.iter().any(|a| a.contains("`elsewhere()`")), "{:?}", unread[0].assumes);
    let body = "struct unit { spinlock_t lock; };\nvoid elsewhere(struct unit *u)\n{\n}\n";
    let read = findings(&[("drivers/unit/unit.c", caller), ("drivers/unit/elsewhere.c", body)]);
    assert_eq!((functions(&read), read[0].confidence), (vec!["f"], Confidence::High));
    // Before the lock is taken it does not matter.
    let before = caller.replace("\tspin_lock(&u->lock);\n\telsewhere(u);\n", "\telsewhere(u);\n\tspin_lock(&u->lock);\n");
    assert_eq!(findings(&[("drivers/unit/unit.c", &before)])[0].confidence, Confidence::High);
}
