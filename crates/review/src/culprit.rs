//! Which call of a crash report is to blame, by the report's kind.
//!
//! * A call that sleeps: the innermost function that is neither part of the complaint nor, by the kernel model, a primitive that sleeps;
//!   the call in it that leads to the primitive.
//! * A NULL pointer: followed outwards from the bad access through the arguments of the calls, to the call whose result it is.
//! * Anything else: the function that the report is about and what it calls there.
//!
//! Where the report gives source lines, they decide which of several calls it was. A call is named only if the source has it ([`crate::edge`]).
//! Works on text, function by function; a static finding of the same sort in the same functions outweighs that.

use crate::body::{Call as Site, calls, dereferences, parameters, tests};
use crate::defect;
use crate::edge::{Borne, Callees, edge, nearest, own_line};
use crate::explain::{Call, Found, frames, plain};
use crate::locate::{Definition, locate};
use crate::words;
use cuthere_base::{Finding, Symbol};
use cuthere_kernel::entry::Sleeps;
use cuthere_splat::{Context, Frame, Splat};
use std::collections::{BTreeMap, BTreeSet};

/// Calls followed inside one file to reach the next frame.
const MAX_INLINE: usize = 4;
/// Macros of the language of lists and per-CPU data, which compute a pointer from another.
const MADE_FROM: &[&str] = &[
    "container_of",
    "container_of_const",
    "list_entry",
    "hlist_entry",
    "rb_entry",
    "this_cpu_ptr",
    "per_cpu_ptr",
    "raw_cpu_ptr",
    "READ_ONCE",
];
/// Callees whose bodies are looked up to find which one leads on.
const MAX_CALLEES: usize = 96;

/// The innermost frames that belong to the code that misused the kernel's services, in one part of the tree. Library code passes on what
/// it was given.
pub(crate) fn own_frames<'s>(splat: &'s Splat, found: &Found<'_>) -> Vec<&'s Frame> {
    let own: Vec<&Frame> = frames(splat).skip(own_start(splat, found).unwrap_or(0)).collect();
    let home = own.first().and_then(|f| folder(f, found));
    own.into_iter().take_while(|f| folder(f, found) == home).collect()
}

fn folder(frame: &Frame, found: &Found<'_>) -> Option<String> {
    found.definition(&frame.function).map(|d| cuthere_base::folder(&d.file).to_owned())
}

/// Index of the innermost frame that is to blame and no library code; of the one to blame, if all are.
fn own_start(splat: &Splat, found: &Found<'_>) -> Option<usize> {
    let start = blamed(splat, found)?;
    let library = |f: &Frame| folder(f, found).is_some_and(|f| ["lib", "arch", "include"].iter().any(|l| f.split('/').next() == Some(l)));
    let passed = frames(splat).skip(start).take_while(|f| library(f)).count();
    Some(if start + passed < frames(splat).count() { start + passed } else { start })
}

fn sleeps(found: &Found<'_>, function: &str) -> bool {
    let entry = found.options.model.entry(Symbol::intern(function));
    entry.is_some_and(|e| !matches!(e.sleeps, Sleeps::Unknown | Sleeps::Never | Sleeps::OnRt))
}

/// Whether a call of a primitive that sleeps depending on its GFP argument is one that does.
fn may_block(found: &Found<'_>, site: &Site) -> bool {
    let entry = found.options.model.entry(Symbol::intern(&site.callee));
    let Some(Sleeps::Gfp(at)) = entry.map(|e| e.sleeps) else { return true };
    let flags = site.arguments.get(usize::from(at)).map_or("", String::as_str);
    !["GFP_ATOMIC", "GFP_NOWAIT"].iter().any(|word| words::has_word(flags.as_bytes(), word))
}

fn is_service(found: &Found<'_>, function: &str) -> bool {
    let name = plain(function);
    let bare = name.trim_start_matches('_');
    cuthere_splat::is_skipped(function, &["preempt", "schedule"]) || sleeps(found, name) || sleeps(found, bare)
}

/// Whether the sort of the report is about a call that sleeps.
pub(crate) fn is_sleep(splat: &Splat) -> bool {
    defect::of_splat(splat) == Some(defect::SLEEP)
}

