//! What syslog shouts into every terminal (`Message from syslogd@host at …`), among the lines of the log that it stands in as well.

use super::Row;
use rustc_hash::FxHashSet;

const SHOUT: &str = "Message from syslogd@";

/// The rows without messages that stand in the log too; one that stands nowhere else stays. Linear in the text.
pub fn without(mut rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    if !rows.iter().any(|row| row.text.contains(SHOUT)) {
        return rows;
    }
    let shouted: Vec<bool> = rows
        .iter()
        .scan(false, |below, row| {
            let message = *below && row.text.trim_start().starts_with("kernel:");
            *below = row.text.contains(SHOUT) || message;
            Some(message)
        })
        .collect();
    let said: FxHashSet<&str> =
        rows.iter().zip(&shouted).filter(|(_, shouted)| !**shouted).filter_map(|(row, _)| message(&row.text)).collect();
    let again: Vec<bool> =
        rows.iter().zip(&shouted).map(|(row, shouted)| *shouted && message(&row.text).is_some_and(|m| said.contains(m))).collect();
    let mut n = 0;
    rows.retain(|_| {
        n += 1;
        again.get(n - 1) != Some(&true)
    });
    rows
}

/// What stands behind the name of the kernel.
fn message(text: &str) -> Option<&str> {
    text.split_once("kernel:").map(|(_, message)| message.trim()).filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::layout;

    #[test]
    fn what_is_shouted_is_read_once() {
        let log = "Message from syslogd@host at Jan  2 03:04:05 ...\n kernel:[    1.000001] Oops: 1\n\
                   Jan  2 03:04:05 host kernel: [    1.000001] Oops: 1\nMessage from syslogd@host at Jan  2 03:04:05 ...\n kernel:lost\n";
        let rows: Vec<String> = layout::read(log).rows.iter().map(|row| row.text.to_string()).collect();
        assert_eq!(rows.iter().filter(|row| row.contains("Oops")).count(), 1);
        assert!(rows.iter().any(|row| row.contains("lost")));
    }
}
