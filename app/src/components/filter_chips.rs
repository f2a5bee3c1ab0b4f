//! The conditions in force, each a link to the list without it.

use leptos::prelude::*;
use throughline_model::filter::format_duration_ns;
use throughline_model::{TimeRange, TraceFilter, Utc};

use crate::state::filter_href;

/// A row of chips; nothing when only the default time range holds.
#[component]
pub(crate) fn FilterChips(
    /// The filter in force.
    filter: TraceFilter,
) -> impl IntoView {
    let chips = conditions(&filter);
    (!chips.is_empty()).then(|| {
        let chips: Vec<_> = chips
            .into_iter()
            .map(|(name, text, without)| {
                let title = format!("Remove the condition {name}");
                view! {
                    <a class="tok" href=filter_href(&without) title=title>
                        <b>{name}</b>
                        <span class="what">{text}</span>
                        <span aria-hidden="true">"×"</span>
                    </a>
                }
            })
            .collect();
        view! {
            <div class="chips" aria-label="Conditions in force">
                {chips}
                <a class="clear" href="/traces">
                    "Clear all"
                </a>
            </div>
        }
        .into_any()
    })
}

/// Name, text and the filter without it, for each condition.
fn conditions(filter: &TraceFilter) -> Vec<(&'static str, String, TraceFilter)> {
    let mut chips = Vec::new();
    let mut add = |name, text: Option<String>, clear: fn(&mut TraceFilter)| {
        if let Some(text) = text {
            let mut without = filter.clone();
            clear(&mut without);
            chips.push((name, text, without));
        }
    };
    let range = (filter.range != TimeRange::default()).then(|| describe_range(filter.range));
    add("time", range, |filter| filter.range = TimeRange::default());
    add("service", filter.service.clone(), |filter| {
        filter.service = None;
    });
    add("operation", filter.operation.clone(), |filter| {
        filter.operation = None;
    });
    let status = filter.status.map(|status| status.as_str().to_owned());
    add("status", status, |filter| filter.status = None);
    let least = filter
        .min_duration_ns
        .map(|ns| format!("≥ {}", format_duration_ns(ns)));
    add("duration", least, |filter| filter.min_duration_ns = None);
    add("user", filter.user.clone(), |filter| filter.user = None);
    add("session", filter.session.clone(), |filter| {
        filter.session = None;
    });
    chips
}

/// `last 6h`, or both ends.
pub(crate) fn describe_range(range: TimeRange) -> String {
    match range {
        TimeRange::Last(_) => format!("last {range}"),
        TimeRange::Between(from, to) => {
            let text = |instant| Utc::from(instant).to_minutes().replace('T', " ");
            format!("{} to {} UTC", text(from), text(to))
        }
    }
}
