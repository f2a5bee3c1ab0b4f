//! The Postgres programs on this machine: `initdb` and `postgres`, of version 15 or later.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::account::Account;
use super::data_dir::DataDir;
use super::download;

/// The oldest supported major version.
pub(super) const OLDEST: u32 = 15;

/// The environment variable with the folder of the programs. It replaces the search.
const BIN_VARIABLE: &str = "THROUGHLINE_POSTGRES_BIN";

/// Folders that have a sub-folder for each version, with the path from there to the programs.
const FAMILIES: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/lib64/postgresql", "bin"),
    ("/usr", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
];

/// The programs of one version.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    /// The major version, such as 15.
    pub(super) major: u32,
}

impl Programs {
    /// Returns the programs of the version of the cluster in `data_dir`, or the newest if there is
    /// no cluster. Downloads them if none are installed.
    pub(super) async fn for_cluster(data_dir: &DataDir, account: Option<&Account>) -> Result<Self> {
        let wanted = match data_dir.read("postgres/PG_VERSION")? {
            Some(text) => Some(
                text.parse()
                    .context("postgres/PG_VERSION contains no version")?,
            ),
            None => None,
        };
        let downloads = data_dir.join("postgres-bin");
        let mut found = Vec::new();
        for folder in candidates(&downloads) {
            if account.is_some_and(|account| account.check_reaches(&folder).is_err()) {
                continue;
            }
            if let Some(major) = version(&folder).await {
                found.push(Self { folder, major });
            }
        }
        if let Some(folder) = env::var_os(BIN_VARIABLE)
            && found.is_empty()
        {
            bail!(
                "{BIN_VARIABLE} is {}, which has no working Postgres programs",
                Path::new(&folder).display()
            );
        }
        if let Some(programs) = choose(&found, wanted) {
            return Ok(programs);
        }
        let folder = download::download(&downloads, wanted).await.with_context(|| {
            let wanted = wanted.map_or(format!("{OLDEST} or later"), |major| major.to_string());
            format!(
                "found no Postgres {wanted} on this machine and could not download it; install it \
                 (Debian: apt-get install postgresql; macOS: brew install postgresql), set \
                 {BIN_VARIABLE} to the folder of its programs, or use a database with \
                 --database-url"
            )
        })?;
        let major = version(&folder)
            .await
            .context("the downloaded Postgres does not run on this machine")?;
        Ok(Self { folder, major })
    }

    /// Returns a command that runs one of the programs, as `account` if given. It has its own
    /// process group, because Ctrl-C in a terminal must reach only this server, which then stops
    /// Postgres.
    pub(super) fn command(&self, name: &str, account: Option<&Account>) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.process_group(0).env_clear().stdin(Stdio::null());
        for variable in ["PATH", "TZ", "LD_LIBRARY_PATH"] {
            if let Some(value) = env::var_os(variable) {
                command.env(variable, value);
            }
        }
        // This program parses the log, so it must be in English.
        command.env("LC_MESSAGES", "C");
        if let Some(account) = account {
            account.apply(&mut command);
        }
        command
    }
}

fn choose(found: &[Programs], wanted: Option<u32>) -> Option<Programs> {
    found
        .iter()
        .filter(|programs| match wanted {
            Some(major) => programs.major == major,
            None => programs.major >= OLDEST,
        })
        // Prefers the first one of equal versions, which is the one on `PATH`.
        .rev()
        .max_by_key(|programs| programs.major)
        .cloned()
}

/// Returns the folders that have both programs.
fn candidates(downloads: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = if let Some(folder) = env::var_os(BIN_VARIABLE) {
        vec![folder.into()]
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        let versions = FAMILIES
            .iter()
            .map(|(family, bin)| (Path::new(family), *bin))
            .chain([(downloads, "bin")])
            .flat_map(|(family, bin)| {
                let entries = fs::read_dir(family).into_iter().flatten().flatten();
                entries.map(move |entry| entry.path().join(bin))
            });
        env::split_paths(&path).chain(versions).collect()
    };
    folders.retain(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
    // `PATH` often has links to one of the other folders.
    let mut real: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let program = folder.join("postgres").canonicalize().ok();
        let folder = program.as_deref().and_then(Path::parent).unwrap_or(&folder);
        if !real.iter().any(|known| known == folder) {
            real.push(folder.to_owned());
        }
    }
    real
}

async fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Parses the major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `postgres
/// (PostgreSQL) 18beta1`.
fn parse_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once(") ")?;
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(folder: &str, major: u32) -> Programs {
        let folder = folder.into();
        Programs { folder, major }
    }

    #[test]
    fn versions_are_parsed_in_the_forms_of_distributions() {
        for (text, major) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 17", Some(17)),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), major, "{text:?}");
        }
    }

    #[test]
    fn a_new_cluster_uses_the_newest_version_and_an_old_one_its_own() {
        let found = [
            programs("/a", 14),
            programs("/b", 16),
            programs("/c", 17),
            programs("/d", 17),
        ];
        let folder = |wanted| choose(&found, wanted).map(|programs| programs.folder);
        assert_eq!(folder(None), Some("/c".into()));
        assert_eq!(folder(Some(16)), Some("/b".into()));
        assert_eq!(folder(Some(15)), None);
        assert_eq!(
            choose(&found[..1], None).map(|programs| programs.major),
            None
        );
    }
}
