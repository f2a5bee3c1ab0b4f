//! Passes the folder of the built site to the compiler, so that it is embedded into the binary.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=SHOP_SITE");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    println!("cargo::rerun-if-changed=../migrations");

    let site = env::var_os("SHOP_SITE").map_or_else(default_site, PathBuf::from);
    // An empty folder lets the server build without its site. The server then explains how to build
    // the site.
    fs::create_dir_all(&site)?;
    println!("cargo::rerun-if-changed={}", site.display());
    println!("cargo::rustc-env=SHOP_SITE={}", site.display());
    Ok(())
}

fn default_site() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target")),
        PathBuf::from,
    );
    target.join("shop-site")
}
