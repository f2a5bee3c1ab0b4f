//! The head of a trace page.

use std::collections::HashSet;

use leptos::prelude::*;
use throughline_model::{
    self as model, CompletenessState, Pin, TraceFilter, TraceSummary, TreeItem, Utc,
};
use throughline_viz::{format_count, format_duration};

use super::pin_button::PinButton;
use super::pin_note::PinNote;
use crate::state::{Outline, PinState, filter_href};
use crate::ui::{CopyButton, ServiceTag, visible};

/// Name, outcome, durations, user and time.
#[component]
pub(crate) fn TraceHead(
    /// The trace.
    outline: Outline,
    /// The pin at the time the page was read.
    was_pinned: Option<Pin>,
    /// The state of the pin since then.
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
        visible(&summary.root_name)
    };
    let services: Vec<_> = skeleton
        .services
        .iter()
        .take(TraceSummary::MAX_SERVICES)
        .map(|name| view! { <ServiceTag name=name.clone() /> })
        .collect();
    let unnamed = skeleton.services.len().saturating_sub(services.len());
    let unnamed = (unnamed > 0).then(|| format!("+{} services", format_count(unnamed as u64)));
    let started = Utc::from(summary.start);
    let fact = |name: &'static str, value: Option<String>, filter: TraceFilter| {
        value.map(|value| {
            view! {
                <span>
                    {name} " "
                    <a href=filter_href(&filter) title=format!("{name}: show all its traces")>
                        <b>{visible(&value)}</b>
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
                {fact("User", summary.user, user)}
                {fact("Session", summary.session, session)}
                <span title=started.to_string()>
                    "Started " <b>{format!("{} {}", started.date(), started.time_of_day())}</b> " UTC"
                </span>
                {unmarked_note(skeleton.unmarked_spans)}
                <span class="legend">{services} {unnamed}</span>
            </div>
            <PinNote was=was_pinned state=pin />
        </header>
    }
    .into_any()
}

/// The duration of the root span and of the whole trace, as far as either has ended.
fn durations(outline: &Outline) -> impl IntoView {
    let skeleton = &outline.skeleton;
    let summary = &skeleton.summary;
    let root = outline.span_at(0);
    let is_answered = root.is_none_or(|root| skeleton.open_span(root.span_id).is_none());
    let waited = if is_answered {
        view! {
            "Duration "
            <b>{format_duration(summary.root_duration_ns)}</b>
        }
        .into_any()
    } else {
        "Root span has not ended".into_any()
    };
    let all = if skeleton.open.is_empty() {
        ""
    } else {
        " so far"
    };
    view! {
        <span>{waited}</span>
        <span>
            "Trace span "
            <b>{format_duration(summary.duration_ns)}</b>
            {all}
        </span>
    }
}

/// Returns the notice that the bars of some spans do not show their events.
fn unmarked_note(spans: u64) -> Option<impl IntoView> {
    (spans > 0).then(|| {
        let title = "There are too many events, or very large ones. Open a span to see its events.";
        view! { <span title=title>{format!("events of {spans} spans are not drawn")}</span> }
    })
}

/// The completeness of the trace, derived from the sequence numbers of its senders.
#[component]
fn CompletenessBadge(completeness: model::Completeness) -> impl IntoView {
    let (class, meaning) = match completeness.state {
        CompletenessState::Complete => (
            "pill ok",
            "The sequence numbers of its processes have no gap near the spans of this trace",
        ),
        CompletenessState::Running => (
            "pill",
            "Nothing is missing so far. Spans are running or may still arrive.",
        ),
        CompletenessState::Missing => (
            "pill w",
            "Spans with sequence numbers near those of this trace are missing and will not arrive",
        ),
        CompletenessState::Unknown => (
            "pill",
            "Missing spans cannot be detected without sequence numbers",
        ),
    };
    view! {
        <span class=class title=meaning data-completeness>
            {visible(&completeness.to_string())}
        </span>
    }
    .into_any()
}

/// The structural state of the trace: missing or unusual parts are reported, not hidden.
#[component]
fn Completeness(outline: Outline) -> impl IntoView {
    let count = counted(outline.skeleton.spans.len(), "span", "spans");
    let faults = faults(&outline);
    if faults.is_empty() && outline.skeleton.summary.has_root {
        return view! {
            <span class="pill ok" title="Every parent of a span has arrived">
                {format!("{count} · no gaps")}
            </span>
        }
        .into_any();
    }
    if faults.is_empty() {
        let title = visible(&outline.absence());
        let text = format!("{count} · no root yet");
        return view! {
            <span class="pill w" title=title>
                {text}
            </span>
        }
        .into_any();
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

/// Returns the defects of the tree and the meaning of each.
fn faults(outline: &Outline) -> Vec<(String, String)> {
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
            visible(&outline.absence()),
        ),
        (
            cycles,
            "cycle",
            "cycles",
            "Spans are their own ancestors; each cycle is cut at one span".to_owned(),
        ),
        (
            reused.len(),
            "id reused",
            "ids reused",
            "Several spans were sent with the same id".to_owned(),
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
