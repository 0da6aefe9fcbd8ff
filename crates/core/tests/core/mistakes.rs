//! Mistakes in what a profile says about responses, tokens and lookups: each names the field.

use crate::support::profile;

#[test]
fn mistakes_about_responses_are_named() {
    for (line, says) in [
        (
            "response.access_token = \"\"",
            "`response.access_token`: `` names no member",
        ),
        (
            "response.access_token = \"/\"",
            "`response.access_token`: `/` names no member",
        ),
        (
            "response.scope = [\"/a\", \"/a~b\"]",
            "`response.scope`: `/a~b` is not a JSON pointer: write `~0`",
        ),
        (
            "response.error = \"$.a.b\"",
            "`response.error`: `$.a.b` is not a JSON pointer: write `/a/b`",
        ),
        (
            "response.kept.x = \"\"",
            "`response.kept.x`: `` names no member",
        ),
        (
            "response.kept.x = { id_token = \"/~\" }",
            "`response.kept.x`: `/~` is not a JSON pointer",
        ),
        (
            "response.kept.x = { header = \"a b\" }",
            "`response.kept.x` must be the name of a header",
        ),
        (
            "response.kept.x = \"/x\"\nresponse.keep = [\"x\"]",
            "`response.kept.x` is in `response.keep` as well",
        ),
        (
            "response.success = { ok = [true] }",
            "`response.success.ok` must be text, a number, true or false",
        ),
        (
            "response.success = { \"/\" = true }",
            "`response.success`: `/` names no member",
        ),
        (
            "response.expires_as = \"unix\"",
            "`response.expires_as` needs `response.expires_in`",
        ),
        (
            "response.expires_as = \"jwt\"\nresponse.expires_in = \"x\"",
            "`response.expires_in` is not read if",
        ),
        (
            "response.expires_as = \"never\"\nresponse.assume_lifetime_s = 1",
            "`response.assume_lifetime_s` contradicts",
        ),
        (
            "[[errors]]\nkind = \"rejected\"\nhint = \"\"\nmembers = { a = {} }",
            "`errors.members.a` must be text",
        ),
        (
            "[[errors]]\nkind = \"rejected\"\nhint = \"\"\nheaders = { \"a b\" = \"\" }",
            "`errors.headers.a b` must be the name of a header",
        ),
    ] {
        let error = profile(line).expect_err(line);
        let says = format!("profile `plain`: {says}");
        assert!(error.message().starts_with(&says), "{line}: {error}");
    }
    for (line, says) in [
        (
            "response.access_token = 3",
            "`response.access_token`: invalid type: integer `3`, expected a JSON pointer or a list of them",
        ),
        (
            "response.access_token = []",
            "`response.access_token`: invalid length 0, expected a JSON pointer or a list of them",
        ),
        (
            "response.expires_as = \"secs\"",
            "`response.expires_as`: unknown variant `secs`",
        ),
        (
            "response.kept.x = { cookie = \"x\" }",
            "`response.kept.x`: unknown field `cookie`, expected `id_token` or `header`",
        ),
        (
            "response.kept.x = {}",
            "`response.kept.x`: invalid length 0, expected a JSON pointer, { id_token",
        ),
        (
            "response.kept.x = { header = \"A\", id_token = \"/b\" }",
            "`response.kept.x`: invalid length 2",
        ),
    ] {
        let error = profile(line).expect_err(line);
        let says = format!("profile in line 13: {says}");
        assert!(error.message().starts_with(&says), "{line}: {error}");
    }
}

