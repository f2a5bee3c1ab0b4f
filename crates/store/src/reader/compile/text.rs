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

/// Appends after ` AND ` that a row `t` of the directory has the text, cut as what is stored: by its
/// hash, which is what the index holds, and by itself, since others may share the hash.
pub(in crate::reader) fn push_text(
    query: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    text: Text<'_>,
) {
    let (column, value) = match text {
        Text::User(user) => ("t.user_id", beginning(user, MAX_CHARS)),
        Text::Session(session) => ("t.session_id", beginning(session, MAX_SESSION_CHARS)),
    };
    query
        .push(" AND text_hash(t.tenant_id, ")
        .push(column)
        .push(") = text_hash(")
        .push_bind(tenant)
        .push(", ")
        .push_bind(value.to_owned())
        .push(") AND ")
        .push(column)
        .push(" = ")
        .push_bind(value.to_owned());
}
