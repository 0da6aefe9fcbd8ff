//! `countersign key`: describes key files and creates key pairs.

mod new;

use countersign_core::Secret;
use countersign_core::key::{self, KeyInfo};
use time::OffsetDateTime;

use crate::args::KeyInspectArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) use self::new::run as new;

pub(crate) fn inspect(args: &KeyInspectArgs, output: &Output) -> Result<(), Stop> {
    let passphrase = input::passphrase(&args.passphrase)?;
    let file = input::bytes(&args.file, "the key")?;
    let info = key::inspect_bytes(&file, passphrase.as_ref().map(Secret::expose))
        .map_err(|error| input::explain_locked(error.into(), passphrase.as_ref()))?;
    match output.is_json() {
        true => output.print_json(&info),
        false => output.print_lines(&as_lines(&info)),
    }
}

fn as_lines(info: &KeyInfo) -> Vec<String> {
    let algorithms: Vec<_> = info.algorithms.iter().map(|a| a.as_str()).collect();
    let curve = info.curve.map(str::to_owned);
    let lines = [
        ("kind", Some(info.kind.to_owned())),
        ("type", Some(info.key_type.to_owned())),
        ("bits", Some(info.bits.to_string())),
        ("curve", curve),
        ("format", Some(info.format.to_string())),
        ("encryption", info.encryption.clone()),
        ("key ID", info.key_id.clone()),
        ("SPKI SHA-256", info.spki_sha256.clone()),
        ("SPKI SHA-256, base64", info.spki_sha256_base64.clone()),
        ("JWK thumbprint", info.jwk_thumbprint.clone()),
        ("algorithms", Some(algorithms.join(", "))),
    ];
    let certificates = info.certificates.iter().flat_map(|certificate| {
        [
            format!("certificate x5t: {}", certificate.x5t),
            format!("certificate x5t#S256: {}", certificate.x5t_s256),
            format!(
                "certificate valid: from {} until {}",
                day(certificate.not_before),
                day(certificate.not_after)
            ),
        ]
    });
    let lines = lines
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", value?)))
        .chain(certificates);
    lines.collect()
}

/// Formats the day of a time, as in 2026-01-31.
fn day(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).map(OffsetDateTime::from_unix_timestamp);
    match time {
        Ok(Ok(time)) => format!(
            "{:04}-{:02}-{:02}",
            time.year(),
            u8::from(time.month()),
            time.day()
        ),
        _ => "the end of time".to_owned(),
    }
}
