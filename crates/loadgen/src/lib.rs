//! Sends a fixed, seeded number of spans to a server and accounts for each of them.
//!
//! The requests are templates that are encoded once. Only ids and times are overwritten, so that
//! the generator needs little CPU compared with the server. A seed always gives the same spans,
//! with any number of clients.

mod body;
mod client;
mod connection;
mod grpc;
mod json;
mod options;
mod plan;
mod protobuf;
mod report;
mod shape;
mod template;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use throughline_wire::UnixNanos;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub use options::{Format, LoadOptions, Shape};
pub use report::Report;

use self::body::Bodies;
use self::client::Client;
use self::connection::Target;
use self::plan::Plan;
use self::report::Tally;

/// The state that the clients share.
struct Work {
    plan: Plan,
    bodies: Bodies,
    next: AtomicU64,
    started: Instant,
    /// The minimum time between the starts of two requests; `None` sends at full speed.
    pace: Option<Duration>,
}

/// Sends all spans and returns the report. Without `begin_ns`, the first span began one minute
/// before `now`.
///
/// # Errors
/// The URL is invalid, or no server listens at it.
pub async fn send(options: &LoadOptions, now: UnixNanos) -> Result<Report> {
    let target = Target::parse(&options.url, options.format, options.gzip)?;
    let timeout = Duration::from_secs(options.timeout_s);
    target.wait_until_reachable(timeout).await?;
    let plan = Plan::new(options, now);
    let per_request = plan.spans_per_request();
    let work = Arc::new(Work {
        bodies: Bodies::new(options, &plan)?,
        plan,
        next: AtomicU64::new(0),
        started: Instant::now(),
        pace: options
            .rate
            .map(|rate| Duration::from_secs_f64(per_request as f64 / f64::from(rate.get()))),
    });
    let mut clients = JoinSet::new();
    for _ in 0..options.clients.get() {
        let client = Client::new(target.clone(), timeout);
        clients.spawn(run_client(client, Arc::clone(&work)));
    }
    let mut tally = Tally::default();
    while let Some(client) = clients.join_next().await {
        tally.add(client.context("a client panicked")?);
    }
    Ok(Report::new(&work.plan, tally, work.started.elapsed()))
}

/// Sends one request after another until none is left.
async fn run_client(mut client: Client, work: Arc<Work>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let job = work.next.fetch_add(1, Ordering::Relaxed);
        if job >= work.plan.jobs() {
            return tally;
        }
        if let Some(pace) = work.pace {
            sleep_until(work.started + pace * u32::try_from(job).unwrap_or(u32::MAX)).await;
        }
        let body = work.bodies.body(&work.plan, work.plan.request_of(job));
        client
            .send(body, work.plan.spans_per_request(), &mut tally)
            .await;
    }
}

#[cfg(test)]
mod tests;
