//! `countersign key new`: creates a key pair in the vendor's format.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use countersign_core::key::{Certificate, KeyInfo, PrivateKey};
use countersign_core::trusted::{self, OpenError};
use countersign_core::{Error, ErrorKind};
use pem::{EncodeConfig, LineEnding, Pem};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Encode;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, RsaKeySize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::args::{KeyKind, KeyNewArgs, KeyVendor};
use crate::output::{Output, Stop};

pub(crate) fn run(args: &KeyNewArgs, output: &Output) -> Result<(), Stop> {
    let pair = generate(args)?;
    let files = Files::of(args);
    files.check_folder()?;
    files.check_absent()?;

    let private = private_pem(&pair, args.r#for)?;
    let key = PrivateKey::from_bytes(private.as_bytes(), None)?;
    let public = key
        .public_key()
        .ok_or_else(|| failed("it has no public key"))?
        .to_pem();
    let certificate = files
        .certificate
        .as_ref()
        .map(|_| certificate(&pair, args))
        .transpose()?;

    let mut written = Written::default();
    written.write(&files.private, private.as_bytes(), true)?;
    written.write(&files.public, public.as_bytes(), false)?;
    if let (Some(path), Some(certificate)) = (&files.certificate, &certificate) {
        written.write(path, certificate.to_pem().as_bytes(), false)?;
    }
    written.keep();
    match output.is_json() {
        true => output.print_json(&as_json(&files, &key.info(), certificate.as_ref())?),
        false => output.print_lines(&as_lines(
            args.r#for,
            &files,
            &key.info(),
            certificate.as_ref(),
        )),
    }
}

/// The files to create.
struct Files {
    private: PathBuf,
    public: PathBuf,
    certificate: Option<PathBuf>,
}

impl Files {
    fn of(args: &KeyNewArgs) -> Self {
        // `app.pem` and `app` mean the same files.
        let bare = match args.name.extension().is_some_and(|end| end == "pem") {
            true => args.name.with_extension(""),
            false => args.name.clone(),
        };
        let named = |ending: &str| {
            let mut name = bare.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let certified = args.certificate || args.r#for == Some(KeyVendor::Salesforce);
        Self {
            private: named(".pem"),
            public: named(".pub.pem"),
            certificate: certified.then(|| named(".crt")),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        let both = [self.private.as_path(), self.public.as_path()];
        both.into_iter().chain(self.certificate.as_deref())
    }

    /// Checks that only root and this user can replace files in the folder: elsewhere, the key
    /// would be rejected later.
    ///
    /// So root can't create a key in a service's folder. The service couldn't read it.
    fn check_folder(&self) -> Result<(), Error> {
        let folder = match self.private.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        trusted::check_folder(folder).map_err(|rejection| match rejection {
            OpenError::Io(error) => cannot_write(&self.private, &error),
            untrusted => Error::of_file(&untrusted, |why| {
                let message = format!("the folder {} {why}", folder.display());
                Error::new(ErrorKind::Setting, message)
            }),
        })
    }

    /// Checks that none of the files exist: a key is never overwritten.
    fn check_absent(&self) -> Result<(), Error> {
        match self.all().find(|path| path.symlink_metadata().is_ok()) {
            None => Ok(()),
            Some(path) => {
                let message = format!("{} already exists", path.display());
                Err(Error::new(ErrorKind::Setting, message)
                    .with_hint("choose another NAME, or move the file"))
            }
        }
    }
}

fn generate(args: &KeyNewArgs) -> Result<KeyPair, Error> {
    let size = match (args.r#type, args.bits) {
        (KeyKind::Rsa, None | Some(2048)) => RsaKeySize::_2048,
        (KeyKind::Rsa, Some(3072)) => RsaKeySize::_3072,
        (KeyKind::Rsa, Some(4096)) => RsaKeySize::_4096,
        (KeyKind::Rsa, Some(bits)) => {
            let message = format!("--bits {bits} is not supported");
            return Err(Error::new(ErrorKind::Setting, message)
                .with_hint("use 2048, 3072 or 4096; every vendor accepts 2048"));
        }
        (_, Some(_)) => {
            return Err(Error::new(ErrorKind::Setting, "--bits is for RSA only")
                .with_hint("remove --bits: the curve determines the key's length"));
        }
        (_, None) => RsaKeySize::_2048,
    };
    let pair = match args.r#type {
        KeyKind::Rsa => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size),
        KeyKind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyKind::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyKind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
    };
    match (args.r#for, args.r#type) {
        (None, _) | (Some(_), KeyKind::Rsa) => pair.map_err(failed),
        (Some(vendor), _) => {
            let message = format!("{} accepts RSA keys only", vendor.title());
            Err(Error::new(ErrorKind::Setting, message).with_hint("remove --type"))
        }
    }
}

/// Encodes the private key as PKCS#1 if the vendor uses that, and otherwise as PKCS#8.
fn private_pem(pair: &KeyPair, vendor: Option<KeyVendor>) -> Result<Zeroizing<String>, Error> {
    let der = Zeroizing::new(pair.serialize_der());
    let info = PrivateKeyInfoRef::try_from(der.as_slice()).map_err(failed)?;
    let document = match vendor {
        Some(KeyVendor::Docusign) => Pem::new("RSA PRIVATE KEY", info.private_key.as_bytes()),
        _ => {
            // Version 1: OpenSSL 3.0 can't read an Ed25519 key that includes its public key.
            let plain = PrivateKeyInfoRef::new(info.algorithm, info.private_key);
            Pem::new("PRIVATE KEY", plain.to_der().map_err(failed)?)
        }
    };
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    Ok(Zeroizing::new(pem::encode_config(&document, config)))
}

/// Creates a self-signed certificate for digital signatures only.
fn certificate(pair: &KeyPair, args: &KeyNewArgs) -> Result<Certificate, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = args.subject.as_str();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // The certificate may be uploaded at once, to a server whose clock is behind.
    params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_after = params.not_before + Duration::days(i64::from(args.days));
    let certificate = params.self_signed(pair).map_err(failed)?;
    Ok(Certificate::from_bytes(certificate.der())?)
}

