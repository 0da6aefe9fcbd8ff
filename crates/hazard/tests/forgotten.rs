//! A reading that is forgotten. Alone in its process: what its slot names for good may be any value's address later.

use std::sync::Arc;
use std::thread;

use countersign_hazard::Published;

#[test]
fn it_costs_its_thread_the_low_price_and_nothing_else() {
    let published = Published::empty();
    let (first, second) = (Arc::new(1), Arc::new(2));
    published.publish(Some(Arc::clone(&first)));
    thread::scope(|scope| {
        scope.spawn(|| {
            std::mem::forget(published.read());
            assert_eq!(*published.read().unwrap(), 1);
        });
    });
    published.publish(Some(Arc::clone(&second)));
    assert_eq!(*published.read().unwrap(), 2);
    published.publish(None);
    assert_eq!(
        (Arc::strong_count(&first), Arc::strong_count(&second)),
        (2, 1)
    );
    drop(published);
    assert_eq!(Arc::strong_count(&first), 1);
}
