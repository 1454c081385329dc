//! Calls, done.

use super::*;

impl Machine<'_> {
    /// Does a call.
    pub(super) fn perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        match prim.family() {
            Family::Rcu => return self.rcu_perform(t, prim, site),
            Family::Wait => return self.wait_perform(t, prim, site),
            Family::Callback => return self.callback_perform(t, prim, site),
            Family::Object => return self.object_perform(t, prim, site),
            Family::List => return self.list_perform(t, prim, site),
            Family::Other => {}
        }
        let a = |m: &Self, n: u8| m.arg(t, site, n);
        match prim {
            Prim::Give(v) => Flow::Next(v),
            Prim::Fence(barrier) => {
                if self.is_weak() {
                    self.barrier(t, barrier);
                }
                self.order_fence(t);
                Flow::Next(0)
            }
            Prim::Argument(n) => Flow::Next(a(self, n)),
            _ if prim.is_atomic() => self.atomic_perform(t, prim, site),
            Prim::CompareMemory | Prim::StringLength | Prim::StringCompare { .. } => self.data_perform(t, prim, site),
            Prim::Allocate { zero, size } => self.allocate(t, site, zero, size),
            Prim::Managed { zero, size } => self.allocate_managed(t, site, zero, size),
            Prim::IsLocked => {
                if self.is_weak() {
                    let place = crate::told::place_of(self, self.site(t));
                    let name = site.name.as_str();
                    self.unsupported
                        .insert(format!("{}:{}: what {name}() sees of a lock may be older than its state", place.file, place.line));
                }
                let lock = self.world.locks.get(&(a(self, 0) as u64));
                Flow::Next(i64::from(lock.is_some_and(|l| l.owner.is_some() || l.readers > 0)))
            }
            Prim::Reallocate => self.reallocate(t, a(self, 0) as u64, a(self, 1) as u64),
            Prim::ReleaseManaged => {
                self.release_managed(t, a(self, 0) as u64);
                Flow::Next(0)
            }
            Prim::UserRead | Prim::UserWrite => self.user_access(t, prim, site),
            Prim::Unknown(how) => {
                let name = site.name.as_str();
                if self.sleeps(t, how, site) && !self.may_sleep(t, name) {
                    return Flow::Dead;
                }
                self.unknown_calls.insert(name);
                self.skip(t, name, site);
                Flow::Next(0)
            }
            Prim::Free(n) => {
                let addr = a(self, n) as u64;
                self.forget_managed(prim, t, site);
                self.free_now(t, addr);
                Flow::Next(0)
            }
            Prim::CacheCreate => {
                let (size, here) = (a(self, 1) as u64, self.site(t));
                match self.link.mem.allocate(t as u8, 64, 0, crate::memory::Kind::Heap, here) {
                    Some(addr) => {
                        self.world.caches.insert(addr, size);
                        Flow::Next(addr as i64)
                    }
                    None => Flow::Next(0),
                }
            }
            Prim::Lock(op) => self.lock_perform(t, op, site),
            Prim::RwUnlock => self.lock_perform(t, self.rw_unlock(t, site), site),
            Prim::MaySleep(how) => {
                if self.sleeps(t, how, site) && !self.may_sleep(t, site.name.as_str()) {
                    return Flow::Dead;
                }
                Flow::Next(0)
            }
            Prim::Yield => {
                self.give_way(t);
                Flow::Next(0)
            }
            Prim::ThisCpu => Flow::Next(self.link.mem.percpu(a(self, 0) as u64, self.threads[t].cpu) as i64),
            Prim::PerCpu(pointer) => {
                let (addr, cpu) = (a(self, 0) as u64, a(self, 1) as u32 % crate::memory::CPUS);
                let _ = pointer;
                Flow::Next(self.link.mem.percpu(addr, cpu) as i64)
            }
            Prim::AllocatePercpu => {
                let size = crate::link::Linker::percpu_size(a(self, 0) as u64);
                self.allocate_bytes(t, size, Some(0))
            }
            Prim::CpuNumber => Flow::Next(i64::from(self.threads[t].cpu)),
            Prim::Current => Flow::Next(self.current(t)),
            Prim::Held(not) => {
                let key = a(self, 0) as u64;
                let held = self.threads[t].held.iter().any(|h| h.key == key);
                if held == not && self.concurrent() {
                    let what = if not { "lock asserted not to be held is held" } else { "lock asserted to be held is not" };
                    self.fault(t, FaultKind::LockMisuse, key, what);
                    return Flow::Dead;
                }
                Flow::Next(1)
            }
            Prim::Bug => {
                self.fault(t, FaultKind::Assertion, 0, format!("{}() reached", site.name.as_str()));
                Flow::Dead
            }
            Prim::PerCpuChange(how) => {
                let addr = self.link.mem.percpu(a(self, 0) as u64, self.threads[t].cpu);
                let ty = site.pointee;
                let at = match self.link.mem.check(addr, u32::from(ty.size)) {
                    Ok(at) => at,
                    Err(bad) => {
                        self.bad(t, bad, addr, true);
                        return Flow::Dead;
                    }
                };
                self.link.mem.touch(at, u32::from(ty.size), t as u8, true);
                let old = self.link.mem.read(at, ty);
                let new = match how {
                    '=' => a(self, 1),
                    '+' => old.wrapping_add(a(self, 1)),
                    '-' => old.wrapping_sub(a(self, 1)),
                    'i' => old.wrapping_add(1),
                    _ => old.wrapping_sub(1),
                };
                self.link.mem.write(at, ty, new);
                Flow::Next(0)
            }
            Prim::Swap(size) => {
                let v = a(self, 0) as u64;
                Flow::Next((v.swap_bytes() >> (64 - 8 * u32::from(size))) as i64)
            }
            Prim::Below => Flow::Next(if (a(self, 0) as u64) < a(self, 1) as u64 { -1 } else { 0 }),
            Prim::Scan(scan) => {
                let v = a(self, 0) as u64;
                let narrow = |v: u64, size: u8| if size == 4 { v & 0xffff_ffff } else { v };
                Flow::Next(match scan {
                    Scan::Lowest => i64::from(v.trailing_zeros() & 63),
                    Scan::First(size) if narrow(v, size) == 0 => 0,
                    Scan::First(_) => i64::from(v.trailing_zeros()) + 1,
                    Scan::LowestZero => i64::from((!v).trailing_zeros() & 63),
                    Scan::Highest => i64::from(63 - (v | 1).leading_zeros()),
                    Scan::Leading(size) => i64::from(narrow(v, size).leading_zeros()) - (64 - 8 * i64::from(size)),
                    Scan::Last(size) => i64::from(64 - narrow(v, size).leading_zeros()),
                    Scan::Count(size) => i64::from(narrow(v, size).count_ones()),
                })
            }
            Prim::Overflow(op) => {
                // In infinite precision, then as the result's type holds it.
                let given = |n: usize| site.given.get(n).copied();
                let wide = |v: i64, ty: IntTy| if ty.signed { i128::from(ty.fit(v)) } else { i128::from(ty.fit(v) as u64) };
                let operand = |m: &Self, n: u8| wide(a(m, n), given(usize::from(n)).map_or(IntTy::LONG, |g| g.ty));
                let (x, y) = (operand(self, 0), operand(self, 1));
                let exact = match op {
                    '+' => x + y,
                    '-' => x - y,
                    _ => x * y,
                };
                let ty = given(2).map_or(IntTy::LONG, |g| g.pointee);
                let stored = ty.fit(exact as i64);
                let to = a(self, 2) as u64;
                match self.link.mem.check(to, u32::from(ty.size)) {
                    Ok(at) => self.put(at, ty, stored),
                    Err(bad) => {
                        self.bad(t, bad, to, true);
                        return Flow::Dead;
                    }
                }
                Flow::Next(i64::from(wide(stored, ty) != exact))
            }
            Prim::InitLock => {
                self.world.locks.remove(&(a(self, 0) as u64));
                Flow::Next(0)
            }
            // The jump is taken if the key's state differs from what is expected.
            Prim::StaticKey => {
                let enabled = self.read_int(a(self, 0) as u64, IntTy { size: 4, signed: true }).is_some_and(|n| n > 0);
                Flow::Next(i64::from(enabled != (a(self, 1) != 0)))
            }
            Prim::Warn => Flow::Next(1),
            Prim::Thread(level) => {
                let (cpu, function, data) = (a(self, 0) as u32, a(self, 1) as u64, a(self, 2));
                if cpu >= crate::memory::CPUS {
                    let place = crate::told::place_of(self, self.site(t));
                    let last = crate::memory::CPUS - 1;
                    self.unsupported.insert(format!("{}:{}: there is no CPU {}, only 0 to {last}", place.file, place.line, cpu as i32));
                    self.cut(t);
                    return Flow::Dead;
                }
                match self.link.function_at(function) {
                    Some(id) => {
                        let name = self.link.functions[id.0 as usize].name;
                        self.spawn(t, level, cpu, (id, data), name);
                        Flow::Next(0)
                    }
                    None => {
                        self.fault(t, FaultKind::Assertion, function, "a thread needs a function");
                        Flow::Dead
                    }
                }
            }
            Prim::Finally => {
                if let Some(id) = self.link.function_at(a(self, 0) as u64) {
                    self.finally.push((id, a(self, 1)));
                }
                Flow::Next(0)
            }
            Prim::Assert => {
                if a(self, 0) == 0 {
                    let what = site.given.first().map(|given| given.text).filter(|text| !text.is_empty());
                    let what = what.map_or("what must hold does not".to_owned(), |text| format!("`{text}` does not hold"));
                    self.fault(t, FaultKind::Assertion, 0, what);
                    return Flow::Dead;
                }
                Flow::Next(0)
            }
            Prim::Choose => Flow::Next(i64::from(self.choice)),
            Prim::AnyValue(which) => {
                self.judge_state(t, site);
                Flow::Next(self.anything(t, site.dst_ty, which))
            }
            _ => self.pthread_perform(t, prim, site),
        }
    }
}
