//! Attributes by namespace.

use std::collections::BTreeMap;

use leptos::prelude::*;
use throughline_wire::{AttributeValue, Attributes};

use super::value::Pair;

/// Where keys without a dot go.
const NO_NAMESPACE: &str = "attributes";

/// A group for each first part of a key; those of `hidden` keys are shown elsewhere.
#[component]
pub(super) fn AttributeGroups(
    /// The attributes.
    attributes: Attributes,
    /// How many more the sender dropped.
    dropped: u32,
    /// Keys that are left out.
    #[prop(optional)]
    hidden: Vec<&'static str>,
) -> impl IntoView {
    let groups: Vec<_> = group(&attributes, &hidden)
        .into_iter()
        .map(|(namespace, pairs)| {
            let pairs: Vec<_> = pairs
                .into_iter()
                .map(|(label, key, value)| view! { <Pair label key value /> })
                .collect();
            view! {
                <h3 class="grp">{namespace}</h3>
                <dl class="kv">{pairs}</dl>
            }
        })
        .collect();
    view! {
        {groups}
        <Dropped count=dropped what="attributes" />
    }
    .into_any()
}

/// Says what a sender left out.
#[component]
pub(super) fn Dropped(
    /// How many.
    count: u32,
    /// Of what.
    what: &'static str,
) -> impl IntoView {
    (count > 0)
        .then(|| view! { <p class="box w">{format!("{count} more {what} were dropped")}</p> })
}

type Group = Vec<(String, String, AttributeValue)>;

fn group(attributes: &Attributes, hidden: &[&str]) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (key, value) in attributes.iter().filter(|(key, _)| !hidden.contains(key)) {
        let (namespace, label) = match key.split_once('.') {
            Some((namespace, label)) if !namespace.is_empty() && !label.is_empty() => {
                (namespace, label)
            }
            _ => (NO_NAMESPACE, key),
        };
        let pairs = groups.entry(namespace.to_owned()).or_default();
        pairs.push((label.to_owned(), key.to_owned(), value.clone()));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped_by_their_first_part() {
        let attributes: Attributes = [
            ("db.system.name", 1_i64),
            ("plain", 2),
            ("db.namespace", 3),
            (".odd", 4),
            ("x.", 5),
        ]
        .into_iter()
        .collect();
        let groups = group(&attributes, &["db.namespace"]);
        let labels = |name: &str| -> Vec<&str> {
            groups[name]
                .iter()
                .map(|(label, ..)| label.as_str())
                .collect()
        };
        assert_eq!(groups.len(), 2);
        assert_eq!(labels("db"), ["system.name"]);
        assert_eq!(labels(NO_NAMESPACE), ["plain", ".odd", "x."]);
    }
}
