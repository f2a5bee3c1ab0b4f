//! The partitions there are.

use throughline_wire::UnixNanos;

/// A table that is partitioned by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parent {
    Events,
    /// Blocks of spans, by the day on which they were received and the class of their traces.
    LevelOne,
    /// Last: what of it is kept depends on the others.
    Payloads,
}

impl Parent {
    pub(super) const ALL: [Self; 3] = [Self::Events, Self::LevelOne, Self::Payloads];

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::LevelOne => "level1_blocks",
            Self::Payloads => "payloads",
        }
    }

    /// The storage options of a partition, the same that the schema's functions set.
    pub(super) const fn storage_options(self) -> &'static str {
        match self {
            Self::Events | Self::Payloads => "",
            Self::LevelOne => "WITH (autovacuum_vacuum_insert_threshold = -1)",
        }
    }

    /// The column that tells a row's day.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Payloads => "day_ns",
            Self::Events => "at_ns",
            Self::LevelOne => "received_day",
        }
    }

    /// Whether a kept row goes by and by without its day being marked: it has no trace, and is kept
    /// only because it came late.
    pub(super) const fn waits(self) -> &'static str {
        match self {
            Self::Events => "(t.trace_id IS NULL AND s.at_ns < $1 AND s.received_ns >= $1)",
            Self::LevelOne | Self::Payloads => "false",
        }
    }

    /// Whether a row `s` is kept, where `t` is its trace if that is kept or NULL; `$1` is where the
    /// time of what has no trace ends. Blocks and payloads have statements of their own.
    pub(super) const fn kept(self) -> &'static str {
        match self {
            Self::Events => "(t.trace_id IS NOT NULL OR greatest(s.at_ns, s.received_ns) >= $1)",
            // Mentions $1 so that every statement has the same parameters.
            Self::LevelOne | Self::Payloads => {
                "(t.trace_id IS NOT NULL AND $1::bigint IS NOT NULL)"
            }
        }
    }
}

/// One table of one day, or of the archive.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    pub parent: Parent,
    /// Made of letters, digits and underscores.
    pub table: String,
    /// First instant; none for the archive, which has no beginning.
    pub from_ns: Option<i64>,
    /// End, exclusive.
    pub to_ns: i64,
    /// Of blocks: 0 for traces without an error or a warning, else 1.
    pub class: i16,
    pub bytes: u64,
    /// True for a partition of blocks that was rewritten since the time of its class has passed.
    pub is_rewritten: bool,
}

/// The comment on a partition of blocks that was rewritten since the time of its class has passed.
pub(super) const REWRITTEN: &str = "rewritten by retention";

/// The end of the name of a partition that was taken out.
pub(super) const TAKEN_OUT: &str = "_gone";

impl Partition {
    /// The day it stands under in `retention_days`.
    pub(super) const fn day_ns(&self) -> i64 {
        self.to_ns.saturating_sub(UnixNanos::PER_DAY)
    }

    /// Of blocks: days since 1970 when the spans were received.
    pub(super) const fn received_day(&self) -> i32 {
        (self.day_ns() / UnixNanos::PER_DAY) as i32
    }

    /// The bounds, as `ATTACH PARTITION` takes them.
    pub(super) fn bounds(&self) -> String {
        let (day, class) = (self.received_day(), self.class);
        match (self.parent, self.from_ns) {
            (Parent::LevelOne, _) => format!("FROM ({day}, {class}) TO ({day}, {})", class + 1),
            (_, Some(from_ns)) => format!("FROM ({from_ns}) TO ({})", self.to_ns),
            (_, None) => format!("FROM (MINVALUE) TO ({})", self.to_ns),
        }
    }

    /// The same as a condition on a row, from which the database infers that the row is within the
    /// bounds.
    pub(super) fn condition(&self) -> String {
        let key = self.parent.key();
        let (day, class) = (self.received_day(), self.class);
        match (self.parent, self.from_ns) {
            (Parent::LevelOne, _) => format!(
                "{key} = {day} AND class >= '{class}'::smallint AND class < '{}'::smallint",
                class + 1
            ),
            (_, Some(from_ns)) => format!("{key} >= {from_ns} AND {key} < {}", self.to_ns),
            (_, None) => format!("{key} < {}", self.to_ns),
        }
    }
}
