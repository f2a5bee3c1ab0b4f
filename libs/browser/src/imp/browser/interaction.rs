//! Clicks and submits. Each one is the root of the trace that it causes.

use throughline_wire::{AttributeValue, SpanKind, semconv};

use super::Open;
use super::activity::Interaction;
use super::state::{Parent, State};
use crate::rules::element::Element;
use crate::rules::idle::IdleDetector;

/// The oldest event timestamp that is trusted, in ms. For an older one, the current time is used.
const EVENT_AGE_MS: f64 = 10_000.0;
/// The limit of a recorded form value, in characters. The rest is cut off.
const MAX_VALUE_CHARS: usize = 1_024;
/// The most fields of a form that are recorded.
const MAX_FIELDS: usize = 50;

impl State {
    /// Ends the interaction. It is not sent if it caused nothing and its element is not
    /// interactive.
    pub(super) fn finish_interaction(&mut self, at_ms: f64) {
        let Some(interaction) = self.interaction.take() else {
            return;
        };
        if let Some(submit) = interaction.submit {
            self.end(submit.key, at_ms);
        }
        let is_announced = self
            .open_span(interaction.root.key)
            .is_some_and(|open| open.is_announced());
        if is_announced || interaction.certain || interaction.idle.has_happened() {
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

    /// Begins the interaction of a click. `on_something` is true if the element is interactive.
    pub(super) fn click(
        &mut self,
        now_ms: f64,
        event_ms: f64,
        element: &Element,
        on_something: bool,
    ) {
        self.begin_interaction(now_ms, event_ms, "click", element, on_something);
    }

    /// Notes that code of the interaction runs now. The interaction stays open however long its
    /// listeners take.
    pub(super) fn interaction_runs(&mut self, now_ms: f64) {
        if let Some(interaction) = &mut self.interaction {
            interaction.idle.running(now_ms);
        }
    }

    /// Records a submit. It is part of the click that caused it, else an interaction of its own.
    /// `same_task` is true if the submit came in the task of the click.
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
        self.check(now_ms);
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
                    // The submit ends with the click, so it must not keep the click open.
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
