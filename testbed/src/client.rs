//! Clients that give up and try again, in an open loop.
//!
//! Requests start at the times of [`Arrivals`], however the service fares: a late start is caught up with, not skipped,
//! so that slow answers do not thin out the load ("coordinated omission"). An attempt that has no answer within the
//! timeout is given up by closing its connection; it and a refused one are repeated after an exponential back-off until
//! the attempts are used up.

use crate::arrivals::{Arrivals, Piece};
use crate::http::{Connection, answer, serve};
use crate::metrics::{Counter, Gauge, Histogram, Page};
use crate::service::BOUNDS;
use crate::timer::Timer;
use chacha20::ChaCha8Rng;
use hyper::StatusCode;
use rand::RngExt;
use rand_distr::{Distribution, Exp1};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How clients behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientDesign {
    /// Time after which an attempt is given up.
    pub timeout: Duration,
    /// Attempts per request, with the first.
    pub attempts: u32,
    /// Mean of the exponential wait before each further attempt.
    pub backoff: Duration,
    /// Number of keys, all alike, one of which each request asks for; none if 0.
    pub keys: u32,
}

/// What clients count.
#[derive(Debug)]
pub struct ClientMetrics {
    /// Requests, each counted when its first attempt starts.
    pub requests: Counter,
    /// Attempts.
    pub attempts: Counter,
    /// Attempts after the first of a request.
    pub retries: Counter,
    /// Requests answered by one of their attempts in time.
    pub answered: Counter,
    /// Attempts given up.
    pub timeouts: Counter,
    /// Attempts refused.
    pub rejected: Counter,
    /// Requests whose attempts are all used up.
    pub failed: Counter,
    /// Attempts that broke in another way.
    pub errors: Counter,
    /// Requests under way, between attempts or in one.
    pub open: Gauge,
    /// From the start of an attempt to its answer in time.
    pub attempt: Histogram,
    /// From the start of a request to its answer.
    pub request: Histogram,
    /// How much later than drawn a request started.
    pub late: Histogram,
}

impl Default for ClientMetrics {
    fn default() -> Self {
        let count = Counter::default;
        Self {
            requests: count(),
            attempts: count(),
            retries: count(),
            answered: count(),
            timeouts: count(),
            rejected: count(),
            failed: count(),
            errors: count(),
            open: Gauge::default(),
            attempt: Histogram::new(BOUNDS),
            request: Histogram::new(BOUNDS),
            late: Histogram::new(&[]),
        }
    }
}

impl ClientMetrics {
    fn page(&self) -> String {
        let mut page = Page::default();
        page.counter("client_requests_total", "Requests: first attempts.", &self.requests);
        page.counter("client_attempts_total", "Attempts.", &self.attempts);
        page.counter("client_retries_total", "Attempts after the first of a request.", &self.retries);
        page.counter("client_answered_total", "Requests answered in time.", &self.answered);
        page.counter("client_timeouts_total", "Attempts given up after the timeout.", &self.timeouts);
        page.counter("client_rejected_total", "Attempts refused by the service.", &self.rejected);
        page.counter("client_failed_total", "Requests whose attempts are used up.", &self.failed);
        page.counter("client_errors_total", "Attempts that broke in another way.", &self.errors);
        page.gauge("client_open", "Requests under way.", self.open.get() as f64);
        page.histogram("client_attempt_seconds", "Answers in time: since the attempt.", &self.attempt);
        page.histogram("client_request_seconds", "Answers in time: since the request.", &self.request);
        page.text()
    }
}

/// Clients of one service.
pub struct Clients {
    design: ClientDesign,
    target: SocketAddr,
    timer: Timer,
    idle: Mutex<Vec<Connection>>,
    /// What they count.
    pub metrics: ClientMetrics,
}

enum Outcome {
    Answered,
    Rejected,
    TimedOut,
    Broken,
}

