//! Lookups: whose a token is, by the rules of the profile.

mod account;

use serde_json::Value;

pub use self::account::Account;

use crate::profile::LookupRules;
use crate::profile::late::{self, Unfilled, Values};
use crate::responses::{on_one_line, read_resource_document};
use crate::{App, Error, ErrorKind, Extra, Request, Response, Token, Url, Verdict, scalar_text};

/// What a lookup found out.
pub(crate) struct Found {
    pub(crate) values: Extra,
    /// The id of the item that was chosen.
    pub(crate) choice: Option<String>,
}

/// The maximum number of items that an error lists.
const MAX_LISTED: usize = 20;

/// The maximum length of an id or a name in an error, in characters.
const MAX_NAME: usize = 80;

/// Returns the request of a lookup, or `None` if the token needs none.
pub(crate) fn request(app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
    let Some(rules) = &app.profile.lookup else {
        return Ok(None);
    };
    let only_claims = rules.kept.is_empty() && rules.also.is_empty();
    if only_claims || !has_scope(app, token, rules) {
        return Ok(None);
    }
    let values = Values {
        client_id: &app.client.id,
        settings: &app.policy.extra,
        kept: token.extra(),
        base_url: app.endpoints.base_url.as_ref().map(Url::as_str),
        userinfo: app.endpoints.userinfo_url.as_ref().map(Url::as_str),
        client_secret: None,
        secrets: None,
    };
    let url = match late::fill_url(&rules.url, values) {
        Ok(Some(url)) => url,
        Ok(None) => return Ok(None),
        Err(Unfilled::Missing(name)) => return without(&name),
        Err(Unfilled::Invalid(why)) => {
            let message = format!("the URL of the lookup is invalid: {why}");
            return Err(Error::new(ErrorKind::Setting, message)
                .with_hint("check the settings in extra, and what the vendor returned"));
        }
    };
    // The lookup may find out what other headers need.
    let headers = token.headers_so_far()?;
    let own = |(name, value): (&str, _)| (name.to_owned(), value);
    let request = headers.into_iter().map(own);
    let request = request.fold(Request::get(url), |request, (name, value)| {
        request.with_header(name, value)
    });
    Ok(Some(request))
}

/// Without a base URL there is no userinfo either. A value that is missing is an error.
fn without(name: &str) -> Result<Option<Request>, Error> {
    if !name.contains('.') {
        return Ok(None);
    }
    let message = format!("the URL of the lookup needs `{name}`, which has no value");
    Err(match name.starts_with("extra.") {
        true => Error::setting(name, message).with_hint(format!("set {name}")),
        false => Error::new(ErrorKind::NoToken, message).with_hint("log in again"),
    })
}

/// Returns whether the token has the scope that the lookup requires. If the vendor didn't say, the
/// requested scopes count.
fn has_scope(app: App<'_>, token: &Token, rules: &LookupRules) -> bool {
    let Some(wanted) = &rules.scope else {
        return true;
    };
    let requested = || app.policy.scopes.contains(wanted);
    let granted = |scopes: &str| scopes.split([' ', ',']).any(|scope| scope == wanted);
    token.scope().map_or_else(requested, granted)
}

/// Which item of a lookup is wanted.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// The one that the grant had until now, if none is set.
    Earlier(Option<&'a str>),
    /// This one.
    This(&'a str),
}

/// Returns the items of the response to a lookup that have an id.
pub(crate) fn accounts(
    app: App<'_>,
    response: &Response,
    earlier: Option<&str>,
) -> Result<Vec<Account>, Error> {
    let document = read_resource_document(app, response)?;
    let Some(rules) = &app.profile.lookup else {
        return Ok(Vec::new());
    };
    let items = Item::all(rules, &document)?;
    let chosen = choose(app, rules, &items, Wanted::Earlier(earlier));
    let chosen = chosen.ok().flatten().and_then(|item| item.id.clone());
    let accounts = items.into_iter().filter_map(|item| {
        let id = item.id?;
        Some(Account {
            is_chosen: chosen.as_ref() == Some(&id),
            label: item.label,
            id,
        })
    });
    Ok(accounts.collect())
}

/// Reads the response to a lookup.
pub(crate) fn read(app: App<'_>, response: &Response, wanted: Wanted<'_>) -> Result<Found, Error> {
    let document = read_resource_document(app, response)?;
    let Some(rules) = &app.profile.lookup else {
        return Err(Error::new(ErrorKind::Internal, "there is no lookup"));
    };
    let items = Item::all(rules, &document)?;
    let chosen = choose(app, rules, &items, wanted)?;
    let mut values = Extra::new();
    let places = rules.kept.iter().filter_map(|(name, pointer)| {
        let value = pointer.find(chosen?.value)?;
        Some((name.clone(), scalar_text(value)?))
    });
    values.extend(places);
    let places = rules.also.iter().filter_map(|(name, pointer)| {
        let value = pointer.find(&document)?;
        Some((name.clone(), scalar_text(value)?))
    });
    values.extend(places);
    Ok(Found {
        values,
        choice: chosen.and_then(|item| item.id.clone()),
    })
}

/// Something that the token is for: an account, a tenant or a site.
struct Item<'a> {
    value: &'a Value,
    id: Option<String>,
    label: Option<String>,
    is_default: bool,
}

