//! Records uncaught errors on the span that they belong to.

use std::borrow::Cow;
use std::cell::RefCell;

use throughline_wire::{Attributes, SpanEvent, SpanKind, Status, semconv};

use super::ENTERED;
use super::state::State;
use crate::rules::limits;

/// The most distinct errors that are recorded per page.
const MAX_ERRORS: usize = 20;
/// The limit of a recorded stack, in bytes. The rest is cut off.
const MAX_STACK_BYTES: usize = 8 * 1024;
/// The limit of a recorded message, in bytes. The rest is cut off.
const MAX_MESSAGE_BYTES: usize = 1024;
/// The error type of a trap in a WebAssembly module.
const TRAP: &str = "RuntimeError";

thread_local! {
    /// The message of the last panic. The trap that follows says only "unreachable".
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a panic hook that saves the message and then calls the previous hook.
pub(super) fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.to_string();
        PANIC.with(|last| {
            if let Ok(mut last) = last.try_borrow_mut() {
                *last = Some(text);
            }
        });
        before(panic);
    }));
}

/// Truncates `text` to at most `bytes`, at a character boundary.
fn cut(mut text: String, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl State {
    /// Records an uncaught error or an unhandled rejection.
    pub(super) fn error(&mut self, now_ms: f64, kind: String, message: String, stack: String) {
        let (mut kind, mut message) = (kind, message);
        let is_trap = kind == TRAP;
        let panic = PANIC.with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take()));
        if let Some(panic) = panic.filter(|_| is_trap) {
            (kind, message) = ("panic".to_owned(), panic);
        }
        // An uncaught error has left the code that ran. A trap, or an exception through a poll,
        // runs no destructor, so the current span must be reset here.
        let entered = ENTERED.take();
        let message = cut(message, MAX_MESSAGE_BYTES);
        let known = format!("{kind}: {message}");
        if self.errors.len() < MAX_ERRORS && !self.errors.contains(&known) {
            self.errors.push(known);
            self.tell_error(now_ms, entered.map(|open| open.key), kind, message, stack);
        }
        if let Some(open) = entered.filter(|_| is_trap) {
            self.end(open.key, now_ms);
        }
    }

    fn tell_error(
        &mut self,
        now_ms: f64,
        entered: Option<u32>,
        kind: String,
        message: String,
        stack: String,
    ) {
        let ambient = self.ambient_open(now_ms).map(|open| open.key);
        let active = entered
            .into_iter()
            .chain(ambient)
            .find(|key| self.open_span(*key).is_some());
        // If no span is open, the error gets a span of its own.
        let own = if active.is_none() {
            let parent = self.ambient(now_ms, false);
            self.begin(now_ms, kind.clone(), SpanKind::Internal, parent)
        } else {
            None
        };
        let Some(key) = active.or(own.map(|open| open.key)) else {
            return;
        };
        if let Some(interaction) = self.interaction.as_mut().filter(|_| active.is_some()) {
            interaction.idle.noted(now_ms);
        }
        if let Some(begun) = self.open_span(key) {
            let mut attributes = Attributes::default();
            attributes.insert(semconv::EXCEPTION_TYPE, kind.clone());
            attributes.insert(semconv::EXCEPTION_MESSAGE, message.clone());
            if !stack.is_empty() {
                attributes.insert(semconv::EXCEPTION_STACKTRACE, cut(stack, MAX_STACK_BYTES));
            }
            begun.span.status = Status::error(message);
            begun.span.attributes.insert(semconv::ERROR_TYPE, kind);
            let event = SpanEvent {
                time: begun.anchor.stamp(now_ms),
                name: Cow::Borrowed(semconv::EVENT_EXCEPTION),
                attributes,
                dropped_attributes_count: 0,
            };
            limits::add_event(&mut begun.span, event);
        }
        if let Some(own) = own {
            self.end(own.key, now_ms);
        }
    }
}
