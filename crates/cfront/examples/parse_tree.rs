//! Parses every function of a tree and prints what share is complete and why the rest is not, as JSON.
//!
//! `parse_tree DIR [PATH-PREFIX] [--types] [--gaps TEXT]`: with `--gaps`, the places of the gaps whose reason contains the text; with
//! `--types`, all records and ordinary names are resolved too.

use cuthere_base::{FileId, Symbol};
use cuthere_cfront::ast::{Ast, TagKind};
use cuthere_cfront::expand::Part;
use cuthere_cfront::layout;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::parser;
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::resolve::{self, FileNames, Ordinary};
use cuthere_cfront::shapes::{Shape, Shapes};
use cuthere_cfront::token::{Tok, Token};
use cuthere_cfront::types::Ty;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::time::Instant;

#[derive(Default)]
struct Count {
    functions: u64,
    complete: u64,
    tokens: u64,
    bytes: u64,
    lex: f64,
    parse: f64,
    reasons: FxHashMap<String, (u64, String)>,
    notes: u64,
    shown: Vec<String>,
}

/// Names in backquotes count as one.
fn normalised(reason: &str) -> String {
    let mut out = String::new();
    for (at, part) in reason.split('`').enumerate() {
        let word = at % 2 == 1 && part.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
        out.push_str(if word { "NAME" } else { part });
        out.push(' ');
    }
    out.trim().to_owned()
}

fn spelled(token: &Token) -> String {
    match token.kind {
        Tok::Punct(punct) => punct.as_str().to_owned(),
        _ => token.text.to_string(),
    }
}

fn shapes() -> Shapes {
    let mut shapes = Shapes::default();
    let mut add = |shape: Shape, names: &[&str]| {
        for name in names {
            shapes.names.insert(Symbol::intern(name), shape);
        }
    };
    add(Shape::Guard, &["guard"]);
    add(Shape::Scope, &["scoped_guard", "scoped_cond_guard"]);
    add(Shape::ClassDecl, &["CLASS"]);
    add(Shape::Cleanup, &["__free", "__cleanup"]);
    add(Shape::Call, &["container_of"]);
    shapes
}

fn file(program: &Program<'_>, id: FileId, wanted: Option<&str>) -> Count {
    let mut count = Count::default();
    let items = program.functions(id);
    if items.is_empty() {
        return count;
    }
    let Ok(text) = program.text(id) else { return count };
    let names = FileNames::new(program, id);
    let (mut ast, mut tokens) = (Ast::default(), Vec::new());
    for &item in items {
        let at = ItemRef { file: id, item };
        let (name, lo, hi) = {
            let item = program.item(at);
            (item.name, item.lo, item.body_hi)
        };
        ast.clear();
        tokens.clear();
        let start = Instant::now();
        let read = program.tokens(at, Part::Whole, &text, &mut tokens);
        let middle = Instant::now();
        parser::parse_function(&names, &tokens, &mut ast);
        count.parse += middle.elapsed().as_secs_f64();
        count.lex += (middle - start).as_secs_f64();
        count.functions += 1;
        count.tokens += tokens.len() as u64;
        count.bytes += u64::from(hi - lo);
        count.notes += ast.notes.len() as u64;
        if let Err(reason) = &read {
            ast.gap(&tokens[0], format!("tokens: {reason}"));
        }
        count.complete += u64::from(ast.gaps.is_empty());
        for gap in &ast.gaps {
            let place = format!("{}:{} {name}: {}", program.source.path(id), gap.loc.line, gap.reason);
            if wanted.is_some_and(|w| gap.reason.contains(w)) {
                let line: Vec<String> = tokens.iter().filter(|t| t.loc.line == gap.loc.line).map(spelled).collect();
                count.shown.push(format!("{place}\n    {}", line.join(" ")));
            }
            count.reasons.entry(normalised(&gap.reason)).or_insert((0, place)).0 += 1;
        }
    }
    count
}

