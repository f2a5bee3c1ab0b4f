//! `/api/products`: the products.

use axum::Json;
use axum::extract::State;
use sqlx::PgPool;

use super::Segment;
use crate::error::ApiError;
use crate::product::{self, Product, ProductId};

pub(super) async fn list(State(pool): State<PgPool>) -> Result<Json<Vec<Product>>, ApiError> {
    Ok(Json(product::list(&pool).await?))
}

pub(super) async fn show(
    State(pool): State<PgPool>,
    Segment(id): Segment<ProductId>,
) -> Result<Json<Product>, ApiError> {
    let product = product::find(&pool, id).await?;
    product.map(Json).ok_or(ApiError::NotFound("product"))
}
