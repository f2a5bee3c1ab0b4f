//! The fields that filters share.

use leptos::prelude::*;
use throughline_model::{Query, ServiceList, TimeRange, Utc};
use throughline_wire::UnixNanos;

use crate::api::ApiError;
use crate::ui::{AsTyped, visible};

/// The decoded query string.
pub(in crate::components) type Values = Memo<Query>;

pub(in crate::components) fn value_of(
    values: Values,
    key: &'static str,
) -> impl Fn() -> String + Copy + Send + 'static {
    move || values.with(|values| values.last(key).unwrap_or_default().to_owned())
}

const RANGES: [(&str, &str); 7] = [
    ("5m", "Last 5 minutes"),
    ("30m", "Last 30 minutes"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("1d", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
];

/// A select option that follows the URL after it was rendered.
#[component]
pub(in crate::components) fn Choice(
    /// The value in the URL.
    value: String,
    /// The label.
    label: String,
    /// The current value in the URL.
    chosen: impl Fn() -> String + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let known = value.clone();
    let is_chosen = move || chosen() == known;
    let is_chosen_now = is_chosen.clone();
    view! {
        <option value=value selected=is_chosen prop:selected=move || AsTyped(is_chosen_now())>
            {label}
        </option>
    }
    .into_any()
}

/// A select of relative ranges, and fields for a custom range.
#[component]
pub(in crate::components) fn RangeField(
    /// The current values in the URL.
    values: Values,
    /// True if a URL without a range selects all time, and not the default range.
    #[prop(optional)]
    is_all_time: Option<Signal<bool>>,
) -> impl IntoView {
    let is_all_time = move || is_all_time.is_some_and(|is_all_time| is_all_time.get());
    // Links write a custom range as `range=FROM..TO`, the form itself as `from=..&to=..`.
    let fixed = Memo::new(move |_| {
        values.with(|values| {
            let given = |key| values.last(key).map(|text| text.trim().to_owned());
            match (
                given("from"),
                given("to"),
                given("range").map(|range| range.parse()),
            ) {
                (None, None, Some(Ok(TimeRange::Between(from, to)))) => {
                    let text = |instant: UnixNanos| Utc::from(instant).to_minutes();
                    Some((text(from), text(to)))
                }
                (None, None, _) => None,
                (from, to, _) => Some((from.unwrap_or_default(), to.unwrap_or_default())),
            }
        })
    });
    // The custom fields are open while an end is missing. Otherwise the chip shows the range.
    let lacks_an_end =
        fixed.with_untracked(|fixed| matches!(fixed, Some((a, b)) if a.is_empty() || b.is_empty()));
    let from = move || fixed.get().unwrap_or_default().0;
    let to = move || fixed.get().unwrap_or_default().1;
    let chosen = Memo::new(move |_| {
        if fixed.with(Option::is_some) {
            return String::new();
        }
        let text = value_of(values, "range")().trim().to_owned();
        // `24h` and `1d` are the same range, so compare parsed values.
        let range = text.parse().unwrap_or_else(|_| TimeRange::default());
        if text.is_empty() {
            let range = (!is_all_time()).then(TimeRange::default);
            range.map(|range| range.to_string()).unwrap_or_default()
        } else {
            range.to_string()
        }
    });
    let odd = move || {
        let chosen = chosen.get();
        (!chosen.is_empty() && RANGES.iter().all(|(value, _)| *value != chosen)).then_some(chosen)
    };
    let chosen = move || chosen.get();
    view! {
        <div class="field range">
            <label>
                <span>"Time"</span>
                <select name="range">
                    {move || {
                        let label = if is_all_time() { "All time" } else { "Custom range" };
                        view! { <Choice value=String::new() label=label.to_owned() chosen /> }
                    }}
                    {RANGES
                        .map(|(value, label)| {
                            view! { <Choice value=value.to_owned() label=label.to_owned() chosen /> }
                        })}
                    {move || {
                        odd().map(|value| {
                            let label = format!("Last {value}");
                            view! { <Choice value label chosen /> }
                        })
                    }}
                </select>
            </label>
            <details class="fixed" open=lacks_an_end>
                <summary title="Custom range">"from … to"</summary>
                <div>
                    <label>
                        <span>"From (UTC)"</span>
                        <input type="datetime-local" name="from" value=from prop:value=move || AsTyped(from()) />
                    </label>
                    <label>
                        <span>"To (UTC)"</span>
                        <input type="datetime-local" name="to" value=to prop:value=move || AsTyped(to()) />
                    </label>
                </div>
            </details>
        </div>
    }
    .into_any()
}

/// A select of the known services. It also offers the service in the URL if it is unknown. If there are
/// too many services, it is a text field that suggests some of them.
#[component]
pub(in crate::components) fn ServiceField(
    /// The current values in the URL.
    values: Values,
    /// The services to choose from.
    services: Resource<Result<ServiceList, ApiError>>,
) -> impl IntoView {
    let chosen = value_of(values, "service");
    let choices = move |list: ServiceList| {
        if list.is_truncated {
            return view! { <ServiceInput names=list.names chosen /> }.into_any();
        }
        let mut names = list.names;
        let named = chosen();
        if !named.is_empty() && !names.contains(&named) {
            names.push(named);
        }
        let names: Vec<_> = names
            .into_iter()
            .map(|name| view! { <Choice value=name.clone() label=visible(&name) chosen /> })
            .collect();
        view! {
            <select name="service">
                <Choice value=String::new() label="Any".to_owned() chosen />
                {names}
            </select>
        }
        .into_any()
    };
    view! {
        <label class="field named">
            <span>"Service"</span>
            <Transition fallback=move || choices(ServiceList::default())>
                {move || Suspend::new(async move {
                    choices(services.await.unwrap_or_default())
                })}
            </Transition>
        </label>
    }
    .into_any()
}

/// A text field for the exact name of a service, with suggestions.
#[component]
fn ServiceInput(
    /// The suggested names.
    names: Vec<String>,
    /// The current value in the URL.
    chosen: impl Fn() -> String + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let names: Vec<_> = names
        .into_iter()
        .map(|name| view! { <option value=name></option> })
        .collect();
    view! {
        <input
            type="text"
            name="service"
            list="known-services"
            value=chosen
            prop:value=move || AsTyped(chosen())
            placeholder="exact name; many are not suggested"
            autocomplete="off"
            spellcheck="false"
        />
        <datalist id="known-services">{names}</datalist>
    }
    .into_any()
}

/// A text field.
#[component]
pub(in crate::components) fn TextField(
    /// The current values in the URL.
    values: Values,
    /// The name of its parameter.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// The placeholder.
    hint: &'static str,
    /// True if it takes the remaining width.
    #[prop(optional)]
    is_wide: bool,
) -> impl IntoView {
    let value = value_of(values, name);
    view! {
        <label class="field text" class:wide=is_wide>
            <span>{label}</span>
            <input
                type="text"
                name=name
                value=value
                prop:value=move || AsTyped(value())
                placeholder=hint
                autocomplete="off"
                spellcheck="false"
            />
        </label>
    }
    .into_any()
}
