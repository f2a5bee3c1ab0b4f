//! Builds the wasm32 standard library of a compiler that has its source but no binary of it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::probe::{Toolchain, WASM};
use crate::context::Context;
use crate::setup::debian;

/// The crates of a prebuilt standard library. `test` is for tests that run in the browser.
const STD: &str = "-Zbuild-std=std,panic_abort,test";

/// Builds the library with the compiler itself and puts it where the compiler looks for it.
pub(crate) fn build(context: &Context, toolchain: &Toolchain) -> Result<()> {
    println!("building the standard library for {WASM} (about a minute, once for each compiler)");
    let folder = context.cache.join("wasm-std");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    write_empty_crate(&folder)?;
    let target = folder.join("target");
    toolchain
        .command(context, "cargo")?
        .args(["build", "--release", STD, "--target", WASM])
        .cwd(&folder)
        .env("CARGO_TARGET_DIR", &target)
        // This build needs an unstable flag. The resulting library is used by stable code.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .run()?;
    let libraries = libraries(&target.join(WASM).join("release/deps"))?;
    let destination = &toolchain.wasm_libraries;
    remove_old(context, destination)?;
    println!(
        "copying {} libraries to {}",
        libraries.len(),
        destination.display()
    );
    debian::copy_into(context, &libraries, destination)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn write_empty_crate(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
                    [profile.release]\npanic = \"abort\"\n\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/lib.rs"), "#![no_std]\n")?;
    Ok(())
}

/// Returns the library files of a build, without that of the empty crate.
fn libraries(deps: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(deps)
        .with_context(|| format!("found no libraries in {}", deps.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_library = path
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if is_library && !name.starts_with("libempty") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("the build wrote no libraries to {}", deps.display());
    }
    files.sort();
    Ok(files)
}

/// Removes the libraries of an earlier compiler, which would otherwise be found as well.
fn remove_old(context: &Context, folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let old: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "rlib")
        })
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    debian::as_root(context, "rm")?
        .arg("-f")
        .args(&old)
        .text()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_crate_is_not_copied() -> Result<()> {
        let deps = std::env::temp_dir().join(format!("xtask-deps-{}", std::process::id()));
        std::fs::create_dir_all(&deps)?;
        for name in [
            "libstd-1.rlib",
            "libempty-2.rlib",
            "libcore-3.rmeta",
            "libcore-3.rlib",
        ] {
            std::fs::write(deps.join(name), "")?;
        }
        let names: Vec<_> = libraries(&deps)?
            .iter()
            .filter_map(|file| Some(file.file_name()?.to_owned()))
            .collect();
        assert_eq!(names, ["libcore-3.rlib", "libstd-1.rlib"]);
        std::fs::remove_dir_all(deps)?;
        Ok(())
    }
}
