//! How far the run has come: a line on standard error while it lasts, only on a terminal; and how long each stage took.

use crate::engine::Progress;
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often something is said without a terminal.
const MINUTE: Duration = Duration::from_secs(60);

/// Shows and times the stages of a run.
pub struct Stages {
    bar: ProgressBar,
    /// When something was last said, and the stage at work.
    said: Option<Mutex<(Instant, &'static str)>>,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    /// In the order in which they first began.
    done: Vec<(&'static str, Duration)>,
    current: Option<(&'static str, Instant)>,
}

impl Times {
    fn close(&mut self) {
        let Some((name, begun)) = self.current.take() else { return };
        let took = begun.elapsed();
        match self.done.iter_mut().find(|(done, _)| *done == name) {
            Some((_, sum)) => *sum += took,
            None => self.done.push((name, took)),
        }
    }
}

impl Stages {
    /// Nothing is shown until a stage begins.
    pub fn new() -> Stages {
        let bar = ProgressBar::new(0);
        let terminal = std::io::stderr().is_terminal();
        let visible = terminal && !output::quiet();
        bar.set_draw_target(if visible { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() });
        // Where no line can be drawn anew, a long run says once a minute that it goes on.
        let said = (!terminal && !output::quiet()).then(|| Mutex::new((Instant::now(), "")));
        Stages { bar, said, times: Mutex::default() }
    }

    /// Ends the last stage, clears the line, and says how long each stage took.
    pub fn finish(&self) -> Vec<(&'static str, Duration)> {
        self.bar.finish_and_clear();
        let mut times = self.times.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        times.close();
        times.done.clone()
    }
}

impl Progress for Stages {
    fn stage(&self, name: &'static str, total: u64) {
        let mut times = self.times.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        times.close();
        times.current = Some((name, Instant::now()));
        if let Some(said) = &self.said
            && let Ok(mut said) = said.lock()
        {
            said.1 = name;
        }
        // A stage of one step has nothing to count. The form comes first: each of the following may draw the line.
        let form = if total > 1 { "{msg:10} {wide_bar} {human_pos}/{human_len} {elapsed}" } else { "{msg:10} {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(form) {
            self.bar.set_style(style);
        }
        self.bar.set_message(name);
        self.bar.set_length(total);
        self.bar.set_position(0);
    }

    fn advance(&self, n: u64) {
        self.bar.inc(n);
        // Nobody waits here: a thread that finds the lock taken leaves it to the other.
        if let Some(said) = &self.said
            && let Ok(mut said) = said.try_lock()
            && said.0.elapsed() >= MINUTE
        {
            said.0 = Instant::now();
            let (at, of) = (self.bar.position(), self.bar.length().unwrap_or(0));
            output::say(&format!("{}: {at} of {of}", said.1));
        }
    }
}
