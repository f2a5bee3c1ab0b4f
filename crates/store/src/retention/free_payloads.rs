//! Frees large values of some days that nothing refers to any more, before their days are past.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use throughline_model::RetentionReport;

use super::partition::Parent;
use super::{Cutoffs, Damaged, catalogue, days, removal};

/// Replaces the tables of large values of these days, given by their starts, by tables without those
/// that nothing refers to. Returns how many tables were in use and stay as they are.
pub(crate) async fn free_payloads(
    connection: &mut PgConnection,
    days: &BTreeSet<i64>,
    damaged: &mut Damaged,
) -> Result<u64, sqlx::Error> {
    // Whatever has a row is kept.
    let nothing_expires = Cutoffs {
        ok_ns: i64::MIN,
        error_ns: i64::MIN,
        rollup_ns: i64::MIN,
    };
    let mut postponed = 0;
    for partition in catalogue::list(connection).await? {
        let from_ns = partition.from_ns.unwrap_or(i64::MIN);
        let is_wanted = partition.parent == Parent::Payloads
            && days.range(from_ns..partition.to_ns).next().is_some();
        if !is_wanted {
            continue;
        }
        let mut report = RetentionReport::default();
        let freed = days::rewrite_now(
            connection,
            &partition,
            nothing_expires,
            damaged,
            &mut report,
        )
        .await;
        match freed {
            Ok(true) => {}
            Ok(false) => postponed += 1,
            Err(error) if removal::is_in_the_way(&error) => postponed += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(postponed)
}
