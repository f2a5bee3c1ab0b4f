//! What must hold of every parser that reads bytes from strangers, whatever the bytes.
//!
//! Each check is a function of the input that panics where something does not hold. The fuzz
//! targets call them; so do ordinary tests of the crates that own the parsers, over the corpus and
//! a fixed number of its mutations, for whoever has no nightly compiler.

pub mod codec;
pub mod formats;
pub mod wire;
