//! The command line, as clap parses it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use countersign_core::{Algorithm, Error};
use countersign_plugin::Sha256;

const EXIT_CODES: &str = "\
Exit codes: 0 success · 2 wrong setting or usage · 3 a person must log in or consent · 4 try again ·
            5 outcome unknown: the server may have acted, nothing was sent twice · 6 unexpected";

/// The heading of the global options. It makes a command's own options come first in its help.
const EVERYWHERE: &str = "Global options";

/// Gets OAuth access tokens for server-side programs and keeps them valid.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file [default: $COUNTERSIGN_CONFIG, ./countersign.toml, or the user's config
    /// folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Load a provider from a TOML profile. Can be repeated.
    #[arg(long = "profile", global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) profiles: Vec<PathBuf>,
    /// Load a provider from a plugin (absolute path), which runs with your privileges. Can be
    /// repeated.
    #[arg(
        long = "plugin",
        global = true,
        help_heading = EVERYWHERE,
        value_name = "PATH[#sha256=HEX]",
        value_parser = PluginFile::parse
    )]
    pub(crate) plugins: Vec<PluginFile>,
    /// Print results as JSON, and an error as one line of JSON on stderr.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Log to stderr; -vv logs more. Secrets are never logged.
    #[arg(short, long, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// A plugin's file, and its expected digest.
#[derive(Clone, Debug)]
pub(crate) struct PluginFile {
    pub(crate) path: PathBuf,
    pub(crate) digest: Option<Sha256>,
}

