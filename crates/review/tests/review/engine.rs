//! Reviews with the real analysis behind them.

use crate::common::{CLEAN, FILE, Folder, bad, diff, helper, mail, thread};
use cuthere_kernel::Model;
use cuthere_review::{Engine, Options, ReplyOptions, Review, Verdict, reply, review};
use cuthere_tree::Tree;

/// The sample with the types that the analysis needs.
fn whole(text: &str) -> String {
    let types = "struct gadget {\n\tspinlock_t lock;\n\tstruct mutex config;\n\tint count;\n\tint ticks;\n};\n";
    text.replace("#include <linux/gadget.h>\n", types)
}

fn run(old: &str, new: &str, subject: &str) -> (Review, Option<String>) {
    let model = Model::builtin();
    let analyse = |tree: &Tree, options: &cuthere_checks::Options| cuthere_checks::run(tree, &model, options, &cuthere_checks::Quiet);
    let engine = Engine { run: &analyse, config: Default::default(), only: vec!["sleep-in-atomic".to_owned()], bh_lock: false };
    let (old, new) = (whole(old), whole(new));
    let folder = Folder::new(&[(FILE, &old)]);
    let thread = thread(&[mail(subject, "", &diff(FILE, &old, &new))]);
    let options = Options { shapes: model.shapes(), ..Options::default() };
    let review = review(&thread, folder.tree(), &engine, &options).expect("a tree");
    let reply = reply(&review, &thread, &ReplyOptions::default());
    (review, reply)
}

#[test]
fn a_sleeping_lock_under_a_spinning_one_is_introduced() {
    let (review, reply) = run(CLEAN, &bad(), "[PATCH] gadget: count ticks");
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (1, 0, 0), "{review:?}");
    let remark = review.introduced.first().expect("one");
    assert_eq!((remark.finding.check.as_str(), remark.finding.function.as_str()), ("sleep-in-atomic", "gadget_tick"));
    assert_eq!(remark.hunk.as_ref().map(|h| h.hunk), Some(1));
    assert!(reply.is_some_and(|text| text.contains("\n> +\tmutex_lock(&g->config);\n")));
    assert!(review.scope.functions >= 4);
}

#[test]
fn its_removal_is_a_fix() {
    let (review, reply) = run(&bad(), CLEAN, "[PATCH] gadget: fix sleeping in atomic context");
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 1, 0), "{review:?}");
    assert_eq!(review.patches.first().and_then(|p| p.claim.as_ref()).map(|c| c.verdict), Some(Verdict::Fixed));
    assert_eq!(reply, None);
}

#[test]
fn its_move_into_a_helper_is_none() {
    let (review, reply) = run(&bad(), &helper(), "[PATCH] gadget: fix sleeping in atomic context");
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 0, 1), "{review:?}");
    assert_eq!(review.patches.first().and_then(|p| p.claim.as_ref()).map(|c| c.verdict), Some(Verdict::Moved));
    assert!(reply.is_some());
}
