//! Reports of lockdep held against what the real checks find in a small tree.

use crate::common::Folder;
use cuthere_kernel::Model;
use cuthere_review::explain::{Explanation, Options};
use cuthere_review::{Engine, explain, explanation_text};
use cuthere_tree::Tree;

const FILE: &str = "drivers/press/press.c";

/// Two locks in both orders, one lock in a task and in an interrupt, and a pointer of RCU.
const PRESS: &str = "\
struct list_head { struct list_head *next, *prev; };
struct plate { int heat; };
struct press {
	struct mutex jaw;
	struct mutex feed;
	spinlock_t count_lock;
	struct plate __rcu *plate;
	int count;
};

static void press_close(struct press *p)
{
	mutex_lock(&p->jaw);
	mutex_lock(&p->feed);
	p->count++;
	mutex_unlock(&p->feed);
	mutex_unlock(&p->jaw);
}

static void press_load(struct press *p)
{
	mutex_lock(&p->feed);
	mutex_lock(&p->jaw);
	p->count++;
	mutex_unlock(&p->jaw);
	mutex_unlock(&p->feed);
}

static void press_tell(struct press *p)
{
	spin_lock(&p->count_lock);
	p->count++;
	spin_unlock(&p->count_lock);
}

static irqreturn_t press_irq(int irq, void *data)
{
	struct press *p = data;

	spin_lock(&p->count_lock);
	p->count--;
	spin_unlock(&p->count_lock);
	return IRQ_HANDLED;
}

static ssize_t count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct press *p = dev_get_drvdata(dev);

	press_tell(p);
	return 0;
}
static DEVICE_ATTR_RO(count);

static ssize_t load_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t n)
{
	struct press *p = dev_get_drvdata(dev);

	press_load(p);
	press_close(p);
	return n;
}
static DEVICE_ATTR_WO(load);

static int press_heat(struct press *p)
{
	struct plate *plate;
	int heat;

	rcu_read_lock();
	plate = rcu_dereference(p->plate);
	heat = plate->heat;
	rcu_read_unlock();
	return heat + plate->heat;
}

