//! Where crash reports lead in a small tree.

use crate::common::{Fake, Folder};
use cuthere_base::Finding;
use cuthere_review::explain::{Explanation, Options};
use cuthere_review::{Analyser, Analysis, explain, explanation_text};
use cuthere_tree::Tree;

const DRIVER: &str = "\
static void gadget_account(struct gadget *g)
{
	if (g->slow)
		gadget_wait_all(g);
	g->ticks++;
}

/* Never calls gadget_wait_all(). */
static netdev_tx_t gadget_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct gadget *g = netdev_priv(dev);

	rcu_read_lock();
	spin_lock(&g->lock);
	gadget_account(g);
	spin_unlock(&g->lock);
	rcu_read_unlock();
	return 0;
}
";

const CORE: &str = "\
void gadget_wait_all(struct gadget *g)
{
	mutex_lock(&g->config);
}

int core_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	local_bh_disable();
	rcu_read_lock_bh();
	return dev->ops->xmit(skb, dev);
}

static inline void core_tell(struct gadget *g)
{
	core_ring(g->bell);
}

void core_ring(struct bell *b)
{
	b->ops->strike(b);
}

void core_poll(struct gadget *g)
{
	if (g->slow)
		core_wait(g);
	core_tell(g);
	core_wait(g);
}
";

const TABLE: &str = "\
static const struct gadget_ops gadget_ops = {
	.strike	= gadget_strike,
};

static void gadget_strike(struct bell *b)
{
	struct gadget *g = bell_gadget(b);

	b->count++;
}
";

const LOOKUP: &str = "\
static int gadget_size(struct gadget *g)
{
	return bit_weight(g->bits, 64);
}

int gadget_get_doit(struct info *info)
{
	struct gadget *g;
	int id = info->id;

	g = gadget_get_by_id(id);
	if (id < 0)
		return -1;
	return gadget_size(g);
}

int gadget_put_doit(struct info *info)
{
	struct gadget *g = gadget_get_by_id(info->id);

	if (!g)
		return -1;
	return gadget_size(g);
}
";

const LIB: &str = "\
unsigned int __bit_weight(const unsigned long *bits, unsigned int n)
{
	return bits[0];
}
";

const LAMP: &str = "\
#define to_lamp(d) container_of_const(d, struct lamp, dev)

static inline struct shade *to_shade(struct device *dev)
{
	return container_of(dev, struct shade, dev);
}

int lamp_dim(struct lamp *lamp)
{
	return lamp->power->level;
}

int lamp_probe(struct device *dev)
{
	struct lamp *lamp = to_lamp(dev);
	struct shade *shade = to_shade(dev);
	struct bulb *bulb = find_bulb(dev);

	bulb->lit = 1;
	shade_fold(shade);
	lamp_dim(lamp);
	return bulb_take(bulb);
}

void lamp_close(struct lamp *lamp)
{
	lamp->open = 0;
	gate_wait(&lamp->gate);
}

int lamp_mix(struct lamp *lamp)
{
	struct bulb *red = find_red(lamp);
	struct bulb *blue = find_blue(lamp);

	red->lit = 1;
	blue->lit = 1;
	return 0;
}

void lamp_ring(struct lamp *lamp)
{
	gate_ring(&lamp->gate);
}

int lamp_store(struct device *dev)
{
	struct mast *mast = to_mast(dev);

	return mast->height;
}

int lamp_bind(struct device *dev)
{
	struct bulb *bulb = bind_bulb(dev);

	if (IS_ERR(bulb))
		return 1;
	return bulb->lit;
}

void lamp_free(struct lamp *lamp)
{
	lamp->gone = 1;
}

static void lamp_unlink(struct lamp *lamp)
{
	int level = lamp->level;

	lamp_free(lamp);
	lamp->level = level;
}

void lamp_trim(struct lamp *lamp)
{
	gate_tell(lamp);
	lamp_unlink(lamp);
	gate_tell(lamp);
}

static void lamp_end(struct kref *ref)
{
	struct lamp *lamp = container_of(ref, struct lamp, ref);

	lamp_free(lamp);
}

