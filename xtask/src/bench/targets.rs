//! The targets of the benchmarks and the figures beside them.

/// The condition that a figure must meet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub(super) fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(0.0) => "0".to_owned(),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// A target: its id, its description, the name of the figure, the number of digits, the target.
pub(super) type TargetRow = (&'static str, &'static str, &'static str, usize, Target);

pub(super) const TARGETS: [TargetRow; 31] = [
    (
        "S1",
        "CPU a span until level 1, OTLP protobuf, µs",
        "S1.protobuf",
        1,
        Target::AtMost(8.0),
    ),
    (
        "S1",
        "the same, traces that come in pieces, µs",
        "S1.protobuf_in_pieces",
        1,
        Target::AtMost(10.0),
    ),
    (
        "S1",
        "the same, values that vary, µs",
        "S1.varied",
        1,
        Target::AtMost(8.0),
    ),
    (
        "R1a",
        "committed spans/s, OTLP protobuf",
        "R1a.protobuf",
        0,
        Target::AtLeast(220_000.0),
    ),
    (
        "R1b",
        "the same for a minute, for ten with --full",
        "R1b",
        0,
        Target::AtLeast(150_000.0),
    ),
    (
        "S2",
        "disk a span after compaction and vacuum, bytes",
        "S2.protobuf",
        0,
        Target::AtMost(135.0),
    ),
    (
        "S2",
        "the same, values that vary",
        "S2.varied",
        0,
        Target::AtMost(135.0),
    ),
    (
        "S2",
        "level 0, values that vary, commits of 510 spans",
        "S2.level0",
        0,
        Target::AtMost(300.0),
    ),
    (
        "S3",
        "WAL bytes / protobuf bytes, compaction included",
        "S3.protobuf",
        2,
        Target::AtMost(0.8),
    ),
    (
        "S3",
        "the same, values that vary",
        "S3.varied",
        2,
        Target::AtMost(0.8),
    ),
    (
        "S4",
        "attribute = value, of one trace or none, 1 million spans, ms",
        "S4.eq.1000000",
        1,
        Target::AtMost(50.0),
    ),
    (
        "S4",
        "contains, regex, number: first page, 1 million, ms",
        "S4.first.1000000",
        1,
        Target::AtMost(100.0),
    ),
    (
        "S4",
        "contains, regex, number: whole range, 1 million, ms",
        "S4.whole.1000000",
        0,
        Target::AtMost(500.0),
    ),
    (
        "S4",
        "attribute = value, of one trace or none, 10 million spans, ms",
        "S4.eq.10000000",
        1,
        Target::AtMost(50.0),
    ),
    (
        "S4",
        "contains, regex, number: first page, 10 million, ms",
        "S4.first.10000000",
        1,
        Target::AtMost(100.0),
    ),
    (
        "S4",
        "contains, regex, number: whole range, 10 million, ms",
        "S4.whole.10000000",
        0,
        Target::AtMost(5_000.0),
    ),
    (
        "S5",
        "throughput of ingest beside ten searches / alone",
        "S5",
        2,
        Target::AtLeast(0.7),
    ),
    (
        "S5",
        "most memory of the server meanwhile, MiB",
        "S5.memory_mib",
        0,
        Target::AtMost(300.0),
    ),
    (
        "R13",
        "one trace of ten spans by the API, p99 ms",
        "R6.api_p99_ms",
        1,
        Target::AtMost(5.0),
    ),
    (
        "R6",
        "trace by the API / its SQL alone, p99",
        "R6",
        2,
        Target::AtMost(1.5),
    ),
    (
        "R7",
        "slowest query at 1 million spans, median ms",
        "R7.1000000",
        1,
        Target::AtMost(100.0),
    ),
    (
        "R7",
        "slowest query at 10 million spans, median ms",
        "R7.10000000",
        1,
        Target::AtMost(100.0),
    ),
    (
        "R7",
        "10 million / 1 million, worst query of 10 ms or more",
        "R7.ratio",
        2,
        Target::AtMost(1.3),
    ),
    (
        "R9",
        "acknowledged spans missing after kill -9 of the server",
        "R9.server",
        0,
        Target::AtMost(0.0),
    ),
    (
        "R9",
        "spans stored twice after it",
        "R9.server.twice",
        0,
        Target::AtMost(0.0),
    ),
    (
        "R9",
        "acknowledged spans missing after kill -9 of Postgres",
        "R9.postgres",
        0,
        Target::AtMost(0.0),
    ),
    (
        "R9",
        "spans stored twice after it",
        "R9.postgres.twice",
        0,
        Target::AtMost(0.0),
    ),
    (
        "R12",
        "acknowledged traces that a query did not find at once",
        "R12.invisible",
        0,
        Target::AtMost(0.0),
    ),
    (
        "R12",
        "from acknowledgement to the live view, p99 ms",
        "R12.live_p99_ms",
        0,
        Target::AtMost(500.0),
    ),
    (
        "R13",
        "skeleton of a trace of 100,000 spans, median ms",
        "skeleton.100000_ms",
        0,
        Target::AtMost(600.0),
    ),
    (
        "R15",
        "most memory of the server, queue full, MiB",
        "R15",
        0,
        Target::AtMost(300.0),
    ),
];

/// Figures that explain others and have no target.
pub(super) const MORE: [(&str, &str); 14] = [
    ("CPU a span at 1,000 spans a second, µs", "S1.slow"),
    (
        "WAL bytes / protobuf bytes at 1,000 spans a second",
        "S3.slow",
    ),
    (
        "blocks in level 0 at the end of the lasting load",
        "R1b.level0_blocks",
    ),
    ("committed spans/s, native JSON", "R1a.native"),
    (
        "committed spans/s, values that vary, 16 clients",
        "R1a.varied",
    ),
    (
        "server CPU a span, values that vary, µs",
        "cpu_us_per_span.server.varied",
    ),
    (
        "Postgres CPU a span, values that vary, µs",
        "cpu_us_per_span.postgres.varied",
    ),
    (
        "server CPU a span, protobuf, µs",
        "cpu_us_per_span.server.protobuf",
    ),
    (
        "Postgres CPU a span, protobuf, µs",
        "cpu_us_per_span.postgres.protobuf",
    ),
    (
        "server CPU a span, native, µs",
        "cpu_us_per_span.server.native",
    ),
    (
        "Postgres CPU a span, native, µs",
        "cpu_us_per_span.postgres.native",
    ),
    ("CPU a span until level 1, native JSON, µs", "S1.native"),
    // Times of a few milliseconds vary between runs, so this figure has no target.
    (
        "10 million / 1 million, worst query below 10 ms",
        "R7.ratio.fast",
    ),
    (
        "slowest of those below 10 ms and beyond 1.3, ms",
        "R7.fast_beyond_ms",
    ),
];
