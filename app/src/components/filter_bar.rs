//! The filter of the list of traces.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use throughline_model::{Query, ServiceList, TraceFilter};

use super::filter_form::{
    Choice, FilterForm, RangeField, ServiceField, TextField, Values, value_of,
};
use crate::api::ApiError;

mod more;

use more::MoreFields;

/// The filter bar.
#[component]
pub(crate) fn FilterBar(
    /// The services to choose from.
    services: Resource<Result<ServiceList, ApiError>>,
) -> impl IntoView {
    let search = use_location().search;
    let values = Memo::new(move |_| Query::parse(&search.get()));
    view! {
        <FilterForm path="/traces" keys=&TraceFilter::KEYS label="Filter traces">
            <RangeField values />
            <ServiceField values services />
            <TextField values name="operation" label="Operation" hint="part of it, GET /* or =GET /" is_wide=true />
            <StatusField values />
            <TextField values name="min_duration" label="Min duration" hint="500ms" />
            <TextField values name="user" label="User" hint="user.id" />
            <TextField values name="session" label="Session" hint="session.id" />
            <MoreFields values />
        </FilterForm>
    }
    .into_any()
}

/// A select of the status: any, error or ok.
#[component]
fn StatusField(
    /// The current values in the URL.
    values: Values,
) -> impl IntoView {
    let chosen = value_of(values, "status");
    let choices = [("", "Any"), ("error", "Error"), ("ok", "OK")].map(|(value, label)| {
        view! { <Choice value=value.to_owned() label=label.to_owned() chosen /> }
    });
    view! {
        <label class="field">
            <span>"Status"</span>
            <select name="status">{choices}</select>
        </label>
    }
    .into_any()
}
