//! CPU seconds of processes, from `/proc`.

use std::fs;

use anyhow::{Context as _, Result};

/// The clock ticks of `/proc/<pid>/stat` per second: `USER_HZ`, 100 on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the fields of `/proc/<pid>/stat` after the process name, which may contain any
/// character.
fn stat(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("no process name")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], from: usize) -> f64 {
    // User time and system time are adjacent fields.
    fields[from..from + 2]
        .iter()
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum()
}

/// Returns the user and system seconds of the process alone.
pub(crate) fn of_process(pid: u32) -> Result<f64> {
    Ok(ticks(&stat(pid)?, 11) / TICKS_PER_SECOND)
}

/// Returns the process ids of its living children.
pub(crate) fn children_of(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end between the listing and the reading.
        if stat(child).is_ok_and(|fields| fields[1] == pid.to_string()) {
            children.push(child);
        }
    }
    Ok(children)
}

/// Returns the user and system seconds of the process, its living children and those it has waited
/// for.
pub(crate) fn of_family(pid: u32) -> Result<f64> {
    let fields = stat(pid)?;
    let mut total = ticks(&fields, 11) + ticks(&fields, 13);
    for child in children_of(pid)? {
        total += stat(child).map_or(0.0, |fields| ticks(&fields, 11));
    }
    Ok(total / TICKS_PER_SECOND)
}
