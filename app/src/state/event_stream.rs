//! A stream of server-sent events in the browser. It is reopened when it breaks off.

use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

use super::PageSignal;

/// The wait before a refused stream is opened again. The browser itself reopens only a stream that
/// broke off.
const REFUSED: Duration = Duration::from_secs(5);

/// An open stream with its listeners. Dropping it closes the stream.
struct Stream {
    source: EventSource,
    listeners: Vec<Closure<dyn FnMut(MessageEvent)>>,
}

impl Stream {
    fn open(url: &str) -> Option<Self> {
        let source = EventSource::new(url).ok()?;
        Some(Self {
            source,
            listeners: Vec::new(),
        })
    }

    /// Calls `on_event` for each event with this name.
    fn on(&mut self, name: &str, on_event: impl FnMut(MessageEvent) + 'static) {
        let listener = Closure::new(on_event);
        // Cannot fail, because the listener is a function.
        let _ = self
            .source
            .add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        self.listeners.push(listener);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}

/// Keeps a stream open to the address that `url` returns, or none if it returns `None`.
///
/// Calls `on_event` with the name and the data of each event with one of these names. Calls it with
/// the name `error` when the stream breaks off.
///
/// # Server-Side Rendering
/// On the server no stream is opened.
pub(crate) fn listen_to_events(
    url: impl Fn() -> Option<String> + 'static,
    names: &'static [&'static str],
    on_event: impl Fn(&str, String) + Copy + 'static,
) {
    let attempt = PageSignal::new(0_u32);
    // An effect never runs on the server. There a value that is not `Send` must not exist, because
    // a page is rendered on several threads. The stream is the effect's value and is dropped with
    // it.
    Effect::new(move |old: Option<Option<Stream>>| {
        attempt.track();
        // Close the old stream first, because a browser allows few connections to a server.
        drop(old);
        let mut opened = url().and_then(|url| Stream::open(&url))?;
        for name in names {
            opened.on(name, move |event| {
                on_event(name, event.data().as_string().unwrap_or_default());
            });
        }
        let source = opened.source.clone();
        opened.on("error", move |_| {
            on_event("error", String::new());
            if source.ready_state() == EventSource::CLOSED {
                set_timeout(
                    move || {
                        attempt.try_update(|attempt| *attempt = attempt.wrapping_add(1));
                    },
                    REFUSED,
                );
            }
        });
        Some(opened)
    });
}
