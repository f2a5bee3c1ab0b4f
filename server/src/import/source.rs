//! The input of an import: a file or standard input; plain, gzip or zstd, detected by the first
//! bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// The size of the read buffer, in bytes.
const BUFFER_BYTES: usize = 256 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An open input.
pub(super) struct Source {
    /// The text, decompressed.
    pub(super) text: Box<dyn BufRead>,
    /// The bytes read from the file so far, before decompression.
    pub(super) taken: Arc<AtomicU64>,
    /// The size of the file in bytes, if it is known.
    pub(super) size: Option<u64>,
}

impl Source {
    /// Opens `path`; `-` is standard input. Reading fails once `stop` is set.
    pub(super) fn open(path: &Path, stop: &Arc<AtomicBool>) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new(io::stdin(), None, stop);
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"));
        }
        Self::new(file, meta.is_file().then_some(meta.len()), stop)
    }

    fn new(
        input: impl Read + 'static,
        size: Option<u64>,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            input,
            taken: Arc::clone(&taken),
            stop: Arc::clone(stop),
        };
        let mut raw = BufReader::with_capacity(BUFFER_BYTES, counted);
        let start = raw.fill_buf()?;
        let text: Box<dyn BufRead> = if start.starts_with(&GZIP) {
            Box::new(BufReader::with_capacity(
                BUFFER_BYTES,
                MultiGzDecoder::new(raw),
            ))
        } else if start.starts_with(&ZSTD) {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        } else {
            Box::new(raw)
        };
        Ok(Self { text, taken, size })
    }
}

struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the import has stopped"));
        }
        let count = self.input.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