/// Records, records with a layout, ordinary names, names with a type.
fn types(program: &Program<'_>, id: FileId) -> [u64; 4] {
    let mut counts = [0; 4];
    for (index, item) in program.outline(id).items.iter().enumerate() {
        let at = ItemRef { file: id, item: index as u32 };
        match item.kind {
            ItemKind::Record if item.active && !item.name.is_empty() => {
                let record = resolve::record_for_tag(program, id, TagKind::Struct, item.name);
                counts[0] += 1;
                counts[1] += u64::from(layout::layout(program, record).is_some());
            }
            ItemKind::Variable | ItemKind::Typedef | ItemKind::Prototype | ItemKind::Enumerator | ItemKind::Function if item.active => {
                counts[2] += 1;
                let known = match resolve::ordinary_item(program, at) {
                    Some(Ordinary::Enumerator(_)) => true,
                    Some(Ordinary::Variable { ty, .. } | Ordinary::Typedef(ty) | Ordinary::Function { ty, .. }) => ty != Ty::UNKNOWN,
                    None => false,
                };
                counts[3] += u64::from(known);
            }
            _ => {}
        }
    }
    counts
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = args.iter().position(|a| a == "--gaps").map(|at| args.split_off(at).pop().unwrap_or_default());
    let with_types = args.iter().position(|a| a == "--types").map(|at| args.remove(at)).is_some();
    let root = args.first().map_or(".", |a| a.as_str());
    let prefix = args.get(1).cloned().unwrap_or_default();
    let tree = cuthere_tree::Tree::open_dir(std::path::Path::new(root), &Default::default()).expect("the tree opens");
    let start = Instant::now();
    let program = if prefix.is_empty() {
        Program::build(&tree, Config::default(), shapes())
    } else {
        let roots: Vec<FileId> = (0..tree.len() as u32).map(FileId).filter(|&f| tree.path(f).starts_with(&prefix)).collect();
        Program::build_partial(&tree, Config::default(), shapes(), &roots)
    };
    let outline = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let count = (0..program.files.len() as u32)
        .into_par_iter()
        .with_max_len(4)
        .filter(|&f| tree.path(FileId(f)).starts_with(&prefix))
        .map(|f| file(&program, FileId(f), wanted.as_deref()))
        .reduce(Count::default, |mut a, b| {
            a.functions += b.functions;
            a.complete += b.complete;
            a.tokens += b.tokens;
            a.bytes += b.bytes;
            a.lex += b.lex;
            a.parse += b.parse;
            a.notes += b.notes;
            a.shown.extend(b.shown);
            for (reason, (n, place)) in b.reasons {
                a.reasons.entry(reason).or_insert((0, place)).0 += n;
            }
            a
        });
    let mut reasons: Vec<_> = count.reasons.into_iter().collect();
    reasons.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    reasons.truncate(30);
    let gaps: Vec<_> = reasons.into_iter().map(|(r, (n, p))| serde_json::json!({"reason": r, "count": n, "first": p})).collect();
    let parsed = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let resolved = (0..program.files.len() as u32)
        .into_par_iter()
        .filter(|&f| with_types && tree.path(FileId(f)).starts_with(&prefix))
        .map(|f| types(&program, FileId(f)))
        .reduce(Default::default, |a, b| std::array::from_fn(|i| a[i] + b[i]));
    let report = serde_json::json!({
        "records": {"all": resolved[0], "laid_out": resolved[1]},
        "names": {"all": resolved[2], "typed": resolved[3]},
        "functions": count.functions,
        "complete": count.complete,
        "share": count.complete as f64 / count.functions.max(1) as f64,
        "notes": count.notes,
        "tokens": count.tokens,
        "source_bytes": count.bytes,
        "seconds": {"outline": outline, "functions": parsed, "types": start.elapsed().as_secs_f64(), "tokens_cpu": count.lex, "parse_cpu": count.parse},
        "parse_megabytes_per_second": count.bytes as f64 / 1e6 / count.parse.max(1e-9),
        "gaps": gaps,
    });
    println!("{report:#}");
    let mut shown = count.shown;
    shown.sort();
    shown.iter().for_each(|line| println!("{line}"));
}
