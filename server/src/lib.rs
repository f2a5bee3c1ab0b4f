//! The Throughline server: ingest, store and control panel in one program.
//!
//! [`router::router`] returns the complete service, which a test can call. [`serve::serve`] adds
//! the listeners, the database, start and stop.

pub mod api;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod cluster;
mod compression;
pub mod erase;
pub mod export;
pub mod health;
pub mod host;
pub mod import;
pub mod ingest;
pub mod listen;
pub mod live;
pub mod maintain;
pub mod panel;
mod printable;
pub mod problem;
pub mod readiness;
mod response_limit;
pub mod router;
pub mod serve;
pub mod shutdown;
pub mod site;
pub mod tasks;
pub mod telemetry;
pub mod transfer;
