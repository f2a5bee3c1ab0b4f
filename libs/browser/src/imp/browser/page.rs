//! What the person does: page views, clicks and submits, each with what it causes.

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, SpanEvent, SpanKind, semconv};

use super::Open;
use super::js::Navigation;
use super::state::{Parent, State};
use crate::rules::address::Address;
use crate::rules::element::Element;
use crate::rules::quiet::{Look, Quiet};

/// A page view is the parent of what no click explains for this long, ms.
const PAGE_WINDOW_MS: f64 = 600e3;
/// An event's own time is believed when it is not older than this, ms.
const EVENT_AGE_MS: f64 = 10_000.0;
/// Values of form fields are cut here, in characters.
const MAX_VALUE_CHARS: usize = 1_024;
/// The most fields of a form that are told.
const MAX_FIELDS: usize = 50;

/// A click or submit and what it caused; the root of its trace.
pub(super) struct Interaction {
    pub(super) root: Open,
    /// The submit that the click led to.
    submit: Option<Open>,
    pub(super) quiet: Quiet,
    /// Whether it is told even when nothing came of it.
    certain: bool,
}

impl Interaction {
    /// The span that what happens now belongs to.
    pub(super) fn innermost(&self) -> Open {
        self.submit.unwrap_or(self.root)
    }
}

/// The page the person sees.
pub(super) struct Page {
    pub(super) open: Open,
    pub(super) quiet: Quiet,
    /// Whether its span has ended; it stays the parent of what no click explains.
    ended: bool,
    began_ms: f64,
    path: String,
}

