//! stub
use crate::args::Global;
use crate::output::{Output, Stop};
pub(crate) fn run(_: &Global, _: &str, _: &mut Output) -> Result<(), Stop> {
    Ok(())
}
