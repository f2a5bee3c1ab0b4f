//! Reads the metadata of the workspace from cargo.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::context::Context;

/// Returns `cargo metadata` of the workspace's own packages.
pub(crate) fn read(context: &Context) -> Result<Value> {
    let text = context
        .cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .text()?;
    serde_json::from_str(&text).context("cargo metadata is not JSON")
}

/// Returns the names of the workspace's own packages.
pub(crate) fn packages(context: &Context) -> Result<Vec<String>> {
    let metadata = read(context)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let name = |package: &Value| package["name"].as_str().map(str::to_owned);
    packages
        .iter()
        .map(name)
        .collect::<Option<_>>()
        .context("cargo metadata has a package without a name")
}

/// Returns the options of wasm-opt. They are in the workspace's metadata, where cargo-leptos looks
/// for them.
pub(crate) fn wasm_opt_options(context: &Context) -> Result<Vec<String>> {
    options_in(&read(context)?).context("no wasm-opt-features in [[workspace.metadata.leptos]]")
}

fn options_in(metadata: &Value) -> Option<Vec<String>> {
    let listed = metadata
        .pointer("/metadata/leptos/0/wasm-opt-features")?
        .as_array()?;
    listed
        .iter()
        .map(|option| option.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_wasm_opt_come_from_the_workspace_metadata() {
        let metadata = serde_json::json!({
            "metadata": {"leptos": [{"wasm-opt-features": ["-Oz", "--enable-sign-ext"]}]}
        });
        let options = options_in(&metadata).expect("they are there");
        assert_eq!(options, ["-Oz", "--enable-sign-ext"]);
        assert_eq!(options_in(&serde_json::json!({"metadata": null})), None);
    }
}
