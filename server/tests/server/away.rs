//! The database becomes unreachable and comes back while the server runs.

use std::time::Duration;

use reqwest::StatusCode;

use crate::program::{Program, data_dir};
use crate::support::{Receiver, Server, span};

async fn check_away(server: &Server) {
    for receiver in Receiver::ALL {
        let response = server.post(receiver, receiver.body(&[span("lost")])).await;
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{receiver:?}"
        );
        let retry_after = response.headers()["retry-after"].to_str().expect("text");
        assert!(
            retry_after.parse::<u64>().is_ok_and(|seconds| seconds >= 1),
            "{retry_after}"
        );
    }
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(
        server.get("/readyz").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let api = server.get("/api/admin/traces").await;
    assert_eq!(api.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(api.headers().contains_key("retry-after"));
    let page = server.get("/traces").await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = page.text().await.expect("text");
    assert!(
        page.contains("</html>") && page.contains("database"),
        "the page says so"
    );
}

async fn check_back(server: &Server) {
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let sent = span("found");
        // The writer reconnects with its own delays.
        for _ in 0..100 {
            let response = server
                .post(receiver, receiver.body(std::slice::from_ref(&sent)))
                .await;
            if response.status() == StatusCode::OK {
                break;
            }
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server.trace(&sent).await;
    }
    assert_eq!(server.get("/traces").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_and_pages_report_a_database_outage_and_recover_without_a_restart() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    assert!(postgres.stop().await.success());

    // The database is already unreachable at the start. The server starts, and migrates as soon as
    // it can.
    let server = Server::start_on(&url, None).await;
    check_away(&server).await;
    let (postgres, again) = Program::postgres(folder.path()).await;
    assert_eq!(again, url, "the port and the password stay");
    check_back(&server).await;

    assert!(postgres.stop().await.success());
    check_away(&server).await;
    let (postgres, _) = Program::postgres(folder.path()).await;
    check_back(&server).await;
    server.store.close().await;
    assert!(postgres.stop().await.success());
}
