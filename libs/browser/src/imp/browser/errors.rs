//! Errors nobody caught, told on the span they belong to.

use std::borrow::Cow;
use std::cell::RefCell;

use throughline_wire::{Attributes, SpanEvent, SpanKind, Status, semconv};

use super::ENTERED;
use super::state::State;

/// The most different errors told of one page.
const MAX_ERRORS: usize = 20;
/// Stacks are cut here, in bytes.
const MAX_STACK_BYTES: usize = 8 * 1024;
/// Messages are cut here, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;
/// What a trap of a WebAssembly module is called.
const TRAP: &str = "RuntimeError";

thread_local! {
    /// What the last panic said; the trap it ends in says only "unreachable".
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Listens to panics, before whoever listened already.
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

/// `text` up to `bytes`, at a whole character.
fn cut(mut text: String, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl State {
    /// An error or a rejection that nobody caught.
    pub(super) fn error(&mut self, now_ms: f64, kind: String, message: String, stack: String) {
        let (mut kind, mut message) = (kind, message);
        let is_trap = kind == TRAP;
        let panic = PANIC.with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take()));
        if let Some(panic) = panic.filter(|_| is_trap) {
            (kind, message) = ("panic".to_owned(), panic);
        }
        // An error that is told here has left the code that ran: a trap, or an exception through
        // a poll, ran no destructor, and what was entered must not stay so.
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
        // With no span open it gets one of its own.
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
            begun.span.events.push(SpanEvent {
                time: begun.anchor.stamp(now_ms),
                name: Cow::Borrowed(semconv::EVENT_EXCEPTION),
                attributes,
                dropped_attributes_count: 0,
            });
        }
        if let Some(own) = own {
            self.end(own.key, now_ms);
        }
    }
}