static void lamp_put(struct lamp *lamp)
{
	kref_put(&lamp->ref, lamp_end);
}

void lamp_drop(struct lamp *lamp)
{
	lamp_put(lamp);
}

void lamp_run(struct lamp *lamp, int n)
{
	(*lamp->steps)(lamp);
}

static void lamp_each(struct lamp *lamp)
{
	void (*step)(struct lamp *) = lamp->step;

	step(lamp);
}

void lamp_all(struct lamp *lamp)
{
	lamp_each(lamp);
}

void lamp_turn(struct lamp *lamp)
{
	CALL_ONE(lamp->step, lamp);
}

void lamp_list(struct lamp *lamp, int i)
{
	lamp_steps[i](lamp);
}

void lamp_lone(struct lamp *lamp)
{
	lamp_check((struct lamp *)lamp);
}
";

const GATE: &str = "\
#define gate_wait(g) \\
	do { gate_enter(g, 0); } while (0)

#define CALL_ONE(f, ...) f(__VA_ARGS__)

#define gate_ring(g) ((g)->ops->strike((g)->bell))

static inline void gate_enter(struct gate *g, int how)
{
	gate_pass(g);
}
";

fn tree() -> Folder {
    Folder::new(&[
        ("drivers/gadget/xmit.c", DRIVER),
        ("drivers/gadget/lookup.c", LOOKUP),
        ("net/gcore/dev.c", CORE),
        ("drivers/gadget/table.c", TABLE),
        ("lib/bits.c", LIB),
        ("drivers/lamp/lamp.c", LAMP),
        ("include/linux/gate.h", GATE),
        (
            "kernel/gate.c",
            "void __gate_block(struct gate *g)\n{\n\tg->shut = 1;\n}\n\nvoid gate_pass(struct gate *g)\n{\n\t__gate_block(g);\n}\n\n\
             void gate_tell(struct lamp *l)\n{\n\tlamp_free(l);\n\tl->told = 1;\n}\n",
        ),
        ("tools/testing/fake.c", "void gadget_account(struct gadget *g)\n{\n}\n"),
        ("arch/mips/gadget.c", "void core_start_xmit(void)\n{\n}\n"),
    ])
}

const SLEEP: &str = "\
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 43, name: kworker/1:1
preempt_count: 201, expected: 0
RCU nest depth: 1, expected: 0
2 locks held by kworker/1:1/43:
 #0: ffff888000000001 (rcu_read_lock_bh){....}-{1:3}, at: core_start_xmit+0x20/0x60
 #1: ffff888000000002 (&g->lock){+...}-{3:3}, at: gadget_xmit+0x40/0x90 [gadget]
CPU: 1 UID: 0 PID: 43 Comm: kworker/1:1 Not tainted 6.15.0 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x6f/0xa0
 __might_resched+0x26a/0x380
 __mutex_lock+0x113/0x1be0
 ? gadget_size+0x1/0x10 [gadget]
 gadget_account.isra.0+0x1d/0x60 [gadget]
 gadget_xmit+0x50/0x90 [gadget]
 core_start_xmit+0x30/0x60
 ret_from_fork+0x31/0x70
 </TASK>
";

const NULL: &str = "\
Oops: general protection fault, probably for non-canonical address 0xdffffc0000000006: 0000 [#1] SMP KASAN
KASAN: null-ptr-deref in range [0x0000000000000030-0x0000000000000037]
CPU: 0 UID: 0 PID: 100 Comm: fuzz Not tainted 6.19.0 #1
RIP: 0010:__bit_weight+0x30/0x90
Call Trace:
 <TASK>
 gadget_get_doit+0x60/0x100
 genl_family_rcv_msg_doit+0x1/0x20
 </TASK>
";

fn explained(text: &str, analyser: &dyn Analyser) -> Explanation {
    explain(&cuthere_splat::read(text), &tree().tree(), analyser, &Options::default())
}

struct Silent;

