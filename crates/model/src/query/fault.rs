//! Faults of query parameters.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A parameter that cannot be used, and the reason. Both are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The name of the parameter, cut if it is long.
    pub parameter: String,
    /// The reason: `"odd" is neither ok nor error`.
    pub detail: String,
}

impl Fault {
    /// Creates the fault of a parameter.
    pub fn new(parameter: &str, detail: impl Into<String>) -> Self {
        Self {
            parameter: shortened(parameter),
            detail: detail.into(),
        }
    }
}

/// Formats the fault as `status: "odd" is neither ok nor error`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.detail)
    }
}

/// The faults of a query string.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The maximum number of faults that are reported.
    pub const MAX: usize = 20;

    /// Adds a fault. Does nothing if there are [`Self::MAX`] already.
    pub fn push(&mut self, fault: Fault) {
        if self.0.len() < Self::MAX {
            self.0.push(fault);
        }
    }

    /// Returns the faults in the order in which they were found.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }

    /// Returns `value` if there is no fault.
    ///
    /// # Errors
    /// Returns the faults.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

/// Formats all faults in one line.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// Returns `text` in quotation marks, cut if it is long. Invisible characters are escaped.
pub fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

pub(super) fn shortened(text: &str) -> String {
    /// The maximum number of characters that a fault repeats.
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
