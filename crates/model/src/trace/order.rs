//! The order of the spans of a trace.

use core::cmp::Reverse;

use throughline_wire::UnixNanos;

/// A sort key of spans, see [`span_order`].
pub type SpanOrder = (UnixNanos, Reverse<i64>, u64);

/// Returns the sort key of a span: the earlier start first, then the longer duration, then the lesser
/// ID. A span that begins with its parent and ends before it stands after it.
///
/// IDs compare byte by byte, as their hexadecimal texts do. `span_id` is [`SpanId::to_i64`].
///
/// [`SpanId::to_i64`]: throughline_wire::SpanId::to_i64
pub const fn span_order(start: UnixNanos, duration_ns: i64, span_id: i64) -> SpanOrder {
    (start, Reverse(duration_ns), span_id.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_then_longer_then_lesser_ids_come_first() {
        let at = UnixNanos::new;
        let mut keys = [
            span_order(at(2), 9, 1),
            span_order(at(1), 5, -1),
            span_order(at(1), 5, 2),
            span_order(at(1), 0, 1),
            span_order(at(1), 9, 7),
        ];
        keys.sort_unstable();
        let ids = keys.iter().map(|(_, _, id)| *id).collect::<Vec<_>>();
        assert_eq!(ids, [7, 2, u64::MAX, 1, 1]);
    }
}
