//! The rules of the tracer, as pure functions: no browser, no clock, no randomness. They are tested
//! on any machine.

pub(crate) mod address;
pub(crate) mod clock;
pub(crate) mod element;
pub(crate) mod idle;
pub(crate) mod ids;
pub(crate) mod limits;
pub(crate) mod outbox;
pub(crate) mod retry;
pub(crate) mod session;
