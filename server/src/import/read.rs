//! Reads files on a thread of its own. It decodes and validates elements and collects them into
//! batches.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use throughline_formats::otlp::{
    decode_json, decode_logs_json, decode_logs_protobuf, pack_protobuf,
};
use throughline_formats::{DecodeError, Request, Validated, jaeger, zipkin};
use throughline_store::SpanGroup;
use throughline_wire::Limits;
use throughline_wire::{TraceId, UnixNanos};
use tokio::sync::mpsc;

use super::elements::{Element, Sink};
use super::format::{Format, Kind};
use super::progress::Progress;
use super::report::SourceLocation;
use super::source::Source;
use super::{content, lines, otlp};
use crate::clock::Clock;

/// The number of spans at which a batch is sent.
const BATCH_SPANS: usize = 2_000;
/// The number of Zipkin spans that are decoded together: spans of one trace refer to one another.
const ZIPKIN_SPANS: usize = 1_000;
/// The size of the source text, in bytes, at which a batch is sent.
const BATCH_BYTES: usize = 4 << 20;

/// A message from the reading thread to the storing task.
#[derive(Debug)]
pub(super) enum Message {
    /// Spans to store.
    Batch(Batch),
    /// A number of spans that could not be read, with their location and the reason.
    Rejected(SourceLocation, u64, String),
    /// The end of a file, with its format, and the error if it was not read to its end.
    End(PathBuf, Option<Format>, Option<io::Error>),
}

/// Spans on their way into the store.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) groups: Vec<SpanGroup>,
    /// The location of each span, in order.
    pub(super) locations: Vec<SourceLocation>,
    /// The location of each log record, in order.
    pub(super) event_locations: Vec<SourceLocation>,
    /// The traces of its spans.
    pub(super) traces: Vec<TraceId>,
    bytes: usize,
}

/// The settings of the reader.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) format: Option<Format>,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    /// Set when the storing task has stopped.
    pub(super) stop: Arc<AtomicBool>,
}

/// Reads `files` one after the other and sends their content to `out`.
pub(super) fn read_files(
    files: Vec<PathBuf>,
    settings: &Settings,
    progress: &Progress,
    out: &mpsc::Sender<Message>,
) {
    for file in files {
        if settings.stop.load(Ordering::Relaxed) {
            return;
        }
        let mut reader = Reader {
            file: Arc::from(file.as_path()),
            settings,
            progress,
            out,
            batch: Batch::default(),
            zipkin: Zipkin::default(),
            format: None,
            is_of_messages: false,
        };
        let error = Source::open(&file, &settings.stop)
            .and_then(|source| {
                progress.begin(&file, &source);
                content::read(source.text, settings.format, &mut reader)
            })
            .err();
        reader.flush_zipkin();
        reader.flush();
        let format = reader.format;
        progress.end();
        // This fails only if the storing task has given up.
        let _ = out.blocking_send(Message::End(file, format, error));
    }
}

struct Reader<'a> {
    file: Arc<std::path::Path>,
    settings: &'a Settings,
    progress: &'a Progress,
    out: &'a mpsc::Sender<Message>,
    batch: Batch,
    zipkin: Zipkin,
    format: Option<Format>,
    /// True if the file has messages instead of lines.
    is_of_messages: bool,
}

/// Zipkin spans that wait to be decoded: the JSON list so far, and their lines.
#[derive(Default)]
struct Zipkin {
    list: Vec<u8>,
    lines: Vec<u64>,
}

impl Sink for Reader<'_> {
    fn element(&mut self, element: Element) {
        let Element { kind, line, text } = element;
        self.format.get_or_insert(kind.format());
        if kind != Kind::Zipkin {
            self.flush_zipkin();
        }
        match kind {
            Kind::OtlpSpans => match otlp::split_entry(otlp::SPANS, &text, line) {
                Ok(parts) => {
                    for part in parts {
                        let at = |index: usize| (part.lines.get(index).copied(), None);
                        let count = part.lines.len();
                        self.decoded(decode_json(&part.body), part.body.len(), line, count, at);
                    }
                }
                Err(fault) => self.reject(line, fault.to_string()),
            },
            Kind::OtlpLogs => match otlp::split_entry(otlp::LOGS, &text, line) {
                Ok(parts) => {
                    for part in parts {
                        let at = |index: usize| (part.lines.get(index).copied(), None);
                        let (count, bytes) = (part.lines.len(), part.body.len());
                        self.decoded(decode_logs_json(&part.body), bytes, line, count, at);
                    }
                }
                Err(fault) => self.reject(line, fault.to_string()),
            },
            Kind::ProtobufSpans => {
                let now = self.settings.clock.now();
                let packed = pack_protobuf(&text, &self.settings.limits, now);
                self.decoded_at(now, packed, text.len(), line, 1, |index| {
                    (None, Some(index))
                });
            }
            Kind::ProtobufLogs => {
                let at = |index| (None, Some(index));
                self.decoded(decode_logs_protobuf(&text), text.len(), line, 1, at);
            }
            Kind::Jaeger => {
                let at = |index| (None, Some(index));
                self.decoded(jaeger::decode(&text), text.len(), line, 1, at);
            }
            Kind::Zipkin => self.zipkin(line, &text),
        }
        self.progress.tick();
    }

    fn reject(&mut self, line: u64, reason: String) {
        self.rejected(line, None, 1, reason);
    }

    fn number_messages(&mut self) {
        self.is_of_messages = true;
    }
}

