//! One fence in two halves: a light one that readers have at every look, and a heavy one that writers have for all
//! threads at once.
//!
//! After a reader's store and light fence, and a writer's store and heavy fence, at least one of the two sees what the
//! other one stored.

use std::sync::atomic::compiler_fence;

use crate::sync::{Ordering, fence};

/// The reader's half; `fenced` where [`writers_pay`] said no.
#[inline]
pub(crate) fn light(fenced: bool) {
    match fenced {
        false => compiler_fence(Ordering::SeqCst),
        true => fence(Ordering::SeqCst),
    }
}

/// The writer's half. Where it gives false it could not be had: no reader may be taken for absent.
pub(crate) fn heavy() -> bool {
    fence(Ordering::SeqCst);
    system::heavy()
}

/// Whether readers get by without a fence of their own. The same for the life of the process.
pub(crate) fn writers_pay() -> bool {
    system::writers_pay()
}

// The unit tests and loom have the other half: tests/replaced.rs runs with each of the two.
#[cfg(all(target_os = "linux", not(test), not(loom)))]
mod system {
    use std::sync::OnceLock;

    use rustix::thread::{MembarrierCommand, membarrier};

    static WRITERS_PAY: OnceLock<bool> = OnceLock::new();

    pub(super) fn writers_pay() -> bool {
        *WRITERS_PAY.get_or_init(register)
    }

    pub(super) fn heavy() -> bool {
        // A child that was forked may have to register again.
        !writers_pay() || interrupt_all() || (register() && interrupt_all())
    }

    fn register() -> bool {
        membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    }

    fn interrupt_all() -> bool {
        membarrier(MembarrierCommand::PrivateExpedited).is_ok()
    }
}

#[cfg(any(not(target_os = "linux"), test, loom))]
mod system {
    pub(super) fn writers_pay() -> bool {
        false
    }

    pub(super) fn heavy() -> bool {
        true
    }
}
