//! Passes the folder of the built site to the compiler, which embeds it.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let site = target.join("site");
    // A build without a site embeds no files, but the folder must exist.
    if let Err(error) = fs::create_dir_all(&site) {
        println!(
            "cargo::warning={} cannot be created: {error}",
            site.display()
        );
    }
    println!("cargo::rerun-if-changed={}", site.display());
    println!("cargo::rustc-env=THROUGHLINE_SITE={}", site.display());
}
