//! `cargo xtask tidy`: checks the rules of the architecture that the compiler does not check.

mod catalogue;
mod cycles;
mod dependencies;
mod layers;
mod migrations;
mod modules;
mod sources;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::context::Context;
use crate::metadata;

/// Folders without source files of the project.
const SKIPPED: [&str; 7] = [
    ".git",
    "data",
    "node_modules",
    "playwright-report",
    "target",
    "test-results",
    "__pycache__",
];

/// The extensions of the project's text files.
const TEXT: [&str; 17] = [
    "css", "html", "js", "json", "lock", "md", "mjs", "py", "rs", "sh", "sql", "svg", "toml", "ts",
    "txt", "yaml", "yml",
];

/// Options of `tidy`.
#[derive(Debug, Args)]
pub(crate) struct TidyOptions {
    /// Rewrite the checksums of the migrations: after a new migration or, before the first release,
    /// an edited one. Never edit a released migration
    #[arg(long)]
    refresh_migrations: bool,
}

/// Prints every fault. Fails if there is one.
pub(crate) fn run(context: &Context, options: &TidyOptions) -> Result<ExitCode> {
    if options.refresh_migrations {
        migrations::refresh(&context.root)?;
    }
    let faults = faults(context)?;
    for fault in &faults {
        println!("{fault}");
    }
    println!("{} faults", faults.len());
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns every violation of a rule, one line each.
pub(crate) fn faults(context: &Context) -> Result<Vec<String>> {
    let metadata = metadata::read(context)?;
    let packages = dependencies::packages(&metadata, &context.root)?;
    let mut faults = dependencies::faults(&packages);
    let read = |name: &str| {
        std::fs::read_to_string(context.root.join(name))
            .with_context(|| format!("cannot read {name}"))
    };
    faults.extend(catalogue::faults(
        &read(catalogue::MANIFEST)?,
        &packages,
        &read(catalogue::DOCUMENT)?,
    ));
    faults.extend(migrations::faults(&context.root)?);
    let mut texts = Vec::new();
    for file in text_files(&context.root)? {
        let name = file
            .strip_prefix(&context.root)?
            .to_string_lossy()
            .replace('\\', "/");
        // A file that is not UTF-8 is not a text file.
        if let Ok(text) = std::fs::read_to_string(&file) {
            faults.extend(sources::faults(&name, &text));
            faults.extend(words::faults(&name, &text));
            texts.push((name, text));
        }
    }
    let crates = modules::crates(&texts);
    faults.extend(cycles::faults(&crates));
    faults.extend(layers::faults(&crates));
    Ok(faults)
}

fn text_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_ref()) {
                    open.push(path);
                }
            } else if TEXT.contains(&extension.as_ref()) || !name.contains('.') {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
