//! Finds the values of one column that pass a test.

use core::sync::atomic::{AtomicBool, Ordering};

use throughline_codec::binary;

use crate::block::{ColumnKind, Corrupt, Values, double, int};
use crate::search::bits::Bits;
use crate::search::value::ValueTest;

const CORRUPT: Corrupt = Corrupt("columns");

/// Returns the indexes of the values that pass. If the search is cancelled, the result is
/// undefined.
pub(super) fn column_hits(
    test: &ValueTest,
    kind: ColumnKind,
    mut values: Values<'_>,
    count: usize,
    cancelled: &AtomicBool,
) -> Result<Bits, Corrupt> {
    if let (ColumnKind::Text, ValueTest::Contains(finder)) = (kind, test) {
        return containing(finder, values, count);
    }
    let mut hits = Bits::none(count);
    let mut buffer = String::new();
    for index in 0..count {
        // Checked for each value, because a regular expression may take long for one.
        if cancelled.load(Ordering::Relaxed) {
            break;
        }
        let value = values.next()?;
        let passes = match kind {
            ColumnKind::Text => test.text(value),
            ColumnKind::Bool => test.boolean(value == [1]),
            ColumnKind::Int => test.integer(int(value).ok_or(CORRUPT)?, &mut buffer),
            ColumnKind::Double => test.double(double(value).ok_or(CORRUPT)?, &mut buffer),
            ColumnKind::Other => {
                let reader = binary::Reader::new(value);
                let decoded = binary::decode_value(reader);
                decoded.is_ok_and(|value| test.value(&value, &mut buffer))
            }
            _ => false,
        };
        if passes {
            hits.set(index);
        }
    }
    Ok(hits)
}

/// Finds the texts that contain the needle. It searches the concatenated texts at once, which is
/// faster than one by one, and then maps each hit to its text.
fn containing(
    finder: &memchr::memmem::Finder<'_>,
    mut values: Values<'_>,
    count: usize,
) -> Result<Bits, Corrupt> {
    let len = finder.needle().len();
    if len == 0 {
        return Ok(Bits::all(count));
    }
    let mut hits = Bits::none(count);
    let data = values.data();
    // The value before `index` ends at `end`.
    let (mut index, mut end) = (0, 0);
    let mut from = 0;
    while let Some(found) = data.get(from..).and_then(|rest| finder.find(rest)) {
        let at = from + found;
        while end <= at {
            end += values.next()?.len();
            index += 1;
        }
        // A hit that crosses the end of its value is not a match. Every later hit that starts in
        // this value crosses it too, so the search continues at the end of the value.
        if at + len <= end {
            hits.set(index - 1);
        }
        from = end;
    }
    Ok(hits)
}
