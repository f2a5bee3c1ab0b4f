//! Says where the built site of the shop is, so that it can be embedded into the binary.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=SHOP_SITE");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    println!("cargo::rerun-if-changed=../migrations");

    let site = env::var_os("SHOP_SITE").map_or_else(default_site, PathBuf::from);
    // The server builds without its site too: it then says how to build one.
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