impl Analyser for Silent {
    fn analyse(&self, _: &Tree, _: &[String]) -> Analysis {
        Analysis::default()
    }
}

#[test]
fn a_sleeping_call_is_found_though_its_frame_is_missing() {
    let explanation = explained(SLEEP, &Silent);
    let call = explanation.call.as_ref().expect("a call");
    assert_eq!((call.function.as_str(), call.callee.as_deref()), ("gadget_account", Some("gadget_wait_all")));
    assert_eq!((call.file.as_deref(), call.line), (Some("drivers/gadget/xmit.c"), Some(4)));
    assert_eq!(call.primitive.as_deref(), Some("__mutex_lock"));
    assert!(call.why.iter().any(|w| w == "of what it calls, `gadget_wait_all` leads to `__mutex_lock`"), "{:?}", call.why);
    assert!(call.context.as_ref().is_some_and(|c| c.contains("RCU") && c.contains("2 locks held")), "{:?}", call.context);
}

#[test]
fn the_chain_runs_from_the_entry_to_the_complaint() {
    let explanation = explained(SLEEP, &Silent);
    let chain: Vec<_> = explanation.chain.iter().map(|l| (l.function.as_str(), l.calls.as_deref(), l.line)).collect();
    assert_eq!(
        chain[..3],
        [
            ("core_start_xmit", None, Some(6)),
            ("gadget_xmit", Some("gadget_account"), Some(15)),
            ("gadget_account", Some("gadget_wait_all"), Some(4)),
        ]
    );
    let first = explanation.splats.first().expect("one");
    assert!(first.entered.as_ref().is_some_and(|e| e.starts_with("`gadget_xmit` called from `core_start_xmit`")), "{:?}", first.entered);
    let files: Vec<_> = first.source.iter().filter_map(|s| s.file.as_deref()).collect();
    assert!(!files.iter().any(|f| f.starts_with("tools/") || f.starts_with("arch/mips")), "{files:?}");
}

#[test]
fn held_locks_lead_to_the_lines_that_took_them() {
    let explanation = explained(SLEEP, &Silent);
    let held: Vec<_> = explanation.splats.iter().flat_map(|s| &s.held).map(|h| (h.class.as_str(), h.file.as_deref(), h.line)).collect();
    assert_eq!(held, [("rcu_read_lock_bh", Some("net/gcore/dev.c"), Some(9)), ("&g->lock", Some("drivers/gadget/xmit.c"), Some(14))]);
    let text = explanation_text(&explanation);
    assert!(text.contains("the call: `gadget_wait_all` in `gadget_account` (drivers/gadget/xmit.c:4)"), "{text}");
    assert!(text.contains("held: &g->lock, taken in `gadget_xmit` (drivers/gadget/xmit.c:14)"), "{text}");
}

#[test]
fn a_null_pointer_is_followed_to_the_call_that_returned_it() {
    let explanation = explained(NULL, &Silent);
    let call = explanation.call.as_ref().expect("a call");
    assert_eq!((call.function.as_str(), call.callee.as_deref()), ("gadget_get_doit", Some("gadget_get_by_id")));
    assert_eq!(
        (call.file.as_deref(), call.line, call.primitive.as_deref()),
        (Some("drivers/gadget/lookup.c"), Some(11), Some("__bit_weight"))
    );
}

#[test]
fn findings_of_the_same_sort_in_the_same_functions_agree() {
    struct One;
    impl Analyser for One {
        fn analyse(&self, tree: &Tree, paths: &[String]) -> Analysis {
            assert_eq!(paths, ["drivers/gadget/lookup.c", "drivers/gadget/table.c", "drivers/gadget/xmit.c"]);
            let sample = crate::common::bad();
            let folder = Folder::new(&[("drivers/gadget/xmit.c", &sample)]);
            let mut found = Fake.analyse(&folder.tree(), &["drivers/gadget/xmit.c".to_owned()]).findings;
            assert!(tree.len() > 1);
            let other: Vec<Finding> =
                found.iter().map(|f| Finding { function: "elsewhere".into(), steps: Vec::new(), ..f.clone() }).collect();
            found.iter_mut().for_each(|f| f.function = "gadget_account".into());
            found.extend(other);
            found.into()
        }
    }
    let explanation = explained(SLEEP, &One);
    let related: Vec<_> = explanation.findings.iter().map(|r| (r.finding.function.as_str(), r.agrees)).collect();
    assert_eq!(related, [("gadget_account", true)]);
    let json = serde_json::to_value(&explanation).expect("plain data");
    assert!(["splats", "call", "chain", "findings"].iter().all(|name| json.get(*name).is_some_and(|v| !v.is_null())));
    assert_eq!(json.pointer("/splats/0/kind").and_then(|k| k.as_str()), Some("sleeping-function"));
}

