//! The instructions for a new installation: how to send the first span.

use leptos::prelude::*;

use crate::context::ServerInfo;
use crate::ui::{CopyButton, Notice};

/// A code snippet for each enabled receiver, with the addresses of this server.
#[component]
pub(crate) fn GettingStarted(
    /// The addresses to which senders post spans.
    server: ServerInfo,
) -> impl IntoView {
    let ServerInfo {
        endpoint,
        otlp_endpoint,
        otlp_grpc_endpoint,
        zipkin_endpoint,
    } = server;
    let browser = format!(
        "// Cargo.toml: throughline-browser = \"0.1\"\n// First thing in `main` of your WASM front \
         end:\nthroughline_browser::start(\n    throughline_browser::Config::new(\"shop-web\")\n        \
         .endpoint(\"{endpoint}\"),\n);"
    );
    let service = format!(
        "// Cargo.toml: throughline = \"0.1\"\nlet tracer = throughline::Tracer::builder(\"shop\")\n    \
         .endpoint(\"{endpoint}\")\n    .build()?;\ntracing_subscriber::registry()\n    \
         .with(tracer.layer())\n    .init();\nlet app = \
         app.layer(throughline::axum::TraceLayer::new());"
    );
    let otel = format!(
        "# The environment of your service\nOTEL_EXPORTER_OTLP_ENDPOINT={otlp_endpoint}\n\
         OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_SERVICE_NAME=shop"
    );
    let grpc = otlp_grpc_endpoint.map(|endpoint| {
        let snippet = format!(
            "# The environment of your service, or of a collector's exporter\n\
             OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}\nOTEL_EXPORTER_OTLP_PROTOCOL=grpc\n\
             OTEL_SERVICE_NAME=shop"
        );
        (
            "OTLP over gRPC",
            "For SDKs and collectors that use gRPC.",
            snippet,
        )
    });
    let zipkin = zipkin_endpoint.map(|endpoint| {
        let snippet = format!(
            "# From any Zipkin library, or OpenTelemetry's exporter\n\
             OTEL_TRACES_EXPORTER=zipkin\nOTEL_EXPORTER_ZIPKIN_ENDPOINT={endpoint}"
        );
        ("Any Zipkin library", "Spans as Zipkin v2 JSON.", snippet)
    });
    let senders = [
        (
            "Your browser code",
            "Clicks, page views and fetches.",
            browser,
        ),
        (
            "Your Rust service",
            "Requests, SQL statements and jobs.",
            service,
        ),
        (
            "Any OpenTelemetry SDK",
            "OTLP over HTTP, protobuf or JSON, any language.",
            otel,
        ),
    ];
    let senders: Vec<_> = senders
        .into_iter()
        .chain(grpc)
        .chain(zipkin)
        .map(|(title, what, snippet)| {
            view! {
                <section class="way">
                    <h3>{title}</h3>
                    <p>{what}</p>
                    <pre class="code" tabindex="0" aria-label=title>
                        {snippet.clone()}
                    </pre>
                    <CopyButton text=snippet what=title label="Copy" />
                </section>
            }
        })
        .collect();
    view! {
        <Notice title="Waiting for the first span">
            <p>
                "No service has sent a span yet. Choose one of these senders. A trace is listed here as soon as it is stored."
            </p>
            <div class="getting-started">{senders}</div>
        </Notice>
    }
    .into_any()
}
