//! Text of senders and files, made safe for a terminal.

use std::fmt;

use throughline_viz::visible;

/// A text of a sender or a file. `Display` escapes its control
/// and invisible characters. Otherwise an escape
/// sequence could change colours, titles and earlier output, and a line break could forge a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::write(&mut Escape(f), format_args!("{}", self.0))
    }
}

struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = String::with_capacity(text.len());
        for char in text.chars() {
            if char.is_control() {
                plain.extend(char.escape_debug());
            } else {
                plain.push(char);
            }
        }
        self.0.write_str(&visible(&plain))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_is_unchanged() {
        let text = "a\u{1b}[2J\r\n\t\u{9b}1m\u{7f}\0";
        let expected = r"a\u{1b}[2J\r\n\t\u{9b}1m\u{7f}\0";
        assert_eq!(Printable(text).to_string(), expected);
        assert_eq!(
            Printable("\u{202e}live\u{200b}").to_string(),
            r"\u{202e}live\u{200b}"
        );
        let plain = r#"GET /ä "quoted" \n 日本 👩‍💻"#;
        assert_eq!(Printable(plain).to_string(), plain);
    }
}
