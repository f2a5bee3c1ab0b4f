//! Decompresses stored bytes.

use std::cell::RefCell;

use zstd::bulk::Decompressor;

thread_local! {
    /// The decompression context of this thread. It holds no state between two calls. Creating one
    /// clears about 100 KiB, which takes longer than decompressing a small column.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Returns the bytes that were compressed with zstd as one frame, at most `raw_len` of them.
///
/// # Errors
/// Returns the error of zstd if `stored` is damaged or has more than `raw_len` bytes of content.
pub(crate) fn decompress(stored: &[u8], raw_len: usize) -> std::io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        decompressor.decompress(stored, raw_len)
    })
}

#[cfg(test)]
mod tests {
    use super::decompress;

    #[test]
    fn a_damaged_frame_does_not_affect_the_next_one() -> std::io::Result<()> {
        let stored = zstd::bulk::compress(b"the content of a column", 1)?;
        for end in 0..stored.len() {
            assert!(decompress(&stored[..end], 100).is_err() || end == 0);
            assert!(decompress(&stored, 10).is_err());
            assert_eq!(decompress(&stored, 100)?, b"the content of a column");
        }
        Ok(())
    }
}
