//! The service: slots, a bounded queue, and work that nobody calls back.
//!
//! A request that is let in gets a place in the [`Station`]; its work is a task of its own. When a client closes its
//! connection, the HTTP server forgets the request, but its place in the queue stays, and a slot will be occupied with
//! it for as long as with any other. This is how thread pools behind an accept queue behave, and what feeds a
//! metastable failure.
//!
//! Work is sleeping: a service time is drawn when a slot takes the request, and the slot is held for that long plus what
//! the timer and the scheduler add. Both sums are kept, so that the overhead per request is known.
//!
//! A service may have a [`Back`]: a cache, and a database that is asked for what is not in it, one connection per slot.
//! Then only misses take slots. The request itself puts its answer into the cache, as cache-aside code does; a request
//! whose client has gone is no longer there to do it, although its query is carried out.

use crate::cache::Cache;
use crate::database::Connected;
use crate::http::{Answer, answer, serve};
use crate::metrics::{Counter, Gauge, Histogram, Page};
use crate::station::{Offer, Station};
use crate::timer::Timer;
use chacha20::ChaCha8Rng;
use hyper::StatusCode;
use rand_distr::{Distribution, Exp1};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Upper ends of the buckets of every histogram of times, in seconds.
pub const BOUNDS: &[f64] = &[0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2];

/// How service times are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Exponential.
    Exponential,
    /// Always the mean.
    Fixed,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceDesign {
    /// Requests served at once.
    pub slots: usize,
    /// Room for requests, waiting or in service.
    pub limit: usize,
    /// Mean service time.
    pub service_time: Duration,
    /// Its distribution.
    pub work: Work,
}

/// What a service counts.
#[derive(Debug)]
pub struct ServiceMetrics {
    /// Requests that came in and were not answered by a cache.
    pub requests: Counter,
    /// Requests answered by the cache; they are not among those that came in.
    pub hits: Counter,
    /// Requests whose work was done.
    pub served: Counter,
    /// Requests refused because the queue was full.
    pub rejected: Counter,
    /// Requests whose work was done although their client had gone.
    pub abandoned: Counter,
    /// Requests in service.
    pub inflight: Gauge,
    /// Requests that wait.
    pub queue: Gauge,
    /// From arrival to the end of the work.
    pub in_system: Histogram,
    /// How long slots were held.
    pub held: Histogram,
    /// Service times as drawn.
    pub drawn: Histogram,
}

impl Default for ServiceMetrics {
    fn default() -> Self {
        let histogram = || Histogram::new(BOUNDS);
        Self {
            requests: Counter::default(),
            hits: Counter::default(),
            served: Counter::default(),
            rejected: Counter::default(),
            abandoned: Counter::default(),
            inflight: Gauge::default(),
            queue: Gauge::default(),
            in_system: histogram(),
            held: histogram(),
            drawn: Histogram::new(&[]),
        }
    }
}

impl ServiceMetrics {
    fn page(&self) -> String {
        let mut page = Page::default();
        page.counter("server_requests_total", "Requests that came in.", &self.requests);
        page.counter("server_cache_hits_total", "Requests answered by the cache.", &self.hits);
        page.counter("server_served_total", "Requests whose work was done.", &self.served);
        page.counter("server_rejected_total", "Requests refused by a full queue.", &self.rejected);
        page.counter("server_abandoned_total", "Requests served after their client had gone.", &self.abandoned);
        page.gauge("server_inflight", "Requests in service.", self.inflight.get() as f64);
        page.gauge("server_queue_length", "Requests that wait for a slot.", self.queue.get() as f64);
        page.histogram("server_time_in_system_seconds", "From arrival to the end of the work.", &self.in_system);
        page.histogram("server_slot_held_seconds", "How long slots were held.", &self.held);
        page.text()
    }
}

/// What stands behind a service.
pub struct Back {
    pub(crate) cache: Mutex<Cache>,
    pub(crate) connections: Mutex<Vec<Connected>>,
}

struct Job {
    arrived: Instant,
    key: u32,
    answer: oneshot::Sender<()>,
}

/// A service at work.
pub struct Service {
    design: ServiceDesign,
    station: Mutex<Station<Job>>,
    random: Mutex<ChaCha8Rng>,
    timer: Timer,
    back: Option<Back>,
    /// What it counts.
    pub metrics: ServiceMetrics,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// An idle service; service times are drawn from `random`, `back` is what stands behind it.
    #[must_use]
    pub fn new(design: ServiceDesign, random: ChaCha8Rng, timer: Timer, back: Option<Back>) -> Arc<Self> {
        Arc::new(Self {
            design,
            station: Mutex::new(Station::new(design.slots, design.limit)),
            random: Mutex::new(random),
            timer,
            back,
            metrics: ServiceMetrics::default(),
        })
    }

