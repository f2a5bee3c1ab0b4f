//! Who sent a span: the process (resource) and the library in it (instrumentation scope).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Attributes, semconv};

/// The entity that produced spans, such as one process of a service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a resource object")]
pub struct Resource {
    /// `service.name` and what else describes it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// URL of the semantic-convention schema the attributes follow; empty when not said.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub schema_url: Cow<'static, str>,
}

impl Resource {
    /// What `service.name` falls back to (OpenTelemetry resource conventions, "Service").
    pub const UNKNOWN_SERVICE: &'static str = "unknown_service";

    /// A resource that names its service and nothing else.
    pub fn of_service(name: impl Into<Cow<'static, str>>) -> Self {
        let mut attributes = Attributes::default();
        attributes.insert(semconv::SERVICE_NAME, name.into());
        Self {
            attributes,
            ..Self::default()
        }
    }

    /// The most characters of a service's name that are kept as the name: those of a span's.
    pub const SERVICE_NAME_CHARS: usize = 1024;

    /// The service as lists name it: [`Self::service_name`], cut like a name when it is longer than
    /// [`Self::SERVICE_NAME_CHARS`]. The attribute keeps its value.
    pub fn listed_service(&self) -> Cow<'_, str> {
        crate::limits::cut_name(self.service_name(), Self::SERVICE_NAME_CHARS)
    }

    /// The value of `service.name`; [`Self::UNKNOWN_SERVICE`] when it is missing or empty.
    pub fn service_name(&self) -> &str {
        self.attributes
            .get_str(semconv::SERVICE_NAME)
            .filter(|name| !name.is_empty())
            .unwrap_or(Self::UNKNOWN_SERVICE)
    }
}

/// The library or module that made the spans.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a scope object")]
pub struct InstrumentationScope {
    /// Its name, such as `throughline::sqlx`; empty when not said.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Cow<'static, str>,
    /// Its version; empty when not said.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub version: Cow<'static, str>,
    /// What else describes it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// URL of the semantic-convention schema the spans follow; empty when not said.
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
