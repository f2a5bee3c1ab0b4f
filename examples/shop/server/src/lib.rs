//! A small complete shop: products, a cart, orders, and a worker that confirms the orders.
//!
//! It is an ordinary axum and sqlx application. The lines that add tracing are marked `TRACE` in
//! the source and listed in `examples/shop/README.md`.

pub mod cart;
pub mod config;
pub mod database;
pub mod error;
pub mod job;
pub mod mail;
pub mod order;
pub mod order_id;
pub mod product;
pub mod routes;
pub mod site;
pub mod visitor;
pub mod worker;

pub use routes::router;