#[test]
fn a_report_of_another_kernel_is_said_to_be_one() {
    let explanation = explained(&SLEEP.replace("gadget", "widget").replace("core_start", "shell_start"), &Silent);
    assert_eq!(explanation.notes, ["none of the functions in the reports is in this tree"]);
    assert_eq!(explanation.call.as_ref().map(|c| (c.function.as_str(), c.line)), Some(("widget_account", None)));
    assert!(explained("all is well", &Silent).notes.iter().any(|n| n == "no crash report in the input"));
}

/// `LINK`: the chain of the only report, as text.
fn chain(explanation: &Explanation) -> Vec<String> {
    let text = explanation_text(explanation);
    text.lines().filter(|l| l.starts_with("    ") && l.contains('`') && l.contains(".c:")).map(|l| l.trim().to_owned()).collect()
}

#[test]
fn a_call_is_stated_only_where_the_source_has_it() {
    let log = "kernel BUG at drivers/gadget/table.c:9!\nRIP: 0010:gadget_strike+0x10/0x40 [gadget]\nCall Trace:\n <TASK>\n \
               core_ring+0x10/0x20\n core_poll+0x10/0x40\n core_start_xmit+0x20/0x40\n gadget_account+0x1/0x20 [gadget]\n </TASK>\n";
    let explanation = explained(log, &Silent);
    let borne: Vec<_> = explanation.chain.iter().map(|l| (l.function.as_str(), serde_json::to_value(l.borne).expect("plain"))).collect();
    let names: Vec<_> = borne.iter().map(|(f, b)| (*f, b.as_str())).collect();
    // Through a table of the tree; the stack's word for what enters the part.
    assert_eq!(names, [("core_ring", Some("pointer")), ("gadget_strike", None)]);
    let whole =
        explained(&log.replace("gadget_strike+0x10/0x40 [gadget]", "core_ring+0x1/0x20").replace(" core_ring+0x10/0x20\n", ""), &Silent);
    assert_eq!(
        chain(&whole),
        [
            "drivers/gadget/xmit.c:1 `gadget_account`; the stack says that it called `core_start_xmit`, this tree does not have that call",
            "net/gcore/dev.c:6 `core_start_xmit`; the stack says that it called `core_poll`, perhaps through a pointer",
            "net/gcore/dev.c:27 `core_poll` calls `core_tell`, which leads to `core_ring`",
            "net/gcore/dev.c:18 `core_ring`",
        ]
    );
}

#[test]
fn lines_of_the_report_lead() {
    let log = "BUG: sleeping function called from invalid context at net/gcore/wait.c:1\nin_atomic(): 1, irqs_disabled(): 0, non_block: 0, \
               pid: 4, name: x\nCall Trace:\n dump_stack_lvl (lib/dump_stack.c:1)\n __might_resched (kernel/sched/core.c:1)\n core_wait \
               (net/gcore/wait.c:1)\n core_poll (net/gcore/dev.c:28 (discriminator 1))\n";
    let explanation = explained(log, &Silent);
    let link = explanation.chain.iter().find(|l| l.function == "core_poll").expect("a link");
    assert_eq!((link.line, link.calls.as_deref(), link.text.as_deref()), (Some(28), Some("core_wait"), Some("core_wait(g);")));
    let first = explained(&log.replace("dev.c:28", "dev.c:26"), &Silent);
    assert_eq!(first.chain.iter().find(|l| l.function == "core_poll").and_then(|l| l.line), Some(26));
    let inlined = explained(&log.replace("(net/gcore/dev.c:28 (", "(net/gcore/dev.c:13 net/gcore/dev.c:27 ("), &Silent);
    let source = inlined.splats.first().and_then(|s| s.source.iter().find(|s| s.function == "core_poll")).expect("a frame");
    assert_eq!((source.at, source.inlined.first().and_then(|i| i.function.as_deref())), (Some(27), Some("core_tell")));
}

