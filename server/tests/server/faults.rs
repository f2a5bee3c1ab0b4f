//! Faults around the server. In each case no acknowledged span is missing, none is stored twice,
//! memory stays within its limit, and reads continue or recover.
//!
//! The long tests are ignored here. `cargo xtask soak` runs them.

mod bombs;
mod compaction;
pub(crate) mod conservation;
mod crowd;
mod disk;
mod events;
mod load;
mod migration;
mod overload;
mod proxy;
mod retention;
mod servers;
mod shared_parts;
mod slow;
mod stopped;
mod unread;
