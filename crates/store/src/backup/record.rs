//! The records that a backup file consists of.
//!
//! A file is one zstd stream: eight bytes of magic, the version of the format as `u32`, then
//! records. A record is its kind (`u8`), the length of its payload (`u32`), the payload, and the
//! XXH3-64 of everything up to there, the magic included, so that a lost, moved or changed record
//! does not pass. Numbers are little-endian; a text is its length (`u32`) and its UTF-8.

/// The first bytes of a file.
pub(super) const MAGIC: [u8; 8] = *b"TLBACKUP";
/// The version of this format.
pub(super) const FORMAT: u32 = 1;
/// The longest payload: bounds what a reader holds.
pub(super) const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// One record, without its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// The first one: which program and which schema.
    Header {
        program: String,
        schema_version: i64,
        /// Tells schemas of one version apart, which there are before a release.
        schema_fingerprint: u64,
    },
    /// The last value of a sequence.
    Sequence { name: String, value: i64 },
    /// A partition that the rows of a table need, by the values of its partition key.
    Partition { table: String, key: Vec<i64> },
    /// The rows of a table follow.
    Table { name: String, columns: Vec<String> },
    /// The next bytes of the table, as `COPY ... (FORMAT binary)` writes them.
    Rows(Vec<u8>),
    /// The table is complete.
    TableEnd { row_count: u64 },
    /// The last one: the file is complete.
    End { table_count: u64, row_count: u64 },
}

impl Record {
    const HEADER: u8 = 1;
    const SEQUENCE: u8 = 2;
    const PARTITION: u8 = 3;
    const TABLE: u8 = 4;
    pub(super) const ROWS: u8 = 5;
    const TABLE_END: u8 = 6;
    const END: u8 = 7;

    /// Appends the payload to `out`; returns the kind.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::Header {
                program,
                schema_version,
                schema_fingerprint,
            } => {
                put_text(out, program);
                out.extend(schema_version.to_le_bytes());
                out.extend(schema_fingerprint.to_le_bytes());
                Self::HEADER
            }
            Self::Sequence { name, value } => {
                put_text(out, name);
                out.extend(value.to_le_bytes());
                Self::SEQUENCE
            }
            Self::Partition { table, key } => {
                put_text(out, table);
                put_length(out, key.len());
                out.extend(key.iter().flat_map(|value| value.to_le_bytes()));
                Self::PARTITION
            }
            Self::Table { name, columns } => {
                put_text(out, name);
                put_length(out, columns.len());
                for column in columns {
                    put_text(out, column);
                }
                Self::TABLE
            }
            Self::Rows(bytes) => {
                out.extend_from_slice(bytes);
                Self::ROWS
            }
            Self::TableEnd { row_count } => {
                out.extend(row_count.to_le_bytes());
                Self::TABLE_END
            }
            Self::End {
                table_count,
                row_count,
            } => {
                out.extend(table_count.to_le_bytes());
                out.extend(row_count.to_le_bytes());
                Self::END
            }
        }
    }

    /// Reads a payload; none when it is not one of `kind`.
    pub(super) fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let record = match kind {
            Self::HEADER => Self::Header {
                program: take_text(&mut rest)?,
                schema_version: i64::from_le_bytes(take(&mut rest)?),
                schema_fingerprint: u64::from_le_bytes(take(&mut rest)?),
            },
            Self::SEQUENCE => Self::Sequence {
                name: take_text(&mut rest)?,
                value: i64::from_le_bytes(take(&mut rest)?),
            },
            Self::PARTITION => Self::Partition {
                table: take_text(&mut rest)?,
                key: take_list(&mut rest, |rest| Some(i64::from_le_bytes(take(rest)?)))?,
            },
            Self::TABLE => Self::Table {
                name: take_text(&mut rest)?,
                columns: take_list(&mut rest, take_text)?,
            },
            Self::ROWS => Self::Rows(core::mem::take(&mut rest).to_vec()),
            Self::TABLE_END => Self::TableEnd {
                row_count: u64::from_le_bytes(take(&mut rest)?),
            },
            Self::END => Self::End {
                table_count: u64::from_le_bytes(take(&mut rest)?),
                row_count: u64::from_le_bytes(take(&mut rest)?),
            },
            _ => return None,
        };
        rest.is_empty().then_some(record)
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // Names and lists of the catalogue, which are far shorter.
    out.extend((length as u32).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (text, left) = rest.split_at_checked(length)?;
    *rest = left;
    String::from_utf8(text.to_vec()).ok()
}

/// Takes a list; a forged length ends with the payload.
fn take_list<T>(rest: &mut &[u8], take_one: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let length = u32::from_le_bytes(take(rest)?);
    (0..length).map(|_| take_one(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_back_and_a_truncated_one_is_rejected() {
        let records = [
            Record::Header {
                program: "1.2.3".to_owned(),
                schema_version: 4,
                schema_fingerprint: u64::MAX,
            },
            Record::Sequence {
                name: "block_ids".to_owned(),
                value: -1,
            },
            Record::Partition {
                table: "events".to_owned(),
                key: vec![i64::MIN, 7],
            },
            Record::Table {
                name: "traces".to_owned(),
                columns: vec!["a".to_owned(), String::new()],
            },
            Record::TableEnd { row_count: 9 },
            Record::End {
                table_count: 2,
                row_count: 9,
            },
        ];
        for record in records {
            let mut payload = Vec::new();
            let kind = record.encode(&mut payload);
            assert_eq!(Record::decode(kind, &payload), Some(record.clone()));
            for end in 0..payload.len() {
                assert_eq!(Record::decode(kind, &payload[..end]), None, "{record:?}");
            }
            payload.push(0);
            assert_eq!(Record::decode(kind, &payload), None, "{record:?}");
        }
        assert_eq!(Record::decode(0, &[]), None);
    }
}
