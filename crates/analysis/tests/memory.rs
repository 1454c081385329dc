//! Accesses to memory, as checks that ask for them are told.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, Options, Quiet, run};
use cuthere_base::{Confidence, MemorySource};
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path, VariableOf};
use cuthere_kernel::Model;
use expect_test::{Expect, expect};

const MEMORY: Check = Check {
    info: CheckInfo { id: "memory", summary: "accesses to memory", source: "", maturity: Maturity::Stable },
    start: Some(|_, _| Box::new(Watcher)),
    entered: false,
    tree: None,
};

struct Watcher;

impl Checker for Watcher {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let EventKind::Memory(memory) = &event.kind else { return };
        let variable = path.variable_at(memory.place);
        let name = match variable.map(|v| v.of) {
            Some(VariableOf::Member(record, member)) => format!("{record}.{member}"),
            Some(VariableOf::Global(name)) => name.to_string(),
            None => "?".to_owned(),
        };
        let what = if memory.store { "stores" } else { "loads" };
        let marked = if memory.marked { ", marked" } else { "" };
        let rcu = if memory.rcu { ", protected by RCU" } else { "" };
        let percpu = variable.and_then(|v| v.percpu).or(memory.percpu).map(|p| format!(", {p:?} CPU's")).unwrap_or_default();
        let text = format!("{}: {what} {name}{marked}{rcu}{percpu}", event.loc.line);
        claims.add(Claim::here(path, event, Confidence::High, text.clone()).identity(text));
    }

    fn sees_memory(&self) -> bool {
        true
    }
}

fn check(source: &str, expected: &Expect) {
    let files = MemorySource::new([("a.c", source)]);
    let outcome = run(&files, &Model::builtin(), &[MEMORY], &Options::default(), &Quiet);
    let text: String = outcome.findings.iter().map(|f| format!("{}\n", f.message)).collect();
    expected.assert_eq(&text);
}

#[test]
fn loads_and_stores() {
    check(
        "struct part { int n; };
struct thing { struct part part; struct thing *next; int flags; };
int total;
int f(struct thing *t, int *out)
{
	int n = t->part.n + t->next->flags;
	struct thing **at = &t->next;
	if (READ_ONCE(t->flags) & 1)
		total++;
	WRITE_ONCE(t->flags, n);
	*out = n;
	smp_store_release(&t->next->flags, total);
	return (*at)->flags;
}
",
        &expect![[r#"
            6: loads part.n
            6: loads thing.flags
            6: loads thing.next
            8: loads thing.flags, marked
            9: loads total
            9: stores total
            10: stores thing.flags, marked
            11: stores ?
            12: loads thing.next
            12: loads total
            12: stores thing.flags, marked
            13: loads thing.flags
            13: loads thing.next
        "#]],
    );
}

#[test]
fn pointers_under_rcu_and_copies_of_cpus() {
    check(
        "struct item { int n; };
struct table { struct item __rcu *first; struct item *plain; };
struct counts { unsigned long hits; };
struct counts counts;
struct owner { struct counts *stats; };
int f(struct table *t, struct owner *o, int cpu)
{
	struct item *i = rcu_dereference(t->first);
	struct counts *c = this_cpu_ptr(&counts);
	c->hits++;
	this_cpu_inc(o->stats->hits);
	per_cpu_ptr(o->stats, cpu)->hits = 0;
	rcu_assign_pointer(t->first, 0);
	t->plain = t->first;
	return i->n;
}
",
        &expect![[r#"
            8: loads table.first, marked, protected by RCU
            10: loads counts.hits, This CPU's
            10: stores counts.hits, This CPU's
            11: loads owner.stats
            11: stores counts.hits, marked, This CPU's
            12: loads owner.stats
            12: stores counts.hits, Any CPU's
            13: stores table.first, marked, protected by RCU
            14: loads table.first, protected by RCU
            14: stores table.plain
            15: loads item.n
        "#]],
    );
}
