//! Thirty seeded mistakes, and the agreement of the description with what is read.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::profile::fields::{FIELDS, Kind};
use crate::profile::{Profile, find_mistakes, json_schema};

const GOOD: &str = r#"id = "acme"
name = "Acme"
documentation = "https://acme.example/docs"

[environments.production]
base_url = "https://{extra.tenant}.acme.example"
audience = "{base_url}/api"

[endpoints]
token = "{base_url}/token"
authorize = "{base_url}/authorize"
userinfo = "{base_url}/me"

[grants.authorization-code]
client_auth = ["basic", "none"]
default_scopes = ["read", "offline"]

[grants.refresh-token]
client_auth = ["basic", "none"]

[grants.jwt-bearer]
client_auth = ["none"]
params = { tenant = "{extra.tenant}" }

[assertion]
algorithms = ["RS256"]
ttl_s = 300

[refresh]
rotation = "always"

[response]
expires_in = "/expires_at"
expires_as = "unix"

[use]
headers = { "Acme-Site" = "{kept.site}" }

[lookup]
items = "/sites"
id = "/id"
kept = { site = "/id" }

[extra]
tenant = "the tenant's name"

[[errors]]
status = 401
kind = "rejected"
setting = "client_secret"
hint = "check client_secret"
"#;

/// What to replace, by what, a part of the message, and a part of the fix.
const SEEDED: &[(&str, &str, &str, &str)] = &[
    (
        "id = \"acme\"",
        "id = \"ac me\"",
        "`id` must consist of",
        "set `id` to text",
    ),
    ("name = \"Acme\"\n", "", "`name` is missing", "add `name`"),
    (
        "name = \"Acme\"",
        "nmae = \"Acme\"",
        "unknown field `nmae`",
        "write `name`",
    ),
    (
        "documentation = \"https:",
        "documentation = \"http:",
        "is not an https URL",
        "set it to the vendor's page",
    ),
    (
        "base_url = \"https://{",
        "base_url = \"{",
        "`environments.production.base_url`",
        "https",
    ),
    (
        "https://{extra.tenant}",
        "https://{extra.tennant}",
        "`{extra.tennant}` is not known",
        "write `{extra.tenant}`",
    ),
    (
        "https://{extra.tenant}",
        "https://{extra.tenant|upcase}",
        "the filter `|upcase` is not known",
        "one of",
    ),
    (
        "https://{extra.tenant}",
        "https://{extra.tenant",
        "unmatched brace",
        "URL",
    ),
    (
        "audience = \"{base_url}",
        "audience = \"{client_secret}",
        "is secret",
        "URL",
    ),
    (
        "token = \"{base_url}/token\"",
        "token = 3",
        "invalid type: integer `3`",
        "URL",
    ),
    (
        "authorize = \"{base_url}/authorize\"\n",
        "",
        "`endpoints.authorize` is missing",
        "authorization endpoint",
    ),
    (
        "token = \"{base_url}/token\"",
        "token = \"/token\"",
        "`endpoints.token`",
        "`{base_url}`",
    ),
    (
        "userinfo =",
        "user_info =",
        "unknown field `user_info`",
        "write `userinfo`",
    ),
    (
        "[grants.refresh-token]",
        "[grants.refresh_token]",
        "unknown variant `refresh_token`",
        "write `refresh-token`",
    ),
    (
        "client_auth = [\"basic\", \"none\"]\ndefault",
        "default",
        "`grants.authorization-code.client_auth` is missing",
        "add `client_auth`",
    ),
    (
        "client_auth = [\"basic\", \"none\"]\ndefault",
        "client_auth = [\"basics\"]\ndefault",
        "unknown variant `basics`",
        "write `basic`",
    ),
    (
        "client_auth = [\"basic\", \"none\"]\n\n",
        "client_auth = []\n\n",
        "`grants.refresh-token.client_auth` is empty",
        "array of",
    ),
    (
        "default_scopes = [\"read\", \"offline\"]",
        "default_scopes = [\"read offline\"]",
        "looks like several scopes",
        "each scope",
    ),
    (
        "params = { tenant",
        "params = { client_id",
        "authenticates the app",
        "template",
    ),
    (
        "params = { tenant",
        "parms = { tenant",
        "unknown field `parms`",
        "write `params`",
    ),
    (
        "algorithms = [\"RS256\"]",
        "algorithms = [\"RS-256\"]",
        "`assertion.algorithms`",
        "RS256",
    ),
    (
        "algorithms = [\"RS256\"]\n",
        "",
        "`assertion.algorithms` is empty",
        "algorithms",
    ),
    (
        "ttl_s = 300",
        "ttl_s = 7200",
        "`assertion.ttl_s` exceeds",
        "whole number",
    ),
    (
        "ttl_s = 300",
        "ttl_s = \"300\"",
        "invalid type: string \"300\"",
        "whole number",
    ),
    (
        "ttl_s = 300",
        "claims = { exp = 1 }",
        "`assertion.claims.exp` is set for each assertion",
        "assertion.claims.exp",
    ),
    (
        "rotation = \"always\"",
        "rotation = \"allways\"",
        "unknown variant `allways`",
        "write `always`",
    ),
    (
        "expires_in = \"/expires_at\"\n",
        "",
        "`response.expires_as` needs",
        "name the member",
    ),
    (
        "{kept.site}",
        "{kept.sight}",
        "`use.headers.Acme-Site` is invalid",
        "`{kept.site}`",
    ),
    (
        "[extra]\ntenant =",
        "[extra]\nunused = \"nothing\"\ntenant =",
        "nothing uses it",
        "remove it",
    ),
    (
        "kind = \"rejected\"\n",
        "",
        "`errors.kind` is missing",
        "add `kind`",
    ),
    (
        "setting = \"client_secret\"",
        "setting = \"client_secrets\"",
        "is not a setting",
        "write `client_secret`",
    ),
    (
        "[[errors]]",
        "[[errors]]\nkind = \"throttled\"\nhint = \"wait\"\n\n[[errors]]",
        "row 2 of `errors` never matches",
        "more specific row first",
    ),
    ("[refresh]", "[refresh", "", "correct the syntax"),
];