#[test]
fn a_low_address_is_a_null_pointer_and_a_high_one_says_nothing() {
    let log = "BUG: unable to handle kernel paging request at 0000000000000018\nRIP: 0010:gadget_account+0x1/0x40 [gadget]\nCall \
               Trace:\n gadget_xmit+0x1/0x40 [gadget]\n";
    let claim = |log: &str| explained(log, &Silent).splats.first().and_then(|s| s.claim.clone());
    assert_eq!(claim(log).as_deref(), Some("the kernel complains of: null dereference, NULL plus 0x18 (in a task)"));
    assert_eq!(claim(&log.replace("0000000000000018", "ffffc90000123018")), None);
    let poisoned = claim(&log.replace("0000000000000018", "6b6b6b6b6b6b6b83")).expect("a claim");
    assert!(poisoned.contains("use after free") && poisoned.contains("freed memory"), "{poisoned}");
}

#[test]
fn what_is_computed_or_was_used_before_is_not_blamed() {
    let log = "BUG: kernel NULL pointer dereference, address: 0000000000000014\nRIP: 0010:FUNCTION+0x10/0x40\nCall Trace:\n \
               FUNCTION+0x10/0x40\n lamp_probe+0x30/0x60\n";
    // An accessor gives an address inside of what it is given; a pointer that was loaded through was no NULL.
    for function in ["lamp_dim", "shade_fold", "bulb_take"] {
        let explanation = explained(&log.replace("FUNCTION", function), &Silent);
        let call = explanation.call.as_ref().expect("a call");
        assert_eq!((call.function.as_str(), call.callee.as_deref()), (function, None), "{:?}", call.why);
    }
}

#[test]
fn the_line_of_the_fault_says_which_pointer_it_was() {
    let log = "BUG: kernel NULL pointer dereference, address: 0000000000000014\nRIP: 0010:lamp_mix (drivers/lamp/lamp.c:37)\nCall Trace:\n \
               lamp_probe (drivers/lamp/lamp.c:21)\n";
    for (line, callee) in [("37", "find_blue"), ("36", "find_red")] {
        let explanation = explained(&log.replace("37", line), &Silent);
        assert_eq!(explanation.call.as_ref().and_then(|c| c.callee.as_deref()), Some(callee), "line {line}");
    }
}

#[test]
fn the_title_and_the_explanation_name_one_function() {
    // The kernel model knows that this one sleeps, which makes it no part of the complaint.
    let log = "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:5\nin_atomic(): 1, irqs_disabled(): 0, \
               non_block: 0, pid: 4, name: x\nCall Trace:\n dump_stack_lvl+0x1/0x2\n __might_resched+0x1/0x2\n mutex_lock+0x1/0x2\n \
               led_trigger_set_default+0x1/0x2\n lamp_probe+0x1/0x2\n";
    let explanation = explained(log, &Silent);
    let splat = &explanation.splats.first().expect("one").splat;
    assert_eq!(splat.function.as_deref(), Some("led_trigger_set_default"));
    assert_eq!(explanation.call.as_ref().map(|c| c.function.as_str()), splat.function.as_deref());
}

#[test]
fn a_call_through_macros_and_jumps_leads_to_the_frame() {
    let log = "kernel BUG at kernel/gate.c:3!\nRIP: 0010:__gate_block+0x1/0x20\nCall Trace:\n lamp_close+0x10/0x40\n";
    let links = chain(&explained(log, &Silent));
    assert_eq!(
        links.first().map(String::as_str),
        Some("drivers/lamp/lamp.c:28 `lamp_close` calls `gate_wait`, which leads to `__gate_block`")
    );
}

