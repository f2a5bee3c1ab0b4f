//! Splits SQL for syntax colouring. A scanner, not a parser, so any text passes through unchanged.

/// A part of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlPart<'a> {
    /// Names, operators, white space or comments.
    Plain(&'a str),
    /// A reserved word.
    Keyword(&'a str),
    /// A quoted string.
    Literal(&'a str),
    /// A number or a placeholder.
    Number(&'a str),
}

const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASE",
    "COMMIT",
    "CONFLICT",
    "CREATE",
    "CROSS",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "ELSE",
    "END",
    "EXISTS",
    "FALSE",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCKED",
    "NOT",
    "NOTHING",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "RETURNING",
    "RIGHT",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SKIP",
    "TABLE",
    "THEN",
    "TRUE",
    "UNION",
    "UPDATE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Splits `statement` into parts. Joined, the parts are the statement again.
pub fn highlight_sql(statement: &str) -> Vec<SqlPart<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut plain_from) = (statement, 0);
    let at = |rest: &str| statement.len() - rest.len();
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let (token, after) = rest.split_at(length);
        let part = match first {
            '\'' => Some(SqlPart::Literal(token)),
            '0'..='9' => Some(SqlPart::Number(token)),
            '$' if token.len() > 1 => Some(SqlPart::Number(token)),
            _ if is_keyword(token) => Some(SqlPart::Keyword(token)),
            _ => None,
        };
        if let Some(part) = part {
            let start = at(rest);
            if plain_from < start {
                parts.push(SqlPart::Plain(&statement[plain_from..start]));
            }
            parts.push(part);
            plain_from = at(after);
        }
        rest = after;
    }
    if plain_from < statement.len() {
        parts.push(SqlPart::Plain(&statement[plain_from..]));
    }
    parts
}

fn token_length(rest: &str, first: char) -> usize {
    let while_true = |keep: fn(char) -> bool| {
        rest.char_indices()
            .skip(1)
            .find(|(_, next)| !keep(*next))
            .map_or(rest.len(), |(at, _)| at)
    };
    match first {
        '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
        '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
        '0'..='9' => while_true(|next| next.is_ascii_digit() || next == '.'),
        '$' => while_true(|next| next.is_ascii_digit()),
        _ if is_word(first) => while_true(is_word),
        _ => first.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_keyword(token: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| keyword.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SqlPart::{Keyword, Literal, Number, Plain};
    use super::*;

    #[test]
    fn words_numbers_and_strings_are_distinguished() {
        assert_eq!(
            highlight_sql("select id2 FROM \"from\" where a='it' and b=$1 -- or 2"),
            [
                Keyword("select"),
                Plain(" id2 "),
                Keyword("FROM"),
                Plain(" \"from\" "),
                Keyword("where"),
                Plain(" a="),
                Literal("'it'"),
                Plain(" "),
                Keyword("and"),
                Plain(" b="),
                Number("$1"),
                Plain(" -- or 2"),
            ]
        );
        assert_eq!(highlight_sql("'open"), [Literal("'open")]);
        assert_eq!(highlight_sql(""), []);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "\\PC{0,80}|[a-z0-9'\"$ é-]{0,40}") {
            let joined: String = highlight_sql(&text)
                .into_iter()
                .map(|part| match part {
                    Plain(text) | Keyword(text) | Literal(text) | Number(text) => text,
                })
                .collect();
            prop_assert_eq!(joined, text);
        }
    }
}
