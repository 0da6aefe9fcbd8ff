//! The signals that stop the program.

use tokio::runtime::{Builder, Runtime};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Error;

/// Listens for the signals that tell a program to stop: SIGINT and SIGTERM.
///
/// Listen before you announce that the sandbox is ready: until then, a signal ends the process
/// without cleaning up.
#[derive(Debug)]
pub struct StopSignals {
    runtime: Runtime,
    #[cfg(unix)]
    signals: [Signal; 2],
}

impl StopSignals {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// If the signal handlers can't be installed.
    pub fn listen() -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::new(format!("could not listen for signals: {e}"));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        #[cfg(unix)]
        let signals = {
            let _entered = runtime.enter();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
            let [interrupt, terminate] = kinds.map(signal);
            [interrupt.map_err(failed)?, terminate.map_err(failed)?]
        };
        Ok(Self {
            runtime,
            #[cfg(unix)]
            signals,
        })
    }

    /// Waits for one of the signals.
    pub fn wait(self) {
        #[cfg(unix)]
        {
            let [mut interrupt, mut terminate] = self.signals;
            self.runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
        }
        #[cfg(not(unix))]
        let _ = self.runtime.block_on(tokio::signal::ctrl_c());
    }
}
