//! Records in a small file from which inputs an output was made, so that unchanged work is skipped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A 64-bit FNV-1a digest. It detects changes and is the same in every build of this tool.
#[derive(Clone, Copy)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds one part. The length of the part is included, so that parts cannot run into each other.
    pub(crate) fn add(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        for byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// Adds the content of a file.
    pub(crate) fn add_file(self, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(self.add(bytes))
    }

    pub(crate) fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// A file that records one digest.
pub(crate) struct Stamp(PathBuf);

impl Stamp {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reports whether the last output was made from these inputs.
    pub(crate) fn is(&self, digest: Digest) -> bool {
        fs::read_to_string(&self.0).is_ok_and(|text| text == digest.hex())
    }

    /// Records the inputs of an output that is now complete.
    pub(crate) fn set(&self, digest: Digest) -> Result<()> {
        write_if_changed(&self.0, digest.hex().as_bytes()).map(drop)
    }
}

/// Writes the file and creates its folder, unless the file has this content already: cargo treats a
/// newer file as changed. Returns true if it wrote the file.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Returns every file below a folder, sorted. A missing folder gives an empty list.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        if !dir.is_dir() {
            continue;
        }
        let entries =
            fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_the_boundaries_of_its_parts() {
        let split = Digest::new().add("ab").add("c");
        let other = Digest::new().add("a").add("bc");
        assert_ne!(split.hex(), other.hex());
        assert_eq!(split.hex(), Digest::new().add("ab").add("c").hex());
    }

    #[test]
    fn a_stamp_is_valid_only_for_the_same_inputs() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let stamp = Stamp::at(dir.join("folder/stamp"));
        let (old, new) = (Digest::new().add("old"), Digest::new().add("new"));
        assert!(!stamp.is(old));
        stamp.set(old)?;
        assert!(stamp.is(old) && !stamp.is(new));
        assert!(!write_if_changed(
            &dir.join("folder/stamp"),
            old.hex().as_bytes()
        )?);
        fs::remove_dir_all(dir)?;
        Ok(())
    }
}
