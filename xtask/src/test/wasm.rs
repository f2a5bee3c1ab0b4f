//! The steps for code that runs in the browser.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Verdict;
use super::count;
use super::run::Run;
use crate::setup::toolchain::WASM;

/// Groups of packages that are linted together. The front end of the shop is a group of its own: it
/// enables a feature of Leptos (rendering in the browser only) that the panel must not get.
const LINTED: [&[&str]; 3] = [
    &[
        "throughline-frontend",
        "throughline-app",
        "throughline-browser",
        "throughline-viz",
        "throughline-model",
        "throughline-wire",
    ],
    &["throughline-shop-front"],
    &["throughline-browser"],
];

/// Packages with tests that run in the browser.
const TESTED: [&str; 1] = ["throughline-browser"];

pub(super) fn clippy(run: &mut Run) -> Result<Verdict> {
    let context = run.context()?;
    for packages in LINTED {
        let chosen = packages.iter().flat_map(|package| ["-p", package]);
        let targets = if packages == TESTED {
            "--tests"
        } else {
            "--lib"
        };
        let command = context.cargo(&["clippy", "--keep-going", "--target", WASM, targets]);
        command.args(chosen).args(["--", "-D", "warnings"]).run()?;
    }
    Ok(Verdict::Passed)
}

pub(super) fn tests(run: &mut Run) -> Result<Verdict> {
    let folder = run.fresh_folder("wasm-test")?;
    let runner = run.tools()?.1.wasm_bindgen.test_runner.clone();
    let (context, browser) = run.browser()?;
    let Some(driver) = &browser.driver else {
        return Ok(Verdict::Skipped("chromedriver is not installed".to_owned()));
    };
    let settings = settings(&context.root, &folder, &browser.chromium)?;
    let packages = TESTED.iter().flat_map(|package| ["-p", package]);
    let streamed = context
        .cargo(&[
            "test",
            "--target",
            WASM,
            "--lib",
            "--tests",
            "--no-fail-fast",
        ])
        .args(packages)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("CHROMEDRIVER", driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", settings)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .stream()?;
    let counts = count::in_libtest(&streamed.text);
    if !streamed.success && counts.failed == 0 {
        bail!("the tests in the browser did not run to their end");
    }
    Ok(Verdict::Tests(counts))
}

/// Writes the driver's settings with the path of the browser and a fresh profile. Returns their
/// path.
fn settings(root: &Path, folder: &Path, chromium: &Path) -> Result<PathBuf> {
    let file = root.join("libs/browser/webdriver.json");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut settings: Value = serde_json::from_str(&text)?;
    complete(&mut settings, folder, chromium)?;
    let completed = folder.join("webdriver.json");
    fs::write(&completed, settings.to_string())?;
    Ok(completed)
}

fn complete(settings: &mut Value, folder: &Path, chromium: &Path) -> Result<()> {
    let options = settings
        .get_mut("goog:chromeOptions")
        .and_then(Value::as_object_mut)
        .context("webdriver.json has no goog:chromeOptions")?;
    options.insert("binary".to_owned(), json!(chromium));
    let args = options.entry("args").or_insert_with(|| json!([]));
    let args = args
        .as_array_mut()
        .context("args in webdriver.json is not a list")?;
    args.push(json!(format!(
        "--user-data-dir={}",
        folder.join("profile").display()
    )));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_gets_the_browser_and_the_profile() -> Result<()> {
        let mut settings = json!({"goog:chromeOptions": {"args": ["--headless"]}});
        complete(
            &mut settings,
            Path::new("scratch"),
            Path::new("/usr/bin/chromium"),
        )?;
        let expected = json!({"goog:chromeOptions": {
            "args": ["--headless", "--user-data-dir=scratch/profile"],
            "binary": "/usr/bin/chromium",
        }});
        assert_eq!(settings, expected);
        Ok(())
    }
}
