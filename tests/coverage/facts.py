"""What an entry means, as far as the catalogue's own program says it and not the fields.

Read in NangoHQ/nango: packages/shared/lib/clients/provider.client.ts, the post-connection scripts
in packages/server/lib/hooks/connection/providers, and oauth.controller.ts.
"""

# Fields that say nothing about getting, using or renewing a token.
IRRELEVANT = {
    "alias": "resolved",
    "categories": "for the catalogue's pages",
    "docs_connect": "a page",
    "setup_guide_url": "a page",
    "connection_configuration": "an older list of the names in connection_config",
    "webhook_allowed_query_params": "webhooks",
    "webhook_routing_script": "webhooks",
    "webhook_user_defined_secret": "webhooks",
    "authorization_url_skip_empty": "parameters without a value are never sent",
    "decode_url": "how the program handles its own URL",
    "token_expiration_buffer": "when to renew: a setting (min_valid_s)",
}

# The same for the members of `proxy`.
IRRELEVANT_IN_PROXY = {
    "connection_config": "names of variables of the program",
    "decompress": "responses of the API",
    "paginate": "responses of the API",
    "retry": "responses of the API",
    "verification": "a request to test API keys",
}

# Headers of API requests that are about their content, not about the token.
CONTENT_HEADERS = {"accept", "content-type"}


def lookup(url, kept=None, also=None, items=None, id=None, choose=None, default=None):
    rules = {"url": url}
    for name, value in (("items", items), ("id", id), ("default", default), ("choose", choose)):
        if value:
            rules[name] = value
    if kept:
        rules["kept"] = kept
    if also:
        rules["also"] = also
    return {"lookup": rules}


NOTHING = {}

# What the script after a login does, as a part of a profile; or why a profile can't say it.
# `{api}` is the base URL of the API.
SCRIPTS = {
    "adobeUmapiPostConnection": NOTHING,  # keeps the client ID
    "atlassianGovernmentCloudPostConnection": lookup(
        "https://auth.atlassian-us-gov-mod.com/oauth/token/accessible-resources",
        kept={"cloudId": "/id", "baseUrl": "/url"}, id="/id", choose="cloudId"),
    "atlassianServicAccountPostConnection": lookup(
        "https://api.atlassian.com/oauth/token/accessible-resources",
        kept={"cloudId": "/id", "baseUrl": "/url"}, id="/id", choose="cloudId"),
    "attioPostConnection": lookup("{api}/v2/self", also={"workspace_id": "/workspace_id"}),
    "basecampPostConnection": lookup(
        "https://launchpad.37signals.com/authorization.json",
        items="/accounts", id="/id", choose="accountId", kept={"accountId": "/id"}),
    "bullhornPostConnection": NOTHING,  # forgets the password
    "calendlyPostConnection": lookup(
        "{api}/users/me", also={"organizationId": "/resource/current_organization"}),
    "candisPostConnection": lookup(
        "{api}/v1/organizations/info", also={"organizationId": "/id"}),
    "checkrPartnerPostConnection": NOTHING,  # tests whether an API is there
    "docusignPostConnection": lookup(
        "{authorize_origin}/oauth/userinfo", items="/accounts", id="/account_id",
        default="/is_default", kept={"baseUri": "/base_uri", "accountId": "/account_id"}),
    "googleCalendarPostConnection": NOTHING,  # webhooks: a hash of the email address
    "googleMailPostConnection": NOTHING,  # the same
    "gustoPostConnection": lookup(
        "{api}/v1/token_info", also={"companyUuid": "/resource/uuid"}),
    "highlevelPostConnection": {"kept": {"companyId": "/companyId", "locationId": "/locationId"}},
    "hubspotPostConnection": lookup(
        "{api}/account-info/v3/details", also={"portalId": "/portalId"}),
    "jiraPostConnection": lookup(
        "https://api.atlassian.com/oauth/token/accessible-resources",
        kept={"cloudId": "/id", "baseUrl": "/url"}, id="/id", choose="cloudId"),
    "jobberPostConnection": NOTHING,  # webhooks
    "linearPostConnection": NOTHING,  # webhooks
    "mailchimpPostConnection": lookup(
        "https://login.mailchimp.com/oauth2/metadata", also={"dc": "/dc"}),
    "microsoftTeamsBotPostConnection": "a second token from the same login",
    "microsoftTeamsPostConnection": NOTHING,  # webhooks
    "onedrivePostConnection": "a second token from the same login",
    "procorePostConnection": lookup(
        "{api}/rest/v1.0/companies", kept={"companyId": "/id"}, id="/id", choose="companyId"),
    "ripplingShopAppPostConnection": NOTHING,  # tells the vendor that the app is installed
    "sage200PostConnection": lookup(
        "{api}/accounts/v1/sites", kept={"company_id": "/company_id", "site_id": "/site_id"},
        id="/site_id", choose="site"),
    "salesforcePostConnection": NOTHING,  # empty
    "sellsyPostConnection": NOTHING,  # webhooks
    "sentryOauthPostConnection": NOTHING,  # tells the vendor that the app is installed
    "snowflakePostConnection": "a lookup with POST",
    "sophosCentralPostConnection": lookup(
        "https://api.central.sophos.com/whoami/v1",
        also={"tenantId": "/id", "dataRegion": "/apiHosts/dataRegion"}),
    "workablePostConnection": lookup(
        "https://workable.com/spi/v3/accounts", items="/accounts", id="/id",
        choose="account", kept={"subdomain": "/subdomain"}),
    "xeroPostConnection": lookup(
        "https://api.xero.com/connections", kept={"tenant_id": "/tenantId"}, id="/tenantId",
        choose="tenant_id"),
    "zohoPostConnection": NOTHING,  # the domain of `api_domain`, which is kept as it is
}

