//! Serves the control panel: renders its pages, runs its server functions and sets their headers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler as _;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::{
    LeptosRoutes as _, ResponseOptions, generate_route_list, handle_server_fns_with_context,
    render_app_async_with_context,
};
use throughline_app::context::{Clock as PanelClock, PanelContext, ServerInfo, SetStatus};
use throughline_app::{App, shell};
use throughline_model::{RetentionAdmin, TraceReader};

use crate::clock::Clock;
use crate::problem::Problem;
use crate::response_limit::{self, ResponseLimit};
use crate::{compression, site};

/// The state that the panel needs.
#[derive(Clone)]
pub struct Panel {
    /// Reads traces.
    pub reader: Arc<dyn TraceReader>,
    /// Pins and removes traces.
    pub retention_admin: Arc<dyn RetentionAdmin>,
    /// The clock that the pages use.
    pub clock: Clock,
    /// The addresses of this server for senders.
    pub server: ServerInfo,
}

fn options() -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("throughline")
        .site_pkg_dir("pkg")
        .build()
}

/// Provides the context values that the panel's code uses. Called once per request.
fn context(panel: &Panel) {
    let clock = panel.clock.clone();
    PanelContext {
        reader: Arc::clone(&panel.reader),
        retention_admin: Arc::clone(&panel.retention_admin),
        clock: PanelClock(Arc::new(move || clock.now())),
        set_status: SetStatus(Arc::new(|status| {
            if let (Some(response), Ok(status)) = (
                use_context::<ResponseOptions>(),
                StatusCode::from_u16(status),
            ) {
                response.set_status(status);
            }
        })),
        server: panel.server.clone(),
    }
    .provide();
    if let (Some(response), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce())
        && let Ok(policy) = HeaderValue::from_str(&content_security_policy(&nonce))
    {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Returns the content security policy. Only the panel's own scripts run. Style attributes are
/// allowed: custom properties in them position the bars.
fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src \
         'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// Returns the routes of pages, server functions and static files. The panel's own 404 page is the
/// response for everything else.
pub(crate) fn routes(panel: Panel, limit: ResponseLimit) -> Router {
    let options = options();
    let pages = generate_route_list(App);
    let provide = {
        let panel = panel.clone();
        move || context(&panel)
    };
    let call = {
        let provide = provide.clone();
        post(move |request: Request| {
            let provide = provide.clone();
            async move {
                handle_server_fns_with_context(provide, request)
                    .await
                    .into_response()
            }
        })
    };
    let shell_options = options.clone();
    let provide_fallback = provide.clone();
    let otherwise = move |request: Request| fallback(request, provide_fallback.clone());
    Router::<LeptosOptions>::new()
        .route("/api/panel/{*function}", call)
        .leptos_routes_with_context(&options, pages, provide.clone(), move || {
            shell(shell_options.clone())
        })
        // Inside the limit: its permits belong to the bytes that are sent.
        .route_layer(compression::layer())
        .route_layer(from_fn_with_state(limit, response_limit::hold))
        .fallback(otherwise.layer(compression::layer()))
        .with_state(options)
}

/// Returns a static file. If there is none, it returns a problem document for a path below `/api`,
/// and the panel's 404 page for any other path.
async fn fallback(
    request: Request,
    provide: impl Fn() + Clone + Send + Sync + 'static,
) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path.starts_with("/v1/") {
        let path: String = path.chars().take(200).collect();
        return Problem::not_found(format!("nothing is at {path}")).into_response();
    }
    if let Some(file) = site::serve(request.method(), path, request.headers()) {
        return file;
    }
    let options = options();
    let render = render_app_async_with_context(provide, move || shell(options.clone()));
    let mut response = render(request).await.into_response();
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Returns the security headers that every response carries.
pub fn security_headers() -> [(HeaderName, HeaderValue); 4] {
    [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ]
}

/// Returns the response to a request whose handler panicked.
pub fn panicked(_: Box<dyn core::any::Any + Send>) -> axum::http::Response<Body> {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal server error",
        "internal error; see the server's log",
    )
    .into_response()
}
