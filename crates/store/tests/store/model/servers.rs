//! Servers that can be killed: each is a store in its own runtime.

use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::Arc;

use throughline_store::testing::FreshDatabase;
use throughline_store::{Store, StoreOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A store whose tasks are cancelled at any point when it is dropped, like those of a killed
/// process.
pub(super) struct Server {
    runtime: Option<Runtime>,
    store: Arc<Store>,
}

impl Server {
    pub(super) fn start(database: &FreshDatabase, options: StoreOptions) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("starts");
        let context = runtime.enter();
        let store = Arc::new(database.store_with(options));
        drop(context);
        Self {
            runtime: Some(runtime),
            store,
        }
    }

    /// Runs `work` as a task of the server.
    pub(super) fn spawn<F>(&self, work: impl FnOnce(Arc<Store>) -> F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let runtime = self.runtime.as_ref().expect("it runs");
        Task(runtime.spawn(work(Arc::clone(&self.store))))
    }
}

/// Dereferences to the store, for calls that are not killed.
impl Deref for Server {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task of a server.
pub(super) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Returns the result; `None` if the server was killed first.
    pub(super) async fn result(self) -> Option<T> {
        match self.0.await {
            Ok(result) => Some(result),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }
}
