//! The load generator as a process of its own.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::program::Program;

/// Starts `throughline-loadgen` against a program. It is in the same folder as the program: `cargo
/// xtask bench` builds both.
pub(crate) fn start(program: &Program, arguments: &[&str]) -> Result<Child> {
    let loadgen =
        Path::new(env!("CARGO_BIN_EXE_throughline")).with_file_name("throughline-loadgen");
    Command::new(&loadgen)
        .args(["--json", "--url", &program.url("")])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "starting {}; build throughline-loadgen first",
                loadgen.display()
            )
        })
}

/// Waits for its report. Fails if a span was refused or is not accounted for.
pub(crate) async fn finish(load: Child) -> Result<Value> {
    let output = load.wait_with_output().await?;
    ensure!(output.status.success(), "the load generator failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(crate) fn number(report: &Value, name: &str) -> Result<f64> {
    report[name]
        .as_f64()
        .with_context(|| format!("no {name} in the report"))
}
