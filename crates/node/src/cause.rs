//! What callbacks threw.

use std::fmt;

/// What a callback threw. The package holds it under this number, until this is dropped.
pub(crate) struct Cause {
    number: u32,
    forget: Box<dyn Fn(u32) + Send + Sync>,
}

impl Cause {
    /// Takes the function that has the package forget it.
    pub(crate) fn new(number: u32, forget: impl Fn(u32) + Send + Sync + 'static) -> Self {
        let forget = Box::new(forget);
        Self { number, forget }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Cause {
    fn drop(&mut self) {
        (self.forget)(self.number);
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cause").field(&self.number).finish()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.number {
            0 => "the program ended before the callback returned",
            _ => "the callback threw",
        })
    }
}

impl std::error::Error for Cause {}
