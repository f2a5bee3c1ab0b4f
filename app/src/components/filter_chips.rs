//! The active conditions. Each one is a link to the list without it.

use leptos::prelude::*;
use throughline_model::{TimeRange, TraceFilter, Utc};
use throughline_viz::format_duration;

use crate::state::filter_href;
use crate::ui::visible;

/// A row of chips. Empty if only the default time range is active.
#[component]
pub(crate) fn FilterChips(
    /// The active filter.
    filter: TraceFilter,
) -> impl IntoView {
    let chips = conditions(&filter);
    (!chips.is_empty()).then(|| {
        let chips: Vec<_> = chips
            .into_iter()
            .map(|(name, text, without)| {
                let title = format!("Remove the condition {}", visible(&name));
                view! {
                    <a class="tok" href=filter_href(&without) title=title>
                        <b>{visible(&name)}</b>
                        <span class="what">{visible(&text)}</span>
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

/// Returns the name, the text and the filter without the condition, for each condition.
fn conditions(filter: &TraceFilter) -> Vec<(String, String, TraceFilter)> {
    let mut chips = Vec::new();
    let mut add = |name: &str, text: Option<String>, clear: fn(&mut TraceFilter)| {
        if let Some(text) = text {
            let mut without = filter.clone();
            clear(&mut without);
            chips.push((name.to_owned(), text, without));
        }
    };
    let range = (filter.range != TimeRange::default()).then(|| describe_range(filter.range));
    add("time", range, |filter| filter.range = TimeRange::default());
    add("service", filter.service.clone(), |filter| {
        filter.service = None;
    });
    let operation = filter.operation.as_ref().map(ToString::to_string);
    add("operation", operation, |filter| filter.operation = None);
    let kind = filter.kind.map(|kind| kind.as_str().to_owned());
    add("kind", kind, |filter| filter.kind = None);
    let status = filter.status.map(|status| status.as_str().to_owned());
    add("status", status, |filter| filter.status = None);
    let least = filter
        .min_duration_ns
        .map(|ns| format!("≥ {}", format_duration(ns)));
    add("duration", least, |filter| filter.min_duration_ns = None);
    let most = filter
        .max_duration_ns
        .map(|ns| format!("≤ {}", format_duration(ns)));
    add("duration", most, |filter| filter.max_duration_ns = None);
    let least = filter.min_spans.map(|count| format!("≥ {count}"));
    add("spans", least, |filter| filter.min_spans = None);
    let most = filter.max_spans.map(|count| format!("≤ {count}"));
    add("spans", most, |filter| filter.max_spans = None);
    add("user", filter.user.clone(), |filter| filter.user = None);
    add("session", filter.session.clone(), |filter| {
        filter.session = None;
    });
    add("correlation", filter.correlation.clone(), |filter| {
        filter.correlation = None;
    });
    add("error", filter.error.clone(), |filter| filter.error = None);
    let pinned = filter.is_pinned.then(|| "only".to_owned());
    add("pinned", pinned, |filter| filter.is_pinned = false);
    for (at, condition) in filter.attributes.iter().enumerate() {
        let mut without = filter.clone();
        without.attributes.remove(at);
        chips.push((condition.key.clone(), condition.value.clone(), without));
    }
    chips
}

/// Formats a range: `last 6h`, or both ends.
pub(crate) fn describe_range(range: TimeRange) -> String {
    match range {
        TimeRange::Last(_) => format!("last {range}"),
        TimeRange::Between(from, to) => {
            let text = |instant| Utc::from(instant).to_minutes().replace('T', " ");
            format!("{} to {} UTC", text(from), text(to))
        }
    }
}
