//! What values and places are called, in the words of the program: `lamp->dim`, `&head`, `entry (freed)`.
//!
//! An object on the heap is called what its allocation was assigned to, a global by its name, and a part of either by its members. Nothing here
//! is known during a search: names are made once, when the shown execution has ended.

use crate::code::{Ins, IntTy, Named};
use crate::link::Linker;
use crate::lives::Death;
use crate::machine::{Machine, Recorded, Way, is_lazy};
use crate::memory::{Kind, Object, POISON, Site, State};
use crate::sizes::{member_at, size_of};
use cuthere_base::Symbol;
use cuthere_cfront::types::{Ty, TyKind};
use rustc_hash::FxHashMap;

/// Numbers up to here are written in decimals.
const PLAIN: i64 = 1 << 20;
/// The pointers that lists hold after a deletion.
const LIST_POISON: [(u64, &str); 2] = [(0xdead_0000_0000_0100, "LIST_POISON1"), (0xdead_0000_0000_0122, "LIST_POISON2")];

/// How the explorer's headers call the first member of what has none for its user.
const OPAQUE: &str = ".opaque";
/// Functions that return error numbers of POSIX, by their beginnings.
const CALLS: [&str; 2] = ["pthread_", "sem_"];
const ERRORS: [(i64, &str); 5] = [(1, "EPERM"), (16, "EBUSY"), (22, "EINVAL"), (35, "EDEADLK"), (110, "ETIMEDOUT")];

/// See the module.
#[derive(Default)]
pub struct Names {
    /// Objects of the heap by address: what they are called, and what they hold.
    heap: FxHashMap<u64, (String, Option<Ty>)>,
}