#[test]
fn a_function_that_is_handed_on_is_called() {
    let log = "kernel BUG at drivers/lamp/lamp.c:3!\nRIP: 0010:FUNCTION+0x1/0x20\nCall Trace:\n CALLER+0x1/0x40\n";
    for (function, caller, by) in [("lamp_end", "lamp_put", "kref_put"), ("lamp_free", "lamp_drop", "lamp_put")] {
        let links = chain(&explained(&log.replace("FUNCTION", function).replace("CALLER", caller), &Silent));
        let first = links.first().expect("a link");
        assert!(first.ends_with(&format!("`{caller}` calls `{by}`, which leads to `{function}`")), "{first}");
    }
}

#[test]
fn what_only_running_tells_is_not_called_absent() {
    let log = "kernel BUG at drivers/lamp/lamp.c:3!\nRIP: 0010:lamp_dim+0x1/0x20\nCall Trace:\n CALLER+0x1/0x40\n";
    // Through a member, a variable of what was inlined, a macro that calls what it is given, a table.
    for caller in ["lamp_run", "lamp_all", "lamp_turn", "lamp_list"] {
        let links = chain(&explained(&log.replace("CALLER", caller), &Silent));
        let first = links.first().expect("a link");
        assert!(first.ends_with("called `lamp_dim`, perhaps through a pointer"), "{first}");
    }
    let links = chain(&explained(&log.replace("CALLER", "lamp_lone"), &Silent));
    assert!(links.first().is_some_and(|first| first.ends_with("this tree does not have that call")), "{links:?}");
}

#[test]
fn a_way_without_a_lost_frame_comes_first() {
    // A function of another file is not put into its caller, and would stand in the stack.
    let log = "kernel BUG at drivers/lamp/lamp.c:3!\nRIP: 0010:lamp_free+0x1/0x20\nCall Trace:\n lamp_trim+0x1/0x40\n";
    let links = chain(&explained(log, &Silent));
    let first = links.first().expect("a link");
    assert!(first.ends_with("`lamp_trim` calls `lamp_unlink`, which leads to `lamp_free`"), "{first}");
}

#[test]
fn what_was_asked_for_an_error_pointer_is_not_blamed() {
    let log = "BUG: kernel NULL pointer dereference, address: 0000000000000014\nRIP: 0010:lamp_bind+0x10/0x40\nCall Trace:\n \
               lamp_probe+0x30/0x60\n";
    let explanation = explained(log, &Silent);
    assert_eq!(explanation.call.as_ref().and_then(|c| c.callee.as_deref()), None, "{:?}", explanation.call);
}

#[test]
fn a_check_that_the_compiler_put_in_is_no_call() {
    let log = "BUG: KASAN: slab-use-after-free in lamp_dim (drivers/lamp/lamp.c:10)\nRead of size 4 at addr ffff888000000001 by task x/4\n\
               Call Trace:\n dump_stack_lvl (lib/dump_stack.c:1)\n kasan_report (mm/kasan/report.c:601)\n lamp_dim \
               (drivers/lamp/lamp.c:10)\n lamp_probe (drivers/lamp/lamp.c:21)\n";
    let explanation = explained(log, &Silent);
    let call = explanation.call.as_ref().expect("a call");
    assert_eq!((call.line, call.text.as_deref()), (Some(10), Some("return lamp->power->level;")));
    assert!(call.why.iter().any(|why| why.contains("reads 4 bytes")), "{:?}", call.why);
    let text = explanation_text(&explanation);
    assert!(!text.contains("kasan_report") && text.contains("| return lamp->power->level;"), "{text}");
}

