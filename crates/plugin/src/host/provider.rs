//! Implements core's `Provider` with a plugin's functions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign_core::{
    App, Error, ErrorKind, Extra, GrantKind, Profile, Provider, Request, Response, Token, Url,
    read_resource_response,
};
use zeroize::Zeroizing;

use super::call::{Call, Function, Writes, Written, fault};
use super::library::{Library, Vtable};
use super::shown::Shown;
use super::{Services, table};

/// A provider from a plugin.
#[derive(Debug)]
pub(super) struct PluginProvider {
    described: Described,
    profile: Profile,
}

/// A provider without its profile, which its plugin returns.
struct Described {
    library: Arc<Library>,
    vtable: Vtable,
    services: Arc<Services>,
}

impl PluginProvider {
    /// Creates a provider with the profile that the plugin returns.
    pub(super) fn new(
        library: &Arc<Library>,
        vtable: Vtable,
        services: &Arc<Services>,
    ) -> Result<Self, Error> {
        let described = Described {
            library: Arc::clone(library),
            vtable,
            services: Arc::clone(services),
        };
        let profile = described.profile()?;
        Ok(Self { described, profile })
    }
}

impl Described {
    fn profile(&self) -> Result<Profile, Error> {
        let function = self.vtable.table.profile;
        let shown = Shown::default();
        let written = self.call("profile", function, shown, Writes::Only("profile"))?;
        let Some(text) = written.get("profile") else {
            return Err(self.breach("`profile` set no profile"));
        };
        let profile = Profile::from_toml(text)
            .map_err(|error| self.breach(&format!("`profile` set an invalid profile: {error}")))?;
        if profile.id != self.vtable.id {
            let (vtable, profile) = (self.vtable.id, &profile.id);
            return Err(self.breach(&format!(
                "the profile's id is `{profile}`, but the vtable's id is `{vtable}`"
            )));
        }
        Ok(profile)
    }

    /// Calls a function of the plugin. Returns nothing if the plugin doesn't have the function.
    fn call(
        &self,
        name: &'static str,
        function: Option<Function>,
        shown: Shown,
        writes: Writes,
    ) -> Result<Written, Error> {
        let Some(function) = function else {
            return Ok(Written::new());
        };
        let call = Call {
            library: Arc::clone(&self.library),
            services: Arc::clone(&self.services),
            provider: self.vtable.id,
            name,
            shown,
            writes,
            state: Mutex::default(),
        };
        call.run(function, &table::HOST)
    }

    /// Builds an error for a violation of the ABI, and marks the plugin as suspect.
    fn breach(&self, what: &str) -> Error {
        self.library.suspect(what);
        fault(&self.library, self.vtable.id, what)
    }
}

impl Provider for PluginProvider {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn check(&self, app: App<'_>) -> Result<(), Error> {
        let function = self.described.vtable.table.check;
        let shown = Shown::settings(app);
        self.described
            .call("check", function, shown, Writes::Nothing)
            .map(drop)
    }

    fn parameters(&self, app: App<'_>, grant: GrantKind) -> Result<Vec<(String, String)>, Error> {
        let function = self.described.vtable.table.parameters;
        let shown = Shown::settings(app).with_grant(grant);
        let written = self
            .described
            .call("parameters", function, shown, Writes::Anything)?;
        let own = |(name, value): (String, Zeroizing<String>)| (name, value.to_string());
        Ok(written.into_iter().map(own).collect())
    }

    fn translate(
        &self,
        app: App<'_>,
        response: &Response,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let function = self.described.vtable.table.translate;
        if function.is_none() {
            return Ok(None);
        }
        let shown = Shown::settings(app).with_response(response);
        let written = self
            .described
            .call("translate", function, shown, Writes::Anything)?;
        if written.is_empty() {
            return Ok(None);
        }
        let mut members = BTreeMap::new();
        members.extend(written.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let body = serde_json::to_vec(&members).map_err(|error| {
            let message = format!("cannot write the response as JSON: {error}");
            Error::new(ErrorKind::Internal, message)
        })?;
        Ok(Some(Zeroizing::new(body)))
    }

    fn read(&self, app: App<'_>, extra: &mut Extra) -> Result<(), Error> {
        let function = self.described.vtable.table.read;
        let shown = Shown::settings(app).with_token(extra);
        let written = self
            .described
            .call("read", function, shown, Writes::Anything)?;
        extra.extend(plain(written));
        Ok(())
    }

    fn identity_request(&self, app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let function = self.described.vtable.table.identity;
        let shown = Shown::settings(app).with_token(token.extra());
        let written = self
            .described
            .call("identity", function, shown, Writes::Only("url"))?;
        let Some(url) = written.get("url") else {
            return Ok(None);
        };
        let url = Url::parse(url).map_err(|error| {
            self.described
                .breach(&format!("`identity` set an invalid URL: {error}"))
        })?;
        Ok(Some(Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        // Error responses are read here, as for every provider.
        read_resource_response(app, response)?;
        let function = self.described.vtable.table.read_identity;
        let shown = Shown::settings(app).with_response(response);
        let written = self
            .described
            .call("read_identity", function, shown, Writes::Anything)?;
        Ok(plain(written))
    }
}

fn plain(written: Written) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in written {
        extra.insert(name, value.to_string());
    }
    extra
}

impl std::fmt::Debug for Described {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Described")
            .field("plugin", &self.library.name())
            .field("id", &self.vtable.id)
            .finish_non_exhaustive()
    }
}