    /// Answers `/work` and `/metrics` until the runtime ends.
    pub async fn listen(self: Arc<Self>, listener: TcpListener) {
        let handle = move |request: hyper::Request<hyper::body::Incoming>| {
            let service = Arc::clone(&self);
            async move {
                match request.uri().path() {
                    "/work" => service.work(request.uri().query().and_then(|key| key.parse().ok())).await,
                    "/metrics" => answer(StatusCode::OK, service.metrics.page()),
                    _ => answer(StatusCode::NOT_FOUND, "there are /work and /metrics"),
                }
            }
        };
        serve(listener, handle).await;
    }

    async fn work(self: &Arc<Self>, key: Option<u32>) -> Answer {
        let key = key.unwrap_or(0);
        if self.back.as_ref().is_some_and(|back| lock(&back.cache).has(key, Instant::now())) {
            self.metrics.hits.inc();
            return answer(StatusCode::OK, "cached");
        }
        let Some(done) = self.admit(key) else {
            return answer(StatusCode::SERVICE_UNAVAILABLE, "full");
        };
        if done.await.is_err() {
            return answer(StatusCode::SERVICE_UNAVAILABLE, "not done");
        }
        if let Some(back) = &self.back {
            lock(&back.cache).insert(key, Instant::now());
        }
        answer(StatusCode::OK, "done")
    }

    fn show(&self, station: &Station<Job>) {
        self.metrics.inflight.set(i64::try_from(station.busy()).unwrap_or(i64::MAX));
        self.metrics.queue.set(i64::try_from(station.waiting()).unwrap_or(i64::MAX));
    }

    /// Lets a request in; `None` if there is no room.
    fn admit(self: &Arc<Self>, key: u32) -> Option<oneshot::Receiver<()>> {
        self.metrics.requests.inc();
        let (answer, done) = oneshot::channel();
        let mut station = lock(&self.station);
        let offer = station.offer(Job { arrived: Instant::now(), key, answer });
        self.show(&station);
        drop(station);
        match offer {
            Offer::Waits => {}
            Offer::Start(job) => self.occupy(job),
            Offer::Full(_) => {
                self.metrics.rejected.inc();
                return None;
            }
        }
        Some(done)
    }

    /// Occupies a slot with this request and then with those who wait, in a task of its own.
    fn occupy(self: &Arc<Self>, first: Job) {
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(job) = next {
                let taken = Instant::now();
                let time = service.draw();
                if service.serve_for(job.key, taken, time).await {
                    service.metrics.in_system.record(job.arrived.elapsed());
                    service.metrics.served.inc();
                    if job.answer.send(()).is_err() {
                        service.metrics.abandoned.inc();
                    }
                }
                let mut station = lock(&service.station);
                next = station.done();
                service.show(&station);
                drop(station);
                service.metrics.drawn.record(time);
                service.metrics.held.record(taken.elapsed());
            }
        });
    }

    /// Does the work of a request; whether that went well.
    async fn serve_for(&self, key: u32, taken: Instant, time: Duration) -> bool {
        let Some(back) = &self.back else {
            self.timer.sleep_until(taken + time).await;
            return true;
        };
        // There are as many connections as slots.
        let Some(connection) = lock(&back.connections).pop() else { return false };
        let answered = connection.ask(key, time).await.is_ok();
        lock(&back.connections).push(connection);
        answered
    }

    /// Fills the cache, if there is one.
    pub fn fill_cache(&self) {
        if let Some(back) = &self.back {
            lock(&back.cache).fill(Instant::now());
        }
    }

    /// Loses a share of the cache, if there is one.
    pub fn flush_cache(&self, share: f64) {
        if let Some(back) = &self.back {
            lock(&back.cache).flush(share);
        }
    }

    fn draw(&self) -> Duration {
        match self.design.work {
            Work::Fixed => self.design.service_time,
            Work::Exponential => {
                let times: f64 = Exp1.sample(&mut *lock(&self.random));
                self.design.service_time.mul_f64(times)
            }
        }
    }

    /// Changes the number of slots. To be called on the service's runtime.
    pub fn set_slots(self: &Arc<Self>, slots: usize) {
        let mut station = lock(&self.station);
        let start = station.set_slots(slots);
        self.show(&station);
        drop(station);
        for job in start {
            self.occupy(job);
        }
    }

    /// Forgets all who wait.
    pub fn reset(&self) {
        let mut station = lock(&self.station);
        station.clear();
        self.show(&station);
    }

    /// Requests inside, waiting or in service.
    #[must_use]
    pub fn inside(&self) -> usize {
        let station = lock(&self.station);
        station.busy() + station.waiting()
    }
}