# What the script before a connection's end does.
ENDS = {
    "hubspotPreConnectionDeletion": "a revocation with the token in its path",
    "intercomPreConnectionDeletion": {
        "revoke": "https://api.intercom.io/auth/uninstall", "revoke_bearer": True},
    "linearPreConnectionDeletion": {"revoke": "https://api.linear.app/oauth/revoke"},
    "oneloginPreConnectionDeletion": {"revoke": "{origin}/auth/oauth2/revoke"},
}

# Entries whose token requests the program makes in its code: why a profile can't say them, or in
# what they differ from their fields. `names` and `omitted` are about parameters of all token
# requests, and `of` about one of them; `auth`, `body` and `response` are as in profiles.
STEPS = "a second request after the code exchange"
OWN_TOKEN = "the access token renews itself, without a refresh token"
JSON_TIKTOK = {
    "access_token": "/data/access_token", "token_type": "/data/token_type",
    "scope": "/data/scope", "expires_in": "/data/expires_in",
    "refresh_token": "/data/refresh_token",
    "refresh_token_expires_in": "/data/refresh_token_expires_in",
}
SAME = {}
IN_CODE = {
    "absorb-lms": "a random parameter in token requests",
    "agiloft": "a part of the secret as a parameter",
    "braintree": "the vendor's library makes the requests",
    "braintree-sandbox": "the vendor's library makes the requests",
    "bullhorn": STEPS,
    "clover": {
        "omitted": ["grant_type", "redirect_uri"],
        "of": {"refresh-token": {
            "omitted": ["grant_type", "client_secret"]}},
        "response": {"expires_in": "/access_token_expiration", "expires_as": "unix"},
    },
    "coros": "a refresh answers without a token, and extends the old one",
    "coros-sandbox": "a refresh answers without a token, and extends the old one",
    "facebook": {
        "omitted": ["grant_type"], "response": {"refresh_token": "/access_token"},
        "of": {"refresh-token": {
            "omitted": [], "body": "query", "names": {"refresh_token": "fb_exchange_token"},
            "grant_type": "fb_exchange_token"}},
    },
    "fanvue": {"auth": "basic"},
    "figjam": {"of": {"refresh-token": {"omitted": ["grant_type"]}}},
    "figma": {"of": {"refresh-token": {"omitted": ["grant_type"]}}},
    "followupboss": "`state` in the code exchange",
    "heygen": {"auth": "none"},
    "instagram": STEPS + "; " + OWN_TOKEN,
    "jobber": {"response": {"assume_lifetime_s": 3600}},
    "mercury": SAME,
    "microsoft-admin": "client credentials after a page of consent",
    "microsoft-teams-bot": SAME,
    "one-drive": SAME,
    "posthog-oauth": {"auth": "none"},
    "revolut-business": {
        "auth": "private_key_jwt",
        "claims": {"iss": "{extra.domain}", "aud": "https://revolut.com"},
        "extra": {"domain": "the host of redirect_uri"},
    },
    "sentry-oauth": "the code comes by a webhook",
    "sharepoint-online": SAME,
    "shopline-oauth": "requests with an HMAC in a header",
    "slack": {"response": {"success": {"/ok": True}}},
    "stripe-app": {"auth": "basic", "basic_user": "client_secret",
                   "response": {"assume_lifetime_s": 3600}},
    "stripe-app-sandbox": {"auth": "basic", "basic_user": "client_secret",
                           "response": {"assume_lifetime_s": 3600}},
    "threads": STEPS + "; " + OWN_TOKEN,
    "tiktok-accounts": {
        "body": "json", "names": {"code": "auth_code"}, "pkce": "off", "response": JSON_TIKTOK,
        "kept": {"open_id": "/data/open_id"},
    },
    "tiktok-ads": {
        "body": "json", "names": {"client_id": "app_id", "client_secret": "secret",
                                  "code": "auth_code"},
        "omitted": ["grant_type", "redirect_uri"], "pkce": "off", "no_refresh": True,
        "response": {"access_token": "/data/access_token", "scope": "/data/scope",
                     "expires_as": "never"},
    },
    "tiktok-personal": {"names": {"client_id": "client_key"}, "pkce": "off"},
    "walmart": "a random header in token requests",
    "workday-oauth": {"auth": "basic"},
}
