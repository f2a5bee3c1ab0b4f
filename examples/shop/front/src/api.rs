//! A client for the shop's API.

use gloo_net::http::{Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A product.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) price_cents: i64,
    pub(crate) picture: String,
    pub(crate) stock: i32,
}

/// The visitor's cart.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Cart {
    pub(crate) items: Vec<CartItem>,
    pub(crate) count: i64,
    pub(crate) total_cents: i64,
}

/// An item of the cart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct CartItem {
    pub(crate) product_id: i32,
    pub(crate) name: String,
    pub(crate) picture: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_cents: i64,
    pub(crate) stock: i32,
}

/// The order form.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OrderForm {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) note: String,
}

/// An order and its status.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) status: Status,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) note: String,
    pub(crate) total_cents: i64,
    pub(crate) placed_at: String,
    pub(crate) items: Vec<OrderItem>,
}

/// The status of an order: whether its confirmation was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Pending,
    Confirmed,
    Failed,
}

/// An item of an order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct OrderItem {
    pub(crate) product_id: i32,
    pub(crate) name: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_cents: i64,
}

/// The error of a request, with a message for the visitor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    /// The field of the form that caused it.
    #[serde(default)]
    pub(crate) field: Option<String>,
}

impl ApiError {
    fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
            field: None,
        }
    }

    fn unreachable() -> Self {
        Self::new("unreachable", "The shop does not answer. Are you online?")
    }
}

pub(crate) type Answer<T> = Result<T, ApiError>;

pub(crate) async fn products() -> Answer<Vec<Product>> {
    send(Request::get("/api/products")).await
}

pub(crate) async fn product(id: i32) -> Answer<Product> {
    send(Request::get(&format!("/api/products/{id}"))).await
}

pub(crate) async fn cart() -> Answer<Cart> {
    send(Request::get("/api/cart")).await
}

pub(crate) async fn add_to_cart(product_id: i32, quantity: i32) -> Answer<Cart> {
    #[derive(Serialize)]
    struct NewItem {
        product_id: i32,
        quantity: i32,
    }
    send_json(
        Request::post("/api/cart/items"),
        &NewItem {
            product_id,
            quantity,
        },
    )
    .await
}

pub(crate) async fn set_quantity(product_id: i32, quantity: i32) -> Answer<Cart> {
    #[derive(Serialize)]
    struct Change {
        quantity: i32,
    }
    send_json(
        Request::put(&format!("/api/cart/items/{product_id}")),
        &Change { quantity },
    )
    .await
}

pub(crate) async fn remove_from_cart(product_id: i32) -> Answer<Cart> {
    send(Request::delete(&format!("/api/cart/items/{product_id}"))).await
}

/// Orders the content of the cart and returns the number of the order.
pub(crate) async fn place_order(form: &OrderForm) -> Answer<i64> {
    #[derive(Deserialize)]
    struct Placed {
        id: i64,
    }
    let placed: Placed = send_json(Request::post("/api/orders"), form).await?;
    Ok(placed.id)
}

pub(crate) async fn order(id: i64) -> Answer<Order> {
    send(Request::get(&format!("/api/orders/{id}"))).await
}

async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Answer<T> {
    read(request.send().await).await
}

async fn send_json<T: DeserializeOwned>(
    request: RequestBuilder,
    body: &impl Serialize,
) -> Answer<T> {
    let request = request.json(body).map_err(|_| ApiError::unreachable())?;
    read(request.send().await).await
}

async fn read<T: DeserializeOwned>(response: Result<Response, gloo_net::Error>) -> Answer<T> {
    #[derive(Deserialize)]
    struct Refusal {
        error: ApiError,
    }
    let response = response.map_err(|_| ApiError::unreachable())?;
    let garbled = |_| {
        ApiError::new(
            "garbled",
            "The shop gave an answer nobody here understands.",
        )
    };
    if response.ok() {
        return response.json().await.map_err(garbled);
    }
    let refusal: Refusal = response.json().await.map_err(garbled)?;
    Err(refusal.error)
}
