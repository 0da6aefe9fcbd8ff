//! The vendors' apps with their keys and secrets, their users, and the users' consents.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Error, Provider,
    keys::{PrivateKey, PublicKey},
    random,
};

pub(crate) const DOCUSIGN_SERVICE: &str = "7c2b8d7e-83c3-4940-af5e-cda8a50dd73f";
pub(crate) const DOCUSIGN_WEB: &str = "230546a7-9c55-40ad-8fbf-af205d5494ad";
pub(crate) const DOCUSIGN_PUBLIC: &str = "0a2f1b9c-5d5e-4e6f-9b1a-3c6d2f8e7a10";
pub(crate) const SALESFORCE_SERVICE: &str =
    "3MVG9sandboxJwtService.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";
pub(crate) const SALESFORCE_WEB: &str =
    "3MVG9sandboxWebServer_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(crate) const SALESFORCE_BATCH: &str =
    "3MVG9sandboxBatchRunAs.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";
pub(crate) const SALESFORCE_PUBLIC: &str =
    "3MVG9sandboxPublicApp_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(crate) const BOLDSIGN_WEB: &str = "5b1f6a52-2f5e-4c59-9f0c-6f6b7c1d2e3f";
pub(crate) const BOLDSIGN_BATCH: &str = "c0a8e1d4-7b3a-4d2c-8e9f-1a2b3c4d5e6f";

pub(crate) const BOLDSIGN_TELEVISION: &str = "e7d0c2b1-4f3a-4b5c-8d6e-9f8a7b6c5d4e";

pub(crate) const DOCUSIGN_USER: &str = "6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb01";
pub(crate) const DOCUSIGN_UNCONSENTED: &str = "6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb02";
pub(crate) const DOCUSIGN_INACTIVE: &str = "6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb03";
pub(crate) const SALESFORCE_USER: &str = "005x00000012Q9PAAU";
pub(crate) const SALESFORCE_USERNAME: &str = "integration@example.com";
pub(crate) const SALESFORCE_MEMBER: &str = "casey@portal.example.com";
pub(crate) const SALESFORCE_MEMBER_ID: &str = "005x00000012Q9QAAU";
pub(crate) const SALESFORCE_INACTIVE: &str = "frozen@example.com";
pub(crate) const SALESFORCE_ORG: &str = "00Dx0000000BV7zEAG";
pub(crate) const BOLDSIGN_USER: &str = "9d5c1f0e-2a43-4f0b-8d1a-7e6f5c4b3a21";

/// An app that is registered at a vendor.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) provider: Provider,
    pub(crate) name: &'static str,
    pub(crate) client_id: &'static str,
    /// The client secret; `None` for a public app.
    pub(crate) secret: Option<String>,
    /// The registered public keys. An assertion must verify with one of them.
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) scopes: &'static [&'static str],
    pub(crate) grants: &'static [&'static str],
    /// The user that the app acts as with client credentials.
    pub(crate) run_as: Option<&'static str>,
}

impl App {
    pub(crate) fn allows(&self, grant: &str) -> bool {
        self.grants.contains(&grant)
    }

    /// Reports whether all `scopes` are registered. An app without scopes may request any.
    pub(crate) fn covers(&self, scopes: &[String]) -> bool {
        self.scopes.is_empty() || scopes.iter().all(|s| self.scopes.contains(&s.as_str()))
    }
}

/// A user of a vendor.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) provider: Provider,
    pub(crate) id: &'static str,
    /// What the user types to log in: an email address, or at Salesforce the username.
    pub(crate) login: &'static str,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) active: bool,
}

impl User {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// Reports whether `hint` is the user's id or, ignoring case, the login.
    pub(crate) fn is(&self, hint: &str) -> bool {
        self.id == hint || self.login.eq_ignore_ascii_case(hint)
    }
}

/// The clients' key pairs and the vendors' own.
pub(crate) struct KeyRing {
    pub(crate) docusign: PrivateKey,
    pub(crate) docusign_spare: PrivateKey,
    pub(crate) salesforce: PrivateKey,
    /// The key that the emulated vendors sign their tokens with.
    pub(crate) vendor: PrivateKey,
}

