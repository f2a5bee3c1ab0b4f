//! Runs the program's commands from start to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use throughline_app::ServerInfo;
use throughline_store::{Store, StoreOptions};
use throughline_wire::TenantId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cli::{DataDirOption, DatabaseOptions, Secret, ServeOptions};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::ingest::{AllowedOrigins, BodyLimits, Ingest};
use crate::listen::Protocol;
use crate::live::Live;
use crate::panel::Panel;
use crate::readiness::Readiness;
use crate::router::{AppState, grpc_router, otlp_router, router};
use crate::tasks::{TaskOptions, Tasks};
use crate::{listen, shutdown, telemetry};

/// The maximum memory of all request bodies, in bytes.
const BODIES_BYTES: usize = 64 << 20;
/// The timeout of the last commits, after all requests have ended.
const CLOSE: Duration = Duration::from_secs(15);

/// The database of a command: a given one, or that of the private cluster.
pub(crate) struct Database {
    url: Secret,
    cluster: Option<Cluster>,
}

impl Database {
    pub(crate) async fn open(options: &DatabaseOptions) -> Result<Self> {
        if let Some(url) = &options.database_url {
            let known = ["postgres://", "postgresql://"];
            if !known.iter().any(|scheme| url.reveal().starts_with(scheme)) {
                // The error does not contain the URL, because the URL may have a password.
                bail!("invalid database URL: it must begin with postgres:// or postgresql://");
            }
            return Ok(Self {
                url: url.clone(),
                cluster: None,
            });
        }
        let cluster = Cluster::start(&options.data_dir.path()).await?;
        Ok(Self {
            url: cluster.database_url().into(),
            cluster: Some(cluster),
        })
    }

    /// Opens the database like [`Self::open`], but uses the private cluster of a running server if
    /// there is one.
    pub(crate) async fn open_or_join(options: &DatabaseOptions) -> Result<Self> {
        if options.database_url.is_none()
            && let Some(url) = Cluster::running(&options.data_dir.path())
        {
            return Ok(Self {
                url: url.as_str().into(),
                cluster: None,
            });
        }
        Self::open(options).await
    }

    /// Returns the URL of the database. It contains the password.
    pub(crate) fn url(&self) -> &str {
        self.url.reveal()
    }

