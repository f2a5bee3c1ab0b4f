#![doc = include_str!("../README.md")]

pub mod binary;
pub mod decode;
pub mod packed;
#[cfg(test)]
mod strategies;
pub mod validate;
