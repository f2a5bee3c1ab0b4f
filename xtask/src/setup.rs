//! Prepares the machine: finds or installs each tool and prints what it does.

pub(crate) mod browser;
pub(crate) mod cargo_deny;
mod cargo_tool;
mod checkout;
pub(crate) mod debian;
pub(crate) mod linker;
pub(crate) mod make;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod python;
pub(crate) mod site_tools;
pub(crate) mod toolchain;
pub(crate) mod wasm_bindgen;

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::context::Context;
use crate::metadata;
use browser::Browser;
pub(crate) use checkout::Claim;
use site_tools::SiteTools;
use wasm_bindgen::WasmBindgen;

/// The tools of the site build, besides the compiler.
pub(crate) struct Tools {
    pub(crate) wasm_bindgen: WasmBindgen,
    pub(crate) site: SiteTools,
}

/// Prepares the compiler with its wasm32 target, the linker, make and the target folder. Every
/// command needs them.
///
/// The returned claim keeps other checkouts out of the target folder until it is dropped.
pub(crate) fn compiler(context: &mut Context) -> Result<Claim> {
    let toolchain = toolchain::prepare(context)?;
    context.target = match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => context.root.join(PathBuf::from(dir)),
        None => context.cache.join(format!("target-{}", toolchain.key())),
    };
    let target = context.target.clone();
    context.set_env("CARGO_TARGET_DIR", target);
    linker::choose(context);
    make::prepare(context)?;
    println!("compiler   {} ({})", toolchain.release, toolchain.origin);
    println!("target     {}", context.target.display());
    checkout::claim(context, &metadata::packages(context)?)
}

/// Prepares the command line tools of the site build.
pub(crate) fn tools(context: &Context) -> Result<Tools> {
    let wasm_bindgen = wasm_bindgen::prepare(context)?;
    let site = site_tools::prepare(context)?;
    Ok(Tools { wasm_bindgen, site })
}

/// Prepares a browser and its driver, which only tests need.
pub(crate) fn browser(context: &Context) -> Result<Browser> {
    browser::prepare(context)
}
