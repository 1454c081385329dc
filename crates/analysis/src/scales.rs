//! Weighs a claim against what the rest of the program says: drops it, lowers it, or leaves it as it is.
//!
//! Every step is one reason for which claims of checks turned out wrong, and says so in the finding.

use crate::checker::{Maturity, Tree};
use crate::claim::{Claim, Left};
use crate::ends::{Freeing, at_end, freed_records, waited_for};
use crate::options::Options;
use crate::tree::{in_no_setting, two_architectures};
use cuthere_base::{Confidence, Symbol};
use cuthere_cfront::include_graph::arch_of;
use cuthere_flow::body::{Expr, Record};
use cuthere_flow::index::{Giver, Handovers, ListUse, RcuFact};
use cuthere_flow::program::Callees;
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Level, ListOp};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::OnceLock;

/// What claims are weighed against.
pub(crate) struct Scales<'t> {
    tree: &'t Tree<'t>,
    handovers: &'t Handovers,
    options: &'t Options,
    /// The whole tree's knowledge is at hand, though only a part is read.
    indexed: bool,
    /// Who frees objects while others run, by record, once somebody asks.
    freed: OnceLock<FxHashMap<Record, Vec<Freeing>>>,
    /// The records whose objects somebody takes off a list.
    unlinked: OnceLock<FxHashSet<Record>>,
}

