//! A PostgreSQL server of our own, and pools of connections to it.
//!
//! It lives in a temporary directory, listens on a Unix socket there and nowhere else, and goes with its owner. As
//! PostgreSQL does not run as root, root starts it as the user `postgres`.

use crate::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Config, NoTls, Statement};

/// Rows of the table that is asked.
pub const KEYS: u32 = 2000;

/// A running server.
pub struct Database {
    process: Child,
    directory: PathBuf,
}

impl Drop for Database {
    fn drop(&mut self) {
        // SIGINT asks PostgreSQL for a fast shutdown; killing it would leave its children for a while.
        let stopped = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        if stopped.is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connection with its prepared query.
pub(crate) struct Connected {
    client: Client,
    query: Statement,
}

impl Connected {
    /// Reads the row of a key and holds the connection for a while.
    pub(crate) async fn ask(&self, key: u32, hold: Duration) -> Result<(), tokio_postgres::Error> {
        let key = i32::try_from(key).unwrap_or(i32::MAX);
        self.client.query(&self.query, &[&key, &hold.as_secs_f64()]).await.map(drop)
    }
}

fn trouble(source: impl std::fmt::Display) -> Error {
    Error::Database(source.to_string())
}

impl Database {
    /// Makes a new database with the programs in `programs` (Debian: `/usr/lib/postgresql/15/bin`) and a table of
    /// [`KEYS`] rows.
    ///
    /// # Errors
    /// The programs are not there, or do not start.
    pub fn start(programs: &Path) -> Result<Self, Error> {
        let directory = std::env::temp_dir().join(format!("testbed-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&directory).map_err(|source| Error::File { path: directory.clone(), source })?;
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let data = directory.join("data");
        // Not with the real-time priority that the testbed may have.
        let command = |program: &str| {
            let mut command = Command::new("chrt");
            command.args(["--other", "0"]);
            if root {
                command.args(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            }
            command.arg(programs.join(program)).stdin(Stdio::null()).stdout(Stdio::null()).current_dir(&directory);
            command
        };
        if root {
            Command::new("chown").arg("postgres").arg(&directory).status().map_err(trouble)?;
        }
        let made = command("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=testbed", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"])
            .stderr(Stdio::null())
            .status()
            .map_err(trouble)?;
        if !made.success() {
            return Err(Error::Database(format!("initdb ended: {made}")));
        }
        let process = command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"])
            .args(["-c", "log_min_messages=fatal", "-c", "autovacuum=off"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", directory.display()))
            .stderr(Stdio::null())
            .spawn()
            .map_err(trouble)?;
        let database = Self { process, directory };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(database.prepare())?;
        Ok(database)
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(&self.directory).user("testbed").dbname("postgres");
        config
    }

    async fn prepare(&self) -> Result<(), Error> {
        let start = Instant::now();
        let (client, connection) = loop {
            match self.config().connect(NoTls).await {
                Ok(connected) => break connected,
                Err(error) if start.elapsed() > Duration::from_secs(30) => return Err(trouble(error)),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        tokio::spawn(connection);
        let rows = KEYS - 1;
        client
            .batch_execute(&format!(
                "create table page as select id, repeat(md5(id::text), 8) as body from generate_series(0, {rows}) id; \
                 alter table page add primary key (id); analyze page"
            ))
            .await
            .map_err(trouble)
    }

    /// Opens connections; to be called on the runtime that uses them.
    pub(crate) async fn connect(&self, number: usize) -> Result<Vec<Connected>, Error> {
        let mut pool = Vec::new();
        for _ in 0..number {
            let (client, connection) = self.config().connect(NoTls).await.map_err(trouble)?;
            tokio::spawn(connection);
            let query = client
                .prepare("select body, pg_sleep($2::float8)::text from page where id = $1::int4")
                .await
                .map_err(trouble)?;
            pool.push(Connected { client, query });
        }
        Ok(pool)
    }
}
