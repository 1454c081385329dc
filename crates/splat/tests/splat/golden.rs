//! Every file in `tests/logs` is one test: header lines, a blank line, a log in our own words. `KIND`, `TITLE` and `FUNCTION` (`-` for
//! none) repeat for each report in order; the other headers speak of the report named last. `NONE` says that there is no report.
//! Reading again from a report's first line finds the same report, and from after its last line none of it.

use cuthere_splat::{Splat, read};
use std::path::Path;

fn check(name: &str, key: &str, value: &str, splat: &Splat) {
    let got = match key {
        "KIND" => {
            assert_eq!(serde_json::to_value(splat.kind).expect("serialises").as_str(), Some(splat.kind.as_str().as_str()));
            splat.kind.as_str()
        }
        "TITLE" => splat.title.clone(),
        "FUNCTION" => splat.function.clone().unwrap_or("-".into()),
        "CONTEXT" => format!("{:?}", splat.context.expect("context")).to_lowercase(),
        "TASK" => {
            let task = splat.task.as_ref().expect("task");
            format!("{}/{}", task.comm.as_deref().unwrap_or("?"), task.pid.unwrap_or(0))
        }
        "KERNEL" => splat.kernel.clone().unwrap_or_default(),
        "TAINT" => splat.taint.clone().unwrap_or_default(),
        "ACCESS" => {
            let a = splat.access.as_ref().expect("access");
            let word = a.write.map_or("?", |w| if w { "write" } else { "read" });
            let size = a.size.map_or("?".into(), |s| s.to_string());
            let size = if value.split(' ').nth(1) == Some("?") { "?".into() } else { size };
            format!("{word} {size} {}", a.address.as_deref().unwrap_or("?"))
        }
        "ALLOC" | "FREE" => {
            let stack = if key == "ALLOC" { &splat.alloc_stack } else { &splat.free_stack };
            stack.iter().map(|f| f.function.as_str()).find(|f| !cuthere_splat::is_skipped(f, &["leak", "free"])).unwrap_or("-").into()
        }
        "FIRST" => splat.frames.first().map_or("-".into(), |f| f.function.clone()),
        "HELD" => {
            let last = splat.held_locks.last().expect("a held lock");
            format!("{} {} {}", splat.held_locks.len(), last.class, last.acquired_at.as_deref().unwrap_or("-"))
        }
        "NAMES" => splat.other_locks.iter().map(|lock| lock.class.as_str()).collect::<Vec<_>>().join(" "),
        "STACKS" => {
            let names: Vec<String> = splat
                .other_stacks
                .iter()
                .map(|s| serde_json::to_value(s.kind).expect("serialises").as_str().unwrap_or("").to_owned())
                .collect();
            names.join(" ")
        }
        "ATOMIC" => format!(
            "in_atomic {} irqs_disabled {} preempt {}",
            u8::from(splat.in_atomic.expect("in_atomic")),
            u8::from(splat.irqs_disabled.expect("irqs_disabled")),
            splat.preempt_count.expect("preempt_count")
        ),
        "FRAMES" => {
            let names: Vec<String> = splat.frames.iter().filter(|f| !f.unreliable).map(|f| cuthere_splat::canonical(&f.function)).collect();
            names.join(" ")
        }
        // `FUNCTION FILE:LINE` of its own place, and of the innermost that the compiler put into it.
        "PLACE" => {
            let f = splat.frames.iter().find(|f| value.starts_with(&format!("{} ", f.function))).expect("a frame");
            format!("{} {}:{}", f.function, f.file.as_deref().unwrap_or("?"), f.line.unwrap_or(0))
        }
        "INLINED" => {
            let f = splat.frames.iter().find(|f| value.starts_with(&format!("{} ", f.function))).expect("a frame");
            let place = f.inlined_at.first().expect("an inlined place");
            format!("{} {}:{}", f.function, place.file, place.line.unwrap_or(0))
        }
        "NULL" => splat.access.as_ref().and_then(|a| a.null_offset).map_or("-".into(), |o| o.to_string()),
        "PREEMPT" => splat.preempt_count.map_or("-".into(), |c| c.to_string()),
        "CPU" => splat.cpu.map_or("-".into(), |c| c.to_string()),
        "SECONDS" => splat.seconds.map_or("-".into(), |c| c.to_string()),
        "HANDLERS" => splat.handlers.iter().map(|f| f.function.as_str()).collect::<Vec<_>>().join(" "),
        "PC" => splat.pc.as_ref().map_or("-".into(), |pc| format!("{}+{:#x}", pc.function, pc.offset.unwrap_or(0))),
        "UNREAD" => splat.unread_frames.len().to_string(),
        "NOTES" => splat.notes.iter().find(|note| *note == value).or(splat.notes.first()).cloned().unwrap_or("-".into()),
        "DAMAGE" => match splat.damage.iter().find(|d| value != "-" && d.contains(value)) {
            Some(_) => value.to_owned(),
            None if splat.damage.is_empty() => "-".into(),
            None => splat.damage.join("; "),
        },
        "PANICKED" => if splat.panicked { "yes" } else { "no" }.into(),
        "CORRUPTED" => {
            let reason = splat.corrupted.as_deref().unwrap_or("-");
            if reason.contains(value) { value.to_owned() } else { reason.to_owned() }
        }
        other => panic!("{name}: unknown header {other}"),
    };
    assert_eq!(got, value, "{name}: {key}");
}

