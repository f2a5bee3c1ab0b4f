//! Reads the parameters of a query string one by one.

use super::fault::{Fault, Faults};
use super::unknown::UnknownParameters;
use super::{MAX_TEXT_BYTES, Query};

/// The parameters of a query string. Every method that takes a name makes the name known.
///
/// The last value of a repeated name counts, and an empty value counts as absent. A value that is
/// too large or has a NUL character is a fault.
#[derive(Debug)]
pub struct Parameters<'a> {
    query: &'a Query,
    names: Vec<&'static str>,
    prefixes: Vec<&'static str>,
    faults: Faults,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self {
            query,
            names: Vec::new(),
            prefixes: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Returns the value of `name` as it was sent. Names and ids that senders chose are read so,
    /// because they may begin or end with spaces.
    pub fn exact(&mut self, name: &'static str) -> Option<&'a str> {
        self.names.push(name);
        let value = self.query.last(name)?;
        self.checked(name, value)
    }

    /// Returns the value of `name` without the spaces around it.
    pub fn trimmed(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.exact(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Parses the trimmed value of `name`. A fault counts as absent.
    pub fn parsed<T, E: ToString>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.trimmed(name)?;
        self.take(name, parse(value))
    }

    /// Returns all values of `name` as they were sent.
    pub fn all(&mut self, name: &'static str) -> Vec<&'a str> {
        self.names.push(name);
        let query = self.query;
        let values = query.pairs().filter(|(known, _)| *known == name);
        values
            .filter_map(|(_, value)| self.checked(name, value))
            .collect()
    }

    /// Returns the values of all names that begin with `prefix`, as they were sent, each with the
    /// rest of its name.
    pub fn with_prefix(&mut self, prefix: &'static str) -> Vec<(&'a str, &'a str)> {
        self.prefixes.push(prefix);
        let query = self.query;
        let pairs = query.pairs().filter_map(|(name, value)| {
            let rest = name.strip_prefix(prefix)?;
            (!rest.is_empty()).then_some((name, rest, value))
        });
        pairs
            .filter_map(|(name, rest, value)| Some((rest, self.checked(name, value)?)))
            .collect()
    }

    /// Reports whether `name` has a value, valid or not.
    pub fn has(&self, name: &str) -> bool {
        let value = self.query.last(name);
        value.is_some_and(|value| !value.trim().is_empty())
    }

    /// Returns the value of `result`. Records an error as a fault of `name` and returns `None`.
    pub fn take<T, E: ToString>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result
            .map_err(|error| self.fault(name, error.to_string()))
            .ok()
    }

    /// Records a fault of `name`.
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(name, detail));
    }

    fn checked(&mut self, name: &str, value: &'a str) -> Option<&'a str> {
        self.take(name, check_text(value))?;
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn finish(self) -> (Faults, UnknownParameters) {
        let unknown = UnknownParameters::of(self.query, self.names, &self.prefixes);
        (self.faults, unknown)
    }
}

/// Checks that a text can be compared with stored texts.
///
/// # Errors
/// Returns the reason if it is larger than [`MAX_TEXT_BYTES`] or has a NUL character.
pub fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT_BYTES {
        Err(format!("is longer than {MAX_TEXT_BYTES} bytes"))
    } else if text.contains('\0') {
        Err("has a NUL character, which no stored text has".to_owned())
    } else {
        Ok(())
    }
}
