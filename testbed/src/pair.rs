//! A service and its clients at work, each on a thread of its own.

use crate::Error;
use crate::arrivals::Piece;
use crate::cache::Cache;
use crate::client::{ClientDesign, Clients};
use crate::database::{Database, KEYS};
use crate::service::{Back, Service, ServiceDesign, Work};
use crate::timer::Timer;
use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A cache before the slots; see [`Back`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheDesign {
    /// Room for so many of the [`KEYS`].
    pub entries: usize,
    /// How long each stays.
    pub ttl: Duration,
}

/// A service and its clients, as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// The cache, if slots are connections to a database.
    pub cache: Option<CacheDesign>,
    /// The service.
    pub service: ServiceDesign,
    /// Its clients.
    pub clients: ClientDesign,
}

impl Design {
    /// `models/testbed.toml`: `models/retry-storm.toml` with all times divided by five. Capacity 500 requests per second.
    pub const NOMINAL: Self = Self {
        cache: None,
        service: ServiceDesign {
            slots: 10,
            limit: 300,
            service_time: Duration::from_millis(20),
            work: Work::Exponential,
        },
        clients: ClientDesign {
            timeout: Duration::from_millis(200),
            attempts: 4,
            backoff: Duration::from_millis(100),
            keys: 0,
        },
    };

    /// A cache for nine keys in ten before five connections to a database, 250 queries per second; see
    /// `models/testbed-cache.toml`.
    pub const CACHE: Self = Self {
        cache: Some(CacheDesign { entries: 1800, ttl: Duration::from_secs(60) }),
        service: ServiceDesign { slots: 5, limit: 150, ..Self::NOMINAL.service },
        clients: ClientDesign { attempts: 1, keys: KEYS, ..Self::NOMINAL.clients },
    };

    /// Requests per second that the slots can serve, without overhead.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.service.slots as f64 / self.service.service_time.as_secs_f64()
    }
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Attempts.
    pub attempts: u64,
    /// Requests answered in time.
    pub answered: u64,
    /// Requests that the service worked on.
    pub served: u64,
}

/// A pair at work on loopback.
pub struct Pair {
    /// The service.
    pub service: Arc<Service>,
    /// Its clients.
    pub clients: Arc<Clients>,
    /// Where the service listens.
    pub service_at: SocketAddr,
    /// Where the metrics of the clients are.
    pub clients_at: SocketAddr,
    design: Design,
    seed: u64,
    runs: u64,
    load: Option<JoinHandle<()>>,
    client_runtime: Runtime,
    service_runtime: Runtime,
}

/// One of the independent streams of random numbers of a seed.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

fn runtime(name: &str) -> Result<Runtime, Error> {
    Ok(Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_io().build()?)
}

impl Pair {
    /// Starts both; everything random comes from `seed`. A design with a cache needs a database.
    ///
    /// # Errors
    /// No socket or thread is to be had, or the database refuses.
    pub fn start(design: Design, seed: u64, database: Option<&Database>) -> Result<Self, Error> {
        let (service_runtime, client_runtime) = (runtime("service")?, runtime("clients")?);
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));

        let back = match (design.cache, database) {
            (Some(cache), Some(database)) => Some(Back {
                cache: Mutex::new(Cache::new(KEYS, cache.entries, cache.ttl, stream(seed, u64::MAX))),
                connections: Mutex::new(service_runtime.block_on(database.connect(design.service.slots))?),
            }),
            _ => None,
        };
        let service = Service::new(design.service, stream(seed, 0), Timer::start("service-timer")?, back);
        let listener = service_runtime.block_on(TcpListener::bind(any))?;
        let service_at = listener.local_addr()?;
        service_runtime.spawn(Arc::clone(&service).listen(listener));

        let clients = Clients::new(design.clients, service_at, Timer::start("client-timer")?);
        let listener = client_runtime.block_on(TcpListener::bind(any))?;
        let clients_at = listener.local_addr()?;
        client_runtime.spawn(Arc::clone(&clients).listen(listener));

        Ok(Self {
            service,
            clients,
            service_at,
            clients_at,
            design,
            seed,
            runs: 0,
            load: None,
            client_runtime,
            service_runtime,
        })
    }

    /// Sends the load of a profile from now on.
    pub fn drive(&mut self, profile: Vec<Piece>) -> Instant {
        self.stop();
        self.runs += 1;
        let (times, waits) = (stream(self.seed, 2 * self.runs), stream(self.seed, 2 * self.runs + 1));
        let start = Instant::now();
        self.load = Some(self.client_runtime.spawn(Arc::clone(&self.clients).drive(profile, start, times, waits)));
        start
    }

    /// Whether all requests of the profile have ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.load.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Gives up all requests under way and waits until the service is idle.
    pub fn stop(&mut self) {
        if let Some(load) = self.load.take() {
            load.abort();
        }
        // Requests on their way into the service may still arrive after a first look.
        let mut idle = 0;
        while idle < 3 {
            self.service.reset();
            idle = if self.service.inside() == 0 { idle + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes the number of slots.
    pub fn set_slots(&self, slots: usize) {
        let _on = self.service_runtime.enter();
        self.service.set_slots(slots);
    }

    /// What was counted until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.clients.metrics.requests.get(),
            attempts: self.clients.metrics.attempts.get(),
            answered: self.clients.metrics.answered.get(),
            served: self.service.metrics.served.get(),
        }
    }

    /// The numbers it was started with.
    #[must_use]
    pub fn design(&self) -> &Design {
        &self.design
    }
}
