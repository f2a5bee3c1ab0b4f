//! Looks up the spans that matched, to show them.

use std::collections::HashMap;

use sqlx::FromRow;
use throughline_model::ReadError;

use super::results::SpanAt;
use super::scan::Search;
use crate::sqlstate::read_error;

#[derive(FromRow)]
struct Row {
    block_id: i64,
    at: i32,
    span_id: Option<i64>,
    name: Option<String>,
}

impl Search<'_> {
    /// The ids and names of spans that were found: one statement, or none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn spans(
        &mut self,
        places: &[SpanAt],
    ) -> Result<HashMap<SpanAt, (i64, String)>, ReadError> {
        let blocks = self.blocks.blocks.iter();
        let by_id: HashMap<i64, _> = blocks.map(|block| (block.id, block)).collect();
        let known: Vec<_> = places
            .iter()
            .filter_map(|place| Some((by_id.get(&place.block_id)?, place)))
            .collect();
        if known.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<Row> = sqlx::query_as(include_str!("matched.sql"))
            .bind(self.selection.tenant)
            .bind(
                known
                    .iter()
                    .map(|(block, _)| block.level)
                    .collect::<Vec<_>>(),
            )
            .bind(
                known
                    .iter()
                    .map(|(block, _)| block.received_day)
                    .collect::<Vec<_>>(),
            )
            .bind(
                known
                    .iter()
                    .map(|(block, _)| block.class)
                    .collect::<Vec<_>>(),
            )
            .bind(
                known
                    .iter()
                    .map(|(_, place)| place.block_id)
                    .collect::<Vec<_>>(),
            )
            .bind(
                known
                    .iter()
                    .map(|(_, place)| place.position as i32 + 1)
                    .collect::<Vec<_>>(),
            )
            .fetch_all(&mut *self.connection)
            .await
            .map_err(read_error)?;
        let spans = rows.into_iter().filter_map(|row| {
            let place = SpanAt {
                block_id: row.block_id,
                position: u32::try_from(row.at.checked_sub(1)?).ok()?,
            };
            Some((place, (row.span_id?, row.name?)))
        });
        Ok(spans.collect())
    }
}
