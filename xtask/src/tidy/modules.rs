//! The module graph of a crate, read from its source files.
//!
//! The graph has production code only. These rules apply to the paths that start with `crate`,
//! `self`, `super` or a module in scope:
//!
//! - A module imports the module that defines an item, also if it names the item by the re-export
//!   of another module.
//! - A parent that re-exports an item of a descendant and does not use it does not import that
//!   descendant.
//! - A child that uses an item defined in its parent imports the parent.
//! - Methods need no path: a parent may call the methods that a child implements for it.

mod source;
mod tokens;

use std::collections::BTreeMap;

use source::Source;

/// A module, by its path below the root of the crate: `["reader", "list"]`.
pub(super) type ModulePath = Vec<String>;

/// One module's use of an item of another module.
#[derive(Debug)]
pub(super) struct Import {
    /// The module that uses the item.
    pub(super) from: ModulePath,
    /// The line of the path in the file of `from`.
    pub(super) line: usize,
    /// The module that defines the item.
    pub(super) to: ModulePath,
}

/// A crate: its modules and their imports.
#[derive(Debug)]
pub(super) struct Crate {
    /// The path of the source folder in the checkout, with a slash at the end.
    pub(super) folder: String,
    /// The file of each module, as its path in the checkout.
    pub(super) files: BTreeMap<ModulePath, String>,
    /// The imports between different modules of the crate, in order. A module that imports another
    /// one in several lines has one entry, with the first line.
    pub(super) imports: Vec<Import>,
}

/// Reads the crates that the files belong to. `files` has the paths in the checkout and the
/// contents.
pub(super) fn crates(files: &[(String, String)]) -> Vec<Crate> {
    let mut folders: BTreeMap<&str, Vec<(&str, &str, &str)>> = BTreeMap::new();
    for (name, text) in files {
        let Some(at) = name.find("/src/") else {
            continue;
        };
        let (folder, path) = name.split_at(at + "/src/".len());
        if super::sources::has_extension(path, "rs") {
            folders.entry(folder).or_default().push((name, path, text));
        }
    }
    folders
        .into_iter()
        .map(|(folder, files)| read(folder, &files))
        .collect()
}

/// Reads one crate. `files` has the paths in the checkout, the paths below `folder` and the
/// contents.
fn read(folder: &str, files: &[(&str, &str, &str)]) -> Crate {
    let is_library = files.iter().any(|(_, path, _)| *path == "lib.rs");
    let mut sources = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (name, path, text) in files {
        // The binary of a library uses the library by the name of its crate.
        if is_library && *path == "main.rs" {
            continue;
        }
        let module = module_of(path);
        sources.insert(module.clone(), Source::read(text));
        names.insert(module, (*name).to_owned());
    }
    let modules = Modules(sources);
    let production: Vec<_> = modules
        .0
        .iter()
        .filter(|(module, _)| modules.is_production(module))
        .collect();
    let mut imports = Vec::new();
    for (from, source) in production {
        for (line, to) in modules.imports(from, source) {
            if to != *from && modules.is_production(&to) {
                let from = from.clone();
                imports.push(Import { from, line, to });
            }
        }
    }
    imports.sort_by(|a, b| (&a.from, &a.to, a.line).cmp(&(&b.from, &b.to, b.line)));
    imports.dedup_by(|a, b| (&a.from, &a.to) == (&b.from, &b.to));
    names.retain(|module, _| modules.is_production(module));
    Crate {
        folder: folder.to_owned(),
        files: names,
        imports,
    }
}

/// Returns the module of a file below the source folder: `reader/list.rs` gives `reader`, `list`.
fn module_of(path: &str) -> ModulePath {
    let mut segments: ModulePath = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if segments.last().is_some_and(|last| last == "mod") {
        segments.pop();
    }
    if segments == ["lib"] || segments == ["main"] {
        segments.pop();
    }
    segments
}

/// The source files of a crate, by module.
struct Modules(BTreeMap<ModulePath, Source>);

impl Modules {
    /// Reports whether production code declares the module and its ancestors.
    fn is_production(&self, module: &[String]) -> bool {
        let Some((name, parent)) = module.split_last() else {
            return true;
        };
        let declared = self
            .0
            .get(parent)
            .is_some_and(|source| source.children.contains(name));
        declared && self.is_production(parent)
    }

    /// Returns the modules that a module imports, each with the line of the import.
    fn imports(&self, module: &ModulePath, source: &Source) -> Vec<(usize, ModulePath)> {
        let mut found = Vec::new();
        for import in &source.imports {
            let Some(to) = self.resolve(module, &import.path) else {
                continue;
            };
            let is_descendant = to.len() > module.len() && to.starts_with(module);
            if import.is_exported && is_descendant && !source.names.contains(&import.name) {
                continue;
            }
            found.push((import.line, to));
        }
        for (line, path) in &source.paths {
            if let Some(to) = self.resolve(module, path) {
                found.push((*line, to));
            }
        }
        found
    }

