//! The cart of a visitor.

use serde::Serialize;
use sqlx::PgPool;

use crate::product::ProductId;
use crate::visitor::VisitorId;

/// The maximum quantity of one product in a cart.
pub const MAX_QUANTITY: i32 = 99;

/// A cart as the API returns it.
#[derive(Debug, Default, Serialize)]
pub struct Cart {
    items: Vec<CartItem>,
    /// The number of pieces, over all items.
    count: i64,
    total_cents: i64,
}

#[derive(Debug, Serialize, sqlx::FromRow)]
struct CartItem {
    product_id: ProductId,
    name: String,
    picture: String,
    quantity: i32,
    unit_price_cents: i32,
    /// The number in stock now. It may be less than the quantity.
    stock: i32,
}

impl From<Vec<CartItem>> for Cart {
    fn from(items: Vec<CartItem>) -> Self {
        Self {
            count: items.iter().map(|item| i64::from(item.quantity)).sum(),
            total_cents: items
                .iter()
                .map(|item| i64::from(item.quantity) * i64::from(item.unit_price_cents))
                .sum(),
            items,
        }
    }
}

/// Returns the visitor's cart. It is empty for a visitor without a cart.
///
/// # Errors
/// The database query failed.
pub async fn read(pool: &PgPool, visitor: VisitorId) -> sqlx::Result<Cart> {
    let items: Vec<CartItem> = sqlx::query_as(
        "SELECT c.product_id, p.name, p.picture, c.quantity,
                p.price_cents AS unit_price_cents, s.quantity AS stock
         FROM cart_items c
         JOIN products p ON p.id = c.product_id
         JOIN stock s ON s.product_id = c.product_id
         WHERE c.visitor_id = $1
         ORDER BY c.product_id",
    )
    .bind(visitor)
    .fetch_all(pool)
    .await?;
    Ok(items.into())
}

/// Adds pieces of a product to the cart, up to [`MAX_QUANTITY`]. Returns `false` if there is no
/// such product.
///
/// # Errors
/// The database query failed.
pub async fn add(
    pool: &PgPool,
    visitor: VisitorId,
    product: ProductId,
    quantity: i32,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO cart_items (visitor_id, product_id, quantity)
         SELECT $1, id, $3 FROM products WHERE id = $2
         ON CONFLICT (visitor_id, product_id)
         DO UPDATE SET quantity = least(cart_items.quantity + excluded.quantity, $4)",
    )
    .bind(visitor)
    .bind(product)
    .bind(quantity)
    .bind(MAX_QUANTITY)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Sets the quantity of a product in the cart. Returns `false` if the product is not in the cart.
///
/// # Errors
/// The database query failed.
pub async fn set_quantity(
    pool: &PgPool,
    visitor: VisitorId,
    product: ProductId,
    quantity: i32,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE cart_items SET quantity = $3 WHERE visitor_id = $1 AND product_id = $2",
    )
    .bind(visitor)
    .bind(product)
    .bind(quantity)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes a product from the cart, if it is there.
///
/// # Errors
/// The database query failed.
pub async fn remove(pool: &PgPool, visitor: VisitorId, product: ProductId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM cart_items WHERE visitor_id = $1 AND product_id = $2")
        .bind(visitor)
        .bind(product)
        .execute(pool)
        .await?;
    Ok(())
}
