//! `/api/orders`: places an order and returns its status.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgPool;

use super::{Body, Segment};
use crate::error::ApiError;
use crate::order::{self, Order, OrderForm};
use crate::order_id::OrderId;
use crate::visitor::Claimed;

#[derive(Serialize)]
pub(super) struct Placed {
    id: OrderId,
}

pub(super) async fn place(
    State(pool): State<PgPool>,
    Claimed(visitor): Claimed,
    Body(form): Body<OrderForm>,
) -> Result<(StatusCode, Json<Placed>), ApiError> {
    let form = form.checked()?;
    // TRACE: records the user of the request.
    throughline::record("user.id", form.email.clone());

    let visitor = visitor.ok_or(ApiError::EmptyCart)?;
    let id = order::place(&pool, visitor, &form).await?;
    Ok((StatusCode::CREATED, Json(Placed { id })))
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    Claimed(visitor): Claimed,
    Segment(id): Segment<OrderId>,
) -> Result<Json<Order>, ApiError> {
    let visitor = visitor.ok_or(ApiError::NotFound("order"))?;
    let order = order::find(&pool, visitor, id).await?;
    order.map(Json).ok_or(ApiError::NotFound("order"))
}
