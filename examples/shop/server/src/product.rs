//! Products and their stock.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// The id of a product.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct ProductId(pub i32);

/// A product as the API returns it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct Product {
    id: ProductId,
    name: String,
    summary: String,
    description: String,
    price_cents: i32,
    /// A drawing as SVG.
    picture: String,
    /// The number in stock now.
    stock: i32,
}

/// Returns all products in the order of the start page.
///
/// # Errors
/// The database query failed.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<Product>> {
    sqlx::query_as(
        "SELECT p.id, p.name, p.summary, p.description, p.price_cents, p.picture, s.quantity AS stock
         FROM products p JOIN stock s ON s.product_id = p.id
         ORDER BY p.id",
    )
    .fetch_all(pool)
    .await
}

/// Returns a product, or `None` if it does not exist.
///
/// # Errors
/// The database query failed.
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
