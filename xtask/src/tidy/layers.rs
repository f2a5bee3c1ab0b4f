//! Checks that the modules of `crates/store` import each other in one direction only.

use std::collections::BTreeMap;

/// The folder of the modules.
const FOLDER: &str = "crates/store/src/";

/// The base modules. Each may import those before it, and every other module may import them.
const BASE: [&str; 12] = [
    "varint",
    "day",
    "ids",
    "indexed_text",
    "error",
    "sqlstate",
    "options",
    "migrate",
    "payload_refs",
    "block",
    "notice",
    // Fresh databases and test data. Only tests and benchmarks include this module.
    "testing",
];

/// The features of the store. Each may import the base and the features listed with it. Writer and
/// reader never import each other.
const FEATURES: [(&str, &[&str]); 10] = [
    ("backup", &[]),
    ("compaction", &["rollup"]),
    ("erasure", &["compaction", "retention"]),
    ("live", &["reader"]),
    ("reader", &["rollup", "search"]),
    ("retention", &["compaction"]),
    ("rollup", &[]),
    ("search", &[]),
    ("storage", &[]),
    ("writer", &[]),
];

/// The modules that run the features. Each may import the base, the features and those before it.
const TOP: [&str; 3] = ["leader_lock", "retention_admin", "store"];

/// Returns a fault for each forbidden import, with file and line. `files` has the paths in the
/// checkout and the contents.
pub(super) fn faults(files: &[(String, String)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .filter_map(|(name, text)| Some((name, name.strip_prefix(FOLDER)?, text)))
        .filter(|(_, path, _)| super::sources::has_extension(path, "rs"))
        .collect();
    let exports = files
        .iter()
        .find(|(_, path, _)| *path == "lib.rs")
        .map(|(_, _, text)| exports(text))
        .unwrap_or_default();
    let mut faults = Vec::new();
    for (name, path, text) in files {
        let segments = segments(path);
        let Some(from) = segments.first().copied().filter(|_| path != "lib.rs") else {
            continue;
        };
        if from == "testing" || segments.contains(&"tests") {
            continue;
        }
        if !is_known(from) {
            faults.push(format!(
                "{name}:1: module {from} is missing in the order of xtask/src/tidy/layers.rs"
            ));
            continue;
        }
        let own = without_tests(text);
        for (line, imported) in references(&own, segments.len()) {
            let to = exports.get(imported.as_str()).unwrap_or(&imported);
            if is_known(to) && to != from && !may_import(from, to) {
                faults.push(format!("{name}:{line}: {from} must not import {to}"));
            }
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

/// Returns the module path of a file: `reader/list.rs` gives `reader`, `list`.
fn segments(path: &str) -> Vec<&str> {
    path.trim_end_matches(".rs")
        .split('/')
        .filter(|segment| *segment != "mod")
        .collect()
}

/// Returns the names that `lib.rs` exports, each with its module.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for statement in without_comments(lib).split(';') {
        let Some((_, path)) = statement.split_once("pub use ") else {
            continue;
        };
        let Some((module, names)) = path.split_once("::") else {
            continue;
        };
        for name in names.split(|char: char| !is_of_a_name(char)) {
            if !name.is_empty() {
                exports.insert(name.to_owned(), module.trim().to_owned());
            }
        }
    }
    exports
}

/// Returns the first names after the root of the crate, with their lines: `crate::a::b`,
/// `crate::{a, b::c}`, and `super::` repeated `depth` times. `depth` is the number of levels of the
/// module below the root.
fn references(text: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut collect = |at: usize, rest: &str| {
        let line = text[..at].matches('\n').count() + 1;
        found.extend(first_names(rest).into_iter().map(|name| (line, name)));
    };
    for (at, _) in text.match_indices("crate::") {
        if !text[..at].ends_with(is_of_a_path) {
            collect(at, &text[at + "crate::".len()..]);
        }
    }
    let up = "super::".repeat(depth);
    for (at, _) in text.match_indices(&up) {
        if !text[..at].ends_with(is_of_a_path) {
            collect(at, &text[at + up.len()..]);
        }
    }
    found.sort();
    found
}

/// Returns the names with which a path or a group in braces begins.
fn first_names(rest: &str) -> Vec<String> {
    let name_of = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|char| is_of_a_name(*char))
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name_of(rest)];
    };
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0, 0);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name_of(&group[begins..at]));
                begins = at + 1;
                if char == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn is_of_a_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Reports whether a path continues before this character, as in `$crate::` and `x::super::`.
fn is_of_a_path(char: char) -> bool {
    is_of_a_name(char) || char == ':' || char == '$'
}

/// Returns the text up to its test module, with comments blanked.
fn without_tests(text: &str) -> String {
    let own = super::sources::lines_without_tests(text);
    let lines: Vec<&str> = text.lines().take(own).collect();
    without_comments(&lines.join("\n"))
}

/// Returns the text with comments blanked. The number of lines stays the same.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "pub use leader_lock::{JobKind, LeaderLock};\npub use options::Clock;\n";

    /// Returns the faults of one file of the store.
    fn judge(path: &str, text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| (format!("{FOLDER}{path}"), text.to_owned());
        faults(&[file("lib.rs", LIB), file(path, text)])
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
