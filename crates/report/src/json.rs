//! JSON Lines: one object per finding, with exactly the fields of [`Finding`], in its order.

use cuthere_base::Finding;
use std::io::{self, Write};

/// Writes each finding on a line of its own.
pub fn json_lines(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
