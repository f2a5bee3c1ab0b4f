//! Checks that retired words do not come back: each term has one standard word.

/// A retired word and the words that replace it. Identifiers are checked part by part.
const RETIRED: [(&str, &str); 30] = [
    ("alias", "attribute index"),
    ("anew", "again"),
    ("crowded", "over the limit"),
    ("door", "receiver"),
    ("doors", "receivers"),
    ("duties", "scheduled jobs"),
    ("duty", "scheduled job"),
    ("foreseen", "estimated"),
    ("goodbye", "final report"),
    ("heard", "received"),
    ("hears", "receives"),
    ("keeper", "retention admin"),
    ("keepers", "retention admins"),
    ("ledger", "sequence tracker"),
    ("patience", "timeout"),
    ("receipt", "completeness"),
    ("receipts", "completeness"),
    ("resign", "release"),
    ("room", "space or budget"),
    ("sifted", "partitioned by the limit"),
    ("sow", "start"),
    ("stretch", "range"),
    ("stubborn", "retry timeout"),
    ("told", "reported, sent or announced"),
    ("twin", "in-batch duplicate"),
    ("twins", "in-batch duplicates"),
    ("untold", "unsent"),
    ("whoever", "the client, the caller or the user"),
    ("workshop", "staging directory"),
    ("yardstick", "baseline"),
];

/// Retired phrases and their replacements.
const PHRASES: [(&str, &str); 4] = [
    ("costs itself", "is rejected alone"),
    ("in vain", "without a result"),
    ("is no news", "is not sent again"),
    ("kept apart", "offloaded"),
];

/// Files and folders in which the words have their ordinary sense: the shop sells things, and serde
/// has aliases. Statements of the writer and released migrations use `told` as a table alias.
const EXCEPTIONS: [(&str, &str); 8] = [
    ("examples/", "receipt"),
    ("examples/", "stretch"),
    ("crates/codec/src/json/", "alias"),
    ("crates/formats/src/otlp/json", "alias"),
    (".cargo/", "alias"),
    ("app/", "told"),
    ("crates/store/src/writer/", "told"),
    ("migrations/", "told"),
];
const THIS_FILE: &str = "xtask/src/tidy/words.rs";

/// The extensions of files that people read.
const CHECKED: [&str; 10] = [
    "css", "html", "js", "md", "mjs", "rs", "sql", "svg", "toml", "ts",
];

/// Returns a fault for each retired word in a file, with its line.
pub(super) fn faults(name: &str, text: &str) -> Vec<String> {
    let is_checked = CHECKED
        .iter()
        .any(|extension| super::sources::has_extension(name, extension));
    if !is_checked || name == THIS_FILE || name.starts_with("fixtures/") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for part in parts(line) {
            let found = RETIRED.iter().find(|(word, _)| part == *word);
            if let Some((word, standard)) = found
                && !is_exception(name, word)
            {
                faults.push(format!(
                    "{name}:{number}: the word {word:?} is retired: say {standard}"
                ));
            }
        }
        for (phrase, standard) in PHRASES {
            if line.to_lowercase().contains(phrase) {
                faults.push(format!(
                    "{name}:{number}: the phrase {phrase:?} is retired: say {standard}"
                ));
            }
        }
    }
    faults
}

fn is_exception(name: &str, word: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(path, exempt)| word == *exempt && name.starts_with(path))
}

/// Returns the words of a line in lower case. `has_saidHello` gives `has`, `said`, `hello`.
fn parts(line: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    for character in line.chars() {
        let ends = !character.is_alphabetic()
            || (character.is_uppercase() && part.ends_with(char::is_lowercase));
        if ends && !part.is_empty() {
            parts.push(part.to_lowercase());
            part.clear();
        }
        if character.is_alphabetic() {
            part.push(character);
        }
    }
    parts.push(part.to_lowercase());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_word_is_found_in_prose_and_in_each_form_of_identifier() {
        for line in [
            "// The door of a request.",
            "fn open_door() {}",
            "struct DoorHandle;",
            "const DOOR: u8 = 1;",
            "let frontDoor = 1;",
        ] {
            let faults = faults("crates/model/src/lib.rs", line);
            assert_eq!(faults.len(), 1, "{line}");
            assert!(
                faults[0].starts_with("crates/model/src/lib.rs:1:")
                    && faults[0].contains("receiver"),
                "{faults:?}"
            );
        }
        let phrase = faults("docs/storage.md", "x\nA value that is Kept apart.");
        assert_eq!(phrase.len(), 1);
        assert!(phrase[0].starts_with("docs/storage.md:2:"), "{phrase:?}");
    }

    #[test]
    fn other_words_and_exceptions_pass() {
        assert_eq!(
            faults("docs/storage.md", "indoors, doorway, roommate"),
            [""; 0]
        );
        assert_eq!(
            faults("examples/shop/style/order.css", ".receipt {}"),
            [""; 0]
        );
        assert_eq!(faults("fixtures/a.json", "the door"), [""; 0]);
        assert_eq!(faults("docs/a.png", "the door"), [""; 0]);
    }

    #[test]
    fn words_are_in_order_and_in_lower_case() {
        assert!(RETIRED.is_sorted());
        assert!(PHRASES.is_sorted());
        assert!(RETIRED.iter().all(|(word, _)| word.to_lowercase() == *word));
    }
}
