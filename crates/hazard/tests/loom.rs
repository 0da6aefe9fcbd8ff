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
    while_it_is_replaced(Some(2), |published| {
        let first = published.read().unwrap().number();
        let second = published.read().unwrap().number();
        assert!((1..=2).contains(&first) && first <= second && second <= 2);
    });
}

#[test]
fn a_share_outlives_what_took_its_place() {
    while_it_is_replaced(None, |published| {
        let share = published.share();
        drop(published);
        assert!(share.is_none_or(|share| share.number() == 1));
    });
}

#[test]
fn a_second_reading_beside_the_first_one() {
    while_it_is_replaced(Some(2), |published| {
        let first = published.read().unwrap();
        let second = published.read().unwrap();
        assert!(first.number() <= second.number());
    });
}

/// Has one thread look at the value 1 while another one puts something else, or nothing, in its place.
fn while_it_is_replaced(by: Option<usize>, look: fn(Arc<Published<Watched>>)) {
    loom::model(move || {
        let published = Arc::new(Published::empty());
        published.publish(Some(Watched::new(1)));
        let theirs = Arc::clone(&published);
        let reader = thread::spawn(move || look(theirs));
        published.publish(by.map(Watched::new));
        let left = published.read().map(|value| value.number());
        assert_eq!(left, by);
        drop(published);
        reader.join().unwrap();
    });
}
