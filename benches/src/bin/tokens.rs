//! `tokens [--aws-lc] KEY COUNT`: countersign's program for `whole_process/compare.py`.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;

use countersign_core::jws::TokenWriter;
use countersign_core::{KeySigner, PrivateKey};
use serde::Serialize;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (aws_lc, key, count) = match words[..] {
        ["--aws-lc", key, count] => (true, key, count),
        [key, count] => (false, key, count),
        _ => return Err("tokens [--aws-lc] KEY COUNT".into()),
    };
    let key = PrivateKey::from_pem(&std::fs::read_to_string(key)?)?;
    let signer = on_backend(KeySigner::new(key, None, None)?, aws_lc)?;
    let mut writer = TokenWriter::new(signer, Some("JWT"))?;
    let mut json = Vec::new();
    let mut token = String::new();
    for number in 0..count.parse::<u32>()? {
        json.clear();
        let claims = Claims {
            iss: "app",
            sub: "joe",
            aud: "https://login.example",
            iat: 1_700_000_000,
            exp: 1_700_003_600,
            jti: number.to_string(),
        };
        serde_json::to_writer(&mut json, &claims)?;
        token.clear();
        token.push_str(writer.write(&json)?);
    }
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

#[cfg(feature = "peers")]
fn on_backend(signer: KeySigner, aws_lc: bool) -> Result<KeySigner, Box<dyn Error>> {
    use countersign_core::jws::Backend;

    let backend = if aws_lc {
        Backend::AwsLc
    } else {
        Backend::Ring
    };
    Ok(signer.with_backend(backend)?)
}

#[cfg(not(feature = "peers"))]
fn on_backend(signer: KeySigner, aws_lc: bool) -> Result<KeySigner, Box<dyn Error>> {
    match aws_lc {
        true => Err("built without the feature `peers`".into()),
        false => Ok(signer),
    }
}
