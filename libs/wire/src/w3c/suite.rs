//! The cases of the W3C Trace Context test suite (level 2, strict level 2) for reading and writing
//! the headers, each under the suite's own name.

use super::{TraceParent, TraceState};

const TRACE_ID: &str = "12345678901234567890123456789012";

/// Returns true if a receiver continues the trace when the header has these values.
fn is_continued(headers: &[&str]) -> bool {
    match TraceParent::from_headers(headers.iter().copied()) {
        Ok(Some(parent)) => {
            assert_eq!(parent.trace_id.to_string(), TRACE_ID);
            true
        }
        Ok(None) | Err(_) => false,
    }
}

fn continued(header: &str) {
    assert!(is_continued(&[header]), "{header:?} is valid");
}

fn restarted(header: &str) {
    assert!(!is_continued(&[header]), "{header:?} is not valid");
}

/// Returns the state that a receiver passes on. It discards an unreadable state as a whole.
fn state(headers: &[&str]) -> TraceState {
    TraceState::from_headers(headers.iter().copied()).unwrap_or_default()
}

fn sent(headers: &[&str]) -> String {
    state(headers).to_string()
}

#[test]
fn both_traceparent_and_tracestate_missing() {
    assert!(!is_continued(&[]));
    assert!(state(&[]).is_empty());
}

#[test]
fn traceparent_duplicated() {
    assert!(!is_continued(&[
        "00-12345678901234567890123456789011-1234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456-01",
    ]));
}

#[test]
fn traceparent_version_0x00() {
    continued("00-12345678901234567890123456789012-1234567890123456-01");
    restarted("00-12345678901234567890123456789012-1234567890123456-01.");
    restarted(
        "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
    );
}

#[test]
fn traceparent_version_0xcc() {
    continued("cc-12345678901234567890123456789012-1234567890123456-01");
    continued(
        "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
    );
    restarted(
        "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
    );
}

#[test]
fn traceparent_version_0xff() {
    restarted("ff-12345678901234567890123456789012-1234567890123456-01");
}

#[test]
fn traceparent_version_illegal_characters() {
    restarted(".0-12345678901234567890123456789012-1234567890123456-01");
    restarted("0.-12345678901234567890123456789012-1234567890123456-01");
}

#[test]
fn traceparent_version_too_long_or_too_short() {
    restarted("000-12345678901234567890123456789012-1234567890123456-01");
    restarted("0000-12345678901234567890123456789012-1234567890123456-01");
    restarted("0-12345678901234567890123456789012-1234567890123456-01");
}

#[test]
fn traceparent_trace_id_all_zero() {
    restarted("00-00000000000000000000000000000000-1234567890123456-01");
}

#[test]
fn traceparent_trace_id_illegal_characters() {
    restarted("00-.2345678901234567890123456789012-1234567890123456-01");
    restarted("00-1234567890123456789012345678901.-1234567890123456-01");
}

#[test]
fn traceparent_trace_id_too_long_or_too_short() {
    restarted("00-123456789012345678901234567890123-1234567890123456-01");
    restarted("00-1234567890123456789012345678901-1234567890123456-01");
}

#[test]
fn traceparent_parent_id_all_zero() {
    restarted("00-12345678901234567890123456789012-0000000000000000-01");
}

#[test]
fn traceparent_parent_id_illegal_characters() {
    restarted("00-12345678901234567890123456789012-.234567890123456-01");
    restarted("00-12345678901234567890123456789012-123456789012345.-01");
}

#[test]
fn traceparent_parent_id_too_long_or_too_short() {
    restarted("00-12345678901234567890123456789012-12345678901234567-01");
    restarted("00-12345678901234567890123456789012-123456789012345-01");
}

#[test]
fn traceparent_trace_flags_illegal_characters() {
    restarted("00-12345678901234567890123456789012-1234567890123456-.0");
    restarted("00-12345678901234567890123456789012-1234567890123456-0.");
}

