//! `/api/cart`: the visitor's cart. Every response has the whole cart.

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use sqlx::PgPool;

use super::{Body, Segment};
use crate::cart::{self, Cart, MAX_QUANTITY};
use crate::error::ApiError;
use crate::product::ProductId;
use crate::visitor::{self, Claimed};

#[derive(Deserialize)]
pub(super) struct NewItem {
    product_id: ProductId,
    quantity: i32,
}

#[derive(Deserialize)]
pub(super) struct Change {
    quantity: i32,
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    Claimed(visitor): Claimed,
) -> Result<Json<Cart>, ApiError> {
    let Some(visitor) = visitor else {
        return Ok(Json(Cart::default()));
    };
    Ok(Json(cart::read(&pool, visitor).await?))
}

pub(super) async fn add_item(
    State(pool): State<PgPool>,
    claimed: Claimed,
    Body(item): Body<NewItem>,
) -> Result<impl IntoResponse, ApiError> {
    let quantity = checked(item.quantity)?;
    let visitor = visitor::find_or_create(&pool, claimed).await?;
    if !cart::add(&pool, visitor, item.product_id, quantity).await? {
        return Err(ApiError::NotFound("product"));
    }
    let cookie = AppendHeaders([(SET_COOKIE, visitor.set_cookie())]);
    Ok((cookie, Json(cart::read(&pool, visitor).await?)))
}

pub(super) async fn set_item(
    State(pool): State<PgPool>,
    Claimed(visitor): Claimed,
    Segment(product): Segment<ProductId>,
    Body(change): Body<Change>,
) -> Result<Json<Cart>, ApiError> {
    let quantity = checked(change.quantity)?;
    let visitor = visitor.ok_or(ApiError::NotFound("item in your cart"))?;
    if !cart::set_quantity(&pool, visitor, product, quantity).await? {
        return Err(ApiError::NotFound("item in your cart"));
    }
    Ok(Json(cart::read(&pool, visitor).await?))
}

pub(super) async fn remove_item(
    State(pool): State<PgPool>,
    Claimed(visitor): Claimed,
    Segment(product): Segment<ProductId>,
) -> Result<Json<Cart>, ApiError> {
    let Some(visitor) = visitor else {
        return Ok(Json(Cart::default()));
    };
    cart::remove(&pool, visitor, product).await?;
    Ok(Json(cart::read(&pool, visitor).await?))
}

fn checked(quantity: i32) -> Result<i32, ApiError> {
    if (1..=MAX_QUANTITY).contains(&quantity) {
        return Ok(quantity);
    }
    Err(ApiError::Invalid {
        field: "quantity",
        message: "a quantity is from 1 to 99",
    })
}
