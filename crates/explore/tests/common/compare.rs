//! The reducing search held against those that do not reduce, program by program.

use cuthere_explore::{MemoryModel, Options, Outcome, OutcomeKind, StrategyKind};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Executions of the search without reduction, and of random schedules where they were not enough.
const EVERY: u64 = 20_000;
const RANDOM: u64 = 2_000;

/// Does this for each seed, on all cores, and gives what differs in the order of the seeds.
pub fn for_seeds(seeds: std::ops::Range<u64>, programs: impl Fn(u64) -> Vec<String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let found = programs(seed);
            if !found.is_empty() {
                wrong.lock().expect("no test has panicked").push((seed, found));
            }
        }
    };
    thread::scope(|scope| (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work))));
    let mut wrong = wrong.into_inner().expect("no test has panicked");
    wrong.sort();
    wrong.into_iter().flat_map(|(_, found)| found).collect()
}

fn faults(outcome: &Outcome) -> BTreeSet<(&'static str, u32)> {
    // Which of the waiting threads a deadlock is told of is the first one's number; where each of them waits is not compared.
    outcome.faults.iter().map(|f| (f.fault.kind.id(), if f.fault.kind.id() == "deadlock" { 0 } else { f.place.line })).collect()
}

/// What the searches find in a program that is a plain one or not. `Err`: where they differ.
pub fn compare(name: &str, seed: u64, text: &str, usual: &Options, run: &dyn Fn(&Options) -> Outcome) -> Result<(), String> {
    let options = Options { interrupts: 1, ..usual.clone() };
    let memory = options.memory;
    let reduced = run(&options);
    // The shown schedule leads to the shown fault, after it was shortened as well.
    if let Some(first) = reduced.faults.first() {
        let again = run(&Options { replay: Some(first.schedule.clone()), ..options.clone() });
        let same = again.faults.iter().any(|f| f.fault.kind == first.fault.kind && f.place == first.place);
        if !same {
            return Err(format!(
                "{name} program of seed {seed}: the schedule {} of {:?} gives {:?}\n{text}",
                first.schedule.encode(),
                faults(&reduced),
                faults(&again)
            ));
        }
    }
    if !reduced.complete || reduced.bounds.contains("faults") {
        return Ok(());
    }
    // Going back to a state remembered is as good as coming to it.
    let anew = run(&Options { anew: true, ..options.clone() });
    // The slower one may have run out of time. Where the search that knows states again was done first, the reducing one has not gone through all of its executions.
    let unlike = if anew.complete {
        faults(&anew) != faults(&reduced) || reduced.states == 0 && anew.executions != reduced.executions
    } else {
        !faults(&anew).is_subset(&faults(&reduced))
    };
    if unlike {
        let (mine, theirs) = ((reduced.executions, faults(&reduced)), (anew.executions, faults(&anew)));
        return Err(format!(
            "{name} program of seed {seed}: from the beginning each time {theirs:?}, from states remembered {mine:?}\n{text}"
        ));
    }
    // Where loops wait, and which orders come to the same, is nothing to the search that knows states again.
    if reduced.plain && memory == MemoryModel::Sc && !reduced.bounds.contains("unroll") {
        let states = run(&Options { strategy: StrategyKind::States, ..options.clone() });
        // The two find races by different means, and need not tell of the same two accesses.
        let races = [StrategyKind::Dpor, StrategyKind::States].map(|strategy| run(&Options { strategy, races: true, ..options.clone() }));
        let [racing, by_states] = races.each_ref().map(|outcome| outcome.faults.iter().any(|f| f.fault.kind.id() == "data-race"));
        if races[0].complete && races[1].complete && racing != by_states || by_states && !racing && races[0].complete {
            return Err(format!("{name} program of seed {seed}: a race by clocks {racing}, by states {by_states}\n{text}"));
        }
        if states.complete && faults(&states) != faults(&reduced) || !states.complete && !faults(&states).is_subset(&faults(&reduced)) {
            let (mine, theirs) = (faults(&reduced), faults(&states));
            return Err(format!("{name} program of seed {seed}: states show {theirs:?}, the reducing search {mine:?}\n{text}"));
        }
    }
    // Some from the beginning each time: what is remembered was compared above, for the search that reduces.
    let every = run(&Options { strategy: StrategyKind::Every, executions: EVERY, anew: seed.is_multiple_of(8), ..options.clone() });
    let told = |what: &str, other: &Outcome| {
        let (mine, theirs) = (faults(&reduced), faults(other));
        Err(format!("{name} program of seed {seed}: {what} finds {theirs:?}, the reducing search {mine:?}\n{text}"))
    };
    if every.complete {
        return if faults(&every) == faults(&reduced) { Ok(()) } else { told("enumeration", &every) };
    }
    let random = run(&Options { strategy: StrategyKind::Random, seed, executions: RANDOM, ..options });
    for other in [&every, &random] {
        if !faults(other).is_subset(&faults(&reduced)) || reduced.kind == OutcomeKind::None && !other.faults.is_empty() {
            return told("random scheduling", other);
        }
    }
    Ok(())
}
