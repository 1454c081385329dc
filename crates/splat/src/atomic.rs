//! Code that ran in a context that forbids it: sleeping or scheduling in atomic context, per-CPU data with preemption enabled,
//! spinlock debugging, work items that leave a lock behind.

use crate::body::Body;
use crate::guilty::{canonical, pick};
use crate::segment::Segment;
use crate::types::Kind;
use crate::verdict::Verdict;

/// Reads a report of this family.
pub fn read(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    match segment.kind {
        Kind::SleepingFunction => {
            Verdict::new(segment.kind, "BUG: sleeping function called from invalid context in %", pick(body.main(), &[]))
        }
        Kind::SchedulingWhileAtomic => Verdict::new(segment.kind, "BUG: scheduling while atomic in %", pick(body.main(), &["schedule"])),
        Kind::PreemptiblePercpu => {
            let what = opening.split_once("BUG: using ").and_then(|(_, r)| r.split_once('(')).map_or("smp_processor_id", |(w, _)| w);
            Verdict::new(segment.kind, format!("BUG: using {what}() in preemptible code in %"), pick(body.main(), &["preempt"]))
        }
        Kind::SpinlockBug => {
            let rest = opening.split_once("BUG: ").map_or("", |(_, r)| r);
            // `spinlock bad magic on CPU#0, comm/12`: the words before the place.
            let words = rest.split(" on CPU").next().unwrap_or(rest).split(',').next().unwrap_or(rest).trim();
            Verdict::new(segment.kind, format!("BUG: {words} in %"), pick(body.main(), &["spinlock"]))
        }
        _ => {
            let function = segment.lines.iter().skip(segment.header).take(6).find_map(|(_, t)| {
                let (_, rest) = t.split_once("last function: ")?;
                rest.split(['+', ' ', '.']).next().filter(|f| !f.is_empty()).map(canonical)
            });
            Verdict::bare(segment.kind, "BUG: workqueue leaked lock or atomic in %", function)
        }
    }
}
