//! The compiled-in tables are whole and agree with each other; bad files are refused with their place.

use crate::load::load;
use crate::model::TABLES;
use crate::words::MAX_ARGUMENT;
use crate::*;
use cuthere_base::Symbol;
use cuthere_cfront::shapes::{KnownType, Shape};
use std::collections::BTreeMap;

fn sym(name: &str) -> Symbol {
    Symbol::intern(name)
}

fn entry<'a>(model: &'a Model, name: &str) -> &'a Entry {
    model.entry(sym(name)).unwrap_or_else(|| panic!("no entry `{name}`"))
}

fn refused(text: &str) -> ModelError {
    Model::builtin().extended("my.toml", text).err().unwrap_or_else(|| panic!("accepted: {text}"))
}

#[test]
fn tables_load_and_no_name_stands_twice() {
    let mut names: BTreeMap<(&str, Option<bool>), &str> = BTreeMap::new();
    for (table, text) in TABLES {
        let rows = load(table, text).unwrap_or_else(|error| panic!("{error}"));
        for entry in &rows.entries {
            assert!(!entry.name.is_empty());
            if let Some(other) = names.insert((entry.name.as_str(), entry.rt), table) {
                panic!("`{}` stands in {other} and in {table}", entry.name);
            }
        }
    }
    assert!(names.len() > 3000, "{} entries", names.len());
    for (name, rt) in names.keys() {
        let both = names.contains_key(&(name, Some(true))) && names.contains_key(&(name, Some(false)));
        let one = names.contains_key(&(name, None)) && rt.is_none();
        assert!(both || one, "`{name}` must stand once, or once for each preemption model");
    }
}

#[test]
fn argument_indices_are_sane() {
    for rt in [false, true] {
        for entry in Model::builtin().for_preempt(rt).entries() {
            let mut indices: Vec<u8> = entry.derefs.iter().chain(&entry.null_ok).chain(&entry.assigns).copied().collect();
            indices.extend(entry.frees.iter().map(|free| free.argument));
            indices.extend(entry.refs.iter().map(|r| r.argument));
            indices.extend(entry.callbacks.iter().flat_map(|callback| [callback.object, callback.function, callback.data]).flatten());
            assert!(indices.iter().all(|index| *index < 9), "{}: {indices:?}", entry.name);
            let both = entry.derefs.iter().find(|index| entry.null_ok.contains(index));
            assert_eq!(both, None, "{}: an argument is dereferenced and may be NULL", entry.name);
            for effect in entry.acquires.iter().chain(&entry.releases) {
                if let LockRef::Arg(index) | LockRef::Member(index, ..) = effect.lock {
                    assert!(index <= MAX_ARGUMENT && entry.derefs.contains(&index), "{}", entry.name);
                }
            }
            if entry.allocates && !entry.managed && entry.opaque {
                assert_ne!(entry.returns, Returns::Unknown, "{} allocates what?", entry.name);
            }
            assert!(!(entry.grace_period && entry.sleeps != Sleeps::Always), "{} waits without sleeping", entry.name);
        }
    }
}

#[test]
fn guards_call_known_entries() {
    let model = Model::builtin();
    for guard in model.guards() {
        let (enter, exit) = (entry(&model, guard.enter.as_str()), entry(&model, guard.exit.as_str()));
        assert_eq!(enter.acquires.len(), exit.releases.len(), "guard({}): what begins must end", guard.class);
        let parts = |entry: &Entry, begins: bool| entry.context.iter().filter(|effect| effect.enter == begins).count();
        assert_eq!(parts(enter, true), parts(exit, false), "guard({})", guard.class);
    }
    assert_eq!(model.guard(sym("spinlock_irqsave")).map(|guard| guard.exit), Some(sym("spin_unlock_irqrestore")));
    assert_eq!(model.free_class(sym("device_node")).map(|free| free.calls), Some(sym("of_node_put")));
}

