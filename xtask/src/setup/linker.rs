//! Selects a fast linker if there is one, because linking dominates the build after a small change.

use std::env;

use super::debian;
use crate::context::Context;

const VARIABLE: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";

/// Makes children link with mold, or else lld, unless the user has chosen a linker.
pub(crate) fn choose(context: &mut Context) {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || env::var_os(VARIABLE).is_some() {
        return;
    }
    // A faster linker is not worth a password prompt.
    if find(context).is_none() && debian::is_root() {
        if let Err(error) = debian::install(context, &["mold"], "a faster linker") {
            println!("using the system's linker: {error:#}");
        }
    }
    if let Some(name) = find(context) {
        context.set_env(VARIABLE, format!("-Clink-arg=-fuse-ld={name}"));
    }
}

/// Returns the value for `-fuse-ld=`.
pub(crate) fn find(context: &Context) -> Option<&'static str> {
    if context.which("mold").is_some() {
        Some("mold")
    } else {
        context.which("ld.lld").map(|_| "lld")
    }
}
