//! Values that are replaced while threads look at them.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use countersign_hazard::{Published, Reading};

/// Two halves that are always alike while it lives, and never once it was dropped.
struct Canary {
    left: AtomicUsize,
    right: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

impl Canary {
    fn new(number: usize, dropped: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(number),
            right: AtomicUsize::new(number),
            dropped: Arc::clone(dropped),
        })
    }

    fn number(&self) -> usize {
        let left = self.left.load(Ordering::Relaxed);
        // Long enough for the memory to be another value's, if it could be.
        for _ in 0..32 {
            std::hint::spin_loop();
        }
        let right = self.right.load(Ordering::Relaxed);
        assert_eq!(left, right, "a value was dropped while it was looked at");
        left
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.left.store(usize::MAX, Ordering::Relaxed);
        self.right.store(usize::MAX - 1, Ordering::Relaxed);
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nobody_sees_what_was_dropped_nor_anything_older_than_before() {
    const VALUES: usize = 20_000;
    let dropped = Arc::new(AtomicUsize::new(0));
    let published = Published::empty();
    published.publish(Some(Canary::new(0, &dropped)));
    let done = AtomicBool::new(false);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (published, done, start) = (&published, &done, &start);
            scope.spawn(move || {
                start.wait();
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let number = match reader {
                        0 => published.share().unwrap().number(),
                        1 => {
                            let first = published.read().unwrap();
                            let second = published.read().unwrap();
                            assert!(first.number() <= second.number());
                            first.number()
                        }
                        _ => published.read().unwrap().number(),
                    };
                    assert!(last <= number, "{number} after {last}");
                    last = number;
                }
            });
        }
        start.wait();
        for number in 1..VALUES {
            published.publish(Some(Canary::new(number, &dropped)));
        }
        done.store(true, Ordering::Relaxed);
    });
    // All readers are gone: one more call finds what they kept.
    published.publish(None);
    assert!(published.read().is_none());
    assert_eq!(dropped.load(Ordering::Relaxed), VALUES);
}

#[test]
fn what_nobody_looks_at_is_dropped_at_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let published = Published::empty();
    for number in 0..3 {
        published.publish(Some(Canary::new(number, &dropped)));
        assert_eq!(dropped.load(Ordering::Relaxed), number);
    }
    published.publish(None);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn what_is_looked_at_stays_and_goes_with_a_later_call_or_with_the_whole() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let published = Published::empty();
    published.publish(Some(Canary::new(1, &dropped)));
    let first = published.read().unwrap();
    published.publish(Some(Canary::new(2, &dropped)));
    assert_eq!(first.number(), 1);
    let second = published.read().unwrap();
    published.publish(None);
    assert_eq!((first.number(), second.number()), (1, 2));
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    drop(first);
    published.publish(None);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    drop(second);
    drop(published);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_share_outlives_the_whole() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let published = Published::default();
    published.publish(Some(Canary::new(7, &dropped)));
    let share = published.share().unwrap();
    drop(published);
    assert_eq!(share.number(), 7);
    drop(share);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_thread_that_ends_may_hold_a_reading_to_the_last() {
    static PUBLISHED: Published<Canary> = Published::empty();
    struct Looks(RefCell<Option<Reading<'static, Canary>>>, Arc<AtomicUsize>);
    impl Drop for Looks {
        fn drop(&mut self) {
            // This thread's slot is given back by now, or will be: either way others go on meanwhile.
            thread::scope(|scope| {
                scope.spawn(|| assert_eq!(PUBLISHED.read().unwrap().number(), 1));
            });
            PUBLISHED.publish(Some(Canary::new(2, &self.1)));
            assert_eq!(self.0.borrow().as_ref().unwrap().number(), 1);
            assert_eq!(PUBLISHED.read().unwrap().number(), 2);
        }
    }
    thread_local! {
        static EARLY: RefCell<Option<Looks>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Looks>> = const { RefCell::new(None) };
    }
    for first in [true, false] {
        let dropped = Arc::new(AtomicUsize::new(0));
        PUBLISHED.publish(Some(Canary::new(1, &dropped)));
        let counted = Arc::clone(&dropped);
        thread::spawn(move || {
            // One is made before this thread's slot, the other one after: one of them outlives it.
            if first {
                EARLY.set(None);
            }
            let looks = Looks(RefCell::new(PUBLISHED.read()), counted);
            match first {
                true => EARLY.set(Some(looks)),
                false => LATE.set(Some(looks)),
            }
        })
        .join()
        .unwrap();
        PUBLISHED.publish(None);
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
    }
}