#[test]
fn lock_pairs_match() {
    for rt in [false, true] {
        let model = Model::builtin().for_preempt(rt);
        for (take, release) in [
            ("spin_lock", "spin_unlock"),
            ("spin_lock_irqsave", "spin_unlock_irqrestore"),
            ("raw_spin_lock_irq", "raw_spin_unlock_irq"),
            ("read_lock_bh", "read_unlock_bh"),
            ("write_seqlock_irqsave", "write_sequnlock_irqrestore"),
            ("mutex_lock_interruptible", "mutex_unlock"),
            ("down_read", "up_read"),
            ("local_lock_irqsave", "local_unlock_irqrestore"),
            ("rtnl_lock", "rtnl_unlock"),
            ("snd_pcm_stream_lock_irq", "snd_pcm_stream_unlock_irq"),
        ] {
            let (taken, released) = (entry(&model, take), entry(&model, release));
            let (taken_lock, released_lock) = (taken.acquires[0], released.releases[0]);
            assert_eq!(
                (taken_lock.lock, taken_lock.kind, taken_lock.mode),
                (released_lock.lock, released_lock.kind, released_lock.mode),
                "{take}"
            );
            let undone: Vec<_> = taken.context.iter().map(|effect| CtxEffect { enter: false, ..*effect }).collect();
            assert_eq!(undone, released.context, "{take}");
        }
    }
}

#[test]
fn what_is_held_around_operations_is_taken_by_calls() {
    let model = Model::builtin();
    let held = model.around(sym("file_operations"), sym("mmap"));
    assert_eq!(held.len(), 1);
    let same = |a: &KernelLock, b: &KernelLock| (a.record, a.name, a.kind) == (b.record, b.name, b.kind);
    assert!(entry(&model, "copy_to_user").takes.iter().any(|lock| same(lock, &held[0])));
    assert!(model.around(sym("file_operations"), sym("open")).is_empty());
    assert!(entry(&model, "copy_from_user_nofault").takes.is_empty());
}

#[test]
fn preemption_models_differ_where_they_should() {
    let (plain, rt) = (Model::builtin(), Model::builtin().for_preempt(true));
    let save = CtxEffect { part: CtxPart::IrqSave, enter: true };
    assert_eq!(entry(&plain, "spin_lock_irqsave").context, [save]);
    assert_eq!(entry(&rt, "spin_lock_irqsave").context, []);
    assert_eq!(entry(&rt, "raw_spin_lock_irqsave").context, [save]);
    assert!(entry(&plain, "request_irq").callbacks[0].context.irq_off);
    assert!(!entry(&rt, "request_irq").callbacks[0].context.irq_off);
    assert_eq!(plain.entries().count(), rt.entries().count());
    let names: Vec<&str> = plain.entries().map(|entry| entry.name.as_str()).collect();
    assert!(names.is_sorted());
}

#[test]
fn well_known_facts() {
    let model = Model::builtin();
    assert_eq!(entry(&model, "kmalloc").sleeps, Sleeps::Gfp(1));
    assert_eq!(entry(&model, "devm_kcalloc").sleeps, Sleeps::Gfp(3));
    for (name, how) in
        [("kfree", FreeHow::Now), ("kfree_rcu", FreeHow::Grace), ("krealloc", FreeHow::IfPointer), ("kfree_skb", FreeHow::Last)]
    {
        assert_eq!(entry(&model, name).frees, [FreeEffect { argument: 0, how }], "{name}");
    }
    let steps = |name| model.loop_macro(sym(name)).expect("known").reads_cursor;
    assert!(steps("list_for_each_entry") && !steps("list_for_each_entry_safe"));
    assert!(entry(&model, "synchronize_rcu").grace_period);
    assert_eq!(entry(&model, "del_timer_sync").sleeps, Sleeps::OnRt);
    assert_eq!(entry(&model, "cancel_work_sync").sleeps, Sleeps::Always);
    assert!(entry(&model, "copy_from_user").faults);
    assert_eq!(entry(&model, "netdev_priv").interior, Some(0));
    assert_eq!(entry(&model, "rcu_assign_pointer").publishes, Some(1));
    assert_eq!(entry(&model, "down_trylock").acquires[0].success, Success::Zero);
    assert_eq!(model.condition_arg(sym("wait_event_interruptible_timeout")), Some(1));
    assert_eq!(model.place_macro(sym("WRITE_ONCE")), Some(PlaceAccess::Write));
    assert_eq!(model.container_of(sym("from_timer")), Some(ContainerMacro { ptr: 1, record: 0, member: 2 }));
    assert_eq!(model.constant(sym("ENOMEM")), Some(12));
    let reclaim = model.constant(sym("__GFP_DIRECT_RECLAIM")).expect("known");
    for (mask, sleeps) in [("GFP_KERNEL", true), ("GFP_NOIO", true), ("GFP_ATOMIC", false), ("GFP_NOWAIT", false)] {
        assert_eq!(model.constant(sym(mask)).expect("known") & reclaim != 0, sleeps, "{mask}");
    }
    let each = model.loop_macro(sym("for_each_child_of_node")).expect("known");
    assert_eq!((each.cursor, each.holds_ref, each.null_after), (1, true, true));
}

