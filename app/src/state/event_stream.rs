//! A stream of server-sent events in the browser, opened again when it breaks off.

use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// When a stream that was refused is asked for again; the browser itself asks again only for one
/// that broke off.
const REFUSED: Duration = Duration::from_secs(5);

/// An open stream with what listens to it; dropping it closes it.
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

    /// Calls `heard` for each event of this name.
    fn on(&mut self, name: &str, heard: impl FnMut(MessageEvent) + 'static) {
        let listener = Closure::new(heard);
        // It cannot fail for a listener that is a function.
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

/// Keeps a stream to the address `url` gives open, or none when it gives none; calls `heard` with
/// the name and the data of each event of these names, and with the name `error` when the stream
/// breaks off.
///
/// # Server-Side Rendering
/// On the server nothing is opened.
pub(crate) fn listen_to_events(
    url: impl Fn() -> Option<String> + 'static,
    names: &'static [&'static str],
    heard: impl Fn(&str, String) + Copy + 'static,
) {
    let attempt = RwSignal::new(0_u32);
    // An effect never runs on the server, where a value that is not `Send` must not exist: a page
    // is rendered on several threads. The stream is the effect's value and goes with it.
    Effect::new(move |old: Option<Option<Stream>>| {
        attempt.track();
        // The old one first: a browser opens few connections to a server.
        drop(old);
        let mut opened = url().and_then(|url| Stream::open(&url))?;
        for name in names {
            opened.on(name, move |event| {
                heard(name, event.data().as_string().unwrap_or_default());
            });
        }
        let source = opened.source.clone();
        opened.on("error", move |_| {
            heard("error", String::new());
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
