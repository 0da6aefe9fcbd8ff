//! A macro for stores that wrap another store.

/// Implements methods of [`Store`](crate::Store) by forwarding them to another store.
///
/// `self => EXPRESSION` is the other store. The expression may use `?` if all listed methods return
/// a `Result`.
///
/// # Example
///
/// ```
/// use countersign_store::{Error, MemoryStore, Store, StoreKey, Stored, Swap, forward_store};
///
/// /// Rejects every change.
/// #[derive(Debug)]
/// struct ReadOnly(MemoryStore);
///
/// impl Store for ReadOnly {
///     fn compare_and_swap(&self, _: &StoreKey, _: Option<u64>, _: Option<u64>, _: &[u8]) -> Swap {
///         Swap::Unavailable(Error::setting("store", "the store is read-only"))
///     }
///
///     fn tombstone(&self, _: &StoreKey, _: u64, _: Option<u64>) -> Swap {
///         Swap::Unavailable(Error::setting("store", "the store is read-only"))
///     }
///
///     forward_store!(self => self.0; capabilities, load, lease, renew, release, keys,
///         fit_for_rotation, set_aside, remove_set_aside, holder, warning, now_ms);
/// }
///
/// let store = ReadOnly(MemoryStore::new());
/// assert!(store.load(&StoreKey::of(["mine"]))?.is_none());
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! forward_store {
    (@ capabilities $self:ident $below:expr) => {
        fn capabilities(&$self) -> $crate::Capabilities {
            $below.capabilities()
        }
    };
    (@ load $self:ident $below:expr) => {
        fn load(
            &$self,
            key: &$crate::StoreKey,
        ) -> ::std::result::Result<::std::option::Option<$crate::Stored>, $crate::Error> {
            $below.load(key)
        }
    };
    (@ compare_and_swap $self:ident $below:expr) => {
        fn compare_and_swap(
            &$self,
            key: &$crate::StoreKey,
            expected: ::std::option::Option<u64>,
            fence: ::std::option::Option<u64>,
            value: &[u8],
        ) -> $crate::Swap {
            $below.compare_and_swap(key, expected, fence, value)
        }
    };
    (@ tombstone $self:ident $below:expr) => {
        fn tombstone(
            &$self,
            key: &$crate::StoreKey,
            expected: u64,
            fence: ::std::option::Option<u64>,
        ) -> $crate::Swap {
            $below.tombstone(key, expected, fence)
        }
    };
    (@ lease $self:ident $below:expr) => {
        fn lease(
            &$self,
            key: &$crate::StoreKey,
            owner: &$crate::Owner,
            ttl: ::std::time::Duration,
        ) -> ::std::result::Result<$crate::Lease, $crate::Error> {
            $below.lease(key, owner, ttl)
        }
    };
    (@ renew $self:ident $below:expr) => {
        fn renew(
            &$self,
            key: &$crate::StoreKey,
            owner: &$crate::Owner,
            fence: u64,
            ttl: ::std::time::Duration,
        ) -> ::std::result::Result<bool, $crate::Error> {
            $below.renew(key, owner, fence, ttl)
        }
    };
    (@ release $self:ident $below:expr) => {
        fn release(
            &$self,
            key: &$crate::StoreKey,
            owner: &$crate::Owner,
            fence: u64,
        ) -> ::std::result::Result<bool, $crate::Error> {
            $below.release(key, owner, fence)
        }
    };
    (@ keys $self:ident $below:expr) => {
        fn keys(&$self) -> ::std::result::Result<::std::vec::Vec<$crate::StoreKey>, $crate::Error> {
            $below.keys()
        }
    };
    (@ warning $self:ident $below:expr) => {
        fn warning(&$self) -> ::std::option::Option<$crate::Error> {
            $below.warning()
        }
    };
    (@ fit_for_rotation $self:ident $below:expr) => {
        fn fit_for_rotation(&$self) -> ::std::result::Result<(), $crate::Error> {
            $below.fit_for_rotation()
        }
    };
    (@ set_aside $self:ident $below:expr) => {
        fn set_aside(
            &$self,
            key: &$crate::StoreKey,
        ) -> ::std::result::Result<::std::option::Option<::std::string::String>, $crate::Error> {
            $below.set_aside(key)
        }
    };
    (@ remove_set_aside $self:ident $below:expr) => {
        fn remove_set_aside(
            &$self,
            key: &$crate::StoreKey,
        ) -> ::std::result::Result<::std::vec::Vec<::std::string::String>, $crate::Error> {
            $below.remove_set_aside(key)
        }
    };
    (@ holder $self:ident $below:expr) => {
        fn holder(
            &$self,
            key: &$crate::StoreKey,
        ) -> ::std::result::Result<::std::option::Option<$crate::Holder>, $crate::Error> {
            $below.holder(key)
        }
    };
    (@ now_ms $self:ident $below:expr) => {
        fn now_ms(&$self) -> ::std::result::Result<i64, $crate::Error> {
            $below.now_ms()
        }
    };
    ($self:ident => $below:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_store!(@ $method $self $below);)+
    };
}