fn is_null(splat: &Splat) -> bool {
    defect::of_splat(splat) == Some(defect::NULL)
}

/// Index of the frame whose function is to blame.
fn blamed(splat: &Splat, found: &Found<'_>) -> Option<usize> {
    let all: Vec<&Frame> = frames(splat).collect();
    // The title's function, so that one report says one thing.
    let named = splat.function.as_ref().and_then(|name| all.iter().position(|f| same_name(&f.function, name)));
    if is_sleep(splat) {
        return named.or_else(|| all.iter().position(|f| !is_service(found, &f.function)));
    }
    named.or_else(|| all.iter().position(|f| !cuthere_splat::is_skipped(&f.function, &[])))
}

fn same_name(frame: &str, name: &str) -> bool {
    plain(frame) == name || cuthere_splat::canonical(frame) == name
}

/// Index of the innermost frame that is worth showing: what prints the report is not.
pub(crate) fn innermost(splat: &Splat, found: &Found<'_>) -> usize {
    let Some(blamed) = blamed(splat, found) else { return 0 };
    let printer = |f: &&Frame| cuthere_splat::is_skipped(&f.function, &["fault", "preempt"]);
    let shown = frames(splat).take(blamed).take_while(printer).count();
    // The service that complained is, unless no source calls it.
    let inserted = frames(splat).nth(blamed.saturating_sub(1)).is_some_and(|f| cuthere_splat::is_inserted(&f.function));
    if inserted { blamed } else { shown.min(blamed.saturating_sub(1)) }
}

/// The last frame of the blamed function's part of the tree, and the one that called into it.
pub(crate) fn entry(splat: &Splat, found: &Found<'_>) -> Option<(usize, usize)> {
    let all: Vec<&Frame> = frames(splat).collect();
    let start = own_start(splat, found)?;
    let first = all.get(start)?;
    let part = |f: &Frame| folder(f, found);
    let home = part(first);
    let inside = |f: &Frame| f.module == first.module && (f.module.is_some() || part(f) == home);
    let inner = start + all.get(start..)?.iter().take_while(|f| inside(f)).count().max(1) - 1;
    Some((inner, (inner + 1).min(all.len().saturating_sub(1))))
}

