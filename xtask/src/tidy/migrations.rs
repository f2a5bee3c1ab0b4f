//! Checks that no released migration is edited. The checksums of all migrations are committed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::stamp::Digest;

/// The folder of the migrations.
const FOLDER: &str = "migrations";
/// The file of checksums: one line with checksum and file name for each migration.
const CHECKSUMS: &str = "migrations/checksums.txt";

/// Returns the migrations that differ from the committed checksums.
pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let committed = std::fs::read_to_string(root.join(CHECKSUMS)).unwrap_or_default();
    Ok(compare(&parse(&committed), &current(root)?))
}

/// Writes the checksums of the present migrations.
pub(super) fn refresh(root: &Path) -> Result<()> {
    let lines: Vec<String> = current(root)?
        .into_iter()
        .map(|(name, checksum)| format!("{checksum} {name}\n"))
        .collect();
    std::fs::write(root.join(CHECKSUMS), lines.concat())
        .with_context(|| format!("cannot write {CHECKSUMS}"))
}

fn current(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut checksums = BTreeMap::new();
    for entry in std::fs::read_dir(root.join(FOLDER))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let checksum = Digest::new().add_file(&path)?.hex();
            checksums.insert(name.into_owned(), checksum);
        }
    }
    Ok(checksums)
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(checksum, name)| (name.to_owned(), checksum.to_owned()))
        .collect()
}

fn compare(
    committed: &BTreeMap<String, String>,
    current: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, checksum) in current {
        match committed.get(name) {
            Some(known) if known == checksum => {}
            Some(_) => faults.push(format!(
                "{FOLDER}/{name}: was edited. A released migration is never edited: databases have \
                 applied it. Undo that and add a file with the next number, such as \
                 {FOLDER}/0002_what_it_adds.sql. Only if it was never released: cargo xtask tidy \
                 --refresh-migrations"
            )),
            None => faults.push(format!(
                "{FOLDER}/{name}: has no checksum; if it is complete: cargo xtask tidy \
                 --refresh-migrations"
            )),
        }
    }
    for name in committed.keys().filter(|name| !current.contains_key(*name)) {
        faults.push(format!(
            "{FOLDER}/{name}: was deleted. A released migration stays. Only if it was never \
             released: cargo xtask tidy --refresh-migrations"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::TemporaryFolder;

    #[test]
    fn edited_new_and_missing_migrations_are_faults_until_refreshed() {
        let folder = TemporaryFolder::new("migrations").expect("a folder");
        let root = folder.path();
        let file = |name: &str| root.join(FOLDER).join(name);
        std::fs::create_dir(root.join(FOLDER)).expect("creates");
        std::fs::write(file("0001_schema.sql"), "CREATE TABLE a ();").expect("writes");
        let found = faults(root).expect("reads");
        assert!(found[0].contains("has no checksum"), "{found:?}");
        refresh(root).expect("writes");
        assert_eq!(faults(root).expect("reads"), [""; 0]);

        std::fs::write(file("0001_schema.sql"), "CREATE TABLE b ();").expect("writes");
        let found = faults(root).expect("reads");
        assert!(
            found[0].contains("0001_schema.sql: was edited"),
            "{found:?}"
        );
        assert!(found[0].contains("0002_what_it_adds.sql"), "{found:?}");

        std::fs::remove_file(file("0001_schema.sql")).expect("removes");
        let found = faults(root).expect("reads");
        assert!(found[0].contains("was deleted"), "{found:?}");
    }
}
