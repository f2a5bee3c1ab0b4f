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

/// How long requests that are under way may take after a signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();

    // TRACE: make the tracer.
    let tracer = throughline::Tracer::builder("shop")
        .endpoint(config.collector.clone())
        .resource("service.version", env!("CARGO_PKG_VERSION"))
        .build()?;
    let log = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    tracing_subscriber::registry()
        // TRACE: let it see spans and SQL statements. The filter is the log's alone.
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
    // TRACE: send what has not been sent yet.
    tracer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn turned_true(mut signal: watch::Receiver<bool>) {
    // An error means the sender is gone: time to stop as well.
    let _ = signal.wait_for(|stop| *stop).await;
}

/// Ctrl-C, or SIGTERM where there is such a thing.
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
