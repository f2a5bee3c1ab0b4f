//! How far one answer looks: which traces are looked at one by one, and which sample stands for the
//! rest. All bounds are numbers of rows, so the same question of the same data has the same answer.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::ReadError;

use super::compile::{Lead, Sample, Selection};
use crate::sqlstate::read_error;

/// A sample with fewer traces than this says too little: what is told from so many is off by a
/// fifth (one standard deviation, 1 / sqrt(30)).
pub(super) const LEAST_SAMPLED: u64 = 30;
/// A sample is looked through to its end, row by row in places all over the directory: about so
/// many rows at most, some 10 ms. A count of `n` of them is off by 1 / sqrt(n): a filter that
/// selects every tenth trace has 160 of the smallest such sample (1,600), 8 % off.
const MOST_SAMPLED: u64 = 6_500;

/// What an answer looks at first.
pub(super) enum Part {
    /// Everything: it is little.
    All,
    /// A sample, which may turn out to have too few.
    Sample(Sample),
    /// The newest, by [`Reach::newest`]: any sample would have too few.
    Newest,
}

/// The condition that leads to the traces to look at, and how many of these may be looked at.
pub(super) struct Reach {
    lead: Lead,
    most: u64,
    /// How many traces the planner expects of the lead; none where it need not be asked.
    expected: Option<u64>,
    /// Where the newest `most` end, once that is known.
    beyond_ns: Option<i64>,
}

impl Reach {
    /// At most `most` one by one, of those that the least condition leaves.
    pub(super) fn of(selection: &Selection<'_>, most: u64) -> Self {
        let (lead, expected) = selection.least();
        Self {
            lead,
            most,
            expected,
            beyond_ns: None,
        }
    }

    /// What to look at first.
    pub(super) async fn first(
        &mut self,
        connection: &mut PgConnection,
        selection: &Selection<'_>,
    ) -> Result<Part, ReadError> {
        // To find where the newest end in an index that is not in their order is to look at all.
        let near = self.most
            * if selection.is_ordered(self.lead) {
                2
            } else {
                1
            };
        if self.expected.is_none_or(|traces| traces <= near) {
            self.beyond_ns = self.beyond(connection, selection).await?;
            if self.beyond_ns.is_none() {
                return Ok(Part::All);
            }
        }
        let sample = sample(connection, selection).await?;
        let fills = |traces| traces / sample.one_in() >= LEAST_SAMPLED;
        Ok(if self.expected.is_none_or(fills) {
            Part::Sample(sample)
        } else {
            Part::Newest
        })
    }

    /// Where the newest traces end that may be looked at: the instant before them; none when that is
    /// all of them.
    pub(super) async fn newest(
        &self,
        connection: &mut PgConnection,
        selection: &Selection<'_>,
    ) -> Result<Option<i64>, ReadError> {
        if self.beyond_ns.is_some() {
            return Ok(self.beyond_ns);
        }
        match self.expected {
            Some(expected) if !selection.is_ordered(self.lead) && expected > self.most => {
                let share = self.most as f64 / expected as f64;
                let sample = sample(connection, selection).await?;
                one(connection, selection.newest_share(share, sample)).await
            }
            _ => self.beyond(connection, selection).await,
        }
    }

    async fn beyond(
        &self,
        connection: &mut PgConnection,
        selection: &Selection<'_>,
    ) -> Result<Option<i64>, ReadError> {
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        one(connection, selection.beyond(self.lead, most)).await
    }
}

async fn one(
    connection: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
) -> Result<Option<i64>, ReadError> {
    let row: Option<Option<i64>> = query
        .build_query_scalar()
        .fetch_optional(connection)
        .await
        .map_err(read_error)?;
    Ok(row.flatten())
}

/// The selection with what the planner expects of its conditions, where there is a choice.
pub(super) async fn expecting<'a>(
    connection: &mut PgConnection,
    selection: Selection<'a>,
) -> Result<Selection<'a>, ReadError> {
    let mut expected = Vec::new();
    for lead in selection.unknown_leads() {
        let traces = expected_rows(connection, selection.explained(lead)).await?;
        expected.push((traces, lead));
        if Selection::suffices(lead, traces) {
            break;
        }
    }
    Ok(selection.expecting(expected))
}

/// How many rows the planner expects, of an `EXPLAIN`: the number after `rows=` in its first line.
pub(super) async fn expected_rows(
    connection: &mut PgConnection,
    mut explain: QueryBuilder<Postgres>,
) -> Result<u64, ReadError> {
    let lines: Vec<String> = explain
        .build_query_scalar()
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    Ok(lines
        .first()
        .and_then(|line| rows_of(line))
        .unwrap_or(u64::MAX))
}

fn rows_of(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(" rows=")?;
    rest.split(' ').next()?.parse().ok()
}

/// The sample to look at when there is too much to look at all: the largest that can be looked
/// through, whatever the filter leaves of it.
async fn sample(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<Sample, ReadError> {
    for sample in Sample::FROM_SMALLEST {
        let began: i64 = selection
            .began(sample)
            .build_query_scalar()
            .fetch_one(&mut *connection)
            .await
            .map_err(read_error)?;
        let began = began.unsigned_abs();
        if began >= LEAST_SAMPLED {
            return Ok(Sample::of(began * sample.one_in(), MOST_SAMPLED));
        }
    }
    Ok(Sample::Sixteenth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planners_rows_are_read_from_the_first_line() {
        let line = "Index Scan using a on b t  (cost=0.41..8517.02 rows=100 width=0)";
        assert_eq!(rows_of(line), Some(100));
        assert_eq!(rows_of("  Filter: (rows=1)"), None);
    }
}
