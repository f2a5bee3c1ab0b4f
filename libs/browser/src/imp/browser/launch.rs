//! Starts the tracer: reads the configuration from the page, begins the page view, installs the
//! hooks.

use throughline_wire::w3c::TraceParent;
use throughline_wire::{InstrumentationScope, Resource, semconv};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use super::js::{self, Navigation};
use super::state::{Parent, SESSION_KEY, State, Visibility};
use super::{STATE, entry, errors, with};
use crate::rules::address::{Address, Targets};
use crate::rules::clock::Anchor;
use crate::rules::ids::IdPool;
use crate::rules::outbox::Outbox;
use crate::rules::session::Session;
use crate::{Config, SpanContext};

/// The greatest age of the server's `traceparent` tag, in ms. An older one belongs to a cached copy
/// of the page.
const MAX_ANNOUNCEMENT_AGE_MS: f64 = 60e3;

/// Starts the tracer. Does nothing without a page, or if the collector's address is not a URL.
pub(super) fn launch(config: Config) {
    let Some(page_url) = js::location() else {
        return;
    };
    let Some(state) = state(&config, &page_url) else {
        return;
    };
    let stored = STATE.with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = Some(state)));
    if stored.is_err() {
        return;
    }
    let times = Navigation::now();
    let parent = announced(&times);
    with(|state, now_ms| {
        // The page view of a prerendered page begins when the page is shown.
        state.view(now_ms, times.activation_ms, &page_url, parent);
        state.await_load(now_ms);
    });
    errors::watch_panics();
    let callback: Closure<dyn Fn(u32, JsValue, JsValue) -> JsValue> = Closure::new(entry::happened);
    js::install(&callback.into_js_value(), config.patch_fetch);
}

fn state(config: &Config, page_url: &Address) -> Option<State> {
    let base = config
        .endpoint
        .clone()
        .or_else(|| js::meta("throughline-endpoint", "content"))
        .unwrap_or_default();
    let collector = js::parse(&format!("{}/api/trace-log", base.trim_end_matches('/')))?;
    let mut resource = Resource {
        attributes: config.resource.clone(),
        ..Resource::default()
    };
    resource
        .attributes
        .insert(semconv::TELEMETRY_SDK_NAME, "throughline");
    resource
        .attributes
        .insert(semconv::TELEMETRY_SDK_LANGUAGE, "rust");
    resource
        .attributes
        .insert(semconv::TELEMETRY_SDK_VERSION, env!("CARGO_PKG_VERSION"));
    if let Some(user_agent) = js::user_agent() {
        resource
            .attributes
            .insert(semconv::USER_AGENT_ORIGINAL, user_agent);
    }
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let (now_ms, wall_ms) = (js::now(), js::wall());
    let mut ids: IdPool<fn(&mut [u8])> = IdPool::new(js::random);
    let session = js::load(SESSION_KEY)
        .and_then(|text| Session::read(&text))
        .unwrap_or_else(|| Session::new(ids.uuid(), wall_ms));
    let process = ids.process_id();
    Some(State {
        sent_ms: now_ms,
        collector_url: format!("{}{}", collector.origin, collector.path),
        targets: Targets {
            own: page_url.origin.clone(),
            collector,
            allowed: config
                .propagate_to
                .iter()
                .filter_map(|url| js::parse(url))
                .collect(),
        },
        ids,
        anchor: Anchor::new(wall_ms, now_ms),
        session,
        user_id: None,
        open: Vec::new(),
        next_key: 0,
        page: None,
        interaction: None,
        errors: Vec::new(),
        outbox: Outbox::new(
            &serde_json::to_string(&resource).ok()?,
            &serde_json::to_string(&scope).ok()?,
            process,
        ),
        visibility: Visibility::Visible,
        flush_due: false,
        flush_armed: false,
        look_armed: false,
    })
}

/// Returns the relation of the page view to the server's render of the page. The page view is the
/// span that the server announced. If the page is a cached copy, it is only linked to that span,
/// because the same copy may have been shown to others.
fn announced(times: &Navigation) -> Parent {
    let Some(announced) =
        js::meta("traceparent", "content").and_then(|text| TraceParent::parse(&text).ok())
    else {
        return Parent::None;
    };
    let span = SpanContext {
        trace_id: announced.trace_id,
        span_id: announced.parent_id,
    };
    let issued_ms =
        js::meta("traceparent", "data-issued-ms").and_then(|text| text.parse::<i64>().ok());
    let is_old = issued_ms.is_some_and(|ms| js::wall() - ms as f64 > MAX_ANNOUNCEMENT_AGE_MS);
    if times.from_cache || is_old {
        Parent::Linked(span)
    } else {
        Parent::Joined(span)
    }
}