#[test]
fn operations_tables() {
    let model = Model::builtin();
    let atomic = |record: &str, field: &str| model.ops_field(sym(record), sym(field)).map(|ops| ops.context.atomic());
    assert_eq!(atomic("net_device_ops", "ndo_start_xmit"), Some(true));
    assert_eq!(atomic("net_device_ops", "ndo_open"), Some(false));
    assert_eq!(atomic("irq_chip", "irq_mask"), Some(true));
    assert_eq!(atomic("irq_chip", "irq_bus_sync_unlock"), Some(false));
    assert_eq!(atomic("file_operations", "read"), Some(false));
    assert_eq!(atomic("file_operations", "spin"), None);
    for ops in model.ops_fields() {
        let wrong = ops.context.atomic() && !ops.context.sometimes && ops.may_sleep == Some(true);
        assert!(!wrong, "{}.{} may sleep in an atomic context", ops.record, ops.field);
    }
}

#[test]
fn atomic_contexts() {
    let task = Context::default();
    assert!(!task.atomic());
    assert!(Context { irq_off: true, ..Context::default() }.atomic());
    assert!(Context { rcu: true, ..Context::default() }.atomic());
    assert!(Context { level: Level::Softirq, ..Context::default() }.atomic());
    assert!(!Context { level: Level::Inherit, ..Context::default() }.atomic());
    assert!(!Context { locks: vec![(sym("rtnl"), LockKind::SleepingOther)], ..Context::default() }.atomic());
    assert!(Context { locks: vec![(sym("x.lock"), LockKind::RawSpin)], ..Context::default() }.atomic());
}

#[test]
fn shapes_cover_what_is_not_expanded() {
    let model = Model::builtin();
    let shapes = model.shapes();
    for entry in model.entries().filter(|entry| entry.unexpanded) {
        assert!(shapes.get(entry.name).is_some(), "{}", entry.name);
    }
    for each in model.loops() {
        assert_eq!(shapes.get(each.name), Some(Shape::Loop), "{}", each.name);
    }
    let expected = [
        ("spin_lock_irqsave", Shape::Call),
        ("container_of", Shape::Call),
        ("READ_ONCE", Shape::Call),
        ("wait_event", Shape::Call),
        ("guard", Shape::Guard),
        ("scoped_guard", Shape::Scope),
        ("CLASS", Shape::ClassDecl),
        ("DECLARE_WAITQUEUE", Shape::Decl),
        ("__free", Shape::Cleanup),
        ("__must_check", Shape::Ignored),
        ("__must_hold", Shape::Annotation),
    ];
    for (name, shape) in expected {
        assert_eq!(shapes.get(sym(name)), Some(shape), "{name}");
    }
    assert_eq!(shapes.get(sym("foo_probe")), None);
    assert_eq!(shapes.types.get(&sym("u32")), Some(&KnownType::Int { size: 4, signed: false }));
    assert_eq!(shapes.types.get(&sym("spinlock_t")), Some(&KnownType::Struct));
}

#[test]
fn a_user_file_adds_and_replaces() {
    let text = r#"
        [[entry]]
        name = "foo_lock"
        acquires = ["spin member:0.lock"]
        opaque = true
        [[entry]]
        name = "foo_unlock spin_lock_irqsave"
        releases = ["spin member:0.lock"]
        [[guard]]
        class = "foo"
        enter = "foo_lock"
        exit = "foo_unlock"
    "#;
    let model = Model::builtin().extended("my.toml", text).expect("valid");
    assert_eq!(entry(&model, "foo_lock").derefs, [0]);
    assert_eq!(model.guard(sym("foo")).map(|guard| guard.enter), Some(sym("foo_lock")));
    // The row replaces both variants of the compiled-in entry.
    for rt in [false, true] {
        assert_eq!(entry(&model.clone().for_preempt(rt), "spin_lock_irqsave").acquires, []);
    }
    assert_eq!(entry(&Model::builtin(), "spin_lock_irqsave").acquires.len(), 1);
    assert_eq!(model.shapes().get(sym("foo_lock")), Some(Shape::Call));
    let learned = "learned = true\n[[entry]]\nname = \"kfree foo_learned\"\nsleeps = \"always\"\n";
    let model = model.extended("learned.toml", learned).expect("valid");
    assert_eq!(entry(&model, "kfree").sleeps, Sleeps::Never);
    assert!(entry(&model, "foo_learned").learned);
}

