//! Checks that every dependency is declared once, used, and documented with its reason.

use super::dependencies::Package;

/// The manifest that declares the dependencies.
pub(super) const MANIFEST: &str = "Cargo.toml";

/// The document that states their reasons.
pub(super) const DOCUMENT: &str = "docs/dependencies.md";

/// Returns a fault for every registry dependency that no package uses or that the document does not
/// name.
pub(super) fn faults(manifest: &str, packages: &[Package], document: &str) -> Vec<String> {
    let declared = declared(manifest);
    let mut used: Vec<_> = packages.iter().flat_map(Package::external).collect();
    used.sort_unstable();
    used.dedup();
    let mut faults = Vec::new();
    for name in &declared {
        if !used.contains(name) {
            faults.push(format!("{MANIFEST}: no package uses {name}"));
        }
    }
    for name in &used {
        if !declared.contains(name) {
            faults.push(format!(
                "{MANIFEST}: move {name} to [workspace.dependencies]"
            ));
        }
        if !is_named(document, name) {
            faults.push(format!("{DOCUMENT}: add a row for {name}"));
        }
    }
    faults
}

/// Returns the names in `[workspace.dependencies]`, without the workspace's own packages.
fn declared(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(_, value)| !value.contains("path ="))
        .map(|(name, _)| name.trim())
        .collect()
}

/// Reports whether a row of the document's table names the crate as code. Prose does not count: a
/// crate name such as `time` is a common word.
fn is_named(document: &str, name: &str) -> bool {
    let code = format!("`{name}`");
    document
        .lines()
        .any(|line| line.starts_with('|') && line.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::dependencies;
    use super::*;

    const DECLARED: &str = r#"
[workspace]
members = ["server"]

# Reasons stand elsewhere.
[workspace.dependencies]
throughline-wire = { path = "libs/wire", version = "0.1.0" }

time = { version = "0.3", features = ["macros"] }
# A comment = not a name.
uuid = "1"

[profile.dev]
debug = false
"#;

    /// Returns the faults of one package with these dependencies and this document.
    fn judge(used: &[&str], document: &str) -> Vec<String> {
        let used: Vec<_> = used
            .iter()
            .map(|name| json!({"name": name, "kind": "dev", "optional": false}))
            .chain([json!({
                "name": "throughline-wire", "path": "/ws/libs/wire",
                "kind": null, "optional": false,
            })])
            .collect();
        let metadata = json!({"packages": [{
            "name": "some-package",
            "manifest_path": "/ws/server/Cargo.toml",
            "dependencies": used,
        }]});
        let packages = dependencies::packages(&metadata, Path::new("/ws"));
        faults(DECLARED, &packages.expect("it is well formed"), document)
    }

    #[test]
    fn a_used_and_documented_dependency_passes() {
        let document = "| ids | `time`, `uuid` | |";
        assert_eq!(judge(&["time", "uuid"], document), [""; 0]);
    }

    #[test]
    fn an_unused_dependency_is_a_fault() {
        let document = "| ids | `time`, `uuid` | |";
        assert_eq!(
            judge(&["time"], document),
            ["Cargo.toml: no package uses uuid"]
        );
    }

    #[test]
    fn an_undocumented_dependency_is_a_fault() {
        for document in [
            "| time | `uuid` |",
            "`time`\n| `uuid` |",
            "| `uuid`, `times` |",
        ] {
            assert_eq!(
                judge(&["time", "uuid"], document),
                ["docs/dependencies.md: add a row for time"],
                "{document}"
            );
        }
    }

    #[test]
    fn a_dependency_outside_the_workspace_table_is_a_fault() {
        let document = "| ids | `time`, `uuid`, `rand` | |";
        assert_eq!(
            judge(&["time", "uuid", "rand"], document),
            ["Cargo.toml: move rand to [workspace.dependencies]"]
        );
    }
}
