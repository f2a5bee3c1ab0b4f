//! Splits Rust code into the tokens that module paths consist of.

/// A token of Rust code. Numbers, lifetimes and comments are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An identifier or a keyword.
    Name(&'a str),
    /// `::`.
    Separator,
    /// Any other punctuation character.
    Sign(char),
    /// The content of a string literal.
    Text(&'a str),
}

/// Returns the tokens of the code, each with its line, without items that only tests compile.
pub(super) fn production(code: &str) -> Vec<(usize, Token<'_>)> {
    let tokens = tokens(code);
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        match attribute_end(&tokens, at) {
            Some(end) if is_test_only(&tokens[at..end]) => at = item_end(&tokens, end),
            _ => {
                kept.push(tokens[at]);
                at += 1;
            }
        }
    }
    kept
}

/// Returns the position after the attribute that begins at `at`, if one begins there.
fn attribute_end(tokens: &[(usize, Token<'_>)], at: usize) -> Option<usize> {
    let is_sign = |at: usize, sign| {
        tokens
            .get(at)
            .is_some_and(|(_, token)| *token == Token::Sign(sign))
    };
    if !is_sign(at, '#') || !is_sign(at + 1, '[') {
        return None;
    }
    Some(group_end(tokens, at + 1))
}

/// Returns the position after the group whose opening bracket is at `at`.
fn group_end(tokens: &[(usize, Token<'_>)], at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, (_, token)) in tokens[at..].iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + offset + 1;
        }
    }
    tokens.len()
}

/// Reports whether an attribute is `cfg(test)`, `cfg(all(test, ...))` or
/// `cfg(feature = "testing")`.
fn is_test_only(attribute: &[(usize, Token<'_>)]) -> bool {
    let content: Vec<Token<'_>> = attribute[2..]
        .iter()
        .map(|(_, token)| *token)
        .filter(|token| *token != Token::Sign('('))
        .collect();
    content.starts_with(&[Token::Name("cfg"), Token::Name("test")])
        || content.starts_with(&[Token::Name("cfg"), Token::Name("all"), Token::Name("test")])
        || content.starts_with(&[
            Token::Name("cfg"),
            Token::Name("feature"),
            Token::Sign('='),
            Token::Text("testing"),
        ])
}

/// Returns the position after the item that begins at `at`: after its `;` or its block.
fn item_end(tokens: &[(usize, Token<'_>)], mut at: usize) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        match token {
            Token::Sign(';') => return at + 1,
            Token::Sign('(' | '[') => at = group_end(tokens, at),
            Token::Sign('{') => {
                let end = group_end(tokens, at);
                let semicolon = tokens
                    .get(end)
                    .is_some_and(|(_, next)| *next == Token::Sign(';'));
                return end + usize::from(semicolon);
            }
            _ => at += 1,
        }
    }
    at
}

/// Returns all tokens of the code, each with its line.
fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let (length, token) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (comment_length(rest), None)
        } else if let Some((length, text)) = string(rest) {
            (length, Some(Token::Text(text)))
        } else if first == '\'' {
            (quote_length(rest), None)
        } else if is_of_a_name(first) {
            let length = rest.find(|char| !is_of_a_name(char)).unwrap_or(rest.len());
            let is_number = first.is_ascii_digit();
            (length, (!is_number).then_some(Token::Name(&rest[..length])))
        } else if rest.starts_with("::") {
            (2, Some(Token::Separator))
        } else if first.is_whitespace() {
            (first.len_utf8(), None)
        } else {
            (first.len_utf8(), Some(Token::Sign(first)))
        };
        found.extend(token.map(|token| (line, token)));
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

fn is_of_a_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Returns the length of the block comment that the text begins with. Block comments nest.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Returns the length and the content of the string literal that the text begins with.
fn string(text: &str) -> Option<(usize, &str)> {
    let open = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - open.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = open.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let content = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = content.find(&close).unwrap_or(content.len());
        let end = prefix + 1 + hashes + 1 + length + close.len();
        return Some((end.min(text.len()), &content[..length]));
    }
    let content = open.strip_prefix('"')?;
    let mut escaped = false;
    for (at, char) in content.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((prefix + 1 + at + 1, &content[..at])),
            _ => {}
        }
    }
    Some((text.len(), content))
}

/// Returns the length of the character literal, or of the quote of a lifetime, that the text begins
/// with.
fn quote_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // The escaped character may be a quote.
            let content = text.char_indices().skip(3).find(|(_, char)| *char == '\'');
            content.map_or(text.len(), |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<&str> {
        production(code)
            .into_iter()
            .filter_map(|(_, token)| match token {
                Token::Name(name) => Some(name),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn comments_and_literals_have_no_names() {
        assert_eq!(names("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
        assert_eq!(names(r#"a("b \" c", b"d", '\'', 'e', 1_u8)"#), ["a"]);
        assert_eq!(names("r#\"a \" b\"# c r\"d\" e"), ["c", "e"]);
        assert_eq!(
            names("fn a<'b>(c: &'b str)"),
            ["fn", "a", "b", "c", "b", "str"]
        );
    }

    #[test]
    fn lines_count_also_inside_of_literals_and_comments() {
        let lines: Vec<usize> = production("a\n\"x\ny\"\n/* z\n */ b")
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [1, 2, 5]);
    }

    #[test]
    fn items_that_only_tests_compile_are_left_out() {
        for item in [
            "use a::{b, c};",
            "mod a { fn b() {} }",
            "#[derive(Debug)] struct A(B);",
            "fn a(b: [u8; 4]) -> C { d(); }",
            "const A: B = B { c: 1 };",
        ] {
            assert_eq!(names(&format!("#[cfg(test)]\n{item}\nz")), ["z"], "{item}");
        }
        assert_eq!(names("#[cfg(all(test, unix))] mod a; z"), ["z"]);
        assert_eq!(names("#[cfg(feature = \"testing\")] mod a; z"), ["z"]);
    }

    #[test]
    fn code_that_a_product_build_has_too_is_kept() {
        assert!(names("#[cfg(any(unix, test))] mod a;").contains(&"a"));
        assert!(names("#[cfg(unix)] mod a;").contains(&"a"));
        assert!(names("#[test_only] mod a;").contains(&"a"));
    }
}
