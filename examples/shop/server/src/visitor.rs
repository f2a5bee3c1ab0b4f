//! Identifies visitors by a random id in a cookie. The database has a visitor's id from the first
//! product put into the cart.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, HeaderMap};
use axum::http::request::Parts;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

/// The name of the cookie.
const COOKIE_NAME: &str = "shop_visitor";
/// The lifetime of the cookie: 30 days, in seconds.
const MAX_AGE_SECONDS: u32 = 30 * 24 * 60 * 60;

/// The id of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct VisitorId(pub Uuid);

impl VisitorId {
    /// Returns the value of `Set-Cookie` that stores this id in the browser.
    pub fn set_cookie(self) -> String {
        let id = self.0;
        format!("{COOKIE_NAME}={id}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax")
    }
}

/// The unverified visitor id from the request's cookie, if the cookie has a valid id.
#[derive(Debug, Clone, Copy)]
pub struct Claimed(pub Option<VisitorId>);

impl<S: Sync> FromRequestParts<S> for Claimed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(from_headers(&parts.headers)))
    }
}

fn from_headers(headers: &HeaderMap) -> Option<VisitorId> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .find_map(|(_, value)| Uuid::parse_str(value).ok())
        .map(VisitorId)
}

/// Returns the claimed visitor if the database has it, or else a new one. Visitors thus cannot
/// choose their own id.
///
/// # Errors
/// The database query failed.
pub async fn find_or_create(pool: &PgPool, claimed: Claimed) -> sqlx::Result<VisitorId> {
    if let Some(id) = claimed.0 {
        let known =
            sqlx::query_scalar("UPDATE visitors SET last_seen = now() WHERE id = $1 RETURNING id")
                .bind(id)
                .fetch_optional(pool)
                .await?;
        if let Some(id) = known {
            return Ok(id);
        }
    }
    sqlx::query_scalar("INSERT INTO visitors DEFAULT VALUES RETURNING id")
        .fetch_one(pool)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookie: &str) -> Option<VisitorId> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().expect("a header value"));
        from_headers(&headers)
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let id = VisitorId(Uuid::from_u128(7));
        let pair = id
            .set_cookie()
            .split(';')
            .next()
            .expect("a pair")
            .to_owned();
        assert_eq!(read(&format!("theme=dark; {pair}; x=1")), Some(id));
    }

    #[test]
    fn anything_else_is_nobody() {
        for cookie in [
            "",
            "shop_visitor",
            "shop_visitor=",
            "shop_visitor=7",
            "xshop_visitor=00000000-0000-0000-0000-000000000007",
        ] {
            assert_eq!(read(cookie), None, "{cookie:?}");
        }
    }
}
