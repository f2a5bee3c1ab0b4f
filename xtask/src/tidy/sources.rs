//! Checks the content of source files.

/// The file of the signals that refuse a write while a component renders.
const PAGE_SIGNAL: &str = "app/src/state/page_signal.rs";
/// The maximum number of lines of a file, without its tests.
const LONGEST: usize = 500;

/// Returns the faults of one text file. `name` is its path in the checkout.
pub(super) fn faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut add = |line: usize, what: &str| faults.push(format!("{name}:{line}: {what}"));
    for (index, line) in text.lines().enumerate() {
        if names_a_machine(line) {
            add(index + 1, "contains the path of a folder of one machine");
        }
    }
    if has_extension(name, "rs") {
        rust_faults(name, text, &mut add);
    }
    if name.ends_with("package-lock.json") && text.contains("\"resolved\"") {
        add(
            1,
            "contains the URL of a registry: write it with `omit-lockfile-registry-resolved=true`",
        );
    }
    faults
}

fn rust_faults(name: &str, text: &str, add: &mut impl FnMut(usize, &str)) {
    // The documentation of a crate may be its README.
    if !["//!", "#![doc = include_str!("]
        .iter()
        .any(|open| text.trim_start().starts_with(open))
    {
        add(1, "begin the module with one sentence of `//!`");
    }
    let own = lines_without_tests(text);
    if own > LONGEST
        && !name
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    {
        add(
            LONGEST,
            &format!("{own} lines without tests; split at 300, at most {LONGEST}"),
        );
    }
    let unfinished = [concat!("to", "do!("), concat!("unimple", "mented!(")];
    let server_only = concat!("feature = \"s", "sr\"");
    let is_panel = name.starts_with("app/src/") && name != PAGE_SIGNAL;
    for (index, line) in text.lines().enumerate() {
        if unfinished.iter().any(|mark| line.contains(mark)) {
            add(index + 1, "unfinished");
        }
        if name.starts_with("app/") && line.contains(server_only) {
            add(
                index + 1,
                "the panel has the same code for server and browser; use the context",
            );
        }
        // A reference-counted signal belongs to one small component and its event handlers.
        if is_panel && line.replace("ArcRwSignal", "").contains("RwSignal::new(") {
            add(
                index + 1,
                "use a `PageSignal`, which refuses a write during a render",
            );
        }
    }
}

/// Returns the number of lines before the test module.
pub(super) fn lines_without_tests(text: &str) -> usize {
    let mut before_tests = 0;
    let mut attribute = false;
    for (index, line) in text.lines().enumerate() {
        if attribute && line.starts_with("mod ") && line.ends_with('{') {
            return before_tests;
        }
        if line.starts_with("#[cfg(test)]") {
            attribute = true;
            before_tests = index;
        } else if !line.starts_with("#[") {
            attribute = false;
        }
    }
    text.lines().count()
}

/// Reports whether the line has a home folder at the start of a path, that is, at the start of the
/// line or after a space, a quote or an equals sign.
fn names_a_machine(line: &str) -> bool {
    [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ]
    .iter()
    .any(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            line[..at]
                .chars()
                .next_back()
                .is_none_or(|c| " \t\"'`=(:".contains(c))
        })
    })
}

pub(super) fn has_extension(name: &str, extension: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_its_opening_sentence_is_a_fault() {
        assert_eq!(
            faults("a/b.rs", "use x;\n"),
            ["a/b.rs:1: begin the module with one sentence of `//!`"]
        );
        assert!(faults("a/b.rs", "\n//! What it is for.\n").is_empty());
        assert!(faults("a/lib.rs", "#![doc = include_str!(\"../README.md\")]\n").is_empty());
    }

    #[test]
    fn tests_do_not_count_for_the_length_of_a_file() {
        let code = "//! A file.\n".to_owned() + &"fn f() {}\n".repeat(499);
        let tests = "#[cfg(test)]\n#[expect(x)]\nmod tests {\n".to_owned() + &"// x\n".repeat(300);
        assert!(faults("a.rs", &format!("{code}{tests}")).is_empty());
        assert_eq!(
            faults("a.rs", &format!("{code}fn g() {{}}\n{tests}")).len(),
            1
        );
        assert!(faults("a/tests/b.rs", &format!("{code}{code}")).is_empty());
    }

    #[test]
    fn a_test_helper_module_in_its_own_file_does_not_end_the_count() {
        let text =
            "//! A file.\n#[cfg(test)]\nmod tests;\n".to_owned() + &"fn f() {}\n".repeat(500);
        assert_eq!(faults("a.rs", &text).len(), 1);
    }

    #[test]
    fn paths_of_one_machine_are_faults_and_similar_texts_are_not() {
        let path = format!("cd {}me/ada", "/ho");
        assert_eq!(
            faults("README.md", &path),
            ["README.md:1: contains the path of a folder of one machine"]
        );
        assert!(faults("README.md", &format!("https://example.test{}me/ada", "/ho")).is_empty());
        assert!(faults("README.md", "$HOME/.cache").is_empty());
    }

    #[test]
    fn server_only_code_in_the_panel_is_a_fault() {
        let text = format!("//! A page.\n#[cfg({} = \"ssr\")]\n", "feature");
        assert_eq!(faults("app/src/a.rs", &text).len(), 1);
        assert!(faults("server/src/a.rs", &text).is_empty());
    }

    #[test]
    fn the_panel_has_no_signal_that_a_render_may_write() {
        let text = "//! A page.\nlet a = RwSignal::new(1);\nlet b = ArcRwSignal::new(1);\n";
        assert_eq!(faults("app/src/a.rs", text).len(), 1);
        assert!(faults(PAGE_SIGNAL, text).is_empty());
        assert!(faults("examples/a.rs", text).is_empty());
    }

    #[test]
    fn unfinished_code_is_a_fault() {
        let text = format!("//! A file.\nfn f() {{ {}!() }}\n", "todo");
        assert_eq!(faults("a.rs", &text), ["a.rs:2: unfinished"]);
    }

    #[test]
    fn a_registry_url_in_a_lock_file_is_a_fault() {
        let text = "{\"resolved\": \"https://registry.example.test/x.tgz\"}";
        assert_eq!(faults("end2end/package-lock.json", text).len(), 1);
    }
}
