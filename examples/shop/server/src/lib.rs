//! A small real shop: products, a cart, orders, and a worker that confirms them.
//!
//! It is an ordinary axum and sqlx application. What makes it traced is marked `TRACE` in the
//! source and listed in `examples/shop/README.md`.

pub mod cart;
pub mod config;
pub mod database;
pub mod error;
pub mod job;
pub mod mail;
pub mod order;
pub mod product;
pub mod routes;
pub mod site;
pub mod visitor;
pub mod worker;

pub use routes::router;
