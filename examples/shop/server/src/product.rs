//! Products and how many there are.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// Which product.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct ProductId(pub i32);

/// A product as the shop shows it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct Product {
    id: ProductId,
    name: String,
    summary: String,
    description: String,
    price_cents: i32,
    /// An SVG drawing of our own.
    picture: String,
    /// How many can be had now.
    stock: i32,
}

/// All products, as they stand on the shelf.
///
/// # Errors
/// The database does not answer.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<Product>> {
    sqlx::query_as(
        "SELECT p.id, p.name, p.summary, p.description, p.price_cents, p.picture, s.quantity AS stock
         FROM products p JOIN stock s ON s.product_id = p.id
         ORDER BY p.id",
    )
    .fetch_all(pool)
    .await
}

/// One product; `None` when there is no such.
///
/// # Errors
/// The database does not answer.
pub async fn find(pool: &PgPool, id: ProductId) -> sqlx::Result<Option<Product>> {
    sqlx::query_as(
        "SELECT p.id, p.name, p.summary, p.description, p.price_cents, p.picture, s.quantity AS stock
         FROM products p JOIN stock s ON s.product_id = p.id
         WHERE p.id = $1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await
}
