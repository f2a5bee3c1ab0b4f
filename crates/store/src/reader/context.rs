//! The context of a read.

use sqlx::PgConnection;
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::dictionary_cache::DictionaryCache;

/// The connection, tenant, time and cache of one read.
pub(super) struct ReadContext<'a> {
    /// The connection. Reads that run several statements need one with a snapshot.
    pub connection: &'a mut PgConnection,
    pub tenant: Uuid,
    /// The time of the request.
    pub now: UnixNanos,
    /// The dictionary entries that were read before.
    pub cache: &'a DictionaryCache,
}
