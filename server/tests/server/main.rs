//! Tests of the server as its clients see it: over HTTP, with a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

mod api;
mod away;
mod backup;
mod bad_bodies;
mod bad_spans;
mod cluster_log;
mod completeness;
mod erase;
mod faults;
mod grpc;
mod large_trace;
mod live;
mod loadgen;
mod logs;
mod metrics;
mod newer;
mod overload;
mod panel;
mod payloads;
mod program;
mod receivers;
mod retention;
mod start;
mod support;
mod trace_limit;
mod traced;
mod transfer;
mod zipkin;
