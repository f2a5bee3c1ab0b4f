//! Adds data to the current span.

use std::any::type_name;
use std::borrow::Cow;
use std::error::Error;

use throughline_wire::{AttributeValue, Status, semconv};

use crate::clock::Tick;
use crate::exception::{causes, exception};
use crate::layer::current;

/// Sets an attribute of the current span. Does nothing outside of spans or if the trace is not
/// recorded.
///
/// ```
/// throughline::record("user.id", "u-17");
/// throughline::record("shop.order.total_cents", 12_900_i64);
/// ```
pub fn record(key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) {
    // Converted before the span is locked, because a conversion may log.
    let (key, value) = (key.into(), value.into());
    current::with(|active| {
        if let Some(recording) = &mut active.recording {
            recording.set(key, value);
        }
    });
}

/// Records `error` as an `exception` event of the current span and marks the span as failed. Does
/// nothing outside of spans or if the trace is not recorded.
///
/// ```
/// # fn reserve() -> Result<(), std::fmt::Error> { Err(std::fmt::Error) }
/// if let Err(error) = reserve() {
///     throughline::record_error(&error);
/// }
/// ```
pub fn record_error<E: Error + ?Sized>(error: &E) {
    if !current::with(|active| active.recording.is_some()).unwrap_or_default() {
        return;
    }
    let message = error.to_string();
    let name = type_name::<E>();
    // The type name of a trait object does not name the error's type.
    let kind = (!name.starts_with("dyn ")).then_some(name);
    let attributes = exception(kind, message.clone(), causes(error.source()));
    current::with(|active| {
        if let Some(recording) = &mut active.recording {
            recording.fail(Status::error(message), kind);
            recording.event(semconv::EVENT_EXCEPTION, attributes, Tick::now());
        }
    });
}
