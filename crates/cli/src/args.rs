//! The command line, as clap reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use countersign::{Algorithm, Error};
use countersign_plugin::Sha256;

const EXIT_CODES: &str = "\
Exit codes: 0 done · 2 a setting or the usage is wrong · 3 a person has to act · 4 try again ·
            5 the server may have acted, nothing was sent twice · 6 an answer nobody understands";

/// Over the options of every command, so that a command's own come first in its help.
const EVERYWHERE: &str = "Options of every command";

/// Gets access tokens for server-side integrations and keeps them valid.
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
    /// The configuration; else $COUNTERSIGN_CONFIG, ./countersign.toml, the user's config folder.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A provider of your own, described as a profile in TOML; may be given again.
    #[arg(long = "profile", global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) profiles: Vec<PathBuf>,
    /// A plugin: native code that runs with all your rights, by its absolute path; may be given again.
    #[arg(
        long = "plugin",
        global = true,
        help_heading = EVERYWHERE,
        value_name = "PATH[#sha256=HEX]",
        value_parser = PluginFile::parse
    )]
    pub(crate) plugins: Vec<PluginFile>,
    /// Print what a program can read: JSON results, and an error as one line of JSON.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Say on stderr what is done; twice for more. Never shows a secret.
    #[arg(short, long, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// A plugin's file, and the digest that it must have.
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
    /// Log in with a browser.
    Login(LoginArgs),
    /// Show where to consent to the app acting for its user.
    Consent(ConsentArgs),
    /// Revoke what the vendor lets revoke, and forget the token here.
    Logout(LogoutArgs),
    /// Run a program with the token in its environment.
    Exec(ExecArgs),
    /// Check a connection, setting by setting and then over the network.
    Doctor(NameArgs),
    /// List the providers that are known.
    Providers,
    /// Make keys, and look at them.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign claims as a compact JWS.
    Sign(SignArgs),
    /// Check a token's signature and print its payload.
    Verify(VerifyArgs),
    /// Show what is in a token, without checking it.
    Inspect(InspectArgs),
    /// List, show, move, encrypt and check what is kept.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print what makes a shell complete this command.
    Completions(CompletionsArgs),
    /// Write the man pages of all commands to a folder, for packagers.
    #[command(hide = true)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder, which must exist.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
    /// Forget the token here even if the vendor does not revoke it.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
    /// Print an HTTP header: `Authorization: Bearer …`.
    #[arg(long, conflicts_with = "env")]
    pub(crate) header: bool,
    /// Print lines for a shell: `export COUNTERSIGN_TOKEN='…'`.
    #[arg(long)]
    pub(crate) env: bool,
    /// Seconds the token must still be valid; else the connection's min_valid_s.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) min_valid: Option<u32>,
    /// Ask the vendor even if there is a valid token.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BrowserArgs {
    /// Print the address instead of opening a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Wait for nothing: paste the address that the browser ends at.
    #[arg(long)]
    pub(crate) paste: bool,
    /// The port to wait on; else the redirect URI's, or any free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Seconds to wait for the browser to come back.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u32,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
    /// The page where an administrator consents for everybody.
    #[arg(long)]
    pub(crate) admin: bool,
    /// Open the page, wait for the answer, and try a token.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The connection: NAME of [connections.NAME].
    pub(crate) name: String,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Say what a key file holds, without the key.
    Inspect(KeyInspectArgs),
    /// Make a key pair, with a self-signed certificate where the vendor wants one.
    New(KeyNewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyNewArgs {
    /// The files are NAME.pem, NAME.pub.pem and NAME.crt; none may be there already.
    pub(crate) name: PathBuf,
    /// The vendor whose form and wishes to follow.
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) r#for: Option<KeyVendor>,
    /// The kind of key.
    #[arg(long, value_name = "TYPE", default_value = "rsa")]
    pub(crate) r#type: KeyKind,
    /// The length of an RSA key: 2048, 3072 or 4096.
    #[arg(long)]
    pub(crate) bits: Option<u32>,
    /// Write a self-signed certificate as well; Salesforce gets one without asking.
    #[arg(long)]
    pub(crate) certificate: bool,
    /// The name in the certificate.
    #[arg(long, value_name = "NAME", default_value = "countersign")]
    pub(crate) subject: String,
    /// How long the certificate is valid; two years is the most that some vendors take.
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u16).range(1..=36500))]
    pub(crate) days: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyVendor {
    /// RSA in PKCS#1, as DocuSign itself hands keys out.
    Docusign,
    /// RSA in PKCS#8, with the certificate that the app's digital signatures want.
    Salesforce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// RS256 and PS256: what most vendors take.
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
    /// A private key, public key or certificate, in any usual form; `-` reads stdin.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Where a key's passphrase is. Never on the command line, which every process can see.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// The environment variable with the key's passphrase.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_env: Option<String>,
    /// The file with the key's passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The private key, in any usual form; with an HS algorithm the shared secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The algorithm; else the key's usual one.
    #[arg(long, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
    /// The header's key id; else the one that came with the key.
    #[arg(long, value_name = "KID")]
    pub(crate) kid: Option<String>,
    /// The claims, a JSON object; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The public key or certificate; with an HS algorithm the shared secret.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "jwks",
        conflicts_with = "jwks"
    )]
    pub(crate) key: Option<PathBuf>,
    /// The server's JWK Set.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// The only algorithm to accept; else those that the key itself can do.
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
    /// List what is kept: connections, their state and expiry, never a token.
    List(StoreArgs),
    /// Show all that is kept of a connection, with its last events.
    Show(StoreShowArgs),
    /// Write what is kept to a file, in plain, for another store.
    Export(StoreExportArgs),
    /// Take what another store exported; what is as new is left alone.
    Import(StoreImportArgs),
    /// Encrypt every record anew under the first of the store's keys.
    Rekey(StoreRekeyArgs),
    /// Check a store, from its address to its records.
    Doctor(StoreNameArgs),
}

/// Which store; else the one of the connection, or all of the configuration.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The store: file:DIR, redis://…, rediss://… or postgres://…
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The environment variable with the keys of --store.
    #[arg(
        long,
        value_name = "VARIABLE",
        requires = "store",
        conflicts_with = "store_key_file"
    )]
    pub(crate) store_key_env: Option<String>,
    /// The file with the keys of --store.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub(crate) store_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreNameArgs {
    /// The connection whose store it is; else all stores of the configuration.
    #[arg(conflicts_with = "store")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreRekeyArgs {
    /// The connection whose store it is; else all stores of the configuration.
    #[arg(conflicts_with = "store")]
    pub(crate) name: Option<String>,
    /// Encrypt records, too, that are not encrypted. They are shown: make sure that each is yours.
    #[arg(long)]
    pub(crate) seal_plain: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreShowArgs {
    /// The connection, all of whose records are shown; or a record's key or its beginning, from
    /// 8 digits on.
    pub(crate) name: String,
    /// Show tokens, too.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreExportArgs {
    /// The file to make, readable by its owner alone; `-` is stdout and needs --reveal.
    pub(crate) file: PathBuf,
    /// Only these connections, or the records whose keys begin like this.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Write tokens to stdout.
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreImportArgs {
    /// What `store export` wrote; `-` reads stdin.
    pub(crate) file: PathBuf,
    /// Take a record even where the store has one that is as new.
    #[arg(long)]
    pub(crate) force: bool,
    /// Take a record even where the store has one of another login. Its grant is not revoked.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl KeyVendor {
    /// As people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Docusign => "DocuSign",
            Self::Salesforce => "Salesforce",
        }
    }
}
