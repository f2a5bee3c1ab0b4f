//! Decompresses `deflate`: one zlib stream (RFC 1950), which is all of the body.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// A reader of the decompressed bytes. It fails if the stream is cut or if bytes follow it.
pub(super) struct Inflate<'a> {
    input: &'a [u8],
    state: Decompress,
    is_done: bool,
}

impl<'a> Inflate<'a> {
    /// Creates a reader. Some clients send the bare stream (RFC 1951) instead: it is read if the
    /// input has no zlib header.
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            state: Decompress::new(has_zlib_header(input)),
            is_done: false,
        }
    }
}

/// Reports whether the bytes begin with a zlib header: the method is 8, and the check is right.
fn has_zlib_header(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

impl Read for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.is_empty() {
            return Ok(0);
        }
        let (read, written) = (self.state.total_in(), self.state.total_out());
        let status = self
            .state
            .decompress(self.input, buffer, FlushDecompress::None)?;
        let read = (self.state.total_in() - read) as usize;
        let written = (self.state.total_out() - written) as usize;
        self.input = self.input.get(read..).unwrap_or_default();
        self.is_done = status == Status::StreamEnd;
        if self.is_done && !self.input.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "bytes follow the stream",
            ));
        }
        if written == 0 && !self.is_done {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};

    use super::*;

    fn read(input: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Inflate::new(input).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn a_whole_stream_is_read_and_a_damaged_one_is_an_error() {
        for text in [&b""[..], b"x", &vec![7; 100_000]] {
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
            zlib.write_all(text).expect("memory");
            let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
            bare.write_all(text).expect("memory");
            for stream in [zlib.finish(), bare.finish()].map(|done| done.expect("memory")) {
                assert_eq!(read(&stream).expect("a stream"), text);
                assert!(read(&[&stream[..], b"!"].concat()).is_err());
                for end in 0..stream.len() {
                    assert!(read(&stream[..end]).is_err(), "{end} of {}", stream.len());
                }
            }
        }
    }
}