impl<'t> Scales<'t> {
    pub fn new(tree: &'t Tree<'t>, handovers: &'t Handovers, options: &'t Options, indexed: bool) -> Scales<'t> {
        Scales { tree, handovers, options, indexed, freed: OnceLock::new(), unlinked: OnceLock::new() }
    }

    /// Finds out what these claims will ask for, before several threads weigh them; see [`Tree::prepare`].
    pub fn prepare(&self, claims: &[Claim]) {
        if claims.iter().any(|c| c.alone || c.read.is_some() || c.faults) {
            self.tree.contexts();
        }
        if claims.iter().any(|c| c.lives.is_some()) {
            self.tree.lives();
        }
    }

    /// Whether a claim is about code that was asked for, and that can exist.
    pub fn asked(&self, claim: &Claim) -> bool {
        let (world, f) = (self.tree.world, claim.at.0);
        self.options.covers(world.path(f))
            && (self.active(f) || !in_no_setting(world.program, world.func(f)))
            && !two_architectures(claim.steps.iter().map(|s| world.path(s.func)))
    }

    /// Whether a function exists under the chosen setting.
    fn active(&self, f: FuncId) -> bool {
        let program = self.tree.world.program;
        program.function_ref(f.0).is_none_or(|r| program.item(r).active)
    }

    /// Gives a claim the confidence that it deserves; `false`: it does not hold.
    pub fn weigh(&self, claim: &mut Claim, maturity: Maturity) -> bool {
        self.by_habit(claim);
        self.by_arguments(claim);
        if claim.left.is_some_and(|left| !self.by_other_half(claim, left)) || !self.by_lives(claim) {
            return false;
        }
        self.by_callers(claim);
        self.by_work(claim);
        self.by_faults(claim);
        self.by_readers(claim);
        if self.cut_off(claim) {
            claim.confidence = claim.confidence.min(Confidence::Medium);
        }
        // High means that the check's precision was measured and is that good.
        if maturity == Maturity::Trial {
            claim.confidence = claim.confidence.min(Confidence::Medium);
        }
        true
    }

    /// What most code does with a pointer of the same origin.
    fn by_habit(&self, claim: &mut Claim) {
        let Some(belief) = &claim.belief else { return };
        let world = self.tree.world;
        let (confidence, said) = belief.weigh(self.tree.habits);
        // Who else uses a function of another folder was not read.
        let unread = match belief.giver {
            Giver::Function(f) if !self.indexed && !world.func(f).is_static && !self.options.covers(world.path(f)) => Some(f),
            _ => None,
        };
        claim.confidence = confidence;
        claim.assumes.extend(said);
        if let Some(f) = unread.filter(|_| confidence == Confidence::High) {
            claim.confidence = Confidence::Medium;
            claim.assumes.push(format!("other uses of {}() were not read", world.func(f).name));
        }
    }

    fn by_arguments(&self, claim: &mut Claim) {
        if claim.handed.is_some_and(|param| self.tree.arguments.all_hand_objects(self.tree.world, claim.at.0, param)) {
            lower(claim, format!("every caller of {}() hands an object", self.tree.world.func(claim.at.0).name));
        }
    }

    /// Who does the other half of what is left of a lock.
    fn by_other_half(&self, claim: &mut Claim, left: Left) -> bool {
        if left.falls && left.by.is_some_and(|by| !self.handovers.is_completed(by, left.kept)) {
            return false;
        }
        let (world, f) = (self.tree.world, claim.at.0);
        if let Some(by) = self.handovers.other_half(world, f, left.class, left.kept) {
            lower(claim, format!("{}() does not do the other half", world.func(by).name));
            return !left.falls;
        }
        // Whoever gets an object, or an answer of its own kind, has to be seen; a callback that nobody names answers to the core, which knows nothing of the lock.
        let seen = || !world.callers(f).is_empty();
        let unread = match left.told {
            true if world.func(f).ret_ptr => !seen(),
            true => !seen() && !world.func(f).is_static && !self.handed_over(f),
            false => !self.options.paths.is_empty() && !seen() && !world.func(f).is_static && !self.handed_over(f),
        };
        if unread {
            lower(claim, format!("callers of {}() were not read", world.func(f).name));
        }
        true
    }

    /// Whether some function that was read names this one without calling it.
    fn handed_over(&self, f: FuncId) -> bool {
        let world = self.tree.world;
        let (name, file) = (world.func(f).name, world.func(f).file);
        let means = |from| from == file || !world.func(f).is_static;
        !world.bindings(f).is_empty() || world.funcs.iter().any(|body| means(body.file) && body.exprs.contains(&Expr::Function(name)))
    }

    /// Whether somebody frees such objects, or takes them away.
    fn by_lives(&self, claim: &Claim) -> bool {
        let unlinked = |record: Record| self.unlinked.get_or_init(|| unlinked_records(self.tree)).contains(&record);
        claim.lives.is_none_or(|record| self.freed().contains_key(&record)) && claim.unlinked.is_none_or(unlinked)
    }

    fn freed(&self) -> &FxHashMap<Record, Vec<Freeing>> {
        self.freed.get_or_init(|| freed_records(self.tree))
    }

    /// Whether everybody who gets to the function is a work item or timer, and everybody who frees such objects is the same one, or has waited for it.
    fn by_work(&self, claim: &mut Claim) {
        let Some(record) = claim.lives.filter(|_| claim.confidence > Confidence::Low) else { return };
        let Some(frees) = self.freed().get(&record) else { return };
        if waited_for(self.tree, self.tree.lives(), claim.at.0, frees) {
            lower(claim, "who frees such objects does not wait for the callback that this runs in".to_owned());
        }
    }

    /// Whether a caller may hold a lock, or be in a section, when it calls the function.
    fn by_callers(&self, claim: &mut Claim) {
        if !claim.alone || claim.confidence == Confidence::Low {
            return;
        }
        // What is there instead under the chosen setting may be all that was seen to be called.
        if self.tree.world.callers(claim.at.0).is_empty() && !self.active(claim.at.0) {
            lower(claim, "callers under another setting, which were not read, hold no lock".to_owned());
            return;
        }
        let entered = self.tree.contexts().entered(claim.at.0);
        // What one CPU disables keeps another from nothing but the end of a grace period.
        let at_once = claim.lives.is_some_and(|record| self.freed().get(&record).is_some_and(|all| all.iter().any(|f| f.at_once)));
        let parts: &[Part] = if at_once { &[Part::Rcu] } else { &[Part::Rcu, Part::Bh, Part::Irq, Part::Preempt] };
        let protected = [&entered.certain, &entered.perhaps]
            .iter()
            .any(|way| way.reached() && (!way.locks.is_empty() || parts.iter().any(|&part| way.part(part).1)));
        if protected {
            lower(claim, "no lock or read-side section of a caller protects it".to_owned());
        }
    }

    /// Whether user memory that is not there is an error, and nothing to wait for.
    fn by_faults(&self, claim: &mut Claim) {
        if !claim.faults || claim.confidence == Confidence::Low {
            return;
        }
        let entered = self.entered_as(claim.root()).into_iter().map(|f| self.tree.contexts().entered(f));
        let mut ways = entered.flat_map(|e| [&e.certain, &e.perhaps]).filter(|way| way.reached()).peekable();
        if ways.peek().is_some() && ways.all(|way| way.part(Part::Pagefault).0) {
            lower(claim, "somebody calls it with page faults enabled".to_owned());
        }
    }

    /// The functions by whose callers a function is judged: itself, or, of an architecture's own version that nobody is seen to call, those of that name for others.
    fn entered_as(&self, f: FuncId) -> Vec<FuncId> {
        let world = self.tree.world;
        let called = |f: FuncId| !world.callers(f).is_empty();
        if called(f) || arch_of(world.path(f)).is_none() {
            return vec![f];
        }
        let all = (0..world.funcs.len() as u32).map(FuncId);
        let same = |g: &FuncId| world.func(*g).name == world.func(f).name && arch_of(world.path(*g)).is_some() && called(*g);
        let others: Vec<FuncId> = all.filter(same).collect();
        if others.is_empty() { vec![f] } else { others }
    }

    /// Whether a list is walked under RCU at all.
    fn by_readers(&self, claim: &mut Claim) {
        let Some((record, member)) = claim.read.filter(|_| claim.confidence > Confidence::Low) else { return };
        let inside = |f: FuncId, u: &ListUse| {
            let entered = self.tree.contexts().entered(f).best();
            // By the form of the walk, where nothing else is held.
            let alone = !u.locked && !entered.locks.iter().any(|l| l.always);
            u.section || alone || entered.reached() && (!entered.level(Level::Task) || entered.part(Part::Rcu).0)
        };
        let walks = |(f, fact): &(FuncId, RcuFact)| match fact {
            RcuFact::List(u) => {
                u.op == ListOp::Walk && u.rcu && (u.record, u.member) == (record, member) && inside(*f, u) && self.looks_at(*f, claim.used)
            }
            _ => false,
        };
        if !self.tree.rcu.all.iter().any(walks) {
            let uses = if claim.used.is_empty() { String::new() } else { format!(", and uses `{}`", claim.used) };
            lower(claim, format!("somebody walks the list with no lock of the writers held{uses}"));
        }
    }

    /// Whether a function that walks a list, one that it calls, or, of one that looks an element up, a caller names a member.
    fn looks_at(&self, f: FuncId, member: Symbol) -> bool {
        let world = self.tree.world;
        let names = |g: FuncId| world.func(g).exprs.iter().any(|e| matches!(e, Expr::Field { name, .. } if *name == member));
        let called = || world.callees[f.index()].iter().filter(|(_, c)| matches!(c, Callees::One(_))).flat_map(|(_, c)| c.list());
        let callers = || world.callers(f).iter().filter(|_| world.func(f).ret_ptr).map(|c| c.func);
        member.is_empty() || names(f) || called().any(|g| names(*g)) || callers().any(names)
    }

    /// Whether not everything was followed in one of the functions that a claim speaks of: what else happens there is not known.
    fn cut_off(&self, claim: &Claim) -> bool {
        let cut = |f: FuncId| self.tree.world.summary(f).is_some_and(|s| s.truncated);
        cut(claim.at.0) || claim.steps.iter().any(|step| cut(step.func))
    }
}

fn lower(claim: &mut Claim, assumed: String) {
    claim.confidence = Confidence::Low;
    claim.assumes.push(assumed);
}

/// Records whose objects are taken off a list by the `_rcu` form, other than by what runs when all is over.
fn unlinked_records(tree: &Tree<'_>) -> FxHashSet<Record> {
    let removed = |(f, fact): &(FuncId, RcuFact)| match fact {
        RcuFact::List(u) if u.op == ListOp::Remove && u.rcu && !at_end(tree, *f, 0) => Some(u.record),
        _ => None,
    };
    tree.rcu.all.iter().filter_map(removed).collect()
}
