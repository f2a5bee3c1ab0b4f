//! The disk is full.

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use throughline_testkit::Ids;

use super::conservation::{check_conserved, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::{Program, data_dir, run};
use crate::transfer::large_line;

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

/// Takes all space of `folder` but `left` bytes, in a file. Dropping the value frees it.
struct Filler(std::path::PathBuf);

impl Filler {
    fn leave(folder: &Path, left: u64) -> Self {
        let path = folder.join("filler");
        let taken = free_bytes(folder).saturating_sub(left);
        let zeros = vec![0; usize::try_from(taken).expect("small")];
        std::fs::write(&path, zeros).expect("writes");
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn free_bytes(folder: &Path) -> u64 {
    let stat = nix::sys::statvfs::statvfs(folder).expect("a file system");
    stat.blocks_available() * stat.fragment_size()
}

/// Returns a file of `lines` requests, each with spans whose values cannot be compressed.
fn large_file(folder: &Path, lines: usize) -> std::path::PathBuf {
    let mut ids = Ids::seeded(7);
    let lines: String = (0..lines).map(|_| large_line(&mut ids)).collect();
    let path = folder.join("large.jsonl");
    std::fs::write(&path, lines).expect("writes");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn import_restore_and_clean_up_leave_the_reserve_of_the_disk() {
    let (folder, files) = (data_dir(), data_dir());
    let Some(_disk) = SmallDisk::mount(folder.path(), 256) else {
        println!("not run: this account may not mount a small file system");
        return;
    };
    let data = folder.path().join("data");
    let run = async |arguments: &[&str]| {
        let data = data.to_str().expect("text");
        let (status, complaint) = run(&[arguments, &["--data-dir", data]].concat()).await;
        (status.success(), complaint)
    };
    let small = large_file(files.path(), 1);
    let small = small.to_str().expect("text").to_owned();
    let (done, complaint) = run(&["import", &small]).await;
    assert!(done, "{complaint}");
    let backup = files.path().join("backup");
    let backup = backup.to_str().expect("text");
    let (done, complaint) = run(&["backup", backup]).await;
    assert!(done, "{complaint}");

    // The reserve is a tenth of the disk. Half of it is left here.
    let filler = Filler::leave(folder.path(), 12 << 20);
    let (done, complaint) = run(&["import", &small]).await;
    assert!(
        !done && complaint.contains("nothing was imported"),
        "{complaint}"
    );
    assert!(complaint.contains("--disk-reserve"), "{complaint}");
    let (done, complaint) = run(&["retention", "--older-than", "1m"]).await;
    assert!(!done && complaint.contains("--disk-reserve"), "{complaint}");
    drop(filler);

    let filler = Filler::leave(folder.path(), 45 << 20);
    let large = large_file(files.path(), 400);
    let (done, complaint) = run(&["import", large.to_str().expect("text")]).await;
    assert!(
        !done && complaint.contains("the import stopped"),
        "{complaint}"
    );
    assert!(complaint.contains("--disk-reserve"), "{complaint}");
    assert!(free_bytes(folder.path()) > 0);
    drop(filler);
    std::fs::remove_dir_all(&data).expect("removes");

    // A new data directory, which has no space for the rows.
    let (done, complaint) = run(&["migrate"]).await;
    assert!(done, "{complaint}");
    let filler = Filler::leave(folder.path(), 20 << 20);
    let (done, complaint) = run(&["restore", backup]).await;
    assert!(!done && complaint.contains("--disk-reserve"), "{complaint}");
    drop(filler);
    let (done, complaint) = run(&["restore", backup]).await;
    assert!(done, "{complaint}");
}
