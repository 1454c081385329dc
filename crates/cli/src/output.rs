//! Standard output: buffered, coloured only where a person reads it, silent when the reader has gone.

use anyhow::Result;
use std::io::{self, BufWriter, Write};

/// Runs `write` on standard output; `true` if it takes colour (a terminal, and NO_COLOR is not set). A reader that closed the pipe has seen
/// enough: that is no error.
pub fn standard(write: impl FnOnce(&mut dyn Write, bool) -> io::Result<()>) -> Result<()> {
    let stdout = io::stdout().lock();
    let choice = anstream::AutoStream::choice(&stdout);
    let colour = choice != anstream::ColorChoice::Never;
    let mut out = BufWriter::with_capacity(1 << 16, anstream::AutoStream::new(stdout, choice));
    let written = write(&mut out, colour).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Keeps the buffer's destructor from trying again.
            let _ = out.into_parts();
            Ok(())
        }
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}