/// The context as the report shows it.
pub(crate) fn context(splat: &Splat) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    match splat.context {
        Some(Context::Task) => parts.push("in a task".into()),
        Some(Context::Softirq) => parts.push("in a softirq".into()),
        Some(Context::Hardirq) => parts.push("in a hard interrupt".into()),
        Some(Context::Nmi) => parts.push("in an NMI".into()),
        None => {}
    }
    if splat.irqs_disabled == Some(true) {
        parts.push("interrupts disabled".into());
    }
    if let Some(count) = splat.preempt_count.filter(|c| *c > 0) {
        parts.push(format!("preempt_count {count:#x}"));
    } else if splat.in_atomic == Some(true) {
        parts.push("atomic".into());
    }
    let rcu = splat.held_locks.iter().filter(|l| l.class.starts_with("rcu_read_lock")).count();
    if splat.rcu_depth.is_some_and(|d| d > 0) || rcu > 0 {
        parts.push("inside an RCU read-side section".into());
    }
    if !splat.held_locks.is_empty() {
        parts.push(words::count(splat.held_locks.len(), "lock") + " held");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The call to blame.
pub(crate) fn call(splat: &Splat, found: &Found<'_>, findings: &[Finding], callees: &Callees) -> Option<Call> {
    if is_null(splat)
        && let Some(call) = by_finding(splat, found, findings).or_else(|| null_source(splat, found))
    {
        return Some(call);
    }
    if let Some(handler) = splat.handlers.first() {
        let definition = found.definition(&handler.function);
        return Some(Call {
            function: plain(&handler.function).to_owned(),
            callee: None,
            file: definition.map(|d| d.file.clone()),
            line: definition.map(|d| d.function.name_line),
            text: None,
            primitive: None,
            context: context(splat),
            why: vec!["it is a handler of the interrupt, and did not take it".to_owned()],
        });
    }
    let all: Vec<&Frame> = frames(splat).collect();
    let at = blamed(splat, found)?;
    let frame = all.get(at)?;
    let into = at.checked_sub(1).and_then(|n| all.get(n)).filter(|f| !cuthere_splat::is_inserted(&f.function));
    let inner = into.map(|f| plain(&f.function).to_owned());
    let function = plain(&frame.function).to_owned();
    let mut call = Call {
        function: function.clone(),
        callee: None,
        file: None,
        line: None,
        text: None,
        primitive: inner.clone(),
        context: context(splat),
        why: vec![format!("the innermost function of the stack that is no part of the complaint is `{function}`")],
    };
    let Some(definition) = found.definition(&frame.function) else {
        call.why.extend(inner.map(|inner| format!("the stack says that it called `{inner}`; `{function}` is not in this tree")));
        return Some(call);
    };
    call.file = Some(definition.file.clone());
    call.line = Some(definition.function.name_line);
    let borne = into.map(|into| edge(frame, into, found, callees).borne);
    let chosen = into.zip(inner.as_ref()).and_then(|(into, inner)| {
        let edge = edge(frame, into, found, callees);
        let direct = edge.site.filter(|_| edge.borne == Borne::Direct).map(|s| (s, format!("it calls `{inner}`")));
        direct.or_else(|| if is_sleep(splat) { sleeping(definition, frame, inner, found, findings) } else { None }).or_else(|| {
            let edge = crate::edge::edge(frame, into, found, callees);
            let site = edge.site?;
            let why = match edge.borne {
                Borne::Pointer => format!("it calls `{}`, in which the tree stores `{inner}`", site.callee),
                _ => format!("it calls `{}`, which leads to `{inner}`", site.callee),
            };
            Some((site, why))
        })
    });
    match chosen {
        Some((site, why)) => {
            call.line = Some(site.line);
            call.text = Some(definition.line_text(site.line));
            call.callee = Some(site.callee);
            call.why.push(why);
        }
        None => {
            if let Some(line) = own_line(definition, frame) {
                call.line = Some(line);
                call.text = Some(definition.line_text(line));
            }
            if inner.is_none() {
                accessed(splat, definition, frame, found, &mut call);
            }
            let shown = if borne == Some(Borne::Unknown) { "perhaps through a pointer" } else { "this tree does not have that call" };
            call.why.extend(inner.map(|inner| format!("the stack says that it called `{inner}`; {shown}")));
        }
    }
    Some(call)
}

/// The call that leads to a primitive which sleeps, where the stack does not name it since its frame was inlined or its call the last.
fn sleeping(definition: &Definition, frame: &Frame, inner: &str, found: &Found<'_>, findings: &[Finding]) -> Option<(Site, String)> {
    let all = calls(definition);
    let said = |c: &&Site| {
        let at = |line: u32, function: &str, file: &str| line == c.line && function == definition.function.name && file == definition.file;
        let about = findings.iter().filter(|f| defect::finds(&f.check, defect::SLEEP));
        about.into_iter().any(|f| at(f.line, &f.function, &f.file) || f.steps.iter().any(|s| at(s.line, &s.function, &s.file)))
    };
    let known = |c: &&Site| sleeps(found, &c.callee);
    let both: Vec<&Site> = all.iter().filter(known).filter(said).collect();
    if let Some(site) = nearest(definition, frame, both) {
        let why = format!("`{}` sleeps, and a static finding names this call", site.callee);
        return Some((site, why));
    }
    // Which of the callees has a call of the inner function in its own body?
    let names: BTreeMap<String, _> = all.iter().map(|c| (c.callee.clone(), Default::default())).take(MAX_CALLEES).collect();
    let bodies = locate(found.tree, &names, &found.options.arch, found.outliner).definitions;
    let bare = inner.trim_start_matches('_');
    let leads = |c: &&Site| {
        let body = bodies.get(&c.callee).and_then(|d| d.first());
        body.is_some_and(|d| calls(d).iter().any(|c| c.callee.trim_start_matches('_') == bare))
    };
    let sites: Vec<&Site> = all.iter().filter(leads).collect();
    if let Some(site) = nearest(definition, frame, sites) {
        let why = format!("of what it calls, `{}` leads to `{inner}`", site.callee);
        return Some((site, why));
    }
    // A primitive that the stack names is not explained by another one.
    if !cuthere_splat::is_complaint(inner) && (sleeps(found, inner) || sleeps(found, bare)) {
        return None;
    }
    let site = nearest(definition, frame, all.iter().filter(known).filter(|c| may_block(found, c)).collect())?;
    let by = if own_line(definition, frame).is_some() { "line in the report" } else { "offset in the stack" };
    let why = format!("`{}` sleeps; the {by} is nearest to it", site.callee);
    Some((site, why))
}

/// A static finding of the same sort whose evidence passes through the stack: its claim names the call.
fn by_finding(splat: &Splat, found: &Found<'_>, findings: &[Finding]) -> Option<Call> {
    let stack: Vec<&str> = frames(splat).map(|f| plain(&f.function)).collect();
    let sort = defect::of_splat(splat)?;
    let rank = |f: &Finding| stack.iter().position(|s| *s == f.function || f.steps.iter().any(|step| step.function == *s));
    let fits = findings.iter().filter(|f| defect::finds(&f.check, sort)).filter_map(|f| Some((rank(f)?, f)));
    let mut candidates: Vec<(usize, &Finding)> = fits.collect();
    candidates.sort_by(|a, b| {
        (a.0, std::cmp::Reverse(a.1.confidence), a.1.sort_key()).cmp(&(b.0, std::cmp::Reverse(b.1.confidence), b.1.sort_key()))
    });
    for (_, finding) in candidates {
        // The step that gets the pointer: a call on its line that the claim or the step names.
        for step in &finding.steps {
            let Some(definition) = found.definition(&step.function).filter(|d| d.file == step.file) else { continue };
            let named =
                |c: &Site| words::has_word(step.text.as_bytes(), &c.callee) || words::has_word(finding.message.as_bytes(), &c.callee);
            let Some(site) = calls(definition).into_iter().find(|c| c.line == step.line && c.target.is_some() && named(c)) else {
                continue;
            };
            return Some(Call {
                function: step.function.clone(),
                file: Some(step.file.clone()),
                line: Some(step.line),
                text: Some(definition.line_text(step.line)),
                primitive: frames(splat).next().map(|f| plain(&f.function).to_owned()),
                context: context(splat),
                why: vec![format!("a static finding ({}) in the stack's functions says where the pointer comes from", finding.check)],
                callee: Some(site.callee),
            });
        }
    }
    None
}

/// The call whose result is the NULL pointer: followed from the bad access outwards.
fn null_source(splat: &Splat, found: &Found<'_>) -> Option<Call> {
    let all: Vec<&Frame> = frames(splat).collect();
    let start = all.iter().position(|f| !cuthere_splat::is_skipped(&f.function, &["fault"]))?;
    let mut inner: Option<String> = None;
    // What the outer function hands in: the argument's number, once the inner function's own parameter is known.
    for frame in all.iter().skip(start).take(16) {
        let Some(definition) = found.definition(&frame.function) else {
            inner = Some(plain(&frame.function).to_owned());
            continue;
        };
        let (variables, outwards) = match &inner {
            None => (untested_results(definition, frame), !parameters(definition).is_empty()),
            Some(inner) => handed_in(definition, inner, found),
        };
        let variables = variables.into_iter().take(MAX_CALLEES).collect::<Vec<_>>();
        let never = never_null(&variables, found);
        if let Some((site, variable, used)) = variables.into_iter().find(|(site, _, _)| !never.contains(&site.callee)) {
            let function = definition.function.name.clone();
            return Some(Call {
                file: Some(definition.file.clone()),
                line: Some(site.line),
                text: Some(definition.line_text(site.line)),
                primitive: Some(plain(&all.get(start)?.function).to_owned()),
                context: context(splat),
                why: vec![
                    format!("`{variable}` is what `{}` returned, and is not tested before {used}", site.callee),
                    format!("`{function}` is the innermost function of the stack where such a pointer begins"),
                ],
                callee: Some(site.callee),
                function,
            });
        }
        if !outwards {
            return None;
        }
        inner = Some(plain(&frame.function).to_owned());
    }
    None
}

/// Of these calls, those whose function this tree has and whose body returns no NULL: it does not name it, and hands on no other's result.
fn never_null(variables: &[(Site, String, String)], found: &Found<'_>) -> BTreeSet<String> {
    let mut never: BTreeSet<String> =
        variables.iter().map(|(site, _, _)| site).filter(|s| made_from(found, &s.callee)).map(|s| s.callee.clone()).collect();
    let names: BTreeMap<String, _> = variables.iter().map(|(site, _, _)| (site.callee.clone(), Default::default())).collect();
    if names.is_empty() {
        return never;
    }
    let located = locate(found.tree, &names, &found.options.arch, found.outliner);
    let bodies = located.definitions;
    // A macro that computes: all it calls does.
    let computes = |called: &BTreeSet<String>| called.iter().any(|c| made_from(found, c));
    never.extend(located.macros.iter().filter(|(_, called)| computes(called)).map(|(name, _)| name.clone()));
    // Custom names a step from a member to what it is in `to_…`; of another architecture, this tree's headers do not show it.
    let unseen = |name: &&String| name.starts_with("to_") && !bodies.contains_key(*name) && !located.macros.contains_key(*name);
    never.extend(names.keys().filter(unseen).cloned());
    let says = |d: &Definition| {
        let text = d.text.get(d.function.body.clone()).unwrap_or_default();
        let word = |w: &str| words::has_word(text, w);
        let packed: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let hands_on = calls(d)
            .iter()
            .filter(|c| !made_from(found, &c.callee))
            .any(|c| c.target.is_some() || memchr::memmem::find(&packed, format!("return{}(", c.callee).as_bytes()).is_some());
        word("NULL") || memchr::memmem::find(&packed, b"return0;").is_some() || hands_on || returns_member(&packed)
    };
    let silent = |all: &Vec<Definition>| !all.is_empty() && !all.iter().any(says);
    never.extend(bodies.into_iter().filter(|(_, all)| silent(all)).map(|(name, _)| name));
    never
}

/// Whether a call computes a pointer from one that was there before: arithmetic gives no NULL.
fn made_from(found: &Found<'_>, callee: &str) -> bool {
    let interior = || found.options.model.entry(Symbol::intern(callee)).is_some_and(|e| e.interior.is_some());
    MADE_FROM.contains(&callee) || interior()
}

/// Whether a body, packed, returns what a member holds: that may be NULL as well as any.
fn returns_member(packed: &[u8]) -> bool {
    memchr::memmem::find_iter(packed, b"return").any(|at| {
        let value = packed.get(at + 6..).unwrap_or_default();
        let value = value.get(..memchr::memchr(b';', value).unwrap_or(value.len())).unwrap_or_default();
        let plain = |b: &u8| words::is_word(*b) || matches!(b, b'-' | b'>' | b'.');
        value.first().is_some_and(|b| words::is_word(*b)) && value.iter().all(plain) && memchr::memmem::find(value, b"->").is_some()
    })
}

/// Says what is known of an access that is itself what the kernel complains of: its line, which may be in a function that was inlined.
fn accessed(splat: &Splat, definition: &Definition, frame: &Frame, found: &Found<'_>, call: &mut Call) {
    if let Some(place) = frame.inlined_at.first()
        && let Some(at) = place.line
        && let Ok(Some(whole)) = found.tree.read_path(&place.file)
        && let Some(shown) = crate::outline::Lines::new(&whole).text(&whole, at)
    {
        (call.file, call.line) = (Some(place.file.clone()), Some(at));
        call.text = Some(String::from_utf8_lossy(shown).trim().to_owned());
    }
    let Some(access) = splat.access.as_ref().filter(|a| a.write.is_some() || a.null_offset.is_some()) else { return };
    let what = match (access.write, access.size) {
        (Some(write), Some(size)) => format!("{} {size} bytes", if write { "writes" } else { "reads" }),
        (Some(write), None) => if write { "writes" } else { "reads" }.to_owned(),
        (None, _) => "accesses memory".to_owned(),
    };
    // Sources of another version have another line there.
    let loads =
        call.text.as_ref().map(|text| text.contains("->") || text.contains(['[', '(']) || text.starts_with('*') || text.contains("= *"));
    match (loads, frame.line, frame.offset, frame.size) {
        (Some(true), ..) => call.why.push(format!("by the report, this line {what} at the address that the kernel complains of")),
        (Some(false), ..) => {
            call.why.push(format!(
                "it {what}, in this line by the report; in this tree the line does not, so its source is of another version"
            ));
        }
        (None, Some(at), ..) => {
            let name = &definition.function.name;
            call.why.push(format!("it {what}; the report's line {at} is not in `{name}` in this tree"));
        }
        (None, None, Some(offset), Some(size)) => {
            let at = format!("{offset:#x} bytes into its {size:#x} bytes of code");
            call.why.push(format!("it {what} {at}; `scripts/decode_stacktrace.sh` finds the line"));
        }
        _ => {}
    }
}

/// Results of calls that the function dereferences without a test: the call, the variable, and where it is used. Where the report gives the
/// line, the variable must be in it.
fn untested_results(definition: &Definition, frame: &Frame) -> Vec<(Site, String, String)> {
    let at = own_line(definition, frame).map(|line| definition.line_text(line));
    let text = definition.text.get(definition.function.body.clone()).unwrap_or_default();
    let mut out = Vec::new();
    for site in calls(definition) {
        let Some(variable) = site.target.clone() else { continue };
        if at.as_ref().is_some_and(|text| !words::has_word(text.as_bytes(), &variable)) {
            continue;
        }
        let member = format!("{variable}->");
        if memchr::memmem::find(text, member.as_bytes()).is_some() && !tests(definition, &variable, site.line, definition.function.end_line)
        {
            out.push((site, variable, "it is dereferenced".to_owned()));
        }
    }
    out
}

/// Results of calls that the function hands, untested, to a call that leads to `inner` through functions of its own file; and whether it
/// hands on what it was given itself, so that its caller is to be asked.
fn handed_in(definition: &Definition, inner: &str, found: &Found<'_>) -> (Vec<(Site, String, String)>, bool) {
    let bare = inner.trim_start_matches('_');
    let all = calls(definition);
    let file: Vec<Definition> = found
        .outliner
        .functions(&definition.text)
        .into_iter()
        .map(|function| Definition { file: definition.file.clone(), function, text: definition.text.clone() })
        .collect();
    let leading = all.iter().filter(|c| leads_to(&c.callee, bare, &file, &mut BTreeSet::new(), MAX_INLINE));
    let own: Vec<String> = parameters(definition);
    let mut out = Vec::new();
    let mut outwards = false;
    for call in leading {
        for argument in &call.arguments {
            outwards |= words::identifiers(argument).any(|(_, w)| own.iter().any(|p| p == w));
            // What is loaded through a pointer to be handed on proves the pointer itself.
            if argument.contains("->") && !argument.trim_start().starts_with('&') {
                continue;
            }
            let Some((_, variable)) = words::identifiers(argument).find(|(_, w)| !own.iter().any(|p| p == w)) else { continue };
            let set = all.iter().rev().find(|c| c.target.as_deref() == Some(variable) && c.line <= call.line);
            let sound = |s: &&Site| tests(definition, variable, s.line, call.line) || dereferences(definition, variable, s.line, call.line);
            if let Some(set) = set.filter(|s| !sound(s)) {
                out.push((set.clone(), variable.to_owned(), format!("`{}` gets it", call.callee)));
            }
        }
    }
    (out, outwards)
}

/// Whether a function leads to a call of `bare`: it is one, or calls one, or calls a function of the same file that does. A helper in a
/// header often wraps the function that the stack names, so a name that ends alike counts.
fn leads_to(callee: &str, bare: &str, file: &[Definition], seen: &mut BTreeSet<String>, depth: usize) -> bool {
    let name = callee.trim_start_matches('_');
    if name == bare || (name.len() > 4 && bare.len() > 4 && alike(name, bare)) {
        return true;
    }
    if depth == 0 || !seen.insert(callee.to_owned()) {
        return false;
    }
    let Some(definition) = file.iter().find(|d| d.function.name == callee) else { return false };
    calls(definition).iter().any(|c| leads_to(&c.callee, bare, file, seen, depth - 1))
}

/// `cpumask_weight` and `bitmap_weight`: the same last word after an underscore, of some length.
fn alike(a: &str, b: &str) -> bool {
    let last = |s: &str| s.rsplit_once('_').map(|(_, l)| l.to_owned()).filter(|l| l.len() >= 4);
    last(a).is_some() && last(a) == last(b)
}
