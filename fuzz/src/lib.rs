//! Checks that must hold for every parser of untrusted bytes, for any input.
//!
//! Each check is a function of the input that panics on a violation. The fuzz targets call these
//! functions. Ordinary tests of the parsers' crates call them too, with the corpus and a fixed
//! number of mutations, so that they also run without a nightly compiler.

pub mod codec;
pub mod formats;
pub mod wire;
