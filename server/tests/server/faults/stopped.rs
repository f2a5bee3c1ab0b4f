//! Postgres stops under load, or stops responding, and comes back.

use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid};
use reqwest::StatusCode;
use tokio::time::sleep;

use super::conservation::{check_conserved, check_counters, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::{Program, data_dir};

fn plan(server: &Program) -> Plan {
    Plan {
        bases: vec![server.base.clone()],
        senders: 8,
        spans: 50,
        padding: 300,
    }
}

/// Stops Postgres with a normal shutdown while senders push, and restarts it after `away`.
async fn stop_and_start(away: Duration) -> String {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let server = Program::serve_on(&url, &[]).await;
    let mut again = None;
    let load = Load::during(plan(&server), async |load| {
        load.wait_for_more(20).await;
        assert!(postgres.stop().await.success());
        load.wait_for(StatusCode::SERVICE_UNAVAILABLE).await;
        sleep(away).await;
        let (postgres, same_url) = Program::postgres(folder.path()).await;
        assert_eq!(same_url, url, "it comes back where it was");
        again = Some(postgres);
        load.wait_for_more(20).await;
    })
    .await;
    check_conserved(&url, &load).await;
    check_counters(&[&server.base], &load).await;
    let peak = check_memory(server.pid());
    check_reads(&server.base).await;
    assert!(server.stop().await.success());
    assert!(again.expect("started").stop().await.success());
    format!("answers {}, peak {peak} KiB", load.answers())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgres_gives_503_until_it_runs_again() {
    stop_and_start(Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask soak"]
async fn soak_postgres_stopped_for_30_seconds_under_load() {
    println!(
        "soak: Postgres stopped for 30 s: {}",
        stop_and_start(Duration::from_secs(30)).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_postgres_blocks_no_request_for_ever_and_recovers() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let server = Program::serve_on(&url, &["--writer-queue-bytes", "200000"]).await;
    let postmaster = Pid::from_raw(Program::postmaster_of(folder.path()));
    let group = getpgid(Some(postmaster)).expect("a process group");
    // The processes of Postgres must not share a process group with any other.
    assert_eq!(group, postmaster, "Postgres leads its own process group");
    let load = Load::during(plan(&server), async |load| {
        load.wait_for_more(20).await;
        killpg(group, Signal::SIGSTOP).expect("stopped");
        load.wait_for(StatusCode::TOO_MANY_REQUESTS).await;
        killpg(group, Signal::SIGCONT).expect("goes on");
        load.wait_for_more(20).await;
    })
    .await;
    check_conserved(&url, &load).await;
    check_counters(&[&server.base], &load).await;
    check_memory(server.pid());
    check_reads(&server.base).await;
    assert!(server.stop().await.success());
    assert!(postgres.stop().await.success());
}
