//! What goes wrong around the server: in each case nothing acknowledged is missing, nothing is
//! there twice, memory stays under its bound, and reads go on or come back.
//!
//! The long ones are ignored here and run by `cargo xtask soak`.

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
mod slow;
mod stopped;
mod unread;
