//! Finds or installs a recent enough compiler with the wasm32 target: the current one, one that
//! rustup completes, or the one that Debian packages for its browsers.

mod probe;
mod wasm_std;

use anyhow::{Context as _, Result, bail};

use super::debian;
use crate::context::Context;
use crate::version::Version;
pub(crate) use probe::{Origin, Toolchain, WASM};

/// The Debian packages of a complete, current toolchain.
const DEBIAN_PACKAGES: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "rust-web-clippy",
    "rustfmt-web",
];

/// Finds or installs a complete toolchain and sets the environment so that children use it.
pub(crate) fn prepare(context: &mut Context) -> Result<Toolchain> {
    let minimum = minimum(context)?;
    if let Some(found) = find(context, minimum) {
        found.origin.apply(context)?;
        return Ok(found);
    }
    let mut refusals = Vec::new();
    let ways = [
        by_rustup as fn(&Context, Version) -> Result<Toolchain>,
        by_debian,
    ];
    for way in ways {
        match way(context, minimum) {
            Ok(toolchain) => {
                toolchain.origin.apply(context)?;
                return Ok(toolchain);
            }
            Err(error) => {
                crate::interrupt::check()?;
                println!("{error:#}");
                refusals.push(format!("- {error:#}"));
            }
        }
    }
    bail!(
        "no Rust {minimum} or later with the {WASM} target:\n{}\nInstall it from \
         https://rustup.rs and run `rustup target add {WASM}`.",
        refusals.join("\n")
    )
}

/// Returns an installed complete toolchain, if there is one. Changes nothing.
pub(crate) fn find(context: &Context, minimum: Version) -> Option<Toolchain> {
    // With rustup's proxies on PATH, even Debian's cargo would use rustup's compiler.
    let debian = if context.which("rustup").is_some() {
        Origin::Linked
    } else {
        Origin::System
    };
    [Origin::Current, debian]
        .into_iter()
        .filter_map(|origin| probe::probe(context, origin).ok())
        .find(|toolchain| toolchain.refusal(context, minimum).is_none())
}

/// Installs rustfmt and clippy if they are missing, as in a minimal installation of rustup.
pub(crate) fn ensure_lints(context: &Context) -> Result<()> {
    let works = |tool: &str| context.cargo(&[tool, "--version"]).text().is_ok();
    if works("fmt") && works("clippy") {
        return Ok(());
    }
    println!("adding rustfmt and clippy with rustup");
    let rustup = context
        .cmd("rustup")
        .args(["component", "add", "rustfmt", "clippy"]);
    rustup
        .env("RUST_BACKTRACE", "0")
        .text()
        .context("rustfmt and clippy are needed")
        .map(drop)
}

/// Returns the oldest supported compiler: `rust-version` of the root manifest.
pub(crate) fn minimum(context: &Context) -> Result<Version> {
    let manifest = std::fs::read_to_string(context.root.join("Cargo.toml"))?;
    rust_version(&manifest).context("the root Cargo.toml has no rust-version")
}

fn rust_version(manifest: &str) -> Option<Version> {
    let line = manifest
        .lines()
        .find(|line| line.starts_with("rust-version"))?;
    Version::parse(line.split('"').nth(1)?)
}

/// Installs the toolchain by rustup: the current stable release if needed, then the target.
fn by_rustup(context: &Context, minimum: Version) -> Result<Toolchain> {
    if context.which("rustup").is_none() {
        bail!("rustup is not installed");
    }
    let current = probe::probe(context, Origin::Current)
        .ok()
        .filter(|toolchain| toolchain.release >= minimum);
    let origin = if current.is_some() {
        Origin::Current
    } else {
        Origin::Stable
    };
    println!("adding the {WASM} target with rustup");
    let rustup = origin.command(context, "rustup")?;
    let rustup = match origin {
        Origin::Stable => rustup
            .args(["toolchain", "install", "stable", "--profile", "minimal"])
            .args([
                "--component",
                "clippy",
                "--component",
                "rustfmt",
                "--target",
                WASM,
            ]),
        _ => rustup.args(["target", "add", WASM]),
    };
    let limit = std::time::Duration::from_secs(300);
    let rustup = rustup
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUST_BACKTRACE", "0");
    let text = rustup.deadline(limit).text();
    text.context("rustup cannot download it")?;
    complete(context, origin, minimum)
}

/// Installs Debian's compiler and builds a wasm32 standard library from its source package.
fn by_debian(context: &Context, minimum: Version) -> Result<Toolchain> {
    if !debian::is_debian(context) {
        bail!("not a Debian system with apt-get");
    }
    debian::install(
        context,
        &DEBIAN_PACKAGES,
        "a compiler that can build for the browser",
    )?;
    install_linker_behind_link(context)?;
    let origin = if context.which("rustup").is_some() {
        println!(
            "linking it to rustup as the toolchain `{}`",
            probe::LINK_NAME
        );
        context
            .cmd("rustup")
            .args(["toolchain", "link", probe::LINK_NAME, "/usr"])
            .text()?;
        Origin::Linked
    } else {
        Origin::System
    };
    let toolchain = probe::probe(context, origin)?;
    if toolchain.release < minimum {
        bail!(
            "Debian's compiler is {}, older than {minimum}",
            toolchain.release
        );
    }
    if toolchain.refusal(context, minimum).is_some() {
        wasm_std::build(context, &toolchain)?;
    }
    complete(context, origin, minimum)
}

/// Installs the lld that the link `rust-lld` points to. Debian only recommends that package.
fn install_linker_behind_link(context: &Context) -> Result<()> {
    let link = std::path::Path::new("/usr/bin/rust-lld");
    if link.exists() {
        return Ok(());
    }
    let target = std::fs::read_link(link).context("rust-web-llvm did not install rust-lld")?;
    let package = target
        .file_name()
        .context("rust-lld is a broken link")?
        .to_string_lossy();
    debian::install(context, &[package.as_ref()], "the linker behind rust-lld")
}

fn complete(context: &Context, origin: Origin, minimum: Version) -> Result<Toolchain> {
    let toolchain = probe::probe(context, origin)?;
    match toolchain.refusal(context, minimum) {
        None => Ok(toolchain),
        Some(reason) => bail!("{} is still not usable: {reason}", toolchain.origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_is_read_from_the_manifest() {
        let manifest = "[workspace.package]\nedition = \"2024\"\nrust-version = \"1.95\"\n";
        assert_eq!(rust_version(manifest), Some(Version(1, 95, 0)));
        assert_eq!(rust_version("[package]\n"), None);
    }
}
