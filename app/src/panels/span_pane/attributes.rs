//! The attributes, grouped by namespace.

use std::collections::BTreeMap;

use leptos::prelude::*;
use throughline_wire::{AttributeValue, Attributes, Repair};

use super::offloaded::OfSpan;
use super::value::Pair;
use crate::ui::visible;

/// The group of keys without a dot.
const NO_NAMESPACE: &str = "attributes";

/// One group for each first part of a key. Keys in `hidden` are left out, because they are shown in
/// another place.
#[component]
pub(super) fn AttributeGroups(
    /// The attributes.
    attributes: Attributes,
    /// The number of attributes that the sender dropped.
    dropped: u32,
    /// The keys to leave out.
    #[prop(optional)]
    hidden: Vec<&'static str>,
    /// The span, if these are its own attributes.
    #[prop(optional)]
    of_span: Option<OfSpan>,
) -> impl IntoView {
    // For resources and scopes, it is not recorded which side dropped an attribute.
    let is_here = of_span
        .as_ref()
        .is_none_or(|span| span.has(Repair::AttributesDropped));
    let groups: Vec<_> = group(&attributes, &hidden)
        .into_iter()
        .map(|(namespace, pairs)| {
            let pairs: Vec<_> = pairs
                .into_iter()
                .map(|(label, key, value)| {
                    let kept = of_span.as_ref().and_then(|span| span.attribute(&key));
                    view! { <Pair label key value kept /> }
                })
                .collect();
            view! {
                <h3 class="grp">{visible(&namespace)}</h3>
                <dl class="kv">{pairs}</dl>
            }
        })
        .collect();
    view! {
        {groups}
        <Dropped count=dropped what="attributes" is_here />
    }
    .into_any()
}

/// Reports how much was dropped, and by which side. A sender reports only the count.
#[component]
pub(super) fn Dropped(
    /// The number of dropped items.
    count: u32,
    /// The kind of the items.
    what: &'static str,
    /// True if ingest may have dropped some of them.
    is_here: bool,
) -> impl IntoView {
    let (what, were) = match count {
        1 => (what.trim_end_matches('s'), "was"),
        _ => (what, "were"),
    };
    let by = if is_here {
        "by the sender, or by the server because of a limit"
    } else {
        "by the sender before it was sent"
    };
    (count > 0).then(
        || view! { <p class="box w">{format!("{count} more {what} {were} dropped {by}.")}</p> },
    )
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
