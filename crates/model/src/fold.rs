//! Folds the case of texts for comparisons that ignore case.

use std::borrow::Cow;

/// Folds a text for comparisons that ignore case, by Unicode's simple case folding (statuses C and S
/// of `CaseFolding.txt`): character by character, so that a part of a text is a part of the folded
/// text.
///
/// - Greek: `Σ`, `σ` and the final `ς` agree, `µ` (U+00B5) and `μ` as well.
/// - German: `ß` and `ẞ` agree, but not with `ss`, which is two characters.
/// - Turkish: `I` and `i` agree. `ı` and `İ` are letters of their own.
///
/// Accents stay: `Ä` becomes `ä` and not `a`.
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// Folds a character: the lower case of its upper case, where these are single characters. Which form
/// stands for a group of characters does not matter, only that all of them fold to it.
fn fold_char(char: char) -> char {
    match char {
        // The upper case is `I`, but `I` is the upper case of `i` only.
        'ı' => char,
        // These agree with another letter, but have no upper case of one character.
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        '\u{fb05}' => '\u{fb06}',
        _ => {
            let upper = single(char.to_uppercase()).unwrap_or(char);
            single(upper.to_lowercase()).unwrap_or(upper)
        }
    }
}

/// Returns the only character of an iterator.
fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    first.filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_folds_to_one_that_stays() {
        for char in '\0'..=char::MAX {
            let folded = fold_char(char);
            assert_eq!(folded, fold_char(folded), "{char:?}");
            if char != 'ı' {
                let upper = single(char.to_uppercase()).unwrap_or(char);
                let lower = single(char.to_lowercase()).unwrap_or(char);
                assert_eq!(folded, fold_char(upper), "{char:?}");
                assert_eq!(folded, fold_char(lower), "{char:?}");
            }
        }
    }

    #[test]
    fn letters_with_more_than_two_forms_agree() {
        for forms in [
            ["ΟΔΟΣ", "οδος", "οδοσ"],
            ["STRAẞE", "straße", "Straße"],
            ["ǄEP", "ǅep", "ǆep"],
            ["\u{212a}m", "km", "KM"],
            ["\u{b5}s", "\u{3bc}s", "\u{39c}S"],
            ["ſet", "SET", "set"],
            ["\u{1e9b}", "\u{1e60}", "\u{1e61}"],
            ["ϑ", "θ", "Θ"],
            ["\u{345}", "ι", "\u{1fbe}"],
            ["\u{13a0}", "\u{ab70}", "\u{13a0}"],
            ["\u{1c90}", "\u{10d0}", "\u{1c90}"],
            ["\u{1f88}", "\u{1f80}", "\u{1f88}"],
            ["\u{1fd3}", "\u{390}", "\u{1fd3}"],
            ["\u{fb05}", "\u{fb06}", "\u{fb05}"],
        ] {
            for form in forms {
                assert_eq!(fold_case(form), fold_case(forms[0]), "{form}");
            }
        }
        for (one, other) in [("Ärger", "arger"), ("ß", "ss"), ("ı", "i"), ("İ", "i")] {
            assert_ne!(fold_case(one), fold_case(other));
        }
    }

    proptest! {
        #[test]
        fn the_parts_of_a_text_fold_as_the_text(one in ".{0,8}", other in "[a-zΣςßİı\u{307}\u{345}]{0,4}") {
            let whole = format!("{one}{other}");
            prop_assert_eq!(fold_case(&whole), format!("{}{}", fold_case(&one), fold_case(&other)));
        }
    }
}
