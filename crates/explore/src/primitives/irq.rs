//! Interrupts: requested, fired up to a number of times, handled at once or in a thread, freed.
//!
//! An interrupt is known by its number, so a line that several devices share has the last one's handler. On the real-time kernel handlers run in threads
//! unless their flags forbid it (`irq_setup_forced_threading()`). That bottom halves are disabled there is not modelled.

use super::state::{Callback, CallbackKind};
use super::{Prim, Request};
use crate::code::CallSite;
use crate::event::{Access, Location, Mode};
use crate::machine::{Flow, Machine};
use crate::thread::Level;

/// Flags by which a handler stays in the interrupt on the real-time kernel: per-CPU, one-shot, no-thread.
const IRQF_UNTHREADED: i64 = 0x400 | 0x2000 | 0x1_0000;

/// Numbers of interrupts, and of their threads.
const IRQ: u32 = 0x2000_0000;
const THREAD: u32 = 0x2100_0000;
const NUMBERS: u32 = 0xffff;

fn thread_of(object: u64) -> u64 {
    Location::named(THREAD + ((object >> 8) as u32 & NUMBERS)).0
}

impl Machine<'_> {
    pub(super) fn irq_key(&self, t: usize, prim: Prim, site: &CallSite) -> u64 {
        let n = match prim {
            Prim::RequestIrq(request) => request.irq,
            Prim::FreeIrq(n) => n,
            _ => 0,
        };
        Location::named(IRQ + (self.arg(t, site, n) as u32 & NUMBERS)).0
    }

    /// Whether nothing of an interrupt runs, and its thread has nothing left to do.
    pub(super) fn irq_ready(&self, t: usize, object: u64) -> bool {
        let idle = |c: &Callback| c.pending.is_none() && c.running.is_none_or(|r| r == t);
        self.cancel_ready(t, object) && self.world.callbacks.get(&thread_of(object)).is_none_or(idle)
    }

    pub(super) fn irq_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let object = self.irq_key(t, prim, site);
        match prim {
            Prim::RequestIrq(request) => self.request_irq(t, object, request, site),
            Prim::FreeIrq(_) => {
                self.cancel(object, true);
            }
            Prim::DisableIrq(_) => {
                self.cancel(object, true);
            }
            Prim::EnableIrq => {
                if let Some(c) = self.world.callbacks.get_mut(&object) {
                    c.dead = false;
                    let c = *c;
                    if c.pending.is_none() && c.fired < self.options.interrupts {
                        let cpu = self.threads[t].cpu;
                        self.new_occurrence(t, object, c, cpu);
                    }
                }
            }
            _ => {}
        }
        Flow::Next(0)
    }

    fn request_irq(&mut self, t: usize, object: u64, request: Request, site: &CallSite) {
        let handler = self.arg(t, site, request.handler) as u64;
        let thread = request.thread.map_or(0, |n| self.arg(t, site, n) as u64);
        let (flags, data) = (self.arg(t, site, request.flags), self.arg(t, site, request.data));
        let (handler, thread) = (self.link.function_at(handler), self.link.function_at(thread));
        self.world.callbacks.remove(&object);
        self.world.callbacks.remove(&thread_of(object));
        let forced = self.rt() && flags & IRQF_UNTHREADED == 0;
        let c = self.callback(object, CallbackKind::Irq);
        (c.data, c.by_data) = (data, true);
        match handler {
            Some(_) => (c.function, c.thread) = (handler, thread),
            // The handler that only wakes the thread needs no step of its own.
            None => (c.function, c.level) = (thread, Some(Level::Task)),
        }
        if forced {
            c.level = Some(Level::Task);
        }
        let c = *c;
        let cpu = self.threads[t].cpu;
        self.new_occurrence(t, object, c, cpu);
    }

    /// The handler has asked for the thread.
    pub(super) fn wake_irq_thread(&mut self, t: usize, object: u64, c: Callback) -> bool {
        let (Some(function), key) = (c.thread, thread_of(object)) else { return false };
        let part = self.callback(key, CallbackKind::IrqThread);
        (part.function, part.data, part.by_data) = (Some(function), c.data, true);
        let part = *part;
        if part.pending.is_some() {
            return false;
        }
        self.also(Access::new(Location::sync(key), Mode::Write));
        let cpu = self.threads[t].cpu;
        self.new_occurrence(t, key, part, cpu);
        true
    }
}
