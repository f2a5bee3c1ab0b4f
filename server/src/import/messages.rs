//! Reads files of messages: those of the Collector's file exporter in protobuf or compressed, and
//! those of delimited protobuf.
//!
//! The exporter writes each message after its length, four bytes in big-endian order, and compresses
//! each one by itself ("File Exporter", `file_writer.go`). OpenTelemetry's specification of the file
//! exporter has a length as a varint instead. A file may also be one message.

use std::io::{self, BufRead, Read};

use throughline_formats::Signal;
use throughline_formats::otlp::split_protobuf;

use super::elements::{ELEMENT_BYTES, Element, Sink, walk};
use super::format::{Format, Kind};
use super::lines::note;
use super::recognise::METRICS;
use super::scan::Scanner;

/// The first byte of a message in protobuf: field 1, length-delimited.
const FIRST_FIELD: u8 = 0x0a;
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The form of the lengths before messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Four bytes in big-endian order.
    Fixed,
    /// A varint of protobuf.
    Varint,
    /// The whole file is one message.
    Bare,
}

impl Framing {
    /// Returns the framing of a file that begins with `start`.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let begins = |message: &[u8]| {
            matches!(message, [FIRST_FIELD | b'{', ..]) || message.starts_with(&ZSTD)
        };
        // A length whose first byte is 10 or more is beyond the limit, so that this is not a message
        // without a length.
        if let [high, _, _, _, message @ ..] = start
            && *high < FIRST_FIELD
            && begins(message)
        {
            return Some(Self::Fixed);
        }
        if let Some((length, message)) = varint(start)
            && length > 1
            && message.first() == Some(&FIRST_FIELD)
            && start.first() != Some(&FIRST_FIELD)
        {
            return Some(Self::Varint);
        }
        (start.first() == Some(&FIRST_FIELD)).then_some(Self::Bare)
    }
}

/// Returns the number at the start of `bytes`, and the rest.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

/// Passes every element of every message to `sink`. The position of an element is the number of its
/// message, from 1.
///
/// # Errors
/// The input itself fails.
pub(super) fn read(
    mut input: impl BufRead,
    framing: Framing,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    sink.number_messages();
    let mut message = Vec::new();
    for number in 1.. {
        if input.fill_buf()?.is_empty() {
            return Ok(());
        }
        let length = match next_length(&mut input, framing)? {
            Some(length) if length <= ELEMENT_BYTES as u64 => length,
            _ => {
                sink.reject(number, "does not begin with a length".to_owned());
                return Ok(());
            }
        };
        message.clear();
        let read = (&mut input).take(length).read_to_end(&mut message)? as u64;
        if read < length && framing != Framing::Bare {
            sink.reject(number, format!("ends after {read} of {length} bytes"));
            return Ok(());
        }
        if framing == Framing::Bare && !input.fill_buf()?.is_empty() {
            let limit_mib = ELEMENT_BYTES >> 20;
            sink.reject(number, format!("is larger than {limit_mib} MiB"));
            return Ok(());
        }
        pass(&message, number, forced, sink)?;
    }
    Ok(())
}

/// Reads the length of the next message. Returns `None` if it cannot be read.
fn next_length(input: &mut impl BufRead, framing: Framing) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    Ok(match framing {
        Framing::Bare => Some(ELEMENT_BYTES as u64),
        Framing::Fixed => {
            input.take(4).read_to_end(&mut bytes)?;
            <[u8; 4]>::try_from(bytes)
                .ok()
                .map(|bytes| u64::from(u32::from_be_bytes(bytes)))
        }
        Framing::Varint => {
            while bytes.len() < 5 && bytes.last().is_none_or(|byte| *byte >= 0x80) {
                if input.by_ref().take(1).read_to_end(&mut bytes)? == 0 {
                    break;
                }
            }
            varint(&bytes).map(|(length, _)| length)
        }
    })
}

/// Passes the elements of one message to `sink`.
fn pass(
    message: &[u8],
    number: u64,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let decompressed = match decompressed(message) {
        Ok(decompressed) => decompressed,
        Err(reason) => {
            sink.reject(number, reason);
            return Ok(());
        }
    };
    let message = decompressed.as_deref().unwrap_or(message);
    if message.starts_with(b"{") {
        return note(walk(&mut Scanner::new(message, number), forced, sink), sink);
    }
    for entry in split_protobuf(message) {
        match entry {
            Err(error) => sink.reject(number, format!("is not OTLP protobuf: {error}")),
            Ok(entry) => match (entry.signal, forced) {
                (_, Some(Format::Jaeger | Format::Zipkin)) => {
                    sink.reject(
                        number,
                        "is OTLP protobuf, but --format is another".to_owned(),
                    );
                }
                (None, _) => sink.reject(number, METRICS.to_owned()),
                (Some(signal), _) => sink.element(Element {
                    kind: match signal {
                        Signal::Traces => Kind::ProtobufSpans,
                        Signal::Logs => Kind::ProtobufLogs,
                    },
                    line: number,
                    text: entry.body,
                }),
            },
        }
    }
    Ok(())
}

/// Returns the decompressed message, or `None` if it is not compressed.
fn decompressed(message: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if !message.starts_with(&ZSTD) {
        return Ok(None);
    }
    let mut out = Vec::new();
    let damaged = |error: io::Error| format!("is damaged: {error}");
    zstd::stream::read::Decoder::with_buffer(message)
        .map_err(damaged)?
        .take(ELEMENT_BYTES as u64 + 1)
        .read_to_end(&mut out)
        .map_err(damaged)?;
    if out.len() > ELEMENT_BYTES {
        return Err(format!("is larger than {} MiB", ELEMENT_BYTES >> 20));
    }
    Ok(Some(out))
}
