//! The errors of the API and their responses.

use std::error::Error;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error response.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The object does not exist or belongs to another visitor.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field of the request is invalid.
    #[error("{message}")]
    Invalid {
        /// The name of the field in the request.
        field: &'static str,
        /// The fault, in words for the visitor.
        message: &'static str,
    },
    /// The order has no items.
    #[error("your cart is empty")]
    EmptyCart,
    /// The stock is less than the wanted quantity.
    #[error("only {left} of {name} left, you wanted {wanted}")]
    OutOfStock {
        /// The name of the product.
        name: String,
        /// The number in stock.
        left: i32,
        /// The wanted quantity.
        wanted: i32,
    },
    /// The body is not valid JSON of the expected form.
    #[error(transparent)]
    Body(#[from] JsonRejection),
    /// The path is invalid.
    #[error(transparent)]
    Path(#[from] PathRejection),
    /// The database query failed. The response does not show the cause.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) | Self::Path(_) => StatusCode::NOT_FOUND,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::EmptyCart | Self::OutOfStock { .. } => StatusCode::CONFLICT,
            Self::Body(rejection) => rejection.status(),
            Self::Database(error) if is_out_of_reach(error) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::Path(_) => "not_found",
            Self::Invalid { .. } => "invalid",
            Self::EmptyCart => "empty_cart",
            Self::OutOfStock { .. } => "out_of_stock",
            Self::Body(_) => "malformed",
            Self::Database(error) if is_out_of_reach(error) => "unavailable",
            Self::Database(_) => "internal",
        }
    }

    /// Returns the message for the visitor.
    fn message(&self) -> String {
        match self {
            Self::Database(error) if is_out_of_reach(error) => {
                "The shop is being restocked. Please try again in a moment.".into()
            }
            Self::Database(_) => {
                "Something went wrong on our side. Nothing was ordered and your cart is safe."
                    .into()
            }
            Self::Path(_) => "there is no such page".into(),
            other => other.to_string(),
        }
    }
}

fn is_out_of_reach(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed
    )
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::Database(error) = &self {
            // TRACE: nothing to add. An error that is logged marks the request as failed. Logged as
            // an error value and not as text, it includes all its causes.
            let error: &(dyn Error + 'static) = error;
            tracing::error!(error, "the database failed a request");
        }
        let field = match &self {
            Self::Invalid { field, .. } => Some(*field),
            _ => None,
        };
        let body = Json(json!({
            "error": { "code": self.code(), "message": self.message(), "field": field }
        }));
        let mut response = (status, body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_database_reaches_a_visitor() {
        let error = ApiError::Database(sqlx::Error::Protocol("password=hunter2".into()));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message().contains("hunter2"));
    }

    #[test]
    fn a_database_out_of_reach_asks_to_come_back() {
        let response = ApiError::Database(sqlx::Error::PoolTimedOut).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
