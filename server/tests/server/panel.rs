//! Tests of the pages in a browser without scripts, and of their security headers.

use reqwest::StatusCode;

use crate::support::{Receiver, Server, hex, span};

#[tokio::test]
async fn pages_have_their_data_without_a_script() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let sent = span("POST /orders/{id}");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    for path in [
        "/traces".to_owned(),
        format!("/traces/{}", hex(&sent.trace_id)),
    ] {
        let response = server.get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let nonce = nonce.expect("a nonce").to_owned();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let page = response.text().await.expect("text");
        assert!(page.contains("POST /orders/{id}"), "{path}");
        assert!(
            page.contains(&format!("nonce=\"{nonce}\"")),
            "{path}: scripts carry the nonce"
        );
    }
}

#[tokio::test]
async fn an_unknown_trace_and_an_unknown_page_give_404_pages() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let unknown = (format!("/traces/{id}"), format!("No trace has the id {id}"));
    let nowhere = (
        "/no/such/page".to_owned(),
        "There is no such page".to_owned(),
    );
    for (path, words) in [unknown, nowhere] {
        let path = path.as_str();
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let page = response.text().await.expect("text");
        assert!(page.contains("</html>") && page.contains(&words), "{path}");
    }
}

#[tokio::test]
async fn the_root_redirects_to_the_traces() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let request = server
        .client
        .get(server.url("/"))
        .header("accept", "text/html");
    let response = request.send().await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.url().path(), "/traces");
}
