//! A Prometheus server that scrapes the testbed, and what is exported from it.
//!
//! It runs as a process of its own with its storage in a temporary directory, scrapes every second, and goes with the
//! recorder. Two shapes are exported: the answer of `/api/v1/query_range` as it came, and a table as the panel inspector
//! of Grafana writes it ("Download CSV" without formatting: quoted titles, milliseconds since 1970, series joined by
//! time).

use crate::Error;
use crate::http::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};

/// Something to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its job.
    pub job: String,
    /// Which of several pairs it belongs to, from 1.
    pub lane: usize,
    /// Where it answers `/metrics`.
    pub at: SocketAddr,
}

/// A column of an exported table: title and query.
pub type Panel = (&'static str, &'static str);

/// A running server.
pub struct Prometheus {
    process: Child,
    directory: PathBuf,
    at: SocketAddr,
    runtime: Runtime,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Now, in seconds since 1970.
#[must_use]
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn configuration(targets: &[Target]) -> String {
    let mut text = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n".to_owned();
    let mut jobs: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in targets {
        jobs.entry(&target.job).or_default().push(target);
    }
    for (job, targets) in jobs {
        let _ = writeln!(text, "  - job_name: {job}\n    static_configs:");
        for target in targets {
            let _ = writeln!(text, "      - targets: ['{}']\n        labels: {{ lane: '{}' }}", target.at, target.lane);
        }
    }
    text
}

impl Prometheus {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// There is no such program, or it does not get ready within 30 s.
    pub fn start(program: &Path, targets: &[Target]) -> Result<Self, Error> {
        let directory = std::env::temp_dir().join(format!("testbed-prometheus-{}", std::process::id()));
        let file = |path: PathBuf| move |source| Error::File { path, source };
        std::fs::create_dir_all(&directory).map_err(file(directory.clone()))?;
        let config = directory.join("prometheus.yml");
        std::fs::write(&config, configuration(targets)).map_err(file(config.clone()))?;
        // Free now; nobody else is expected to take it in between.
        let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        // The testbed may run with real-time priority, which its children would inherit.
        let process = Command::new("chrt")
            .args(["--other", "0"])
            .arg(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|source| Error::Prometheus(format!("cannot be started: {source}")))?;
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let mut server = Self { process, directory, at, runtime };
        let start = Instant::now();
        while server.get("/-/ready").is_err() {
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(Error::Prometheus(format!("({}) ended: {status}", program.display())));
            }
            if start.elapsed() > Duration::from_secs(30) {
                return Err(Error::Prometheus("is not ready after 30 s".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    fn get(&self, path: &str) -> Result<String, Error> {
        self.runtime.block_on(async {
            let (status, body) = Connection::open(self.at).await?.get(path).await?;
            let text = String::from_utf8_lossy(&body).into_owned();
            if status.is_success() {
                return Ok(text);
            }
            let beginning = text.chars().take(200).collect();
            Err(Error::Query { query: path.to_owned(), status: status.as_u16(), text: beginning })
        })
    }

    /// The answer of `/api/v1/query_range` between two times in seconds since 1970, one point per second.
    ///
    /// # Errors
    /// The server refuses the query.
    pub fn range(&self, query: &str, from: f64, to: f64) -> Result<String, Error> {
        self.get(&format!(
            "/api/v1/query_range?query={}&start={:.0}&end={:.0}&step=1",
            percent(query),
            from.floor(),
            to.ceil()
        ))
    }

    /// A table of several queries, each of which gives one series, as Grafana writes it.
    ///
    /// # Errors
    /// The server refuses a query.
    pub fn table(&self, panels: &[Panel], lane: usize, from: f64, to: f64) -> Result<String, Error> {
        let mut rows: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (column, (_, query)) in panels.iter().enumerate() {
            let answer = self.range(&query.replace("LANE", &format!("lane=\"{lane}\"")), from, to)?;
            for (time, value) in points(&answer) {
                let row = rows.entry(time).or_insert_with(|| vec![String::new(); panels.len()]);
                if let Some(cell) = row.get_mut(column) {
                    *cell = value;
                }
            }
        }
        let titles: Vec<String> = panels.iter().map(|(title, _)| format!("\"{title}\"")).collect();
        let mut text = format!("\"Time\",{}\n", titles.join(","));
        for (time, row) in rows {
            let _ = writeln!(text, "{time},{}", row.join(","));
        }
        Ok(text)
    }
}

/// Times in milliseconds and values of the first series of an answer. Values are rounded to six figures; what is not a
/// number is left out.
fn points(answer: &str) -> Vec<(i64, String)> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let values = answer.pointer("/data/result/0/values").and_then(Value::as_array);
    let point = |pair: &Value| {
        let time = pair.get(0)?.as_f64()?;
        let value: f64 = pair.get(1)?.as_str()?.parse().ok()?;
        value.is_finite().then(|| ((time * 1000.0).round() as i64, six_figures(value)))
    };
    values.into_iter().flatten().filter_map(point).collect()
}

fn six_figures(value: f64) -> String {
    format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string()
}

/// Percent-encoding of a query (RFC 3986, section 2.1).
fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_listed_with_their_targets() {
        let target = |job: &str, lane, port| Target {
            job: job.to_owned(),
            lane,
            at: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let text = configuration(&[target("service", 1, 1000), target("client", 1, 1001), target("service", 2, 1002)]);
        assert!(text.contains("  - job_name: client\n    static_configs:\n      - targets: ['127.0.0.1:1001']\n"));
        assert_eq!(text.matches("job_name").count(), 2);
        assert!(text.contains("'127.0.0.1:1002']\n        labels: { lane: '2' }"));
    }

    #[test]
    fn queries_are_encoded() {
        assert_eq!(percent("rate(a{b=~\".+\"}[5s])"), "rate%28a%7Bb%3D~%22.%2B%22%7D%5B5s%5D%29");
    }

    #[test]
    fn points_are_read_and_gaps_left_out() {
        let answer = r#"{"data":{"result":[{"metric":{},"values":[[1.5,"0.12345678"],[2.5,"NaN"]]}]}}"#;
        assert_eq!(points(answer), vec![(1500, "0.123457".to_owned())]);
    }
}
