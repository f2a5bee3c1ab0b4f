//! `/healthz`: reports whether the database is available.

use axum::extract::State;
use axum::http::StatusCode;
use sqlx::PgPool;

pub(super) async fn check(State(pool): State<PgPool>) -> (StatusCode, &'static str) {
    match sqlx::query("SELECT 1").execute(&pool).await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        ),
    }
}
