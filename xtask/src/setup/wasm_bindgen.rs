//! The wasm-bindgen command line, in exactly the version of the crate in Cargo.lock.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::cargo_tool;
use crate::context::Context;

/// The two programs of one version.
pub(crate) struct WasmBindgen {
    pub(crate) version: String,
    pub(crate) cli: PathBuf,
    /// The program that runs `wasm_bindgen_test`s in a browser. It is in the same folder.
    pub(crate) test_runner: PathBuf,
}

/// Finds the right version or builds it. A build takes some minutes, once for each version.
pub(crate) fn prepare(context: &Context) -> Result<WasmBindgen> {
    let version = wanted(context)?;
    if let Some(found) = find(context, &version) {
        return Ok(found);
    }
    cargo_tool::install(context, "wasm-bindgen-cli", &version)?;
    match find(context, &version) {
        Some(found) => Ok(found),
        None => bail!("cannot find wasm-bindgen-cli {version} after its installation"),
    }
}

/// Returns the programs of this version if they are installed. Changes nothing.
pub(crate) fn find(context: &Context, version: &str) -> Option<WasmBindgen> {
    let mut folders = vec![context.tools().join("bin")];
    folders.extend(context.search_path());
    folders.into_iter().find_map(|folder| {
        let cli = folder.join("wasm-bindgen");
        let test_runner = folder.join("wasm-bindgen-test-runner");
        let usable = test_runner.is_file() && has_version(context, &cli, version);
        usable.then(|| WasmBindgen {
            version: version.to_owned(),
            cli,
            test_runner,
        })
    })
}

fn has_version(context: &Context, cli: &Path, version: &str) -> bool {
    cli.is_file()
        && context
            .cmd(cli)
            .arg("--version")
            .text()
            .is_ok_and(|text| text.split_whitespace().nth(1) == Some(version))
}

/// Returns the version in Cargo.lock.
pub(crate) fn wanted(context: &Context) -> Result<String> {
    let lock = std::fs::read_to_string(context.root.join("Cargo.lock"))
        .context("cannot read Cargo.lock")?;
    locked_version(&lock, "wasm-bindgen").context("Cargo.lock has no wasm-bindgen")
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_exact_crate() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.5\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(
            locked_version(lock, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(locked_version(lock, "leptos"), None);
    }
}
