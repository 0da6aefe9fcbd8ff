//! What a device says, in our words.

use countersign::{Error, ErrorKind, Verdict};
use cryptoki::error::{Error as Pkcs11Error, RvError};

/// An error of the device while doing something, such as `opening a session`.
pub(crate) fn of(doing: &str, error: Pkcs11Error) -> Error {
    let message = format!("the PKCS#11 device failed {doing}: {error}");
    match error {
        Pkcs11Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid, _) => {
            Error::new(ErrorKind::Key, "the PKCS#11 device does not take the PIN")
                .with_hint("check the PIN; most devices lock themselves after a few wrong ones")
        }
        Pkcs11Error::Pkcs11(RvError::PinLocked, _) => {
            Error::new(ErrorKind::Key, "the PKCS#11 device has locked the PIN")
                .with_hint("unlock it with the device's own tool and its security officer")
        }
        Pkcs11Error::Pkcs11(
            RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::SessionCount
            | RvError::HostMemory
            | RvError::FunctionFailed
            | RvError::GeneralError,
            _,
        ) => Error::new(ErrorKind::Signing, message)
            .with_verdict(Verdict::Retry)
            .with_hint("the device may be busy, away or broken"),
        _ => Error::new(ErrorKind::Signing, message),
    }
}

/// Whether the session is gone, as after the device was unplugged or reset: a new one may do.
pub(crate) fn is_lost_session(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::UserNotLoggedIn
                | RvError::DeviceRemoved
                | RvError::TokenNotPresent,
            _
        )
    )
}