impl Reader<'_> {
    /// Takes the decoded spans of an element on `line`. `at` returns the line of a span, or its
    /// number within the element, for its index in the request. An element that cannot be decoded
    /// at all counts as `count` spans.
    fn decoded(
        &mut self,
        decoded: Result<Request, DecodeError>,
        bytes: usize,
        line: u64,
        count: usize,
        at: impl Fn(usize) -> (Option<u64>, Option<usize>),
    ) {
        let now = self.settings.clock.now();
        self.decoded_at(now, decoded, bytes, line, count, at);
    }

    /// Takes the decoded spans like [`Self::decoded`]. `now` is the time of packed spans.
    fn decoded_at(
        &mut self,
        now: UnixNanos,
        decoded: Result<Request, DecodeError>,
        bytes: usize,
        line: u64,
        count: usize,
        at: impl Fn(usize) -> (Option<u64>, Option<usize>),
    ) {
        let request = match decoded {
            Ok(request) => request,
            Err(error) => {
                self.rejected(line, None, count.max(1) as u64, error.to_string());
                return;
            }
        };
        let Validated {
            groups,
            rejected,
            indexes,
            event_indexes,
        } = request.validate(&self.settings.limits, now);
        for rejection in rejected {
            let (own, index) = at(rejection.index);
            self.rejected(own.unwrap_or(line), index, 1, rejection.reason);
        }
        let (file, is_message) = (&self.file, self.is_of_messages);
        let location = |index| {
            let (own, span) = at(index);
            SourceLocation {
                file: Arc::clone(file),
                line: own.unwrap_or(line),
                is_message,
                span,
            }
        };
        self.batch
            .locations
            .extend(indexes.into_iter().map(location));
        let events = event_indexes.into_iter().map(location);
        self.batch.event_locations.extend(events);
        for group in &groups {
            let spans = group.spans.iter().map(|span| span.trace_id);
            self.batch.traces.extend(spans);
            let packed = group.packed.iter().map(|span| span.trace_id);
            self.batch.traces.extend(packed);
        }
        self.batch.groups.extend(groups);
        self.batch.bytes += bytes;
        let items = self.batch.locations.len() + self.batch.event_locations.len();
        if items >= BATCH_SPANS || self.batch.bytes >= BATCH_BYTES {
            self.flush();
        }
    }

    fn rejected(&mut self, line: u64, span: Option<usize>, count: u64, reason: String) {
        let file = Arc::clone(&self.file);
        let location = SourceLocation {
            file,
            line,
            is_message: self.is_of_messages,
            span,
        };
        let _ = self
            .out
            .blocking_send(Message::Rejected(location, count, reason));
    }

    /// Holds a Zipkin span until there are enough to decode.
    fn zipkin(&mut self, line: u64, text: &[u8]) {
        // A span that is not JSON would make the whole group fail.
        if let Err(error) = lines::whole(text) {
            self.reject(line, error.to_string());
            return;
        }
        let Zipkin { list, lines } = &mut self.zipkin;
        list.push(if lines.is_empty() { b'[' } else { b',' });
        list.extend_from_slice(text);
        lines.push(line);
        if lines.len() >= ZIPKIN_SPANS || list.len() >= BATCH_BYTES {
            self.flush_zipkin();
        }
    }

    fn flush_zipkin(&mut self) {
        let Zipkin { mut list, lines } = core::mem::take(&mut self.zipkin);
        let Some(first) = lines.first().copied() else {
            return;
        };
        list.push(b']');
        let at = |index: usize| (lines.get(index).copied(), None);
        self.decoded(zipkin::decode(&list), list.len(), first, lines.len(), at);
    }

    fn flush(&mut self) {
        let mut batch = core::mem::take(&mut self.batch);
        if batch.groups.is_empty() {
            return;
        }
        batch.traces.sort_unstable();
        batch.traces.dedup();
        let _ = self.out.blocking_send(Message::Batch(batch));
    }
}
