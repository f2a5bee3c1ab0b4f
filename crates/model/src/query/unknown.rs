//! Parameters that do not exist, with the most similar name that does.

use core::fmt;

use super::Query;
use super::fault::{Fault, shortened};

/// The maximum number of unknown parameters that are reported.
const MAX_REPORTED: usize = 8;
/// The maximum number of characters of a name that are compared.
const MAX_COMPARED_CHARS: usize = 60;

/// The parameters of a query string that do not exist, without repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnknownParameters {
    /// The first of them, 8 at most.
    pub first: Vec<UnknownParameter>,
    /// The names that exist.
    known: Vec<&'static str>,
}

/// A parameter that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownParameter {
    /// The name of the parameter, cut if it is long.
    pub name: String,
    /// The most similar name that exists.
    pub similar: Option<&'static str>,
}

impl UnknownParameters {
    pub(super) fn of(query: &Query, names: Vec<&'static str>, prefixes: &[&'static str]) -> Self {
        let is_known = |name: &str| {
            let has = |prefix: &&str| name.len() > prefix.len() && name.starts_with(*prefix);
            names.contains(&name) || prefixes.iter().any(has)
        };
        let mut first: Vec<UnknownParameter> = Vec::new();
        for (name, value) in query.pairs() {
            // `?=` and `&=&` name nothing.
            if is_known(name) || (name.is_empty() && value.is_empty()) {
                continue;
            }
            let short = shortened(name);
            if first.iter().any(|unknown| unknown.name == short) {
                continue;
            }
            first.push(UnknownParameter {
                name: short,
                similar: similar(name, &names),
            });
            if first.len() == MAX_REPORTED {
                break;
            }
        }
        let mut known = names;
        known.extend(prefixes.iter().map(|prefix| match *prefix {
            "attr." => "attr.KEY",
            prefix => prefix,
        }));
        Self { first, known }
    }

    /// Returns one fault for each of them.
    pub(super) fn faults(&self) -> impl Iterator<Item = Fault> {
        self.first.iter().map(|unknown| {
            let advice = match unknown.similar {
                Some(similar) => format!("did you mean {similar}?"),
                None if self.known.is_empty() => "this address takes none".to_owned(),
                None => format!("there are {}", self.known.join(", ")),
            };
            let detail = format!("there is no such parameter; {advice}");
            Fault::new(&unknown.name, detail)
        })
    }
}

/// Formats the name, and the similar one in brackets.
impl fmt::Display for UnknownParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.similar {
            Some(similar) => write!(f, " (did you mean {similar}?)"),
            None => Ok(()),
        }
    }
}

fn similar(name: &str, names: &[&'static str]) -> Option<&'static str> {
    let nearest = names.iter().map(|known| (distance(name, known), *known));
    let (distance, known) = nearest.min()?;
    (distance <= known.len() / 3 + 1).then_some(known)
}

/// Returns the Levenshtein distance of two names.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().take(MAX_COMPARED_CHARS).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