#[test]
fn mistakes_about_the_use_of_tokens_are_named() {
    let known = "extra.site = \"s\"\nresponse.keep = [\"tenant\"]\n";
    for (line, says) in [
        ("use.scheme = \"\"", "`use.scheme` must be the scheme"),
        ("use.scheme = \"a b\"", "`use.scheme` must be the scheme"),
        (
            "use.header = \"a b\"",
            "`use.header` must be the name of a header",
        ),
        (
            "use.header = \"Host\"",
            "`use.header` is a header that each request sets itself",
        ),
        (
            "use.header = \"X-A\"\nuse.scheme = \"B\"",
            "`use.header` contradicts `use.scheme`",
        ),
        (
            "use.headers.Cookie = \"x\"",
            "`use.headers.Cookie` is a header that each request sets itself",
        ),
        (
            "use.headers.transfer-encoding = \"x\"",
            "`use.headers.transfer-encoding` is a header",
        ),
        (
            "use.headers.\"a:b\" = \"x\"",
            "`use.headers.a:b` must be the name of a header",
        ),
        (
            "use.headers.authorization = \"x\"",
            "`use.headers.authorization` is the header of the token",
        ),
        (
            "use.header = \"X-T\"\nuse.headers.x-t = \"x\"",
            "`use.headers.x-t` is the header of the token",
        ),
        (
            "use.headers.A = \"x\"\nuse.headers.a = \"x\"",
            "`use.headers.a` is there twice",
        ),
        (
            "use.headers.A = \"x\\r\\ny\"",
            "`use.headers.A` must consist of printable ASCII",
        ),
        (
            "use.headers.A = \"\"",
            "`use.headers.A` must consist of printable ASCII",
        ),
        (
            "use.headers.A = \"{\"",
            "`use.headers.A` is invalid: \"{\" has an unmatched brace",
        ),
        (
            "use.headers.A = \"{kept.tenent}\"",
            "`use.headers.A` is invalid: `{kept.tenent}` is not kept by `response`, `authorize.keep` or `lookup`; did you mean `{kept.tenant}`?",
        ),
        (
            "use.headers.A = \"{extra.sight}\"",
            "`use.headers.A` is invalid: `{extra.sight}` is not known here; did you mean `{extra.site}`?",
        ),
        (
            "use.headers.A = \"{refresh_token}\"",
            "`use.headers.A` is invalid: `{refresh_token}` is not known here",
        ),
        (
            "use.headers.A = \"{access_token}\"",
            "`use.headers.A` is invalid: `{access_token}` is not known here",
        ),
        (
            "use.headers.A = \"{userinfo}\"",
            "`use.headers.A` is invalid: `{userinfo}` is not known here",
        ),
        (
            "use.headers.A = \"{client_id|uper}\"",
            "`use.headers.A` is invalid: the filter `|uper` is not known; did you mean `|upper`?",
        ),
        (
            "use.api_base = \"http://api.example\"",
            "`use.api_base` is invalid: ",
        ),
        ("use.api_base = \"/api\"", "`use.api_base` is invalid: "),
        (
            "response.kept.api_base = \"/api\"\nuse.api_base = \"{kept.api_base}\"",
            "`use.api_base` is invalid: `{kept.api_base}` is not kept",
        ),
        (
            "use.api_base = \"{extra.site}/api\"",
            "`use.api_base` is invalid: it must begin with `https://`",
        ),
        (
            "use.api_base = \"{kept.tenant}.example\"",
            "`use.api_base` is invalid: a whole URL must be followed by `/`",
        ),
        (
            "use.api_base = \"{kept.tenant}{extra.site}\"",
            "`use.api_base` is invalid: a whole URL must be followed by `/`",
        ),
        (
            "use.api_base = \"https://a.example:{extra.site}\"",
            "`use.api_base` is invalid: ",
        ),
        (
            "use.api_base = \"https://{kept.nothing}\"",
            "`use.api_base` is invalid: `{kept.nothing}` is not kept",
        ),
    ] {
        let error = profile(&format!("{known}{line}")).expect_err(line);
        let says = format!("profile `plain`: {says}");
        assert!(error.message().starts_with(&says), "{line}: {error}");
    }
    let error = profile("use.sheme = \"x\"").unwrap_err();
    assert!(
        error
            .message()
            .contains("`use`: unknown field `sheme`; did you mean `scheme`?"),
        "{error}"
    );
    assert!(
        profile("[[use]]\nscheme = \"x\"")
            .unwrap_err()
            .message()
            .contains("it must be a table")
    );
}

#[test]
fn mistakes_about_lookups_are_named() {
    let known = "extra.site = \"s\"\nlookup.url = \"https://a.example\"\n";
    for (line, says) in [
        ("lookup.items = \"\"", "`lookup.items`: `` names no member"),
        (
            "lookup.id = \"/~\"",
            "`lookup.id`: `/~` is not a JSON pointer",
        ),
        (
            "lookup.kept.x = \"$.a\"",
            "`lookup.kept.x`: `$.a` is not a JSON pointer: write `/a`",
        ),
        (
            "lookup.also.x = \"a\"\nlookup.kept.x = \"b\"",
            "`lookup` has `x` twice",
        ),
        (
            "lookup.choose = \"site\"",
            "`lookup.choose` needs `lookup.id`",
        ),
        (
            "lookup.choose = \"sites\"\nlookup.id = \"id\"",
            "`lookup.choose` names `sites`, which is not in `extra`: did you mean `site`?",
        ),
        (
            "lookup.required = true",
            "`lookup.required` needs `lookup.kept`",
        ),
        (
            "lookup.choose = \"site\"\nlookup.id = \"id\"\ngrants.jwt-bearer.client_auth = [\"none\"]\nassertion.algorithms = [\"RS256\"]\nassertion.claims.x = \"{extra.site}\"",
            "`lookup.choose` names `site`, on which requests depend",
        ),
        (
            "lookup.choose = \"site\"\nlookup.id = \"id\"\nauthorize.params.x = \"{extra.site?}\"",
            "`lookup.choose` names `site`, on which requests depend",
        ),
    ] {
        let error = profile(&format!("{known}{line}")).expect_err(line);
        let says = format!("profile `plain`: {says}");
        assert!(error.message().starts_with(&says), "{line}: {error}");
    }
    for (url, says) in [
        (
            "{userinfos}",
            "`{userinfos}` is not known here; did you mean `{userinfo}`?",
        ),
        ("{extra.x}", "`{extra.x}` is not known here"),
        ("{kept.x}", "`{kept.x}` is not kept by"),
        ("http://a.example", ""),
        ("{userinfo}x", "a whole URL must be followed by `/`"),
        (
            "https://a.example/{userinfo}",
            "`{userinfo}` is a whole URL and must come first",
        ),
        (
            "{client_id}",
            "it must begin with `https://` or with a whole URL",
        ),
    ] {
        let rules = format!("[lookup]\nurl = \"{url}\"\nkept = {{ x = \"id\" }}");
        let error = profile(&rules).expect_err(url);
        let says = format!("profile `plain`: `lookup.url` is invalid: {says}");
        assert!(error.message().starts_with(&says), "{url}: {error}");
    }
    assert!(
        profile("[[lookup]]\nrequired = false")
            .unwrap_err()
            .message()
            .contains("it must be a table")
    );
}
