//! What the reading of a file rests on, as one hash: its text, the texts of all that it includes, what names meant that no visible file
//! declares, and the same of the files where these were found.
//!
//! The hash of a file covers those of the files that it refers to, so that one pass over the graph of files is enough; files that refer to
//! each other in a circle have one hash together.

use crate::asked::{Question, Space};
use crate::macros::Found;
use crate::program::Program;
use cuthere_base::{FileId, Symbol};
use petgraph::Directed;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{Graph, NodeIndex};
use rayon::prelude::*;

/// A hash that changes when anything does that the reading of the file rests on.
pub type Rests = [u8; 16];

/// Of every file; `None` where a text is not known. `questions` must hold all that the files' reading asked for.
pub fn rests(program: &Program<'_>, questions: &[Question], content: &(dyn Fn(FileId) -> Option<[u8; 32]> + Sync)) -> Vec<Option<Rests>> {
    let count = program.files.len();
    let mut asked: Vec<Vec<(Space, Symbol)>> = vec![Vec::new(); count];
    for &(file, space, name) in questions {
        if let Some(list) = asked.get_mut(file.index()) {
            list.push((space, name));
        }
    }
    let own: Vec<(Option<Rests>, Vec<FileId>)> =
        asked.into_par_iter().enumerate().with_max_len(64).map(|(n, asked)| of_file(program, FileId(n as u32), asked, content)).collect();
    let mut graph: Graph<(), (), Directed, u32> = Graph::with_capacity(count, count * 8);
    for _ in 0..count {
        graph.add_node(());
    }
    for (n, (_, found)) in own.iter().enumerate() {
        for to in program.includes(FileId(n as u32)).iter().chain(found) {
            graph.add_edge(NodeIndex::new(n), NodeIndex::new(to.index()), ());
        }
    }
    let mut whole: Vec<Option<Rests>> = vec![None; count];
    let mut circle: Vec<u32> = vec![u32::MAX; count];
    // Children come first.
    for (number, members) in kosaraju_scc(&graph).into_iter().enumerate() {
        members.iter().for_each(|m| circle[m.index()] = number as u32);
        let mut below: Vec<Option<Rests>> = Vec::new();
        for member in &members {
            below.push(own[member.index()].0);
            below.extend(graph.neighbors(*member).filter(|to| circle[to.index()] != number as u32).map(|to| whole[to.index()]));
        }
        below.sort_unstable();
        below.dedup();
        let all: Option<Vec<Rests>> = below.into_iter().collect();
        let hash = all.map(|all| short(&all.concat()));
        members.iter().for_each(|m| whole[m.index()] = hash);
    }
    whole.iter().zip(&own).map(|(whole, (own, _))| Some(short(&[(*whole)?, (*own)?].concat()))).collect()
}

/// A file's own part, and the files where its questions led.
fn of_file(
    program: &Program<'_>,
    file: FileId,
    mut asked: Vec<(Space, Symbol)>,
    content: &(dyn Fn(FileId) -> Option<[u8; 32]> + Sync),
) -> (Option<Rests>, Vec<FileId>) {
    let path = |file: FileId| program.source.path(file);
    asked.sort_by_cached_key(|(space, name)| (space.number(), name.as_str()));
    asked.dedup();
    let mut text = vec![path(file).to_owned()];
    text.extend(program.includes(file).iter().map(|f| path(*f).to_owned()));
    text.push(format!("{}", !program.missing[file.index()].is_empty()));
    let mut found = Vec::new();
    for (space, name) in asked {
        let answer = match space {
            Space::Named(space) => program.lookup(file, space, name).map(|r| (r.file, r.item)),
            Space::Macro => match program.find_macro(file, name, u32::MAX) {
                Found::No => None,
                Found::Listed(r) => Some((r.file, r.item)),
                Found::Bulk(file, at) => Some((file, at)),
            },
        };
        if let Some((to, at)) = answer {
            text.push(format!("{} {name} {at} {}", space.number(), path(to)));
            found.push(to);
        }
    }
    found.sort_unstable();
    found.dedup();
    let own = content(file).map(|content| short(&[&content[..], text.join("\n").as_bytes()].concat()));
    (own, found)
}

fn short(bytes: &[u8]) -> Rests {
    let mut out = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut out);
    out
}
