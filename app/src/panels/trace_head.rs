//! What a trace is, in a line or two.

use leptos::prelude::*;
use throughline_model::{TraceFilter, Utc};
use throughline_viz::{format_count, format_duration};

use crate::state::{Outline, filter_href};
use crate::ui::{CopyButton, ServiceTag};

/// Name, outcome, durations, who and when.
#[component]
pub(crate) fn TraceHead(
    /// The trace.
    outline: Outline,
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
                <h1>{name}</h1>
                {pill}
                <Completeness outline=outline.clone() />
                <span class="actions">
                    <code class="mono id" title=id.clone()>
                        {id.clone()}
                    </code>
                    <CopyButton text=id what="trace id" label="Copy id" />
                </span>
            </div>
            <div class="facts">
                <span>
                    <b>{format_duration(summary.root_duration_ns)}</b>
                    " to the user"
                </span>
                <span>
                    <b>{format_duration(summary.duration_ns)}</b>
                    " whole story"
                </span>
                {fact("user", summary.user, user)}
                {fact("session", summary.session, session)}
                <span title=started.to_string()>
                    "started " <b>{format!("{} {}", started.date(), started.time_of_day())}</b> " UTC"
                </span>
                <span class="legend">{services}</span>
            </div>
        </header>
    }
    .into_any()
}

/// How much of the trace there is: what is missing is said, not hidden.
#[component]
fn Completeness(outline: Outline) -> impl IntoView {
    let count = outline.skeleton.spans.len();
    let missing = outline.tree.rows.len() - count;
    let word = if count == 1 { "span" } else { "spans" };
    let count = format_count(count as u64);
    if missing > 0 {
        let parents = if missing == 1 { "parent" } else { "parents" };
        let text = format!("{count} {word} · {missing} {parents} missing");
        view! {
            <span class="pill w" title="Spans name parents that have not arrived; they may still come">
                {text}
            </span>
        }
        .into_any()
    } else if outline.skeleton.summary.has_root {
        view! {
            <span class="pill ok" title="Every parent named by a span has arrived">
                {format!("{count} {word} · no gaps")}
            </span>
        }
        .into_any()
    } else {
        view! { <span class="pill w">{format!("{count} {word} · no root yet")}</span> }.into_any()
    }
}
