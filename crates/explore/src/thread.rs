//! A thread of execution in its context: frames, registers, what it holds and what it waits for.

use crate::code::{Code, FnId, Reg};
use crate::event::{Footprint, ThreadSet};
use crate::memory::{GuessId, Site};
use cuthere_kernel::LockKind;
use std::rc::Rc;

/// How much a thread may read in a round of a loop that is then taken to wait.
const READS_MAX: usize = 64;

/// Where a thread runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Task,
    Softirq,
    Hardirq,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Has an operation to do.
    Ready,
    /// Not started: its start is its next operation.
    New,
    Finished,
    /// Ran into a fault and does not go on.
    Faulted,
    /// Cancelled before it started.
    Cancelled,
    /// Ran into a bound.
    Cut,
}

/// What a thread stops at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pending {
    /// An access to memory, which can always be done.
    Memory,
    /// The call that its next instruction is.
    Call,
    Start,
    /// The end of a callback, which others may wait for.
    End,
    /// A choice about an open value, if others have not decided it by then.
    Decide,
    /// A store reaches memory.
    Drain,
    /// Another round of a loop that only reads: it waits until what it reads has changed.
    Await,
}

pub struct Frame {
    pub code: Rc<Code>,
    pub id: FnId,
    pub pc: u32,
    pub regs: u32,
    pub slots: u32,
    /// Where the caller wants the result: a register of its frame.
    pub dst: Option<Reg>,
    pub dst_size: u32,
    pub loops: Vec<Loop>,
    /// No other thread runs until it returns.
    pub atomic: bool,
    /// What its result rests on, whatever it computes.
    pub guess: GuessId,
}

/// A backward jump of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    pub pc: u32,
    /// How often it was taken with an operation in between.
    pub count: u32,
    /// The thread's operations and effects when it was last taken, and a hash of the frame's registers.
    pub steps: u32,
    pub effects: u32,
    pub state: u64,
    /// How much the thread had read since its last effect, and how many writes of its own it had noted.
    pub reads: u32,
    pub own: u32,
}

/// A lock that a thread holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub key: u64,
    pub kind: LockKind,
    pub shared: bool,
    pub site: Site,
    pub name: cuthere_base::Symbol,
}

/// The parts of the context that primitives switch.
#[derive(Clone, Copy, Default, Debug)]
pub struct Context {
    pub preempt: i32,
    pub bh: i32,
    pub irq: bool,
    pub rcu: i32,
    pub pagefault: i32,
}

/// See the module.
pub struct Thread {
    pub status: Status,
    pub level: Level,
    pub cpu: u32,
    pub frames: Vec<Frame>,
    pub regs: Vec<i64>,
    /// The guesses that registers rest on, as far as there are any.
    pub guesses: Vec<GuessId>,
    pub slots: Vec<u64>,
    pub pending: Pending,
    pub footprint: Footprint,
    /// Whether its pending call writes depends on what is there when it is done.
    pub conditional: bool,
    /// Whether its pending call may have to wait. A call of which nobody has looked may.
    pub waits: bool,
    pub context: Context,
    pub held: Vec<Held>,
    /// Sections of the context it is in, and where they began.
    pub sections: Vec<(cuthere_kernel::CtxPart, Site)>,
    /// Saved interrupt state of `irqsave` sections, innermost last.
    pub saved_irq: Vec<bool>,
    /// Whether it has set itself to sleep: it does so at the next `schedule()`.
    pub sleeping: bool,
    /// Operations done that could be scheduling points.
    pub ops: u64,
    /// Result of an operation that is decided when it is done.
    pub choices: u16,
    /// What runs when it starts, with its argument.
    pub entry: (FnId, i64),
    pub entry2: i64,
    /// The callback object that it belongs to, 0 for none.
    pub callback: u64,
    /// Readers that must be gone before it may start (RCU callbacks), by thread.
    pub waits_for: ThreadSet,
    /// SRCU domains it reads, with nesting.
    pub srcu: Vec<(u64, i32)>,
    /// A second step of a primitive that waits.
    pub phase: u8,
    pub task: u64,
    pub should_stop: bool,
    /// An assumption did not hold: this execution was not meant.
    pub assumed: bool,
    pub creator: (usize, u32),
    pub children: u32,
    pub name: cuthere_base::Symbol,
    pub result: i64,
    /// It may be waiting for ever (kernel threads that serve).
    pub daemon: bool,
    /// It empties this buffer, and does nothing else.
    pub drains: Option<usize>,
    /// It waits until its buffer is empty.
    pub draining: bool,
    /// How far it is with what takes several steps: a copy or a bit-field.
    pub copied: u32,
    /// What it carries between two of them.
    pub carried: [u8; 8],
    pub carried_open: Vec<(u64, i64, u8)>,
    pub carried_guess: GuessId,
    /// Scheduling points passed.
    pub steps: u32,
    /// Operations done that were not reads, or changed what is the thread's own.
    pub effects: u32,
    /// What it has read since its last effect: granule and value.
    pub reads: Vec<(u64, u64)>,
    /// Its effects when it began to note them.
    pub reads_since: u32,
    /// Those that a loop waits for begin here.
    pub awaits: u32,
    /// Granules of its own that it has written, with what was there before: each once between two backward jumps.
    pub own: Vec<(u64, u64)>,
    /// Those since the last backward jump begin here.
    pub own_from: u32,
    /// What its values depend on, where memory is the kernel's model.
    pub dependencies: Option<Box<crate::machine::Dependencies>>,
    /// The last thread before it that nothing tells from it, until one of the two has done something.
    pub twin: Option<u8>,
    /// The first that is alike, itself if there is none before.
    pub eldest: u8,
    /// Events done when it came into being.
    pub born: u32,
    /// Somebody has waited for its end.
    pub joined: bool,
    /// Its function has come to its end.
    pub ending: bool,
    /// Somebody has asked for its result.
    pub asked: bool,
    /// Since its last operation it has come round a loop by nothing but choices about open values.
    pub looped: bool,
    /// The open values that it met first, and those that it computed.
    pub lazies: Vec<crate::machine::Open>,
}

