//! The less frequent filter fields. They are collapsed until one of them is in use.

use leptos::prelude::*;
use throughline_model::{AttributeCondition, Query, TraceFilter};

use super::super::filter_form::{Choice, TextField, Values, value_of};
use crate::ui::AsTyped;

/// The parameters of these fields, besides `attr.KEY`.
const KEYS: [&str; 8] = [
    "kind",
    "max_duration",
    "min_spans",
    "max_spans",
    "correlation",
    "error",
    "pinned",
    "attr",
];

/// Fields for kind, max duration, span counts, correlation, error text, pins and attributes.
#[component]
pub(super) fn MoreFields(
    /// The current values in the URL.
    values: Values,
) -> impl IntoView {
    let is_in_force = values.with_untracked(|values| {
        values.pairs().any(|(key, value)| {
            !value.trim().is_empty() && (KEYS.contains(&key) || key.starts_with("attr."))
        })
    });
    view! {
        <details class="more" open=is_in_force>
            <summary>"More conditions"</summary>
            <div>
                <KindField values />
                <TextField values name="max_duration" label="Max duration" hint="2s" />
                <TextField values name="min_spans" label="Min spans" hint="2" />
                <TextField values name="max_spans" label="Max spans" hint="1000" />
                <TextField values name="correlation" label="Correlation" hint="request, order or job id" />
                <TextField values name="error" label="Error text" hint="part of the message" />
                <PinnedField values />
                <AttributeFields values />
            </div>
        </details>
    }
    .into_any()
}

/// A select of the kind that a span of the trace has.
#[component]
fn KindField(values: Values) -> impl IntoView {
    let chosen = value_of(values, "kind");
    let kinds = ["", "server", "client", "producer", "consumer", "internal"];
    let choices = kinds.map(|kind| {
        let label = if kind.is_empty() { "Any" } else { kind };
        view! { <Choice value=kind.to_owned() label=label.to_owned() chosen /> }
    });
    view! {
        <label class="field">
            <span>"Span kind"</span>
            <select name="kind">{choices}</select>
        </label>
    }
    .into_any()
}

/// A select of all traces or only pinned ones.
#[component]
fn PinnedField(values: Values) -> impl IntoView {
    let chosen = value_of(values, "pinned");
    let choices = [("", "Any"), ("true", "Pinned only")].map(|(value, label)| {
        view! { <Choice value=value.to_owned() label=label.to_owned() chosen /> }
    });
    view! {
        <label class="field">
            <span>"Pinned"</span>
            <select name="pinned">{choices}</select>
        </label>
    }
    .into_any()
}

/// One field for each attribute condition, and an empty one to add another.
#[component]
fn AttributeFields(values: Values) -> impl IntoView {
    let texts = Memo::new(move |_| {
        let mut texts = values.with(written);
        if texts.len() < TraceFilter::MAX_ATTRIBUTES {
            texts.push(String::new());
        }
        texts
    });
    let places = move || 0..texts.with(Vec::len);
    let field = move |at: usize| {
        let text = move || texts.with(|texts| texts.get(at).cloned().unwrap_or_default());
        view! {
            <label class="field text">
                <span>"Attribute"</span>
                <input
                    type="text"
                    name="attr"
                    value=text
                    prop:value=move || AsTyped(text())
                    placeholder="http.route=/cart"
                    autocomplete="off"
                    spellcheck="false"
                />
            </label>
        }
    };
    view! { <For each=places key=|at| *at children=field /> }.into_any()
}

/// Returns the attribute conditions as text for the fields, including invalid ones.
fn written(values: &Query) -> Vec<String> {
    let texts = values.pairs().filter(|(_, value)| !value.is_empty());
    texts
        .filter_map(|(key, value)| match key.strip_prefix("attr.") {
            Some(key) => Some(
                AttributeCondition {
                    key: key.to_owned(),
                    value: value.to_owned(),
                }
                .to_string(),
            ),
            None => (key == "attr" && !value.trim().is_empty()).then(|| value.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_condition_fill_a_field() {
        let values = [
            ("attr.a.b", "1"),
            ("attr", "c=d=e"),
            ("attr", " "),
            ("user", "u"),
        ];
        let values = values.into_iter().collect();
        assert_eq!(written(&values), ["a.b=1", "c=d=e"]);
    }
}