/// The function that a step calls.
fn called(m: &Machine<'_>, step: &Recorded) -> Option<&'static str> {
    let code = m.code_of(step.site)?;
    match code.ins.get(step.site.pc as usize) {
        Some(&Ins::Call { site }) => code.sites.get(site as usize).map(|site| site.name.as_str()),
        _ => None,
    }
}

impl Names {
    /// The names of an execution's objects.
    pub fn of(m: &Machine<'_>, records: &[Recorded]) -> Names {
        let mut names = Names::default();
        let mut used: FxHashMap<String, u32> = FxHashMap::default();
        let uses = uses(m, records);
        for (addr, stack) in &m.lives.births {
            if names.heap.contains_key(addr) {
                continue;
            }
            let (name, ty) = match assigned(m, stack) {
                Some((name, ty)) => (Some(name.as_str().to_owned()), m.link.program.types.pointee(ty)),
                None => (None, None),
            };
            // What the allocation was assigned to may say nothing of what lies there.
            let used_as = uses.get(addr);
            let told = ty.is_some_and(|ty| matches!(m.link.program.types.kind(ty), TyKind::Record(_)));
            let ty = used_as.map(|u| u.1).filter(|_| !told).or(ty);
            let name = name.or_else(|| used_as.and_then(|u| u.0.clone())).unwrap_or_else(|| "object".to_owned());
            let count = used.entry(name.clone()).or_insert(0);
            *count += 1;
            let name = if *count > 1 { format!("{name}#{count}") } else { name };
            names.heap.insert(*addr, (name, ty));
        }
        names
    }

    /// The object that an address lies in: its name, what it holds and the distance from its beginning.
    fn object(&self, m: &Machine<'_>, addr: u64) -> Option<(String, Option<Ty>, u64, Option<Object>)> {
        if let Some((first, cpu, off)) = m.link.mem.global_at(addr) {
            let &(name, ty) = m.link.named_globals.get(&first)?;
            let name = if cpu > 0 { format!("{name}[CPU {cpu}]") } else { name.as_str().to_owned() };
            return Some((name, ty, off, None));
        }
        let object = m.link.mem.known(addr)?;
        let off = addr.wrapping_sub(object.addr);
        if let Some((name, ty)) = self.heap.get(&object.addr) {
            return Some((name.clone(), *ty, off, Some(object)));
        }
        if object.kind == Kind::Stack {
            let (name, ty) = local_at(m, object.addr)?;
            return Some((name.as_str().to_owned(), Some(ty), off, Some(object)));
        }
        None
    }

    /// The place at an address, as an expression, and its type.
    pub fn place(&self, m: &Machine<'_>, addr: u64, size: u64) -> Option<(String, Option<Ty>)> {
        let (name, ty, off, object) = self.object(m, addr)?;
        let pointed = object.is_some_and(|o| o.kind != Kind::Stack);
        let (inside, ty) = ty.map_or((String::new(), None), |ty| {
            let (inside, ty) = member_at(m.link.program, ty, off, Some(size));
            // What a lock consists of, the explorer's own headers have made up.
            match inside.find(OPAQUE) {
                Some(at) => (inside[..at].to_owned(), None),
                None => (inside, Some(ty)),
            }
        });
        let text = match (inside.is_empty(), pointed) {
            (true, true) if off > 0 => format!("*({name} + {off:#x})"),
            (true, true) => format!("*{name}"),
            (true, false) => name,
            (false, true) => format!("{name}{}", arrow(&inside)),
            (false, false) => format!("{name}{inside}"),
        };
        Some((text, ty))
    }

    /// The lock at an address; `written`: as it stands where it was taken.
    pub fn lock(&self, m: &Machine<'_>, addr: u64, written: &str) -> Option<String> {
        let (name, ty, off, object) = self.object(m, addr)?;
        let inside = ty.map_or(String::new(), |ty| member_at(m.link.program, ty, off, None).0);
        // What lies at the beginning may be the whole or its first member.
        let whole =
            |inside: &str| off == 0 && !written.strip_suffix(inside.trim_start_matches('.')).is_some_and(|p| p.ends_with(['.', '>']));
        let inside = if inside.is_empty() || whole(&inside) { String::new() } else { inside };
        let pointed = object.is_some_and(|o| o.kind != Kind::Stack);
        Some(match (off, inside.is_empty(), pointed) {
            (0, true, true) => name,
            (0, true, false) => format!("&{name}"),
            (_, true, _) => return None,
            (_, _, true) => format!("&{name}{}", arrow(&inside)),
            (_, _, false) => format!("&{name}{inside}"),
        })
    }

    /// A value as a person writes it; `step`: when it was seen, as a position in the record.
    pub fn value(&self, m: &Machine<'_>, v: i64, ty: Option<Ty>, step: usize) -> String {
        if is_lazy(v) {
            return "(open)".to_owned();
        }
        let pointer = ty.is_some_and(|ty| matches!(m.link.program.types.kind(ty), TyKind::Pointer { .. }));
        if pointer && v == 0 {
            return "NULL".to_owned();
        }
        if pointer && (-4095..0).contains(&v) {
            return format!("ERR_PTR({v})");
        }
        if let Some((_, name)) = LIST_POISON.iter().find(|p| p.0 == v as u64) {
            return (*name).to_owned();
        }
        if v as u64 >> 32 != 0 && v as u64 >> 32 != 0xffff_ffff || pointer {
            if let Some(id) = m.link.function_at(v as u64) {
                return m.link.functions.get(id.0 as usize).map_or(String::new(), |f| f.name.as_str().to_owned());
            }
            if let Some((name, ty, off, object)) = self.object(m, v as u64) {
                let pointed = object.is_some_and(|o| o.kind != Kind::Stack);
                let inside =
                    if off > 0 { ty.map_or(String::new(), |ty| member_at(m.link.program, ty, off, None).0) } else { String::new() };
                let text = match (off, inside.is_empty(), pointed) {
                    (0, _, true) => name,
                    (_, false, true) => format!("&{name}{}", arrow(&inside)),
                    (0, _, false) => format!("&{name}"),
                    (_, false, false) => format!("&{name}{inside}"),
                    _ => format!("{name} + {off:#x}"),
                };
                let freed = object.filter(|o| o.state == State::Freed);
                let freed = freed.is_some_and(|o| m.lives.deaths.iter().any(|death| death.addr == o.addr && death.recorded <= step));
                return if freed { format!("{text} (freed)") } else { text };
            }
        }
        let never = u64::from_le_bytes([POISON; 8]);
        if v as u64 == never || v as u32 as u64 == v as u64 && v as u32 == never as u32 {
            return "(never set)".to_owned();
        }
        // A pointer close to nought is a member of nothing, at this distance.
        if (-PLAIN..PLAIN).contains(&v) && !(pointer && v > 0) { v.to_string() } else { format!("{v:#x}") }
    }

    /// What a step read or wrote, with its value: `lamp->level = 3`, or `==` for what was read.
    pub fn step(&self, m: &Machine<'_>, at: usize, step: &Recorded) -> Option<String> {
        let v = step.value?;
        if step.call {
            // What a header's function is answered on its way is no matter of the program's.
            if step.outer.is_some() && !m.link.plain {
                return None;
            }
            // What is allocated here is called by where it is put.
            let here =
                |stack: &[Site]| stack.iter().any(|s| (s.function, s.pc, s.event) == (step.site.function, step.site.pc, step.site.event));
            if m.lives.births.iter().any(|(addr, stack)| *addr == v as u64 && here(stack)) {
                return None;
            }
            let error = called(m, step).filter(|call| CALLS.iter().any(|kind| call.starts_with(kind)));
            let error =
                error.and_then(|_| ERRORS.iter().find(|error| error.0 == v)).map_or(String::new(), |error| format!(" ({})", error.1));
            return Some(format!("returns {}{error}", self.value(m, v, None, at)));
        }
        let code = m.code_of(step.site)?;
        let named: Option<Named> =
            code.accesses.binary_search_by_key(&step.site.pc, |n| n.pc).ok().and_then(|at| code.accesses.get(at)).copied();
        let (place, ty) = match named.filter(|_| step.outer.is_none()) {
            // What a macro takes the address of and looks into is the place itself.
            Some(named) => (named.text.as_str().trim_start_matches("*&").to_owned(), Some(named.ty)),
            None => self.place(m, step.addr, u64::from(step.size))?,
        };
        let told = self.value(m, v, ty, at);
        // That a pointer is itself says nothing; that what it points to is freed does.
        match told.strip_suffix(" (freed)") {
            Some(itself) if itself == place && !step.write => return Some(told),
            None if told == place => return None,
            _ => {}
        }
        let link = if step.write { "=" } else { "==" };
        let was = step.was.map_or(String::new(), |was| format!(", was {}", self.value(m, was, ty, at)));
        let (before, behind) = match step.way {
            Way::Direct => ("", ""),
            Way::Old => ("", " (an old value)"),
            Way::Buffered => ("", " (buffered)"),
            Way::Arrived => ("now in memory: ", ""),
        };
        Some(format!("{before}{place} {link} {told}{was}{behind}"))
    }

    /// What a step frees, if that is the object at this address and the line itself calls it something else.
    pub fn freed(&self, m: &Machine<'_>, at: usize, step: &Recorded, object: u64, line: &str) -> Option<String> {
        let here = |death: &&Death| (death.addr, death.recorded) == (object, at + 1);
        let freed = m.lives.deaths.iter().find(here).filter(|freed| step.call && step.addr == freed.addr)?;
        let name = self.value(m, freed.addr as i64, None, at);
        (!line.contains(&name)).then(|| format!("frees {name}"))
    }

    /// The variables of a thread's innermost function of the program's own that a line of source names, with their values.
    pub fn variables(&self, m: &Machine<'_>, t: usize, line: &str, only_pointers: bool) -> Vec<String> {
        let frames = m.threads.get(t).map_or(&[][..], |thread| &thread.frames);
        let depth = frames.iter().rev().position(|f| !f.code.header).unwrap_or(0);
        self.variables_of(m, t, depth, line, only_pointers)
    }

    /// The same of the function that is so many calls out.
    pub fn variables_of(&self, m: &Machine<'_>, t: usize, depth: usize, line: &str, only_pointers: bool) -> Vec<String> {
        let Some(thread) = m.threads.get(t) else { return Vec::new() };
        let Some(frame) = thread.frames.iter().rev().nth(depth) else { return Vec::new() };
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        // What the line would have set has a value that says nothing of it.
        let set = set_by(line).unwrap_or("");
        let mut out = Vec::new();
        for variable in frame.code.variables.iter().filter(|v| words.contains(&v.name.as_str()) && v.name.as_str() != set) {
            let pointer = matches!(m.link.program.types.kind(variable.ty), TyKind::Pointer { .. });
            if only_pointers && !pointer {
                continue;
            }
            let v = if variable.in_memory {
                let Some(&addr) = thread.slots.get(frame.slots as usize + usize::from(variable.place)) else { continue };
                match m.link.mem.peek_int(addr, size_of(m.link.program, variable.ty)) {
                    Some(v) if matches!(m.link.program.types.kind(variable.ty), TyKind::Pointer { .. } | TyKind::Int { .. }) => v,
                    _ => continue,
                }
            } else {
                thread.regs.get(frame.regs as usize + usize::from(variable.place)).copied().unwrap_or(0)
            };
            let told = self.value(m, v, Some(variable.ty), usize::MAX);
            let itself = told.strip_suffix(" (freed)").is_some_and(|told| told == variable.name.as_str());
            let text = if itself { told.clone() } else { format!("{} == {told}", variable.name) };
            if told != variable.name.as_str() && !out.contains(&text) {
                out.push(text);
            }
        }
        out
    }
}

/// The variable that a line sets and does not use, by itself or where it is declared: `n = …`, `struct node *n = …`, not `*n = …`.
fn set_by(line: &str) -> Option<&str> {
    let (before, behind) = line.split_once(" = ")?;
    let before = before.trim();
    let last = before.rsplit([' ', '\t']).next()?;
    let declared = last.len() < before.len();
    let name = if declared { last.trim_start_matches('*') } else { last };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    // A member of that name is another thing.
    let used = behind.match_indices(name).any(|(at, _)| {
        let (left, right) = (&behind[..at], &behind[at + name.len()..]);
        !left.ends_with(|c| word(c) || c == '.' || c == '>') && !right.starts_with(word)
    });
    (!name.is_empty() && name.chars().all(word) && !used).then_some(name)
}

/// What objects of the heap are used as: the largest record that a pointer to one leads to, and what the pointer is called.
fn uses(m: &Machine<'_>, records: &[Recorded]) -> FxHashMap<u64, (Option<String>, Ty)> {
    let mut uses: FxHashMap<u64, (Option<String>, Ty)> = FxHashMap::default();
    let mut note = |object: Object, name: &str, ty: Ty| {
        let size = size_of(m.link.program, ty);
        if object.kind != Kind::Heap || size > u64::from(object.size) || !matches!(m.link.program.types.kind(ty), TyKind::Record(_)) {
            return;
        }
        let name = Some(name).filter(|name| !name.is_empty()).map(str::to_owned);
        match uses.get_mut(&object.addr) {
            Some(known) if size_of(m.link.program, known.1) >= size => {}
            Some(known) => *known = (name.or(known.0.take()), ty),
            None => drop(uses.insert(object.addr, (name, ty))),
        }
    };
    for step in records.iter().filter(|step| !step.call) {
        let Some(code) = m.code_of(step.site) else { continue };
        let Some(named) = code.accesses.binary_search_by_key(&step.site.pc, |n| n.pc).ok().and_then(|at| code.accesses.get(at)) else {
            continue;
        };
        // A member by its name, at its distance from the object's beginning.
        if let Some(ty) = named.through
            && let Some(object) = m.link.mem.known(step.addr)
        {
            let (inside, _) = member_at(m.link.program, ty, step.addr.wrapping_sub(object.addr), Some(u64::from(step.size)));
            let text = named.text.as_str();
            if let Some(pointer) = text.strip_suffix(&arrow(&inside)).filter(|_| !inside.is_empty()) {
                note(object, pointer, ty);
            }
        }
        // A pointer to its beginning.
        if let Some(ty) = m.link.program.types.pointee(named.ty)
            && let Some(object) = step.value.and_then(|v| m.link.mem.known(v as u64).filter(|o| o.addr == v as u64))
        {
            note(object, named.text.as_str(), ty);
        }
    }
    uses
}

/// `.a.b` behind a pointer is `->a.b`.
fn arrow(inside: &str) -> String {
    match inside.strip_prefix('.') {
        Some(rest) => format!("->{rest}"),
        None => inside.to_owned(),
    }
}

/// The variable or member that an allocation's result goes to first, and its type.
fn assigned(m: &Machine<'_>, stack: &[Site]) -> Option<(Symbol, Ty)> {
    for &site in stack {
        let code = m.code_of(site)?;
        let Some(&Ins::Call { site: call }) = code.ins.get(site.pc as usize) else { return None };
        let d = code.sites.get(call as usize)?.dst?;
        let variable = |r: u16| code.variables.iter().find(|v| v.place == r && !v.in_memory);
        let mut same = vec![d];
        let mut returned = false;
        if let Some(v) = variable(d).filter(|_| !code.header) {
            return Some((v.name, v.ty));
        }
        for (pc, ins) in code.ins.iter().enumerate().skip(site.pc as usize + 1).take(12) {
            match *ins {
                Ins::Mov { d, s } | Ins::Fit { d, s, ty: IntTy { size: 8, .. } } if same.contains(&s) => {
                    if let Some(v) = variable(d).filter(|_| !code.header) {
                        return Some((v.name, v.ty));
                    }
                    same.push(d);
                }
                Ins::Store { s, .. } if same.contains(&s) => {
                    let at = code.accesses.binary_search_by_key(&(pc as u32), |n| n.pc).ok()?;
                    return code.accesses.get(at).map(|n| (n.text, n.ty));
                }
                Ins::Ret { s: Some(s), .. } if same.contains(&s) => returned = true,
                Ins::Call { .. } => break,
                _ => {}
            }
        }
        if !returned && !code.header {
            return None;
        }
    }
    None
}

/// The variable whose storage is the object at an address.
fn local_at(m: &Machine<'_>, addr: u64) -> Option<(Symbol, Ty)> {
    for thread in m.threads.iter() {
        for frame in &thread.frames {
            let slots = thread.slots.get(frame.slots as usize..).unwrap_or(&[]);
            if let Some(slot) = slots.iter().take(frame.code.slots.len()).position(|&s| s == addr) {
                return frame.code.variables.iter().find(|v| v.in_memory && usize::from(v.place) == slot).map(|v| (v.name, v.ty));
            }
        }
    }
    None
}

impl Linker<'_> {
    /// Remembers what a global is called.
    pub(crate) fn name_global(&mut self, addr: u64, name: Symbol, ty: Option<Ty>) {
        self.named_globals.insert(addr, (name, ty));
    }
}