impl Clients {
    /// Clients that have not called yet.
    #[must_use]
    pub fn new(design: ClientDesign, target: SocketAddr, timer: Timer) -> Arc<Self> {
        Arc::new(Self { design, target, timer, idle: Mutex::default(), metrics: ClientMetrics::default() })
    }

    /// Answers `/metrics` until the runtime ends.
    pub async fn listen(self: Arc<Self>, listener: TcpListener) {
        let handle = move |request: hyper::Request<hyper::body::Incoming>| {
            let clients = Arc::clone(&self);
            async move {
                match request.uri().path() {
                    "/metrics" => answer(StatusCode::OK, clients.metrics.page()),
                    _ => answer(StatusCode::NOT_FOUND, "there is /metrics"),
                }
            }
        };
        serve(listener, handle).await;
    }

    /// Sends the load of a profile that starts at `start`; ends with the profile and then with its last request.
    /// Dropping it gives up every request under way. Arrivals are drawn from `times`, back-offs and keys from `waits`.
    pub async fn drive(self: Arc<Self>, profile: Vec<Piece>, start: Instant, times: ChaCha8Rng, mut waits: ChaCha8Rng) {
        let mut requests = JoinSet::new();
        for after in Arrivals::new(profile, times) {
            let at = start + Duration::from_secs_f64(after);
            self.timer.sleep_until(at).await;
            self.metrics.late.record(at.elapsed());
            let backoffs: Vec<Duration> = (1..self.design.attempts)
                .map(|_| {
                    let times: f64 = Exp1.sample(&mut waits);
                    self.design.backoff.mul_f64(times)
                })
                .collect();
            let path = match self.design.keys {
                0 => "/work".to_owned(),
                keys => format!("/work?{}", waits.random_range(0..keys)),
            };
            requests.spawn(Arc::clone(&self).request(path, backoffs));
            while requests.try_join_next().is_some() {}
        }
        while requests.join_next().await.is_some() {}
    }

    async fn request(self: Arc<Self>, path: String, backoffs: Vec<Duration>) {
        let start = Instant::now();
        self.metrics.requests.inc();
        let _open = Open::new(&self.metrics.open);
        let mut waits = backoffs.into_iter();
        loop {
            let sent = Instant::now();
            self.metrics.attempts.inc();
            match self.attempt(&path, sent).await {
                Outcome::Answered => {
                    self.metrics.attempt.record(sent.elapsed());
                    self.metrics.request.record(start.elapsed());
                    self.metrics.answered.inc();
                    return;
                }
                Outcome::Rejected => self.metrics.rejected.inc(),
                Outcome::TimedOut => self.metrics.timeouts.inc(),
                Outcome::Broken => self.metrics.errors.inc(),
            }
            let Some(wait) = waits.next() else {
                self.metrics.failed.inc();
                return;
            };
            self.timer.sleep_until(Instant::now() + wait).await;
            self.metrics.retries.inc();
        }
    }

    async fn attempt(&self, path: &str, sent: Instant) -> Outcome {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            std::iter::from_fn(|| idle.pop()).find(Connection::is_ready)
        };
        let exchange = async {
            let mut connection = match idle {
                Some(connection) => connection,
                None => Connection::open(self.target).await?,
            };
            let (status, _) = connection.get(path).await?;
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok::<_, crate::Error>(status)
        };
        // The answer is looked at first: one that is there at the deadline is in time.
        tokio::select! {
            biased;
            status = exchange => match status {
                Ok(StatusCode::OK) => Outcome::Answered,
                Ok(_) => Outcome::Rejected,
                Err(_) => Outcome::Broken,
            },
            () = self.timer.sleep_until(sent + self.design.timeout) => Outcome::TimedOut,
        }
    }
}

/// Counts a request as under way for as long as it lives.
struct Open<'a>(&'a Gauge);

impl<'a> Open<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.add(1);
        Self(gauge)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}
