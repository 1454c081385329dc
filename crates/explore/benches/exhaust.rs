//! Time to exhaust the interleavings of small programs, side by side with two model checkers for Rust programs on the same ones: loom, which
//! reduces, and shuttle's depth-first scheduler, which does not. Times are those of the processor, so that what else a machine does matters little,
//! and memory comes from the allocator that the command has. The others' programs are compiled before; so are the C functions read before, and beside it
//! stands what it takes with reading them. Measures and judges nothing.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Explorer, Options, OutcomeKind, WithScenario, explore, shapes_for};
use cuthere_kernel::Model;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time that a processor has spent on this thread, or time that has gone by where the system does not say.
struct Processor(Instant);

impl Measurement for Processor {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let spent = spent.and_then(|line| line.split(' ').next()?.parse().ok());
        spent.map_or_else(|| self.0.elapsed(), Duration::from_nanos)
    }

    fn end(&self, started: Duration) -> Duration {
        self.start().saturating_sub(started)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        static TIME: WallTime = WallTime;
        TIME.formatter()
    }
}

/// The same programs for a checker of Rust programs.
macro_rules! programs {
    ($checker:ident) => {
        mod $checker {
            use ::$checker::sync::Arc;
            use ::$checker::sync::Mutex;
            use ::$checker::sync::atomic::{AtomicUsize, Ordering::SeqCst};
            use ::$checker::thread::spawn;

            pub fn writers() {
                let x = Arc::new(AtomicUsize::new(0));
                for n in 0..3 {
                    let x = x.clone();
                    spawn(move || x.store(n, SeqCst));
                }
            }

            pub fn counters() {
                let x = Arc::new(AtomicUsize::new(0));
                for _ in 0..3 {
                    let x = x.clone();
                    spawn(move || x.fetch_add(1, SeqCst));
                }
            }

            pub fn message() {
                let both = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
                let other = both.clone();
                spawn(move || {
                    other.0.store(1, SeqCst);
                    other.1.store(1, SeqCst);
                });
                for _ in 0..2 {
                    let both = both.clone();
                    spawn(move || {
                        if both.1.load(SeqCst) == 1 {
                            assert_eq!(both.0.load(SeqCst), 1);
                        }
                    });
                }
            }

            pub fn locks() {
                let x = Arc::new(Mutex::new(0));
                for _ in 0..3 {
                    let x = x.clone();
                    spawn(move || *x.lock().expect("not poisoned") += 1);
                }
            }
        }
    };
}

programs!(loom);
programs!(shuttle);

/// Two threads of 195 operations each, of which five meet.
fn long() {
    use ::loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let shared = ::loom::sync::Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let shared = shared.clone();
        ::loom::thread::spawn(move || {
            let own = AtomicUsize::new(0);
            for n in 0..195 {
                let counter: &AtomicUsize = if n % 39 == 0 { &shared } else { &own };
                counter.fetch_add(1, SeqCst);
            }
        });
    }
}

/// Name, the C program's variables and threads, and the two others, if they come to an end.
type Row = (&'static str, &'static str, &'static [&'static str], fn(), Option<fn()>);

const INCREMENT: &str = "atomic_fetch_add(&x, 1);";
const READ: &str = "if (atomic_load(&y) == 1) assert(atomic_load(&x) == 1);";
const LOCK: &str = "pthread_mutex_lock(&m); x = x + 1; pthread_mutex_unlock(&m);";

const LONG: [&str; 2] = [
    "for (int n = 0; n < 195; n++) atomic_fetch_add(n % 39 ? &own[0] : &x, 1);",
    "for (int n = 0; n < 195; n++) atomic_fetch_add(n % 39 ? &own[1] : &x, 1);",
];

const ROWS: &[Row] = &[
    (
        "writers",
        "atomic_int x;",
        &["atomic_store(&x, 0);", "atomic_store(&x, 1);", "atomic_store(&x, 2);"],
        loom::writers,
        Some(shuttle::writers),
    ),
    ("counters", "atomic_int x;", &[INCREMENT, INCREMENT, INCREMENT], loom::counters, Some(shuttle::counters)),
    ("message", "atomic_int x, y;", &["atomic_store(&x, 1); atomic_store(&y, 1);", READ, READ], loom::message, Some(shuttle::message)),
    ("locks", "pthread_mutex_t m; int x;", &[LOCK, LOCK, LOCK], loom::locks, Some(shuttle::locks)),
    ("long", "atomic_int x, own[2];", &[LONG[0], LONG[1]], long, None),
];

fn c_program(globals: &str, threads: &[&str]) -> String {
    let mut text = format!("#include <pthread.h>\n#include <stdatomic.h>\n#include <assert.h>\n{globals}\n");
    for (n, body) in threads.iter().enumerate() {
        text += &format!("static void *t{n}(void *arg)\n{{\n\t{body}\n\treturn 0;\n}}\n");
    }
    let starts: String = (0..threads.len()).map(|n| format!("\tpthread_create(&id, 0, t{n}, 0);\n")).collect();
    text + &format!("int main(void)\n{{\n\tpthread_t id;\n{starts}\treturn 0;\n}}\n")
}

fn exhaust(c: &mut Criterion<Processor>) {
    let model = Model::builtin();
    let options = Options { time: Duration::from_secs(3600), unroll: 200, ..Options::default() };
    let mut measure = |name: &str, tool: &str, executions: Option<u64>, run: &dyn Fn()| {
        let mut group = c.benchmark_group(name);
        if let Some(executions) = executions {
            group.throughput(Throughput::Elements(executions));
        }
        group.sample_size(10).measurement_time(Duration::from_secs(3)).bench_function(tool, |b| b.iter(run));
        group.finish();
    };
    for (name, globals, threads, loom, _) in ROWS {
        let source = WithScenario::new(None, "bench.c", &c_program(globals, threads));
        let scenario = source.scenario();
        let program = Program::build_partial(&source, Config::default(), shapes_for(&model, scenario.plain), &[scenario.file]);
        let explorer = Explorer::new(&program, &model, &scenario);
        let executions = explorer.explore(&options).executions;
        measure(name, "cuthere", Some(executions), &|| {
            let outcome = explorer.explore(&options);
            assert_eq!(outcome.kind, OutcomeKind::None, "{:?}", outcome.unsupported);
        });
        measure(name, "cuthere from its text", Some(executions), &|| {
            explore(&program, &model, &scenario, &options);
        });
        measure(name, "loom", None, &|| ::loom::model(*loom));
    }
    // Last, for its panic hook stays.
    for (name, _, _, _, shuttle) in ROWS {
        if let Some(shuttle) = shuttle {
            measure(name, "shuttle", None, &|| ::shuttle::check_dfs(*shuttle, None));
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(Processor(Instant::now()));
    targets = exhaust
}
criterion_main!(benches);