#[test]
fn traceparent_trace_flags_too_long_or_too_short() {
    restarted("00-12345678901234567890123456789012-1234567890123456-001");
    restarted("00-12345678901234567890123456789012-1234567890123456-1");
}

#[test]
fn traceparent_ows_handling() {
    for (before, after) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        continued(&format!(
            "{before}00-12345678901234567890123456789012-1234567890123456-01{after}"
        ));
    }
}

#[test]
fn propagates_random_flag() {
    let header = "00-12345678901234567890123456789012-1234567890123456-02";
    let parent = TraceParent::parse(header).expect("valid");
    assert!(parent.flags.is_random() && !parent.flags.is_sampled());
    assert_eq!(parent.to_string(), header);
}

#[test]
fn tracestate_empty_header() {
    assert_eq!(sent(&[""]), "");
    assert_eq!(sent(&["foo=1", ""]), "foo=1");
    assert_eq!(sent(&["", "foo=1"]), "foo=1");
}

#[test]
fn tracestate_multiple_headers_different_keys() {
    assert_eq!(
        sent(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"]),
        "foo=1,bar=2,rojo=1,congo=2,baz=3"
    );
}

#[test]
fn tracestate_duplicated_keys() {
    assert_eq!(sent(&["foo=1,foo=1"]), "foo=1");
    assert_eq!(sent(&["foo=1,foo=2"]), "foo=1");
    assert_eq!(sent(&["foo=1", "foo=1"]), "foo=1");
    assert_eq!(sent(&["foo=1", "foo=2"]), "foo=1");
}

#[test]
fn tracestate_all_allowed_characters() {
    let value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    for key in [
        "abcdefghijklmnopqrstuvwxyz0123456789_-*/",
        "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/",
    ] {
        let member = format!("{key}={value}");
        assert_eq!(state(&[&member]).get(key), Some(value.as_str()));
        assert_eq!(sent(&[&member]), member);
    }
}

#[test]
fn tracestate_ows_handling() {
    for header in [
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
    ] {
        assert_eq!(sent(&[header]), "foo=1,bar=2,baz=3");
    }
    for header in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        assert_eq!(sent(&[header]), "foo=1");
    }
}

#[test]
fn tracestate_key_illegal_characters() {
    for header in ["foo =1", "FOO=1", "foo.bar=1"] {
        assert_eq!(sent(&[header]), "");
    }
}

#[test]
fn tracestate_key_illegal_vendor_format() {
    for header in ["foo@=1,bar=2", "foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2"] {
        assert_eq!(sent(&[header]), header);
    }
    assert_eq!(sent(&["@foo=1,bar=2"]), "");
}

#[test]
fn tracestate_member_count_limit() {
    let members: Vec<_> = (1..=33).map(|at| format!("bar{at:02}={at:02}")).collect();
    let headers = |count| -> Vec<String> {
        let kept: &[String] = &members[..count];
        kept.chunks(10).map(|some| some.join(",")).collect()
    };
    let thirty_two = headers(32);
    let thirty_two: Vec<_> = thirty_two.iter().map(String::as_str).collect();
    assert_eq!(state(&thirty_two).len(), 32);
    let thirty_three = headers(33);
    let thirty_three: Vec<_> = thirty_three.iter().map(String::as_str).collect();
    assert_eq!(sent(&thirty_three), "");
}

#[test]
fn tracestate_key_length_limit() {
    for key in [
        "z".repeat(256),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("t@{}", "v".repeat(15)),
    ] {
        let found = state(&["foo=1", &format!("{key}=1")]);
        assert_eq!((found.get("foo"), found.get(&key)), (Some("1"), Some("1")));
    }
    assert_eq!(sent(&["foo=1", &format!("{}=1", "z".repeat(257))]), "");
}

#[test]
fn tracestate_value_illegal_characters() {
    assert_eq!(sent(&["foo=bar=baz"]), "");
    assert_eq!(sent(&["foo=,bar=3"]), "");
}
