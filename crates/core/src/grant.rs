//! How a token is asked for: each grant as a form, with the app's authentication.

use crate::parameters::is_ours;
use crate::profile::Rotation;
use crate::{
    BasicEncoding, ClientAuth, Connection, Error, ErrorKind, Form, GrantKind, Moment, Random,
    Request, Secret, assertion, form,
};

/// `grant_type` of an assertion (RFC 7523 section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `client_assertion_type` (RFC 7523 section 2.2).
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// One use of a grant, with what it spends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// A signed assertion (RFC 7523 section 2.1).
    JwtBearer,
    /// The app for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// The code that a login brought (RFC 6749 section 4.1.3); made by
    /// [`Login::finish`](crate::Login::finish).
    AuthorizationCode {
        /// The code, to be sent once.
        code: Secret,
        /// The redirect URI of the login.
        redirect_uri: String,
        /// The PKCE verifier of the login (RFC 7636 section 4.5).
        verifier: Secret,
    },
    /// A refresh token (RFC 6749 section 6).
    RefreshToken(Secret),
}

/// Which kind of token is to be revoked (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token, whose revocation ends the grant.
    RefreshToken,
}

impl TokenTypeHint {
    /// The value of the parameter `token_type_hint`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl Grant {
    /// Which grant it is.
    pub fn kind(&self) -> GrantKind {
        match self {
            Self::JwtBearer => GrantKind::JwtBearer,
            Self::ClientCredentials => GrantKind::ClientCredentials,
            Self::AuthorizationCode { .. } => GrantKind::AuthorizationCode,
            Self::RefreshToken(_) => GrantKind::RefreshToken,
        }
    }
}

impl Connection {
    /// The request that asks for a token: a pure function of its inputs, no I/O.
    ///
    /// Each call makes fresh assertions, with their own `jti`, `iat` and `exp`.
    ///
    /// # Errors
    ///
    /// Where the connection lacks what the grant needs, or signing fails.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::{Clock, Connection, Grant, ManualClock, Profile, Settings, SystemRandom};
    ///
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     grants.client-credentials.client_auth = ["post"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign::from_profile(profile))?;
    /// let now = ManualClock::at(1_700_000_000).now();
    /// let request = connection.token_request(&Grant::ClientCredentials, now, &SystemRandom::new())?;
    /// assert_eq!(
    ///     request.body().unwrap().as_str(),
    ///     "grant_type=client_credentials&client_id=app&client_secret=s3cret",
    /// );
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn token_request(
        &self,
        grant: &Grant,
        now: Moment,
        random: &dyn Random,
    ) -> Result<Request, Error> {
        let form = self.grant_form(grant, now, random)?;
        let (form, authorization) = self.authenticate_client(form, grant, now, random)?;
        let mut request = Request::post(self.token_url().clone(), form);
        if let Some(authorization) = authorization {
            request = request.with_header("Authorization", authorization);
        }
        if self.spends_single_use_secret(grant) {
            request = request.spending_a_single_use_secret();
        }
        Ok(request)
    }

    /// The request that revokes a token (RFC 7009 section 2.1); `None` if the provider has no
    /// revocation endpoint.
    ///
    /// # Errors
    ///
    /// If the client authentication cannot be made.
    pub fn revocation_request(
        &self,
        token: &Secret,
        hint: TokenTypeHint,
        now: Moment,
        random: &dyn Random,
    ) -> Result<Option<Request>, Error> {
        let Some(url) = self.revoke_url() else {
            return Ok(None);
        };
        let form = Form::new()
            .field("token", token.expose())
            .field("token_type_hint", hint.as_str());
        if self.profile().endpoints.revoke_without_client {
            return Ok(Some(Request::post(url.clone(), form)));
        }
        let as_refresh = Grant::RefreshToken(token.clone());
        let (form, authorization) = self.authenticate_client(form, &as_refresh, now, random)?;
        let request = Request::post(url.clone(), form);
        Ok(Some(match authorization {
            Some(authorization) => request.with_header("Authorization", authorization),
            None => request,
        }))
    }

    /// Whether this grant spends something that the server takes once.
    pub(crate) fn spends_single_use_secret(&self, grant: &Grant) -> bool {
        match grant {
            Grant::AuthorizationCode { .. } => true,
            Grant::RefreshToken(_) => self.profile().refresh.rotation != Rotation::Never,
            Grant::JwtBearer | Grant::ClientCredentials => false,
        }
    }

