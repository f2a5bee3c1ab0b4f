//! What a trace is, in a line or two.

use std::collections::HashSet;

use leptos::prelude::*;
use throughline_model::{self as model, CompletenessState, Pin, TraceFilter, TreeItem, Utc};
use throughline_viz::{format_count, format_duration};

use super::pin_button::PinButton;
use super::pin_note::PinNote;
use crate::state::{Outline, PinState, filter_href};
use crate::ui::{CopyButton, ServiceTag};

/// Name, outcome, durations, who and when.
#[component]
pub(crate) fn TraceHead(
    /// The trace.
    outline: Outline,
    /// Its pin as it was when the page was read.
    was_pinned: Option<Pin>,
    /// What becomes of its pin.
    pin: PinState,
) -> impl IntoView {
    let skeleton = &outline.skeleton;
    let summary = skeleton.summary.clone();
    let errors = summary.error_count;
    let pill = (errors > 0).then(|| {
        let word = if errors == 1 { "error" } else { "errors" };
        view! { <span class="pill e">{format!("{} {word}", format_count(errors))}</span> }
    });
    let id = summary.trace_id.to_string();
    let name = if summary.root_name.is_empty() {
        "(no name)".to_owned()
    } else {
        summary.root_name
    };
    let services: Vec<_> = skeleton
        .services
        .iter()
        .map(|name| view! { <ServiceTag name=name.clone() /> })
        .collect();
    let started = Utc::from(summary.start);
    let fact = |name: &'static str, value: Option<String>, filter: TraceFilter| {
        value.map(|value| {
            view! {
                <span>
                    {name} " "
                    <a href=filter_href(&filter) title=format!("All traces of this {name}")>
                        <b>{value}</b>
                    </a>
                </span>
            }
        })
    };
    let user = TraceFilter {
        user: summary.user.clone(),
        ..TraceFilter::default()
    };
    let session = TraceFilter {
        session: summary.session.clone(),
        ..TraceFilter::default()
    };
    view! {
        <header class="head">
            <div class="title">
                <div class="what">
                    <h1 title=name.clone()>{name.clone()}</h1>
                    {pill}
                    <Completeness outline=outline.clone() />
                    <CompletenessBadge completeness=skeleton.completeness.clone() />
                </div>
                <span class="actions">
                    <PinButton was=was_pinned.clone() state=pin />
                    <CopyButton text=id what="trace id" label="Copy id" />
                </span>
            </div>
            <div class="facts">
                {durations(&outline)}
                {fact("user", summary.user, user)}
                {fact("session", summary.session, session)}
                <span title=started.to_string()>
                    "started " <b>{format!("{} {}", started.date(), started.time_of_day())}</b> " UTC"
                </span>
                {unmarked_note(skeleton.unmarked_spans)}
                <span class="legend">{services}</span>
            </div>
            <PinNote was=was_pinned state=pin />
        </header>
    }
    .into_any()
}

/// How long the user waited and how long all of it took, as far as either has ended.
fn durations(outline: &Outline) -> impl IntoView {
    let skeleton = &outline.skeleton;
    let summary = &skeleton.summary;
    let root = outline.span_at(0);
    let is_answered = root.is_none_or(|root| skeleton.open_span(root.span_id).is_none());
    let waited = if is_answered {
        view! {
            <b>{format_duration(summary.root_duration_ns)}</b>
            " to the user"
        }
        .into_any()
    } else {
        "the root has not ended".into_any()
    };
    let all = if skeleton.open.is_empty() {
        " whole story"
    } else {
        " of what has ended"
    };
    view! {
        <span>{waited}</span>
        <span>
            <b>{format_duration(summary.duration_ns)}</b>
            {all}
        </span>
    }
}

/// That the bars of some spans do not show their events.
fn unmarked_note(spans: u64) -> Option<impl IntoView> {
    (spans > 0).then(|| {
        let title = "There are very many events or large ones; open a span to see its own";
        view! { <span title=title>{format!("events of {spans} spans are not drawn")}</span> }
    })
}

/// What the numbers of its senders say of the trace: whether all of it is there.
#[component]
fn CompletenessBadge(completeness: model::Completeness) -> impl IntoView {
    let (class, meaning) = match completeness.state {
        CompletenessState::Complete => (
            "pill ok",
            "Its processes number their spans, and no number near those of this trace is missing",
        ),
        CompletenessState::Running => (
            "pill",
            "Nothing is missing so far: spans run, or may still be on their way",
        ),
        CompletenessState::Missing => (
            "pill w",
            "Numbers of spans near those of this trace were given and the spans will not come",
        ),
        CompletenessState::Unknown => (
            "pill",
            "Without numbers nobody can tell whether spans are missing",
        ),
    };
    view! {
        <span class=class title=meaning data-completeness>
            {completeness.to_string()}
        </span>
    }
    .into_any()
}

/// How much of the trace there is: what is missing or odd is said, not hidden.
#[component]
fn Completeness(outline: Outline) -> impl IntoView {
    let count = counted(outline.skeleton.spans.len(), "span", "spans");
    let faults = faults(&outline);
    if faults.is_empty() && outline.skeleton.summary.has_root {
        return view! {
            <span class="pill ok" title="Every parent named by a span has arrived">
                {format!("{count} · no gaps")}
            </span>
        }
        .into_any();
    }
    if faults.is_empty() {
        return view! { <span class="pill w">{format!("{count} · no root yet")}</span> }.into_any();
    }
    let mut text = count;
    let mut titles = Vec::new();
    for (fault, title) in faults {
        text.push_str(" · ");
        text.push_str(&fault);
        titles.push(title);
    }
    view! {
        <span class="pill w" title=titles.join(". ")>
            {text}
        </span>
    }
    .into_any()
}

/// What keeps the rows from being one whole tree, and what each of it means.
fn faults(outline: &Outline) -> Vec<(String, &'static str)> {
    let (mut missing, mut cycles, mut reused) = (0, 0, HashSet::new());
    for (at, row) in outline.tree.rows.iter().enumerate() {
        missing += usize::from(matches!(row.item, TreeItem::MissingParent(_)));
        cycles += usize::from(row.oddity.cycle_cut);
        if row.oddity.duplicate_id {
            reused.extend(outline.span_at(at).map(|span| span.span_id));
        }
    }
    let faults = [
        (
            missing,
            "parent missing",
            "parents missing",
            "Spans name parents that have not arrived; they may still come",
        ),
        (
            cycles,
            "cycle",
            "cycles",
            "Spans are their own ancestors; each cycle is cut at one of them",
        ),
        (
            reused.len(),
            "id reused",
            "ids reused",
            "Several spans were sent with the same id",
        ),
    ];
    faults
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many, title)| (counted(count, one, many), title))
        .collect()
}

fn counted(count: usize, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{} {word}", format_count(count as u64))
}
