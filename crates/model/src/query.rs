//! Query strings: the decoder that the control panel, the JSON API and the command line share.
//!
//! A request type reads its parameters from [`Parameters`], one by one. The names that it reads are
//! the names that exist; every other name in the query string is unknown. The JSON API reports
//! unknown names as faults ([`Decoded::strict`]). The panel ignores them and names them on the page
//! ([`Decoded::lenient`]).

mod fault;
mod parameters;
mod unknown;

pub use fault::{Fault, Faults, quoted};
pub use parameters::{Parameters, check_text};
pub use unknown::{UnknownParameter, UnknownParameters};

/// The maximum size of a value, in bytes, decoded. It is larger than every name that ingest keeps
/// and than every value that is stored in a span itself, so that a filter can select each of them.
pub const MAX_TEXT_BYTES: usize = 10 << 10;

/// The decoded pairs of a query string, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes a query string, with or without its `?`. Invalid escapes stay unchanged, and invalid
    /// UTF-8 becomes U+FFFD.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('?').unwrap_or(text);
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Returns the pairs of names and values.
    pub fn pairs(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the last value of `name` that is not empty, as it was sent. An empty value counts as
    /// absent, because an untouched form field sends it.
    pub fn last(&self, name: &str) -> Option<&str> {
        let mut latest_first = self.pairs().rev();
        latest_first
            .find(|(known, value)| *known == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// Reads a request with `read`.
    pub fn decode<T>(&self, read: impl FnOnce(&mut Parameters<'_>) -> T) -> Decoded<T> {
        let mut parameters = Parameters::new(self);
        let value = read(&mut parameters);
        let (faults, unknown) = parameters.finish();
        Decoded {
            value,
            faults,
            unknown,
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(pairs.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

/// A request that was read from a query string, and what was wrong with the string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded<T> {
    /// The request. A faulty parameter counts as absent.
    pub value: T,
    /// The faulty parameters.
    pub faults: Faults,
    /// The parameters that do not exist.
    pub unknown: UnknownParameters,
}

impl<T> Decoded<T> {
    /// Returns the request. Ignores unknown parameters.
    ///
    /// # Errors
    /// Returns the faults.
    pub fn lenient(self) -> Result<T, Faults> {
        self.faults.or(self.value)
    }

    /// Returns the request if it has no unknown parameters either.
    ///
    /// # Errors
    /// Returns the faults. Each unknown parameter is one.
    pub fn strict(mut self) -> Result<T, Faults> {
        for fault in self.unknown.faults() {
            self.faults.push(fault);
        }
        self.lenient()
    }
}

/// Formats `path?name=value&...`. Returns just the path if there is no pair.
pub fn href<N: AsRef<str>, V: AsRef<str>>(
    path: &str,
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(pairs).finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

#[cfg(test)]
mod tests;
