#![doc = include_str!("../README.md")]

pub mod binary;
pub mod budget;
pub mod context;
pub mod decode;
pub mod group;
pub mod json;
pub mod packed;
pub mod pairs;
pub mod validate;
