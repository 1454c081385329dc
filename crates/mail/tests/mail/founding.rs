//! The saved threads that the project began with, counted by eye. They are not part of the project: skipped where absent.

use cuthere_mail::{Hint, ReplyHeaders, Thread, read_thread};
use std::path::PathBuf;

fn load(name: &str) -> Option<Thread> {
    let shared = std::env::var_os("CUTHERE_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("threads").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(read_thread(&bytes, Hint::Auto)),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

fn recipients(thread: &Thread, message: usize) -> (usize, usize, usize) {
    let reply = ReplyHeaders::new(thread, message, None).map_or(0, |r| r.to.len() + r.cc.len());
    (thread.messages[message].to.len(), thread.messages[message].cc.len(), reply)
}

/// Version, index, total, hunks, files, quoted, missing.
fn position(thread: &Thread) -> (u32, u32, u32, u32, usize, bool, usize) {
    let series = &thread.series[0];
    let patch = &series.patches[0];
    (
        series.version,
        patch.index,
        patch.total,
        patch.hunks,
        patch.diff.iter().map(|d| d.files.len()).sum(),
        patch.quoted,
        series.missing.len(),
    )
}

#[test]
fn xfrm_trans_queue() {
    let Some(thread) = load("xfrm-trans-queue.txt") else { return };
    assert_eq!((thread.messages.len(), thread.overview.len(), thread.claimed), (12, 12, Some(12)));
    assert_eq!(position(&thread), (2, 1, 1, 3, 1, false, 0));
    let parents: Vec<_> = thread.messages.iter().map(|m| m.parent).collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), Some(5), Some(8), Some(9), Some(10)]);
    assert_eq!(recipients(&thread, 0), (6, 0, 7));
    assert_eq!(recipients(&thread, 1), (1, 5, 7));
    assert_eq!(recipients(&thread, 2), (5, 4, 10));
    let damage = thread.series[0].patches[0].diff[0].damage.join("; ");
    assert!(damage.contains("tabs were turned into blanks") && damage.contains("4 empty context lines"), "{damage}");
    assert!(thread.messages[4].body.starts_with("Now that I look back"));
    assert!(thread.messages[4].body.ends_with("> Sebastian\n"));
    assert!(thread.messages[11].body.ends_with("Sebastian\n"));
    assert_eq!(thread.series[0].patches[0].trailers.len(), 1);
}

#[test]
fn kvm_mpic_destroy() {
    let Some(thread) = load("kvm-mpic-destroy.txt") else { return };
    assert_eq!((thread.messages.len(), thread.messages[0].duplicates), (1, 1));
    assert_eq!((thread.overview.len(), thread.claimed), (128, Some(128)));
    assert_eq!(position(&thread), (1, 16, 17, 3, 2, true, 16));
    assert_eq!(recipients(&thread, 0), (1, 4, 6));
    let part = &thread.series[0].patches[0].diff[0];
    assert_eq!(part.quoted_depth, 6);
    assert!(part.text.contains("\n+#define __KVM_HAVE_IRQ_LINE\n"));
    assert_eq!(thread.overview.iter().filter(|e| e.message == Some(0)).count(), 1);
    assert_eq!(thread.overview[118].author, "Scott Wood");
    assert_eq!(thread.messages[0].overview, Some(122));
    assert!(thread.messages[0].body.ends_with("But its no big deal.\n"));
}

#[test]
fn batman_rtnl_in_tx() {
    let Some(thread) = load("batman-rtnl-in-tx.txt") else { return };
    assert_eq!((thread.messages.len(), thread.overview.len()), (1, 17));
    let info = &thread.messages[0].subject_info;
    assert_eq!((info.index, info.total, info.reply), (Some(4), Some(5), true));
    assert_eq!(thread.series[0].missing, [1, 2, 3, 4, 5]);
    assert!(thread.messages[0].diffs.is_empty());
    assert_eq!(recipients(&thread, 0), (4, 8, 13));
    assert_eq!(thread.messages[0].attachments.len(), 1);
    assert_eq!(thread.messages[0].attachments[0].content_type, "application/pgp-signature");
    assert_eq!(thread.messages[0].attachments[0].size, 228);
    let at = thread.messages[0].overview.map(|n| (thread.overview[n].depth, thread.overview[n].author.clone()));
    assert_eq!(at, Some((4, "Sven Eckelmann".to_string())));
}

#[test]
fn iscsi_conn_teardown() {
    let Some(thread) = load("iscsi-conn-teardown.txt") else { return };
    assert_eq!((thread.messages.len(), thread.overview.len()), (1, 31));
    assert_eq!(position(&thread), (3, 6, 17, 31, 2, false, 16));
    assert_eq!(recipients(&thread, 0), (6, 1, 7));
    let part = &thread.series[0].patches[0].diff[0];
    assert!(part.damage.is_empty(), "{:?}", part.damage);
    assert_eq!((part.files[0].hunks, part.files[1].hunks), (29, 2));
    assert_eq!(thread.overview[0].author, "Mike Christie");
}

#[test]
fn em_get_perf_domains() {
    let Some(thread) = load("em-get-perf-domains.txt") else { return };
    assert_eq!((thread.messages.len(), thread.overview.len()), (1, 8));
    assert_eq!(position(&thread), (2, 4, 4, 11, 5, true, 3));
    assert_eq!(recipients(&thread, 0), (1, 15, 17));
    let patch = &thread.series[0].patches[0];
    assert!(patch.diff[0].damage.is_empty(), "{:?}", patch.diff[0].damage);
    assert_eq!(patch.trailers.len(), 4);
    assert_eq!(patch.author.email.as_deref(), Some("changwoo@igalia.com"));
    assert_eq!(patch.diff[0].files.iter().map(|f| f.hunks).collect::<Vec<_>>(), [2, 1, 5, 2, 1]);
    assert_eq!(thread.series[0].tags, ["for 6.19"]);
}
