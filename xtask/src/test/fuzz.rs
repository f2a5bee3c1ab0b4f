//! Runs the fuzz targets, each for a fixed number of runs over its corpus.
//!
//! They are built like cargo-fuzz builds them, but without the address sanitizer, which finds
//! nothing in safe code. Thus only a nightly compiler is needed. Without one, the step is skipped.
//! The tests in `tests/replay.rs` of the crates always run the same checks on the corpus and its
//! mutations.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::Verdict;
use super::run::Run;
use crate::context::Context;
use crate::summary::Counts;

/// The number of inputs for each target. They take a few seconds.
const RUNS: u32 = 20_000;
/// The maximum size of an input.
const INPUT_BYTES: u32 = 4_096;
/// The timeout for one input. A slower input is a finding.
const INPUT_SECONDS: u32 = 20;
/// The compiler flags that cargo-fuzz uses for coverage, which guides the search.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions";

pub(super) fn fuzz(run: &mut Run) -> Result<Verdict> {
    let new = run.fresh_folder("fuzz")?;
    let context = run.context()?;
    let Some(host) = nightly_host(context) else {
        return Ok(Verdict::Skipped(
            "the nightly compiler is not installed (`rustup toolchain install nightly`); the step \
             `unit` ran the checks on the corpus"
                .to_owned(),
        ));
    };
    let targets = targets(&context.root.join("fuzz/corpus"))?;
    // Build a single target, so that build scripts are not instrumented.
    let manifest = context.root.join("fuzz/Cargo.toml");
    let folder = context.target.join("fuzz");
    context
        .cmd("rustup")
        .args(["run", "nightly", "cargo", "build", "--release", "--locked"])
        .args(["--target", &host, "--manifest-path"])
        .arg(&manifest)
        .env("CARGO_TARGET_DIR", &folder)
        // This variable has precedence over flags from other settings.
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.replace(' ', "\u{1f}"))
        .run()?;
    let mut counts = Counts::default();
    for target in targets {
        let found = new.join(&target);
        fs::create_dir_all(&found)?;
        let ended = context
            .cmd(folder.join(&host).join("release").join(&target))
            .args([
                format!("-runs={RUNS}"),
                "-seed=1".to_owned(),
                format!("-max_len={INPUT_BYTES}"),
                format!("-timeout={INPUT_SECONDS}"),
                "-verbosity=0".to_owned(),
                format!("-artifact_prefix={}/{target}-", new.display()),
            ])
            // New inputs go into the first folder, so the committed corpus does not change.
            .arg(&found)
            .arg(context.root.join("fuzz/corpus").join(&target))
            .stream()?;
        if ended.success {
            counts.passed += 1;
        } else {
            println!("{target}: the input is in {}", new.display());
            counts.failed += 1;
        }
    }
    Ok(Verdict::Tests(counts))
}

/// Returns the host of the nightly compiler, if it is installed.
fn nightly_host(context: &Context) -> Option<String> {
    let version = context
        .cmd("rustup")
        .args(["run", "nightly", "rustc", "-vV"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
    version.status.success().then(|| host.to_owned())
}

/// Returns the names of the targets. Each has a folder of seeds.
fn targets(corpus: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(corpus)
        .with_context(|| format!("cannot read the corpus {}", corpus.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            targets.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    if targets.is_empty() {
        bail!("the corpus {} is empty", corpus.display());
    }
    targets.sort();
    Ok(targets)
}
