//! Names text that is not JSON.

/// Returns what a text is by its start, if it is not JSON.
pub(super) fn other(start: &[u8]) -> Option<&'static str> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut lines = start
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next());
    // A damaged line of a newline-delimited file costs that line.
    if [Some(first), second].into_iter().flatten().any(is_json) {
        return None;
    }
    let beginning = first.to_ascii_lowercase();
    Some(match beginning.as_slice() {
        [b'<', ..] if starts_with_any(&beginning, &[b"<!doctype html", b"<html", b"<head"]) => {
            "is an HTML page, such as the sign-in page of a server"
        }
        [b'<', ..] => "is XML",
        _ if is_csv(first, second) => "is CSV",
        _ => "is text, and not JSON",
    })
}

fn is_json(line: &[u8]) -> bool {
    matches!(line, [b'{' | b'[' | b']' | b'}', ..])
}

fn starts_with_any(line: &[u8], beginnings: &[&[u8]]) -> bool {
    beginnings
        .iter()
        .any(|beginning| line.starts_with(beginning))
}

/// Reports whether two lines have the same number of separators.
fn is_csv(first: &[u8], second: Option<&[u8]>) -> bool {
    b",;\t".iter().any(|separator| {
        let count = |line: &[u8]| line.split(|byte| byte == separator).count();
        count(first) > 1 && second.is_none_or(|second| count(second) == count(first))
    })
}