impl KeyRing {
    /// Returns the keys of this process, generated on the first call.
    ///
    /// Generating them takes a third of a second, and a test suite starts hundreds of sandboxes.
    pub(crate) fn for_this_process() -> Result<Arc<Self>, Error> {
        static MADE: Mutex<Option<Arc<KeyRing>>> = Mutex::new(None);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ring) = &*made {
            return Ok(ring.clone());
        }
        let ring = Arc::new(Self::generate()?);
        *made = Some(ring.clone());
        Ok(ring)
    }

    fn generate() -> Result<Self, Error> {
        let lost = || Error::new("a thread that generates an RSA key panicked");
        std::thread::scope(|scope| {
            let [a, b, c] = [(); 3].map(|()| scope.spawn(PrivateKey::generate));
            let vendor = PrivateKey::generate()?;
            Ok(Self {
                docusign: a.join().map_err(|_| lost())??,
                docusign_spare: b.join().map_err(|_| lost())??,
                salesforce: c.join().map_err(|_| lost())??,
                vendor,
            })
        })
    }
}

/// All apps and users, with the consents so far.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    pub(crate) apps: Vec<App>,
    pub(crate) users: Vec<User>,
    consents: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Registry {
    pub(crate) fn new(keys: &KeyRing) -> Self {
        let mut registry = Self {
            apps: apps(keys),
            users: users(),
            consents: BTreeMap::new(),
        };
        registry.consent_as_at_start();
        registry
    }

    /// Restores the initial consents.
    ///
    /// One DocuSign user has consented. All Salesforce users are pre-authorized for the JWT app.
    pub(crate) fn consent_as_at_start(&mut self) {
        self.consents.clear();
        self.allow(
            DOCUSIGN_SERVICE,
            DOCUSIGN_USER,
            ["signature", "impersonation"],
        );
        let approved: Vec<_> = self
            .users
            .iter()
            .filter(|u| u.provider == Provider::Salesforce)
            .map(|u| u.id)
            .collect();
        for user in approved {
            self.allow(SALESFORCE_SERVICE, user, SALESFORCE_SCOPES.iter().copied());
        }
    }

    pub(crate) fn app(&self, provider: Provider, client_id: &str) -> Option<&App> {
        self.apps
            .iter()
            .find(|a| a.provider == provider && a.client_id == client_id)
    }

    pub(crate) fn user(&self, provider: Provider, hint: &str) -> Option<&User> {
        self.users_of(provider).find(|u| u.is(hint))
    }

    pub(crate) fn users_of(&self, provider: Provider) -> impl Iterator<Item = &User> {
        self.users.iter().filter(move |u| u.provider == provider)
    }

    pub(crate) fn allow<'a>(
        &mut self,
        client_id: &str,
        user: &str,
        scopes: impl IntoIterator<Item = &'a str>,
    ) {
        let given = self
            .consents
            .entry((client_id.to_owned(), user.to_owned()))
            .or_default();
        given.extend(scopes.into_iter().map(str::to_owned));
    }

    pub(crate) fn withdraw(&mut self, client_id: &str, user: &str) {
        self.consents
            .remove(&(client_id.to_owned(), user.to_owned()));
    }

    pub(crate) fn consented(&self, client_id: &str, user: &str, scopes: &[String]) -> bool {
        self.consents
            .get(&(client_id.to_owned(), user.to_owned()))
            .is_some_and(|given| scopes.iter().all(|s| given.contains(s)))
    }
}

const SALESFORCE_SCOPES: &[&str] = &[
    "api",
    "refresh_token",
    "offline_access",
    "openid",
    "id",
    "profile",
    "email",
    "web",
    "full",
];
const BOLDSIGN_SCOPES: &[&str] = &[
    "openid",
    "profile",
    "email",
    "offline_access",
    "BoldSign.Documents.All",
    "BoldSign.Documents.Read",
    "BoldSign.Documents.Write",
    "BoldSign.Documents.Create",
    "BoldSign.Templates.All",
    "BoldSign.Templates.Read",
    "BoldSign.SenderIdentity.All",
];

