//! Reads the module declarations, the `use` items and the paths of one source file.

use std::collections::BTreeSet;

use super::tokens::{self, Token};

/// The production code of one source file, as far as the module graph needs it.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The names of the child modules in files of their own.
    pub(super) children: BTreeSet<String>,
    /// The names of the items that the module defines.
    pub(super) items: BTreeSet<String>,
    /// The names that the `use` items bring into the module.
    pub(super) imports: Vec<UseItem>,
    /// The paths outside of `use` items, each with its line.
    pub(super) paths: Vec<(usize, Vec<String>)>,
    /// All names outside of `use` items.
    pub(super) names: BTreeSet<String>,
}

/// One name that a `use` item brings into a module.
#[derive(Debug)]
pub(super) struct UseItem {
    pub(super) line: usize,
    /// The name in the module. `*` for all names of another module.
    pub(super) name: String,
    /// The path of the item, or of the module whose names are imported.
    pub(super) path: Vec<String>,
    /// True if the item is visible outside of the module: `pub use`, `pub(crate) use`.
    pub(super) is_exported: bool,
}

impl UseItem {
    pub(super) fn is_glob(&self) -> bool {
        self.name == "*"
    }
}

/// The keywords before the name of an item.
const ITEMS: [&str; 8] = [
    "const", "enum", "fn", "static", "struct", "trait", "type", "union",
];

impl Source {
    /// Reads the code of a file.
    pub(super) fn read(code: &str) -> Self {
        let tokens = tokens::production(code);
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            source: Self::default(),
            depth: 0,
            inline: Vec::new(),
        };
        parser.run();
        parser.source
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token<'a>)],
    at: usize,
    source: Source,
    /// The number of open braces.
    depth: usize,
    /// The depths at which the open inline modules (`mod a { ... }`) begin.
    inline: Vec<usize>,
}

impl<'a> Parser<'a> {
    fn run(&mut self) {
        let mut is_exported = false;
        while let Some(token) = self.token(0) {
            match token {
                Token::Name("pub") => {
                    self.at += 1;
                    self.skip_visibility();
                    is_exported = true;
                    continue;
                }
                Token::Name("use") if self.token(1) != Some(Token::Sign('<')) => {
                    let line = self.line();
                    self.at += 1;
                    self.use_tree(line, &[], is_exported);
                }
                Token::Name("mod") => self.module(),
                Token::Name(name) => self.name(name),
                Token::Sign('{') => {
                    self.depth += 1;
                    self.at += 1;
                }
                Token::Sign('}') => {
                    self.depth = self.depth.saturating_sub(1);
                    self.inline.retain(|begin| *begin < self.depth);
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            is_exported = false;
        }
    }

    fn token(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).map(|(_, token)| *token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |(line, _)| *line)
    }

    /// Skips the brackets of `pub(crate)` and its like.
    fn skip_visibility(&mut self) {
        let scope = self.token(1);
        if self.token(0) == Some(Token::Sign('('))
            && matches!(scope, Some(Token::Name("crate" | "in" | "self" | "super")))
        {
            while self.token(0).is_some_and(|token| token != Token::Sign(')')) {
                self.at += 1;
            }
            self.at += 1;
        }
    }

    /// Reads `mod name;` or the head of `mod name {`.
    fn module(&mut self) {
        if let Some(Token::Name(name)) = self.token(1) {
            match self.token(2) {
                Some(Token::Sign(';')) => {
                    self.source.children.insert(name.to_owned());
                }
                Some(Token::Sign('{')) => {
                    self.source.items.insert(name.to_owned());
                    self.inline.push(self.depth);
                    self.at += 1;
                }
                _ => {}
            }
        }
        self.at += 1;
    }

    /// Reads a name outside of `use` items and the path that begins with it.
    fn name(&mut self, name: &str) {
        let line = self.line();
        let before = self.at.checked_sub(1).map(|at| self.tokens[at].1);
        if self.depth == 0 && ITEMS.contains(&name) {
            if let Some(Token::Name(item)) = self.token(1) {
                self.source.items.insert(item.to_owned());
            }
        }
        let mut path = vec![name.to_owned()];
        self.at += 1;
        while let (Some(Token::Separator), Some(Token::Name(next))) = (self.token(0), self.token(1))
        {
            path.push(next.to_owned());
            self.at += 2;
        }
        self.source.names.extend(path.iter().cloned());
        let continues = matches!(before, Some(Token::Separator | Token::Sign('$' | '.')));
        if path.len() > 1 && !continues {
            self.source.paths.push((line, self.in_file(path)));
        }
    }

    /// Reads the rest of the `use` item of a line after a prefix.
    fn use_tree(&mut self, line: usize, prefix: &[String], is_exported: bool) {
        let mut path = prefix.to_vec();
        while let Some(token) = self.token(0) {
            match token {
                Token::Name("as") => {
                    if let Some(Token::Name(name)) = self.token(1) {
                        self.add(line, name, path, is_exported);
                    }
                    self.at += 2;
                    return;
                }
                Token::Name("self") if !path.is_empty() => self.at += 1,
                Token::Name(name) => {
                    path.push(name.to_owned());
                    self.at += 1;
                }
                Token::Separator => self.at += 1,
                Token::Sign('*') => {
                    self.at += 1;
                    self.add(line, "*", path, is_exported);
                    return;
                }
                Token::Sign('{') => {
                    self.at += 1;
                    while self.token(0).is_some_and(|token| token != Token::Sign('}')) {
                        self.use_tree(line, &path, is_exported);
                        if self.token(0) == Some(Token::Sign(',')) {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                _ => break,
            }
        }
        match path.last().cloned() {
            Some(name) => self.add(line, &name, path, is_exported),
            // Not Rust: leave the token to the caller.
            None => self.at += usize::from(self.token(0) != Some(Token::Sign('}'))),
        }
    }

    fn add(&mut self, line: usize, name: &str, path: Vec<String>, is_exported: bool) {
        let path = self.in_file(path);
        self.source.imports.push(UseItem {
            line,
            name: name.to_owned(),
            path,
            is_exported,
        });
    }

    /// Turns a path that an inline module names into one that the module of the file would name.
    fn in_file(&self, mut path: Vec<String>) -> Vec<String> {
        let ups = path.iter().take_while(|name| *name == "super").count();
        let inline = ups.min(self.inline.len());
        if inline > 0 {
            path.drain(..inline);
            if inline == ups {
                path.insert(0, "self".to_owned());
            }
        }
        path
    }
}