#[test]
fn mistakes_are_located() {
    let error = refused("[[entry]]\nname = \"foo\"\nsleep = \"always\"\n");
    assert_eq!((error.line, error.column), (3, 1), "{error}");
    assert!(error.message.contains("sleep") && error.message.contains("sleeps"), "{error}");

    let error = refused("[[entry]]\nname = \"foo\"\nsleeps = \"often\"\n");
    assert_eq!((error.line, error.column), (3, 10), "{error}");
    assert!(error.message.contains("`often`") && error.message.contains("on-rt"), "{error}");

    let error = refused("[[entry]]\nname = \"foo\"\nacquires = [\"spin 0\", \"spun 0\"]\n");
    assert_eq!((error.line, error.column), (3, 23), "{error}");

    let error = refused("[[entry]]\nname = 7\n");
    assert_eq!((error.line, error.column), (2, 8), "{error}");
    assert!(error.message.contains("integer"), "{error}");

    let error = refused("[[entry]]\nname = \"foo bar\"\n[[entry]]\nname = \"baz foo\"\n");
    assert_eq!((error.line, error.column), (4, 13), "{error}");
    assert!(error.message.contains("twice"), "{error}");

    let error = refused("[[guard]]\nclass = \"foo\"\nenter = \"foo_lock_it\"\nexit = \"mutex_unlock\"\n");
    assert_eq!((error.line, error.column), (3, 10), "{error}");
    assert!(error.message.contains("foo_lock_it"), "{error}");

    let error = refused("[[entry]]\nname = \"foo\"\nderefs = [99]\n");
    assert!(error.message.contains("too large") && error.line == 2, "{error}");

    let error = refused("[[ops]]\nrecord = \"foo_ops\"\nfield = \"run\"\ncontext = \"process\"\n");
    assert_eq!((error.line, error.column), (4, 11), "{error}");
    assert!(error.to_string().starts_with("my.toml:4:11: "), "{error}");

    assert_eq!(refused("[[entry]\n").line, 1);
    assert_eq!(refused("[[entry]]\nopaque = true\n").line, 1, "a name is required");
}

#[test]
fn no_bytes_make_it_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let sample = "[[entry]]\nname = \"a_é b\"\nacquires = [\"mutex 0 if-zero\"]\ncallback = [{ op = \"arm\", kind = \"timer\", object = 0 }]\n\
        [free]\nx = \"kfree\"\n[[guard]]\nclass = \"c\"\nenter = \"a\"\nexit = \"b\"\n[constants]\nX = 0x10\n";
    let mut accepted = 0;
    for round in 0..3000 {
        let mut bytes: Vec<u8> =
            if round % 3 == 0 { (0..next() % 200).map(|_| next() as u8).collect() } else { sample.as_bytes().to_vec() };
        for _ in 0..next() % 4 {
            if !bytes.is_empty() {
                let at = (next() % bytes.len() as u64) as usize;
                bytes[at] = if round % 2 == 0 { next() as u8 } else { b"[]\"= \n{},.0aA#"[(next() % 14) as usize] };
            }
        }
        if round % 5 == 0 {
            bytes.truncate((next() % 300) as usize);
        }
        let text = String::from_utf8_lossy(&bytes);
        match load("fuzz.toml", &text) {
            Ok(_) => accepted += 1,
            Err(error) => assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty()),
        }
    }
    assert!(accepted < 3000, "some are wrong");
    let deep = "a = ".to_owned() + &"[".repeat(100_000);
    assert!(load("deep.toml", &deep).is_err());
    let nested = "a".to_owned() + &".a".repeat(100_000) + " = 1";
    assert!(load("nested.toml", &nested).is_err());
}

