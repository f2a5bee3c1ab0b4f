//! Orders. One transaction turns a cart into an order and queues its confirmation.

mod form;

use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool};
use time::OffsetDateTime;

use crate::error::ApiError;
use crate::job::{self, Work};
use crate::order_id::OrderId;
use crate::product::ProductId;
use crate::visitor::VisitorId;
pub use form::OrderForm;

/// An order as the API returns it.
#[derive(Debug, Serialize)]
pub struct Order {
    #[serde(flatten)]
    head: OrderHead,
    items: Vec<OrderItem>,
}

#[derive(Debug, Serialize, FromRow)]
struct OrderHead {
    id: OrderId,
    status: String,
    name: String,
    email: String,
    note: String,
    total_cents: i64,
    #[serde(with = "time::serde::rfc3339")]
    placed_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    confirmed_at: Option<OffsetDateTime>,
}

#[derive(Debug, Serialize, FromRow)]
struct OrderItem {
    product_id: ProductId,
    name: String,
    quantity: i32,
    unit_price_cents: i32,
}

/// Returns an order of the visitor, or `None` if it does not exist or belongs to another visitor.
///
/// # Errors
/// The database query failed.
pub async fn find(pool: &PgPool, visitor: VisitorId, id: OrderId) -> sqlx::Result<Option<Order>> {
    let head: Option<OrderHead> = sqlx::query_as(
        "SELECT id, status, customer_name AS name, email, note, total_cents, placed_at, confirmed_at
         FROM orders WHERE id = $1 AND visitor_id = $2",
    )
    .bind(id)
    .bind(visitor)
    .fetch_optional(pool)
    .await?;
    let Some(head) = head else { return Ok(None) };

    let items = sqlx::query_as(
        "SELECT i.product_id, p.name, i.quantity, i.unit_price_cents
         FROM order_items i JOIN products p ON p.id = i.product_id
         WHERE i.order_id = $1
         ORDER BY i.product_id",
    )
    .bind(id)
    .fetch_all(pool)
    .await?;
    Ok(Some(Order { head, items }))
}

#[derive(FromRow)]
struct Line {
    product_id: ProductId,
    name: String,
    quantity: i32,
    unit_price_cents: i32,
}

/// Orders the content of the cart in one transaction: reduces the stock, empties the cart and
/// queues the confirmation.
///
/// # Errors
/// The cart is empty, a product is out of stock, or the database query failed.
pub async fn place(
    pool: &PgPool,
    visitor: VisitorId,
    form: &OrderForm,
) -> Result<OrderId, ApiError> {
    let mut tx = pool.begin().await?;

    // The lock makes a second submit of the form wait. It then finds an empty cart.
    let lines: Vec<Line> = sqlx::query_as(
        "SELECT c.product_id, p.name, c.quantity, p.price_cents AS unit_price_cents
         FROM cart_items c JOIN products p ON p.id = c.product_id
         WHERE c.visitor_id = $1
         ORDER BY c.product_id
         FOR UPDATE OF c",
    )
    .bind(visitor)
    .fetch_all(&mut *tx)
    .await?;
    if lines.is_empty() {
        return Err(ApiError::EmptyCart);
    }
    check_stock(&mut tx, &lines).await?;

    let order = insert_order(&mut tx, visitor, form, &lines).await?;
    take_from_stock(&mut tx, &lines).await?;
    sqlx::query("DELETE FROM cart_items WHERE visitor_id = $1")
        .bind(visitor)
        .execute(&mut *tx)
        .await?;
    job::enqueue(&mut tx, &Work::SendConfirmation { order_id: order }).await?;

    tx.commit().await?;
    Ok(order)
}

/// Locks the stock of every item and checks that it suffices. The locks are taken in the order of
/// product ids, so that two orders cannot deadlock.
async fn check_stock(tx: &mut PgConnection, lines: &[Line]) -> Result<(), ApiError> {
    let stock: Vec<(ProductId, i32)> = sqlx::query_as(
        "SELECT product_id, quantity FROM stock
         WHERE product_id = ANY($1) ORDER BY product_id FOR UPDATE",
    )
    .bind(product_ids(lines))
    .fetch_all(tx)
    .await?;

    for line in lines {
        let left = stock
            .iter()
            .find(|(product, _)| *product == line.product_id)
            .map_or(0, |(_, quantity)| *quantity);
        if left < line.quantity {
            let name = line.name.clone();
            return Err(ApiError::OutOfStock {
                name,
                left,
                wanted: line.quantity,
            });
        }
    }
    Ok(())
}

async fn insert_order(
    tx: &mut PgConnection,
    visitor: VisitorId,
    form: &OrderForm,
    lines: &[Line],
) -> sqlx::Result<OrderId> {
    let total_cents: i64 = lines
        .iter()
        .map(|line| i64::from(line.quantity) * i64::from(line.unit_price_cents))
        .sum();
    let order: OrderId = sqlx::query_scalar(
        "INSERT INTO orders (visitor_id, customer_name, email, note, total_cents)
         VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(visitor)
    .bind(&form.name)
    .bind(&form.email)
    .bind(&form.note)
    .bind(total_cents)
    .fetch_one(&mut *tx)
    .await?;

    let prices: Vec<i32> = lines.iter().map(|line| line.unit_price_cents).collect();
    sqlx::query(
        "INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents)
         SELECT $1, * FROM unnest($2::integer[], $3::integer[], $4::integer[])",
    )
    .bind(order)
    .bind(product_ids(lines))
    .bind(quantities(lines))
    .bind(prices)
    .execute(&mut *tx)
    .await?;
    Ok(order)
}

/// The stock below which a restock is queued.
const LOW_STOCK: i32 = 20;

async fn take_from_stock(tx: &mut PgConnection, lines: &[Line]) -> sqlx::Result<()> {
    let left: Vec<(ProductId, i32, Option<i32>)> = sqlx::query_as(
        "UPDATE stock s SET quantity = s.quantity - bought.quantity
         FROM unnest($1::integer[], $2::integer[]) AS bought (product_id, quantity)
         WHERE s.product_id = bought.product_id
         RETURNING s.product_id, s.quantity, s.restock_to",
    )
    .bind(product_ids(lines))
    .bind(quantities(lines))
    .fetch_all(&mut *tx)
    .await?;

    for (product_id, quantity, restock_to) in left {
        if quantity < LOW_STOCK && restock_to.is_some() {
            job::enqueue(tx, &Work::Restock { product_id }).await?;
        }
    }
    Ok(())
}

fn product_ids(lines: &[Line]) -> Vec<i32> {
    lines.iter().map(|line| line.product_id.0).collect()
}

fn quantities(lines: &[Line]) -> Vec<i32> {
    lines.iter().map(|line| line.quantity).collect()
}
