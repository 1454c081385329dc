//! Texts that are nearly model files, changed at random: each is accepted, or an error names its place.

use cuthere_kernel::Model;

/// Parts of the built-in model's own shapes, small enough to be changed in every place.
const SEEDS: &[&str] = &[
    "[[entry]]\nname = \"my_lock my_other\"\nacquires = [\"spin 0\"]\ncontext = [\"+bh\"]\nsleeps = \"on-rt\"\nopaque = true\n",
    "[[entry]]\nname = \"my_alloc\"\nallocates = true\nzeroed = true\nsleeps = \"gfp 1\"\nreturns = \"may-null\"\n",
    "[[ops]]\nrecord = \"my_ops\"\nfield = \"start stop\"\ncontext = \"softirq bh-off rcu lock:q.l=spin sometimes\"\nmay_sleep = false\n",
    "[shapes]\ncall = \"my_call\"\nscope = \"my_scope\"\ncleanup = \"__my_free\"\n",
];

const PIECES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    ".",
    " ",
    "\"",
    "'",
    "\n",
    "-1",
    "99999999999999999999",
    "true",
    "1.5",
    "0",
    "spin",
    "gfp",
    "lock:",
    "+",
    "=x",
    "name",
    "\"\"",
    "#",
    "[[entry]]\n",
    "ü",
    "\0",
];

#[test]
fn changed_model_files_are_accepted_or_refused() {
    // One copy of the model: a thousand of them take longer than the texts.
    let model = Model::builtin();
    for seed in SEEDS {
        assert!(model.clone().extended("my.toml", seed).is_ok(), "{seed}");
    }
    cuthere_mutate::survive(SEEDS, PIECES, 1_000, move |bytes| {
        if let Err(error) = model.clone().extended("my.toml", &String::from_utf8_lossy(bytes)) {
            assert!(error.to_string().contains("my.toml"), "{error}");
        }
    });
}