    /// Returns the module that defines the item of a path, or the module that the path names.
    /// `None` if the path leads out of the crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        self.resolve_within(module, path, 16)
    }

    /// Follows a path through at most `steps` re-exports, which may be circular.
    fn resolve_within(
        &self,
        module: &[String],
        path: &[String],
        steps: usize,
    ) -> Option<ModulePath> {
        let (first, mut rest) = path.split_first()?;
        let mut current = module.to_vec();
        match first.as_str() {
            "crate" => current.clear(),
            "self" => {}
            "super" => {
                current.pop()?;
                while let Some(("super", others)) = rest
                    .split_first()
                    .map(|(next, others)| (next.as_str(), others))
                {
                    current.pop()?;
                    rest = others;
                }
            }
            _ => {
                let source = self.0.get(module)?;
                if !source.children.contains(first) {
                    let import = source.imports.iter().find(|import| import.name == *first)?;
                    // `use a;` would lead back to this import.
                    if import.path.first() == Some(first) {
                        return None;
                    }
                    let path = [&import.path, rest].concat();
                    return self.resolve_within(module, &path, steps.checked_sub(1)?);
                }
                rest = path;
            }
        }
        while let Some((name, others)) = rest.split_first() {
            let source = self.0.get(&current)?;
            if source.children.contains(name) {
                current.push(name.clone());
                rest = others;
                continue;
            }
            if let Some(to) = self.resolve_export(&current, rest, steps) {
                return Some(to);
            }
            break;
        }
        Some(current)
    }

    /// Follows the `use` item of a module that brings the first name of the path into it.
    fn resolve_export(
        &self,
        module: &ModulePath,
        path: &[String],
        steps: usize,
    ) -> Option<ModulePath> {
        let (name, others) = path.split_first()?;
        let steps = steps.checked_sub(1)?;
        let source = self.0.get(module)?;
        if let Some(import) = source.imports.iter().find(|import| import.name == *name) {
            let path = [&import.path, others].concat();
            return self.resolve_within(module, &path, steps);
        }
        source
            .imports
            .iter()
            .filter(|import| import.is_glob())
            .filter_map(|import| self.resolve_within(module, &import.path, steps))
            .find(|to| self.0.get(to).is_some_and(|to| to.items.contains(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the imports of a crate, as `from:line -> to`.
    fn imports(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (format!("a/src/{path}"), (*text).to_owned()))
            .collect();
        let crates = crates(&files);
        assert_eq!(crates.len(), 1);
        crates[0]
            .imports
            .iter()
            .map(|import| {
                let (from, to) = (import.from.join("::"), import.to.join("::"));
                format!("{from}:{} -> {to}", import.line)
            })
            .collect()
    }

    #[test]
    fn paths_of_every_form_are_imports() {
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        for (text, line) in [
            ("use crate::b::B;", 1),
            ("\nuse super::b::B;", 2),
            ("use super::b;", 1),
            ("use crate::{b::{B, C as D}};", 1),
            ("use crate::b::B as C;", 1),
            ("use crate::b::{self, B};", 1),
            ("use crate::b::*;", 1),
            ("fn f() {\n crate::b::g() }", 2),
            ("fn f(b: Vec<super::b::B>) {}", 1),
            ("mod inner { use super::super::b::B; }", 1),
            ("pub(in crate::a) use crate::b::B;", 1),
            ("use crate::b::B;\nfn f() { B::new() }", 1),
        ] {
            assert_eq!(
                imports(&[lib, ("a.rs", text), ("b.rs", "")]),
                [format!("a:{line} -> b")],
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_imports() {
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        for text in [
            "//! As [`B`](crate::b::B).",
            "fn f() { \"crate::b::B\" }",
            "macro_rules! m { () => { $crate::b::B } }",
            "use std::b::B;",
            "mod inner { use super::B; }",
            "pub(in crate::a) struct B;",
            "#[cfg(test)]\nmod tests { use crate::b::B; }",
            "fn f() -> impl Fn() + use<'_> {}",
        ] {
            let found = imports(&[lib, ("a.rs", text), ("b.rs", "")]);
            assert_eq!(found, [""; 0], "{text}");
        }
    }

    #[test]
    fn re_exports_lead_to_the_module_that_defines_the_item() {
        for export in [
            "pub use b::B;",
            "use b::B;",
            "pub(crate) use b::*;",
            "pub use b::C as B;",
        ] {
            let lib = format!("mod a;\nmod b;\n{export}\n");
            let files = [
                ("lib.rs", lib.as_str()),
                ("a.rs", "use crate::B;"),
                ("b.rs", "pub struct B;"),
            ];
            let found = imports(&files);
            assert!(
                found.contains(&"a:1 -> b".to_owned()),
                "{export}: {found:?}"
            );
        }
    }

    #[test]
    fn an_imported_module_leads_to_its_children() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b;\nfn f() { b::c::g() }"),
            ("b/mod.rs", "pub mod c;"),
            ("b/c.rs", ""),
        ];
        assert_eq!(imports(&files), ["a:1 -> b", "a:2 -> b::c"]);
    }

    #[test]
    fn a_parent_that_only_re_exports_an_item_does_not_import_its_child() {
        let child = ("a/b.rs", "use super::A;");
        let export = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b;\npub use b::B;\nstruct A;"),
            child,
        ];
        assert_eq!(imports(&export), ["a::b:1 -> a"]);
        let using = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b;\npub use b::B;\nstruct A(B);"),
            child,
        ];
        assert_eq!(imports(&using), ["a:2 -> a::b", "a::b:1 -> a"]);
    }

    #[test]
    fn modules_that_only_tests_declare_have_no_imports() {
        let files = [
            ("lib.rs", "#[cfg(test)]\nmod a;\nmod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", ""),
        ];
        assert_eq!(imports(&files), [""; 0]);
    }

    #[test]
    fn circular_re_exports_end() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;"),
            ("a.rs", "pub use crate::b::X;"),
            ("b.rs", "pub use crate::a::X;"),
            ("c.rs", "use crate::a::X;"),
        ];
        assert_eq!(imports(&files).len(), 3);
    }
}
