//! The server as its callers see it: over HTTP, against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

mod api;
mod away;
mod bad_bodies;
mod bad_spans;
mod doors;
mod faults;
mod keep;
mod live;
mod loadgen;
mod panel;
mod program;
mod start;
mod support;
mod transfer;
