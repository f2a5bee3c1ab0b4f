//! Orders: from a cart to a row that a worker will confirm, in one transaction.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use time::OffsetDateTime;

use crate::error::ApiError;
use crate::job::{self, Work};
use crate::product::ProductId;
use crate::visitor::VisitorId;

/// Which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct OrderId(pub i64);

/// What a visitor fills in.
#[derive(Debug, Deserialize)]
pub struct OrderForm {
    /// The customer's name.
    pub name: String,
    /// Where the confirmation goes.
    pub email: String,
    /// Anything else; may be empty.
    #[serde(default)]
    pub note: String,
}

impl OrderForm {
    /// The form with blanks at the ends removed.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the first field that does not make sense.
    pub fn checked(self) -> Result<Self, ApiError> {
        let form = Self {
            name: self.name.trim().to_owned(),
            email: self.email.trim().to_owned(),
            note: self.note.trim().to_owned(),
        };
        let invalid = |field, message| Err(ApiError::Invalid { field, message });
        if form.name.is_empty() || form.name.chars().count() > 200 || has_control(&form.name) {
            return invalid(
                "name",
                "please tell us your name, in at most 200 characters",
            );
        }
        if !is_email(&form.email) {
            return invalid("email", "this does not look like an email address");
        }
        // Lines and tabs are fine in a note; Postgres has no place for NUL.
        if form.note.chars().count() > 2000 || form.note.contains('\0') {
            return invalid("note", "please keep the note under 2000 characters");
        }
        Ok(form)
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A first look only: whether there is a mailbox, the mail gateway finds out.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
    };
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            plain(local) && plain(domain) && domain.contains('.') && !domain.ends_with('.')
        })
}

/// An order as the shop shows it.
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

/// One of the visitor's orders; `None` when there is none, or it is somebody else's.
///
/// # Errors
/// The database does not answer.
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

/// Orders what is in the cart: takes it from the stock, empties the cart and queues the
/// confirmation, all or nothing.
///
/// # Errors
/// The cart is empty, something is out of stock, or the database refused.
pub async fn place(
    pool: &PgPool,
    visitor: VisitorId,
    form: &OrderForm,
) -> Result<OrderId, ApiError> {
    let mut tx = pool.begin().await?;

    // Locked, so that a form sent twice finds an empty cart the second time.
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

/// Locks the stock of every line, in the order of their ids, and looks whether it suffices.
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

/// Below this many, more are made.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, email: &str, note: &str) -> Option<&'static str> {
        let form = OrderForm {
            name: name.into(),
            email: email.into(),
            note: note.into(),
        };
        match form.checked() {
            Ok(_) => None,
            Err(ApiError::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("unexpected {other}"),
        }
    }

    #[test]
    fn blanks_at_the_ends_do_not_count() {
        let form = OrderForm {
            name: " Ada ".into(),
            email: "a@b.test\n".into(),
            note: String::new(),
        };
        let form = form.checked().expect("valid");
        assert_eq!(
            (form.name.as_str(), form.email.as_str()),
            ("Ada", "a@b.test")
        );
    }

    #[test]
    fn the_field_that_does_not_make_sense_is_named() {
        assert_eq!(refused("Ada", "ada@example.test", "two\nlines"), None);
        assert_eq!(refused("  ", "ada@example.test", ""), Some("name"));
        assert_eq!(refused("A\0da", "ada@example.test", ""), Some("name"));
        assert_eq!(refused("Ada", "ada@example.test", "a\0b"), Some("note"));
        assert_eq!(
            refused("Ada", "ada@example.test", &"x".repeat(2001)),
            Some("note")
        );
        for email in [
            "",
            "ada",
            "@b.test",
            "a@",
            "a@b",
            "a@b.",
            "a b@c.test",
            "a@b@c.test",
        ] {
            assert_eq!(refused("Ada", email, ""), Some("email"), "{email:?}");
        }
    }
}
