//! Hostile input: whatever the files hold, the command ends with a status of its own, in bounded memory, without a panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Address space that a run may use: small inputs must not make it large.
const MEMORY: u64 = 6 << 30;

fn command(tree: &Path, args: &[&str]) -> Command {
    // A limit turns endless growth into a failure. Stacks of threads count too, though little of them is used.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {}; ulimit -t 300; exec \"$0\" \"$@\"", MEMORY >> 10));
    command
        .arg(env!("CARGO_BIN_EXE_cuthere"))
        .arg("check")
        .arg("--tree")
        .arg(tree)
        .args(["--no-cache", "--format", "json", "--jobs", "2"])
        .args(args);
    command
}

/// Runs to the end: 0 or 1, and findings that are JSON; `Err`: status 2 and what was said.
fn check(tree: &Path, args: &[&str]) -> Result<usize, String> {
    judged(&command(tree, args).output().expect("runs"))
}

fn judged(done: &Output) -> Result<usize, String> {
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!said.contains("panicked") && !said.contains("internal error"), "{said}");
    let out = String::from_utf8(done.stdout.clone()).expect("UTF-8 whatever the input");
    for line in out.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    match done.status.code() {
        Some(status @ (0 | 1)) => {
            assert_eq!(status == 1, !out.is_empty(), "the status tells whether something was found");
            Ok(out.lines().count())
        }
        Some(2) => {
            assert!(said.starts_with("cuthere: ") && out.is_empty(), "status 2 has a reason: {said}");
            Err(said)
        }
        _ => panic!("ended with {}: {said}", done.status),
    }
}

/// A defect that must still be found when the file next to it is rotten.
const SOUND: &str = "struct spinlock { int x; };\nstatic struct spinlock lock;\nvoid spin_lock(struct spinlock *l);\nvoid spin_unlock(struct spinlock *l);\n\
                     void msleep(unsigned int ms);\nvoid sound(void)\n{\n\tspin_lock(&lock);\n\tmsleep(1);\n\tspin_unlock(&lock);\n}\n";

fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("sound.c"), SOUND).expect("written");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// The defect next to it is found, and nothing in the file.
fn only_the_sound_one(name: &str, text: &[u8]) {
    let folder = tree(&[(name, text)]);
    assert_eq!(check(folder.path(), &[]), Ok(1), "beside {name}");
}

/// Small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(0x5eed);
    let bytes: Vec<u8> = (0..200_000).map(|_| random.next() as u8).collect();
    only_the_sound_one("bytes.c", &bytes);
    let marks = b"(){}[];,*&#\"'/\\\n \tif0ax=<>-+.:?\xff";
    let marks: Vec<u8> = (0..200_000).map(|_| marks[random.below(marks.len())]).collect();
    only_the_sound_one("marks.c", &marks);
}

#[test]
fn bytes_that_are_no_utf8() {
    let text = b"void f\xff\xfe(void)\n{\n\tchar *s = \"\xc3\x28 \x80\";\n\tg\xe9(s); /* \xff */\n}\n";
    only_the_sound_one("latin.c", text);
    let folder = tree(&[]);
    // A name that is no UTF-8 cannot be reported; the rest can.
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        // Some file systems refuse such names.
        let _ = fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"odd\xff.c")), "int odd;\n");
    }
    assert_eq!(check(folder.path(), &[]), Ok(1));
}

#[test]
fn nul_bytes_and_wide_text() {
    let wide: Vec<u8> = SOUND.encode_utf16().flat_map(u16::to_le_bytes).collect();
    only_the_sound_one("wide.c", &wide);
    only_the_sound_one("nul.c", &[0; 100_000]);
}

fn nested(open: &str, inside: &str, close: &str) -> String {
    let deep = 100_000;
    format!("int deep(int x)\n{{\n\t{}{inside}{};\n\treturn x;\n}}\n", open.repeat(deep), close.repeat(deep))
}

