//! `countersign sandbox`: the local emulator, until it is told to stop.

use countersign::{Error, ErrorKind};
use countersign_sandbox::{Options, Sandbox};

use crate::args::SandboxArgs;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &SandboxArgs, output: &Output) -> Result<(), Stop> {
    let options = Options {
        listen: args.listen,
        dir: args.dir.clone(),
        tls: args.tls,
        strict: args.strict,
        rotation: args.rotation.map(Into::into),
        redirect_uris: args.redirect_uris.clone(),
        ..Options::default()
    };
    if !args.tls && !args.listen.ip().is_loopback() {
        output.say(
            "warning: without --tls, others on the network can read what passes; countersign itself asks by http \
             at this machine's own addresses only",
        );
    }
    let sandbox = Sandbox::start(options).map_err(explain)?;
    output.print_json_text(&sandbox.ready_line())?;
    Ok(sandbox.wait().map_err(explain)?)
}

fn explain(error: countersign_sandbox::Error) -> Error {
    Error::new(ErrorKind::Setting, error.to_string()).with_hint("see countersign sandbox --help")
}
