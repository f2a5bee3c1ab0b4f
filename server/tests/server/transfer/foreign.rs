//! Files of other programs: their content is stored, and is exported again.

use std::path::{Path, PathBuf};
use std::{env, fs};

use throughline_server::export::Layout;

use super::content::compare;
use super::side::{Side, assert_same};
use super::{LATER, folder};
use crate::program;

/// The variable for a folder with more such files, for users who have some: see
/// `docs/import-export.md`.
const FOLDER_VARIABLE: &str = "THROUGHLINE_SAMPLE_DIR";

/// Returns the JSON files in `folder` and its sub-folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_some_and(|it| it == "json" || it == "jsonl")
        {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

/// Returns the files of the repository.
fn fixtures() -> Vec<PathBuf> {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/foreign"));
    assert!(files.len() >= 6, "the fixtures are there");
    files
}

#[tokio::test]
async fn foreign_files_import_and_export_to_the_same_traces() {
    for path in fixtures() {
        let (one, other, folder) = (Side::at(LATER).await, Side::at(LATER).await, folder());
        let report = one.import(&path).await;
        assert!(report.is_whole(), "{report}");
        assert!(report.received + report.events > 0, "{report}");
        let again = one.import(&path).await;
        let (spans, events) = (report.received, report.events);
        assert_eq!((again.received, again.duplicate), (0, spans), "{again}");
        assert_eq!((again.events, again.duplicate_events), (0, events));
        let out = folder.path().join("out.jsonl");
        let exported = one.export(&out, Layout::Lines).await;
        assert_eq!((exported.spans, exported.events), (spans, events));
        let compared = compare(&path, &out);
        assert_eq!(compared.lost, [] as [&str; 0], "{}", path.display());
        assert_eq!(compared.span_count as u64, spans, "{}", path.display());
        let report = other.import(&out).await;
        assert!(report.is_whole(), "{report}");
        assert_same(&one, &other).await;
    }
}

#[tokio::test]
async fn the_program_imports_and_exports_every_foreign_file() {
    let (one, other, folder) = (Side::new().await, Side::new().await, folder());
    let out = folder.path().join("all.json.gz");
    let out = out.to_str().expect("text");
    let files = fixtures();
    let files = files.iter().map(|path| path.to_str().expect("text"));
    let import = ["import", "--database-url", one.url()];
    let command: Vec<_> = import.into_iter().chain(files).collect();
    let export = [
        "export",
        "--database-url",
        one.url(),
        "--document",
        "-o",
        out,
    ];
    let ever = [
        "--from",
        "1970-01-02T00:00:00Z",
        "--to",
        "2200-01-01T00:00:00Z",
    ];
    let export: Vec<_> = export.into_iter().chain(ever).collect();
    let again = [
        "import",
        "--database-url",
        other.url(),
        "--format",
        "otlp",
        out,
    ];
    for command in [&command[..], &export, &again] {
        let (status, complaint) = program::run(command).await;
        assert!(status.success(), "{command:?}: {complaint}");
    }
    assert!(one.traces().await.len() >= 6);
    assert_same(&one, &other).await;
}

/// Checks the same for any files: an item that cannot be stored is reported, and a stored one has
/// the content of the file.
#[tokio::test]
async fn every_file_of_a_folder_is_exported_as_it_was_imported() {
    let Some(samples) = env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let mut faults = Vec::new();
    for path in files(Path::new(&samples)) {
        let (one, other, folder) = (Side::at(LATER).await, Side::at(LATER).await, folder());
        let report = one.import(&path).await;
        println!("{report}");
        if report.received + report.events == 0 {
            continue;
        }
        let out = folder.path().join("out.jsonl");
        one.export(&out, Layout::Lines).await;
        let lost = compare(&path, &out).lost;
        if lost.len() as u64 > report.rejected {
            let first = lost.iter().take(3).map(|lost| format!("    {lost}\n"));
            faults.push(format!(
                "{}: {}\n{}",
                path.display(),
                lost.len(),
                first.collect::<String>()
            ));
        }
        let again = other.import(&out).await;
        assert!(again.is_whole(), "{again}");
        assert_same(&one, &other).await;
    }
    assert!(
        faults.is_empty(),
        "not as the files say:\n{}",
        faults.concat()
    );
}