#[test]
fn nesting_without_end() {
    for (name, text) in [
        ("parens.c", nested("(", "x", ")")),
        ("blocks.c", nested("{", ";", "}")),
        ("indices.c", nested("a[", "x", "]")),
        ("unary.c", nested("!", "x", "")),
        ("casts.c", nested("(int)", "x", "")),
        ("ifs.c", nested("if (x) ", ";", "")),
        ("elses.c", nested("if (x) ; else ", ";", "")),
        ("loops.c", nested("do ", ";", " while (0);")),
        ("statements.c", nested("({", "x;", "})")),
        ("choices.c", nested("x ? x : ", "x", "")),
        ("members.c", nested("x->y.", "x", "")),
        ("sums.c", nested("x + ", "x", "")),
        ("unclosed.c", nested("(", "x", "")),
        ("lists.c", format!("int deep[] = {}{};\n", "{".repeat(100_000), "}".repeat(100_000))),
        ("types.c", format!("int {}deep{};\n", "(*".repeat(100_000), ")(void)".repeat(100_000))),
        ("records.c", format!("{}int x;{}\n", "struct {".repeat(100_000), "};".repeat(100_000))),
        ("conditions.c", format!("{}int x;\n{}", "#if 1\n".repeat(100_000), "#endif\n".repeat(100_000))),
        ("condition.c", format!("#if {}1{}\nint x;\n#endif\n", "(".repeat(100_000), ")".repeat(100_000))),
    ] {
        only_the_sound_one(name, text.as_bytes());
    }
}

#[test]
fn macros_that_expand_to_millions_of_tokens() {
    let mut bomb = String::from("#define A0 x = x + 1;\n");
    for n in 1..40 {
        bomb += &format!("#define A{n} A{} A{}\n", n - 1, n - 1);
    }
    bomb += "int bomb(int x)\n{\n\tA39\n\treturn x;\n}\n";
    only_the_sound_one("bomb.c", bomb.as_bytes());
    let mut arguments = String::from("#define B0(x) x\n");
    for n in 1..40 {
        arguments += &format!("#define B{n}(x) B{}(x x)\n", n - 1);
    }
    arguments += "int bomb(int x)\n{\n\tB39(x;)\n\treturn x;\n}\n#define SELF SELF + SELF\nint self(void) { return SELF; }\n";
    only_the_sound_one("arguments.c", arguments.as_bytes());
}

#[test]
fn includes_that_come_back() {
    let folder = tree(&[
        ("one.h", b"#include \"two.h\"\n#include \"one.h\"\nint one;\n"),
        ("two.h", b"#include \"one.h\"\nint two;\n"),
        ("cycle.c", b"#include \"one.h\"\n#include \"cycle.c\"\n#include \"/dev/zero\"\nint f(void) { return one + two; }\n"),
    ]);
    assert_eq!(check(folder.path(), &[]), Ok(1));
}

#[test]
fn lines_without_end() {
    let long = format!("int f(int x) {{ return x{}; }}", " + 1".repeat(5_000_000));
    only_the_sound_one("sum.c", long.as_bytes());
    only_the_sound_one("name.c", format!("int {};", "x".repeat(20_000_000)).as_bytes());
    only_the_sound_one("string.c", format!("char *s = \"{}", "x".repeat(20_000_000)).as_bytes());
    only_the_sound_one("comment.c", format!("/* {}", "* ".repeat(10_000_000)).as_bytes());
    only_the_sound_one("spliced.c", "#define A \\\n".repeat(1_000_000).as_bytes());
}

#[test]
fn types_that_hold_themselves() {
    let text = "struct a { struct b b; int x; };\nstruct b { struct a a; };\ntypedef t t;\ntypedef u v;\ntypedef v u;\nenum e { one = two, two = one };\n\
                int f(struct a *a, t x, u y)\n{\n\treturn a->b.a.b.a.x + sizeof(struct a) + sizeof(u) + one;\n}\n\
                int r1(int x)\n{\n\treturn r2(x);\n}\nint r2(int x)\n{\n\treturn r1(x) + r2(x);\n}\n";
    only_the_sound_one("types.c", text.as_bytes());
}

