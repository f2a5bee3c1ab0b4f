//! Sends rows by binary COPY.

use sqlx::PgConnection;

use super::group::Group;
use super::outcome::RowRef;
use super::row;

/// The number of bytes sent at once; sqlx flushes every piece.
const PIECE_BYTES: usize = 128 * 1024;
/// The size in bytes below which runs of rows are joined before they are sent.
const SMALL_BYTES: usize = 16 * 1024;

/// Sends `rows`, all of one kind, by binary COPY.
pub(super) async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = connection.copy_in_raw(statement).await?;
    buffer.clear();
    buffer.extend_from_slice(row::HEADER);
    for run in group.runs(rows) {
        if run.len() < SMALL_BYTES {
            buffer.extend_from_slice(run);
            if buffer.len() < PIECE_BYTES {
                continue;
            }
        }
        if !buffer.is_empty() {
            copy.send(buffer.as_slice()).await?;
            buffer.clear();
        }
        if run.len() >= SMALL_BYTES {
            // The run is sent from the batch's own buffer: most batches are one run, and are not
            // copied again.
            for piece in run.chunks(PIECE_BYTES) {
                copy.send(piece).await?;
            }
        }
    }
    buffer.extend_from_slice(row::TRAILER);
    copy.send(buffer.as_slice()).await?;
    copy.finish().await?;
    Ok(())
}
