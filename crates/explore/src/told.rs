//! What was found, in the words of the program: places for positions, names for addresses, and the steps of the shown execution.

use crate::code::{CallSite, Ins};
use crate::fault::{Fault, FaultKind, Wait};
use crate::machine::{Machine, Recorded};
use crate::memory::Site;
use crate::naming::Names;
use crate::outcome::{FoundAccess, FoundFault, FoundWait, Outcome, Place, ThreadInfo, TraceStep};
use crate::primitives::Prim;
use crate::remarks::prim_of;
use crate::run::Run;
use crate::schedule::Schedule;
use crate::thread::{Level, Status};
use cuthere_base::FileId;
use cuthere_cfront::program::FileText;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// Lines of source around a step that a page shows.
const AROUND: u32 = 4;
/// Places of one execution that have their source shown.
const PLACES: usize = 500;
/// Calls that are shown on the way to a fault.
const CALLERS: usize = 6;
/// Faults that have their cause in the calls that lead to them.
const ALONE: [FaultKind; 3] = [FaultKind::NullDeref, FaultKind::WildAccess, FaultKind::SleepInAtomic];
/// Values that are told of the line of a fault.
const OPERANDS: usize = 8;

impl Run<'_> {
    pub fn collect(&mut self, outcome: &mut Outcome, faults: Vec<Fault>, schedule: Option<&Schedule>) {
        for fault in faults {
            let place = self.place(fault.site);
            // One that rests on nothing is the better one.
            let same = outcome.faults.iter().position(|f| f.fault.kind == fault.kind && f.place == place);
            if same.is_some_and(|at| outcome.faults[at].guess.is_none() || fault.guess != 0) {
                continue;
            }
            let schedule = match schedule {
                Some(s) => s.clone(),
                None => self.schedule(fault.site.event),
            };
            let choosers = self.choosers(fault.site.event);
            let found = FoundFault { choosers, ..self.describe(fault, schedule, place, &Names::default()) };
            match same {
                Some(at) => outcome.faults[at] = found,
                None => outcome.faults.push(found),
            }
        }
        let key = |f: &FoundFault| (f.guess.is_some(), f.fault.kind);
        outcome.faults.sort_by(|a, b| (key(a), &a.place).cmp(&(key(b), &b.place)));
    }

    fn describe(&self, fault: Fault, schedule: Schedule, place: Place, names: &Names) -> FoundFault {
        let m = &self.machine;
        let by = |site: Site| (self.place(site), self.thread_name(usize::from(site.thread)));
        let thread = usize::from(fault.site.thread);
        let lock = |key: u64, written: &str| match key >> 32 {
            0 => written.to_owned(),
            _ => names.lock(m, key, written).unwrap_or_else(|| written.to_owned()),
        };
        let object = m.link.mem.known(fault.addr).map(|o| o.addr);
        let calls = |stack: Option<&Vec<Site>>| stack.map_or(Vec::new(), |stack| stack.iter().map(|&s| self.place(s)).collect());
        let born = m.lives.births.iter().rev().find(|l| Some(l.0) == object).map(|l| &l.1);
        let died = m.lives.deaths.iter().rev().find(|death| Some(death.addr) == object);
        // What the scenario itself starts is no news.
        let own = |site: &Site| self.call_at(*site).is_some_and(|call| call.name.as_str().starts_with("cuthere_"));
        let armed = m.lives.starts.iter().find(|start| start.0 == thread).map(|start| &start.1);
        let armed = armed.filter(|stack| !m.link.plain && !stack.first().is_none_or(own)).map(|stack| {
            let by = stack.first().map_or(String::new(), |site| self.thread_name(usize::from(site.thread)));
            (by, stack.iter().map(|&s| self.place(s)).collect())
        });
        // What is waited for, where it is not a lock.
        let ends = |wait: &Wait| {
            let of = wait.on.filter(|_| !wait.interrupted)?;
            Some(if m.link.plain { format!("thread {of}") } else { format!("the end of {}()", self.thread_name(of)) })
        };
        let wait = |wait: &Wait| FoundWait {
            thread: wait.stack.first().map_or(String::new(), |s| self.thread_name(usize::from(s.thread))),
            number: wait.stack.first().map_or(0, |s| usize::from(s.thread)),
            call: wait.call.clone(),
            lock: wait.lock.as_ref().map(|(key, written)| lock(*key, written)).or_else(|| ends(wait)),
            interrupted: wait.interrupted,
            by: wait.on.filter(|_| wait.interrupted).map(|n| self.thread_name(n)),
            beside: wait.beside,
            idle: wait.idle,
            stack: wait.stack.iter().map(|&s| self.place(s)).collect(),
            holder: wait.holder.map(|s| (usize::from(s.thread), self.thread_name(usize::from(s.thread)), self.place(s))),
            holder_ended: wait.holder.is_some_and(|s| m.threads.get(usize::from(s.thread)).is_some_and(|t| t.status == Status::Finished)),
        };
        let held = |held: &[(u64, String, Site)]| held.iter().map(|(key, name, s)| (lock(*key, name), self.place(*s))).collect();
        let beside = fault.beside.as_ref().map(|access| {
            let number = access.stack.first().map_or(0, |s| usize::from(s.thread));
            FoundAccess {
                write: access.write,
                thread: self.thread_name(number),
                number,
                cpu: m.threads.get(number).map_or(0, |t| t.cpu),
                context: m.threads.get(number).map_or("task", |t| context_name(t.level)),
                stack: access.stack.iter().map(|&s| self.place(s)).collect(),
                held: held(&access.held),
            }
        });
        FoundFault {
            stack: fault.stack.iter().map(|&s| self.place(s)).collect(),
            allocated: fault.allocated.filter(|s| s.function != u32::MAX).map(by),
            freed: fault.freed.filter(|s| s.function != u32::MAX).map(by),
            allocated_in: calls(born),
            freed_in: calls(died.map(|death| &death.stack)),
            freed_with: died.map(|death| held(&death.held)),
            armed,
            object: self.object_of(&fault, names),
            operands: Vec::new(),
            other: fault.other.map(|s| self.place(s)),
            beside,
            held: held(&fault.held),
            thread: self.thread_name(thread),
            number: thread,
            cpu: m.threads.get(thread).map_or(0, |t| t.cpu),
            context: m.threads.get(thread).map_or("task", |t| context_name(t.level)),
            plain: m.link.plain,
            guess: m.link.guesses.name(fault.guess).map(str::to_owned),
            waits: fault.waits.iter().map(wait).collect(),
            choosers: Vec::new(),
            fault,
            schedule,
            place,
        }
    }

    /// What a fault is about. Of a lock that is being taken, given back or asked for, no part.
    fn object_of(&self, fault: &Fault, names: &Names) -> Option<String> {
        let m = &self.machine;
        let locked = self.call_at(fault.site).filter(|call| locks(m, call) || fault.kind == FaultKind::LockMisuse).and_then(|call| {
            let written = call.given.first().map_or("", |given| given.text.as_str());
            names.lock(m, fault.addr, written).map(|lock| lock.trim_start_matches('&').to_owned())
        });
        locked.or_else(|| names.place(m, fault.addr, 1).map(|p| p.0))
    }

    /// The call that a place is.
    fn call_at(&self, site: Site) -> Option<&CallSite> {
        let code = self.machine.code_of(site)?;
        match code.ins.get(site.pc as usize) {
            Some(&Ins::Call { site }) => code.sites.get(site as usize),
            _ => None,
        }
    }

    fn thread_name(&self, t: usize) -> String {
        self.machine.threads.get(t).map_or(String::new(), |u| u.name.as_str().to_owned())
    }

    fn place(&self, site: Site) -> Place {
        place_of(&self.machine, site)
    }

    /// Tells the execution that was just replayed, and the gravest fault as it happened there.
    pub fn show(&mut self, outcome: &mut Outcome, schedule: &Schedule) {
        let records: Vec<Recorded> = self.machine.record.take().unwrap_or_default();
        let names = Names::of(&self.machine, &records);
        let again = outcome.faults.first().and_then(|first| {
            let same = |f: &&Fault| f.kind == first.fault.kind && self.place(f.site) == first.place;
            self.machine.faults.iter().find(same).cloned().map(|fault| (fault, first.place.clone()))
        });
        if let Some((fault, place)) = again {
            outcome.faults[0] = self.describe(fault, schedule.clone(), place, &names);
        }
        let target = outcome.faults.first().and_then(|f| self.machine.link.mem.known(f.fault.addr)).map(|o| o.addr);
        let mut lines = Lines::default();
        let fault_at = outcome.faults.first().map(|f| f.fault.addr);
        // A program that has come to no second thread is all there is to show.
        let alone = self.machine.link.plain && records.iter().all(|r| r.setup);
        let asleep = self.fallings_asleep(outcome, &records);
        for (n, r) in records.iter().enumerate().filter(|(_, r)| alone || !(r.setup && r.site.thread == 0)) {
            let site = r.outer.unwrap_or(r.site);
            let text = lines.text(&self.machine, site);
            let freed = || names.freed(&self.machine, n, r, target?, &text);
            let beside = || self.taken(outcome, &names, r, &text).or_else(|| self.woken(outcome, n));
            let value = names.step(&self.machine, n, r).or_else(freed).or_else(beside);
            outcome.trace.push(TraceStep {
                thread: usize::from(r.site.thread),
                place: self.place(site),
                inner: self.place(r.site),
                depth: r.depth,
                text,
                value,
                addr: r.addr,
                write: r.write,
                visible: r.visible || asleep.contains(&n),
                about: asleep.contains(&n)
                    || alone && r.addr != 0 && Some(r.addr) == fault_at
                    || r.value.is_some_and(|v| target.is_some() && self.machine.link.mem.known(v as u64).map(|o| o.addr) == target),
                event: r.site.event,
                waits: None,
            });
        }
        self.operands(outcome, &names, &mut lines);
        self.callers(outcome, &names, &mut lines);
        let waits = self.waiting(outcome, &mut lines);
        outcome.trace.extend(waits);
        for thread in self.machine.threads.iter() {
            let context = context_name(thread.level);
            outcome.threads.push(ThreadInfo { name: thread.name.as_str().to_owned(), cpu: thread.cpu, context });
        }
        self.sources(outcome, &records, &mut lines);
    }

    /// What the line of the fault works with: what it has read, and its variables.
    fn operands(&self, outcome: &mut Outcome, names: &Names, lines: &mut Lines) {
        let Some(found) = outcome.faults.first_mut().filter(|f| f.fault.kind != FaultKind::Deadlock) else { return };
        let thread = found.number;
        let own = self.machine.threads.get(thread).and_then(|u| u.frames.iter().rev().find(|f| !f.code.header));
        let site = own.map_or(found.fault.site, |f| Site { function: f.id.0, pc: f.pc, ..found.fault.site });
        let (place, text) = (self.place(site), lines.text(&self.machine, site));
        let asserts = matches!(found.fault.kind, FaultKind::Assertion | FaultKind::RefcountUnderflow);
        let m = &self.machine;
        let told = |&word: &u64| {
            let (name, ty) = names.place(m, word, 8)?;
            Some(format!("{name} == {}", names.value(m, m.link.mem.peek_int(word, 8)?, ty, usize::MAX)))
        };
        let mut out: Vec<String> = found.fault.words.iter().filter_map(told).collect();
        let of_thread = outcome.trace.iter().rev().filter(|s| s.thread == thread && s.visible);
        for step in of_thread.take_while(|s| s.place == place).filter(|s| !s.write && asserts) {
            if let Some(value) = step.value.as_ref().filter(|value| !out.contains(value)) {
                out.insert(0, value.clone());
            }
        }
        for variable in names.variables(&self.machine, thread, &text, !asserts) {
            if !out.contains(&variable) {
                out.push(variable);
            }
        }
        out.truncate(OPERANDS);
        found.operands = out;
    }

    /// The calls that lead to a fault which one thread alone explains, put before its last step, with the pointers that they hand on.
    fn callers(&self, outcome: &mut Outcome, names: &Names, lines: &mut Lines) {
        let Some(found) = outcome.faults.first().filter(|f| ALONE.contains(&f.fault.kind)) else { return };
        let Some(last) = outcome.trace.iter().rposition(|s| s.visible && s.thread == found.number) else { return };
        let mut steps = Vec::new();
        // From where its thread was seen last.
        let seen = outcome.trace[..last].iter().rposition(|s| s.visible && s.thread == found.number);
        let from =
            seen.and_then(|at| (1..found.fault.stack.len()).find(|&depth| self.place(found.fault.stack[depth]) == outcome.trace[at].place));
        if let (Some(at), Some(_)) = (seen, from) {
            outcome.trace[at].about = true;
        }
        for (depth, &site) in found.fault.stack.iter().enumerate().take(from.unwrap_or(usize::MAX)).skip(1).take(CALLERS) {
            if self.machine.code_of(site).is_none_or(|code| code.header) {
                continue;
            }
            let text = lines.text(&self.machine, site);
            let values = names.variables_of(&self.machine, found.number, depth, &text, true);
            steps.push(TraceStep {
                thread: found.number,
                place: self.place(site),
                inner: self.place(site),
                depth: (found.fault.stack.len() - depth) as u16,
                text,
                value: (!values.is_empty()).then(|| values.join(", ")),
                addr: 0,
                write: false,
                visible: true,
                about: true,
                event: site.event,
                waits: None,
            });
        }
        steps.reverse();
        outcome.trace.splice(last..last, steps);
    }

    /// The lines at which threads of a deadlock wait.
    fn waiting(&self, outcome: &Outcome, lines: &mut Lines) -> Vec<TraceStep> {
        let Some(found) = outcome.faults.first() else { return Vec::new() };
        let mut out = Vec::new();
        for (wait, told) in found.fault.waits.iter().zip(&found.waits).filter(|(wait, _)| !wait.beside || wait.idle) {
            let Some(&inner) = wait.stack.first() else { continue };
            // Where the program's own function waits, not a header's.
            let own = wait.stack.iter().copied().find(|&s| self.machine.code_of(s).is_some_and(|code| !code.header));
            let site = own.unwrap_or(inner);
            let lock = match (&told.lock, told.interrupted) {
                (_, true) => told.by.as_ref().map_or("interrupted".to_owned(), |by| format!("interrupted by {by}()")),
                (Some(lock), _) => format!("waits for {lock}"),
                _ if told.idle => "sleeps".to_owned(),
                _ => "waits".to_owned(),
            };
            let holder = told.holder.as_ref().map_or(String::new(), |(n, name, _)| match found.plain {
                _ if *n == told.number => ", held by itself".to_owned(),
                true => format!(", held by thread {n}"),
                false => format!(", held by {name}()"),
            });
            let holder = if told.holder_ended { format!("{holder}, which has ended") } else { holder };
            out.push(TraceStep {
                thread: usize::from(site.thread),
                place: self.place(site),
                inner: self.place(inner),
                depth: wait.stack.len() as u16,
                text: lines.text(&self.machine, site),
                value: None,
                addr: 0,
                write: false,
                visible: true,
                about: true,
                event: site.event,
                waits: Some(format!("{lock}{holder}")),
            });
        }
        out
    }

    /// The source around the steps.
    fn sources(&self, outcome: &mut Outcome, records: &[Recorded], lines: &mut Lines) {
        let alone = self.machine.link.plain && records.iter().all(|r| r.setup);
        let waiting =
            outcome.faults.first().map_or(Vec::new(), |f| f.fault.waits.iter().filter_map(|w| w.stack.first().copied()).collect());
        let steps = records.iter().filter(|r| r.visible && (alone || !r.setup)).map(|r| r.outer.unwrap_or(r.site));
        let mut seen = std::collections::BTreeSet::new();
        for site in steps.chain(waiting) {
            let place = self.place(site);
            if place.line == 0 || seen.len() >= PLACES || !seen.insert((place.file.clone(), place.line)) {
                continue;
            }
            let of_file = outcome.sources.entry(place.file).or_default();
            for line in place.line.saturating_sub(AROUND).max(1)..=place.line + AROUND {
                if !of_file.contains_key(&line)
                    && let Some(text) = lines.line(&self.machine, site, line)
                {
                    of_file.insert(line, text);
                }
            }
        }
    }
}

