//! Copies files that are served unchanged, compresses files, and reports their sizes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Front;
use crate::context::Context;
use crate::stamp;

/// The extensions of files that compression makes smaller. Images and fonts are compressed already.
const COMPRESSIBLE: [&str; 11] = [
    "css",
    "html",
    "ico",
    "js",
    "json",
    "map",
    "mjs",
    "svg",
    "txt",
    "wasm",
    "webmanifest",
];

/// Copies the public folder to the root of the site.
pub(super) fn copy_public(context: &Context, front: &Front) -> Result<Vec<PathBuf>> {
    let from = context.root.join(front.public);
    let mut files = Vec::new();
    for file in stamp::files_below(&from)? {
        let target = front.out(context).join(file.strip_prefix(&from)?);
        stamp::write_if_changed(&target, &fs::read(&file)?)?;
        files.push(target);
    }
    Ok(files)
}

/// Writes `.br` and `.gz` beside each file that changed. Returns the paths of all files.
pub(super) fn compress(context: &Context, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let compressible: Vec<&PathBuf> = files.iter().filter(|file| is_compressible(file)).collect();
    let stale: Vec<&&PathBuf> = compressible
        .iter()
        .filter(|file| !copies(file).iter().all(|c| is_newer(c, file)))
        .collect();
    if !stale.is_empty() {
        let script = context.root.join("xtask/tools/compress.mjs");
        context.cmd("node").arg(script).args(stale).text()?;
    }
    Ok(compressible
        .into_iter()
        .flat_map(|file| copies(file))
        .collect())
}

/// Prints the size of each file, raw and in the form that most browsers load.
pub(super) fn report(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let mut sum = (0, 0);
    println!(
        "{:<40} {:>10} {:>10}",
        format!("{}/", folder.display()),
        "raw",
        "brotli"
    );
    for file in files {
        let raw = fs::metadata(file)?.len();
        let sent = fs::metadata(with_suffix(file, ".br")).map_or(raw, |meta| meta.len());
        sum = (sum.0 + raw, sum.1 + sent);
        let name = file.strip_prefix(folder)?.display().to_string();
        println!("  {name:<38} {:>10} {:>10}", size(raw), size(sent));
    }
    println!(
        "  {:<38} {:>10} {:>10}",
        "together",
        size(sum.0),
        size(sum.1)
    );
    Ok(())
}

/// Formats a size in kilobytes with one decimal.
pub(crate) fn size(bytes: u64) -> String {
    format!("{}.{} KB", bytes / 1000, bytes % 1000 / 100)
}

fn is_compressible(file: &Path) -> bool {
    let extension = file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    COMPRESSIBLE.contains(&extension)
}

fn copies(file: &Path) -> [PathBuf; 2] {
    [with_suffix(file, ".br"), with_suffix(file, ".gz")]
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    PathBuf::from(name)
}

fn is_newer(copy: &Path, original: &Path) -> bool {
    let time = |file: &Path| fs::metadata(file).and_then(|meta| meta.modified()).ok();
    time(copy).is_some_and(|copied| time(original).is_some_and(|written| copied >= written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_compressed_and_pictures_are_not() {
        assert!(is_compressible(Path::new("pkg/throughline_bg.wasm")));
        assert!(is_compressible(Path::new("favicon.svg")));
        assert!(!is_compressible(Path::new("shot.png")));
        assert!(!is_compressible(Path::new("LICENSE")));
    }

    #[test]
    fn the_compressed_copy_keeps_the_whole_name() {
        assert_eq!(
            with_suffix(Path::new("a/b.css"), ".br"),
            Path::new("a/b.css.br")
        );
    }

    #[test]
    fn sizes_are_in_kilobytes() {
        assert_eq!(size(96_512), "96.5 KB");
        assert_eq!(size(42), "0.0 KB");
    }
}
