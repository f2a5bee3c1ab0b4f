//! A separate shop for each test, and a browser that visits it.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::PgPool;
use throughline_shop::mail::MailGateway;
use throughline_shop::worker::{self, Outcome};
use throughline_shop::{database, router};
use tower::ServiceExt;
use uuid::Uuid;

/// A shop with its own database.
pub(crate) struct Shop {
    pub(crate) pool: PgPool,
    router: Router,
}

/// Opens a new shop in the throw-away cluster of `THROUGHLINE_TEST_DATABASE_URL`.
pub(crate) async fn fresh_shop() -> Shop {
    let url = std::env::var("THROUGHLINE_TEST_DATABASE_URL")
        .expect("THROUGHLINE_TEST_DATABASE_URL names a throw-away cluster");
    let name = format!("shop_{}", Uuid::new_v4().simple());
    let pool = database::open(&url, &name).await.expect("a database");
    let router = router(pool.clone(), "http://127.0.0.1:3000");
    Shop { pool, router }
}

impl Shop {
    /// Does the next job that is due.
    pub(crate) async fn work(&self) -> Option<Outcome> {
        worker::run_next(&self.pool, MailGateway)
            .await
            .expect("a database")
    }

    pub(crate) async fn next_order_is(&self, id: i64) {
        sqlx::query("SELECT setval(pg_get_serial_sequence('orders', 'id'), $1, false)")
            .bind(id)
            .execute(&self.pool)
            .await
            .expect("a database");
    }

    /// Makes all waiting jobs due now.
    pub(crate) async fn make_jobs_due(&self) {
        sqlx::query("UPDATE jobs SET run_at = now() - interval '1 second'")
            .execute(&self.pool)
            .await
            .expect("a database");
    }

    pub(crate) async fn last_error(&self) -> Option<String> {
        sqlx::query_scalar("SELECT last_error FROM jobs ORDER BY id DESC LIMIT 1")
            .fetch_one(&self.pool)
            .await
            .expect("a job")
    }
}

/// A response with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The body as JSON; null if it is not JSON.
    pub(crate) body: Value,
    cookie: Option<String>,
}

/// A client that keeps the shop's cookie.
pub(crate) struct Browser {
    router: Router,
    cookie: Option<String>,
}

impl Browser {
    pub(crate) fn of(shop: &Shop) -> Self {
        Self {
            router: shop.router.clone(),
            cookie: None,
        }
    }

    pub(crate) fn with_cookie(shop: &Shop, cookie: &str) -> Self {
        Self {
            router: shop.router.clone(),
            cookie: Some(cookie.to_owned()),
        }
    }

    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn put_in_cart(&mut self, product: i32, quantity: i32) -> Answer {
        let item = json!({ "product_id": product, "quantity": quantity });
        let answer = self.send(Method::POST, "/api/cart/items", item).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer
    }

    /// Sends a request and keeps the cookie of the response.
    pub(crate) async fn send(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let answer = self.request(method, path, body).await;
        if answer.cookie.is_some() {
            self.cookie.clone_from(&answer.cookie);
        }
        answer
    }

    pub(crate) async fn request(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
        }
        .expect("a request");

        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let cookie = response.headers().get(header::SET_COOKIE).map(|value| {
            let value = value.to_str().expect("text");
            value.split(';').next().unwrap_or(value).to_owned()
        });
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        Answer {
            status,
            cookie,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}