/// Whether a call takes a lock or gives it back.
fn locks(m: &Machine<'_>, call: &CallSite) -> bool {
    matches!(prim_of(m, call), Some(Prim::Lock(_) | Prim::RwUnlock))
}

pub(crate) fn context_name(level: Level) -> &'static str {
    match level {
        Level::Task => "task",
        Level::Softirq => "softirq",
        Level::Hardirq => "hardirq",
    }
}

/// File, function and line of a site.
pub(crate) fn place_of(m: &Machine<'_>, site: Site) -> Place {
    match m.code_of(site) {
        Some(code) => Place {
            function: code.name.as_str().to_owned(),
            file: m.link.program.source.path(code.file).to_owned(),
            line: code.locs.get(site.pc as usize).map_or(0, |l| l.line),
        },
        None => Place { function: "callback".to_owned(), ..Place::default() },
    }
}

/// Lines of files that a trace shows, each file read and divided once.
#[derive(Default)]
struct Lines {
    files: FxHashMap<FileId, (FileText, Vec<usize>)>,
}

impl Lines {
    /// The line of a step, without the blanks around it.
    fn text(&mut self, m: &Machine<'_>, site: Site) -> String {
        let line = m.code_of(site).and_then(|code| code.locs.get(site.pc as usize)).map_or(0, |l| l.line);
        self.line(m, site, line).map_or(String::new(), |text| text.trim().to_owned())
    }

    /// A line of the file that a step lies in.
    fn line(&mut self, m: &Machine<'_>, site: Site, line: u32) -> Option<String> {
        let code = m.code_of(site)?;
        let (text, starts) = match self.files.entry(code.file) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let text = m.link.program.text(code.file).ok()?;
                let ends = text.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
                let starts = std::iter::once(0).chain(ends).collect();
                new.insert((text, starts))
            }
        };
        let index = line.checked_sub(1)? as usize;
        let &start = starts.get(index)?;
        let end = starts.get(index + 1).map_or(text.bytes.len(), |next| next - 1);
        Some(String::from_utf8_lossy(text.bytes.get(start..end)?).into_owned())
    }
}