    fn grant_form(&self, grant: &Grant, now: Moment, random: &dyn Random) -> Result<Form, Error> {
        let form = Form::new();
        let rules = self.profile().grants.get(&grant.kind());
        let form = match grant {
            Grant::JwtBearer => form
                .field("grant_type", JWT_BEARER)
                .field("assertion", assertion::of_grant(self.app(), now, random)?),
            Grant::ClientCredentials => form.field("grant_type", "client_credentials"),
            Grant::AuthorizationCode {
                code,
                redirect_uri,
                verifier,
            } => {
                let form = form
                    .field("grant_type", "authorization_code")
                    .field("code", code.expose());
                let form = match rules.is_some_and(|rules| rules.send_redirect_uri) {
                    true => form.field("redirect_uri", redirect_uri),
                    false => form,
                };
                form.field("code_verifier", verifier.expose())
            }
            Grant::RefreshToken(token) => form
                .field("grant_type", "refresh_token")
                .field("refresh_token", token.expose()),
        };
        let scopes = self.scopes().join(" ");
        let send = rules.is_some_and(|rules| rules.send_scope) && !scopes.is_empty();
        let form = match send {
            true => form.field("scope", scopes),
            false => form,
        };
        let form = self.with_params(form, grant.kind())?;
        self.with_parameters(form, grant.kind())
    }

    /// Adds what the profile says in `params`, in the place of a field of the same name.
    fn with_params(&self, form: Form, grant: GrantKind) -> Result<Form, Error> {
        let Some(rules) = self.profile().grants.get(&grant) else {
            return Ok(form);
        };
        self.app()
            .params(grant, rules)?
            .into_iter()
            .try_fold(form, |form, (name, values)| {
                let mut values = values.into_iter();
                let form = match values.next() {
                    Some(first) => form.with(name.to_owned(), first),
                    None => form.without(name),
                };
                Ok(values.fold(form, |form, more| form.field(name.to_owned(), more)))
            })
    }

    /// Adds what only this vendor wants.
    fn with_parameters(&self, form: Form, grant: GrantKind) -> Result<Form, Error> {
        let parameters = self.provider().parameters(self.app(), grant)?;
        parameters
            .into_iter()
            .try_fold(form, |form, (name, value)| {
                if is_ours(&name) {
                    let id = &self.profile().id;
                    let message = format!(
                        "provider `{id}` may not write the parameter `{name}` of a request"
                    );
                    return Err(Error::new(ErrorKind::Plugin, message));
                }
                Ok(form.with(name, value))
            })
    }

    /// Adds the app's proof to the form, or makes the `Authorization` header that carries it.
    fn authenticate_client(
        &self,
        form: Form,
        grant: &Grant,
        now: Moment,
        random: &dyn Random,
    ) -> Result<(Form, Option<Secret>), Error> {
        let id = self.client_id();
        let rules = self.profile().grants.get(&grant.kind());
        let says_who = rules.is_some_and(|rules| rules.send_client_id);
        let form = match self.client_auth() {
            // The assertion says who asks.
            ClientAuth::None if matches!(grant, Grant::JwtBearer) && !says_who => form,
            ClientAuth::None => form.field("client_id", id),
            ClientAuth::Basic => return Ok((form, Some(self.basic()?))),
            ClientAuth::Post => form
                .field("client_id", id)
                .field("client_secret", self.client().require_secret()?.expose()),
            ClientAuth::PrivateKeyJwt => {
                let signer = self.client().require_signer()?;
                let assertion = assertion::of_client(self.app(), signer, now, random)?;
                form.field("client_id", id)
                    .field("client_assertion_type", CLIENT_ASSERTION)
                    .field("client_assertion", assertion)
            }
            ClientAuth::ClientSecretJwt => {
                let key = crate::PrivateKey::from_secret(self.client().require_secret()?.expose());
                let signer = crate::KeySigner::new(key, None, None)?;
                form.field("client_id", id)
                    .field("client_assertion_type", CLIENT_ASSERTION)
                    .field(
                        "client_assertion",
                        assertion::of_client(self.app(), &signer, now, random)?,
                    )
            }
        };
        Ok((form, None))
    }

    /// `Basic` (RFC 6749 section 2.3.1, RFC 7617 section 2).
    fn basic(&self) -> Result<Secret, Error> {
        let (id, secret) = (self.client_id(), self.client().require_secret()?.expose());
        let mut pair =
            zeroize::Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
        match self.basic_encoding() {
            BasicEncoding::Raw => {
                pair.push_str(id);
                pair.push(':');
                pair.push_str(secret);
            }
            BasicEncoding::Rfc6749 => {
                form::encode_into(id, &mut pair);
                pair.push(':');
                form::encode_into(secret, &mut pair);
            }
        }
        let encoded = base64_simd::STANDARD.encode_to_string(pair.as_bytes());
        let encoded = zeroize::Zeroizing::new(encoded);
        Ok(Secret::new(format!("Basic {}", *encoded)))
    }
}
