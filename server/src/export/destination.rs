//! The destination of an export: standard output, or a file that gets its name only when it is
//! complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 256 << 10;
/// The default compression level of `zstd`.
const ZSTD_LEVEL: i32 = 3;

/// An open destination. [`Destination::finish`] gives a file its final name.
pub struct Destination {
    out: Encoder,
    /// The temporary name of the file, and its final name.
    names: Option<(PathBuf, PathBuf)>,
}

enum Encoder {
    Plain(BufWriter<Box<dyn Write + Send>>),
    Gzip(GzEncoder<BufWriter<Box<dyn Write + Send>>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<Box<dyn Write + Send>>>),
}

impl Destination {
    /// Opens the file `path`, compressed if its name ends in `.gz` or `.zst`. `None` and `-` are
    /// standard output.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let out = BufWriter::with_capacity(BUFFER_BYTES, Box::new(io::stdout()) as Box<_>);
            return Ok(Self {
                out: Encoder::Plain(out),
                names: None,
            });
        };
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".part");
        let unfinished = PathBuf::from(unfinished);
        let file: Box<dyn Write + Send> = Box::new(File::create(&unfinished)?);
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let out = match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Encoder::Gzip(GzEncoder::new(out, Compression::default())),
            Some("zst") => Encoder::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?),
            _ => Encoder::Plain(out),
        };
        Ok(Self {
            out,
            names: Some((unfinished, path.to_owned())),
        })
    }

    /// Writes the rest and gives the file its final name.
    ///
    /// # Errors
    /// An I/O error. The file keeps its temporary name then.
    pub fn finish(mut self) -> io::Result<()> {
        let mut out = match self.out {
            Encoder::Plain(out) => out,
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Zstd(encoder) => encoder.finish()?,
        };
        out.flush()?;
        drop(out);
        match self.names.take() {
            Some((unfinished, name)) => fs::rename(unfinished, name),
            None => Ok(()),
        }
    }

    /// Removes the unfinished file.
    pub fn abandon(self) {
        drop(self.out);
        if let Some((unfinished, _)) = self.names {
            // The name of a leftover file marks it as incomplete.
            let _ = fs::remove_file(unfinished);
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Encoder::Plain(out) => out.write(bytes),
            Encoder::Gzip(out) => out.write(bytes),
            Encoder::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Encoder::Plain(out) => out.flush(),
            Encoder::Gzip(out) => out.flush(),
            Encoder::Zstd(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_file_appears_once_it_is_complete_and_is_compressed_by_its_extension() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.json", "a.json.gz", "a.json.zst"] {
            let path = folder.path().join(name);
            let mut destination = Destination::open(Some(&path)).expect("opens");
            destination.write_all(b"hello").expect("writes");
            assert!(!path.exists(), "{name}");
            destination.finish().expect("finishes");
            let bytes = fs::read(&path).expect("is there");
            let mut text = Vec::new();
            match name {
                "a.json" => text = bytes,
                "a.json.gz" => {
                    let mut decoder = flate2::read::GzDecoder::new(&bytes[..]);
                    decoder.read_to_end(&mut text).expect("gzip");
                }
                _ => text = zstd::stream::decode_all(&bytes[..]).expect("zstd"),
            }
            assert_eq!(text, b"hello", "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
    }

    #[test]
    fn an_abandoned_output_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let mut destination = Destination::open(Some(&path)).expect("opens");
        destination.write_all(b"hello").expect("writes");
        destination.abandon();
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
