//! The paths of a run and the environment of its child processes.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::process::Cmd;

/// The paths and the environment of this run. The set-up adds what it finds.
pub(crate) struct Context {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// Our folder in the user's cache, for tools, stamps and, by default, target folders.
    pub(crate) cache: PathBuf,
    /// `CARGO_TARGET_DIR` of every child. It is empty until the toolchain is known.
    pub(crate) target: PathBuf,
    env: BTreeMap<OsString, OsString>,
}

impl Context {
    /// Finds the checkout and the cache folder. Creates the cache folder if it is missing.
    pub(crate) fn discover() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("the xtask crate has no parent folder")?
            .to_owned();
        let cache = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => home()?.join(".cache"),
        }
        .join("throughline");
        std::fs::create_dir_all(&cache)
            .with_context(|| format!("cannot create {}", cache.display()))?;
        let target = root.join("target");
        let mut context = Self {
            root,
            cache,
            target,
            env: BTreeMap::new(),
        };
        // The folder may be missing now: this run may install Node later.
        let node = context.node_folder().join("bin");
        context.put_last_on_path(&node)?;
        // Force colours: some children write into a pipe, whose content we copy to the terminal.
        let plain = ["CARGO_TERM_COLOR", "NO_COLOR"]
            .iter()
            .any(|key| env::var_os(key).is_some());
        if io::stdout().is_terminal() && !plain {
            context.set_env("CARGO_TERM_COLOR", "always");
            context.set_env("FORCE_COLOR", "1");
        }
        Ok(context)
    }

    /// Returns the folder of command line tools that the system lacks.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// Returns the folder of our own Node, for systems without one. Its `bin` comes last on `PATH`.
    pub(crate) fn node_folder(&self) -> PathBuf {
        self.tools().join("node")
    }

    /// Returns the folder within the target folder for stamps and intermediate results.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// Sets a variable for every child started from now on.
    pub(crate) fn set_env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.env
            .insert(key.as_ref().to_owned(), value.as_ref().to_owned());
    }

    /// Puts a folder first on the `PATH` of every child.
    pub(crate) fn put_first_on_path(&mut self, dir: &Path) -> Result<()> {
        let mut dirs = self.search_path();
        dirs.retain(|known| known != dir);
        dirs.insert(0, dir.to_owned());
        self.set_path(&dirs)
    }

    /// Puts a folder last on the `PATH` of every child.
    fn put_last_on_path(&mut self, dir: &Path) -> Result<()> {
        let mut dirs = self.search_path();
        dirs.push(dir.to_owned());
        self.set_path(&dirs)
    }

    fn set_path(&mut self, dirs: &[PathBuf]) -> Result<()> {
        let joined = env::join_paths(dirs).context("a folder in PATH contains a separator")?;
        self.set_env("PATH", joined);
        Ok(())
    }

    /// Returns the folders in which children search for programs.
    pub(crate) fn search_path(&self) -> Vec<PathBuf> {
        let path = self
            .env
            .get(OsStr::new("PATH"))
            .cloned()
            .or_else(|| env::var_os("PATH"));
        path.map_or_else(Vec::new, |path| env::split_paths(&path).collect())
    }

    /// Returns the path of the program that a child would run under this name.
    pub(crate) fn which(&self, name: &str) -> Option<PathBuf> {
        self.search_path()
            .into_iter()
            .map(|dir| dir.join(name))
            .find(|file| is_program(file))
    }

    /// Returns the path of the first of these names that is installed.
    pub(crate) fn which_of(&self, names: &[&str]) -> Option<PathBuf> {
        names.iter().find_map(|name| self.which(name))
    }

    /// Returns a command that runs in the checkout with the environment of this run.
    pub(crate) fn cmd(&self, program: impl AsRef<OsStr>) -> Cmd {
        let mut command = Cmd::new(program).cwd(&self.root);
        for (key, _) in env::vars_os() {
            if is_set_by_cargo_run(&key.to_string_lossy()) {
                command = command.env_remove(key);
            }
        }
        if let Some(paths) = env::var_os("LD_LIBRARY_PATH") {
            command = match without_cargo_folders(&paths) {
                Some(rest) => command.env("LD_LIBRARY_PATH", rest),
                None => command.env_remove("LD_LIBRARY_PATH"),
            };
        }
        for (key, value) in &self.env {
            command = command.env(key, value);
        }
        command
    }

    /// Returns a `cargo` command with these arguments.
    pub(crate) fn cargo(&self, args: &[&str]) -> Cmd {
        self.cmd("cargo").args(args)
    }
}

/// Returns the home folder of the user.
pub(crate) fn home() -> Result<PathBuf> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(PathBuf::from).context("HOME is not set")
}

/// Returns the default data folder of the server. For root it is outside the home folder: Postgres
/// then runs as another account, which cannot access it.
pub(crate) fn default_data_dir() -> Result<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/throughline"));
    }
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/Application Support/throughline"));
    }
    let base = match env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => home()?.join(".local/share"),
    };
    Ok(base.join("throughline"))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Reports whether `cargo run` set this variable to describe this crate. Build scripts that watch
/// such variables would run again whenever a build alternates between xtask and a shell.
fn is_set_by_cargo_run(key: &str) -> bool {
    key == "CARGO"
        || key == "OUT_DIR"
        || [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// Returns the library path without the folders that `cargo run` added. They hold the libraries of
/// another toolchain.
fn without_cargo_folders(paths: &OsStr) -> Option<OsString> {
    let own = env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_owned));
    let keep = |dir: &PathBuf| {
        let in_toolchain = dir.components().any(|part| part.as_os_str() == "rustlib")
            || dir
                .components()
                .any(|part| part.as_os_str() == "toolchains");
        !in_toolchain && !own.as_ref().is_some_and(|own| dir.starts_with(own))
    };
    let rest: Vec<PathBuf> = env::split_paths(paths).filter(keep).collect();
    if rest.is_empty() {
        None
    } else {
        env::join_paths(rest).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_cargo_run_sets_are_removed_for_children() {
        for ours in ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
            assert!(is_set_by_cargo_run(ours), "{ours}");
        }
        for theirs in ["CARGO_TARGET_DIR", "CARGO_HOME", "CARGO_TERM_COLOR", "PATH"] {
            assert!(!is_set_by_cargo_run(theirs), "{theirs}");
        }
    }

    #[test]
    fn library_folders_of_a_toolchain_are_dropped() {
        let paths = OsStr::new("/opt/x/lib/rustlib/y/lib:/opt/cuda/lib:/x/toolchains/stable/lib");
        assert_eq!(
            without_cargo_folders(paths),
            Some(OsString::from("/opt/cuda/lib"))
        );
        assert_eq!(
            without_cargo_folders(OsStr::new("/opt/x/lib/rustlib/y")),
            None
        );
    }
}
