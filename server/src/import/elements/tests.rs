//! Documents of every shape, split into elements.

use super::*;
use crate::import::recognise::{METRICS, PRINTED, SEARCH};

#[derive(Default)]
struct Collected(Vec<String>);

impl Sink for Collected {
    fn element(&mut self, element: Element) {
        let text = String::from_utf8(element.text).expect("text");
        self.0
            .push(format!("{} {:?} {text}", element.line, element.kind));
    }

    fn reject(&mut self, line: u64, reason: String) {
        self.0.push(format!("{line} rejected: {reason}"));
    }
}

fn elements(text: &str, forced: Option<Format>) -> (Vec<String>, Option<String>) {
    let mut collected = Collected::default();
    let walked = walk(
        &mut Scanner::new(text.as_bytes(), 1),
        forced,
        &mut collected,
    );
    (collected.0, walked.err().map(|fault| fault.to_string()))
}

#[test]
fn every_shape_is_detected_by_its_fields() {
    for (text, expected) in [
        (
            "{\"resourceSpans\":[1,\n2],\"x\":3}",
            &["1 OtlpSpans 1", "2 OtlpSpans 2"][..],
        ),
        (
            "{\"resource_logs\":[{}]}\n{\"resourceSpans\":[{}]}",
            &["1 OtlpLogs {}", "2 OtlpSpans {}"],
        ),
        (
            "{\"data\":[{\"spans\":[]}],\"errors\":null}",
            &["1 Jaeger {\"spans\":[]}"],
        ),
        (
            "{\"traceID\":\"1\",\"spans\":[]}",
            &["1 Jaeger {\"traceID\":\"1\",\"spans\":[]}"],
        ),
        ("[{\"traceID\":1}]", &["1 Jaeger {\"traceID\":1}"]),
        (
            "[{\"traceId\":1},\n{\"kind\":1,\"id\":2}]",
            &["1 Zipkin {\"traceId\":1}", "2 Zipkin {\"kind\":1,\"id\":2}"],
        ),
        (
            "[[{\"id\":1}],[{\"id\":2}]]",
            &["1 Zipkin {\"id\":1}", "1 Zipkin {\"id\":2}"],
        ),
        ("{\"result\":{\"resourceSpans\":[{}]}}", &["1 OtlpSpans {}"]),
        ("[{\"resourceSpans\":[{}]}]", &["1 OtlpSpans {}"]),
        ("{\"batches\":[{}]}", &["1 OtlpSpans {}"]),
        ("{\"trace\":{\"resourceSpans\":[{}]}}", &["1 OtlpSpans {}"]),
        (
            "{\"resource\":{},\"scopeSpans\":[]}",
            &["1 OtlpSpans {\"resource\":{},\"scopeSpans\":[]}"],
        ),
        ("{\"scopeLogs\":[]}", &["1 OtlpLogs {\"scopeLogs\":[]}"]),
        ("{\"data\":{\"spans\":[]}}", &["1 Jaeger {\"spans\":[]}"]),
        ("{\"data\":null}", &[]),
        ("{\"resourceSpans\":null}{}  \n", &[]),
        ("[]", &[]),
    ] {
        let (found, fault) = elements(text, None);
        assert_eq!(fault, None, "{text}");
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn known_formats_that_are_not_imported_are_named() {
    for (text, expected) in [
        ("{\"resourceMetrics\":[]}", METRICS),
        ("{\"took\":1,\"hits\":{}}", SEARCH),
        ("[{\"Name\":\"a\",\"SpanContext\":{}}]", PRINTED),
        // A span of OTLP without its request, and one of Jaeger's storage.
        ("{\"traceId\":\"1\",\"spanId\":\"2\"}", UNKNOWN),
        ("{\"traceId\":\"1\",\"operationName\":\"a\"}", UNKNOWN),
        ("{\"data\":7}", "expected a list"),
    ] {
        let (found, fault) = elements(text, None);
        assert_eq!(fault, None, "{text}");
        assert_eq!(found, [format!("1 rejected: {expected}")], "{text}");
    }
}

#[test]
fn an_unknown_element_is_rejected_with_its_line() {
    let (found, fault) = elements("[{\"id\":1},\n{\"a\":1},\n7]", None);
    assert_eq!(fault, None);
    assert_eq!(found.len(), 3);
    assert!(
        found[1].starts_with("2 rejected: is not OTLP, Jaeger or Zipkin JSON"),
        "{found:?}"
    );
    assert!(
        found[2].starts_with("3 rejected: is not OTLP, Jaeger or Zipkin JSON"),
        "{found:?}"
    );
}

#[test]
fn a_forced_format_rejects_others_and_accepts_unknown_elements() {
    let (found, _) = elements("[{\"a\":1},{\"traceID\":1}]", Some(Format::Zipkin));
    assert_eq!(found[0], "1 Zipkin {\"a\":1}");
    assert_eq!(
        found[1],
        "1 rejected: is Jaeger JSON, but --format is Zipkin JSON"
    );
}

#[test]
fn elements_before_a_fault_are_kept() {
    let (found, fault) = elements("{\"resourceSpans\":[{\"a\":1},\n{\"b\":", None);
    assert_eq!(found, ["1 OtlpSpans {\"a\":1}"]);
    assert_eq!(
        fault.as_deref(),
        Some("line 2: the text ends within a value")
    );
}

#[test]
fn other_formats_are_named() {
    let span = "{\"trace_id\":\"1\",\"start_ns\":\"1\"}";
    for (text, named) in [
        (
            format!("{{\"resource\":{{}},\"spans\":[{span}]}}"),
            "native batch",
        ),
        (
            "{\"name\":\"x\",\"context\":{\"trace_id\":\"0x1\"}}".to_owned(),
            "ConsoleSpanExporter",
        ),
        ("{\"traceEvents\":[]}".to_owned(), "Chrome"),
        ("{\"Traces\":[{\"Segments\":[]}]}".to_owned(), "X-Ray"),
    ] {
        let (found, error) = elements(&text, None);
        assert_eq!((found.len(), error), (1, None), "{text}");
        assert!(found[0].contains(named), "{}", found[0]);
    }
}