#[test]
fn logs() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let mut paths: Vec<_> = std::fs::read_dir(dir).expect("tests/logs").map(|e| e.expect("entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "fixtures are missing");
    for path in paths {
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let (headers, log) = text.split_once("\n\n").expect("a blank line after the headers");
        let splats = read(log);
        let headers: Vec<(&str, &str)> = headers.lines().map(|l| l.split_once(": ").expect("`KEY: value`")).collect();
        let expected = headers.iter().filter(|(k, _)| *k == "KIND").count();
        let titles: Vec<&str> = splats.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(splats.len(), expected, "{name}: {titles:?}");
        let mut at = 0;
        for (key, value) in headers {
            if key == "KIND" {
                at += 1;
            }
            if key != "NONE" {
                check(&name, key, value, &splats[at - 1]);
            }
        }
        let lines: Vec<&str> = log.split('\n').collect();
        for splat in &splats {
            let from = lines[splat.lines.start - 1..].join("\n");
            assert_eq!(
                read(&from).first().map(|s| &s.title),
                splats.iter().find(|s| s.lines.start >= splat.lines.start).map(|s| &s.title),
                "{name}: from its start"
            );
            let after = lines[splat.lines.end..].join("\n");
            // A copy of the whole report is one where nothing stands before it.
            assert!(name.starts_with("printed_") || read(&after).iter().all(|s| s.title != splat.title), "{name}: something after its end");
            if !name.contains("truncated") {
                assert_eq!(splat.corrupted, None, "{name}");
            }
        }
        // The same log quoted in a mail says the same.
        let quoted: String = log.lines().map(|l| format!("> > {l}\n")).collect();
        let again: Vec<String> = read(&quoted).into_iter().map(|s| s.title).collect();
        if !name.contains("wrapped") {
            assert_eq!(again, titles, "{name}: quoted");
        }
        // Every cut of it is read without complaint and never yields more than the whole does, plus what the cut left bare.
        for end in (0..log.len()).step_by(97).filter(|e| log.is_char_boundary(*e)) {
            let whole = splats.len() + usize::from(name.starts_with("printed_"));
            assert!(read(&log[..end]).len() <= whole, "{name}: cut at {end}");
        }
    }
}

/// The reports inside the founding cases, where they are at hand.
#[test]
fn founding_threads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/threads");
    if !dir.is_dir() {
        println!("skipped: {} is not there", dir.display());
        return;
    }
    let thread = |name: &str| read(&std::fs::read_to_string(dir.join(name)).expect("thread"));
    let batman = thread("batman-rtnl-in-tx.txt");
    let titles: Vec<&str> = batman.iter().map(|s| s.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "WARNING: suspicious RCU usage in batadv_tt_local_add",
            "WARNING: suspicious RCU usage in batadv_tt_local_add",
            "BUG: sleeping function called from invalid context in batadv_tt_local_add"
        ]
    );
    for splat in &batman {
        assert_eq!(splat.held_locks.len(), 6);
        assert_eq!(splat.held_locks[2].class, "&idev->mc_lock");
        assert_eq!(splat.held_locks[5].acquired_at.as_deref(), Some("__dev_queue_xmit"));
        assert_eq!(splat.kernel.as_deref(), Some("6.15.0+"));
        assert_eq!(splat.taint.as_deref(), Some("G O"));
        assert_eq!(splat.workqueue.as_deref(), Some("mld mld_ifc_work"));
        let tx = splat.frames.iter().find(|f| f.function == "batadv_interface_tx").expect("the caller");
        assert_eq!((tx.offset, tx.module.as_deref(), tx.unreliable), (Some(0x4b4), Some("batman_adv"), false));
        assert_eq!(splat.corrupted, None);
    }
    assert_eq!((batman[2].in_atomic, batman[2].irqs_disabled, batman[2].preempt_count), (Some(true), Some(false), Some(0x202)));

    let em = thread("em-get-perf-domains.txt");
    assert_eq!(em.len(), 1);
    assert_eq!(em[0].title, "general protection fault in __bitmap_weight");
    assert_eq!(em[0].frames[1].function, "dev_energymodel_nl_get_perf_domains_doit");
    assert_eq!(em[0].task.as_ref().and_then(|t| t.comm.as_deref()), Some("repro"));
    assert_eq!(em[0].access.as_ref().and_then(|a| a.address.as_deref()), Some("0x0000000000000030"));

    let xfrm = thread("xfrm-trans-queue.txt");
    assert_eq!(xfrm.len(), 1);
    assert_eq!(xfrm[0].title, "BUG: unable to handle kernel NULL pointer dereference in xfrm_trans_reinject");
    assert_eq!(xfrm[0].kernel.as_deref(), Some("4.19.59-rt24-preemt-rt"));
    assert_eq!(xfrm[0].access.as_ref().and_then(|a| a.address.as_deref()), Some("0000000000000518"));
    assert!(xfrm[0].lines.end < 320, "prose after the oops is no part of it: {:?}", xfrm[0].lines);
    assert_eq!(xfrm[0].corrupted, None);

    for name in ["iscsi-conn-teardown.txt", "kvm-mpic-destroy.txt"] {
        assert!(thread(name).is_empty(), "{name}");
    }
}
