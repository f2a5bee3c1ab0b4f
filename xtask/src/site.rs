//! Builds a site: WASM, JavaScript, styles and images, optimised and compressed into one folder
//! that the server binary embeds.

mod assets;
mod styles;
mod wasm;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::context::Context;
use crate::setup::Tools;
use crate::stamp::{self, Stamp};
pub(crate) use assets::size;

/// A front end.
pub(crate) struct Front {
    package: &'static str,
    /// The base name of its files.
    name: &'static str,
    /// The style sheet that imports all others.
    style: &'static str,
    /// The folder whose content is served unchanged.
    public: &'static str,
    /// The folder of its site, relative to the target folder.
    folder: &'static str,
}

/// The control panel.
pub(crate) const PANEL: Front = Front {
    package: "throughline-frontend",
    name: "throughline",
    style: "style/main.css",
    public: "public",
    folder: "site",
};

/// The example shop.
pub(crate) const SHOP: Front = Front {
    package: "throughline-shop-front",
    name: "shop",
    style: "examples/shop/style/main.css",
    public: "examples/shop/public",
    folder: "shop-site",
};

/// The packages that run in a browser only.
pub(crate) const BROWSER_ONLY: [&str; 2] = [PANEL.package, SHOP.package];

impl Front {
    fn out(&self, context: &Context) -> PathBuf {
        context.target.join(self.folder)
    }

    fn scratch(&self, context: &Context) -> PathBuf {
        context.scratch().join(self.name)
    }

    fn stamp(&self, context: &Context, step: &str) -> Stamp {
        Stamp::at(self.scratch(context).join(format!("{step}.stamp")))
    }
}

/// Builds both sites. Skips the parts whose inputs did not change.
pub(crate) fn build_all(context: &Context, tools: &Tools) -> Result<()> {
    build(context, tools, &PANEL)?;
    build(context, tools, &SHOP)
}

/// Builds one site and prints its size.
pub(crate) fn build(context: &Context, tools: &Tools, front: &Front) -> Result<()> {
    fs::create_dir_all(front.out(context).join("pkg"))?;
    let mut files = wasm::build(context, tools, front)?;
    files.extend(styles::build(context, tools, front)?);
    files.extend(assets::copy_public(context, front)?);
    let compressed = assets::compress(context, &files)?;
    assets::report(&front.out(context), &files)?;
    files.extend(compressed);
    remove_others(context, front, &files)
}

/// Removes the files of earlier builds that this build lacks. They would be embedded as well.
fn remove_others(context: &Context, front: &Front, files: &[PathBuf]) -> Result<()> {
    let wanted: BTreeSet<&PathBuf> = files.iter().collect();
    for file in stamp::files_below(&front.out(context))? {
        if !wanted.contains(&file) {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}
