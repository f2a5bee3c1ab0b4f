//! The disk is full.

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;

use super::conservation::{check_conserved, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::{Program, data_dir};

/// A small file system. Dropping the value unmounts it.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts the file system; `None` if this account may not mount.
    fn mount(at: &'a Path, megabytes: u32) -> Option<Self> {
        mount(at, &format!("size={megabytes}m,mode=0755")).then_some(Self(at))
    }

    fn grow(&self, megabytes: u32) {
        assert!(mount(self.0, &format!("remount,size={megabytes}m")));
    }
}

fn mount(at: &Path, options: &str) -> bool {
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(at)
        .status();
    status.is_ok_and(|status| status.success())
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // A lazy unmount: Postgres may still be ending.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gives_503_and_acknowledged_spans_are_kept() {
    let folder = data_dir();
    let Some(disk) = SmallDisk::mount(folder.path(), 128) else {
        println!("not run: this account may not mount a small file system");
        return;
    };
    let server = Program::serve(folder.path()).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 6,
        spans: 50,
        padding: 7_000,
    };
    let load = Load::during(plan, async |load| {
        load.wait_for(StatusCode::SERVICE_UNAVAILABLE).await;
        // More requests do not help, and cause no damage.
        load.wait_for(StatusCode::SERVICE_UNAVAILABLE).await;
        disk.grow(700);
        load.wait_for_more(20).await;
    })
    .await;
    let url = std::fs::read_to_string(folder.path().join("database-url")).expect("its address");
    check_conserved(url.trim(), &load).await;
    check_reads(&server.base).await;
    check_memory(server.pid());
    assert!(server.stop().await.success());
}
