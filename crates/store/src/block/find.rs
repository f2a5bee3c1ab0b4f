//! Finds the spans of one trace. Reads the slice of the skeleton from each block that has spans of
//! the trace, and the columns on request.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::table::report_corrupt;
use super::{
    ColumnKind, Columns, Corrupt, Directory, PruneData, Skeleton, SpanDecoder, SpanRecord,
};

/// A trace with the range of blocks and start times that can contain its spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceInBlocks {
    pub tenant: Uuid,
    pub trace_id: Uuid,
    /// The first block of the trace. Older blocks may contain spans of a removed trace with the
    /// same ID.
    pub first_block_id: i64,
    /// The start of the earliest span, in ns since 1970. `last_ns` is the start of the latest span.
    pub first_ns: i64,
    pub last_ns: i64,
}

/// The spans of a trace in one block.
#[derive(Debug, FromRow)]
pub(crate) struct TracePart {
    pub id: i64,
    received_day: i32,
    /// The class of the partition. `None` in level 0.
    class: Option<i16>,
    /// The values of the whole block.
    #[sqlx(flatten)]
    pub prune: PruneData,
    /// The skeleton of the trace only.
    #[sqlx(flatten)]
    pub skeleton: Skeleton,
    checksums: Vec<i32>,
    /// The position in the block of the first span of the trace.
    first_span: i32,
    directory: Vec<u8>,
    /// The columns of the whole block. Empty unless the caller requested them.
    columns: Vec<u8>,
}

/// Returns the parts of a trace without their columns, oldest block first. Runs one statement. The
/// database cuts the arrays, so it sends only the elements of the trace.
pub(crate) async fn skeleton_parts(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
) -> Result<Vec<TracePart>, sqlx::Error> {
    parts(connection, wanted, None, false).await
}

/// Returns the parts of a trace with their columns, oldest block first.
pub(crate) async fn whole_parts(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
) -> Result<Vec<TracePart>, sqlx::Error> {
    parts(connection, wanted, None, true).await
}

/// Returns the parts of a trace that contain a span with this ID, with their columns.
pub(crate) async fn parts_with_span(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
    span_id: i64,
) -> Result<Vec<TracePart>, sqlx::Error> {
    parts(connection, wanted, Some(span_id), true).await
}

async fn parts(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
    span_id: Option<i64>,
    with_columns: bool,
) -> Result<Vec<TracePart>, sqlx::Error> {
    sqlx::query_as(include_str!("parts_of_trace.sql"))
        .bind(wanted.tenant)
        .bind(wanted.trace_id)
        .bind(wanted.first_block_id)
        .bind(wanted.first_ns)
        .bind(wanted.last_ns)
        .bind(with_columns)
        .bind(span_id)
        .fetch_all(connection)
        .await
}

impl TracePart {
    fn first_span(&self) -> Result<usize, Corrupt> {
        usize::try_from(self.first_span).map_err(|_| Corrupt("skeleton"))
    }

    /// Checks that the slice is unchanged and decodes the directory.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the part is damaged.
    pub(crate) fn directory(&self) -> Result<Directory, Corrupt> {
        self.prune.verify_all(&self.checksums)?;
        self.skeleton.verify()?;
        Directory::decode(&self.directory)
    }

    /// Returns the shapes of the spans.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the directory has too few shapes.
    pub(crate) fn shapes<'a>(&self, directory: &'a Directory) -> Result<&'a [u32], Corrupt> {
        let first = self.first_span()?;
        let shapes = directory.shape_of.get(first..first + self.skeleton.len());
        shapes.ok_or(Corrupt("directory"))
    }

    /// Returns the columns of these kinds that the spans of the part have.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the directory has too few shapes.
    pub(crate) fn columns_of_kinds(
        &self,
        directory: &Directory,
        kinds: &[ColumnKind],
    ) -> Result<Vec<usize>, Corrupt> {
        let shapes = self.shapes(directory)?;
        let has = |column: &usize| {
            let in_shape = |shape: &u32| {
                let shape = directory.shapes.get(*shape as usize);
                shape.is_some_and(|shape| shape.contains(&(*column as u32)))
            };
            shapes.iter().any(in_shape)
        };
        let columns = (0..directory.columns.len())
            .filter(|column| kinds.contains(&directory.columns[*column].kind));
        Ok(columns.filter(has).collect())
    }

    /// Calls `see` for each span. Leaves out the values of columns that are not loaded.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the part is damaged.
    pub(crate) fn decode(
        &self,
        columns: &Columns,
        see: impl FnMut(SpanRecord<'_>),
    ) -> Result<(), Corrupt> {
        let first = self.first_span()?;
        SpanDecoder::new_at(&self.prune, &self.skeleton, columns, first)?.all(see)
    }

    /// Calls `see` for each span. The part must have been read with its columns.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the part is damaged.
    pub(crate) fn for_each(&self, see: impl FnMut(SpanRecord<'_>)) -> Result<(), Corrupt> {
        let mut columns = Columns::new(self.directory()?);
        columns.load_all(&self.columns)?;
        self.decode(&columns, see)
    }

    /// Returns the size of all columns of the block after decompression, in bytes.
    pub(crate) fn raw_bytes(directory: &Directory) -> usize {
        directory.frames.iter().map(|frame| frame.raw_len).sum()
    }

    /// Logs and counts that the block cannot be read.
    pub(crate) fn report(&self, corrupt: Corrupt) {
        report_corrupt(self.id, &self.prune, corrupt);
    }
}

/// Loads the frames of some columns of a part from the database.
///
/// # Errors
/// Returns the error of the database. A damaged frame is no error: it is logged and left out.
pub(crate) async fn load_columns(
    connection: &mut PgConnection,
    tenant: Uuid,
    part: &TracePart,
    columns: &mut Columns,
    wanted: &[usize],
) -> Result<(), sqlx::Error> {
    let mut frames: Vec<usize> = wanted
        .iter()
        .map(|column| columns.directory.columns[*column].frame)
        .collect();
    frames.sort_unstable();
    frames.dedup();
    let entry = |frame: &usize| columns.directory.frames[*frame];
    let offsets: Vec<i32> = frames.iter().map(|f| entry(f).offset as i32 + 1).collect();
    let lengths: Vec<i32> = frames
        .iter()
        .map(|f| entry(f).compressed_len as i32)
        .collect();
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(include_str!("frames_of_block.sql"))
        .bind(tenant)
        .bind(part.id)
        .bind(part.received_day)
        .bind(part.class)
        .bind(offsets)
        .bind(lengths)
        .fetch_all(connection)
        .await?;
    for (frame, stored) in frames.into_iter().zip(stored) {
        if let Err(corrupt) = columns.load(frame, &stored) {
            part.report(corrupt);
        }
    }
    Ok(())
}