#[test]
fn an_interrupt_that_nobody_took_is_about_its_handler() {
    let log = "irq 9: nobody cared (try booting with the \"irqpoll\" option)\nCPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.2.0 #1\nCall \
               Trace:\n <IRQ>\n dump_stack_lvl+0x1/0x2\n __report_bad_irq+0x1/0x2\n note_interrupt+0x1/0x2\n </IRQ>\nhandlers:\n\
               [<00000000abcdef01>] lamp_dim [lamp]\nDisabling IRQ #9\n";
    let explanation = explained(log, &Silent);
    let call = explanation.call.as_ref().expect("a call");
    assert_eq!((call.function.as_str(), call.file.as_deref()), ("lamp_dim", Some("drivers/lamp/lamp.c")));
}

#[test]
fn stacks_of_allocation_and_release_are_mapped() {
    let log = "BUG: KASAN: slab-use-after-free in gadget_account+0x1/0x40 [gadget]\nRead of size 8 at addr ffff888000000001 by task x/4\n\
               Call Trace:\n gadget_account+0x1/0x40 [gadget]\n gadget_xmit+0x1/0x40 [gadget]\n\nAllocated by task 1:\n \
               kasan_save_stack+0x1/0x2\n gadget_get_doit+0x1/0x40 [gadget]\n\nFreed by task 2:\n kfree+0x1/0x2\n \
               gadget_put_doit+0x1/0x40 [gadget]\n";
    let explanation = explained(log, &Silent);
    let text = explanation_text(&explanation);
    assert!(text.contains("allocated in `gadget_get_doit` (drivers/gadget/lookup.c:6)"), "{text}");
    assert!(text.contains("freed in `gadget_put_doit` (drivers/gadget/lookup.c:17)"), "{text}");
    assert!(text.contains("the function: `gadget_account`"), "{text}");
}

#[test]
fn a_macro_may_call_through_a_member() {
    let log = "kernel BUG at drivers/gadget/table.c:9!\nRIP: 0010:gadget_strike+0x10/0x40 [gadget]\nCall Trace:\n lamp_ring+0x10/0x20\n";
    let explanation = explained(log, &Silent);
    assert_eq!(explanation.chain.first().and_then(|link| link.calls.as_deref()), Some("gate_ring"), "{}", explanation_text(&explanation));
}

#[test]
fn a_call_that_may_go_through_a_pointer_is_not_called_absent() {
    let log = "kernel BUG at lib/nothing.c:3!\nRIP: 0010:core_poll+0x1/0x20\nCall Trace:\n core_ring+0x10/0x40\n";
    let text = explanation_text(&explained(log, &Silent));
    assert!(!text.contains("this tree does not have that call"), "{text}");
}

#[test]
fn a_step_to_the_object_around_is_not_blamed_though_its_header_is_elsewhere() {
    let log = "BUG: kernel NULL pointer dereference, address: 0000000000000014\nRIP: 0010:lamp_store+0x10/0x20\nCall Trace:\n x+0x1/0x2\n";
    let text = explanation_text(&explained(log, &Silent));
    assert!(!text.contains("`to_mast` returned"), "{text}");
}

#[test]
fn a_data_race_has_two_accesses() {
    let log = "BUG: KCSAN: data-race in lamp_close / lamp_dim\n\nwrite to 0xffff888000000001 of 4 bytes by task 4 on cpu 1:\n \
               lamp_dim (drivers/lamp/lamp.c:10)\n lamp_probe (drivers/lamp/lamp.c:21)\n\nread to 0xffff888000000001 of 4 bytes by task 5 \
               on cpu 0:\n lamp_close (drivers/lamp/lamp.c:28)\n\nReported by Kernel Concurrency Sanitizer on:\nCPU: 0 PID: 5 Comm: x Not \
               tainted 6.1.0 #1\n";
    let explanation = explained(log, &Silent);
    let text = explanation_text(&explanation);
    assert!(!explanation.nothing_found(), "{text}");
    assert!(text.contains("the function: `lamp_close`") && text.contains("reads 4 bytes"), "{text}");
    assert!(
        text.contains("the other access is in `lamp_dim` (drivers/lamp/lamp.c:10), from `lamp_probe` (drivers/lamp/lamp.c:21)"),
        "{text}"
    );
}