/// Returns the line of the first difference.
fn line_of(text: &str) -> usize {
    let same = GOOD.lines().zip(text.lines()).take_while(|(a, b)| a == b);
    same.count() + 1
}

#[test]
fn the_good_profile_has_no_mistake() {
    Profile::from_toml(GOOD).unwrap();
    assert_eq!(find_mistakes(GOOD), []);
}

#[test]
fn each_seeded_mistake_is_found_with_its_line_and_a_fix() {
    assert!(SEEDED.len() >= 30);
    let mut wrong = Vec::new();
    for (from, to, says, fix) in SEEDED {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let found = find_mistakes(&text);
        let hit = found
            .iter()
            .find(|it| it.message.contains(says) && it.fix.contains(fix));
        let line = line_of(&text);
        // What is missing is reported where its table begins.
        let near = |found: usize| match says.contains("missing")
            || says.contains("empty")
            || says.contains("needs")
            || says.contains("row 2")
        {
            true => found <= line + 6,
            false => found == line,
        };
        match hit {
            Some(hit) if near(hit.line) && found.len() == 1 => {}
            _ => wrong.push(format!("{to:?} in line {line}: {found:#?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        SEEDED.len(),
        wrong.join("\n")
    );
}

#[test]
fn many_mistakes_are_found_at_once() {
    let mut text = GOOD.to_owned();
    let mut seeded = 0;
    for (from, to, says, _) in SEEDED {
        // Not those of syntax, which hide the rest, and advice, which comes last.
        let is_error = !says.is_empty() && Profile::from_toml(&GOOD.replacen(from, to, 1)).is_err();
        if is_error && text.matches(from).count() == 1 {
            text = text.replacen(from, to, 1);
            seeded += 1;
        }
    }
    let found = find_mistakes(&text);
    assert!(
        seeded >= 15 && found.len() + 1 >= seeded,
        "{seeded}: {found:#?}"
    );
    assert!(
        found
            .iter()
            .all(|mistake| mistake.is_error && !mistake.fix.is_empty())
    );
}

#[test]
fn the_schema_accepts_profiles_and_rejects_mistakes_of_form() {
    let schema = json_schema();
    let json = |text: &str| toml::from_str::<Json>(text).unwrap();
    for text in [GOOD, include_str!("../../testing/acme.toml")] {
        assert_eq!(invalid(&schema, &json(text)), None);
    }
    let mut rejected = 0;
    for (from, to, _, _) in SEEDED {
        let text = GOOD.replacen(from, to, 1);
        let Ok(mistaken) = toml::from_str::<Json>(&text) else {
            continue;
        };
        rejected += usize::from(invalid(&schema, &mistaken).is_some());
    }
    assert!(rejected >= 12, "{rejected}");
}

/// Returns where a value is invalid, by the keywords that the schema uses.
fn invalid(schema: &Json, value: &Json) -> Option<String> {
    if let Some(any) = schema["anyOf"].as_array() {
        return any
            .iter()
            .all(|one| invalid(one, value).is_some())
            .then(|| format!("{value}"));
    }
    if let Some(words) = schema["enum"].as_array() {
        return (!words.contains(value)).then(|| format!("{value} is not in {words:?}"));
    }
    let kinds = match &schema["type"] {
        Json::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_u64().is_some(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    if !kinds.iter().any(|kind| is(kind.as_str().unwrap())) {
        return Some(format!("{value} is not {kinds:?}"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| match schema.get("items") {
            Some(schema) => invalid(schema, item),
            None => None,
        });
    }
    let members = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required {
        if !members.contains_key(name.as_str().unwrap()) {
            return Some(format!("{name} is missing"));
        }
    }
    members.iter().find_map(|(name, value)| {
        if schema
            .get("propertyNames")
            .is_some_and(|names| invalid(names, &json!(name)).is_some())
        {
            return Some(format!("{name} is not allowed"));
        }
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Json::Null, Json::Bool(false)) => Some(format!("{name} is unknown")),
            (Json::Null, other) | (other, _) => invalid(other, value),
        }
    })
}

const BASE: &str = "id = \"acme\"\nname = \"Acme\"\ndocumentation = \"https://acme.example\"\n\
                    environments.demo.base_url = \"https://acme.example\"\n\
                    endpoints.token = \"{base_url}/token\"\n\
                    grants.client-credentials.client_auth = [\"post\"]\n";

/// Returns the words that the error for an unknown word or field lists.
fn listed(line: &str) -> BTreeSet<String> {
    let key = line.split(" = ").next().unwrap();
    let base = BASE
        .lines()
        .filter(|other| other.split(" = ").next() != Some(key));
    let text = format!("{}\n{line}\n", base.collect::<Vec<_>>().join("\n"));
    let error = Profile::from_toml(&text).expect_err(line);
    let Some((_, known)) = error.message().split_once(", expected ") else {
        panic!("{line}: {error}");
    };
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Returns a line that sets a field of the description.
fn set(path: &str, value: &str) -> String {
    match path.strip_prefix("errors.*.") {
        Some(field) => format!("errors = [{{ {field} = {value} }}]"),
        None => {
            let path = path.replace("environments.*", "environments.demo");
            format!(
                "{} = {value}",
                path.replace("grants.*", "grants.client-credentials")
            )
        }
    }
}

#[test]
fn the_description_has_the_fields_that_are_read() {
    let mut tables = BTreeSet::new();
    for field in FIELDS {
        let mut path = field.path;
        while let Some((table, _)) = path.rsplit_once('.') {
            tables.insert(table);
            path = table;
        }
    }
    // Tables whose names a profile chooses.
    let is_open = |table: &str| {
        FIELDS.iter().any(|field| {
            field
                .path
                .strip_prefix(table)
                .is_some_and(|rest| rest.starts_with(".*"))
        })
    };
    for table in tables
        .into_iter()
        .filter(|table| !is_open(table))
        .chain([""])
    {
        let prefix = if table.is_empty() {
            String::new()
        } else {
            format!("{table}.")
        };
        let names = FIELDS
            .iter()
            .filter_map(|field| field.path.strip_prefix(prefix.as_str()));
        let described: BTreeSet<_> = names
            .map(|rest| rest.split('.').next().unwrap().to_owned())
            .collect();
        assert_eq!(
            described,
            listed(&set(&format!("{prefix}zzzzzzzz"), "1")),
            "[{table}]"
        );
    }
}

#[test]
fn the_description_has_the_words_that_are_read() {
    for field in FIELDS {
        let (words, value) = match field.kind {
            Kind::Word(words) => (words, "\"zzzzzzzz\""),
            // An algorithm is explained in its own way.
            Kind::Words(words) if !words.contains(&"RS256") => (words, "[\"zzzzzzzz\"]"),
            _ => continue,
        };
        let words: BTreeSet<_> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(words, listed(&set(field.path, value)), "{}", field.path);
    }
}
