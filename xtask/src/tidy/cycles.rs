//! Checks that the modules of each crate import each other in one direction.
//!
//! A module stands for its whole subtree: an import between two files counts for the two modules
//! with the same parent that contain them. Such siblings must not form a cycle. A parent and its
//! descendants may use each other, as they are one module to everybody else.
//! [`super::modules`] states what an import is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::{Crate, Import};

/// The imports between the modules with one parent: by importing module, the first import of each
/// imported one.
type Siblings<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Import>>;

/// Returns a fault for each set of sibling modules that import each other. It names the files of
/// its shortest cycle, with the lines that import.
pub(super) fn faults(crates: &[Crate]) -> Vec<String> {
    let mut faults = Vec::new();
    for of in crates {
        for siblings in by_parent(of).values() {
            faults.extend(cycles(siblings).iter().map(|cycle| message(of, cycle)));
        }
    }
    faults
}

/// Returns the imports between siblings, by the path of their parent.
fn by_parent(of: &Crate) -> BTreeMap<&[String], Siblings<'_>> {
    let mut parents: BTreeMap<&[String], Siblings<'_>> = BTreeMap::new();
    for import in &of.imports {
        let pairs = import.from.iter().zip(&import.to);
        let shared = pairs.take_while(|(from, to)| from == to).count();
        if let (Some(from), Some(to)) = (import.from.get(shared), import.to.get(shared)) {
            parents
                .entry(&import.from[..shared])
                .or_default()
                .entry(from)
                .or_default()
                .entry(to)
                .or_insert(import);
        }
    }
    parents
}

/// Returns the shortest cycle of each set of modules that import each other.
fn cycles<'a>(siblings: &Siblings<'a>) -> Vec<Vec<&'a Import>> {
    let mut cycles = Vec::new();
    let mut done = BTreeSet::new();
    for module in siblings.keys() {
        if done.contains(module) || path(siblings, module, module).is_none() {
            continue;
        }
        let circle: Vec<&str> = siblings
            .keys()
            .filter(|other| path(siblings, module, other).is_some())
            .filter(|other| path(siblings, other, module).is_some())
            .copied()
            .collect();
        cycles.extend(
            circle
                .iter()
                .filter_map(|module| path(siblings, module, module))
                .min_by_key(Vec::len),
        );
        done.extend(circle);
    }
    cycles
}

/// Returns the shortest chain of at least one import that leads from one module to another.
fn path<'a>(siblings: &Siblings<'a>, from: &str, to: &str) -> Option<Vec<&'a Import>> {
    let mut reached: BTreeMap<&str, Vec<&'a Import>> = BTreeMap::new();
    let mut open = VecDeque::from([(from, Vec::new())]);
    while let Some((module, chain)) = open.pop_front() {
        for (next, import) in siblings.get(module).into_iter().flatten() {
            if reached.contains_key(next) {
                continue;
            }
            let mut chain = chain.clone();
            chain.push(*import);
            reached.insert(next, chain.clone());
            open.push_back((next, chain));
        }
    }
    reached.remove(to)
}

fn message(of: &Crate, cycle: &[&Import]) -> String {
    let file = |module| of.files.get(module).map_or("?", String::as_str);
    let imports: Vec<String> = cycle
        .iter()
        .map(|import| {
            format!(
                "{}:{} imports {}",
                file(&import.from),
                import.line,
                file(&import.to)
            )
        })
        .collect();
    let (first, line) = (file(&cycle[0].from), cycle[0].line);
    format!("{first}:{line}: cycle of modules: {}", imports.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::modules::crates;

    /// Returns the faults of a crate in the folder `a/src`.
    fn judge(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (format!("a/src/{path}"), (*text).to_owned()))
            .collect();
        faults(&crates(&files))
    }

    #[test]
    fn imports_in_one_direction_are_no_fault() {
        let files = [
            (
                "lib.rs",
                "mod a;\nmod b;\npub use b::B;\npub fn f() { a::f() }",
            ),
            (
                "a.rs",
                "mod c;\nuse crate::b::B;\npub use c::C;\npub(crate) fn f() {}",
            ),
            ("a/c.rs", "use super::f;\npub struct C;"),
            ("b.rs", "pub struct B;"),
        ];
        assert_eq!(judge(&files), [""; 0]);
    }

    #[test]
    fn siblings_that_import_each_other_are_a_fault_that_names_the_files() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "\nuse crate::b::B;"),
            ("b/mod.rs", "fn f() {\n\n super::a::f() }"),
        ];
        assert_eq!(
            judge(&files),
            [
                "a/src/a.rs:2: cycle of modules: a/src/a.rs:2 imports a/src/b/mod.rs, a/src/b/mod.rs:3 imports a/src/a.rs"
            ]
        );
    }

    #[test]
    fn a_parent_and_its_children_may_use_each_other() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b;\nmod c;\npub struct A;\nfn f() { b::f() }"),
            ("a/b.rs", "use super::A;\nuse super::c::C;"),
            ("a/c.rs", "use super::A;\npub struct C;"),
        ];
        assert_eq!(judge(&files), [""; 0]);
    }

    #[test]
    fn an_import_counts_for_the_siblings_that_contain_the_files() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "mod c;\npub mod d;"),
            ("a/c.rs", "use crate::b::B;"),
            ("a/d.rs", ""),
            ("b.rs", "mod e;\npub struct B;"),
            ("b/e.rs", "use crate::a::d::D;"),
        ];
        assert_eq!(
            judge(&files),
            [
                "a/src/a/c.rs:1: cycle of modules: a/src/a/c.rs:1 imports a/src/b.rs, a/src/b/e.rs:1 imports a/src/a/d.rs"
            ]
        );
    }

    #[test]
    fn a_re_export_does_not_hide_a_cycle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("a.rs", "use crate::B;\npub struct A;"),
            ("b.rs", "use crate::A;\npub struct B;"),
        ];
        assert_eq!(judge(&files).len(), 1);
    }

    #[test]
    fn the_shortest_cycle_of_each_circle_is_named_once() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\nmod e;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::a::A;\nuse crate::b::B;"),
            ("d.rs", "use crate::{a::A, e::E};"),
            ("e.rs", "use crate::d::D;"),
        ];
        assert_eq!(
            judge(&files),
            [
                "a/src/b.rs:1: cycle of modules: a/src/b.rs:1 imports a/src/c.rs, a/src/c.rs:2 imports a/src/b.rs",
                "a/src/d.rs:1: cycle of modules: a/src/d.rs:1 imports a/src/e.rs, a/src/e.rs:1 imports a/src/d.rs",
            ]
        );
    }

    #[test]
    fn tests_may_close_a_cycle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "#[cfg(test)]\nmod tests {\n use crate::a::A;\n}"),
        ];
        assert_eq!(judge(&files), [""; 0]);
    }
}
