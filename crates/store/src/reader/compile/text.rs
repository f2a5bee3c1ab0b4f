//! Texts of a trace that have an index.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};

/// What a trace is asked to have.
#[derive(Debug, Clone, Copy)]
pub(in crate::reader) enum Text<'a> {
    User(&'a str),
    Session(&'a str),
}

impl<'a> Text<'a> {
    /// The column, and the text cut as what is stored in it.
    fn stored(self) -> (&'static str, &'a str) {
        match self {
            Text::User(user) => ("t.user_id", beginning(user, MAX_CHARS)),
            Text::Session(session) => ("t.session_id", beginning(session, MAX_SESSION_CHARS)),
        }
    }
}

/// Appends after ` AND ` that a row `t` of the directory has the text: by its hash, which is what the
/// index holds, and by itself, since others may share the hash.
pub(in crate::reader) fn push_text(
    query: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    text: Text<'_>,
) {
    push_text_hash(query, tenant, text);
    let (column, value) = text.stored();
    query
        .push(" AND ")
        .push(column)
        .push(" = ")
        .push_bind(value.to_owned());
}

/// Appends the same by the hash alone. Of both together the planner thinks as of two conditions that
/// have nothing to do with each other, and expects far too few.
pub(super) fn push_text_hash(query: &mut QueryBuilder<Postgres>, tenant: Uuid, text: Text<'_>) {
    let (column, value) = text.stored();
    query
        .push(" AND text_hash(t.tenant_id, ")
        .push(column)
        .push(") = text_hash(")
        .push_bind(tenant)
        .push(", ")
        .push_bind(value.to_owned())
        .push(")");
}
