//! Writes and reads the records of a backup file, compressed and with their checksums.

use std::io::{self, BufReader, Read, Write};

use xxhash_rust::xxh3::Xxh3Default;

use super::BackupError;
use super::record::{FORMAT, MAGIC, MAX_PAYLOAD_BYTES, Record};

/// Most of a backup are blocks, which are compressed already.
const ZSTD_LEVEL: i32 = 1;

/// Writes a backup file.
pub(super) struct FileWriter<W: Write> {
    out: zstd::Encoder<'static, W>,
    checksum: Xxh3Default,
    /// Bytes of a table that wait to become a record.
    rows: Vec<u8>,
}

impl<W: Write> FileWriter<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = Self {
            out: zstd::Encoder::new(out, ZSTD_LEVEL)?,
            checksum: Xxh3Default::new(),
            rows: Vec::with_capacity(MAX_PAYLOAD_BYTES),
        };
        writer.write(&MAGIC)?;
        writer.write(&FORMAT.to_le_bytes())?;
        Ok(writer)
    }

    pub(super) fn record(&mut self, record: &Record) -> io::Result<()> {
        self.flush_rows()?;
        let mut payload = Vec::new();
        let kind = record.encode(&mut payload);
        self.payload(kind, &payload)
    }

    /// Writes bytes of the present table.
    pub(super) fn rows(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let space = MAX_PAYLOAD_BYTES - self.rows.len();
            let (now, later) = bytes.split_at(space.min(bytes.len()));
            self.rows.extend_from_slice(now);
            bytes = later;
            if self.rows.len() == MAX_PAYLOAD_BYTES {
                self.flush_rows()?;
            }
        }
        Ok(())
    }

    /// Ends the stream; without this the file is recognised as incomplete.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush_rows()?;
        self.out.finish()?.flush()
    }

    fn flush_rows(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut rows = core::mem::take(&mut self.rows);
        self.payload(Record::ROWS, &rows)?;
        rows.clear();
        self.rows = rows;
        Ok(())
    }

    fn payload(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        self.write(&[kind])?;
        self.write(&(payload.len() as u32).to_le_bytes())?;
        self.write(payload)?;
        let checksum = self.checksum.digest();
        self.out.write_all(&checksum.to_le_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads a backup file.
pub(super) struct FileReader<R: Read> {
    input: zstd::Decoder<'static, BufReader<R>>,
    checksum: Xxh3Default,
    /// The table that is read, for messages.
    place: String,
}

impl<R: Read> FileReader<R> {
    pub(super) fn new(input: R) -> Result<Self, BackupError> {
        let mut reader = Self {
            input: zstd::Decoder::new(input)?,
            checksum: Xxh3Default::new(),
            place: "at its beginning".to_owned(),
        };
        let magic: [u8; 8] = reader.take().map_err(|error| match error {
            BackupError::Damaged(_) => BackupError::NotABackup,
            other => other,
        })?;
        if magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        match u32::from_le_bytes(reader.take()?) {
            FORMAT => Ok(reader),
            other => Err(BackupError::UnknownFormat(other)),
        }
    }

    /// Reads the next record.
    pub(super) fn record(&mut self) -> Result<Record, BackupError> {
        let [kind] = self.take()?;
        let length = u32::from_le_bytes(self.take()?) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(self.damaged());
        }
        let mut payload = vec![0; length];
        self.fill(&mut payload)?;
        self.checksum.update(&payload);
        let expected = self.checksum.digest();
        let mut checksum = [0; 8];
        self.fill(&mut checksum)?;
        if u64::from_le_bytes(checksum) != expected {
            return Err(self.damaged());
        }
        let record = Record::decode(kind, &payload).ok_or_else(|| self.damaged())?;
        if let Record::Table { name, .. } = &record {
            self.place = format!("in table {name}");
        }
        Ok(record)
    }

    /// Makes sure that nothing follows, and with that of the checksum over the whole stream.
    pub(super) fn end(mut self) -> Result<(), BackupError> {
        "at its end".clone_into(&mut self.place);
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged()),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// The error for content that was not written like this.
    pub(super) fn damaged(&self) -> BackupError {
        BackupError::Damaged(self.place.clone())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.input
            .read_exact(bytes)
            .map_err(|error| self.fault(error))
    }

    /// Tells what the operating system says from what zstd says.
    fn fault(&self, error: io::Error) -> BackupError {
        if error.raw_os_error().is_some() {
            BackupError::File(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            BackupError::Truncated
        } else {
            self.damaged()
        }
    }
}
