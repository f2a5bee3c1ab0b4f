//! Installs tools from the registry into the cache of this project.

use anyhow::Result;

use crate::context::Context;

/// Installs a version of a package with `cargo install`. It takes some minutes, once for each
/// version.
pub(super) fn install(context: &Context, package: &str, version: &str) -> Result<()> {
    println!("building {package} {version} (some minutes, once)");
    let target = context.cache.join("target-tools");
    // No --locked: the published lock file may name versions that were yanked later. The lighter
    // profile builds a fast enough tool in much less time.
    context
        .cargo(&["install", package, "--version", version, "--root"])
        .arg(context.tools())
        .cwd(&context.cache)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .run()?;
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    Ok(())
}
