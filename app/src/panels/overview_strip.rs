//! The overview of the whole trace.

use core::fmt::Write as _;

use leptos::prelude::*;
use throughline_viz::colour_of;
use throughline_wire::{SpanId, StatusCode};

use crate::state::Outline;

/// The height of the drawing in SVG units. A row is one unit or less.
const HEIGHT: f64 = 40.0;

/// One thin line per span, and a mark at the selected one. There is one path per colour, so that the SVG stays small for long
/// traces.
#[component]
pub(crate) fn OverviewStrip(
    /// The trace.
    outline: Outline,
    /// The span whose details are open.
    selected: ArcMemo<Option<SpanId>>,
) -> impl IntoView {
    let rows = outline.tree.rows.len().max(1);
    let step = (HEIGHT / rows as f64).min(4.0);
    // One path for each service colour. The last one is for errors.
    let mut paths = vec![String::new(); throughline_viz::palette::COLOURS as usize + 1];
    for at in 0..rows {
        let Some(span) = outline.span_at(at) else {
            continue;
        };
        let bar = outline.timeline.bar(span.start, span.duration_ns);
        let colour = match span.status {
            StatusCode::Error => paths.len() - 1,
            _ => colour_of(outline.skeleton.service_of(span)) as usize,
        };
        // Writing to a string cannot fail.
        let _ = write!(
            paths[colour],
            "M{:.2} {:.2}h{:.2}",
            bar.left,
            (at as f64 + 0.5) * step,
            bar.width.max(0.3)
        );
    }
    let last = paths.len() - 1;
    let paths: Vec<_> = paths
        .into_iter()
        .enumerate()
        .filter(|(_, path)| !path.is_empty())
        .map(|(colour, path)| {
            let stroke = if colour == last {
                "--c:var(--error)".to_owned()
            } else {
                format!("--c:var(--s{colour})")
            };
            view! { <path d=path style=stroke vector-effect="non-scaling-stroke" /> }
        })
        .collect();
    let mark = move || {
        let at = outline.row_of(selected.get()?)?;
        let span = outline.span_at(at)?;
        let bar = outline.timeline.bar(span.start, span.duration_ns);
        let (y, from, to) = ((at as f64 + 0.5) * step, bar.left, bar.left + bar.width);
        let path = format!("M0 {y:.2}H100M{from:.2} 0V{HEIGHT}M{to:.2} 0V{HEIGHT}");
        Some(view! { <path class="at" d=path vector-effect="non-scaling-stroke" /> })
    };
    let view_box = format!("0 0 100 {HEIGHT}");
    view! {
        <svg class="mini" viewBox=view_box preserveAspectRatio="none" aria-hidden="true">
            {paths} {mark}
        </svg>
    }
    .into_any()
}
