//! Values that lead to traces, written in the transaction of their spans and only when there are
//! any.

use std::collections::{BTreeSet, HashSet};

use sqlx::PgConnection;
use throughline_wire::binary::ValueBytes;
use throughline_wire::{AttributeValue, Attributes};
use uuid::Uuid;

use crate::alias_index::{IndexedKeys, stored_value};
use crate::day::day_ns;
use crate::ids;

/// Values of one list that become aliases.
const MAX_LISTED: usize = 16;

/// A row of `aliases` apart from the tenant; ordered as its key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Alias {
    key_id: i64,
    value: Box<str>,
    day_ns: i64,
    trace_id: [u8; 16],
}

/// The aliases of a batch, and the names of their keys.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    rows: HashSet<Alias>,
    keys: Vec<(i64, Box<str>)>,
}

impl Aliases {
    /// Bytes of memory they take, nearly.
    pub(super) fn weight(&self) -> usize {
        self.rows
            .iter()
            .map(|alias| size_of::<Alias>() + alias.value.len())
            .sum()
    }

    /// The days they are stored under.
    pub(super) fn days(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|alias| alias.day_ns)
    }

    /// Takes what of `attributes` leads to the trace.
    pub(super) fn note(
        &mut self,
        indexed: &IndexedKeys,
        attributes: &Attributes,
        trace_id: [u8; 16],
        at_ns: i64,
    ) {
        for (key, value) in attributes.iter() {
            if indexed.contains(key.as_bytes()) {
                self.note_value(key, value, trace_id, at_ns);
            }
        }
    }

    /// Takes an attribute of a span as it is encoded if it leads to the span's trace: its value is
    /// decoded only then. `place` is the trace, and an instant of it.
    pub(super) fn note_encoded(
        &mut self,
        indexed: &IndexedKeys,
        key: &[u8],
        value: ValueBytes<'_>,
        (trace_id, at_ns): ([u8; 16], i64),
    ) {
        if indexed.contains(key)
            && let Ok(key) = core::str::from_utf8(key)
            && let Some(value) = value.decode()
        {
            self.note_value(key, &value, trace_id, at_ns);
        }
    }

    fn note_value(&mut self, key: &str, value: &AttributeValue, trace_id: [u8; 16], at_ns: i64) {
        match value {
            AttributeValue::Str(text) => self.add(key, text, trace_id, at_ns),
            AttributeValue::Int(number) => self.add(key, &number.to_string(), trace_id, at_ns),
            AttributeValue::Bool(truth) => self.add(key, &truth.to_string(), trace_id, at_ns),
            // What headers are: a list of texts.
            AttributeValue::Array(values) => {
                for value in values.iter().take(MAX_LISTED) {
                    if let AttributeValue::Str(text) = value {
                        self.add(key, text, trace_id, at_ns);
                    }
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, key: &str, value: &str, trace_id: [u8; 16], at_ns: i64) {
        if value.is_empty() {
            return;
        }
        let key_id = ids::attribute_key(key);
        if !self.keys.iter().any(|(known, _)| *known == key_id) {
            self.keys.push((key_id, key.into()));
        }
        self.rows.insert(Alias {
            key_id,
            value: stored_value(value).into(),
            day_ns: day_ns(at_ns),
            trace_id,
        });
    }
}

/// Writes aliases, each batch's with its tenant, in the transaction `connection` is in; sorted by
/// key, so that servers that write the same ones wait for each other in the same order.
pub(super) async fn write(
    connection: &mut PgConnection,
    batches: Vec<([u8; 16], &Aliases)>,
) -> Result<(), sqlx::Error> {
    let (mut keys, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for (tenant, aliases) in batches {
        keys.extend(aliases.keys.iter().map(|(id, name)| (tenant, *id, name)));
        rows.extend(aliases.rows.iter().map(|alias| (tenant, alias)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    // The names ride with the values: one statement, and the names are nearly always known.
    let names: Vec<_> = keys.into_iter().collect();
    sqlx::query(include_str!("write_aliases.sql"))
        .bind(column(&names, |key| Uuid::from_bytes(key.0)))
        .bind(column(&names, |key| key.1))
        .bind(column(&names, |key| key.2.as_ref()))
        .bind(column(&rows, |row| Uuid::from_bytes(row.0)))
        .bind(column(&rows, |row| Uuid::from_bytes(row.1.trace_id)))
        .bind(column(&rows, |row| row.1.key_id))
        .bind(column(&rows, |row| row.1.day_ns))
        .bind(column(&rows, |row| row.1.value.as_ref()))
        .execute(connection)
        .await?;
    Ok(())
}

fn column<'a, R: 'a, T>(rows: impl IntoIterator<Item = &'a R>, of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.into_iter().map(of).collect()
}
