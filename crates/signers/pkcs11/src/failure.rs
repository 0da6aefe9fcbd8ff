//! Maps a device's errors to kinds, verdicts and hints.

use countersign_core::{Error, ErrorKind, Verdict};
use cryptoki::error::{Error as Pkcs11Error, RvError};

/// Builds the error for a device that failed, for example "to open a session".
pub(crate) fn of(doing: &str, error: Pkcs11Error) -> Error {
    let message = format!("the PKCS#11 device failed {doing}: {error}");
    match error {
        Pkcs11Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid, _) => {
            Error::new(ErrorKind::Key, "the PKCS#11 device rejected the PIN")
                .with_hint("check the PIN; most devices lock it after a few wrong attempts")
        }
        Pkcs11Error::Pkcs11(RvError::PinLocked, _) => {
            Error::new(ErrorKind::Key, "the PKCS#11 device has locked the PIN")
                .with_hint("unlock it as the security officer, with the device's own tool")
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
            .with_hint(
                "try again; if this keeps happening, check that the device is connected and works",
            ),
        _ => Error::new(ErrorKind::Signing, message),
    }
}

/// Returns whether the session is lost, as after unplugging or resetting the device. A new one may
/// work.
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
