//! What a subject says about a patch: `[PATCH RFC net-next v3 06/17]` and its kin.
//!
//! Follows what `git am` and the lists do: leading brackets are about the mail, the rest is the patch's subject. Departs in one
//! point: a bracket after the first that says nothing about a patch (`[PATCH] [media] text`) stays with the subject.

use crate::limits::MAX_TOTAL;
use crate::types::SubjectInfo;

/// Reads a subject, already decoded and unfolded.
pub fn parse_subject(subject: &str) -> SubjectInfo {
    let (reply, mut rest) = strip_reply(subject.trim());
    let mut info = SubjectInfo { reply, version: 1, ..SubjectInfo::default() };
    let mut prefixes: Vec<String> = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((group, after)) = inner.split_once(']') else { break };
        if is_patch_group(group) {
            read_group(group, &mut info);
        } else if info.patch || !has_patch_group(after) {
            break;
        } else {
            prefixes.push(group.trim().to_string());
        }
        rest = after.trim_start();
        let (again, text) = strip_reply(rest);
        info.reply |= again;
        rest = text;
    }
    prefixes.append(&mut info.tags);
    info.tags = prefixes;
    info.clean = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    info
}

fn strip_reply(mut rest: &str) -> (bool, &str) {
    let mut reply = false;
    // A mail may have been answered by clients that do not know each other's prefix.
    for _ in 0..32 {
        let Some((word, after)) = rest.split_once([':', '：']) else { break };
        let word = word.trim();
        let stem = word.split(['[', '(']).next().unwrap_or_default();
        let known = ["re", "aw", "sv", "antw", "antwort", "fw", "fwd", "回复", "答复", "ответ"].iter().any(|k| stem.to_lowercase() == *k);
        if !known || word.len() > stem.len() + 4 {
            break;
        }
        reply = true;
        rest = after.trim_start();
    }
    (reply, rest)
}

fn has_patch_group(rest: &str) -> bool {
    let rest = strip_reply(rest.trim_start()).1;
    rest.strip_prefix('[').and_then(|inner| inner.split_once(']')).is_some_and(|(group, _)| is_patch_group(group))
}

fn tokens(group: &str) -> impl Iterator<Item = &str> {
    group.split([' ', '\t', ',', ';']).filter(|t| !t.is_empty())
}

fn is_patch_group(group: &str) -> bool {
    tokens(group).any(|token| {
        let upper = token.to_uppercase();
        upper.contains("PATCH")
            || matches!(upper.as_str(), "RFC" | "RFT" | "RESEND")
            || position(token).is_some()
            || version(token).is_some()
    })
}

fn read_group(group: &str, info: &mut SubjectInfo) {
    info.patch = true;
    let mut pending_for = false;
    let words: Vec<&str> = tokens(group).collect();
    let mut words = words.as_slice();
    while let [token, rest @ ..] = words {
        let token = *token;
        words = rest;
        let upper = token.to_uppercase();
        if let Some((index, total)) = position(token) {
            (info.index, info.total) = (Some(index), Some(total));
        } else if let (Some((index, total)), [_, _, after @ ..]) = (spelt_out(token, rest), rest) {
            (info.index, info.total) = (Some(index), Some(total));
            words = after;
        } else if let Some(v) = version(token) {
            info.version = v;
        } else if let Some(v) = upper.strip_prefix("PATCH").and_then(|rest| version(rest.trim_start_matches(['-', '_']))) {
            info.version = v;
        } else if let Some(tree) = upper.strip_prefix("PATCH-").or_else(|| upper.strip_prefix("PATCH/")).map(str::len) {
            push_tag(info, token.get(token.len().saturating_sub(tree)..).unwrap_or_default());
        } else if upper == "FOR" {
            pending_for = true;
        } else if upper != "PATCH" && upper != "PATCHES" && upper != "PATCHSET" {
            if pending_for {
                push_tag(info, &format!("for {token}"));
                pending_for = false;
            } else if matches!(upper.as_str(), "RFC" | "RFT" | "RESEND") {
                push_tag(info, &upper);
            } else {
                push_tag(info, token);
            }
        }
    }
}

fn push_tag(info: &mut SubjectInfo, tag: &str) {
    if !tag.is_empty() && !info.tags.iter().any(|t| t == tag) {
        info.tags.push(tag.to_string());
    }
}

/// `06/17`.
fn position(token: &str) -> Option<(u32, u32)> {
    let (index, total) = token.split_once('/')?;
    let index: u32 = index.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?;
    let total: u32 = total.parse().ok()?;
    (total <= MAX_TOTAL && index <= MAX_TOTAL).then_some((index, total))
}

/// `1 of 2`, as Mercurial writes it.
fn spelt_out(token: &str, rest: &[&str]) -> Option<(u32, u32)> {
    let [of, total, ..] = rest else { return None };
    of.eq_ignore_ascii_case("of").then(|| position(&format!("{token}/{total}"))).flatten()
}

/// `v3`, also `V3` and `v3.1`.
fn version(token: &str) -> Option<u32> {
    let digits = token.strip_prefix(['v', 'V'])?;
    let digits = digits.split('.').next().unwrap_or_default();
    if digits.len() > 3 { None } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &str) -> (u32, Option<u32>, Option<u32>, Vec<String>, String) {
        let s = parse_subject(subject);
        (s.version, s.index, s.total, s.tags, s.clean)
    }

    #[test]
    fn the_usual_forms() {
        let tags = |t: &[&str]| t.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        assert_eq!(read("[PATCH RFC net-next v3 06/17] a: b"), (3, Some(6), Some(17), tags(&["RFC", "net-next"]), "a: b".into()));
        assert_eq!(read("[PATCHv2 1/3] x"), (2, Some(1), Some(3), vec![], "x".into()));
        assert_eq!(read("[PATCH v2 for 6.19 4/4] x"), (2, Some(4), Some(4), tags(&["for 6.19"]), "x".into()));
        assert_eq!(read("[PATCH RESEND] x"), (1, None, None, tags(&["RESEND"]), "x".into()));
        assert_eq!(read("[dm-devel] [PATCH 0/2] x"), (1, Some(0), Some(2), tags(&["dm-devel"]), "x".into()));
        assert_eq!(read("[PATCH] [media] x"), (1, None, None, vec![], "[media] x".into()));
        assert_eq!(read("[RFC][PATCH v4] x"), (4, None, None, tags(&["RFC"]), "x".into()));
        assert_eq!(read("[PATCH-next] x"), (1, None, None, tags(&["next"]), "x".into()));
        assert_eq!(read("[PATCH 5.10 005/123] x"), (1, Some(5), Some(123), tags(&["5.10"]), "x".into()));
        assert_eq!(read("[PATCH 1 of 2] x"), (1, Some(1), Some(2), vec![], "x".into()));
        assert_eq!(read("[PATCH 2 of 10 V3 stable] x"), (3, Some(2), Some(10), tags(&["stable"]), "x".into()));
        assert_eq!(read("[PATCH out of tree] x"), (1, None, None, tags(&["out", "of", "tree"]), "x".into()));
        let reply = parse_subject("Re: AW: [PATCH v2] x");
        assert!(reply.reply && reply.patch);
        let plain = parse_subject("BUG: sleeping in [foo]");
        assert!(!plain.patch && !plain.reply);
        assert_eq!(plain.clean, "BUG: sleeping in [foo]");
        assert!(!parse_subject("[GIT PULL] x").patch);
    }
}