#[cfg(unix)]
#[test]
fn functions_tangled_beyond_measure() {
    let gotos: String = (0..10_000).map(|i| format!("L{i}: if (x++ == {i}) goto L{};\n", i * 7919 % 10_000)).collect();
    let labels: String = (0..1_600).map(|i| format!("&&L{i},")).collect();
    let computed: String = (0..1_600).map(|i| format!("L{i}: x++; goto *t[x];\n")).collect();
    let cases: String = (0..100_000).map(|i| format!("case {i}: x += {i}; break;\n")).collect();
    only_the_sound_one("goto.c", format!("int f(int x)\n{{\n{gotos}\treturn x;\n}}\n").as_bytes());
    only_the_sound_one(
        "computed goto",
        format!("int f(int x)\n{{\n\tstatic void *t[] = {{ {labels} }};\n{computed}\treturn x;\n}}\n").as_bytes(),
    );
    only_the_sound_one("switch.c", format!("int f(int x)\n{{\n\tswitch (x) {{\n{cases}\t}}\n\treturn x;\n}}\n").as_bytes());
}

#[test]
fn odd_files() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tree(&[("locked.c", b"int locked;\n")]);
    let path = |name: &str| folder.path().join(name);
    symlink(".", path("loop")).expect("linked");
    symlink("self.c", path("self.c")).expect("linked");
    symlink("gone.c", path("dangling.c")).expect("linked");
    symlink("/dev/zero", path("zero.c")).expect("linked");
    fs::create_dir(path("folder.c")).expect("made");
    assert!(Command::new("mkfifo").arg(path("pipe.c")).status().expect("runs").success());
    fs::set_permissions(path("locked.c"), fs::Permissions::from_mode(0o0)).expect("set");
    assert_eq!(check(folder.path(), &[]), Ok(1));
}

/// Source text has no such size; that it was left out is said, also when it was asked for by name.
#[test]
fn files_beyond_any_source() {
    let folder = tree(&[("huge.c", b"")]);
    fs::File::create(folder.path().join("huge.c")).and_then(|file| file.set_len(100 << 20)).expect("a sparse file");
    let done = command(folder.path(), &[]).output().expect("runs");
    assert_eq!(judged(&done), Ok(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("not read: huge.c: too large: 104857600 bytes"));
    let asked = check(folder.path(), &["huge.c"]);
    assert!(asked.as_ref().is_err_and(|said| said.contains("huge.c was not read: too large")), "{asked:?}");
}

#[test]
fn a_tree_that_changes_while_it_is_read() {
    let files: Vec<String> = (0..300).map(|n| format!("f{n}.c")).collect();
    let folder = tree(&[]);
    let write_all = |text: &str| files.iter().for_each(|name| fs::write(folder.path().join(name), text).expect("written"));
    let text = "int f(int x)\n{\n\tif (x)\n\t\treturn 1;\n\treturn x;\n}\n".repeat(50);
    for after in ["", "}}}} ((((", "gone"] {
        write_all(&text);
        let mut child = command(folder.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        for (n, name) in files.iter().enumerate() {
            let path = folder.path().join(name);
            if after == "gone" {
                fs::remove_file(path).expect("removed");
            } else {
                fs::write(path, after).expect("written");
            }
            // Spread over the run.
            if n % 50 == 0 && child.try_wait().expect("known").is_none() {
                std::thread::yield_now();
            }
        }
        assert_eq!(judged(&child.wait_with_output().expect("ended")), Ok(1));
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { sources(&path, out) } else { out.push(path) }
    }
    out.sort();
}

#[test]
fn every_example_cut_off_anywhere() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kernel");
    let mut files = Vec::new();
    sources(&examples, &mut files);
    let mut random = Random(6_12);
    for _ in 0..6 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for path in &files {
            let text = fs::read(path).expect("readable");
            let to = folder.path().join(path.strip_prefix(&examples).expect("below"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::write(to, &text[..random.below(text.len())]).expect("written");
        }
        check(folder.path(), &["--confidence", "low"]).expect("ends well");
    }
}

#[test]
fn patches_that_are_no_patches() {
    let mut random = Random(9);
    let bytes: Vec<u8> = (0..50_000).map(|_| random.next() as u8).collect();
    let hunk = "--- a/sound.c\n+++ b/sound.c\n@@ -99999999999999999999,1 +1,4294967296 @@\n-x\n+y\n".repeat(1000);
    let folder = tree(&[("bytes.patch", &bytes), ("hunk.patch", hunk.as_bytes())]);
    for name in ["bytes.patch", "hunk.patch"] {
        let path = folder.path().join(name);
        if let Err(said) = check(folder.path(), &["--patch", path.to_str().expect("UTF-8")]) {
            assert!(said.contains(name), "{said}");
        }
    }
}
