//! The checks, by name.

mod contention;
mod killed;
mod leases;
mod lost;
mod records;
mod resealed;

pub use self::killed::{Kills, survives_kills};
pub use self::lost::survives_lost_answers;
use crate::Backend;

type Check = fn(&Backend);

/// Every check, with the name it is reported by. None needs another to have run.
pub const CHECKS: &[(&str, Check)] = &[
    ("an absent record is absent", records::absent),
    ("versions begin at one and grow by one", records::versions),
    (
        "a stale change conflicts and shows the record",
        records::conflicts,
    ),
    ("a change is seen by every handle", records::seen_by_others),
    ("a forgotten record goes on counting", records::tombstones),
    (
        "an older fence is refused, none is let through",
        records::fences,
    ),
    ("values are opaque, up to 64 KiB", records::opaque),
    ("records do not touch each other", records::apart),
    ("keys are those with a value, in order", records::keys),
    (
        "a lease is exclusive, even for its owner",
        leases::exclusive,
    ),
    ("a lease is not a record", leases::not_a_record),
    ("fences grow for ever", leases::fences_grow),
    (
        "fences go on from the record's own",
        leases::fences_go_on_from_the_record,
    ),
    (
        "a lease names its holder while it is held",
        leases::names_its_holder,
    ),
    (
        "only its owner renews or releases a lease",
        leases::only_the_owner,
    ),
    ("a lease ends with its holder", leases::ends_with_its_holder),
    (
        "a timed lease runs out by the store's clock",
        leases::runs_out,
    ),
    ("the store's clock goes on", leases::clock),
    ("one of many creates a record", contention::one_creates),
    ("no increment is lost", contention::counters),
    (
        "no increment is lost with lost answers",
        contention::counters_with_lost_answers,
    ),
    ("one at a time holds a lease", contention::one_holds),
    ("histories are linearizable", contention::histories),
    (
        "sealing anew loses nothing that a refresh brings",
        resealed::while_refreshed,
    ),
];