impl Page {
    pub(super) fn takes_children(&self, now_ms: f64) -> bool {
        now_ms - self.began_ms < PAGE_WINDOW_MS
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl State {
    /// Ends the interaction and the page view if they are over; ms until the next look is due.
    pub(super) fn look(&mut self, now_ms: f64) -> Option<f64> {
        let mut next_ms: Option<f64> = None;
        if let Some(interaction) = &self.interaction {
            match interaction.quiet.look(now_ms) {
                Look::Over(at_ms) => self.finish_interaction(at_ms),
                Look::Again(ms) => next_ms = Some(ms),
            }
        }
        if let Some(page) = self.page.as_ref().filter(|page| !page.ended) {
            match page.quiet.look(now_ms) {
                Look::Over(at_ms) => self.finish_page(at_ms),
                Look::Again(ms) => next_ms = Some(next_ms.map_or(ms, |other| other.min(ms))),
            }
        }
        next_ms
    }

    /// Ends the interaction; one of which nothing came, on nothing to act on, is not told.
    fn finish_interaction(&mut self, at_ms: f64) {
        let Some(interaction) = self.interaction.take() else {
            return;
        };
        if let Some(submit) = interaction.submit {
            self.end(submit.key, at_ms);
        }
        if interaction.certain || interaction.quiet.has_happened() {
            self.end(interaction.root.key, at_ms);
        } else {
            self.discard(interaction.root.key);
        }
    }

    fn finish_page(&mut self, at_ms: f64) {
        if let Some(page) = self.page.as_mut().filter(|page| !page.ended) {
            page.ended = true;
            let key = page.open.key;
            self.end(key, at_ms);
        }
    }

    /// Ends what is under way, for the page is hidden or left.
    pub(super) fn finish_all(&mut self, now_ms: f64, leaving: bool) {
        if let Some(interaction) = &self.interaction {
            self.finish_interaction(interaction.quiet.end_ms(now_ms));
        }
        if let Some(page) = &self.page {
            self.finish_page(page.quiet.end_ms(now_ms));
        }
        while leaving && !self.open.is_empty() {
            if let Some(open) = self.open.last_mut() {
                open.span.attributes.insert(semconv::UNFINISHED, true);
                let key = open.key;
                self.end(key, now_ms);
            }
        }
    }

    fn begin_interaction(
        &mut self,
        now_ms: f64,
        event_ms: f64,
        action: &'static str,
        element: &Element,
        certain: bool,
    ) {
        if let Some(before) = &self.interaction {
            self.finish_interaction(before.quiet.end_ms(now_ms));
        }
        let at_ms = if (now_ms - EVENT_AGE_MS..=now_ms).contains(&event_ms) {
            event_ms
        } else {
            now_ms
        };
        let root = self.begin(
            at_ms,
            element.span_name(action),
            SpanKind::Internal,
            Parent::None,
        );
        let Some(root) = root else {
            return;
        };
        self.describe(root, action, element);
        self.interaction = Some(Interaction {
            root,
            submit: None,
            quiet: Quiet::new(at_ms),
            certain,
        });
    }

    fn describe(&mut self, open: Open, action: &'static str, element: &Element) {
        let path = self.page.as_ref().map(|page| page.path.clone());
        if let Some(begun) = self.open_span(open.key) {
            let attributes = &mut begun.span.attributes;
            attributes.insert(semconv::UI_ACTION, action);
            attributes.insert(semconv::UI_ELEMENT, element.label());
            if let Some(path) = path {
                attributes.insert(semconv::URL_PATH, path);
            }
        }
    }

    /// A click; `on_something` when the element is one to act on.
    pub(super) fn click(
        &mut self,
        now_ms: f64,
        event_ms: f64,
        element: &Element,
        on_something: bool,
    ) {
        self.begin_interaction(now_ms, event_ms, "click", element, on_something);
    }

    /// A submit: part of the click that led to it, else an interaction of its own. `same_task`
    /// when it came in the click's own task.
    pub(super) fn submit(
        &mut self,
        now_ms: f64,
        event_ms: f64,
        element: &Element,
        same_task: bool,
        fields: Vec<String>,
        values: Vec<String>,
    ) {
        self.look(now_ms);
        let clicked = self
            .interaction
            .as_ref()
            .filter(|click| click.submit.is_none());
        if let Some(click) = clicked {
            let parent = if same_task {
                Parent::Known(click.root.context)
            } else {
                Parent::Inferred(click.root.context)
            };
            let name = element.span_name("submit");
            let submit = self.begin(now_ms, name, SpanKind::Internal, parent);
            if let Some(open) = submit {
                self.describe(open, "submit", element);
            }
            if let Some(click) = &mut self.interaction {
                click.submit = submit;
                if submit.is_some() {
                    // It ends with the click, so it must not hold the click open.
                    click.quiet.ended(now_ms);
                }
            }
        } else {
            self.begin_interaction(now_ms, event_ms, "submit", element, true);
        }
        let Some(open) = self.interaction.as_ref().map(Interaction::innermost) else {
            return;
        };
        if let Some(begun) = self.open_span(open.key) {
            let attributes = &mut begun.span.attributes;
            let fields: Vec<AttributeValue> = fields
                .into_iter()
                .take(MAX_FIELDS)
                .map(AttributeValue::from)
                .collect();
            attributes.insert(semconv::UI_FORM_FIELDS, fields);
            for pair in values.chunks_exact(2).take(MAX_FIELDS) {
                let value: String = pair[1].chars().take(MAX_VALUE_CHARS).collect();
                attributes.insert(
                    format!("{}{}", semconv::UI_FORM_VALUE_PREFIX, pair[0]),
                    value,
                );
            }
        }
    }

    /// A page view: the document's own, joined to the server's render if that announced itself, or
    /// a route change.
    pub(super) fn view(&mut self, now_ms: f64, began_ms: f64, address: &Address, parent: Parent) {
        if let Some(page) = &self.page {
            self.finish_page(page.quiet.end_ms(now_ms));
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
            quiet: Quiet::new(now_ms),
            ended: false,
            began_ms: now_ms,
            path: address.path.clone(),
        });
    }

    /// The person went elsewhere within the page.
    pub(super) fn route(&mut self, now_ms: f64, address: &Address) {
        self.look(now_ms);
        if let Some(interaction) = &mut self.interaction {
            interaction.quiet.noted(now_ms);
        }
        let cause = match (&self.interaction, &self.page) {
            (Some(interaction), _) => Parent::Linked(interaction.innermost().context),
            (None, Some(page)) => Parent::Linked(page.open.context),
            (None, None) => Parent::None,
        };
        self.errors.clear();
        self.view(now_ms, now_ms, address, cause);
    }

    /// The document has loaded.
    pub(super) fn loaded(&mut self, now_ms: f64, times: &Navigation) {
        let Some(page) = self.page.as_mut().filter(|page| !page.ended) else {
            return;
        };
        page.quiet.ended(now_ms);
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

    /// Holds the first page view open until the document has loaded.
    pub(super) fn await_load(&mut self, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.quiet.began(now_ms);
        }
    }
}