    pub(crate) async fn close(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// Runs `throughline serve`. Returns after a signal, once requests have ended and tasks have
/// stopped.
///
/// # Errors
/// An error for the person who started the program.
pub async fn serve(options: ServeOptions) -> Result<()> {
    let mut stop_requested = Box::pin(shutdown::requested()?);
    for (addr, option) in [
        (options.addr, "--addr"),
        (options.otlp_addr, "--otlp-addr"),
        (options.otlp_grpc_addr, "--otlp-grpc-addr"),
    ] {
        listen::check_loopback(addr.ip(), option)?;
    }
    listen::allow_open_files();
    // Listens before it starts the database, which takes seconds, so that a bad address fails at
    // once.
    let listeners = Listeners {
        main: listen::bind(options.addr, "--addr").await?,
        otlp: listen::bind(options.otlp_addr, "--otlp-addr").await?,
        grpc: listen::bind(options.otlp_grpc_addr, "--otlp-grpc-addr").await?,
    };
    let database = tokio::select! {
        database = Database::open(&options.database) => database?,
        () = &mut stop_requested => return Ok(()),
    };
    let served = serve_on(&options, listeners, &database.url, &mut stop_requested).await;
    database.close().await;
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// The bound ports.
struct Listeners {
    main: TcpListener,
    otlp: TcpListener,
    grpc: TcpListener,
}

async fn serve_on(
    options: &ServeOptions,
    listeners: Listeners,
    database_url: &Secret,
    stop_requested: impl Future<Output = ()>,
) -> Result<()> {
    let clock = Clock::system();
    let store_options = options.write.store_options(&clock);
    let metrics = telemetry::start_metrics()?;
    let store = Arc::new(Store::connect_lazy(database_url.reveal(), store_options)?);
    let readiness = Readiness::migrate(Arc::clone(&store));
    let bodies = BodyLimits::new(options.body_limit, BODIES_BYTES);
    let ingest = Ingest::new(
        store.writer(),
        readiness.clone(),
        clock.clone(),
        options.write.limits(),
        bodies,
    )
    .with_allowed_origins(AllowedOrigins::new(&options.allow_origins));
    let server = ServerInfo {
        endpoint: format!("http://{}", listeners.main.local_addr()?),
        otlp_endpoint: format!("http://{}", listeners.otlp.local_addr()?),
        otlp_grpc_endpoint: Some(format!("http://{}", listeners.grpc.local_addr()?)),
        zipkin_endpoint: Some(format!(
            "http://{}/api/v2/spans",
            listeners.main.local_addr()?
        )),
    };
    let (stop, stopping) = watch::channel(false);
    let rules = options.write.retention.rules();
    let tasks = Tasks::start(
        &store,
        &readiness,
        clock.clone(),
        TaskOptions {
            rules,
            limits: options.write.storage.limits(),
            data_dir: options.database.private_folder(),
        },
        &stopping,
    );
    let storage = tasks.storage();
    let gauge = storage.clone();
    let live = Live::new(
        store.live(TenantId::DEFAULT),
        store.reader(TenantId::DEFAULT),
        clock.clone(),
        stopping.clone(),
    );
    let state = AppState {
        ingest: ingest.clone(),
        panel: Panel {
            reader: store.reader(TenantId::DEFAULT),
            retention_admin: store.retention_admin(
                TenantId::DEFAULT,
                rules,
                Arc::new(move || gauge.gauge()),
            ),
            clock,
            server: server.clone(),
        },
        live,
        ready: {
            let store = Arc::clone(&store);
            Arc::new(move || {
                let (store, readiness) = (Arc::clone(&store), readiness.clone());
                let storage = storage.clone();
                Box::pin(async move { readiness.check(&store, storage.warning()).await })
            })
        },
        metrics: Arc::new(move || metrics.render()),
    };

    let grpc_addr = listeners.grpc.local_addr()?;
    let start = |listener, protocol, app| {
        tokio::spawn(listen::serve(listener, protocol, app, stopping.clone()))
    };
    let main = start(listeners.main, Protocol::Http1, router(state));
    let otlp = start(listeners.otlp, Protocol::Http1, otlp_router(ingest.clone()));
    let grpc = start(listeners.grpc, Protocol::Grpc, grpc_router(ingest));
    tracing::info!(
        "the panel is at {}, OTLP/HTTP at {}, OTLP/gRPC at http://{grpc_addr}",
        server.endpoint,
        server.otlp_endpoint
    );
    stop_requested.await;
    tracing::info!("stopping: waiting for requests in flight");
    stop.send_replace(true);
    // A listener that panicked has nothing left to drain.
    let _ = tokio::join!(main, otlp, grpc);
    tasks.ended().await;
    if timeout(CLOSE, store.close()).await.is_err() {
        tracing::warn!(
            "the last commits did not finish within {} s",
            CLOSE.as_secs()
        );
    }
    Ok(())
}

/// Runs `throughline migrate`: prints the applied migrations.
///
/// # Errors
/// An error for the person who started the program.
pub async fn migrate(options: DatabaseOptions) -> Result<()> {
    let database = Database::open(&options).await?;
    let migrated = migrate_database(&database.url).await;
    database.close().await;
    migrated
}

async fn migrate_database(url: &Secret) -> Result<()> {
    let clock = Clock::system();
    let store = Store::connect_lazy(url.reveal(), StoreOptions::new(move || clock.now()))?;
    let report = store.migrate().await?;
    for applied in &report.applied {
        println!("applied {applied}");
    }
    println!("the schema is at version {}", report.version);
    store.close().await;
    Ok(())
}

/// Runs `throughline postgres`: runs the private cluster until a signal.
///
/// # Errors
/// An error for the person who started the program.
pub async fn postgres(options: DataDirOption) -> Result<()> {
    let mut stop_requested = Box::pin(shutdown::requested()?);
    let data_dir = options.path();
    let cluster = tokio::select! {
        cluster = Cluster::start(&data_dir) => cluster?,
        () = &mut stop_requested => return Ok(()),
    };
    announce(cluster.database_url()).context("cannot write to standard output")?;
    stop_requested.await;
    cluster.stop().await;
    Ok(())
}

fn announce(url: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "DATABASE_URL={url}")?;
    out.flush()
}
