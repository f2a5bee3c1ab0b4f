//! Shows the invisible characters of a text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns the text with each invisible character as its escape, for example `\u{202e}`. Line
/// breaks and tabs stay. Costs one pass over the text, and copies it only if there is something to
/// escape.
///
/// Senders choose the text. Without this, a name can look like another name: bidirectional controls
/// make `evil` read `live`, and a zero-width space makes two different names look equal.
///
/// Escaped are control characters, format characters (Unicode category Cf) that have no glyph,
/// fillers, line and paragraph separators, and variation selectors. Joiners and selectors that
/// belong to an emoji or to a script that needs them stay.
///
/// ```
/// use throughline_viz::visible;
///
/// assert_eq!(visible("GET /cart"), "GET /cart");
/// assert_eq!(visible("\u{202e}live"), r"\u{202e}live");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some((first, _)) = escaped(text).next() else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    let mut end = first;
    for (at, char) in escaped(text) {
        out.push_str(&text[end..at]);
        // Writing to a string cannot fail.
        let _written = write!(out, "{}", char.escape_unicode());
        end = at + char.len_utf8();
    }
    out.push_str(&text[end..]);
    Cow::Owned(out)
}

/// Returns the invisible characters of a text with their positions in bytes.
fn escaped(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut previous = None;
    let mut chars = text.char_indices().peekable();
    core::iter::from_fn(move || {
        let (at, char) = chars.next()?;
        let next = chars.peek().map(|(_, next)| *next);
        let is_escaped = is_invisible(char) && !is_joined(previous, char, next);
        previous = Some(char);
        Some(is_escaped.then_some((at, char)))
    })
    .flatten()
}

fn is_invisible(char: char) -> bool {
    // Most text is ASCII.
    if matches!(char, ' '..='~' | '\n' | '\t') {
        return false;
    }
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns true if the character changes how its neighbours are drawn, so that it can be seen.
fn is_joined(previous: Option<char>, char: char, next: Option<char>) -> bool {
    let Some(previous) = previous else {
        return false;
    };
    match char {
        // A zero-width joiner or non-joiner.
        '\u{200c}' | '\u{200d}' => next.is_some_and(|next| {
            (char == '\u{200d}' && is_pictograph(previous) && is_pictograph(next))
                || (is_of_joining_script(previous) && is_of_joining_script(next))
        }),
        // Selects the text or the emoji form of a symbol.
        '\u{fe0e}' | '\u{fe0f}' => {
            is_pictograph(previous) || matches!(previous, '0'..='9' | '#' | '*' | '©' | '®')
        }
        _ => false,
    }
}

const fn is_pictograph(char: char) -> bool {
    matches!(char, '\u{203c}'..='\u{3299}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Returns true for letters of scripts whose shape depends on joiners: Arabic, Syriac, N'Ko, the
/// scripts of India and South-East Asia, Mongolian.
const fn is_of_joining_script(char: char) -> bool {
    matches!(char, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{a840}'..='\u{a87f}'
        | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_reorder_or_hide_text_are_escaped() {
        let invisible = [
            '\0'..='\u{8}',
            '\u{b}'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{3164}'..='\u{3164}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{e0001}'..='\u{e007f}',
            '\u{e0100}'..='\u{e01ef}',
        ];
        for char in invisible.into_iter().flatten() {
            let expected = format!("a{}b", char.escape_unicode());
            assert_eq!(visible(&format!("a{char}b")), expected);
            assert!(!visible(&char.to_string()).contains(char));
        }
    }

    #[test]
    fn text_of_every_language_stays() {
        for text in [
            "GET /ä \"quoted\" \\u{202e}\n\tindented",
            "日本語 한국어 עברית العربية",
            "👩‍💻 ❤️ 🏳️‍🌈 1️⃣ ©️",
            "می‌خواهم",
            "क्‍ष",
            "\u{a0}\u{3000}",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn two_names_that_look_alike_are_shown_differently() {
        assert_ne!(visible("\u{202e}evil\u{202c}"), "live");
        assert_ne!(visible("car\u{200b}t"), "cart");
        assert_ne!(visible("car\u{200d}t"), "cart");
        assert_ne!(visible("car\u{fe0f}t"), "cart");
    }
}
