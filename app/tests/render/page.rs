//! Renders a page as a server does, but without a server.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, Once};

use futures::StreamExt as _;
use leptos::prelude::*;
use leptos_integration_utils::build_response;
use leptos_meta::{MetaTags, ServerMetaContext};
use leptos_router::components::provide_server_redirect;
use leptos_router::location::RequestUrl;
use throughline_app::{App, Clock, PanelContext, ServerInfo, SetStatus};
use throughline_testkit::{FakeReader, FakeRetentionAdmin, NOW};

/// The response of the server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) html: String,
    /// The target of the redirect, if there is one.
    pub(crate) redirect: Option<String>,
}

impl Answer {
    /// Returns the visible text, without tags and scripts.
    pub(crate) fn text(&self) -> String {
        crate::html::text_of(&self.html)
    }
}

/// Requests the page at `path`.
pub(crate) async fn get(path: &str, reader: FakeReader) -> Answer {
    get_with(path, reader, FakeRetentionAdmin::empty()).await
}

/// Requests the page at `path` with a given retention admin.
pub(crate) async fn get_with(
    path: &str,
    reader: FakeReader,
    retention_admin: FakeRetentionAdmin,
) -> Answer {
    static EXECUTOR: Once = Once::new();
    EXECUTOR.call_once(|| any_spawner::Executor::init_tokio().expect("set once"));
    let status = Arc::new(AtomicU16::new(200));
    let told = status.clone();
    let context = PanelContext {
        reader: reader.shared(),
        retention_admin: retention_admin.shared(),
        clock: Clock(Arc::new(|| NOW)),
        set_status: SetStatus(Arc::new(move |status| told.store(status, Ordering::SeqCst))),
        server: ServerInfo {
            endpoint: "http://127.0.0.1:3000".to_owned(),
            otlp_endpoint: "http://127.0.0.1:4318".to_owned(),
            otlp_grpc_endpoint: Some("http://127.0.0.1:4317".to_owned()),
            zipkin_endpoint: None,
        },
    };
    let redirect = Arc::new(Mutex::new(None));
    let sent_to = redirect.clone();
    let url = RequestUrl::new(path);
    let (meta, head) = ServerMetaContext::new();
    let (owner, stream) = build_response(
        || {
            view! {
                <html>
                    <head>
                        <MetaTags />
                    </head>
                    <body>
                        <App />
                    </body>
                </html>
            }
        },
        move || {
            provide_context(url);
            provide_context(meta);
            provide_server_redirect(move |path| {
                *sent_to.lock().expect("no panic") = Some(path.to_owned());
            });
            context.provide();
        },
        |app, chunks, _| {
            Box::pin(async move {
                let html = app.to_html_stream_in_order().collect::<String>().await;
                Box::pin(futures::stream::once(async move { html }).chain(chunks()))
                    as leptos_integration_utils::PinnedStream<String>
            })
        },
        false,
    );
    let html = head.inject_meta_context(stream.await).await;
    let html = html.collect::<String>().await;
    drop(owner);
    Answer {
        status: status.load(Ordering::SeqCst),
        html,
        redirect: redirect.lock().expect("no panic").take(),
    }
}
