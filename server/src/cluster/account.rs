//! The account that runs Postgres, which refuses to run as root.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::unistd::{Uid, User};
use tokio::process::Command;

/// The accounts that may run Postgres if this process is root, best first.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// An unprivileged account that Postgres runs under.
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: &'static str,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Returns the account to change to; `None` if this process is unprivileged itself.
    pub(super) fn for_postgres() -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in NAMES {
            if let Some(user) = User::from_name(name).context("cannot read the list of accounts")? {
                let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
                return Ok(Some(Self { name, uid, gid }));
            }
        }
        bail!(
            "Postgres does not run as root, and this machine has no account `postgres` or \
             `nobody`; add one, or start throughline as an ordinary user"
        )
    }

    /// Makes `command` run as this account.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Fails if this account cannot reach `path` because of a folder above it.
    pub(super) fn check_reaches(&self, path: &Path) -> Result<()> {
        for folder in path.ancestors() {
            let metadata = folder
                .metadata()
                .with_context(|| format!("cannot read {}", folder.display()))?;
            if !self.may_enter(&metadata) {
                bail!(
                    "throughline runs as root and starts Postgres as the account `{}`, which \
                     cannot enter {} (mode {:o}); choose another folder with --data-dir, such as \
                     /var/lib/throughline, or give others access (chmod o+x)",
                    self.name,
                    folder.display(),
                    metadata.mode() & 0o7777,
                );
            }
        }
        Ok(())
    }

    fn may_enter(&self, metadata: &Metadata) -> bool {
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if metadata.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_inaccessible_folder_is_named_in_the_error() {
        let stranger = Account {
            name: "stranger",
            uid: 4_000_000,
            gid: 4_000_000,
        };
        let outer = tempfile::tempdir().expect("a folder");
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).expect("a folder");

        let set = |mode| fs::set_permissions(outer.path(), fs::Permissions::from_mode(mode));
        set(0o755).expect("opened");
        stranger.check_reaches(&inner).expect("open to all");
        set(0o700).expect("closed");
        let message = stranger
            .check_reaches(&inner)
            .expect_err("closed")
            .to_string();
        let outer = outer.path().display().to_string();
        assert!(
            message.contains(&format!("enter {outer} (mode 700)")),
            "{message}"
        );
    }
}
