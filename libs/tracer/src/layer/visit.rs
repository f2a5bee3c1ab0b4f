//! Turns `tracing` fields into typed attributes.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use throughline_wire::{AttributeValue, SpanKind, StatusCode};
use tracing::field::{Field, Visit};

use crate::active::Recording;
use crate::exception::causes;

/// A visitor that passes each field to a function, as key and value.
pub(super) struct Fields<F>(pub(super) F);

impl<F: FnMut(&'static str, AttributeValue)> Fields<F> {
    fn give(&mut self, field: &Field, value: impl Into<AttributeValue>) {
        // `r#type` in a macro means the field `type`.
        let name = field.name();
        (self.0)(name.strip_prefix("r#").unwrap_or(name), value.into());
    }
}

impl<F: FnMut(&'static str, AttributeValue)> Visit for Fields<F> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.give(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.give(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.give(field, value),
            Err(_) => self.give(field, value.to_string()),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.give(field, value),
            Err(_) => self.give(field, value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.give(field, value),
            Err(_) => self.give(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.give(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.give(field, value.to_owned());
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.give(field, value.to_vec());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.give(field, value.to_string());
        if let Some(causes) = causes(value.source()) {
            (self.0)(CAUSES, causes.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.give(field, format!("{value:?}"));
    }
}

/// The key under which [`Fields`] passes the causes of an error.
pub(super) const CAUSES: &str = throughline_wire::semconv::EXCEPTION_STACKTRACE;

/// Applies one field of a span: an attribute, or one of the special names that
/// `tracing-opentelemetry` introduced.
pub(super) fn apply(recording: &mut Recording, key: &'static str, value: AttributeValue) {
    match key {
        "otel.name" => recording.span.name = text(value),
        "otel.kind" => recording.span.kind = kind(&text(value)),
        "otel.status_code" => recording.span.status.code = code(&text(value)),
        "otel.status_message" | "otel.status_description" => {
            recording.span.status.message = text(value);
        }
        _ => recording.set(Cow::Borrowed(key), value),
    }
}

fn text(value: AttributeValue) -> Cow<'static, str> {
    match value {
        AttributeValue::Str(text) => text,
        AttributeValue::Int(number) => number.to_string().into(),
        AttributeValue::Bool(value) => value.to_string().into(),
        AttributeValue::Double(number) => number.to_string().into(),
        _ => Cow::Borrowed(""),
    }
}

fn kind(word: &str) -> SpanKind {
    match word.to_ascii_lowercase().as_str() {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn code(word: &str) -> StatusCode {
    match word.to_ascii_lowercase().as_str() {
        "ok" => StatusCode::Ok,
        "error" => StatusCode::Error,
        _ => StatusCode::Unset,
    }
}
