//! A generated diff, quoted and wrapped as clients do, reads back as it was.

use cuthere_mail::find_diffs;
use proptest::prelude::*;

/// One hunk's lines: a marker, an indent, words.
fn hunk_line() -> impl Strategy<Value = String> {
    let word = "[a-z_]{1,9}";
    let marker = prop_oneof![3 => Just(' '), 1 => Just('-'), 2 => Just('+')];
    (marker, 0usize..4, prop::collection::vec(word, 1..14))
        .prop_map(|(m, tabs, words)| format!("{m}{}{}", "\t".repeat(tabs), words.join(" ")))
}

fn diff() -> impl Strategy<Value = String> {
    let hunk = (1u32..500, prop::collection::vec(hunk_line(), 1..9));
    let file = ("[a-z]{1,6}", prop::collection::vec(hunk, 1..4));
    prop::collection::vec(file, 1..4).prop_map(|files| {
        let mut out = String::new();
        for (name, hunks) in files {
            out.push_str(&format!("diff --git a/x/{name}.c b/x/{name}.c\n--- a/x/{name}.c\n+++ b/x/{name}.c\n"));
            for (at, mut lines) in hunks {
                // Context around, as diff writes it; it also tells wrapped lines from eaten blanks.
                lines.insert(0, " start".into());
                lines.push(" end".into());
                let old = lines.iter().filter(|l| !l.starts_with('+')).count();
                let new = lines.iter().filter(|l| !l.starts_with('-')).count();
                out.push_str(&format!("@@ -{at},{old} +{at},{new} @@\n{}\n", lines.join("\n")));
            }
        }
        out
    })
}

/// Breaks lines at the last blank before column 76, as a client that does not know patches.
fn wrap(line: &str, prefix: &str, again: &str) -> String {
    let mut out = String::new();
    let mut rest = format!("{prefix}{line}");
    while rest.chars().count() > 76 {
        let Some(at) = rest.char_indices().take(76).filter(|(n, c)| *c == ' ' && *n > 30).map(|(n, _)| n).last() else { break };
        out.push_str(&rest[..at]);
        out.push('\n');
        rest = format!("{again}{}", &rest[at + 1..]);
    }
    format!("{out}{rest}\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn plain_quoted_and_wrapped(diff in diff(), levels in 0usize..4, spaced in any::<bool>(), wrapped in any::<bool>(), shallow in any::<bool>()) {
        let prefix = if levels == 0 { String::new() } else if spaced { "> ".repeat(levels) } else { format!("{} ", ">".repeat(levels)) };
        let text: String = diff.lines().map(|l| {
            if wrapped { wrap(l, &prefix, if shallow { "" } else { &prefix }) } else { format!("{prefix}{l}\n") }
        }).collect();
        let mail = format!("Hello,\n\nsee this:\n{text}\nBye\n");
        let found = find_diffs(&mail);
        prop_assert_eq!(found.len(), 1, "{}", mail);
        prop_assert_eq!(&found[0].text, &diff, "{}", mail);
        prop_assert_eq!(found[0].quoted_depth as usize, levels);
        prop_assert_eq!(found[0].hunks as usize, diff.matches("\n@@").count());
        let joined = found[0].damage.iter().any(|d| d.contains("rejoined"));
        prop_assert_eq!(joined, text.lines().count() > diff.lines().count());
    }

    #[test]
    fn no_text_panics(text in "[ >+@\\-0-9,a/b\n\t\u{a0}]{0,400}") {
        let found = find_diffs(&text);
        prop_assert!(found.iter().all(|d| d.hunks > 0 || !d.files.is_empty()));
    }
}
