//! `countersign key new`: a key pair, in the form that the vendor takes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use countersign::key::{Certificate, KeyInfo, PrivateKey};
use countersign::trusted::{self, Refusal};
use countersign::{Error, ErrorKind};
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
        .ok_or_else(|| made("no public key"))?
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

/// Where the parts are written.
struct Files {
    private: PathBuf,
    public: PathBuf,
    certificate: Option<PathBuf>,
}

impl Files {
    fn of(args: &KeyNewArgs) -> Self {
        // Who writes `work.pem` means that file.
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

    /// A key is only made where it would be read: nobody but root and this user may be able to put
    /// another in its place. So root makes none in the folder of a service, which could not read it.
    fn check_folder(&self) -> Result<(), Error> {
        let folder = match self.private.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        trusted::check_folder(folder).map_err(|refusal| match refusal {
            Refusal::Io(error) => cannot_be_written(&self.private, &error),
            untrusted => Error::of_file(&untrusted, |why| {
                let message = format!("the folder {} {why}", folder.display());
                Error::new(ErrorKind::Setting, message)
            }),
        })
    }

    /// A key in use is never written over, and nothing is written if one file is in the way.
    fn check_absent(&self) -> Result<(), Error> {
        match self.all().find(|path| path.symlink_metadata().is_ok()) {
            None => Ok(()),
            Some(path) => {
                let message = format!(
                    "{} is there already, and is not written over",
                    path.display()
                );
                Err(Error::new(ErrorKind::Setting, message)
                    .with_hint("choose another NAME, or move the file away"))
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
            let message = format!("--bits {bits} is not offered");
            return Err(Error::new(ErrorKind::Setting, message)
                .with_hint("RSA keys of 2048, 3072 and 4096 bits are made; vendors take 2048"));
        }
        (_, Some(_)) => {
            return Err(Error::new(ErrorKind::Setting, "--bits is for RSA only")
                .with_hint("leave it out: the curve says how long the key is"));
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
        (None, _) | (Some(_), KeyKind::Rsa) => pair.map_err(made),
        (Some(vendor), _) => {
            let message = format!("{} takes RSA keys only", vendor.title());
            Err(Error::new(ErrorKind::Setting, message).with_hint("leave --type out"))
        }
    }
}

/// PKCS#1 where the vendor itself hands out that, else PKCS#8, which every tool reads.
fn private_pem(pair: &KeyPair, vendor: Option<KeyVendor>) -> Result<Zeroizing<String>, Error> {
    let made_as = Zeroizing::new(pair.serialize_der());
    let info = PrivateKeyInfoRef::try_from(made_as.as_slice()).map_err(made)?;
    let document = match vendor {
        Some(KeyVendor::Docusign) => Pem::new("RSA PRIVATE KEY", info.private_key.as_bytes()),
        _ => {
            // Version 1: OpenSSL 3.0 does not read an Ed25519 key with its public half.
            let plain = PrivateKeyInfoRef::new(info.algorithm, info.private_key);
            Pem::new("PRIVATE KEY", plain.to_der().map_err(made)?)
        }
    };
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    Ok(Zeroizing::new(pem::encode_config(&document, config)))
}

/// Self-signed, for a signature and nothing else.
fn certificate(pair: &KeyPair, args: &KeyNewArgs) -> Result<Certificate, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = args.subject.as_str();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Clocks differ: what is uploaded at once must be valid at once.
    params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_after = params.not_before + Duration::days(i64::from(args.days));
    let certificate = params.self_signed(pair).map_err(made)?;
    Ok(Certificate::from_bytes(certificate.der())?)
}

/// The files written so far. They are removed again unless all of them could be written.
#[derive(Default)]
struct Written(Vec<PathBuf>);

impl Written {
    /// Creates a file. One that is there, or a link, is an error.
    fn write(&mut self, path: &Path, contents: &[u8], secret: bool) -> Result<(), Error> {
        let failed = |error: io::Error| cannot_be_written(path, &error);
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
            // Half a pair is none; what stays is in the way of the next try, which says so.
            let _ = fs::remove_file(path);
        }
    }
}

fn cannot_be_written(path: &Path, error: &io::Error) -> Error {
    let message = format!("{} cannot be written: {error}", path.display());
    Error::new(ErrorKind::Setting, message)
        .with_hint("choose a NAME in a folder that exists and that you may write to")
}

fn as_json(
    files: &Files,
    info: &KeyInfo,
    certificate: Option<&Certificate>,
) -> Result<Value, Error> {
    let mut json = serde_json::to_value(info).map_err(made)?;
    json["private_key_file"] = json!(files.private);
    json["public_key_file"] = json!(files.public);
    json["certificate_file"] = json!(files.certificate);
    json["certificates"] = match certificate {
        Some(certificate) => json!([countersign::key::CertificateInfo::from(certificate)]),
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
            "private key: {} (readable by you alone)",
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
            "next: upload {} at Apps and Keys, Service Integration, Upload RSA; then set private_key_file = \"{}\"",
            files.public.display(),
            files.private.display()
        ),
        Some(KeyVendor::Salesforce) => format!(
            "next: upload {} to the app at Enable OAuth Settings, Use digital signatures; then set private_key_file = \"{}\"",
            files
                .certificate
                .as_deref()
                .unwrap_or(&files.public)
                .display(),
            files.private.display()
        ),
        None => format!(
            "next: register the public half at the vendor; then set private_key_file = \"{}\"",
            files.private.display()
        ),
    };
    lines.push(next);
    lines
}

/// Something that only a bug, or a system without random numbers, can bring about.
fn made(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the key could not be made: {why}"),
    )
}
