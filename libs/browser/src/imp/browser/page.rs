//! Page views: the one of the document and those of route changes.

use std::borrow::Cow;

use throughline_wire::{Attributes, SpanEvent, SpanKind, semconv};

use super::activity::Page;
use super::js::Navigation;
use super::state::{Parent, State, Visibility};
use crate::rules::address::Address;
use crate::rules::idle::{IdleCheck, IdleDetector};

impl State {
    /// Ends the interaction and the page view if they are over. Returns the time until the next
    /// check, in ms.
    pub(super) fn check(&mut self, now_ms: f64) -> Option<f64> {
        let mut next_ms: Option<f64> = None;
        if let Some(interaction) = &self.interaction {
            match interaction.idle.check(now_ms) {
                IdleCheck::Over(at_ms) => self.finish_interaction(at_ms),
                IdleCheck::Again(ms) => next_ms = Some(ms),
            }
        }
        if let Some(page) = self.page.as_ref().filter(|page| !page.ended) {
            match page.idle.check(now_ms) {
                IdleCheck::Over(at_ms) => self.finish_page(at_ms),
                IdleCheck::Again(ms) => next_ms = Some(next_ms.map_or(ms, |other| other.min(ms))),
            }
        }
        next_ms
    }

    fn finish_page(&mut self, at_ms: f64) {
        if let Some(page) = self.page.as_mut().filter(|page| !page.ended) {
            page.ended = true;
            let key = page.open.key;
            self.end(key, at_ms);
        }
    }

    /// Handles a change of visibility. Open interactions and page views end when the page is hidden
    /// or left.
    pub(super) fn seen(&mut self, now_ms: f64, visibility: Visibility) {
        self.visibility = visibility;
        if visibility == Visibility::Visible {
            return;
        }
        self.outbox.recall();
        if let Some(interaction) = &self.interaction {
            self.finish_interaction(interaction.idle.end_ms(now_ms));
        }
        if let Some(page) = &self.page {
            self.finish_page(page.idle.end_ms(now_ms));
        }
        if visibility == Visibility::Leaving {
            while let Some(key) = self.open.last().map(|open| open.key) {
                self.end_unfinished(key, now_ms);
            }
        }
    }

    /// Begins a page view: the one of the document, joined to the server's render if the server
    /// announced it, or a route change.
    pub(super) fn view(&mut self, now_ms: f64, began_ms: f64, address: &Address, parent: Parent) {
        if let Some(page) = &self.page {
            self.finish_page(page.idle.end_ms(now_ms));
        }
        self.page = None;
        let name = format!("page {}", address.template());
        let Some(open) = self.begin(began_ms, name, SpanKind::Internal, parent) else {
            return;
        };
        if let Some(begun) = self.open_span(open.key) {
            let attributes = &mut begun.span.attributes;
            attributes.insert(semconv::UI_ACTION, "page_view");
            attributes.insert(semconv::URL_FULL, address.redacted());
            attributes.insert(semconv::URL_PATH, address.path.clone());
        }
        self.page = Some(Page {
            open,
            idle: IdleDetector::new(now_ms, now_ms),
            ended: false,
            began_ms: now_ms,
            path: address.path.clone(),
        });
    }

    /// Handles a route change within the page.
    pub(super) fn route(&mut self, now_ms: f64, address: &Address) {
        self.check(now_ms);
        if let Some(interaction) = &mut self.interaction {
            interaction.idle.noted(now_ms);
        }
        let cause = match (&self.interaction, &self.page) {
            (Some(interaction), _) => Parent::Linked(interaction.innermost().context),
            (None, Some(page)) => Parent::Linked(page.open.context),
            (None, None) => Parent::None,
        };
        self.errors.clear();
        self.view(now_ms, now_ms, address, cause);
    }

    /// Handles the load event of the document.
    pub(super) fn loaded(&mut self, now_ms: f64, times: &Navigation) {
        let Some(page) = self.page.as_mut().filter(|page| !page.ended) else {
            return;
        };
        page.idle.ended(now_ms);
        let key = page.open.key;
        let events = [
            ("responseStart", times.response_start_ms),
            ("domContentLoadedEventEnd", times.dom_content_loaded_ms),
            ("loadEventEnd", times.load_ms),
        ];
        if let Some(begun) = self.open_span(key) {
            for (name, at_ms) in events.into_iter().filter(|(_, at_ms)| *at_ms > 0.0) {
                begun.span.events.push(SpanEvent {
                    time: begun.anchor.stamp(at_ms),
                    name: Cow::Borrowed(name),
                    attributes: Attributes::default(),
                    dropped_attributes_count: 0,
                });
            }
        }
    }

    /// Keeps the first page view open until the document has loaded.
    pub(super) fn await_load(&mut self, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.idle.began(now_ms);
        }
    }
}
