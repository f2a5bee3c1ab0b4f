//! The filter of the list of log records.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use throughline_model::{EventFilter, Query, ServiceList};

use super::filter_form::{
    Choice, FilterForm, RangeField, ServiceField, TextField, Values, value_of,
};
use crate::api::ApiError;

/// The filter of the page `/logs`.
#[component]
pub(crate) fn LogFilter(
    /// The services to choose from.
    services: Resource<Result<ServiceList, ApiError>>,
) -> impl IntoView {
    let search = use_location().search;
    let values = Memo::new(move |_| Query::parse(&search.get()));
    let is_all_time = Signal::derive(move || {
        values.with(|values| values.decode(EventFilter::decode).value.range.is_none())
    });
    let is_in_force =
        values.with_untracked(|values| values.last("correlation").is_some_and(|id| !id.is_empty()));
    view! {
        <FilterForm path="/logs" keys=&EventFilter::KEYS label="Filter log records">
            <RangeField values is_all_time />
            <ServiceField values services />
            <TextField values name="text" label="Message" hint="part of it" is_wide=true />
            <SeverityField values />
            <TextField values name="name" label="Event" hint="name" />
            <TextField values name="trace" label="Trace" hint="id or none" />
            <TextField values name="session" label="Session" hint="session.id" />
            <details class="more" open=is_in_force>
                <summary>"More conditions"</summary>
                <div>
                    <TextField values name="correlation" label="Correlation" hint="request, order or job id" />
                </div>
            </details>
            {move || {
                let span = values.with(|values| values.last("span").map(str::to_owned));
                span.map(|span| view! { <input type="hidden" name="span" value=span /> })
            }}
        </FilterForm>
    }
    .into_any()
}

/// A select of the minimum severity.
#[component]
fn SeverityField(values: Values) -> impl IntoView {
    let chosen = value_of(values, "severity");
    let choices = [
        ("", "Any"),
        ("debug", "From debug"),
        ("info", "From info"),
        ("warn", "From warn"),
        ("error", "From error"),
        ("fatal", "Fatal"),
    ];
    let is_other = move || choices.iter().all(|(value, _)| *value != chosen());
    let options = choices.map(|(value, label)| {
        view! { <Choice value=value.to_owned() label=label.to_owned() chosen /> }
    });
    view! {
        <label class="field">
            <span title="The lowest severity">"Severity"</span>
            <select name="severity">
                {options}
                {move || {
                    is_other()
                        .then(|| {
                            let label = format!("From {}", chosen());
                            view! { <Choice value=chosen() label chosen /> }
                        })
                }}
            </select>
        </label>
    }
    .into_any()
}
