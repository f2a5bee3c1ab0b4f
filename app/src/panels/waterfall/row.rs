//! One row of a waterfall.

use leptos::prelude::*;
use throughline_model::{OpenFate, SkeletonSpan, TreeItem};
use throughline_viz::{colour_of, format_duration};
use throughline_wire::{SpanId, StatusCode, semconv};

use crate::state::{Folds, Outline};
use crate::ui::{Glyph, Icon, visible};

/// The number of indented levels. Deeper levels are indented like the last one.
const INDENTED: u32 = 14;
/// The most events that are drawn on one bar.
const TICKS: usize = 40;

/// The name in the tree on the left, the bar on the right.
#[component]
pub(super) fn Row(
    /// The trace.
    outline: Outline,
    /// The index of the row.
    at: usize,
    /// The span whose details are open.
    selected: ArcMemo<Option<SpanId>>,
    /// The visibility of each row, by index.
    visible: ArcMemo<Vec<bool>>,
    /// The folded rows.
    folds: Folds,
) -> impl IntoView {
    let row = outline.tree.rows.get(at).copied()?;
    let id = outline.span_at(at).map(|span| span.span_id);
    let failed = outline
        .span_at(at)
        .is_some_and(|span| span.status == StatusCode::Error);
    let service = outline
        .span_at(at)
        .map_or("", |span| outline.skeleton.service_of(span));
    let style = format!(
        "--d:{};--c:var(--s{})",
        row.depth.min(INDENTED),
        colour_of(service)
    );
    let is_selected = move || id.is_some() && selected.get() == id;
    let is_hidden = move || visible.with(|visible| visible.get(at) == Some(&false));
    let fold = (row.size > 1)
        .then(|| view! { <Fold outline=outline.clone() at below=row.size - 1 folds /> });
    let span = match row.item {
        TreeItem::MissingParent(id) => Some(id),
        TreeItem::Span(_) => id,
    };
    let content = match row.item {
        TreeItem::Span(index) => {
            let span = outline.skeleton.spans.get(index)?.clone();
            view! { <SpanCells outline=outline.clone() at span fold=fold.into_any() /> }.into_any()
        }
        TreeItem::MissingParent(id) => {
            let title = format!("Span {id} is named as a parent. {}", outline.absence());
            view! {
                <div class="name missing">
                    {fold} <span class="text" title=crate::ui::visible(&title)>
                        {format!("missing parent {id}")}
                    </span>
                </div>
                <div class="tl"></div>
            }
            .into_any()
        }
    };
    Some(view! {
        <li
            class="r"
            class:sel=is_selected
            class:failed=failed
            style=style
            hidden=is_hidden
            data-row=at
            data-span=span.map(|id| id.to_string())
            data-error=failed
        >
            {content}
        </li>
    })
}

#[component]
fn Fold(outline: Outline, at: usize, below: u32, folds: Folds) -> impl IntoView {
    let is_open = move || !folds.has(&outline, at);
    view! {
        <button
            type="button"
            class="fold needs-js"
            data-toggle
            tabindex="-1"
            aria-expanded=move || if is_open() { "true" } else { "false" }
            aria-label=format!("{below} rows below")
        >
            <Icon glyph=Glyph::Chevron />
        </button>
    }
    .into_any()
}

#[component]
fn SpanCells(outline: Outline, at: usize, span: SkeletonSpan, fold: AnyView) -> impl IntoView {
    let skeleton = &outline.skeleton;
    let href = outline.href(&span.span_id.to_string());
    let service = visible(skeleton.service_of(&span));
    let name = if span.name.is_empty() {
        "(no name)".to_owned()
    } else {
        visible(&span.name)
    };
    let oddity = outline
        .tree
        .rows
        .get(at)
        .map(|row| row.oddity)
        .unwrap_or_default();
    let marks = [
        (
            oddity.cycle_cut,
            "cycle",
            "This span is its own ancestor; the cycle is cut here",
        ),
        (
            oddity.duplicate_id,
            "same id",
            "Another span of this trace has the same id",
        ),
    ];
    let marks: Vec<_> = marks
        .into_iter()
        .filter(|(holds, ..)| *holds)
        .map(|(_, word, title)| {
            view! {
                <span class="pill w" title=title>
                    {word}
                </span>
            }
        })
        .collect();
    let open = skeleton.open_span(span.span_id).map(|open| open.fate);
    let fate = open.map(|fate| {
        let (class, word, title) = match fate {
            OpenFate::Running => ("pill run", "running", "This span has not ended yet"),
            OpenFate::ProcessEnded => (
                "pill w",
                "process ended",
                "Its process ended while this span ran",
            ),
            OpenFate::ProcessDied => (
                "pill w",
                "process died",
                "Its process stopped reporting while this span ran. The bar ends at its last report.",
            ),
        };
        view! {
            <span class=class title=title data-open-span>
                {word}
            </span>
        }
    });
    let bar = outline.timeline.bar(span.start, span.duration_ns);
    let place = if bar.is_labelled_inside() {
        "lab within"
    } else if bar.is_labelled_left() {
        "lab in"
    } else {
        "lab"
    };
    view! {
        <div class="name">
            {fold} <span class="sq" aria-hidden="true"></span>
            <a class="text" href=href title=name.clone() data-open data-noscroll>
                {name.clone()}
            </a> {marks} {fate} <em title=service.clone()>{service.clone()}</em>
        </div>
        <div class="tl" class:open=open.is_some() style=bar.to_string()>
            <span class="b"></span>
            <Events outline span=span.clone() />
            <span class=place>{format_duration(span.duration_ns)}</span>
        </div>
    }
    .into_any()
}

/// The events of the span, as marks on its bar. Exceptions are red.
#[component]
fn Events(outline: Outline, span: SkeletonSpan) -> impl IntoView {
    span.events
        .into_iter()
        .take(TICKS)
        .map(|(when, name)| {
            let style = format!("--x:{:.3}%", outline.timeline.percent(when));
            let title = format!("{} at {}", visible(&name), format_duration(when.since(span.start)));
            view! {
                <span class="tick" class:e=name == semconv::EVENT_EXCEPTION style=style title=title></span>
            }
        })
        .collect::<Vec<_>>()
}
