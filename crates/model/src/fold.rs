//! Folds the case of texts for comparisons that ignore case.

use std::borrow::Cow;

/// Folds a text for comparisons that ignore case.
///
/// Each character is converted to lower case, then to upper case, then to lower case again. All
/// forms of a letter then agree, in every language and at every position in a word:
///
/// - Greek: `Σ`, `σ` and the final `ς` become `σ`.
/// - German: `ß`, `ẞ`, `SS` and `ss` become `ss`.
/// - Turkish: `I`, `ı`, `İ` and `i` become `i`. In Turkish these are two letters, but the language
///   of a text is unknown here.
///
/// A dot above (U+0307) after an `i` is removed, because lower-casing `İ` produces it. Accents
/// stay: `Ä` becomes `ä` and not `a`.
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let mut folded = String::with_capacity(text.len());
    for char in text
        .chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
    {
        if char != '\u{307}' || !folded.ends_with('i') {
            folded.push(char);
        }
    }
    Cow::Owned(folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the text with its first letter in upper case and the others in lower case.
    fn title(text: &str) -> String {
        let mut chars = text.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        first.chain(chars.flat_map(char::to_lowercase)).collect()
    }

    #[test]
    fn every_character_folds_as_its_upper_and_lower_case() {
        for char in '\0'..=char::MAX {
            let text = char.to_string();
            let folded = fold_case(&text);
            assert_eq!(folded, fold_case(&text.to_lowercase()), "{char:?}");
            assert_eq!(folded, fold_case(&text.to_uppercase()), "{char:?}");
            assert_eq!(folded, fold_case(&folded), "{char:?}");
        }
    }

    #[test]
    fn letters_with_more_than_two_forms_agree() {
        for (forms, folded) in [
            (["ΟΔΟΣ", "οδος", "οδοσ"], "οδοσ"),
            (["Straße", "STRASSE", "STRAẞE"], "strasse"),
            (["İSTANBUL", "istanbul", "ıstanbul"], "istanbul"),
            (["ǄEP", "ǅep", "ǆep"], "ǆep"),
        ] {
            for form in forms {
                assert_eq!(fold_case(form), folded, "{form}");
            }
        }
        assert_ne!(fold_case("Ärger"), fold_case("arger"));
    }

    proptest! {
        #[test]
        fn upper_lower_and_title_case_agree(
            text in "[a-zA-ZΑ-Ωα-ωςάήώϊΐßẞıİiIäöüÄÖÜçÇğĞşŞ\u{307} ]{0,12}"
        ) {
            for form in [text.to_uppercase(), text.to_lowercase(), title(&text)] {
                prop_assert_eq!(fold_case(&form), fold_case(&text), "{}", form);
            }
        }

        #[test]
        fn a_part_of_a_text_is_a_part_of_what_it_folds_to(
            before in "[a-zΑ-Ωα-ως ßı]{0,4}", part in "[a-zΑ-Ωα-ως ßİ]{1,4}", after in "[a-zΣςß ]{0,4}"
        ) {
            let whole = format!("{before}{part}{after}");
            prop_assert!(fold_case(&whole).contains(&*fold_case(&part)));
        }
    }
}
