//! Tells what a file contains by its first bytes, and reads it accordingly.

use std::io::{self, BufRead, Read as _};

use super::elements::Sink;
use super::format::Format;
use super::messages::{self, Framing};
use super::{lines, text};

/// The number of bytes by which a file is judged.
const START_BYTES: u64 = 4 << 10;

/// The beginnings of binary files that are not imported, with the reason.
const OTHERS: [(&[u8], &str); 18] = [
    (b"PK\x03\x04", "is a ZIP archive; extract it first"),
    (b"\xfd7zXZ\0", "is compressed with xz; decompress it first"),
    (b"BZh", "is compressed with bzip2; decompress it first"),
    (
        b"\x04\x22\x4d\x18",
        "is compressed with lz4; decompress it first",
    ),
    (
        b"\x1f\x8b",
        "is compressed with gzip twice; decompress it first",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "is compressed with zstd twice; decompress it first",
    ),
    (b"\x78\x01", "is compressed with zlib; decompress it first"),
    (b"\x78\x9c", "is compressed with zlib; decompress it first"),
    (b"\x78\xda", "is compressed with zlib; decompress it first"),
    (b"PAR1", "is a Parquet file"),
    (b"Obj\x01", "is an Avro file"),
    (b"ARROW1", "is an Arrow file"),
    (b"SQLite format 3\0", "is an SQLite database"),
    (b"PGDMP", "is a dump of Postgres"),
    (
        b"TLBACKUP",
        "is a backup of Throughline; use `throughline restore`",
    ),
    (b"%PDF", "is a PDF file"),
    (b"\x89PNG", "is a PNG image"),
    (b"\x7fELF", "is a program"),
];

/// The content of a file.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Text,
    Messages(Framing),
    /// Something that is not imported, and the reason.
    Other(&'static str),
}

/// Passes every element of `input` to `sink`. Reports a part that cannot be read as a rejection.
///
/// # Errors
/// The input itself fails, or it is something that is not imported.
pub(super) fn read(
    mut input: impl BufRead,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut start = Vec::new();
    (&mut input).take(START_BYTES).read_to_end(&mut start)?;
    let content = content_of(&start);
    let input = io::Cursor::new(start).chain(input);
    match content {
        Content::Text => lines::read(input, forced, sink),
        Content::Messages(framing) => messages::read(input, framing, forced, sink),
        Content::Other(what) => Err(io::Error::new(io::ErrorKind::InvalidData, what)),
    }
}

fn content_of(start: &[u8]) -> Content {
    if let Some((_, what)) = OTHERS.iter().find(|(begin, _)| start.starts_with(begin)) {
        return Content::Other(what);
    }
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Content::Other("is text in UTF-16; convert it to UTF-8 first");
        }
        _ => {}
    }
    if start.get(257..262) == Some(b"ustar") {
        return Content::Other("is a tar archive; extract it first");
    }
    if !start.iter().any(|byte| is_control(*byte)) {
        return text::other(start).map_or(Content::Text, Content::Other);
    }
    match Framing::of(start) {
        Some(framing) => Content::Messages(framing),
        // Damaged text is reported with its line.
        None if matches!(start.trim_ascii_start(), [b'{' | b'[', ..]) => Content::Text,
        None => Content::Other("is a binary file that is not OTLP protobuf"),
    }
}

/// Reports whether JSON never contains this byte.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_imported_is_named() {
        let mut tar = vec![b'a'; 600];
        tar[100..257].fill(0);
        tar[257..262].copy_from_slice(b"ustar");
        for (start, named) in [
            (&b"PK\x03\x04\x14\0"[..], "ZIP"),
            (b"PAR1\x15\x04", "Parquet"),
            (b"\x1f\x8b\x08\0", "gzip twice"),
            (b"\x78\x9c\x03\0", "zlib"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"\0\x01\x02\x03\x04\x05\x06", "binary file"),
            (b"\x7fELF\x02", "program"),
            (b"TLBACKUP\x01", "restore"),
            (&tar, "tar"),
            (b"<!DOCTYPE html><title>Sign in</title>", "HTML"),
            (b"\n<?xml version=\"1.0\"?>", "XML"),
            (b"trace_id,span_id,name\n1,2,x\n", "CSV"),
            (b"2026-01-01 INFO started\n2026-01-01 INFO ended\n", "text"),
        ] {
            let Content::Other(what) = content_of(start) else {
                panic!("{named}: {:?}", content_of(start));
            };
            assert!(what.contains(named), "{what}");
        }
    }

    #[test]
    fn json_is_text_and_protobuf_is_read_as_messages() {
        for text in [
            "",
            "\n",
            "{\"resourceSpans\":[]}",
            "\u{feff}[\n",
            "nonsense\n{}",
            "\n{\n",
        ] {
            assert_eq!(content_of(text.as_bytes()), Content::Text, "{text:?}");
        }
        let message = b"\x0a\x12\x12\x10\x12\x0e\x0a\x0c............";
        let length = u8::try_from(message.len()).expect("small");
        let fixed = [&[0, 0, 0, length][..], message].concat();
        let varint = [&[length][..], message].concat();
        for (start, framing) in [
            (fixed, Framing::Fixed),
            (varint, Framing::Varint),
            (message.to_vec(), Framing::Bare),
            (b"\0\0\0\x14{\"resourceSpans\":[]}".to_vec(), Framing::Fixed),
            (b"\0\0\0\x99\x28\xb5\x2f\xfd\0".to_vec(), Framing::Fixed),
        ] {
            assert_eq!(content_of(&start), Content::Messages(framing));
        }
    }
}
