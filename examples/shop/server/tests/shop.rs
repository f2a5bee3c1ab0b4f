//! Tests the shop's API and worker with a real Postgres.

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Browser, fresh_shop};
use throughline_shop::mail::MailGateway;
use throughline_shop::worker::{Outcome, run_next};

const MUG: i32 = 1;
/// The product with three pieces in stock and no restock.
const BELL: i32 = 8;

fn ada() -> Value {
    json!({ "name": "Ada", "email": "ada@example.test", "note": "ring twice" })
}

#[tokio::test]
async fn the_shelf_and_its_products_read() {
    let shop = fresh_shop().await;
    let browser = Browser::of(&shop);

    let shelf = browser.get("/api/products").await;
    assert_eq!(shelf.status, StatusCode::OK);
    assert_eq!(shelf.body.as_array().expect("a list").len(), 8);

    let mug = browser.get("/api/products/1").await;
    assert_eq!(mug.body["name"], "Enamel mug");
    assert_eq!(mug.body["stock"], 240);
    for path in ["/api/products/99", "/api/products/mug", "/api/nothing"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.body["error"]["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_cart_belongs_to_its_browser_and_stays() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    assert_eq!(browser.get("/api/cart").await.body["count"], 0);

    browser.put_in_cart(MUG, 2).await;
    let cart = browser.put_in_cart(MUG, 1).await;
    assert_eq!(cart.body["count"], 3);
    assert_eq!(cart.body["total_cents"], 3 * 1450);
    assert_eq!(
        browser.get("/api/cart").await.body,
        cart.body,
        "a reload shows the same"
    );
    assert_eq!(
        Browser::of(&shop).get("/api/cart").await.body["count"],
        0,
        "nobody else sees it"
    );

    let changed = browser
        .send(Method::PUT, "/api/cart/items/1", json!({ "quantity": 5 }))
        .await;
    assert_eq!(changed.body["items"][0]["quantity"], 5);
    let emptied = browser
        .send(Method::DELETE, "/api/cart/items/1", Value::Null)
        .await;
    assert_eq!(emptied.body["items"], json!([]));
}

#[tokio::test]
async fn nobody_chooses_their_own_visitor_id() {
    let shop = fresh_shop().await;
    let chosen = "shop_visitor=00000000-0000-4000-8000-000000000001";
    let mut browser = Browser::with_cookie(&shop, chosen);
    browser.put_in_cart(MUG, 1).await;
    assert_ne!(browser.cookie(), Some(chosen));
    assert_eq!(
        Browser::with_cookie(&shop, chosen)
            .get("/api/cart")
            .await
            .body["count"],
        0
    );
}

#[tokio::test]
async fn an_order_empties_the_cart_takes_the_stock_and_is_confirmed() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 2).await;

    let placed = browser.send(Method::POST, "/api/orders", ada()).await;
    assert_eq!(placed.status, StatusCode::CREATED);
    let path = format!("/api/orders/{}", placed.body["id"]);

    let order = browser.get(&path).await.body;
    assert_eq!(order["status"], "pending");
    assert_eq!(order["total_cents"], 2900);
    assert_eq!(order["items"][0]["quantity"], 2);
    assert_eq!(browser.get("/api/cart").await.body["count"], 0);
    assert_eq!(browser.get("/api/products/1").await.body["stock"], 238);
    assert_eq!(
        Browser::of(&shop).get(&path).await.status,
        StatusCode::NOT_FOUND
    );

    assert_eq!(
        run_next(&shop.pool, MailGateway).await.expect("a database"),
        Some(Outcome::Done)
    );
    assert_eq!(browser.get(&path).await.body["status"], "confirmed");
    assert_eq!(
        run_next(&shop.pool, MailGateway).await.expect("a database"),
        None
    );
}

#[tokio::test]
async fn the_third_order_is_confirmed_at_the_second_attempt() {
    let shop = fresh_shop().await;
    shop.next_order_is(3).await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 1).await;
    browser.send(Method::POST, "/api/orders", ada()).await;

    assert_eq!(shop.work().await, Some(Outcome::Retry));
    assert_eq!(shop.work().await, None, "it waits for its time");
    assert_eq!(browser.get("/api/orders/3").await.body["status"], "pending");
    assert!(shop.last_error().await.expect("one").contains("greylisted"));

    shop.make_jobs_due().await;
    assert_eq!(shop.work().await, Some(Outcome::Done));
    assert_eq!(
        browser.get("/api/orders/3").await.body["status"],
        "confirmed"
    );
}

#[tokio::test]
async fn an_address_that_bounces_is_given_up_after_three_attempts() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 1).await;
    let form = json!({ "name": "Max", "email": "max@bounce.test" });
    browser.send(Method::POST, "/api/orders", form).await;

    for outcome in [Outcome::Retry, Outcome::Retry, Outcome::GaveUp] {
        shop.make_jobs_due().await;
        assert_eq!(shop.work().await, Some(outcome));
    }
    assert_eq!(browser.get("/api/orders/1").await.body["status"], "failed");
    shop.make_jobs_due().await;
    assert_eq!(shop.work().await, None);
}

