//! Tests of look-ups by number, and of the reuse of slots.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::{Full, GENERATION_BITS, MAX_GENERATION, MAX_OBJECTS, Table, index_of};

const KIND: u8 = 0x5f;

/// Frees the object that a number names. Returns whether there was one.
fn release<T: Send + Sync + 'static>(table: &Table<T>, number: usize) -> bool {
    let found = table.find(number);
    if let Some(found) = &found {
        table.release(found.entry());
    }
    found.is_some()
}

#[test]
fn a_number_names_its_object_until_it_is_freed() {
    let table = Table::new(KIND);
    let (first, second) = (table.insert("a").unwrap(), table.insert("b").unwrap());
    assert_eq!(*table.find(first.number()).unwrap(), "a");
    assert_eq!(*table.find(second.number()).unwrap(), "b");
    assert!(release(&table, first.number()));
    assert!(table.find(first.number()).is_none());
    assert!(!release(&table, first.number()));
    assert_eq!(*table.find(second.number()).unwrap(), "b");
    assert_eq!(table.len(), 1);
}

#[test]
fn a_slot_is_reused_with_another_number() {
    let table = Table::new(KIND);
    let mut numbers = Vec::new();
    for body in 0..1000 {
        let number = table.insert(body).unwrap().number();
        assert!(!numbers.contains(&number));
        numbers.push(number);
        assert!(
            numbers
                .iter()
                .filter(|n| table.find(**n).is_some())
                .eq([&number])
        );
        assert!(release(&table, number));
    }
    assert_eq!(table.slots.used.load(Ordering::Relaxed), 1);
}

#[test]
fn made_up_numbers_name_nothing() {
    let table = Table::new(KIND);
    let numbers: Vec<_> = (0..200)
        .map(|body| table.insert(body).unwrap().number())
        .collect();
    for number in numbers {
        assert!(table.find(number).is_some());
        // Each bit changes its type, slot or generation.
        for bit in 0..usize::BITS {
            let found = table.find(number ^ (1 << bit));
            assert!(found.is_none_or(|other| other.entry().number() == number ^ (1 << bit)));
        }
        assert!(table.find(number + 1).is_none());
        assert!(table.find(number - 1).is_none());
    }
    for number in [0, 1, usize::MAX, usize::MAX / 2] {
        assert!(table.find(number).is_none());
    }
    let other = Table::<i32>::new(KIND + 1);
    let number = other.insert(7).unwrap().number();
    assert!(table.find(number).is_none());
}

#[test]
fn a_slot_without_unused_generations_is_abandoned() {
    let table = Table::new(KIND);
    let first = table.insert("a").unwrap().number();
    assert!(release(&table, first));
    let slot = table.slots.slots.get(0).unwrap();
    slot.generation.store(MAX_GENERATION - 1, Ordering::Relaxed);
    let last = table.insert("b").unwrap().number();
    assert_eq!(last & ((1 << GENERATION_BITS) - 1), MAX_GENERATION as usize);
    assert_eq!(*table.find(last).unwrap(), "b");
    assert!(release(&table, last));
    // The next object is in another slot, so it can't get the first one's number.
    let next = table.insert("c").unwrap().number();
    assert_eq!(table.slots.used.load(Ordering::Relaxed), 2);
    assert_ne!(next, first);
    assert!(table.find(first).is_none() && table.find(last).is_none());
    assert_eq!(*table.find(next).unwrap(), "c");
    assert!(release(&table, next));
    assert!(table.insert("d").is_ok());
    assert_eq!(table.slots.used.load(Ordering::Relaxed), 2);
}

#[test]
fn a_full_table_has_room_after_a_free() {
    let table = Table::new(KIND);
    let number = table.insert(1).unwrap().number();
    table.slots.used.store(MAX_OBJECTS, Ordering::Relaxed);
    assert!(matches!(table.insert(2), Err(Full)));
    assert!(release(&table, number));
    let number = table.insert(3).unwrap().number();
    assert_eq!(*table.find(number).unwrap(), 3);
}

#[test]
fn each_owner_frees_once() {
    let table = Table::new(KIND);
    let number = table.insert(()).unwrap().number();
    assert!(table.find(number).unwrap().entry().share());
    assert!(release(&table, number));
    assert!(release(&table, number));
    assert!(!release(&table, number));
    assert_eq!(table.len(), 0);
}

#[test]
fn threads_that_free_an_object_at_once_free_it_once() {
    let alive = Arc::default();
    let table = Table::new(KIND);
    let number = table.insert(Counted::new(&alive)).unwrap().number();
    // Both threads have found it, and neither has freed it yet.
    let (first, second) = (table.find(number).unwrap(), table.find(number).unwrap());
    table.release(first.entry());
    let next = table.insert(Counted::new(&alive)).unwrap().number();
    table.release(second.entry());
    // The second free didn't touch the object that has the slot now, and vacated nothing.
    assert!(table.find(next).is_some());
    let another = table.insert(Counted::new(&alive)).unwrap().number();
    assert_ne!(index_of(another), index_of(next));
    drop((first, second));
    assert_eq!(alive.load(Ordering::SeqCst), 2);
}

