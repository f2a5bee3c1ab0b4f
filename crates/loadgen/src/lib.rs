//! Sends a fixed, seeded amount of spans to a server and accounts for each of them.
//!
//! Requests are templates, encoded once, in which ids and times are overwritten, so that the
//! generator costs little beside what it measures. The same seed makes the same spans, whatever
//! the number of clients.

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

/// What the clients share.
struct Work {
    plan: Plan,
    bodies: Bodies,
    next: AtomicU64,
    started: Instant,
    /// The least time between the starts of two requests; none sends as fast as it goes.
    pace: Option<Duration>,
}

/// Sends everything and returns the report. Without a `begin_ns`, the first span began a minute before `now`.
///
/// # Errors
/// When the address cannot be used, or nobody listens there.
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

/// Takes one request after the other until there is none.
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
