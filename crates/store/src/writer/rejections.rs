//! The memory size of rejections.

use throughline_wire::Rejection;

/// Returns the memory size of rejections in bytes.
pub(super) fn rejections_memory_bytes(rejected: &[Rejection]) -> usize {
    rejected
        .iter()
        .map(|rejection| size_of::<Rejection>() + rejection.reason.capacity())
        .sum()
}
