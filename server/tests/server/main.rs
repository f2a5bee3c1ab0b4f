//! The server as its callers see it: over HTTP, against a real Postgres.

#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "tests panic to fail")]

mod api;
mod away;
mod bad_bodies;
mod bad_spans;
mod doors;
mod panel;
mod program;
mod start;
mod support;
