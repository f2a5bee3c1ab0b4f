//! The waterfall: one row a span, in the order of the tree.

use std::collections::HashSet;

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use throughline_viz::{Tick, format_count, ticks};
use throughline_wire::SpanId;

use crate::state::{Outline, query};

mod row;

use row::Row;

/// The axis and the rows; the row of `selected` is marked.
#[component]
pub(crate) fn Waterfall(
    /// The trace.
    outline: Outline,
    /// The span whose details are open.
    #[prop(into)]
    selected: Signal<Option<SpanId>>,
) -> impl IntoView {
    let collapsed = RwSignal::new(HashSet::<usize>::new());
    let tree = outline.tree.clone();
    let visible =
        Memo::new(move |_| collapsed.with(|collapsed| tree.visible(|at| collapsed.contains(&at))));
    let all = outline.tree.rows.len();
    let drawn = all.min(outline.rows_asked);
    let rows: Vec<_> = (0..drawn)
        .map(|at| view! { <Row outline=outline.clone() at selected visible collapsed /> })
        .collect();
    let ticks = ticks(outline.timeline.length_ns(), 4);
    let step = ticks.get(1).map_or(100.0, |tick| tick.percent);
    let step = format!("--step:{step:.3}%");
    let on_click = move |event: ev::MouseEvent| {
        if let Some(at) = row_of(&event, "[data-toggle]") {
            toggle(collapsed, at, None);
        }
    };
    let of_keys = outline.clone();
    let on_keydown = move |event: ev::KeyboardEvent| {
        let wanted = match event.key().as_str() {
            "ArrowLeft" => true,
            "ArrowRight" => false,
            _ => return,
        };
        if let Some(at) = row_of(&event, "[data-row]") {
            let has_children = of_keys.tree.rows.get(at).is_some_and(|row| row.size > 1);
            if has_children {
                toggle(collapsed, at, Some(wanted));
            }
            event.prevent_default();
        }
    };
    view! {
        <div class="rows">
            <Axis ticks />
            <ol style=step on:click=on_click on:keydown=on_keydown>
                {rows}
            </ol>
            {(drawn < all).then(|| view! { <MoreRows outline drawn all /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Axis(ticks: Vec<Tick>) -> impl IntoView {
    let ticks: Vec<_> = ticks
        .into_iter()
        .map(|tick| {
            // A label that would leave the axis is turned inwards.
            let is_last = tick.percent > 92.0;
            view! {
                <span class:last=is_last style=format!("--x:{:.3}%", tick.percent)>
                    {tick.label}
                </span>
            }
        })
        .collect();
    view! {
        <div class="axis">
            <div>"Name"</div>
            <div class="scale">{ticks}</div>
        </div>
    }
    .into_any()
}

#[component]
fn MoreRows(outline: Outline, drawn: usize, all: usize) -> impl IntoView {
    let path = format!("/traces/{}", outline.skeleton.summary.trace_id);
    let more = (drawn * 2).min(all);
    let href = query::href(&path, [("rows", more.to_string())]);
    let count = |number: usize| format_count(number as u64);
    view! {
        <p class="more">
            {format!("The first {} of {} rows. ", count(drawn), count(all))}
            <a href=href data-noscroll>
                {format!("Show {}", count(more))}
            </a>
        </p>
    }
    .into_any()
}

/// The row an event happened on, when it happened within `part` of it.
fn row_of(event: &web_sys::Event, part: &str) -> Option<usize> {
    let target: web_sys::Element = event.target()?.dyn_into().ok()?;
    let within = target.closest(part).ok()??;
    within
        .closest("[data-row]")
        .ok()??
        .get_attribute("data-row")?
        .parse()
        .ok()
}

fn toggle(collapsed: RwSignal<HashSet<usize>>, at: usize, wanted: Option<bool>) {
    collapsed.update(|collapsed| {
        if wanted.unwrap_or(!collapsed.contains(&at)) {
            collapsed.insert(at);
        } else {
            collapsed.remove(&at);
        }
    });
}
