//! Clicks and submits, each the root of what it causes.

use throughline_wire::{AttributeValue, SpanKind, semconv};

use super::Open;
use super::state::{Parent, State};
use crate::rules::element::Element;
use crate::rules::idle::IdleDetector;

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
    pub(super) idle: IdleDetector,
    /// Whether it is told even when nothing came of it.
    certain: bool,
}

impl Interaction {
    /// The span that what happens now belongs to.
    pub(super) fn innermost(&self) -> Open {
        self.submit.unwrap_or(self.root)
    }
}

impl State {
    /// Ends the interaction; one of which nothing came, on nothing to act on, is not told.
    pub(super) fn finish_interaction(&mut self, at_ms: f64) {
        let Some(interaction) = self.interaction.take() else {
            return;
        };
        if let Some(submit) = interaction.submit {
            self.end(submit.key, at_ms);
        }
        let is_told = self
            .open_span(interaction.root.key)
            .is_some_and(|open| open.is_told());
        if is_told || interaction.certain || interaction.idle.has_happened() {
            self.end(interaction.root.key, at_ms);
        } else {
            self.discard(interaction.root.key);
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
            self.finish_interaction(before.idle.end_ms(now_ms));
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
            idle: IdleDetector::new(at_ms, now_ms),
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

    /// Notes that code of the interaction runs now: it is not over, however long its listeners take.
    pub(super) fn interaction_runs(&mut self, now_ms: f64) {
        if let Some(interaction) = &mut self.interaction {
            interaction.idle.running(now_ms);
        }
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
        if same_task {
            self.interaction_runs(now_ms);
        }
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
                    click.idle.ended(now_ms);
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
}
