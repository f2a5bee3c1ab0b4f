//! Starts the shop: its pages, its API and its worker.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use throughline_shop::config::Config;
use throughline_shop::mail::MailGateway;
use throughline_shop::{database, router, worker};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

/// The time that open requests get to finish after a signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();

    // TRACE: creates the tracer.
    let tracer = throughline::Tracer::builder("shop")
        .endpoint(config.collector.clone())
        .resource("service.version", env!("CARGO_PKG_VERSION"))
        .build()?;
    let log = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    tracing_subscriber::registry()
        // TRACE: gives spans and SQL statements to the tracer. The filter applies to the log only.
        .with(tracer.layer())
        .with(
            fmt::layer()
                .with_ansi(std::io::stdout().is_terminal())
                .with_filter(log),
        )
        .init();

    let pool = database::open(&config.database_url()?, &config.database).await?;
    let listener = TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("cannot listen on {}", config.addr))?;
    tracing::info!("the shop is open at http://{}", listener.local_addr()?);

    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(pool.clone(), MailGateway, stopped.clone()));
    let app = router(pool.clone(), &config.collector);
    let server = tokio::spawn(
        axum::serve(listener, app)
            .with_graceful_shutdown(turned_true(stopped))
            .into_future(),
    );

    asked_to_stop().await?;
    tracing::info!("closing");
    stop.send_replace(true);
    if let Ok(ended) = tokio::time::timeout(DRAIN, server).await {
        ended??;
    } else {
        tracing::warn!("some requests were cut off");
    }
    worker.await?;
    pool.close().await;
    // TRACE: sends the remaining spans.
    tracer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn turned_true(mut signal: watch::Receiver<bool>) {
    // An error means that the sender is gone, which also means to stop.
    let _ = signal.wait_for(|stop| *stop).await;
}

/// Waits for Ctrl-C, or for SIGTERM on systems that have it.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