impl PluginFile {
    fn parse(text: &str) -> Result<Self, Error> {
        let (path, digest) = match text.rsplit_once("#sha256=") {
            Some((path, digest)) => (path, Some(digest.parse()?)),
            None => (text, None),
        };
        Ok(Self {
            path: path.into(),
            digest,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a connection's access token.
    Token(TokenArgs),
    /// Log in with a browser, on this machine or on another device.
    Login(LoginArgs),
    /// Print the URL where a user consents to the app.
    Consent(ConsentArgs),
    /// Revoke the token at the vendor and delete it from the store.
    Logout(LogoutArgs),
    /// Run a program with the token in its environment.
    Exec(ExecArgs),
    /// Check a connection's settings, store and network, and request a token.
    Doctor(NameArgs),
    /// List the known providers, or search them.
    Providers(ProvidersArgs),
    /// Write, check and test profiles: vendors described as data.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Create and inspect keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign claims as a compact JWS.
    Sign(SignArgs),
    /// Verify a token's signature and print its payload.
    Verify(VerifyArgs),
    /// Decode a token without verifying it.
    Inspect(InspectArgs),
    /// List, show, move, encrypt and check stored tokens.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print a shell completion script.
    Completions(CompletionsArgs),
    /// Write the man pages of all commands to a folder, for packagers.
    #[command(hide = true)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to generate the script for.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write to, which must exist.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ProvidersArgs {
    /// List only providers whose ID or name contains this word.
    pub(crate) word: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Write a commented template of a profile.
    New(ProfileNewArgs),
    /// Find the mistakes of a profile.
    Check(ProfileFileArgs),
    /// Print a provider's profile.
    Show(ProfileShowArgs),
    /// Run a profile's cases, without a network.
    Test(ProfileTestArgs),
    /// Print the JSON Schema of profiles, for editors.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileNewArgs {
    /// The file to create, such as profiles/acme.toml. Its name is the provider's ID.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileFileArgs {
    /// The profile.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileShowArgs {
    /// The provider's ID, as in the setting `provider`.
    pub(crate) provider: String,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileTestArgs {
    /// The profile.
    pub(crate) file: PathBuf,
    /// The cases [default: NAME.json beside the profile, or ../cases/NAME.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
    /// Delete the token from the store even if the vendor doesn't revoke it.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
    /// Print the token as an HTTP header: `Authorization: Bearer …`.
    #[arg(long, conflicts_with = "env")]
    pub(crate) header: bool,
    /// Print the token as shell variables: `export COUNTERSIGN_TOKEN='…'`.
    #[arg(long)]
    pub(crate) env: bool,
    /// Minimum remaining lifetime in seconds [default: the connection's min_valid_s]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) min_valid: Option<u32>,
    /// Request a new token even if the cached one is valid.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the token request instead of sending it. Secrets are named, not shown, and no file is
    /// written.
    #[arg(long, conflicts_with_all = ["header", "env", "min_valid", "force"])]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BrowserArgs {
    /// Print the URL instead of opening a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Paste the URL that the browser ends up at, instead of listening for the redirect.
    #[arg(long)]
    pub(crate) paste: bool,
    /// Port to listen on [default: the redirect URI's, or any free port]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Seconds to wait for the redirect.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u32,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
    /// Print the URL of the login instead of opening it. Secrets are named, not shown, and no file
    /// is written.
    #[arg(long, conflicts_with_all = ["no_browser", "paste", "port", "timeout", "account"])]
    pub(crate) dry_run: bool,
    /// Log in on another device, such as a phone: prints a URL and a code to enter there.
    #[arg(long, conflicts_with_all = ["no_browser", "paste", "port", "timeout"])]
    pub(crate) device: bool,
    /// The account, tenant or site to use, if the login is for several. On a terminal, the command
    /// asks.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
    /// Use the page where an administrator consents for all users.
    #[arg(long)]
    pub(crate) admin: bool,
    /// Open the page, wait for the redirect, then request a token.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The connection's name, as in [connections.NAME].
    pub(crate) name: String,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Describe a key file without printing the key.
    Inspect(KeyInspectArgs),
    /// Create a key pair, with a self-signed certificate if the vendor needs one.
    New(KeyNewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyNewArgs {
    /// Base name of the files to create: NAME.pem, NAME.pub.pem and NAME.crt.
    pub(crate) name: PathBuf,
    /// Use the key format of this vendor.
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) r#for: Option<KeyVendor>,
    /// The key type.
    #[arg(long, value_name = "TYPE", default_value = "rsa")]
    pub(crate) r#type: KeyKind,
    /// Length of an RSA key: 2048, 3072 or 4096 [default: 2048]
    #[arg(long)]
    pub(crate) bits: Option<u32>,
    /// Also create a self-signed certificate. Implied by --for salesforce.
    #[arg(long)]
    pub(crate) certificate: bool,
    /// Common name (CN) of the certificate.
    #[arg(long, value_name = "NAME", default_value = "countersign")]
    pub(crate) subject: String,
    /// Days the certificate is valid. Some vendors accept at most two years.
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u16).range(1..=36500))]
    pub(crate) days: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyVendor {
    /// RSA in PKCS#1, the format that DocuSign uses for the keys it generates.
    Docusign,
    /// RSA in PKCS#8, with the certificate that an app with digital signatures needs.
    Salesforce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// RS256 and PS256, which most vendors accept.
    Rsa,
    /// ES256.
    P256,
    /// ES384.
    P384,
    /// EdDSA.
    Ed25519,
}

#[derive(Debug, Args)]
pub(crate) struct KeyInspectArgs {
    /// A private key, public key or certificate in any common format; `-` reads stdin.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Where to read a key's passphrase: never the command line, which every process can see.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the key's passphrase from this environment variable.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_env: Option<String>,
    /// Read the key's passphrase from this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// File with the private key in any common format, or the shared secret for HS algorithms.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The signature algorithm [default: the key's]
    #[arg(long, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
    /// The header's key ID [default: the key's own]
    #[arg(long, value_name = "KID")]
    pub(crate) kid: Option<String>,
    /// File with the claims as a JSON object; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// File with the public key or certificate, or the shared secret for HS algorithms.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "jwks",
        conflicts_with = "jwks"
    )]
    pub(crate) key: Option<PathBuf>,
    /// File with a JWK Set of public keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// Accept only this algorithm [default: those the key supports]
    #[arg(long, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
    /// The token; `-` reads stdin.
    pub(crate) token: String,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The token; `-` reads stdin.
    pub(crate) token: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// List stored records with their connection, state and expiry. Never prints tokens.
    List(StoreArgs),
    /// Show everything stored for a connection, and its last events.
    Show(StoreShowArgs),
    /// Export records, unencrypted, to a file that another store can import.
    Export(StoreExportArgs),
    /// Import exported records. Skips records that aren't newer than the store's.
    Import(StoreImportArgs),
    /// Re-encrypt every record with the first of the store's keys.
    Rekey(StoreRekeyArgs),
    /// Check that a store works, and check every record in it.
    Doctor(StoreNameArgs),
}

/// Which store [default: the connection's, or all stores of the configuration]
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Use this store: file:DIR, redis://…, rediss://… or postgres://…
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Read the keys of --store from this environment variable.
    #[arg(
        long,
        value_name = "VARIABLE",
        requires = "store",
        conflicts_with = "store_key_file"
    )]
    pub(crate) store_key_env: Option<String>,
    /// Read the keys of --store from this file.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub(crate) store_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreNameArgs {
    /// The connection whose store to use [default: all stores of the configuration]
    #[arg(conflicts_with = "store")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreRekeyArgs {
    /// The connection whose store to use [default: all stores of the configuration]
    #[arg(conflicts_with = "store")]
    pub(crate) name: Option<String>,
    /// Also encrypt unencrypted records. Run without this option first, and check that each record
    /// it lists is yours.
    #[arg(long)]
    pub(crate) seal_plain: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreShowArgs {
    /// The connection's name, or at least the first 8 digits of a record's key.
    pub(crate) name: String,
    /// Print tokens, too.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreExportArgs {
    /// The file to create, readable by its owner only; `-` writes to stdout and needs --reveal.
    pub(crate) file: PathBuf,
    /// Export only these connections, or records whose keys start with these digits.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Allow writing tokens to stdout.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreImportArgs {
    /// A file written by `store export`; `-` reads stdin.
    pub(crate) file: PathBuf,
    /// Import a record even if the store's is as new or newer.
    #[arg(long)]
    pub(crate) force: bool,
    /// Replace a record of another login. The replaced grant isn't revoked.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl KeyVendor {
    /// Returns the vendor's name for display.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Docusign => "DocuSign",
            Self::Salesforce => "Salesforce",
        }
    }
}
