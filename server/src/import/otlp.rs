//! Splits one entry of `resourceSpans` or `resourceLogs` into requests of a bounded number of
//! spans, each with the entry's resource and scope.

use super::scan::{Fault, Scanner};

/// The most spans, or log records, of one request.
const REQUEST_ITEMS: usize = 1_000;
/// The size in bytes at which a request is full.
const REQUEST_BYTES: usize = 4 << 20;

/// The names of an entry's fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldNames {
    list: &'static str,
    scopes: &'static [&'static str],
    items: [&'static str; 2],
}

/// The names for traces.
pub(super) const SPANS: FieldNames = FieldNames {
    list: "resourceSpans",
    // The last names are from before OTLP 0.15.
    scopes: &[
        "scopeSpans",
        "scope_spans",
        "instrumentationLibrarySpans",
        "instrumentation_library_spans",
    ],
    items: ["spans", "spans"],
};
/// The names for logs.
pub(super) const LOGS: FieldNames = FieldNames {
    list: "resourceLogs",
    scopes: &[
        "scopeLogs",
        "scope_logs",
        "instrumentationLibraryLogs",
        "instrumentation_library_logs",
    ],
    items: ["logRecords", "log_records"],
};

/// A request and the line of each of its spans.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestPart {
    pub(super) body: Vec<u8>,
    pub(super) lines: Vec<u64>,
}

/// Splits `entry`, which begins on `line`.
///
/// # Errors
/// The text is not an object with the shape of such an entry.
pub(super) fn split_entry(
    names: FieldNames,
    entry: &[u8],
    line: u64,
) -> Result<Vec<RequestPart>, Fault> {
    let mut scanner = Scanner::new(entry, line);
    let mut resource = Fields::default();
    let mut scopes = Vec::new();
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        if names.scopes.contains(&key.as_str()) && scanner.peek()? == Some(b'[') {
            scanner.expect(b'[')?;
            let mut first = true;
            while scanner.next_element(first)? {
                first = false;
                scopes.push(scope(names, entry, &mut scanner)?);
            }
        } else {
            resource.add(&key, slice(entry, &mut scanner)?);
        }
    }
    let mut parts = Vec::new();
    for scope in scopes {
        let mut items = &scope.items[..];
        while !items.is_empty() {
            let count = fitting(items);
            let (now, later) = items.split_at(count);
            parts.push(part(names, &resource, &scope.fields, now));
            items = later;
        }
    }
    Ok(parts)
}

/// The fields of a resource or a scope besides its list, as raw text, each after a comma.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn add(&mut self, key: &str, text: &[u8]) {
        self.0.push(b',');
        let key = serde_json::Value::from(key).to_string();
        self.0.extend_from_slice(key.as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(text);
    }
}

struct Scope<'a> {
    fields: Fields,
    items: Vec<(&'a [u8], u64)>,
}

fn scope<'a>(
    names: FieldNames,
    entry: &'a [u8],
    scanner: &mut Scanner<&[u8]>,
) -> Result<Scope<'a>, Fault> {
    let mut scope = Scope {
        fields: Fields::default(),
        items: Vec::new(),
    };
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        if names.items.contains(&key.as_str()) && scanner.peek()? == Some(b'[') {
            scanner.expect(b'[')?;
            let mut first = true;
            while scanner.next_element(first)? {
                first = false;
                scanner.peek()?;
                let line = scanner.line();
                scope.items.push((slice(entry, scanner)?, line));
            }
        } else {
            scope.fields.add(&key, slice(entry, scanner)?);
        }
    }
    Ok(scope)
}

/// Returns the next value as raw text of `entry`.
fn slice<'a>(entry: &'a [u8], scanner: &mut Scanner<&[u8]>) -> Result<&'a [u8], Fault> {
    scanner.peek()?;
    let start = scanner.offset();
    scanner.value(0)?;
    Ok(&entry[start..scanner.offset()])
}

fn fitting(items: &[(&[u8], u64)]) -> usize {
    let mut bytes = 0;
    let fitting = items
        .iter()
        .take(REQUEST_ITEMS)
        .take_while(|(text, _)| {
            bytes += text.len();
            bytes <= REQUEST_BYTES
        })
        .count();
    fitting.max(1)
}

fn part(
    names: FieldNames,
    resource: &Fields,
    scope: &Fields,
    items: &[(&[u8], u64)],
) -> RequestPart {
    let mut body = format!(
        "{{\"{}\":[{{\"{}\":[{{\"{}\":[",
        names.list, names.scopes[0], names.items[0]
    )
    .into_bytes();
    for (at, (text, _)) in items.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text);
    }
    body.push(b']');
    body.extend_from_slice(&scope.0);
    body.extend_from_slice(b"}]");
    body.extend_from_slice(&resource.0);
    body.extend_from_slice(b"}]}");
    RequestPart {
        body,
        lines: items.iter().map(|(_, line)| *line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_split_with_its_resource_and_scope_in_any_field_order() {
        let spans: Vec<String> = (0..REQUEST_ITEMS + 2)
            .map(|at| format!("\n{{\"n\":{at}}}"))
            .collect();
        let entry = format!(
            "{{\"scopeSpans\":[{{\"spans\":[{}],\"schemaUrl\":\"s\"}},\n\
             {{\"scope\":{{\"name\":\"x\"}},\"spans\":[7]}},{{\"spans\":null}}],\"resource\":{{\"a\":[1]}}}}",
            spans.join(",")
        );
        let parts = split_entry(SPANS, entry.as_bytes(), 5).expect("an entry");
        let counts: Vec<_> = parts.iter().map(|part| part.lines.len()).collect();
        assert_eq!(counts, [REQUEST_ITEMS, 2, 1]);
        assert_eq!(parts[0].lines[0], 6);
        assert_eq!(parts[1].lines[1], 6 + REQUEST_ITEMS as u64 + 1);
        let last: serde_json::Value = serde_json::from_slice(&parts[1].body).expect("JSON");
        assert_eq!(
            last,
            serde_json::json!({"resourceSpans": [{
                "scopeSpans": [{
                    "spans": [{"n": REQUEST_ITEMS}, {"n": REQUEST_ITEMS + 1}],
                    "schemaUrl": "s",
                }],
                "resource": {"a": [1]},
            }]})
        );
        let scoped: serde_json::Value = serde_json::from_slice(&parts[2].body).expect("JSON");
        assert_eq!(
            scoped["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"],
            "x"
        );
    }

    #[test]
    fn a_request_is_bounded_in_bytes_and_has_at_least_one_span() {
        let large = format!("\"{}\"", "x".repeat(REQUEST_BYTES));
        let entry = format!("{{\"scopeLogs\":[{{\"logRecords\":[{large},1,2]}}]}}");
        let parts = split_entry(LOGS, entry.as_bytes(), 1).expect("an entry");
        let counts: Vec<_> = parts.iter().map(|part| part.lines.len()).collect();
        assert_eq!(counts, [1, 2]);
    }

    #[test]
    fn a_value_that_is_not_an_entry_is_a_fault() {
        for entry in [
            "7",
            "{\"scopeSpans\":[3]}",
            "{\"scopeSpans\":[{\"spans\":[}]}",
        ] {
            assert!(split_entry(SPANS, entry.as_bytes(), 1).is_err(), "{entry}");
        }
    }
}
