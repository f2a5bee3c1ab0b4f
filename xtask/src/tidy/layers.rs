//! Checks that the modules of `crates/store` import each other in one direction only.

use super::modules::Crate;

/// The folder of the modules.
const FOLDER: &str = "crates/store/src/";

/// The base modules. Each may import those before it, and every other module may import them.
const BASE: [&str; 16] = [
    "varint",
    "day",
    "steady_clock",
    "decompress",
    "ids",
    "indexed_text",
    "error",
    "sqlstate",
    "advisory_lock",
    "in_time",
    "watchdog",
    "options",
    "migrate",
    "payload_refs",
    "block",
    "notice",
];

/// The features of the store. Each may import the base and the features listed with it. Writer and
/// reader never import each other.
const FEATURES: [(&str, &[&str]); 10] = [
    ("backup", &[]),
    ("compaction", &["rollup"]),
    ("erasure", &["compaction", "retention"]),
    ("live", &["reader"]),
    ("reader", &["rollup", "search"]),
    ("retention", &["compaction", "rollup"]),
    ("rollup", &[]),
    ("search", &[]),
    ("storage", &[]),
    ("writer", &[]),
];

/// The modules that run the features. Each may import the base, the features and those before it.
const TOP: [&str; 4] = ["leader_lock", "retention_admin", "timed_reader", "store"];

/// Returns a fault for each forbidden import of the store, with file and line.
pub(super) fn faults(crates: &[Crate]) -> Vec<String> {
    let Some(store) = crates.iter().find(|found| found.folder == FOLDER) else {
        return vec![format!("{FOLDER}: no source files")];
    };
    let mut faults = Vec::new();
    for (module, file) in &store.files {
        let unknown = module.first().filter(|module| !is_known(module));
        faults.extend(unknown.map(|module| {
            format!("{file}:1: module {module} is missing in the order of xtask/src/tidy/layers.rs")
        }));
    }
    for import in &store.imports {
        let (Some(from), Some(to)) = (import.from.first(), import.to.first()) else {
            continue;
        };
        if is_known(from) && is_known(to) && from != to && !may_import(from, to) {
            let file = &store.files[&import.from];
            faults.push(format!(
                "{file}:{}: {from} must not import {to}",
                import.line
            ));
        }
    }
    faults
}

fn is_known(module: &str) -> bool {
    BASE.contains(&module)
        || TOP.contains(&module)
        || FEATURES.iter().any(|(feature, _)| *feature == module)
}

fn may_import(from: &str, to: &str) -> bool {
    let base = |module| BASE.iter().position(|base| *base == module);
    let top = |module| TOP.iter().position(|top| *top == module);
    let feature = FEATURES.iter().find(|(feature, _)| *feature == from);
    match (base(from), base(to), feature) {
        (Some(from), Some(to), _) => to < from,
        (Some(_), None, _) => false,
        (None, Some(_), _) => true,
        (None, None, Some((_, others))) => others.contains(&to),
        (None, None, None) => top(from) > top(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "pub use leader_lock::{JobKind, LeaderLock};\npub use options::Clock;\n";

    /// Returns the faults of one file of the store, next to an empty file for each module of the
    /// order.
    fn judge(path: &str, text: &str) -> Vec<String> {
        let features = FEATURES.iter().map(|(feature, _)| *feature);
        let order: Vec<&str> = BASE.into_iter().chain(features).chain(TOP).collect();
        let declare = |module: &str| match module {
            "tests" => "#[cfg(test)] mod tests;\n".to_owned(),
            "testing" => "#[cfg(feature = \"testing\")] pub mod testing;\n".to_owned(),
            _ => format!("mod {module};\n"),
        };
        let path_of = |module: &str| format!("{FOLDER}{module}.rs");
        let mut files: Vec<(String, String)> = order
            .iter()
            .map(|module| (path_of(module), String::new()))
            .collect();
        let mut lib = LIB.to_owned();
        lib.extend(order.iter().map(|module| declare(module)));
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if !order.contains(&parts[0]) {
            lib.push_str(&declare(parts[0]));
        }
        files.push((path_of("lib"), lib));
        for (index, child) in parts.iter().enumerate().skip(1) {
            files.push((path_of(&parts[..index].join("/")), declare(child)));
        }
        files.push((format!("{FOLDER}{path}"), text.to_owned()));
        faults(&super::super::modules::crates(&files))
    }

    fn fault(path: &str, line: usize, what: &str) -> Vec<String> {
        vec![format!("{FOLDER}{path}:{line}: {what}")]
    }

    #[test]
    fn allowed_imports_pass() {
        for (path, text) in [
            (
                "reader/list.rs",
                "use crate::block::Block;\nuse crate::reader::x;\n",
            ),
            (
                "reader/list.rs",
                "use crate::{Clock, rollup, search::Plan};\n",
            ),
            ("reader/list.rs", "use super::writer;\n"),
            ("live/feed.rs", "use crate::reader::list;\n"),
            ("retention/mod.rs", "use crate::compaction;\n"),
            ("store.rs", "use crate::{LeaderLock, reader, writer};\n"),
            ("retention_admin.rs", "use super::retention;\n"),
            ("block/kind.rs", "use crate::ids::Id;\n"),
            ("testing/look.rs", "use crate::store::Store;\n"),
            ("writer/row/tests.rs", "use crate::reader::x;\n"),
            (
                "reader/list.rs",
                "//! As [`x`](crate::writer::x).\n// crate::writer\n",
            ),
            (
                "reader/list.rs",
                "macro_rules! m { () => { $crate::writer::x } }\n",
            ),
            (
                "reader/list.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::writer;\n}\n",
            ),
        ] {
            assert_eq!(judge(path, text), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn imports_between_reader_and_writer_are_faults_in_any_syntax() {
        let writer = "reader must not import writer";
        for (path, line, text) in [
            (
                "reader/list.rs",
                2,
                "//! A list.\nuse crate::writer::row;\n",
            ),
            ("reader/mod.rs", 1, "fn f() { crate::writer::row() }\n"),
            (
                "reader/list.rs",
                1,
                "use crate::{\n    block::{a, writer as b},\n    writer::row,\n};\n",
            ),
            ("reader/mod.rs", 1, "use super::writer;\n"),
            (
                "reader/event/statement.rs",
                3,
                "\n\nuse super::super::super::{ids, writer};\n",
            ),
        ] {
            assert_eq!(judge(path, text), fault(path, line, writer), "{text}");
        }
        assert_eq!(
            judge("writer/task.rs", "use crate::reader::x;\n"),
            fault("writer/task.rs", 1, "writer must not import reader")
        );
    }

    #[test]
    fn imports_of_higher_modules_are_faults_also_through_reexports() {
        for (path, text, what) in [
            (
                "ids.rs",
                "use crate::block::x;\n",
                "ids must not import block",
            ),
            (
                "block/mod.rs",
                "use crate::writer;\n",
                "block must not import writer",
            ),
            (
                "backup/save.rs",
                "use crate::{Clock, LeaderLock};\n",
                "backup must not import leader_lock",
            ),
            (
                "leader_lock.rs",
                "use crate::retention_admin::x;\n",
                "leader_lock must not import retention_admin",
            ),
            (
                "retention_admin.rs",
                "use crate::store::Store;\n",
                "retention_admin must not import store",
            ),
        ] {
            assert_eq!(judge(path, text), fault(path, 1, what));
        }
    }

    #[test]
    fn a_module_that_is_not_in_the_order_is_a_fault() {
        let found = judge("nonsense/mod.rs", "use crate::ids;\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("module nonsense is missing in the order"),
            "{found:?}"
        );
    }
}
