//! Tests of the load generator with a real server: everything it sends is accounted for and stored
//! once.

use clap::Parser as _;
use serde_json::Value;
use throughline_loadgen::LoadOptions;
use throughline_server::clock::Clock;

use crate::support::Server;

async fn send(server: &Server, arguments: &[&str]) -> Value {
    let url = if arguments.contains(&"otlp-grpc") {
        &server.grpc
    } else {
        &server.base
    };
    let mut all = vec![
        "throughline-loadgen",
        "--url",
        url,
        "--json",
        "--spans",
        "3000",
    ];
    all.extend(["--per-request", "100", "--malformed-percent", "1"]);
    all.extend(arguments);
    let options = LoadOptions::parse_from(all);
    let now = Clock::system().now();
    let report = throughline_loadgen::send(&options, now).await;
    let report = report.expect("sends");
    report.check().expect("is accounted for");
    serde_json::from_str(&report.text(true)).expect("JSON")
}

#[tokio::test]
async fn items_of_every_receiver_are_stored_once() {
    let server = Server::start().await;
    let mut stored = 0;
    for (seed, arguments) in [
        ("1", ["--format", "native", "--shape", "s"]),
        ("2", ["--format", "otlp-protobuf", "--shape", "m"]),
        ("3", ["--format", "otlp-json", "--shape", "l"]),
        ("4", ["--format", "otlp-grpc", "--shape", "m"]),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--seed", seed, "--duplicate-percent", "10"]);
        let report = send(&server, &arguments).await;
        let count = |name: &str| report[name].as_u64().expect("a count");
        // 30 requests, three of them sent twice. One in 100 spans is malformed.
        assert_eq!(
            (count("sent"), count("rejected"), count("refused")),
            (3_300, 33, 0)
        );
        assert_eq!(count("accepted") + count("duplicate"), 3_267);
        if arguments.contains(&"native") {
            assert_eq!(count("duplicate"), 297);
        }
        stored += count("distinct");
        assert_eq!(server.stored_spans().await, stored);
    }
}

#[tokio::test]
async fn a_second_run_with_the_same_seed_gives_only_duplicates() {
    let server = Server::start().await;
    let begin = (Clock::system().now().get() - 60_000_000_000).to_string();
    let arguments = ["--format", "native", "--begin-ns", &begin, "--gzip"];
    let first = send(&server, &arguments).await;
    let second = send(&server, &arguments).await;
    assert_eq!(first["accepted"], 2_970);
    assert_eq!(
        (&second["accepted"], &second["duplicate"]),
        (&0.into(), &2_970.into())
    );
}

#[tokio::test]
async fn compressed_calls_of_grpc_are_stored_once() {
    let server = Server::start().await;
    let report = send(&server, &["--format", "otlp-grpc", "--gzip"]).await;
    assert_eq!(report["refused"], 0);
    assert_eq!(
        Some(server.stored_spans().await),
        report["distinct"].as_u64()
    );
}
