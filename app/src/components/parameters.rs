//! Reports about the parameters in the address of a page.

use leptos::prelude::*;
use throughline_model::Faults;
use throughline_model::query::UnknownParameters;

use crate::ui::visible;

/// Names the parameters that the page does not have and therefore ignores.
#[component]
pub(crate) fn IgnoredParameters(
    /// The parameters.
    #[prop(into)]
    unknown: Signal<UnknownParameters>,
) -> impl IntoView {
    move || {
        let unknown = unknown.get().first;
        let names: Vec<_> = unknown.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| {
            let text = format!(
                "Ignored unknown parameters of the address: {}.",
                names.join(", ")
            );
            view! {
                <p class="card box w" role="status" data-ignored>
                    {visible(&text)}
                </p>
            }
        })
    }
}

/// Lists the faulty parameters, each with its reason.
#[component]
pub(crate) fn FaultyParameters(
    /// The faults.
    faults: Faults,
) -> impl IntoView {
    let faults = faults.as_slice().iter();
    let items: Vec<_> = faults
        .map(|fault| view! { <li>{visible(&fault.to_string())}</li> })
        .collect();
    view! { <ul class="places" data-faults>{items}</ul> }
}
