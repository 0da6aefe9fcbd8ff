//! Measures the loss window, from reading a response until it is durable.
//!
//! A kill during this time loses the grant.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{Client, Error};

use crate::ledger::percentile;
use crate::{Place, PlaceKind, Server, Stage};

/// Refreshes `count` times, and returns the median and 99th percentile in microseconds.
///
/// # Panics
///
/// If the store doesn't start or a refresh fails.
pub fn measure(kind: PlaceKind, count: usize) -> (u64, u64) {
    let stage = Stage::start(Server::Strict, 3600);
    let place = Place::start(kind);
    let watch = Arc::new(Watch::default());
    let client = Client::builder(stage.connection("boldsign-refresh", 5000))
        .store(place.open("window"))
        .failpoints(Arc::clone(&watch) as Arc<dyn Failpoints>)
        .build()
        .expect("build a client");
    for _ in 0..count {
        client.refresh_now().expect("refresh");
    }
    let mut watched = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
    let spans = &mut watched.1;
    (percentile(spans, 50), percentile(spans, 99))
}

#[derive(Default)]
struct Watch(Mutex<(Option<Instant>, Vec<u64>)>);

impl Failpoints for Watch {
    fn at(&self, point: Point) -> Result<(), Error> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match point {
            Point::BeforePersist => watched.0 = Some(Instant::now()),
            Point::Persisted => {
                let micros = watched
                    .0
                    .take()
                    .map(|since| since.elapsed().as_micros() as u64);
                watched.1.extend(micros);
            }
            _ => {}
        }
        Ok(())
    }
}
