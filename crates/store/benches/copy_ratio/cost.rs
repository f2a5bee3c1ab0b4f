//! What work costs: CPU of this process and of Postgres, bytes of WAL and of tables.

use std::fs;
use std::path::Path;
use std::time::Instant;

use sqlx::PgConnection;

/// What some work took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) client_s: f64,
    pub(super) postgres_s: f64,
    pub(super) wall_s: f64,
    pub(super) wal_bytes: i64,
    pub(super) stored_bytes: i64,
}

impl Cost {
    pub(super) fn cpu_s(self) -> f64 {
        self.client_s + self.postgres_s
    }
}

/// What the counters stand at.
pub(super) struct Reading {
    client_ns: u64,
    backends: Vec<(i32, u64)>,
    at: Instant,
    wal_bytes: i64,
    stored_bytes: i64,
}

impl Reading {
    pub(super) async fn take(watch: &mut PgConnection) -> Self {
        // The backends of this database; the cluster's helpers serve other databases as well.
        let pids: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .fetch_all(&mut *watch)
        .await
        .expect("lists backends");
        let (wal_bytes, stored_bytes) = sqlx::query_as(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, sum(pg_total_relation_size(relid))::bigint
             FROM pg_partition_tree('spans')",
        )
        .fetch_one(watch)
        .await
        .expect("measures");
        let backends = pids
            .into_iter()
            .filter_map(|pid| Some((pid, on_cpu_ns(Path::new(&format!("/proc/{pid}")))?)))
            .collect();
        let tasks = fs::read_dir("/proc/self/task").expect("lists threads");
        Self {
            client_ns: tasks
                .flatten()
                .filter_map(|task| on_cpu_ns(&task.path()))
                .sum(),
            backends,
            at: Instant::now(),
            wal_bytes,
            stored_bytes,
        }
    }

    pub(super) fn since(&self, before: &Self) -> Cost {
        let backends = self.backends.iter().map(|(pid, after)| {
            let known = before.backends.iter().find(|(known, _)| known == pid);
            after - known.map_or(0, |(_, before)| *before)
        });
        Cost {
            client_s: (self.client_ns - before.client_ns) as f64 / 1e9,
            postgres_s: backends.sum::<u64>() as f64 / 1e9,
            wall_s: self.at.duration_since(before.at).as_secs_f64(),
            wal_bytes: self.wal_bytes - before.wal_bytes,
            stored_bytes: self.stored_bytes - before.stored_bytes,
        }
    }
}

/// Time a task has run, from the kernel's scheduler statistics.
fn on_cpu_ns(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat"))
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}
