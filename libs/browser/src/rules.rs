//! Everything the helper decides, as pure functions of what it is told: no browser, no clock, no
//! randomness, so that it is tested on any machine.

pub(crate) mod address;
pub(crate) mod clock;
pub(crate) mod element;
pub(crate) mod idle;
pub(crate) mod ids;
pub(crate) mod outbox;
pub(crate) mod retry;
pub(crate) mod session;
