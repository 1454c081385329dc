//! JSON Lines: one object per finding, with exactly the fields of [`Finding`], in its order.

use cuthere_base::Finding;
use serde::Serialize;
use std::io::{self, Write};

/// Writes each finding on a line of its own.
pub fn json_lines(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The same with who hears of each finding, in a field of its own.
pub fn json_lines_for(out: &mut dyn Write, findings: &[Finding], recipients: &dyn Fn(&Finding) -> Vec<String>) -> io::Result<()> {
    for finding in findings {
        let line = Addressed { finding, recipients: recipients(finding) };
        serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Addressed<'f> {
    #[serde(flatten)]
    finding: &'f Finding,
    recipients: Vec<String>,
}
