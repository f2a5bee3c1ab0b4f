//! Chromium for the tests in a browser, and the driver for wasm-bindgen's test runner.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::{debian, node};
use crate::context::Context;

const CHROMIUM: [&str; 5] = [
    "chromium",
    "google-chrome",
    "chromium-browser",
    "google-chrome-stable",
    "chrome",
];

/// A browser and its driver, if there is one.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: Option<PathBuf>,
}

/// Finds or installs a browser.
pub(crate) fn prepare(context: &Context) -> Result<Browser> {
    if let Some(browser) = find(context).filter(|browser| browser.driver.is_some()) {
        return Ok(browser);
    }
    if debian::is_debian(context) {
        debian::install(
            context,
            &["chromium", "chromium-driver"],
            "tests in a real browser",
        )?;
    } else if find(context).is_none() {
        return install_with_playwright(context);
    }
    find(context).context("cannot find Chromium after its installation")
}

/// Returns the installed browser, if there is one. Changes nothing.
pub(crate) fn find(context: &Context) -> Option<Browser> {
    let applications = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
    let chromium = context
        .which_of(&CHROMIUM)
        .or_else(|| Some(PathBuf::from(applications)).filter(|file| file.is_file()))?;
    Some(Browser {
        chromium,
        driver: context.which("chromedriver"),
    })
}

/// Downloads Playwright's own build of the browser. It comes without a driver.
fn install_with_playwright(context: &Context) -> Result<Browser> {
    let folder = context.root.join("end2end");
    if !folder.join("node_modules").exists() {
        node::npm_ci(context, &folder)?;
    }
    context
        .cmd("npx")
        .args(["playwright", "install", "chromium"])
        .cwd(&folder)
        .run()?;
    let script = "console.log(require('@playwright/test').chromium.executablePath())";
    let path = context
        .cmd("node")
        .args(["-e", script])
        .cwd(&folder)
        .text()?;
    let chromium = PathBuf::from(path);
    if !chromium.is_file() {
        bail!("Playwright did not install Chromium; install Chromium or Chrome yourself");
    }
    Ok(Browser {
        chromium,
        driver: context.which("chromedriver"),
    })
}
