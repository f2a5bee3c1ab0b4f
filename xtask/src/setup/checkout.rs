//! Shares one target folder between several checkouts, one at a time.
//!
//! A fresh clone thus finds its dependencies already built. But cargo tells the workspace packages
//! of two checkouts apart only by the age of their files, so it could use the build of another
//! checkout. The folder therefore records its current checkout. When that changes, cargo's records
//! of the workspace packages are deleted.

use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::context::Context;
use crate::interrupt;

/// A lock that keeps other checkouts out of the target folder until it is dropped.
pub(crate) struct Claim {
    _shared: Flock<File>,
}

/// Claims the target folder for this checkout. Waits while another checkout uses it.
pub(crate) fn claim(context: &Context, packages: &[String]) -> Result<Claim> {
    let folder = context.scratch();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let owner = folder.join("checkout");
    let lock = folder.join("checkout.lock");
    loop {
        let shared = wait_for(&lock, FlockArg::LockSharedNonblock)?;
        if is_ours(&owner, &context.root) {
            return Ok(Claim { _shared: shared });
        }
        drop(shared);
        let _alone = wait_for(&lock, FlockArg::LockExclusiveNonblock)?;
        if !is_ours(&owner, &context.root) {
            forget(&context.target, packages)?;
            fs::write(&owner, context.root.as_os_str().as_bytes())?;
        }
    }
}

fn is_ours(owner: &Path, root: &Path) -> bool {
    fs::read(owner).is_ok_and(|found| found == root.as_os_str().as_bytes())
}

fn wait_for(path: &Path, kind: FlockArg) -> Result<Flock<File>> {
    let open = || OpenOptions::new().create(true).append(true).open(path);
    let mut file = open().with_context(|| format!("cannot open {}", path.display()))?;
    let mut has_printed = false;
    loop {
        interrupt::check()?;
        match Flock::lock(file, kind) {
            Ok(lock) => return Ok(lock),
            Err((same, Errno::EWOULDBLOCK)) => file = same,
            Err((_, error)) => return Err(anyhow!("cannot lock {}: {error}", path.display())),
        }
        if !has_printed {
            println!("waiting for another checkout that builds in the same target folder");
            has_printed = true;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Removes cargo's records of the workspace packages, so that cargo builds them again.
fn forget(target: &Path, packages: &[String]) -> Result<()> {
    for known in fingerprint_folders(target) {
        for entry in fs::read_dir(&known)? {
            let entry = entry?;
            if is_of(&entry.file_name().to_string_lossy(), packages) {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Returns folders such as `debug/.fingerprint` and `wasm32-unknown-unknown/debug/.fingerprint`.
fn fingerprint_folders(target: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect::<Vec<_>>()
    };
    let profiles = below(target);
    let of_targets: Vec<PathBuf> = profiles.iter().flat_map(|folder| below(folder)).collect();
    profiles
        .into_iter()
        .chain(of_targets)
        .map(|folder| folder.join(".fingerprint"))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// Reports whether a folder such as `throughline-wire-0123456789abcdef` belongs to one of the
/// packages.
fn is_of(folder: &str, packages: &[String]) -> bool {
    folder
        .rsplit_once('-')
        .is_some_and(|(name, _)| packages.iter().any(|package| package == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::TemporaryFolder;

    #[test]
    fn build_results_of_the_workspace_are_removed_and_those_of_dependencies_kept() -> Result<()> {
        let target = TemporaryFolder::new("forget")?;
        let names = [
            "throughline-wire-0a",
            "throughline-0b",
            "throughline-macros-0c",
            "serde-0d",
        ];
        for profile in ["debug", "wasm32-unknown-unknown/release"] {
            for name in names {
                let folder = target.path().join(profile).join(".fingerprint").join(name);
                fs::create_dir_all(folder)?;
            }
        }
        forget(
            target.path(),
            &["throughline-wire".to_owned(), "throughline".to_owned()],
        )?;
        for folder in fingerprint_folders(target.path()) {
            let mut left: Vec<_> = fs::read_dir(folder)?
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            left.sort();
            assert_eq!(left, ["serde-0d", "throughline-macros-0c"]);
        }
        Ok(())
    }

    #[test]
    fn a_shared_lock_excludes_an_exclusive_one_until_it_is_dropped() -> Result<()> {
        let folder = TemporaryFolder::new("claim")?;
        let lock = folder.path().join("lock");
        let shared = wait_for(&lock, FlockArg::LockSharedNonblock)?;
        let second = OpenOptions::new().append(true).open(&lock)?;
        let Err((second, refusal)) = Flock::lock(second, FlockArg::LockExclusiveNonblock) else {
            panic!("two owners at once");
        };
        assert_eq!(refusal, Errno::EWOULDBLOCK);
        drop(shared);
        assert!(Flock::lock(second, FlockArg::LockExclusiveNonblock).is_ok());
        Ok(())
    }
}
