//! The waterfall: one row per span, in tree order.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use throughline_model::query::href;
use throughline_viz::{Tick, format_count, ticks};
use throughline_wire::SpanId;

use crate::state::{Folds, Outline};

mod row;

use row::Row;

/// The axis and the rows. The row of `selected` is marked.
///
/// It creates no owned signal, because the next waterfall in this place would dispose of it. Page
/// signals outlive the waterfall, and the others are reference-counted.
#[component]
pub(crate) fn Waterfall(
    /// The trace.
    outline: Outline,
    /// The span whose details are open.
    selected: ArcMemo<Option<SpanId>>,
    /// The folded rows.
    folds: Folds,
) -> impl IntoView {
    let of_visible = outline.clone();
    let visible = ArcMemo::new(move |_| folds.visible(&of_visible));
    let all = outline.tree.rows.len();
    let drawn = all.min(outline.rows_asked);
    let rows: Vec<_> = (0..drawn)
        .map(|at| {
            let (selected, visible) = (selected.clone(), visible.clone());
            view! { <Row outline=outline.clone() at selected visible folds /> }
        })
        .collect();
    let ticks = ticks(outline.timeline.length_ns(), 4);
    let percent = ticks.get(1).map_or(100.0, |tick| tick.percent);
    let step = format!("--step:{percent:.3}%");
    let of_clicks = outline.clone();
    let on_click = move |event: ev::MouseEvent| {
        if let Some(at) = row_of(&event, "[data-toggle]") {
            folds.toggle(&of_clicks, at, None);
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
                folds.toggle(&of_keys, at, Some(wanted));
            }
            event.prevent_default();
        }
    };
    view! {
        <div class="rows">
            <Axis ticks step=percent />
            <ol style=step on:click=on_click on:keydown=on_keydown>
                {rows}
            </ol>
            {(drawn < all).then(|| view! { <MoreRows outline drawn all /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Axis(ticks: Vec<Tick>, step: f64) -> impl IntoView {
    let ticks: Vec<_> = ticks
        .into_iter()
        .map(|tick| {
            // A label that would overflow the axis is aligned inwards.
            let is_last = tick.percent > 92.0;
            // On a narrow axis it would overlap the previous label.
            let is_tight = is_last && step < 30.0;
            view! {
                <span class:last=is_last class:tight=is_tight style=format!("--x:{:.3}%", tick.percent)>
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
    let href = href(&path, [("rows", more.to_string())]);
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

/// Returns the row of an event if the event's target is within `part` of the row.
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
