//! Tests that each golden message of `fixtures/wire` is read and written back unchanged.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use throughline_codec::binary;
use throughline_codec::decode::decode_batch;
use throughline_wire::Limits;
use throughline_wire::{BatchAnswer, SpanBatch, UnixNanos};

const BATCHES: [&str; 6] = [
    "attributes",
    "clock",
    "error",
    "events",
    "minimal",
    "numbered",
];
const ANSWERS: [&str; 1] = ["answer"];

/// The time at which the messages were sent.
const NOW: UnixNanos = UnixNanos::new(1_767_225_605_000_000_000);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wire")
}

fn text(name: &str) -> String {
    let path = folder().join(name).with_extension("json");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn written_back<T: Serialize + DeserializeOwned>(name: &str) {
    let text = text(name);
    let message: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = serde_json::to_string_pretty(&message).expect("serialises") + "\n";
    assert_eq!(written, text, "{name}");
}

#[test]
fn every_message_is_written_back_to_the_same_text() {
    for name in BATCHES {
        written_back::<SpanBatch>(name);
    }
    for name in ANSWERS {
        written_back::<BatchAnswer>(name);
    }
}

#[test]
fn every_file_is_among_the_messages() {
    let mut found: Vec<_> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    let mut expected = [&BATCHES[..], &ANSWERS].concat();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn every_batch_passes_ingest_unchanged() {
    for name in BATCHES {
        let batch = decode_batch(text(name).as_bytes()).expect("a batch");
        let valid = batch.validate(&Limits::default(), NOW);
        assert_eq!(valid.rejected, [], "{name}");
        assert_eq!(valid.rejected_starts, [], "{name}");
        assert_eq!(valid.rejected_events, [], "{name}");
        let written = serde_json::to_string_pretty(&valid.batch).expect("serialises") + "\n";
        assert_eq!(written, text(name), "{name}");
    }
}

#[test]
fn every_span_passes_the_binary_form_unchanged() {
    for name in BATCHES {
        let mut batch: SpanBatch = serde_json::from_str(&text(name)).expect("a batch");
        for span in &mut batch.spans {
            let mut bytes = [Vec::new(), Vec::new(), Vec::new()];
            binary::encode_attributes(&span.attributes, &mut bytes[0]);
            binary::encode_events(&span.events, &mut bytes[1]);
            binary::encode_links(&span.links, &mut bytes[2]);
            span.attributes = binary::decode_attributes(&bytes[0]).expect("attributes");
            span.events = binary::decode_events(&bytes[1]).expect("events");
            span.links = binary::decode_links(&bytes[2]).expect("links");
        }
        let written = serde_json::to_string_pretty(&batch).expect("serialises") + "\n";
        assert_eq!(written, text(name), "{name}");
    }
}