#[tokio::test]
async fn more_than_there_is_cannot_be_ordered() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(BELL, 4).await;

    let refused = browser.send(Method::POST, "/api/orders", ada()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.body["error"]["code"], "out_of_stock");
    assert_eq!(
        refused.body["error"]["message"],
        "only 3 of Brass bell left, you wanted 4"
    );
    assert_eq!(
        browser.get("/api/cart").await.body["count"],
        4,
        "the cart is kept"
    );
    assert_eq!(browser.get("/api/products/8").await.body["stock"], 3);
    assert_eq!(shop.work().await, None, "nothing was queued");
}

#[tokio::test]
async fn more_than_a_dozen_breaks_the_rule_of_the_database() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 13).await;

    let failed = browser.send(Method::POST, "/api/orders", ada()).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(failed.body["error"]["code"], "internal");
    assert!(
        !failed.body.to_string().contains("order_items"),
        "visitors read no SQL"
    );
    assert_eq!(
        browser.get("/api/cart").await.body["count"],
        13,
        "the cart is kept"
    );
    assert_eq!(browser.get("/api/products/1").await.body["stock"], 240);
}

#[tokio::test]
async fn of_two_who_want_the_last_one_gets_it() {
    let shop = fresh_shop().await;
    let (mut first, mut second) = (Browser::of(&shop), Browser::of(&shop));
    first.put_in_cart(BELL, 2).await;
    second.put_in_cart(BELL, 2).await;

    let (a, b) = tokio::join!(
        first.request(Method::POST, "/api/orders", ada()),
        second.request(Method::POST, "/api/orders", ada()),
    );
    let mut statuses = [a.status, b.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
    assert_eq!(first.get("/api/products/8").await.body["stock"], 1);
}

#[tokio::test]
async fn a_form_sent_twice_orders_once() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 1).await;

    let (a, b) = tokio::join!(
        browser.request(Method::POST, "/api/orders", ada()),
        browser.request(Method::POST, "/api/orders", ada()),
    );
    let mut statuses = [a.status, b.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
    assert_eq!(browser.get("/api/products/1").await.body["stock"], 239);
}

#[tokio::test]
async fn what_runs_low_is_made_again() {
    let shop = fresh_shop().await;
    sqlx::query("UPDATE stock SET quantity = 20 WHERE product_id = $1")
        .bind(MUG)
        .execute(&shop.pool)
        .await
        .expect("a database");
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(MUG, 1).await;
    browser.send(Method::POST, "/api/orders", ada()).await;

    assert_eq!(shop.work().await, Some(Outcome::Done));
    assert_eq!(shop.work().await, Some(Outcome::Done));
    assert_eq!(browser.get("/api/products/1").await.body["stock"], 240);
}

#[tokio::test]
async fn what_does_not_make_sense_is_refused_and_named() {
    let shop = fresh_shop().await;
    let mut browser = Browser::of(&shop);

    let empty = browser.send(Method::POST, "/api/orders", ada()).await;
    assert_eq!(
        (empty.status, &empty.body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("empty_cart"))
    );

    for quantity in [0, -1, 100] {
        let item = json!({ "product_id": MUG, "quantity": quantity });
        let refused = browser.send(Method::POST, "/api/cart/items", item).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.body["error"]["field"], "quantity");
    }
    let unknown = json!({ "product_id": 99, "quantity": 1 });
    let unknown = browser.send(Method::POST, "/api/cart/items", unknown).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);

    let form = json!({ "name": "Ada", "email": "nowhere" });
    let refused = browser.send(Method::POST, "/api/orders", form).await;
    assert_eq!(refused.body["error"]["field"], "email");
    let malformed = browser
        .send(Method::POST, "/api/orders", json!(["?"]))
        .await;
    assert!(malformed.status.is_client_error());
    assert_eq!(malformed.body["error"]["code"], "malformed");
}

#[tokio::test]
async fn a_job_that_does_not_read_is_given_up() {
    let shop = fresh_shop().await;
    sqlx::query(
        "INSERT INTO jobs (kind, payload, carrier, max_attempts)
         VALUES ('paint-the-shop', '[]', '\"?\"', 1)",
    )
    .execute(&shop.pool)
    .await
    .expect("a database");
    assert_eq!(shop.work().await, Some(Outcome::GaveUp));
    assert!(
        shop.last_error()
            .await
            .expect("one")
            .contains("paint-the-shop")
    );
}

#[tokio::test]
async fn the_shop_says_whether_it_can_sell() {
    let shop = fresh_shop().await;
    let browser = Browser::of(&shop);
    assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
    shop.pool.close().await;
    assert_eq!(
        browser.get("/healthz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let answer = browser.get("/api/products").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body["error"]["code"], "unavailable");
}
