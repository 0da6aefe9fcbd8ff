//! Every order of events that the memory model allows, for a few threads and values: `cargo xtask loom`.
#![cfg(loom)]

use countersign_hazard::Published;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Loom fails the test where a value is dropped while, or without knowing whether, somebody looks at it.
struct Watched(UnsafeCell<usize>);

impl Watched {
    fn new(number: usize) -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(number)))
    }

    fn number(&self) -> usize {
        // SAFETY: written only when it is dropped, which loom watches.
        self.0.with(|number| unsafe { *number })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: loom finds whoever looks at it meanwhile.
        self.0.with_mut(|number| unsafe { *number = usize::MAX });
    }
}

#[test]
fn a_value_is_not_dropped_while_it_is_looked_at() {
    loom::model(|| {
        let published = Arc::new(Published::empty());
        published.publish(Some(Watched::new(1)));
        let reader = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                let first = published.read().unwrap().number();
                let second = published.read().unwrap().number();
                assert!((1..=2).contains(&first) && first <= second && second <= 2);
            })
        };
        published.publish(Some(Watched::new(2)));
        reader.join().unwrap();
        assert_eq!(published.read().unwrap().number(), 2);
    });
}

#[test]
fn a_share_outlives_what_took_its_place() {
    loom::model(|| {
        let published = Arc::new(Published::empty());
        published.publish(Some(Watched::new(1)));
        let reader = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                let share = published.share();
                drop(published);
                assert!(share.is_none_or(|share| share.number() == 1));
            })
        };
        published.publish(None);
        drop(published);
        reader.join().unwrap();
    });
}

#[test]
fn a_second_reading_beside_the_first_one() {
    loom::model(|| {
        let published = Arc::new(Published::empty());
        published.publish(Some(Watched::new(1)));
        let reader = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                let first = published.read().unwrap();
                let second = published.read().unwrap();
                assert!(first.number() <= second.number());
            })
        };
        published.publish(Some(Watched::new(2)));
        reader.join().unwrap();
    });
}