/// The files written so far. Drop removes them, unless [`Written::keep`] was called.
#[derive(Default)]
struct Written(Vec<PathBuf>);

impl Written {
    /// Creates a file. Fails if the path exists, also as a link.
    fn write(&mut self, path: &Path, contents: &[u8], secret: bool) -> Result<(), Error> {
        let failed = |error: io::Error| cannot_write(path, &error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if secret {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        #[cfg(not(unix))]
        let _ = secret;
        let mut file = options.open(path).map_err(failed)?;
        self.0.push(path.to_owned());
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        written.map_err(failed)
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for path in &self.0 {
            // If this fails, the next run reports that the file exists.
            let _ = fs::remove_file(path);
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot write {}: {error}", path.display());
    Error::new(ErrorKind::Setting, message)
        .with_hint("choose a NAME in a folder that exists and that you can write to")
}

fn as_json(
    files: &Files,
    info: &KeyInfo,
    certificate: Option<&Certificate>,
) -> Result<Value, Error> {
    let mut json = serde_json::to_value(info).map_err(failed)?;
    json["private_key_file"] = json!(files.private);
    json["public_key_file"] = json!(files.public);
    json["certificate_file"] = json!(files.certificate);
    json["certificates"] = match certificate {
        Some(certificate) => json!([countersign_core::key::CertificateInfo::from(certificate)]),
        None => json!([]),
    };
    Ok(json)
}

fn as_lines(
    vendor: Option<KeyVendor>,
    files: &Files,
    info: &KeyInfo,
    certificate: Option<&Certificate>,
) -> Vec<String> {
    let mut lines = vec![
        format!(
            "private key: {} (readable only by you)",
            files.private.display()
        ),
        format!("public key: {}", files.public.display()),
    ];
    if let Some(path) = &files.certificate {
        lines.push(format!("certificate: {}", path.display()));
    }
    if let Some(thumbprint) = &info.spki_sha256 {
        lines.push(format!("SPKI SHA-256: {thumbprint}"));
    }
    if let Some(certificate) = certificate {
        lines.push(format!("x5t#S256: {}", certificate.x5t_s256()));
    }
    let next = match vendor {
        Some(KeyVendor::Docusign) => format!(
            "next: upload {} under Apps and Keys > Service Integration > Upload RSA, then set private_key_file = \"{}\"",
            files.public.display(),
            files.private.display()
        ),
        Some(KeyVendor::Salesforce) => format!(
            "next: upload {} to the app under Enable OAuth Settings > Use digital signatures, then set private_key_file = \"{}\"",
            files
                .certificate
                .as_deref()
                .unwrap_or(&files.public)
                .display(),
            files.private.display()
        ),
        None => format!(
            "next: register the public key with the vendor, then set private_key_file = \"{}\"",
            files.private.display()
        ),
    };
    lines.push(next);
    lines
}

/// Returns an error that only a bug, or a system without randomness, can cause.
fn failed(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the key could not be created: {why}"),
    )
}
