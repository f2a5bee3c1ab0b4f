//! The programs of the site build that npm installs: wasm-opt and lightningcss.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::node;
use crate::context::Context;
use crate::process::Cmd;
use crate::stamp::{Digest, Stamp};
use crate::version::Version;

/// The oldest version of wasm-opt (binaryen) that reads the output of current compilers.
pub(crate) const OLDEST_WASM_OPT: Version = Version(119, 0, 0);

/// The programs of the site build.
pub(crate) struct SiteTools {
    wasm_opt: PathBuf,
    pub(crate) wasm_opt_version: Version,
    lightningcss: PathBuf,
    /// A value that changes with the versions pinned in `xtask/tools`.
    pub(crate) pinned: String,
}

impl SiteTools {
    pub(crate) fn wasm_opt(&self, context: &Context) -> Cmd {
        context.cmd(&self.wasm_opt)
    }

    pub(crate) fn lightningcss(&self, context: &Context) -> Cmd {
        context.cmd(&self.lightningcss)
    }
}

/// Finds or installs the programs. Installs Node first if it is missing.
pub(crate) fn prepare(context: &Context) -> Result<SiteTools> {
    node::prepare(context)?;
    let folder = context.tools().join("npm");
    install_pinned(context, &folder)?;
    let (wasm_opt, wasm_opt_version) =
        find_wasm_opt(context).context("npm did not install a working wasm-opt")?;
    let lightningcss = find_lightningcss(&folder).context("npm did not install lightningcss")?;
    let pinned = lock_digest(context)?.hex();
    Ok(SiteTools {
        wasm_opt,
        wasm_opt_version,
        lightningcss,
        pinned,
    })
}

/// Returns a recent enough wasm-opt, from `PATH` or from npm.
pub(crate) fn find_wasm_opt(context: &Context) -> Option<(PathBuf, Version)> {
    let installed = context.which("wasm-opt");
    let packaged = context
        .tools()
        .join("npm/node_modules/binaryen/bin/wasm-opt");
    installed
        .into_iter()
        .chain(Some(packaged))
        .find_map(|file| {
            let text = context.cmd(&file).arg("--version").text().ok()?;
            Version::find(&text)
                .filter(|version| *version >= OLDEST_WASM_OPT)
                .map(|v| (file, v))
        })
}

/// Returns the program in the npm package for this platform. The main package gets its own copy by
/// an install script, which we do not run.
pub(crate) fn find_lightningcss(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder.join("node_modules")).ok()?.flatten();
    entries
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("lightningcss-cli-")
        })
        .map(|entry| entry.path().join("lightningcss"))
        .find(|file| file.is_file())
}

fn lock_digest(context: &Context) -> Result<Digest> {
    Digest::new().add_file(&context.root.join("xtask/tools/package-lock.json"))
}

fn install_pinned(context: &Context, folder: &Path) -> Result<()> {
    let stamp = Stamp::at(folder.join(".installed"));
    let digest = lock_digest(context)?;
    if stamp.is(digest) {
        return Ok(());
    }
    println!(
        "installing wasm-opt and lightningcss with npm into {}",
        folder.display()
    );
    fs::create_dir_all(folder)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(
            context.root.join("xtask/tools").join(name),
            folder.join(name),
        )?;
    }
    node::npm_ci(context, folder)?;
    stamp.set(digest)
}