impl<'a> Item<'a> {
    /// Returns the items of a response. Leaves out what has no id, if items have one.
    fn all(rules: &LookupRules, document: &'a Value) -> Result<Vec<Self>, Error> {
        let list = match &rules.items {
            None if document.is_array() => document,
            None => return Ok(Self::of(rules, document).into_iter().collect()),
            Some(place) => match place.find(document) {
                None | Some(Value::Null) => return Ok(Vec::new()),
                Some(list) => list,
            },
        };
        let Some(items) = list.as_array() else {
            let place = rules.items.as_ref().map(ToString::to_string);
            let place = place.unwrap_or_default();
            let message = format!("the response to the lookup has no list at `{place}`");
            return Err(Error::new(ErrorKind::Unreadable, message)
                .with_hint("check lookup.items in the profile"));
        };
        Ok(items.iter().filter_map(|it| Self::of(rules, it)).collect())
    }

    fn of(rules: &LookupRules, value: &'a Value) -> Option<Self> {
        value.is_object().then_some(())?;
        let text = |place: &Option<crate::profile::Pointer>| {
            let text = scalar_text(place.as_ref()?.find(value)?)?;
            (!text.is_empty()).then_some(text)
        };
        let id = text(&rules.id);
        (id.is_some() || rules.id.is_none()).then_some(())?;
        Some(Self {
            value,
            id,
            label: text(&rules.label),
            // Some vendors write the boolean as a text.
            is_default: text(&rules.default).is_some_and(|word| word.eq_ignore_ascii_case("true")),
        })
    }

    /// Returns the id and the name for a person, safe for terminals.
    fn shown(&self) -> String {
        let clean = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            on_one_line(text, MAX_NAME)
        };
        match &self.label {
            Some(_) => format!("{} ({})", clean(&self.id), clean(&self.label)),
            None => clean(&self.id),
        }
    }
}

/// Chooses the configured item, the one that the grant had until now, the only one or the default
/// one.
fn choose<'a, 'b>(
    app: App<'_>,
    rules: &LookupRules,
    items: &'b [Item<'a>],
    wanted: Wanted<'_>,
) -> Result<Option<&'b Item<'a>>, Error> {
    let setting = rules.choose.as_ref();
    let (this, earlier) = match wanted {
        Wanted::This(id) => (Some(id), None),
        Wanted::Earlier(earlier) => (None, earlier),
    };
    let set = setting.and_then(|name| app.policy.extra(name));
    if let (Some(this), Some(set), Some(name)) = (this, set, setting)
        && !this.eq_ignore_ascii_case(set)
    {
        let setting = format!("extra.{name}");
        let message = format!(
            "`{setting}` is {}, so {} can't be chosen",
            on_one_line(set, MAX_NAME),
            on_one_line(this, MAX_NAME)
        );
        return Err(
            Error::setting(&setting, message).with_hint(format!("change or remove {setting}"))
        );
    }
    if let Some(this) = this {
        return by_id(items, this)
            .map(Some)
            .ok_or_else(|| not_listed(app, items, this));
    }
    let wanted = set;
    let same = || by_id(items, earlier?);
    let chosen = match (wanted, items) {
        (Some(wanted), _) => by_id(items, wanted),
        (None, [only]) => Some(only),
        (None, _) => same().or_else(|| items.iter().find(|item| item.is_default)),
    };
    if chosen.is_some() {
        return Ok(chosen);
    }
    let vendor = &app.profile.name;
    let setting = setting.map(|name| format!("extra.{name}"));
    match (items.is_empty(), wanted) {
        (true, None) if !rules.required => Ok(None),
        (false, None) if !rules.required => Ok(None),
        (true, _) => {
            let message = format!("{vendor} lists nothing that the token is for");
            Err(Error::new(ErrorKind::Unreadable, message).with_hint(
                "check at the vendor that the user is a member of an account, and that the app may use it",
            ))
        }
        (false, wanted) => {
            let message = match (wanted, &setting) {
                (Some(wanted), Some(setting)) => format!(
                    "`{setting}` is {}, which is not among what {vendor} lists for the token",
                    on_one_line(wanted, MAX_NAME)
                ),
                _ => format!(
                    "{vendor} lists {} for the token, and none is chosen",
                    items.len()
                ),
            };
            let list = listed(items);
            Err(match setting {
                Some(setting) => {
                    Error::setting(&setting, message).with_hint(format!("set it to one of: {list}"))
                }
                None => Error::new(ErrorKind::Unreadable, message)
                    .with_verdict(Verdict::FixConfiguration)
                    .with_hint(format!(
                        "add lookup.choose to the profile, to choose one of: {list}"
                    )),
            })
        }
    }
}

fn not_listed(app: App<'_>, items: &[Item<'_>], wanted: &str) -> Error {
    let vendor = &app.profile.name;
    let wanted = on_one_line(wanted, MAX_NAME);
    let message = format!("{vendor} does not list {wanted} for the token");
    Error::new(ErrorKind::Setting, message).with_hint(format!("choose one of: {}", listed(items)))
}

/// Returns the item with this id. Ignores case if only one differs by nothing else.
fn by_id<'a, 'b>(items: &'b [Item<'a>], wanted: &str) -> Option<&'b Item<'a>> {
    let has = |item: &&Item<'_>| item.id.as_deref() == Some(wanted);
    let exact = items.iter().find(has);
    let is_alike = |item: &&Item<'_>| {
        let id = item.id.as_deref().unwrap_or_default();
        id.eq_ignore_ascii_case(wanted)
    };
    exact.or_else(|| {
        let mut alike = items.iter().filter(is_alike);
        let first = alike.next();
        first.filter(|_| alike.next().is_none())
    })
}

fn listed(items: &[Item<'_>]) -> String {
    let shown: Vec<_> = items.iter().take(MAX_LISTED).map(Item::shown).collect();
    let list = shown.join(", ");
    match items.len().saturating_sub(MAX_LISTED) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
