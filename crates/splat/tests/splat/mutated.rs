//! Texts that are nearly crash reports, changed at random: each gives some reports, or none, with lines in order.

const SEEDS: &[&str] = &[
    "[    1.0] BUG: sleeping function called from invalid context at kernel/x.c:12\n[    1.0] in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 7, name: a\n\
     [    1.0] Call Trace:\n[    1.0]  <TASK>\n[    1.0]  dump_stack+0x1/0x2\n[    1.0]  ? foo_bar.isra.0+0x12/0x34 [mod]\n[    1.0]  </TASK>\n",
    "BUG: kernel NULL pointer dereference, address: 0000000000000018\nOops: 0000 [#1] PREEMPT SMP\nCPU: 1 PID: 2 Comm: b Not tainted 6.1.0 #1\n\
     RIP: 0010:walk+0x5/0x90\nRAX: 0000000000000000\nCall Trace:\n foo+0x1/0x2\n---[ end trace 0 ]---\n",
    "==================\nBUG: KASAN: slab-use-after-free in f+0x1/0x2\nRead of size 8 at addr ffff888000000000 by task a/1\n\nAllocated by task 1:\n kmalloc+0x1/0x2\n\n\
     Freed by task 2:\n kfree+0x1/0x2\n\nThe buggy address belongs to the object at ffff\n==================\n",
    "WARNING: possible circular locking dependency detected\n6.1.0 #1 Not tainted\n-----\na/1 is trying to acquire lock:\n\
     ffff (&x->l){+.+.}-{3:3}, at: f+0x1/0x2\n\nbut task is already holding lock:\nffff (&y->l){+.+.}-{2:2}, at: g+0x1/0x2\n\n-> #1 (&x->l){+.+.}:\n       f+0x1/0x2\n",
    "INFO: task a:12 blocked for more than 120 seconds.\n      Not tainted 6.1.0 #1\ntask:a state:D stack:0 pid:12\nCall Trace:\n schedule (kernel/sched/core.c:1 (discriminator 2) a.h:2)\n",
    "Internal error: Oops: 17 [#1] SMP ARM\npc : [<c0000000>]    lr : [<c0000000>]\nPC is at f+0x0/0x4\n[<c0000000>] (f) from [<c0000004>] (g+0x1/0x2)\n",
    "------------[ cut here ]------------\nWARNING: CPU: 0 PID: 1 at a/b.c:3 f+0x1/0x2\nModules linked in: a b\npstate: 0\npc : f+0x1/0x2\nlr : g+0x1/0x2\n",
];

const PIECES: &[&str] = &[
    "\n",
    "\r",
    " ",
    "\t",
    "[",
    "]",
    "(",
    ")",
    ":",
    "+0x",
    "/0x",
    "?",
    "<",
    ">",
    "#",
    "0",
    "ffffffffffffffff",
    "99999999999999999999",
    "Call Trace:\n",
    "RIP: ",
    "PID: ",
    "BUG: ",
    "WARNING: ",
    "Oops: ",
    "[    1.0] ",
    "> ",
    "=====\n",
    "-----\n",
    "\u{fffd}",
    "\u{130}",
    "ü",
    "\0",
];

#[test]
fn changed_reports_are_read() {
    cuthere_mutate::survive(SEEDS, PIECES, 20_000, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for splat in cuthere_splat::read(&text) {
            assert!(splat.lines.start <= splat.lines.end, "{splat:?}");
        }
    });
}
