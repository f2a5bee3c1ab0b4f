//! `cargo xtask doctor`: shows what is installed, what is missing and how to get it. Changes
//! nothing.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::context::Context;
use crate::setup::{
    browser, cargo_deny, linker, make, node, postgres, site_tools, toolchain, wasm_bindgen,
};

/// The result of one check.
struct Finding {
    name: &'static str,
    /// The version or path that was found; `None` if it is missing.
    found: Option<String>,
    /// The way to install it.
    remedy: &'static str,
    /// True if `start` and `test` work without it.
    optional: bool,
}

/// Checks everything and prints the results. Fails if something required is missing.
pub(crate) fn run(context: &mut Context) -> ExitCode {
    let findings = look(context);
    print!("{}", table(&findings));
    let missing = findings
        .iter()
        .any(|finding| finding.found.is_none() && !finding.optional);
    if !missing {
        println!("\nEverything required is installed.");
        return ExitCode::SUCCESS;
    }
    println!("\n`cargo xtask start` and `cargo xtask test` install what is missing, if possible.");
    ExitCode::FAILURE
}

fn look(context: &mut Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |name, found, remedy, optional| {
        findings.push(Finding {
            name,
            found,
            remedy,
            optional,
        });
    };
    let compiler = toolchain::minimum(context)
        .ok()
        .and_then(|minimum| toolchain::find(context, minimum))
        .filter(|toolchain| toolchain.origin.apply(context).is_ok());
    let origin = |found: &toolchain::Toolchain| format!("{} ({})", found.release, found.origin);
    let rustup = "rustup toolchain install stable --target wasm32-unknown-unknown";
    add(
        "Rust with wasm32",
        compiler.as_ref().map(origin),
        rustup,
        false,
    );
    add(
        "rustfmt",
        version(context, "rustfmt"),
        "rustup component add rustfmt",
        false,
    );
    add(
        "clippy",
        version(context, "cargo-clippy"),
        "rustup component add clippy",
        false,
    );
    let make = make::find(context).and_then(|make| says(context, &make));
    add(
        "make",
        make,
        "needed by jemalloc; cargo xtask start installs it with apt; or install GNU make",
        false,
    );

    let wanted = wasm_bindgen::wanted(context).unwrap_or_default();
    let bindgen = wasm_bindgen::find(context, &wanted).map(|found| found.version);
    add(
        "wasm-bindgen",
        bindgen,
        "cargo xtask start builds the version in Cargo.lock",
        false,
    );
    let node = node::version(context).filter(|version| *version >= node::OLDEST);
    let wasm_opt = site_tools::find_wasm_opt(context).map(|(_, version)| version.to_string());
    let lightningcss = site_tools::find_lightningcss(&context.tools().join("npm"));
    let npm = "cargo xtask start installs it with npm";
    add(
        "Node and npm",
        node.map(|v| v.to_string()),
        "cargo xtask start installs it with apt or from PyPI; or see https://nodejs.org",
        false,
    );
    add("wasm-opt", wasm_opt, npm, false);
    add(
        "lightningcss",
        lightningcss.map(|file| file.display().to_string()),
        npm,
        false,
    );

    let postgres = postgres::find(context).and_then(|initdb| says(context, &initdb));
    let fetches = "the server downloads it; or install Postgres 15 or later";
    add("Postgres", postgres, fetches, true);
    let browser = browser::find(context);
    let chromium = browser
        .as_ref()
        .and_then(|found| says(context, &found.chromium));
    let driver = browser.and_then(|found| says(context, &found.driver?));
    add(
        "Chromium",
        chromium,
        "for tests: install Chromium or Chrome",
        true,
    );
    add(
        "chromedriver",
        driver,
        "for tests of the browser library: the browser's driver",
        true,
    );
    let python = version(context, "python3");
    add(
        "Python",
        python,
        "for tests: python3 with its venv module",
        true,
    );

    let mold = linker::find(context).map(str::to_owned);
    add(
        "fast linker",
        mold,
        "mold or lld link several times faster",
        true,
    );
    let nextest = version(context, "cargo-nextest");
    add(
        "cargo-nextest",
        nextest,
        "cargo install cargo-nextest --locked",
        true,
    );
    let deny = cargo_deny::find(context).and_then(|file| says(context, &file));
    add(
        "cargo-deny",
        deny,
        "built on first use, which takes some minutes",
        true,
    );
    findings
}

fn version(context: &Context, program: &str) -> Option<String> {
    context.which(program).and_then(|file| says(context, &file))
}

/// Returns the first line of `program --version`.
fn says(context: &Context, program: &std::path::Path) -> Option<String> {
    let text = context.cmd(program).arg("--version").text().ok()?;
    text.lines().next().map(str::to_owned)
}

fn table(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (mark, says) = match (&finding.found, finding.optional) {
            (Some(found), _) => ("ok", found.clone()),
            (None, true) => ("-", format!("not found; {}", finding.remedy)),
            (None, false) => ("MISSING", finding.remedy.to_owned()),
        };
        // Writing to a String cannot fail.
        let _written = writeln!(text, "{:<18} {mark:<8} {says}", finding.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_listed_with_its_remedy() {
        let finding = |found: Option<&str>, optional| Finding {
            name: "Postgres",
            found: found.map(str::to_owned),
            remedy: "install it",
            optional,
        };
        assert_eq!(
            table(&[finding(Some("15.18"), false)]),
            "Postgres           ok       15.18\n"
        );
        assert_eq!(
            table(&[finding(None, false)]),
            "Postgres           MISSING  install it\n"
        );
        let optional = "Postgres           -        not found; install it\n";
        assert_eq!(table(&[finding(None, true)]), optional);
    }
}
