//! Python environments. The end-to-end tests send spans with the official OpenTelemetry SDK from
//! one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::debian;
use crate::context::Context;
use crate::stamp::{Digest, Stamp};

/// Creates or updates the virtual environment and returns the path of its interpreter.
pub(crate) fn prepare(context: &Context) -> Result<PathBuf> {
    let folder = context.tools().join("python");
    let interpreter = folder.join("bin/python");
    let requirements = context.root.join("end2end/sdk/requirements.txt");
    let stamp = Stamp::at(folder.join(".installed"));
    let digest = Digest::new().add_file(&requirements)?;
    if stamp.is(digest) && interpreter.exists() {
        return Ok(interpreter);
    }
    println!(
        "installing the OpenTelemetry SDK for Python into {}",
        folder.display()
    );
    environment(context, &folder, &["-r", &requirements.to_string_lossy()])?;
    stamp.set(digest)?;
    Ok(interpreter)
}

/// Creates a new virtual environment and runs `pip install` in it with the arguments `what`.
pub(crate) fn environment(context: &Context, folder: &Path, what: &[&str]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let make = || {
        context
            .cmd("python3")
            .args(["-m", "venv"])
            .arg(folder)
            .text()
    };
    if let Err(error) = make() {
        debian::install(
            context,
            &["python3", "python3-venv"],
            "Python with its venv module",
        )
        .with_context(|| format!("Python with its venv module is needed ({error:#})"))?;
        make()?;
    }
    context
        .cmd(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(what)
        .deadline(Duration::from_secs(600))
        .run()
}
