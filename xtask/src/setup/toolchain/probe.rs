//! Examines a compiler: its version, and whether it can build for the browser.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::process::Cmd;
use crate::stamp::{Digest, Stamp};
use crate::version::Version;

/// The target of all browser code.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The name of Debian's compiler in rustup.
pub(crate) const LINK_NAME: &str = "throughline";

/// The way in which children find a compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The `rustc` on `PATH`.
    Current,
    /// The stable toolchain of rustup.
    Stable,
    /// Debian's compiler, linked into rustup. rustup's proxies come first on `PATH`, so only a
    /// toolchain name selects compiler, cargo and clippy together.
    Linked,
    /// Debian's compiler on a system without rustup.
    System,
}

/// A compiler.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    pub(crate) origin: Origin,
    pub(crate) release: Version,
    /// The output of `rustc -vV`, and the state of its standard libraries.
    identity: String,
    /// The folder of its wasm32 standard library. It may be missing.
    pub(crate) wasm_libraries: PathBuf,
}

impl Origin {
    /// Makes every child use this compiler.
    pub(crate) fn apply(self, context: &mut Context) -> Result<()> {
        match self.toolchain_name() {
            Some(name) => context.set_env("RUSTUP_TOOLCHAIN", name),
            None if self == Self::System => context.put_first_on_path(Path::new("/usr/bin"))?,
            None => {}
        }
        Ok(())
    }

    /// Returns a command that uses this compiler.
    pub(crate) fn command(self, context: &Context, program: &str) -> Result<Cmd> {
        Ok(match self.toolchain_name() {
            Some(name) => context.cmd(program).env("RUSTUP_TOOLCHAIN", name),
            None if self == Self::System => {
                let rest = context.search_path();
                let dirs = std::iter::once(PathBuf::from("/usr/bin")).chain(rest);
                context
                    .cmd(program)
                    .env("PATH", std::env::join_paths(dirs)?)
            }
            None => context.cmd(program),
        })
    }

    fn toolchain_name(self) -> Option<&'static str> {
        match self {
            Self::Stable => Some("stable"),
            Self::Linked => Some(LINK_NAME),
            Self::Current | Self::System => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "the current toolchain",
            Self::Stable => "rustup's stable toolchain",
            Self::Linked => "Debian's compiler, through rustup",
            Self::System => "Debian's compiler",
        })
    }
}

/// Queries the version and the libraries of a compiler.
pub(crate) fn probe(context: &Context, origin: Origin) -> Result<Toolchain> {
    let rustc = || origin.command(context, "rustc");
    let verbose = rustc()?.arg("-vV").text()?;
    let libraries = rustc()?
        .args(["--print", "target-libdir", "--target", WASM])
        .text()
        .map(PathBuf::from)?;
    let release = release(&verbose).context("rustc -vV prints no release")?;
    let identity = format!("{verbose}\n{}", libraries.display());
    Ok(Toolchain {
        origin,
        release,
        identity,
        wasm_libraries: libraries,
    })
}

impl Toolchain {
    /// Returns a short key of exactly this compiler, for folders that only this compiler may use.
    pub(crate) fn key(&self) -> String {
        let digest = Digest::new().add(&self.identity).hex();
        format!("{}-{}", self.release, &digest[..8])
    }

    /// Returns a command of this toolchain.
    pub(crate) fn command(&self, context: &Context, program: &str) -> Result<Cmd> {
        self.origin.command(context, program)
    }

    /// Returns the reason why this compiler cannot be used, or `None` if it can.
    pub(crate) fn refusal(&self, context: &Context, minimum: Version) -> Option<String> {
        if self.release < minimum {
            return Some(format!("it is {}, older than {minimum}", self.release));
        }
        if !has_std(&self.wasm_libraries) {
            return Some(format!("it has no standard library for {WASM}"));
        }
        self.check_wasm(context)
            .err()
            .map(|error| format!("it cannot build for {WASM}: {error:#}"))
    }

    /// Compiles and links a small library for the browser, once for each compiler. Nothing else
    /// detects libraries of another version or a missing linker.
    fn check_wasm(&self, context: &Context) -> Result<()> {
        let folder = context.cache.join("checked");
        let stamp = Stamp::at(folder.join(self.key()));
        let digest = Digest::new()
            .add(&self.identity)
            .add(newest(&self.wasm_libraries));
        if stamp.is(digest) {
            return Ok(());
        }
        std::fs::create_dir_all(&folder)?;
        let source = folder.join("check.rs");
        let output = folder.join(format!("check-{}.wasm", std::process::id()));
        let code = "pub fn greet() -> String {\n    format!(\"{:?}\", std::env::args())\n}\n";
        std::fs::write(&source, format!("//! A trial.\n\n/// A function.\n{code}"))?;
        self.command(context, "rustc")?
            .args([
                "--edition=2024",
                "--crate-type=cdylib",
                "--target",
                WASM,
                "-o",
            ])
            .arg(&output)
            .arg(&source)
            .text()?;
        std::fs::remove_file(output)?;
        stamp.set(digest)
    }
}

fn release(verbose: &str) -> Option<Version> {
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .and_then(Version::parse)
}

/// Reports whether programs and tests can be built: `std` and `test` are both there.
fn has_std(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let libraries: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "rlib")
        })
        .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
        .collect();
    ["libstd-", "libtest-"]
        .iter()
        .all(|wanted| libraries.iter().any(|library| library.starts_with(wanted)))
}

/// Returns a value that changes when the libraries are replaced.
fn newest(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let times = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    format!("{:?}", times.max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_parsed_from_the_output_of_rustc() {
        let verbose = "rustc 1.96.0 (ac68 2026-05-25)\nbinary: rustc\nrelease: 1.96.0\n";
        assert_eq!(release(verbose), Some(Version(1, 96, 0)));
        assert_eq!(
            release("release: 1.98.0-nightly\n"),
            Some(Version(1, 98, 0))
        );
    }

    #[test]
    fn different_compilers_of_one_release_have_different_keys() {
        let one = |identity: &str| Toolchain {
            origin: Origin::Current,
            release: Version(1, 96, 0),
            identity: identity.to_owned(),
            wasm_libraries: PathBuf::new(),
        };
        assert_ne!(one("rustup's").key(), one("Debian's").key());
        assert!(one("rustup's").key().starts_with("1.96.0-"));
    }
}
