//! Tests of decoding, of bounds, and of the reports about faulty and unknown parameters.

use proptest::prelude::*;
use throughline_wire::Limits;

use super::*;

fn read(text: &str) -> Decoded<(Option<String>, Option<u8>)> {
    Query::parse(text).decode(|parameters| {
        let service = parameters.exact("service").map(str::to_owned);
        (service, parameters.parsed("limit", str::parse))
    })
}

proptest! {
    #[test]
    fn a_written_query_reads_back(pairs in prop::collection::vec(("\\PC{1,8}", any::<String>()), 0..4)) {
        let href = href("/traces", pairs.iter().map(|(name, value)| (name, value)));
        prop_assert!(href.is_ascii());
        prop_assert_eq!(Query::parse(&href["/traces".len()..]), pairs.into_iter().collect());
    }

    #[test]
    fn any_text_is_a_query(text in "[?a-c=&%+0-9f\\PC]{0,40}") {
        let _ = read(&text).strict();
    }
}

#[test]
fn escapes_are_decoded_once_and_invalid_ones_stay() {
    let query = Query::parse("?a=%2525&b=1+2&c=%zz&&=&d&%ff=x");
    let pairs: Vec<_> = query.pairs().collect();
    let expected = [
        ("a", "%25"),
        ("b", "1 2"),
        ("c", "%zz"),
        ("", ""),
        ("d", ""),
        ("\u{fffd}", "x"),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(href("/traces", [("", ""); 0]), "/traces");
}

#[test]
fn the_last_value_counts_and_an_empty_one_is_absent() {
    let decoded = read("service=a&service=+b+&service=&limit=x&limit=+7+");
    assert_eq!(decoded.value, (Some(" b ".to_owned()), Some(7)));
    assert_eq!(decoded.faults, Faults::default());
    assert_eq!(read("limit=+").value, (None, None));
}

#[test]
fn a_fault_names_its_parameter_and_the_value_counts_as_absent() {
    let decoded = read("service=a%00b&limit=300");
    assert_eq!(decoded.value, (None, None));
    let faults = decoded.lenient().expect_err("is faulty");
    let names: Vec<_> = faults.as_slice().iter().map(|f| &f.parameter).collect();
    assert_eq!(names, ["service", "limit"]);
    assert!(faults.to_string().starts_with("service: has a NUL"));
}

#[test]
fn every_name_that_ingest_keeps_fits_into_a_parameter() {
    let limits = Limits::default();
    let longest = limits.name_chars.max(limits.key_chars) * char::MAX.len_utf8();
    let name = "x".repeat(longest);
    assert_eq!(read(&format!("service={name}")).value.0, Some(name));
    let over = "x".repeat(MAX_TEXT_BYTES + 1);
    let faults = read(&format!("service={over}")).faults;
    assert!(faults.to_string().contains("10240 bytes"), "{faults}");
}

#[test]
fn unknown_parameters_are_reported_or_refused() {
    let decoded = read("servcie=a&utm_source=b&utm_source=c");
    let unknown = decoded.unknown.first.iter().map(ToString::to_string);
    let unknown: Vec<_> = unknown.collect();
    assert_eq!(unknown, ["servcie (did you mean service?)", "utm_source"]);
    assert!(decoded.clone().lenient().is_ok());
    let refused = decoded.strict().expect_err("is strict").to_string();
    assert!(
        refused.contains("utm_source: there is no such parameter; there are service, limit"),
        "{refused}"
    );
    let nothing = Query::parse("a=1").decode(|_| ()).strict();
    assert!(
        nothing
            .expect_err("is strict")
            .to_string()
            .contains("takes none")
    );
}

#[test]
fn a_report_has_a_bounded_length_whatever_is_sent() {
    let long = "n".repeat(5_000);
    let many: String = (0..9_000)
        .map(|at| format!("{at}{long}&"))
        .take(100)
        .collect();
    let report = read(&many).strict().expect_err("is strict").to_string();
    assert!(report.len() < 2_000, "{} bytes", report.len());
    let value = "v".repeat(9_000);
    let report = read(&format!("limit={value}")).faults.to_string();
    assert!(report.len() < 200, "{report}");
}
