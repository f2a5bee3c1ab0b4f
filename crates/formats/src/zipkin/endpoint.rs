//! Decodes the local and the remote endpoint of a span.

use serde::Deserialize;
use throughline_wire::{Attributes, SpanKind, semconv};

use super::{LOCAL_IPV6, REMOTE_IPV6};
use crate::lenient::{Number, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an endpoint object")]
pub(super) struct JsonEndpoint {
    #[serde(default)]
    pub(super) service_name: Text,
    ipv4: Option<String>,
    ipv6: Option<String>,
    #[serde(default)]
    port: Number,
}

impl JsonEndpoint {
    /// Returns the address, and the second one if there are two.
    fn addresses(&self) -> [Option<&str>; 2] {
        let [four, six] =
            [&self.ipv4, &self.ipv6].map(|text| text.as_deref().filter(|text| !text.is_empty()));
        match four {
            Some(_) => [four, six],
            None => [six, None],
        }
    }

    /// Sets the attributes for address and port under these names, unless a tag has set them.
    fn note(&self, address: &'static str, port: &'static str, attributes: &mut Attributes) {
        if let [Some(text), _] = self.addresses()
            && attributes.get(address).is_none()
        {
            attributes.insert(address, text.to_owned());
        }
        if let Some(number) = self.port.int().filter(|port| *port > 0)
            && attributes.get(port).is_none()
        {
            attributes.insert(port, number);
        }
    }

    fn note_ipv6(&self, key: &'static str, attributes: &mut Attributes) {
        if let [_, Some(text)] = self.addresses() {
            attributes.insert(key, text.to_owned());
        }
    }

    /// Sets the attributes of the local endpoint.
    pub(super) fn note_local(&self, attributes: &mut Attributes) {
        self.note_ipv6(LOCAL_IPV6, attributes);
        self.note(
            semconv::NETWORK_LOCAL_ADDRESS,
            semconv::NETWORK_LOCAL_PORT,
            attributes,
        );
    }

    /// Sets the attributes of the remote endpoint. The remote end of a client call gets the
    /// attributes of a server.
    pub(super) fn note_remote(&self, kind: SpanKind, attributes: &mut Attributes) {
        self.note_ipv6(REMOTE_IPV6, attributes);
        let name = &self.service_name.0;
        if !name.is_empty() && attributes.get(semconv::PEER_SERVICE).is_none() {
            attributes.insert(semconv::PEER_SERVICE, name.to_owned());
        }
        self.note(
            semconv::NETWORK_PEER_ADDRESS,
            semconv::NETWORK_PEER_PORT,
            attributes,
        );
        if matches!(kind, SpanKind::Client | SpanKind::Producer) {
            self.note(semconv::SERVER_ADDRESS, semconv::SERVER_PORT, attributes);
        }
    }
}