/// The deserialiser names the keys it knows; the guide must name them too.
#[test]
fn the_guide_names_every_key() {
    let guide = include_str!("../models/README.md");
    for (text, least) in [
        ("nonsense = 1", 12),
        ("[[entry]]\nname = \"a\"\nnonsense = 1", 28),
        ("[[entry]]\nname = \"a\"\ncallback = [{ nonsense = 1 }]", 6),
        ("[[ops]]\nnonsense = 1", 4),
        ("[[guard]]\nnonsense = 1", 3),
        ("[[loop]]\nnonsense = 1", 5),
        ("[[container]]\nnonsense = 1", 4),
        ("[shapes]\nnonsense = 1", 9),
    ] {
        let error = refused(text);
        let keys: Vec<&str> = error.message.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() >= least, "{error}");
        for key in keys {
            let named = [format!("`{key}"), format!("[{key}]"), format!("{{ {key}"), format!(" {key},"), format!(" {key} }}")];
            assert!(named.iter().any(|form| guide.contains(form)), "the guide does not name `{key}` of {text:?}");
        }
    }
}

/// Keys that no code outside this crate asks for, and why they stand in the schema all the same.
const UNREAD: &[(&str, &str)] = &[
    ("name", "what look-ups are made by"),
    ("record", "what look-ups are made by"),
    ("class", "what look-ups are made by"),
    ("macro", "becomes a shape that the front end keeps"),
    ("callback", "read as `callbacks`"),
    ("managed", "for the lifetime of what the device core gives back"),
    ("pointer", "read as `ptr`"),
    ("type", "read as `record`"),
];

/// Knowledge that nothing asks for is a promise that nobody keeps.
#[test]
fn every_key_is_read() {
    fn sources(dir: &std::path::Path, out: &mut String) {
        for entry in std::fs::read_dir(dir).expect("a folder of this repository").map(|e| e.expect("readable").path()) {
            if entry.is_dir() {
                sources(&entry, out);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                out.push_str(&std::fs::read_to_string(entry).expect("readable"));
            }
        }
    }
    let crates = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut code = String::new();
    for name in ["cfront", "ir", "flow", "incremental", "analysis", "checks", "explore", "review", "cli"] {
        sources(&crates.join(name).join("src"), &mut code);
    }
    let read = |key: &str| {
        code.match_indices(&format!(".{key}"))
            .any(|(at, text)| !code[at + text.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    for section in [
        "[[entry]]\nname = \"a\"\n",
        "[[entry]]\nname = \"a\"\ncallback = [{ nonsense = 1 }]\n",
        "[[ops]]\n",
        "[[guard]]\n",
        "[[loop]]\n",
        "[[container]]\n",
    ] {
        let error = refused(&format!("{section}nonsense = 1"));
        for key in error.message.split('`').skip(3).step_by(2) {
            let known = UNREAD.iter().any(|(unread, _)| *unread == key);
            assert!(known || read(key), "no code asks for `{key}` of {section:?}: read it, remove it, or say why it stays");
        }
    }
}

#[test]
fn older_trees_are_known_by_what_they_lack() {
    let model = Model::builtin();
    let sleeps = |model: &Model| model.entry(sym("tasklet_disable")).map(|e| e.sleeps);
    let map_pages = |model: &Model| model.ops_field(sym("vm_operations_struct"), sym("map_pages")).is_some();
    // What is spoken of was not read, or the change is there: the model holds as it stands.
    assert!(model.for_tree(|_| false).is_none());
    assert!(model.for_tree(|_| true).is_none());
    let (older, changes) = model.for_tree(|name| name == sym("tasklet_disable")).expect("an older tree");
    assert_eq!((sleeps(&older), changes.as_str()), (Some(Sleeps::Never), "tasklet_unlock_spin_wait"));
    assert!(map_pages(&older));
    let (older, _) = model.for_tree(|name| name == sym("handle_mm_fault")).expect("an older tree");
    assert!(!map_pages(&older) && map_pages(&model));
    assert!(older.entry(sym("pte_offset_map_lock")).is_some_and(|e| e.context.is_empty()));
    assert_eq!(sleeps(&model), Some(Sleeps::Always));
}
