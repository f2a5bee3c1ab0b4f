//! Builds the `.wasm` and `.js` files of a Rust crate for a browser.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Front;
use crate::context::Context;
use crate::metadata;
use crate::setup::Tools;
use crate::setup::toolchain::WASM;
use crate::stamp::{self, Digest};

const PROFILE: &str = "wasm-release";

/// Compiles, binds and optimises the crate. Returns the files below `pkg/`.
pub(super) fn build(context: &Context, tools: &Tools, front: &Front) -> Result<Vec<PathBuf>> {
    context
        .cargo(&[
            "build",
            "-p",
            front.package,
            "--lib",
            "--target",
            WASM,
            "--profile",
            PROFILE,
        ])
        .run()?;
    let file = format!("{}.wasm", front.package.replace('-', "_"));
    let compiled = context.target.join(WASM).join(PROFILE).join(file);
    let options = metadata::wasm_opt_options(context)?;
    let digest = Digest::new()
        .add_file(&compiled)?
        .add(&tools.wasm_bindgen.version)
        .add(tools.site.wasm_opt_version.to_string())
        .add(options.join(" "));
    let ready = front.scratch(context).join("optimised");
    let stamp = front.stamp(context, "wasm");
    if !stamp.is(digest) {
        bind_and_optimise(context, tools, front, &compiled, &options, &ready)?;
        stamp.set(digest)?;
    }
    publish(&ready, &front.out(context).join("pkg"))
}

fn bind_and_optimise(
    context: &Context,
    tools: &Tools,
    front: &Front,
    compiled: &Path,
    options: &[String],
    ready: &Path,
) -> Result<()> {
    let bound = front.scratch(context).join("bound");
    for folder in [&bound, &ready.to_owned()] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    context
        .cmd(&tools.wasm_bindgen.cli)
        .args([
            "--target",
            "web",
            "--no-typescript",
            "--out-name",
            front.name,
            "--out-dir",
        ])
        .arg(&bound)
        .arg(compiled)
        .run()?;
    for file in stamp::files_below(&bound)? {
        let output = ready.join(file.strip_prefix(&bound)?);
        if let Some(parent) = output.parent() {
            fs::create_dir_all(parent)?;
        }
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            tools
                .site
                .wasm_opt(context)
                .args(options)
                .arg("-o")
                .arg(&output)
                .arg(&file)
                .run()?;
        } else {
            fs::copy(&file, &output)?;
        }
    }
    Ok(())
}

fn publish(ready: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in stamp::files_below(ready)? {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let target = folder.join(file.strip_prefix(ready)?);
        stamp::write_if_changed(&target, &bytes)?;
        files.push(target);
    }
    Ok(files)
}
