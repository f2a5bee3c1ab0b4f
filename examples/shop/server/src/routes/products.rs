//! The handlers of `/api/products`.

use axum::Json;
use axum::extract::State;
use sqlx::PgPool;

use super::Segment;
use crate::error::ApiError;
use crate::product::{self, Product, ProductId};

/// Returns all products.
pub(super) async fn list(State(pool): State<PgPool>) -> Result<Json<Vec<Product>>, ApiError> {
    Ok(Json(product::list(&pool).await?))
}

/// Returns the product with the id in the path, or 404.
pub(super) async fn show(
    State(pool): State<PgPool>,
    Segment(id): Segment<ProductId>,
) -> Result<Json<Product>, ApiError> {
    let product = product::find(&pool, id).await?;
    product.map(Json).ok_or(ApiError::NotFound("product"))
}
