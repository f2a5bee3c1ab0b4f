//! Finds the spans of one trace: in each block that has some, its slice of the skeleton, and where
//! wanted the columns.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::table::report_corrupt;
use super::{
    ColumnKind, Columns, Corrupt, Directory, PruneData, Skeleton, SpanDecoder, SpanRecord,
};

/// A trace, and where its spans lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceInBlocks {
    pub tenant: Uuid,
    pub trace_id: Uuid,
    /// Older blocks hold spans of a removed trace of the same id.
    pub first_block_id: i64,
    /// The range in which its spans begin: from the first instant to the last.
    pub first_ns: i64,
    pub last_ns: i64,
}

/// The spans of a trace in one block.
#[derive(Debug, FromRow)]
pub(crate) struct TracePart {
    pub id: i64,
    received_day: i32,
    /// The class of its partition; none in level 0.
    class: Option<i16>,
    /// The values of the whole block.
    #[sqlx(flatten)]
    pub prune: PruneData,
    /// The skeleton of the trace alone.
    #[sqlx(flatten)]
    pub skeleton: Skeleton,
    checksums: Vec<i32>,
    /// The place of its first span in the block.
    first_span: i32,
    directory: Vec<u8>,
    /// Empty unless asked for.
    columns: Vec<u8>,
}

/// The parts of a trace without their columns, oldest block first. One statement; the parts of the
/// arrays that are not the trace's stay in the database.
pub(crate) async fn skeleton_parts(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
) -> Result<Vec<TracePart>, sqlx::Error> {
    parts(connection, wanted, None, false).await
}

/// The same with their columns.
pub(crate) async fn whole_parts(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
) -> Result<Vec<TracePart>, sqlx::Error> {
    parts(connection, wanted, None, true).await
}

/// Those parts of a trace that have a span of this id, with their columns.
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

    /// Makes sure that nothing of the slice changed, and reads the directory.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn directory(&self) -> Result<Directory, Corrupt> {
        self.prune.verify_all(&self.checksums)?;
        self.skeleton.verify()?;
        Directory::decode(&self.directory)
    }

    /// The shapes of the spans, given the directory.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn shapes<'a>(&self, directory: &'a Directory) -> Result<&'a [u32], Corrupt> {
        let first = self.first_span()?;
        let shapes = directory.shape_of.get(first..first + self.skeleton.len());
        shapes.ok_or(Corrupt("directory"))
    }

    /// Returns the columns of these kinds that the spans have.
    ///
    /// # Errors
    /// [`Corrupt`].
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

    /// Shows `see` the spans, as far as the columns are loaded.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn decode(
        &self,
        columns: &Columns,
        see: impl FnMut(SpanRecord<'_>),
    ) -> Result<(), Corrupt> {
        let first = self.first_span()?;
        SpanDecoder::new_at(&self.prune, &self.skeleton, columns, first)?.all(see)
    }

    /// Shows `see` the spans; their columns must have been asked for.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn for_each(&self, see: impl FnMut(SpanRecord<'_>)) -> Result<(), Corrupt> {
        let mut columns = Columns::new(self.directory()?);
        columns.load_all(&self.columns)?;
        self.decode(&columns, see)
    }

    /// Bytes that all columns of the block take once they are decompressed.
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
/// What the database says; a damaged frame is reported and left out.
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
