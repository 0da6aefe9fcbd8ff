//! `countersign key inspect`: what a key file holds, without the key.

use countersign::key::{self, KeyInfo};

use crate::args::KeyInspectArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn inspect(args: &KeyInspectArgs, output: &Output) -> Result<(), Stop> {
    let passphrase = input::passphrase(&args.passphrase)?;
    let file = input::bytes(&args.file, "the key")?;
    let info = key::inspect_bytes(&file, passphrase.as_ref())
        .map_err(|error| input::explain_locked(error, passphrase.as_ref()))?;
    match output.is_json() {
        true => output.print_json(&info),
        false => output.print(&as_text(&info)),
    }
}

fn as_text(info: &KeyInfo) -> String {
    let algorithms: Vec<_> = info.algorithms.iter().map(|a| a.as_str()).collect();
    let curve = info.curve.map(str::to_owned);
    let lines = [
        ("kind", Some(info.kind.to_owned())),
        ("type", Some(info.key_type.to_owned())),
        ("bits", Some(info.bits.to_string())),
        ("curve", curve),
        ("format", Some(info.format.to_string())),
        ("encryption", info.encryption.clone()),
        ("key id", info.key_id.clone()),
        ("SPKI SHA-256", info.spki_sha256.clone()),
        ("JWK thumbprint", info.jwk_thumbprint.clone()),
        ("algorithms", Some(algorithms.join(", "))),
    ];
    let lines = lines
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    lines.collect::<Vec<_>>().join("\n")
}