/// Copies that reuse what the place they go to has allocated: threads are copied at each step back. All fields are named, those with memory of
/// their own first.
macro_rules! copied {
    ($what:ident: $($own:ident)*; $($plain:ident)*) => {
        impl Clone for $what {
            fn clone(&self) -> $what {
                $what { $($own: self.$own.clone(),)* $($plain: self.$plain,)* }
            }

            fn clone_from(&mut self, from: &$what) {
                $(self.$own.clone_from(&from.$own);)*
                $(self.$plain = from.$plain;)*
            }
        }
    };
}

pub(crate) use copied;

copied! {
    Frame: code loops;
    id pc regs slots dst dst_size atomic guess
}

copied! {
    Thread: frames regs guesses slots footprint held sections saved_irq srcu carried_open reads own dependencies lazies;
    status level cpu pending conditional waits context sleeping ops choices entry entry2 callback waits_for phase task should_stop
    assumed creator children name result daemon drains draining copied carried carried_guess steps effects reads_since awaits
    own_from twin eldest born joined asked ending looped
}

impl Thread {
    pub fn new(level: Level, cpu: u32, entry: (FnId, i64)) -> Thread {
        Thread {
            status: Status::New,
            level,
            cpu,
            frames: Vec::new(),
            regs: Vec::new(),
            guesses: Vec::new(),
            slots: Vec::new(),
            pending: Pending::Start,
            footprint: Footprint::new(),
            conditional: false,
            waits: true,
            context: Context::default(),
            held: Vec::new(),
            sections: Vec::new(),
            saved_irq: Vec::new(),
            sleeping: false,
            ops: 0,
            choices: 1,
            entry,
            entry2: 0,
            callback: 0,
            waits_for: 0,
            srcu: Vec::new(),
            phase: 0,
            task: 0,
            should_stop: false,
            assumed: false,
            creator: (0, 0),
            children: 0,
            name: cuthere_base::Symbol::EMPTY,
            result: 0,
            daemon: false,
            drains: None,
            draining: false,
            copied: 0,
            carried: [0; 8],
            carried_open: Vec::new(),
            carried_guess: 0,
            steps: 0,
            effects: 0,
            reads: Vec::new(),
            reads_since: 0,
            awaits: 0,
            own: Vec::new(),
            own_from: 0,
            dependencies: None,
            twin: None,
            eldest: 0,
            born: 0,
            joined: false,
            asked: false,
            looped: false,
            ending: false,
            lazies: Vec::new(),
        }
    }

    /// Notes that it has read a granule: what a loop that changes nothing waits for.
    pub fn has_read(&mut self, granule: u64, value: u64) {
        if self.reads_since != self.effects {
            self.reads.clear();
            self.reads_since = self.effects;
        }
        if self.reads.len() < READS_MAX {
            self.reads.push((granule, value));
        } else {
            // What waits must wait for all of it.
            self.effects += 1;
        }
    }

    /// Notes that it is about to write a granule of its own for the first time since a backward jump. `false`: there are too many, and what it
    /// does counts as an effect.
    pub fn note_own(&mut self, granule: u64, before: u64, most: usize) -> bool {
        self.own.push((granule, before));
        if self.own.len() <= most {
            return true;
        }
        // Only the first write behind each mark tells a loop something.
        let mut marks: Vec<u32> = self.frames.iter().flat_map(|frame| &frame.loops).map(|l| l.own).chain([self.own_from]).collect();
        marks.sort_unstable();
        marks.dedup();
        let all = std::mem::take(&mut self.own);
        let mut moved = Vec::with_capacity(marks.len());
        let mut begin = 0;
        for (n, write) in all.iter().enumerate() {
            while marks.get(moved.len()).is_some_and(|mark| *mark as usize <= n) {
                begin = self.own.len();
                moved.push(begin as u32);
            }
            if !moved.is_empty() && self.own[begin..].iter().all(|o| o.0 != write.0) {
                self.own.push(*write);
            }
        }
        let place = |mark: u32| marks.iter().position(|m| *m == mark).and_then(|at| moved.get(at).copied());
        let end = self.own.len() as u32;
        for l in self.frames.iter_mut().flat_map(|frame| &mut frame.loops) {
            l.own = place(l.own).unwrap_or(end);
        }
        self.own_from = place(self.own_from).unwrap_or(end);
        if self.own.len() <= most / 4 * 3 {
            return true;
        }
        self.own.clear();
        self.own_from = 0;
        self.effects += 1;
        false
    }

    /// Whether there is something left for it to do.
    pub fn alive(&self) -> bool {
        matches!(self.status, Status::Ready | Status::New)
    }

    /// Whether waiting for its end is over. One that ran into a bound has not ended.
    pub fn ended(&self) -> bool {
        !self.alive() && self.status != Status::Cut
    }

    /// Whether it has started and not ended.
    pub fn active(&self) -> bool {
        self.status == Status::Ready
    }
}
