//! The queue is full: every receiver responds so at once, with a retry delay.

use reqwest::StatusCode;

use crate::support::{Receiver, Server, span};

#[tokio::test]
async fn a_full_queue_gives_429_at_once_with_retry_after() {
    let server = Server::overloaded().await;
    for receiver in Receiver::ALL {
        let response = server
            .post(receiver, receiver.body(&[span("too many")]))
            .await;
        assert_eq!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS,
            "{receiver:?}"
        );
        let retry_after = response.headers()["retry-after"].to_str().expect("text");
        assert!(
            retry_after.parse::<u64>().is_ok_and(|seconds| seconds >= 1),
            "{retry_after}"
        );
    }
}