#[test]
fn a_pinned_object_stays_but_is_not_found_without_an_owner() {
    let table = Table::new(KIND);
    let entry = table.insert_pinned(()).unwrap();
    let number = entry.number();
    assert!(release(&table, number));
    assert!(table.find(number).is_none());
    assert_eq!(table.len(), 1);
    // Returned again, with the same number.
    assert!(entry.share());
    assert!(table.find(number).is_some());
    table.unpin(&entry);
    assert!(table.find(number).is_some());
    assert!(release(&table, number));
    assert_eq!(table.len(), 0);
    assert!(!entry.share());
}

/// Counts its instances.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn an_object_lives_while_it_is_in_use() {
    let alive = Arc::default();
    let table = Table::new(KIND);
    let number = table.insert(Counted::new(&alive)).unwrap().number();
    let found = table.find(number).unwrap();
    assert!(release(&table, number));
    assert!(table.find(number).is_none());
    assert_eq!(found.0.load(Ordering::SeqCst), 1);
    drop(found);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn concurrent_frees_and_look_ups_never_find_another_object() {
    const ROUNDS: usize = 2000;
    const THREADS: usize = 4;
    let alive = Arc::default();
    let table = Table::new(KIND);
    let shown = AtomicUsize::new(0);
    let freed = AtomicUsize::new(0);
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut old = Vec::new();
                start.wait();
                for round in 0..ROUNDS {
                    // Each object has its own number. Other threads free it and look it up.
                    let make = |number| (number, Counted::new(&alive));
                    let entry = table.insert_with(make).unwrap();
                    let former = shown.swap(entry.number(), Ordering::SeqCst);
                    drop(entry);
                    for number in [former, shown.load(Ordering::SeqCst)] {
                        if let Some(found) = table.find(number) {
                            let (said, alive) = &*found;
                            assert_eq!(*said, number);
                            assert!(alive.0.load(Ordering::SeqCst) > 0);
                        }
                    }
                    freed.fetch_add(usize::from(release(&table, former)), Ordering::SeqCst);
                    // Freed numbers stay freed, whatever other threads have put in their slots.
                    old.push(former);
                    for former in old.iter().rev().take(32) {
                        freed.fetch_add(usize::from(release(&table, *former)), Ordering::SeqCst);
                    }
                    if round % 64 == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    assert!(release(&table, shown.into_inner()));
    assert_eq!(table.len(), 0);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert!(freed.into_inner() == THREADS * ROUNDS - 1);
    // There are no more slots than objects that existed at once.
    let most = 3 * THREADS + 1;
    assert!(table.slots.used.load(Ordering::SeqCst) <= most);
    assert_eq!(vacant(&table), table.slots.used.load(Ordering::SeqCst));
}

#[test]
fn a_slot_that_left_the_vacant_list_and_came_back_is_noticed() {
    let table = Table::new(KIND);
    let slots = &table.slots;
    let numbers = [0, 1, 2].map(|body| table.insert(body).unwrap().number());
    for number in numbers {
        assert!(release(&table, number));
    }
    // While this thread takes the first vacant slot, another one takes two and returns the first.
    let others = Cell::new(None);
    let taken = slots.change_vacant(|first| {
        let slot = slots.slots.get(first as usize - 1)?;
        let next = slot.next_vacant.load(Ordering::Relaxed);
        if others.get().is_none() {
            let [first, second] = [3, 4].map(|body| table.insert(body).unwrap().number());
            assert!(release(&table, first));
            others.set(Some(second));
        }
        Some(next)
    });
    // Only one slot is vacant now, and no slot is used twice.
    assert_ne!(
        Some(taken.unwrap() as usize - 1),
        others.get().map(index_of)
    );
    assert_eq!(vacant(&table), 1);
    for body in 5..9 {
        assert!(table.insert(body).is_ok());
    }
    assert_eq!(*table.find(others.get().unwrap()).unwrap(), 4);
    assert_eq!(table.len(), 5);
}

/// Returns the length of the list of vacant slots.
fn vacant<T>(table: &Table<T>) -> usize {
    let mut next = table.slots.vacant.load(Ordering::SeqCst) as u32;
    let mut count = 0;
    while next != 0 {
        count += 1;
        assert!(count <= table.slots.used.load(Ordering::SeqCst));
        let slot = table.slots.slots.get(next as usize - 1).unwrap();
        next = slot.next_vacant.load(Ordering::SeqCst);
    }
    count
}
