//! Reads JSON within a [`DecodeBudget`](crate::budget::DecodeBudget).
//!
//! A derived `Deserialize` takes no argument. Types that spend the budget implement [`ReadJson`]
//! instead, mostly with [`json_struct!`](crate::json_struct). All other types use their
//! `Deserialize`.

mod lenient;
mod list;
mod object;
mod repair;

use core::marker::PhantomData;
use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use throughline_wire::Repair;
use throughline_wire::attribute::{AttributesSeed, ValueSeed};
use throughline_wire::{AttributeValue, Attributes};

pub use lenient::{Lenient, LenientAttributes, skip_fields, unreadable};
pub use list::{FirstItems, skip_rest};
#[doc(hidden)]
pub use serde;

use crate::context::DecodeContext;
use crate::pairs::AttributeSet;

/// A type that is read within the budget of a request.
pub trait ReadJson<'de>: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// Fails if the JSON is malformed or the value has another type.
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error>;
}

impl<'de, T: Deserialize<'de>> ReadJson<'de> for T {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        _: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        T::deserialize(deserializer)
    }
}

/// A seed that passes the context to [`ReadJson`].
pub struct Seed<'c, T> {
    context: &'c mut DecodeContext,
    of: PhantomData<T>,
}

impl<'c, T> Seed<'c, T> {
    /// Creates a seed with this context.
    pub const fn new(context: &'c mut DecodeContext) -> Self {
        Self {
            context,
            of: PhantomData,
        }
    }
}

impl<'de, T: ReadJson<'de>> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read_json(deserializer, self.context)
    }
}

/// Attributes in the native JSON form.
#[derive(Debug, Default)]
pub struct NativeAttributes(pub AttributeSet);

impl<'de> ReadJson<'de> for NativeAttributes {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        let (attributes, left_out) = AttributesSeed::new(context).deserialize(deserializer)?;
        Ok(Self(AttributeSet {
            attributes,
            left_out,
        }))
    }
}

impl NativeAttributes {
    /// Returns the attributes as [`AttributeSet::into_attributes`] does.
    pub fn into_attributes(self, dropped: &mut u32, context: &mut DecodeContext) -> Attributes {
        self.0.into_attributes(dropped, context)
    }
}

/// A value in the native JSON form.
#[derive(Debug, Default)]
pub struct NativeValue(pub AttributeValue);

impl<'de> ReadJson<'de> for NativeValue {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        ValueSeed::new(context).deserialize(deserializer).map(Self)
    }
}

/// Reads one item of a body. If that fails, repairs the text of the item and tries once more.
///
/// `lossy` states whether the body had bytes that are not UTF-8. A failed attempt spends no budget.
///
/// # Errors
/// Fails if the item has another type, with and without the repair. The error carries the text of
/// the last attempt.
pub fn read_item<'a, T: for<'de> ReadJson<'de>>(
    raw: &'a str,
    lossy: bool,
    context: &mut DecodeContext,
) -> Result<T, (serde_json::Error, Cow<'a, str>)> {
    // The replacement character in its own text shows that this item was affected.
    if lossy && raw.contains(char::REPLACEMENT_CHARACTER) {
        context.repair(Repair::InvalidUtf8);
    }
    let before = context.clone();
    let error = match parse(raw, context) {
        Ok(item) => return Ok(item),
        Err(error) => error,
    };
    *context = before.clone();
    let Some(repaired) = repair::text(raw, &mut context.repairs.kinds) else {
        return Err((error, Cow::Borrowed(raw)));
    };
    parse(&repaired, context).map_err(|error| {
        *context = before;
        (error, Cow::Owned(repaired))
    })
}

/// Reads the text of one value.
///
/// # Errors
/// Fails if the value has another type.
pub fn parse<'de, T: ReadJson<'de>>(
    text: &'de str,
    context: &mut DecodeContext,
) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // An attribute nested 64 deep has up to 192 levels of JSON, more than the default limit.
    // Removing the limit is safe: only attribute values recurse, and they stop at depth 64.
    // Everything else is skipped without recursion.
    deserializer.disable_recursion_limit();
    let value = T::read_json(&mut deserializer, context)?;
    deserializer.end()?;
    Ok(value)
}
