//! Bundles style sheets into one: imports resolved, cascade layers kept, white space removed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Front;
use crate::context::Context;
use crate::setup::Tools;
use crate::stamp::{self, Digest};

/// Bundles the front's styles into `pkg/{name}.css`.
pub(super) fn build(context: &Context, tools: &Tools, front: &Front) -> Result<Vec<PathBuf>> {
    let entry = context.root.join(front.style);
    let folder = entry.parent().context("every style sheet is in a folder")?;
    let mut digest = Digest::new().add(&tools.site.pinned);
    for file in stamp::files_below(folder)? {
        digest = digest
            .add(file.to_string_lossy().as_bytes())
            .add_file(&file)?;
    }
    let output = front
        .out(context)
        .join("pkg")
        .join(format!("{}.css", front.name));
    let stamp = front.stamp(context, "css");
    if !stamp.is(digest) || !output.exists() {
        let bundled = front.scratch(context).join("bundled.css");
        fs::create_dir_all(front.scratch(context))?;
        tools
            .site
            .lightningcss(context)
            .args(["--bundle", "--minify"])
            .arg(&entry)
            .arg("--output-file")
            .arg(&bundled)
            .run()?;
        stamp::write_if_changed(&output, &fs::read(&bundled)?)?;
        stamp.set(digest)?;
    }
    Ok(vec![output])
}