fn apps(keys: &KeyRing) -> Vec<App> {
    let app = |provider, name, client_id, secret, scopes, grants| App {
        provider,
        name,
        client_id,
        secret,
        keys: Vec::new(),
        scopes,
        grants,
        run_as: None,
    };
    let guid = || Some(random::guid());
    let long = || Some(random::hex::<32>().to_uppercase());
    // BoldSign secrets contain characters that must be percent-encoded in forms and in Basic.
    let awkward = || {
        Some(format!(
            "{}+/%={}",
            random::url_safe::<12>(),
            random::url_safe::<6>()
        ))
    };
    let code: &[&str] = &["authorization_code", "refresh_token"];
    vec![
        App {
            keys: vec![keys.docusign_spare.public(), keys.docusign.public()],
            ..app(
                Provider::Docusign,
                "Signing service",
                DOCUSIGN_SERVICE,
                guid(),
                &[],
                &["jwt", "authorization_code", "refresh_token"],
            )
        },
        app(
            Provider::Docusign,
            "Web shop",
            DOCUSIGN_WEB,
            guid(),
            &[],
            code,
        ),
        app(
            Provider::Docusign,
            "Desktop app",
            DOCUSIGN_PUBLIC,
            None,
            &[],
            code,
        ),
        App {
            keys: vec![keys.salesforce.public()],
            ..app(
                Provider::Salesforce,
                "Nightly import",
                SALESFORCE_SERVICE,
                long(),
                SALESFORCE_SCOPES,
                &["jwt", "authorization_code", "refresh_token"],
            )
        },
        app(
            Provider::Salesforce,
            "Web shop",
            SALESFORCE_WEB,
            long(),
            SALESFORCE_SCOPES,
            &["authorization_code", "refresh_token", "client_credentials"],
        ),
        app(
            Provider::Salesforce,
            "Desktop app",
            SALESFORCE_PUBLIC,
            None,
            SALESFORCE_SCOPES,
            code,
        ),
        App {
            keys: vec![keys.salesforce.public()],
            run_as: Some(SALESFORCE_USER),
            ..app(
                Provider::Salesforce,
                "Batch export",
                SALESFORCE_BATCH,
                long(),
                SALESFORCE_SCOPES,
                &["client_credentials"],
            )
        },
        app(
            Provider::Boldsign,
            "Web shop",
            BOLDSIGN_WEB,
            awkward(),
            BOLDSIGN_SCOPES,
            code,
        ),
        app(
            Provider::Boldsign,
            "Batch sender",
            BOLDSIGN_BATCH,
            awkward(),
            BOLDSIGN_SCOPES,
            &["client_credentials"],
        ),
        app(
            Provider::Boldsign,
            "Television",
            BOLDSIGN_TELEVISION,
            None,
            BOLDSIGN_SCOPES,
            &[
                "urn:ietf:params:oauth:grant-type:device_code",
                "refresh_token",
            ],
        ),
    ]
}

fn users() -> Vec<User> {
    let user = |provider, id, login, given, family| User {
        provider,
        id,
        login,
        given,
        family,
        active: true,
    };
    let inactive = |user| User {
        active: false,
        ..user
    };
    vec![
        user(
            Provider::Docusign,
            DOCUSIGN_USER,
            "alex@example.com",
            "Alex",
            "Kim",
        ),
        user(
            Provider::Docusign,
            DOCUSIGN_UNCONSENTED,
            "blair@example.com",
            "Blair",
            "Novak",
        ),
        inactive(user(
            Provider::Docusign,
            DOCUSIGN_INACTIVE,
            "closed@example.com",
            "Chris",
            "Closed",
        )),
        user(
            Provider::Salesforce,
            SALESFORCE_USER,
            SALESFORCE_USERNAME,
            "Ida",
            "Integration",
        ),
        user(
            Provider::Salesforce,
            SALESFORCE_MEMBER_ID,
            SALESFORCE_MEMBER,
            "Casey",
            "Member",
        ),
        inactive(user(
            Provider::Salesforce,
            "005x00000012Q9RAAU",
            SALESFORCE_INACTIVE,
            "Fran",
            "Frozen",
        )),
        user(
            Provider::Boldsign,
            BOLDSIGN_USER,
            "alex@example.com",
            "Alex",
            "Kim",
        ),
        user(
            Provider::Boldsign,
            "9d5c1f0e-2a43-4f0b-8d1a-7e6f5c4b3a22",
            "blair@example.com",
            "Blair",
            "Novak",
        ),
    ]
}
