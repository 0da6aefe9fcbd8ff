//! `countersign inspect`: decodes a token without verifying it.

use countersign_core::jws;
use serde_json::{Value, json};

use crate::args::InspectArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), Stop> {
    let token = input::token(&args.token)?;
    let parsed = jws::inspect(token.expose())?;
    let text = String::from_utf8_lossy(&parsed.payload);
    let payload: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text));
    let shown = json!({ "header": parsed.header, "payload": payload, "verified": false });
    if output.is_json() {
        return output.print_json(&shown);
    }
    output
        .warn("the token was not verified, so anybody may have written it; see countersign verify");
    output.print_json_text(&format!("{shown:#}"))
}
