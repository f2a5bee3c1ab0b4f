//! Notifications of commits to all servers: trace ids as text, bounded in size and number.
//!
//! A notification is the tenant as 32 hexadecimal digits, followed by either trace ids of 32 digits
//! each, or `+` and the number of traces of the commit that are not named. Each commit sends them
//! in one statement; its round trip takes about 0.1 ms. Postgres commits transactions that notify
//! one after the other, so servers that share a database flush their groups one at a time.

use std::fmt::Write as _;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::ids::TraceKey;

/// The name of the Postgres notification channel.
pub(crate) const CHANNEL: &str = "throughline_live";

/// The number of hexadecimal digits of an id.
const DIGITS: usize = 32;
/// The most ids in one notification. Postgres limits a payload to less than 8,000 bytes.
const IDS_OF_A_NOTICE: usize = 240;
/// The most ids that a commit sends: enough for a full group of 20,000 spans in traces of ten
/// spans.
const IDS_OF_A_COMMIT: usize = 12 * IDS_OF_A_NOTICE;

/// The fill level of the Postgres notification queue, from 0 to 1, above which nothing is sent.
const FULLEST_QUEUE: f64 = 0.9;

/// Announces `traces`, which must be sorted, when the transaction of `connection` commits.
pub(crate) async fn announce(
    connection: &mut PgConnection,
    traces: impl Iterator<Item = TraceKey>,
) -> Result<(), sqlx::Error> {
    let notices = write(traces);
    if notices.is_empty() {
        return Ok(());
    }
    // A listener that hangs lets the notification queue of the cluster fill up, and a transaction
    // that finds the queue full cannot commit. Storing spans is more important: when the queue is
    // nearly full, nothing is announced and the live view misses these traces.
    let sent = sqlx::query(
        "SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notice
         WHERE (SELECT pg_notification_queue_usage()) < $3",
    )
    .bind(CHANNEL)
    .bind(&notices)
    .bind(FULLEST_QUEUE)
    .execute(connection)
    .await?;
    let unsent = (notices.len() as u64).saturating_sub(sent.rows_affected());
    if unsent > 0 {
        tracing::warn!(
            "the notification queue of Postgres is nearly full: a session listens and does \
             not read its notifications"
        );
        metrics::counter!("throughline_live_notices_left_out_total").increment(unsent);
    }
    Ok(())
}

fn write(traces: impl Iterator<Item = TraceKey>) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    let mut named = 0;
    let mut tenant_of_last = None;
    let mut unnamed: Option<([u8; 16], u64)> = None;
    for (tenant, trace_id) in traces {
        if named == IDS_OF_A_COMMIT {
            match &mut unnamed {
                Some((of, count)) if *of == tenant => *count += 1,
                unnamed => {
                    notices.extend(unnamed.replace((tenant, 1)).map(overflow));
                }
            }
            continue;
        }
        let is_new = tenant_of_last != Some(tenant)
            || notices
                .last()
                .is_none_or(|notice| notice.len() == DIGITS * (1 + IDS_OF_A_NOTICE));
        if is_new {
            let mut notice = String::with_capacity(DIGITS * (1 + IDS_OF_A_NOTICE));
            push_hex(&mut notice, tenant);
            notices.push(notice);
            tenant_of_last = Some(tenant);
        }
        if let Some(notice) = notices.last_mut() {
            push_hex(notice, trace_id);
        }
        named += 1;
    }
    notices.extend(unnamed.map(overflow));
    notices
}

fn overflow((tenant, count): ([u8; 16], u64)) -> String {
    let mut notice = String::new();
    push_hex(&mut notice, tenant);
    // Writing to a string cannot fail.
    let _ = write!(notice, "+{count}");
    notice
}

fn push_hex(text: &mut String, id: [u8; 16]) {
    let _ = write!(text, "{:032x}", u128::from_be_bytes(id));
}

/// A notification that a listener has parsed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub tenant: [u8; 16],
    pub traces: Vec<Uuid>,
    /// The number of traces of the commit that are not named.
    pub unnamed: u64,
}

/// Parses a notification; `None` when it has another format. Anyone who may connect to the database
/// can send such notifications.
pub(crate) fn read(text: &str) -> Option<Notice> {
    let (tenant, rest) = text.split_at_checked(DIGITS)?;
    let tenant = Uuid::try_parse(tenant).ok()?.into_bytes();
    if let Some(count) = rest.strip_prefix('+') {
        return Some(Notice {
            tenant,
            traces: Vec::new(),
            unnamed: count.parse().ok()?,
        });
    }
    let digits = rest.as_bytes();
    if digits.is_empty() || digits.len() % DIGITS != 0 {
        return None;
    }
    let traces = digits
        .chunks(DIGITS)
        .map(|id| Uuid::try_parse_ascii(id).ok());
    Some(Notice {
        tenant,
        traces: traces.collect::<Option<_>>()?,
        unnamed: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(tenant: u8, count: u128) -> impl Iterator<Item = TraceKey> {
        (1..=count).map(move |id| ([tenant; 16], id.to_be_bytes()))
    }

    fn total(notices: &[String]) -> (usize, u64) {
        let notices = notices.iter().map(|text| read(text).expect("ours"));
        notices.fold((0, 0), |(named, unnamed), notice| {
            (named + notice.traces.len(), unnamed + notice.unnamed)
        })
    }

    #[test]
    fn a_notice_is_read_back_unchanged() {
        let notices = write(keys(1, 2).chain(keys(2, 1)));
        let read: Vec<_> = notices
            .iter()
            .map(|text| read(text).expect("ours"))
            .collect();
        let id = |id: u128| Uuid::from_u128(id);
        assert_eq!(
            read,
            [
                Notice {
                    tenant: [1; 16],
                    traces: vec![id(1), id(2)],
                    unnamed: 0
                },
                Notice {
                    tenant: [2; 16],
                    traces: vec![id(1)],
                    unnamed: 0
                },
            ]
        );
        assert!(write(keys(1, 0)).is_empty());
    }

    #[test]
    fn a_notice_of_any_commit_is_bounded_and_counts_the_traces_it_leaves_out() {
        for count in [1, 240, 241, 2_880, 2_881, 20_000] {
            let notices = write(keys(1, count).chain(keys(2, count)).chain(keys(3, 5)));
            let (named, unnamed) = total(&notices);
            assert_eq!(named as u64 + unnamed, 2 * count as u64 + 5, "{count}");
            assert!(named <= IDS_OF_A_COMMIT);
            assert!(notices.iter().all(|notice| notice.len() < 8_000));
            assert!(notices.len() <= 17, "{count}: {}", notices.len());
        }
    }

    #[test]
    fn foreign_notifications_are_ignored() {
        let id = "0".repeat(32);
        for text in [
            "",
            "hello",
            &id,
            &format!("{id}1"),
            &format!("{id}+x"),
            &"é".repeat(32),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
