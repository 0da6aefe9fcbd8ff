//! Checks whether a history is linearizable.
//!
//! It is if the calls can be put in an order that is consistent with when they began and ended, and
//! in which a store that handles one call at a time returns the same responses. The search is Wing
//! and Gong's (1993) with Lowe's cache of visited states (2017).

use std::collections::HashSet;

use crate::history::{Call, Event, Response, Seen};

/// Returns why a history isn't linearizable, or `None` if it is.
pub fn explain(events: &[Event]) -> Option<String> {
    let mut events: Vec<_> = events.iter().collect();
    events.sort_by_key(|event| event.began);
    let mut search = Search {
        taken: vec![false; events.len()],
        tried: HashSet::new(),
        deepest: Vec::new(),
        order: Vec::new(),
        events,
    };
    if search.explains_the_rest(&State::default()) {
        return None;
    }
    let shown = |index: &usize| {
        let event = search.events[*index];
        format!(
            "  {:?} by {} -> {:?}",
            event.call, event.owner, event.response
        )
    };
    let reached: Vec<_> = search
        .deepest
        .iter()
        .rev()
        .take(5)
        .rev()
        .map(shown)
        .collect();
    let left = (0..search.events.len()).filter(|index| !search.deepest.contains(index));
    let left: Vec<_> = left.take(8).map(|index| shown(&index)).collect();
    Some(format!(
        "no order of the {} calls explains their responses; after {} of them, the last being\n{}\nnone of these can be next:\n{}",
        search.events.len(),
        search.deepest.len(),
        reached.join("\n"),
        left.join("\n")
    ))
}

struct Search<'a> {
    events: Vec<&'a Event>,
    taken: Vec<bool>,
    tried: HashSet<(Vec<bool>, State)>,
    order: Vec<usize>,
    deepest: Vec<usize>,
}

impl Search<'_> {
    fn explains_the_rest(&mut self, state: &State) -> bool {
        if self.order.len() > self.deepest.len() {
            self.deepest.clone_from(&self.order);
        }
        // A change with unknown outcome need not have been made at all.
        let open = |(index, event): (usize, &&Event)| (!self.taken[index]).then(|| end(event));
        let first_end = self.events.iter().enumerate().filter_map(open).min();
        let Some(first_end) = first_end.filter(|end| *end != u64::MAX) else {
            return true;
        };
        if !self.tried.insert((self.taken.clone(), state.clone())) {
            return false;
        }
        for index in 0..self.events.len() {
            let event = self.events[index];
            if event.began > first_end {
                break;
            }
            if self.taken[index] {
                continue;
            }
            let Some(next) = state.after(event) else {
                continue;
            };
            self.taken[index] = true;
            self.order.push(index);
            if self.explains_the_rest(&next) {
                return true;
            }
            self.order.pop();
            self.taken[index] = false;
        }
        false
    }
}

/// Returns when an event ended. A change with unknown outcome may take effect at any later time.
fn end(event: &Event) -> u64 {
    match event.response {
        Response::Unknown => u64::MAX,
        _ => event.ended,
    }
}

/// A store that handles one call at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    record: Option<Seen>,
    holder: Option<(String, u64)>,
    last_fence: u64,
}

impl State {
    /// Returns the state after an event, or `None` if its response would be wrong in this state.
    fn after(&self, event: &Event) -> Option<Self> {
        let mut next = self.clone();
        let right = match (event.call, event.response) {
            (_, Response::NotDone) => true,
            (Call::Load, Response::Record(seen)) => seen == self.record,
            (Call::Swap(expected, fence, value), response) => {
                next.change(expected, fence, Some(value), response)
            }
            (Call::Tombstone(expected, fence), response) => {
                next.change(Some(expected), fence, None, response)
            }
            (Call::Lease, Response::Granted(fence)) => {
                next.holder = Some((event.owner.clone(), fence));
                next.last_fence = fence;
                self.holder.is_none() && fence > self.last_fence
            }
            (Call::Lease, Response::Busy) => self.holder.is_some(),
            (Call::Renew(fence), Response::Done(done)) => done == self.holds(event, fence),
            (Call::Release(fence), Response::Done(done)) => {
                if done {
                    next.holder = None;
                }
                done == self.holds(event, fence)
            }
            _ => false,
        };
        right.then_some(next)
    }

    fn holds(&self, event: &Event, fence: u64) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|(owner, held)| *owner == event.owner && *held == fence)
    }

    fn change(
        &mut self,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<u64>,
        response: Response,
    ) -> bool {
        let version = self.record.map(|record| record.version);
        let seen = self.record.map_or(0, |record| record.fence);
        let fenced = fence.is_some_and(|fence| fence < seen);
        match response {
            Response::Conflict(record) => version != expected && record == self.record,
            Response::Fenced => version == expected && fenced,
            Response::Applied(_) | Response::Unknown if version == expected && !fenced => {
                let following = version.unwrap_or(0) + 1;
                self.record = Some(Seen {
                    version: following,
                    fence: fence.unwrap_or(seen),
                    value,
                });
                response == Response::Unknown || response == Response::Applied(following)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(owner: &str, call: Call, response: Response, began: u64, ended: u64) -> Event {
        Event {
            owner: owner.to_owned(),
            call,
            response,
            began,
            ended,
        }
    }

    fn seen(version: u64, value: u64) -> Option<Seen> {
        Some(Seen {
            version,
            fence: 0,
            value: Some(value),
        })
    }

    #[test]
    fn overlapping_calls_may_take_effect_in_either_order() {
        let history = [
            event("a", Call::Swap(None, None, 7), Response::Applied(1), 0, 3),
            event("b", Call::Load, Response::Record(None), 1, 2),
            event("b", Call::Load, Response::Record(seen(1, 7)), 4, 5),
        ];
        assert_eq!(explain(&history), None);
    }

    #[test]
    fn a_stale_read_is_not_linearizable() {
        let history = [
            event("a", Call::Swap(None, None, 7), Response::Applied(1), 0, 1),
            event("b", Call::Load, Response::Record(None), 2, 3),
        ];
        assert!(explain(&history).is_some());
    }

    #[test]
    fn a_lost_update_is_not_linearizable() {
        let history = [
            event("a", Call::Swap(None, None, 7), Response::Applied(1), 0, 2),
            event("b", Call::Swap(None, None, 8), Response::Applied(1), 1, 3),
        ];
        assert!(explain(&history).is_some());
    }

    #[test]
    fn two_holders_or_a_repeated_fence_are_not_linearizable() {
        let twice = [
            event("a", Call::Lease, Response::Granted(1), 0, 1),
            event("b", Call::Lease, Response::Granted(2), 2, 3),
        ];
        assert!(explain(&twice).is_some());
        let repeated = [
            event("a", Call::Lease, Response::Granted(2), 0, 1),
            event("a", Call::Release(2), Response::Done(true), 2, 3),
            event("b", Call::Lease, Response::Granted(2), 4, 5),
        ];
        assert!(explain(&repeated).is_some());
    }

    #[test]
    fn a_change_with_unknown_outcome_is_made_at_most_once_at_any_later_time() {
        let unknown = event("a", Call::Swap(None, None, 7), Response::Unknown, 0, 1);
        let load = |record, at| event("b", Call::Load, Response::Record(record), at, at + 1);
        assert_eq!(explain(&[unknown.clone(), load(None, 2)]), None);
        assert_eq!(
            explain(&[unknown.clone(), load(None, 2), load(seen(1, 7), 4)]),
            None
        );
        assert!(explain(&[unknown, load(seen(1, 7), 2), load(None, 4)]).is_some());
    }
}
