//! The waterfall: one row per span, in tree order.

use core::ops::Range;

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use throughline_viz::{Tick, format_count, ticks};
use throughline_wire::SpanId;

use crate::state::{DrawnRows, Folds, Outline};

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
    let drawn = drawn_rows(&outline, &selected);
    let first = drawn.with_untracked(|drawn| drawn.first.clone());
    let is_all = first.end == outline.tree.rows.len();
    let rows_of = {
        let (outline, selected) = (outline.clone(), selected.clone());
        move |rows: Range<usize>| {
            rows.map(|at| {
                let (selected, visible) = (selected.clone(), visible.clone());
                view! { <Row outline=outline.clone() at selected visible folds /> }
            })
            .collect::<Vec<_>>()
        }
    };
    let first_rows = rows_of(first.clone());
    let rows_around = {
        let drawn = drawn.clone();
        move || {
            let around = drawn.with(|drawn| drawn.around.clone())?;
            let gap = around.start - first.end;
            let gap = (gap > 0).then(|| {
                let count = format_count(gap as u64);
                view! { <li class="more">{format!("{count} rows are not drawn.")}</li> }
            });
            Some((gap, rows_of(around)))
        }
    };
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
                {first_rows} {rows_around}
            </ol>
            {(!is_all).then(|| view! { <MoreRows outline drawn selected /> })}
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

/// Returns the rows to draw. They change only when a span is selected whose row is not drawn.
fn drawn_rows(outline: &Outline, selected: &ArcMemo<Option<SpanId>>) -> ArcMemo<DrawnRows> {
    let (outline, selected) = (outline.clone(), selected.clone());
    ArcMemo::new(move |last: Option<&DrawnRows>| {
        let at = selected.get().and_then(|id| outline.row_of(id));
        let is_drawn = |last: &&DrawnRows| at.is_none_or(|at| last.contains(at));
        match last.filter(is_drawn) {
            Some(last) => last.clone(),
            None => outline.drawn_rows(at),
        }
    })
}

#[component]
fn MoreRows(
    outline: Outline,
    drawn: ArcMemo<DrawnRows>,
    selected: ArcMemo<Option<SpanId>>,
) -> impl IntoView {
    let all = outline.tree.rows.len();
    let first = drawn.with_untracked(|drawn| drawn.first.end);
    let more = (first * 2).min(all);
    let href = move || {
        let span = selected.get().map(|id| id.to_string());
        outline.href_of_rows(more, span.as_deref())
    };
    let count = |number: usize| format_count(number as u64);
    let text = move || {
        let around = drawn.with(|drawn| drawn.around.clone());
        let around = around.map_or("", |_| ", and those around the selected span");
        format!(
            "The first {} of {} rows{around}. ",
            count(first),
            count(all)
        )
    };
    view! {
        <p class="more">
            {text} <a href=href data-noscroll>
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
