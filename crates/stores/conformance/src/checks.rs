//! All checks, by name.

mod contention;
mod killed;
mod leases;
mod lost;
mod records;
mod resealed;

pub use self::killed::{Kills, survives_kills};
pub use self::lost::survives_lost_responses;
use crate::Backend;

type Check = fn(&Backend);

/// All checks with their names. They can run in any order.
pub const CHECKS: &[(&str, Check)] = &[
    ("an absent record is absent", records::absent),
    ("versions start at 1 and grow by 1", records::versions),
    (
        "a stale change conflicts and returns the record",
        records::conflicts,
    ),
    (
        "a change is visible to all handles",
        records::seen_by_others,
    ),
    ("a tombstone keeps counting versions", records::tombstones),
    (
        "an older fence is rejected, a missing one is not",
        records::fences,
    ),
    ("values are opaque, up to 64 KiB", records::opaque),
    ("records are independent", records::independent),
    (
        "the keys of records with a value are listed in order",
        records::keys,
    ),
    (
        "a lease is exclusive, even for its owner",
        leases::exclusive,
    ),
    ("a lease is not a record", leases::not_a_record),
    ("fences always grow", leases::fences_grow),
    (
        "fences are greater than the record's own",
        leases::fences_exceed_the_records,
    ),
    ("a held lease names its holder", leases::names_its_holder),
    (
        "only its owner renews or releases a lease",
        leases::only_the_owner,
    ),
    ("a lease ends with its holder", leases::ends_with_its_holder),
    (
        "a timed lease expires by the store's clock",
        leases::expires,
    ),
    (
        "a timed lease lasts as long as it was granted for",
        leases::lasts_as_long_as_granted,
    ),
    ("the store's clock never goes back", leases::clock),
    ("one of many creates a record", contention::one_creates),
    ("no increment is lost", contention::counters),
    (
        "no increment is lost if responses are lost",
        contention::counters_with_lost_responses,
    ),
    ("one at a time holds a lease", contention::one_holds),
    ("histories are linearizable", contention::histories),
    (
        "resealing loses no token of a refresh",
        resealed::while_refreshed,
    ),
];
