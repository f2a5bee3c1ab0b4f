//! A temporary folder that is removed when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// An empty folder of this process in the system's temporary folder. It cannot be in the user's
/// cache: Postgres refuses to run as root, and its own account cannot access a home folder.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("throughline-{name}-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_a_temporary_folder_removes_its_content() -> Result<()> {
        let folder = TemporaryFolder::new("trial")?;
        let path = folder.path().to_owned();
        fs::write(path.join("file"), "text")?;
        drop(folder);
        assert!(!path.exists());
        Ok(())
    }
}
