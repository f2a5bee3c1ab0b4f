//! The file `postmaster.pid` of a server, and a check that the server really runs.

use std::fs;
use std::path::Path;

use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The lines of `postmaster.pid` that are used (Postgres, `miscadmin.h`, "lock file contents").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) port: u16,
    /// True if the server accepts connections.
    pub(super) ready: bool,
}

impl PidFile {
    /// Reads the file of the cluster; `None` if it does not exist or is not complete yet.
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok().filter(|pid| *pid > 1)?;
        let port = lines.nth(2)?.parse().ok()?;
        let ready = lines.nth(3) == Some("ready");
        Some(Self { pid, port, ready })
    }
}

/// Reports whether the process `pid` is a Postgres that runs `cluster`. The number in a stale file
/// may now belong to any other process.
pub(super) fn runs(pid: i32, cluster: &Path) -> bool {
    if kill(Pid::from_raw(pid), None).is_err() {
        return false;
    }
    let process = Path::new("/proc").join(pid.to_string());
    if process.exists() {
        // The working directory of a postmaster is its cluster's folder. A zombie process has none.
        return fs::read_link(process.join("cwd")).is_ok_and(|folder| folder == cluster);
    }
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&*cluster.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "4711\n/data/postgres\n1700000000\n40123\n\n127.0.0.1\n  3153   17\nready   \n";

    #[test]
    fn process_port_and_readiness_are_read() {
        let ready = PidFile {
            pid: 4711,
            port: 40123,
            ready: true,
        };
        assert_eq!(PidFile::parse(TEXT), Some(ready.clone()));
        let starting = PidFile {
            ready: false,
            ..ready
        };
        assert_eq!(
            PidFile::parse(&TEXT.replace("ready", "starting")),
            Some(starting.clone())
        );
        assert_eq!(
            PidFile::parse("4711\n/data/postgres\n1700000000\n40123\n"),
            Some(starting)
        );
    }

    #[test]
    fn an_incomplete_pid_file_is_ignored() {
        for text in [
            "",
            "4711\n",
            "4711\n/data\n17\n",
            "0\n/d\n1\n2\n",
            "-1\n/d\n1\n2\n",
            "x",
        ] {
            assert_eq!(PidFile::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_postgres_is_not_running_the_cluster() {
        let pid = i32::try_from(std::process::id()).expect("small");
        assert!(!runs(pid, Path::new("/nowhere")));
    }
}