static int press_probe(struct platform_device *pdev)
{
	struct press *p = platform_get_drvdata(pdev);

	press_heat(p);
	return request_irq(7, press_irq, 0, \"press\", p);
}

static struct platform_driver press_driver = { .probe = press_probe };
";

fn explained(text: &str, report: &str) -> Explanation {
    let model = Model::builtin();
    let folder = Folder::new(&[(FILE, text), ("Kbuild", "")]);
    let analyse = |tree: &Tree, options: &cuthere_checks::Options| cuthere_checks::run(tree, &model, options, &cuthere_checks::Quiet);
    let engine = Engine { run: &analyse, config: Default::default(), only: Vec::new(), bh_lock: false };
    explain(&cuthere_splat::read(report), &folder.tree(), &engine, &Options { model: model.clone(), ..Options::default() })
}

fn circular(first: &str, second: &str, outer: &str) -> String {
    format!(
        "\
[   11.000001] ======================================================
[   11.000002] WARNING: possible circular locking dependency detected
[   11.000003] 6.6.0 #1 Not tainted
[   11.000004] ------------------------------------------------------
[   11.000005] loader/90 is trying to acquire lock:
[   11.000006] ffff888000000100 ({first}){{+.+.}}-{{3:3}}, at: press_load+0x20/0x60
[   11.000007] 
[   11.000008] but task is already holding lock:
[   11.000009] ffff888000000200 ({second}){{+.+.}}-{{3:3}}, at: press_load+0x10/0x60
[   11.000010] 
[   11.000011] which lock already depends on the new lock.
[   11.000012] 
[   11.000013] the existing dependency chain (in reverse order) is:
[   11.000014] 
[   11.000015] -> #1 ({second}){{+.+.}}-{{3:3}}:
[   11.000016]        __mutex_lock+0x10/0x20
[   11.000017]        {outer}+0x10/0x20
[   11.000018]        load_store+0x10/0x20
[   11.000019] 
[   11.000020] -> #0 ({first}){{+.+.}}-{{3:3}}:
[   11.000021]        __lock_acquire+0x10/0x20
[   11.000022]        press_load+0x20/0x60
[   11.000023] 
[   11.000024] other info that might help us debug this:
[   11.000025] 1 lock held by loader/90:
[   11.000026]  #0: ffff888000000200 ({second}){{+.+.}}-{{3:3}}, at: press_load+0x10/0x60
[   11.000027] 
[   11.000028] stack backtrace:
[   11.000029] CPU: 0 PID: 90 Comm: loader Not tainted 6.6.0 #1
[   11.000030] Call Trace:
[   11.000031]  dump_stack_lvl+0x10/0x20
[   11.000032]  check_noncircular+0x10/0x20
[   11.000033]  __lock_acquire+0x10/0x20
[   11.000034]  __mutex_lock+0x10/0x20
[   11.000035]  press_load+0x20/0x60
[   11.000036]  load_store+0x10/0x20
"
    )
}

fn checks(explanation: &Explanation) -> Vec<&str> {
    explanation.findings.iter().filter(|f| f.agrees).map(|f| f.finding.check.as_str()).collect()
}

#[test]
fn a_circle_is_the_finding_about_its_two_locks() {
    let explanation = explained(PRESS, &circular("&p->jaw", "&p->feed", "press_close"));
    assert_eq!(checks(&explanation), ["lock-order"], "{explanation:#?}");
    let text = explanation_text(&explanation);
    assert!(text.contains("locks of the report: `&p->jaw`, `&p->feed`\n  a static finding agrees: lock-order ("), "{text}");
}

#[test]
fn a_circle_of_other_locks_is_not() {
    let explanation = explained(PRESS, &circular("&p->jaw", "&p->brake", "press_close"));
    assert_eq!(checks(&explanation), [""; 0]);
    let text = explanation_text(&explanation);
    assert!(
        text.contains(
            "no static finding agrees:\n    `&p->brake`: `press_close` (drivers/press/press.c:11) does not take it by this name\n"
        ),
        "{text}"
    );
}

#[test]
fn a_function_that_the_tree_lacks_is_the_reason() {
    let mended = PRESS.replace("\tmutex_lock(&p->feed);\n\tmutex_lock(&p->jaw);\n", "\tmutex_lock(&p->jaw);\n\tmutex_lock(&p->feed);\n");
    let text = explanation_text(&explained(&mended, &circular("&p->jaw", "&p->feed", "press_shut")));
    assert!(text.contains("    `press_shut`, where `&p->feed` is taken, is not in this tree\n"), "{text}");
    let text = explanation_text(&explained(&mended, &circular("&p->jaw", "&p->feed", "press_close")));
    assert!(text.contains("no static finding agrees:\n    the tree has its functions and calls"), "{text}");
    let text = explanation_text(&explained(&mended, &circular("&p->jaw", "(work_completion)(&p->job)", "press_close")));
    assert!(text.contains("`(work_completion)(&p->job)` stands for waiting for a work item"), "{text}");
}

#[test]
fn a_lock_in_an_interrupt_is_the_finding_about_it() {
    let report = "\
[   21.000001] ================================
[   21.000002] WARNING: inconsistent lock state
[   21.000003] 6.6.0 #1 Not tainted
[   21.000004] --------------------------------
[   21.000005] inconsistent {HARDIRQ-ON-W} -> {IN-HARDIRQ-W} usage.
[   21.000006] swapper/0/0 [HC1[1]:SC0[0]:HE0:SE1] takes:
[   21.000007] ffff888000000100 (&p->count_lock){?.+.}-{2:2}, at: press_irq+0x20/0x60
[   21.000008] {HARDIRQ-ON-W} state was registered at:
[   21.000009]   lock_acquire+0x10/0x20
[   21.000010]   _raw_spin_lock+0x10/0x20
[   21.000011]   press_tell+0x10/0x20
[   21.000012]   count_show+0x10/0x20
[   21.000013] irq event stamp: 100
[   21.000014] other info that might help us debug this:
[   21.000015]  *** DEADLOCK ***
[   21.000016] no locks held by swapper/0/0.
[   21.000017] stack backtrace:
[   21.000018] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.6.0 #1
[   21.000019] Call Trace:
[   21.000020]  <IRQ>
[   21.000021]  dump_stack_lvl+0x10/0x20
[   21.000022]  mark_lock+0x10/0x20
[   21.000023]  __lock_acquire+0x10/0x20
[   21.000024]  _raw_spin_lock+0x10/0x20
[   21.000025]  press_irq+0x20/0x60
[   21.000026]  __handle_irq_event_percpu+0x20/0x60
[   21.000027]  </IRQ>
";
    let explanation = explained(PRESS, report);
    assert_eq!(checks(&explanation), ["irq-unsafe-lock"], "{}", explanation_text(&explanation));
    let mended = PRESS.replace("spin_lock(&p->count_lock);\n\tp->count++", "spin_lock_irq(&p->count_lock);\n\tp->count++");
    assert_eq!(checks(&explained(&mended, report)), [""; 0]);
}

#[test]
fn a_pointer_outside_its_section_is_the_finding_in_that_function() {
    let report = "\
[   31.000001] =============================
[   31.000002] WARNING: suspicious RCU usage
[   31.000003] 6.6.0 #1 Not tainted
[   31.000004] -----------------------------
[   31.000005] drivers/press/press.c:71 suspicious rcu_dereference_check() usage!
[   31.000006] 
[   31.000007] other info that might help us debug this:
[   31.000008] 
[   31.000009] rcu_scheduler_active = 2, debug_locks = 1
[   31.000010] no locks held by prober/70.
[   31.000011] 
[   31.000012] stack backtrace:
[   31.000013] CPU: 1 PID: 70 Comm: prober Not tainted 6.6.0 #1
[   31.000014] Call Trace:
[   31.000015]  dump_stack_lvl+0x10/0x20
[   31.000016]  lockdep_rcu_suspicious+0x10/0x20
[   31.000017]  press_heat+0x10/0x20
[   31.000018]  press_probe+0x10/0x20
";
    let explanation = explained(PRESS, report);
    assert_eq!(checks(&explanation), ["rcu-misuse"], "{}", explanation_text(&explanation));
    let mended = PRESS.replace("return heat + plate->heat", "return heat");
    let explanation = explained(&mended, report);
    assert_eq!(checks(&explanation), [""; 0]);
    assert!(explanation_text(&explanation).contains("no static finding agrees:\n"));
}
