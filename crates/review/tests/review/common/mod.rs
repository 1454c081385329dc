//! A small kernel folder, mails that change it, and an analyser that knows one mistake: a mutex taken while a spinlock is held.

use cuthere_base::{Confidence, Finding, Step};
use cuthere_mail::{Hint, Thread, read_thread};
use cuthere_review::{Analyser, Analysis, Options, Review, review};
use cuthere_tree::{OpenOptions, Tree};
use std::fs;

pub const FILE: &str = "drivers/gadget/gadget.c";

pub const CLEAN: &str = "\
#include <linux/gadget.h>

static int gadget_ready(struct gadget *g)
{
	return g->count > 0;
}

void gadget_tick(struct gadget *g)
{
	spin_lock(&g->lock);
	g->count++;
	g->ticks++;
	spin_unlock(&g->lock);
}

void gadget_reset(struct gadget *g)
{
	spin_lock(&g->lock);
	g->count = 0;
	spin_unlock(&g->lock);
}

int gadget_count(struct gadget *g)
{
	int count;

	mutex_lock(&g->config);
	count = g->count;
	mutex_unlock(&g->config);
	return count;
}
";

/// The mistake, in `gadget_tick`.
pub fn bad() -> String {
    CLEAN.replace("\tg->ticks++;\n", "\tmutex_lock(&g->config);\n\tg->ticks++;\n\tmutex_unlock(&g->config);\n")
}

/// The same mistake by way of a helper.
pub fn helper() -> String {
    let helper =
        "static void gadget_account(struct gadget *g)\n{\n\tmutex_lock(&g->config);\n\tg->ticks++;\n\tmutex_unlock(&g->config);\n}\n\n";
    CLEAN.replace("\tg->ticks++;\n", "\tgadget_account(g);\n").replace("void gadget_tick", &format!("{helper}void gadget_tick"))
}

/// The mistake in `gadget_reset` as well.
pub fn twice(text: &str) -> String {
    text.replace("\tg->count = 0;\n", "\tmutex_lock(&g->config);\n\tg->count = 0;\n\tmutex_unlock(&g->config);\n")
}

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Folder {
        let dir = tempfile::tempdir().expect("temporary folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("has a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        Folder(dir)
    }

    pub fn tree(&self) -> Tree {
        Tree::open_dir(self.0.path(), &OpenOptions::default()).expect("a folder")
    }
}

/// A unified diff of one hunk.
pub fn diff(path: &str, old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count().min(a.len().min(b.len()) - head);
    let (from, to_a, to_b) = (head.saturating_sub(3), (a.len() - tail + 3).min(a.len()), (b.len() - tail + 3).min(b.len()));
    let function = a[..head].iter().rev().find(|l| l.starts_with(|c: char| c.is_alphabetic())).copied().unwrap_or_default();
    let mut out = format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n");
    out += &format!("@@ -{},{} +{},{} @@ {function}\n", from + 1, to_a - from, from + 1, to_b - from);
    a[from..head].iter().for_each(|l| out += &format!(" {l}\n"));
    a[head..a.len() - tail].iter().for_each(|l| out += &format!("-{l}\n"));
    b[head..b.len() - tail].iter().for_each(|l| out += &format!("+{l}\n"));
    b[b.len() - tail..to_b].iter().for_each(|l| out += &format!(" {l}\n"));
    out
}

/// A mail with a patch.
pub fn mail(subject: &str, text: &str, diff: &str) -> String {
    format!(
        "From: Ann Author <ann@example.org>\nTo: linux-gadget@vger.example.org\nCc: Max Maintainer <max@example.org>\n\
         Subject: {subject}\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nMessage-ID: <{}@example.org>\n\n{text}\n\n\
         Signed-off-by: Ann Author <ann@example.org>\n---\n drivers/gadget/gadget.c | 3 +++\n\n{diff}-- \n2.47.0\n",
        subject.bytes().map(u32::from).sum::<u32>()
    )
}

pub fn thread(mails: &[String]) -> Thread {
    let mbox: String = mails.iter().map(|m| format!("From ann@example.org Mon Mar  2 10:00:00 2026\n{m}\n")).collect();
    read_thread(mbox.as_bytes(), Hint::Auto)
}

/// Reviews mails over one file.
pub fn run(text: &str, mails: &[String]) -> Review {
    let folder = Folder::new(&[(FILE, text)]);
    review(&thread(mails), folder.tree(), &Fake, &Options::default()).expect("a tree")
}

/// Finds `mutex_lock` under `spin_lock`, also through one function of the same file.
pub struct Fake;

impl Analyser for Fake {
    fn analyse(&self, tree: &Tree, paths: &[String]) -> Analysis {
        let mut findings = Vec::new();
        for path in paths {
            let text = tree.read_path(path).expect("readable").expect("there").into_owned();
            look(path, &String::from_utf8_lossy(&text), &mut findings);
        }
        Analysis { findings, functions: 4, functions_complete: 4 }
    }

    fn checks(&self) -> Vec<String> {
        vec!["sleep-in-atomic".into()]
    }
}

fn look(path: &str, text: &str, out: &mut Vec<Finding>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut function = String::new();
    let mut sleepers: Vec<(String, u32)> = Vec::new();
    let mut locked: Option<u32> = None;
    for (n, line) in lines.iter().enumerate() {
        let number = n as u32 + 1;
        if !line.starts_with(['\t', ' ', '{', '}', '#']) && line.contains('(') {
            function = line.split('(').next().unwrap_or_default().rsplit([' ', '*']).next().unwrap_or_default().to_owned();
            locked = None;
        }
        if line.contains("spin_lock(") {
            locked = Some(number);
        }
        if line.contains("spin_unlock(") {
            locked = None;
        }
        let step = |line: u32, function: &str, text: &str| Step {
            file: path.into(),
            line,
            column: 2,
            function: function.into(),
            thread: None,
            text: text.into(),
        };
        let finding = |line: u32, place: &str, steps: Vec<Step>| Finding {
            check: "sleep-in-atomic".into(),
            confidence: Confidence::High,
            file: path.into(),
            line,
            column: 2,
            function: place.into(),
            message: "`mutex_lock()` may sleep with `g->lock` held".into(),
            steps,
            assumes: Vec::new(),
            locks: vec!["g->lock".into()],
            context: "task, preemption disabled".into(),
            fingerprint: format!("{path}:{place}:mutex_lock"),
        };
        if line.contains("mutex_lock(") {
            match locked {
                None => sleepers.push((function.clone(), number)),
                Some(taken) => out.push(finding(
                    number,
                    &function,
                    vec![step(taken, &function, "`spin_lock(&g->lock)` taken here"), step(number, &function, "`mutex_lock()` sleeps")],
                )),
            }
        }
        if let (Some(taken), Some((callee, at))) = (locked, sleepers.iter().find(|(name, _)| line.contains(&format!("{name}(")))) {
            let call = format!("calls `{callee}()`");
            out.push(finding(
                *at,
                callee,
                vec![
                    step(taken, &function, "`spin_lock(&g->lock)` taken here"),
                    step(number, &function, &call),
                    step(*at, callee, "`mutex_lock()` sleeps"),
                ],
            ));
        }
    }
}
