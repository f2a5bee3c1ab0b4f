//! The two-word summary of a statement: `SELECT orders`.

use core::fmt;

/// The verb and the first table of a statement: a low-cardinality name for its span
/// (`db.query.summary`). It scans words and does not parse SQL. An unknown statement keeps only its
/// verb.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// The verb in upper case: `SELECT`, `INSERT`, ...
    pub(super) verb: String,
    /// The table as written, without quotes.
    table: Option<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verb)?;
        match &self.table {
            Some(table) => write!(f, " {table}"),
            None => Ok(()),
        }
    }
}

/// Words that may stand between a verb and its table.
const NOISE: [&str; 24] = [
    "IF",
    "NOT",
    "EXISTS",
    "ONLY",
    "INTO",
    "FROM",
    "TABLE",
    "INDEX",
    "UNIQUE",
    "CONCURRENTLY",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "VIEW",
    "MATERIALIZED",
    "OR",
    "REPLACE",
    "FUNCTION",
    "TYPE",
    "SCHEMA",
    "SEQUENCE",
    "EXTENSION",
    "DATABASE",
    "TRIGGER",
];

impl Summary {
    pub(super) fn of(sql: &str) -> Self {
        let Some(verb) = verb(Words::new(sql)) else {
            return Self {
                verb: "SQL".to_owned(),
                table: None,
            };
        };
        let mut after = Words::new(sql);
        after.find(|word| word.at == verb.at);
        let name = verb.text.to_ascii_uppercase();
        let table = match name.as_str() {
            "SELECT" => source(after, verb.depth),
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "COPY" | "LOCK" | "CREATE"
            | "ALTER" | "DROP" => after
                .take_while(|word| word.depth == verb.depth)
                .find(|word| !NOISE.iter().any(|noise| word.is(noise))),
            _ => None,
        };
        Self {
            verb: cut(&name),
            table: table
                .filter(Word::is_name)
                .map(|word| cut(&word.text.replace('"', ""))),
        }
    }
}

/// Returns the verb: the first word, or after `WITH` the first verb outside parentheses.
fn verb(mut words: Words<'_>) -> Option<Word<'_>> {
    let first = words.find(|word| !word.is("EXPLAIN") && !word.is("ANALYZE"))?;
    if !first.is("WITH") {
        return Some(first);
    }
    words.find(|word| {
        word.depth == first.depth
            && ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"]
                .iter()
                .any(|verb| word.is(verb))
    })
}

/// Returns the first table that a `SELECT` reads: the word after its own `FROM`. A `FROM` inside a
/// function call (`extract(epoch from ...)`) does not count. For a sub-select, uses the `FROM` of
/// the sub-select.
fn source(mut after: Words<'_>, mut depth: usize) -> Option<Word<'_>> {
    loop {
        after.find(|word| word.is("FROM") && word.depth == depth)?;
        let next = after.find(|word| !word.is("ONLY") && !word.is("LATERAL"))?;
        if !next.is("SELECT") {
            return Some(next);
        }
        depth = next.depth;
    }
}

/// Cuts names to 128 characters; Postgres would refuse longer ones anyway.
fn cut(name: &str) -> String {
    name.chars().take(128).collect()
}

/// A word of a statement.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    /// The position in the text, in bytes.
    at: usize,
    /// The number of open parentheses around the word.
    depth: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    fn is_name(&self) -> bool {
        self.text
            .chars()
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_' || first == '"')
    }
}

/// An iterator over the words of a statement: names (with dots and quotes), keywords, placeholders.
/// It skips comments, string literals and punctuation.
#[derive(Debug, Clone)]
struct Words<'a> {
    sql: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Words<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            sql,
            at: 0,
            depth: 0,
        }
    }

    /// Moves behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) {
        let rest = &self.sql[self.at..];
        self.at += rest.find(end).map_or(rest.len(), |found| found + end.len());
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let rest = &self.sql[self.at..];
            let first = rest.chars().next()?;
            if rest.starts_with("--") {
                self.skip_past("\n");
            } else if rest.starts_with("/*") {
                self.skip_past("*/");
            } else if first == '\'' {
                self.at += 1;
                self.skip_past("'");
            } else if first.is_alphanumeric() || matches!(first, '_' | '"' | '$') {
                let mut quoted = false;
                let len = rest
                    .find(|letter: char| {
                        quoted ^= letter == '"';
                        !(quoted
                            || letter.is_alphanumeric()
                            || matches!(letter, '_' | '"' | '$' | '.'))
                    })
                    .unwrap_or(rest.len());
                let word = Word {
                    text: &rest[..len],
                    at: self.at,
                    depth: self.depth,
                };
                self.at += len;
                return Some(word);
            } else {
                match first {
                    '(' => self.depth += 1,
                    ')' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                self.at += first.len_utf8();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_are_named_by_verb_and_table() {
        for (sql, name) in [
            ("select * from orders where id = $1", "SELECT orders"),
            (
                "SELECT o.id, p.name FROM shop.orders o JOIN p ON true",
                "SELECT shop.orders",
            ),
            (
                "SELECT extract(epoch from now()) AS t FROM \"jobs\"",
                "SELECT jobs",
            ),
            ("SELECT 1", "SELECT"),
            (
                "SELECT count(*) FROM (SELECT 1 FROM carts) x",
                "SELECT carts",
            ),
            (
                "INSERT INTO orders (id, total) VALUES ($1, 'from x')",
                "INSERT orders",
            ),
            (
                "UPDATE ONLY products SET stock = stock - $1",
                "UPDATE products",
            ),
            (
                "DELETE FROM cart_items WHERE cart_id = $1",
                "DELETE cart_items",
            ),
            (
                "-- why from x\n  /* and from y */ SELECT a FROM b",
                "SELECT b",
            ),
            (
                "WITH next AS (SELECT id FROM jobs LIMIT 1 FOR UPDATE SKIP LOCKED) \
                 UPDATE jobs SET taken = now() FROM next",
                "UPDATE jobs",
            ),
            (
                "CREATE TABLE IF NOT EXISTS orders (id int)",
                "CREATE orders",
            ),
            ("BEGIN", "BEGIN"),
            ("commit", "COMMIT"),
            ("(SELECT a FROM b) UNION (SELECT c FROM d)", "SELECT b"),
            ("", "SQL"),
            ("'x", "SQL"),
        ] {
            assert_eq!(Summary::of(sql).to_string(), name, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_name(sql in "(?s).{0,200}") {
            prop_assert!(Summary::of(&sql).to_string().chars().count() <= 257);
        }

        #[test]
        fn values_never_reach_the_name(secret in "[a-z0-9]{12}") {
            let name = Summary::of(&format!("SELECT a FROM t WHERE b = '{secret}'")).to_string();
            prop_assert_eq!(name, "SELECT t");
        }
    }
}
