//! Counts the rows in what `COPY ... TO STDOUT (FORMAT binary)` sends.

/// The signature, the flags and the length of an extension that there is not.
const HEADER_BYTES: usize = 19;
/// In place of a row's number of columns: no row follows.
const TRAILER: &[u8] = &[0xff, 0xff];

/// Counts messages that carry a row: Postgres sends one message a row, the header before the first
/// row in the same message, and the trailer.
#[derive(Debug, Default)]
pub(super) struct RowCounter {
    has_header: bool,
    row_count: u64,
}

impl RowCounter {
    pub(super) fn message(&mut self, message: &[u8]) {
        let content = if self.has_header {
            message
        } else {
            self.has_header = true;
            message.get(HEADER_BYTES..).unwrap_or_default()
        };
        if !content.is_empty() && !content.starts_with(TRAILER) {
            self.row_count += 1;
        }
    }

    pub(super) const fn row_count(&self) -> u64 {
        self.row_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_trailer_do_not_count_as_rows() {
        let mut counter = RowCounter::default();
        let mut first = vec![0; HEADER_BYTES];
        first.extend([0, 1, 0, 0, 0, 1, 7]);
        counter.message(&first);
        counter.message(&[0, 1, 0, 0, 0, 1, 8]);
        counter.message(TRAILER);
        assert_eq!(counter.row_count(), 2);

        let mut counter = RowCounter::default();
        let mut empty = vec![0; HEADER_BYTES];
        empty.extend(TRAILER);
        counter.message(&empty);
        assert_eq!(counter.row_count(), 0);
    }
}
