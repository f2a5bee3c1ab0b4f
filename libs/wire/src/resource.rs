//! The sender of a span: its process (resource) and its library (instrumentation scope).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Attributes, semconv};

/// The entity that produced spans, such as one process of a service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a resource object")]
pub struct Resource {
    /// `service.name` and other attributes of the entity.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// The URL of the semantic-convention schema of the attributes; empty if unknown.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub schema_url: Cow<'static, str>,
}

impl Resource {
    /// The default for `service.name` (OpenTelemetry resource conventions, "Service").
    pub const UNKNOWN_SERVICE: &'static str = "unknown_service";

    /// Creates a resource with only a service name.
    pub fn of_service(name: impl Into<Cow<'static, str>>) -> Self {
        let mut attributes = Attributes::default();
        attributes.insert(semconv::SERVICE_NAME, name.into());
        Self {
            attributes,
            ..Self::default()
        }
    }

    /// The maximum length of a listed service name, in characters; the same as for span names.
    pub const SERVICE_NAME_CHARS: usize = 1024;

    /// Returns the service name for lists: [`Self::service_name`], cut at
    /// [`Self::SERVICE_NAME_CHARS`]. The attribute itself is not cut here.
    pub fn listed_service(&self) -> Cow<'_, str> {
        match self.service_name() {
            Cow::Borrowed(name) => crate::limits::cut_name(name, Self::SERVICE_NAME_CHARS),
            // The text of a number or a boolean is short.
            Cow::Owned(name) => Cow::Owned(name),
        }
    }

    /// Returns `service.name`, which can also be a number or a boolean, or
    /// [`Self::UNKNOWN_SERVICE`] if it is missing, empty, or of another kind.
    pub fn service_name(&self) -> Cow<'_, str> {
        self.attributes
            .get_text(semconv::SERVICE_NAME)
            .filter(|name| !name.is_empty())
            .unwrap_or(Cow::Borrowed(Self::UNKNOWN_SERVICE))
    }
}

/// The library or module that created the spans.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a scope object")]
pub struct InstrumentationScope {
    /// The name, such as `throughline::sqlx`; empty if unknown.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Cow<'static, str>,
    /// The version; empty if unknown.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub version: Cow<'static, str>,
    /// Further attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// The URL of the semantic-convention schema of the spans; empty if unknown.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub schema_url: Cow<'static, str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttributeValue;

    #[test]
    fn a_service_is_named_by_the_text_of_its_name() {
        for (value, name) in [
            ("shop".into(), "shop"),
            (8080_i64.into(), "8080"),
            (1.5.into(), "1.5"),
            (true.into(), "true"),
            ("".into(), Resource::UNKNOWN_SERVICE),
            (AttributeValue::Empty, Resource::UNKNOWN_SERVICE),
            (
                vec![AttributeValue::from("shop")].into(),
                Resource::UNKNOWN_SERVICE,
            ),
        ] {
            let mut resource = Resource::default();
            resource.attributes.insert(semconv::SERVICE_NAME, value);
            assert_eq!(resource.service_name(), name);
            assert_eq!(resource.listed_service(), name);
        }
        assert_eq!(
            Resource::default().service_name(),
            Resource::UNKNOWN_SERVICE
        );
    }
}
