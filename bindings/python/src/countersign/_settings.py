"""The settings of a connection. Made by `python generate.py` in bindings/python; do not edit."""

from __future__ import annotations

from os import PathLike
from typing import TypedDict, Union

Path = Union[str, "PathLike[str]"]


class Settings(TypedDict, total=False):
    """A connection's settings, by the names they have in every language. Vendors have more,
    named `extra.NAME`: those go into the mapping that `Client` takes first. None takes away what a
    file has.
    """

    provider: str | None
    """the vendor, by the id of its provider"""

    environment: str | None
    """the vendor's deployment, such as demo or production"""

    grant: str | None
    """jwt-bearer, authorization-code, refresh-token, client-credentials or device-code"""

    client_id: str | None
    """the app's id: integration key, consumer key"""

    client_secret: str | None
    """the app's secret"""

    client_secret_file: Path | None
    """a file that has the app's secret"""

    client_secret_env: str | None
    """the environment variable that has the app's secret"""

    client_auth: str | None
    """none, basic, post, private_key_jwt or client_secret_jwt"""

    basic_encoding: str | None
    """raw or rfc6749: whether id and secret are form-encoded in Basic"""

    private_key: str | None
    """the private key: PEM, DER, PKCS#12, JWK, Google's or Box's JSON, or a pkcs11: URI"""

    private_key_file: Path | None
    """a file that has the private key: PEM, DER, PKCS#12, JWK, Google's or Box's JSON, or a pkcs11: URI"""

    private_key_env: str | None
    """the environment variable that has the private key: PEM, DER, PKCS#12, JWK, Google's or Box's JSON, or a
    pkcs11: URI
    """

    private_key_passphrase: str | None
    """the passphrase of an encrypted private key, or the PIN of a PKCS#11 device"""

    private_key_passphrase_file: Path | None
    """a file that has the passphrase of an encrypted private key, or the PIN of a PKCS#11 device"""

    private_key_passphrase_env: str | None
    """the environment variable that has the passphrase of an encrypted private key, or the PIN of a PKCS#11 device"""

    key_id: str | None
    """the `kid` of assertions"""

    algorithm: str | None
    """the `alg` of assertions, such as RS256"""

    subject: str | None
    """whom an assertion stands for: user id or user name"""

    audience: str | None
    """the `aud` of assertions, apart from the endpoint"""

    scopes: str | None
    """the scopes to ask for, separated by blanks"""

    assertion_ttl_s: int | str | None
    """lifetime of assertions in seconds"""

    redirect_uri: str | None
    """where the browser comes back to after a login"""

    refresh_token: str | None
    """a refresh token obtained elsewhere, to start from"""

    refresh_token_file: Path | None
    """a file that has a refresh token obtained elsewhere, to start from"""

    refresh_token_env: str | None
    """the environment variable that has a refresh token obtained elsewhere, to start from"""

    base_url: str | None
    """base of the provider's endpoints, instead of the environment's"""

    token_url: str | None
    """the token endpoint, instead of the provider's"""

    authorize_url: str | None
    """the authorization endpoint, instead of the provider's"""

    issuer: str | None
    """the server's issuer: client assertions are for it, and login answers must be from it"""

    ca_file: Path | None
    """PEM certificates to trust besides the roots"""

    ca_only: str | None
    """true or false: whether ca_file alone is trusted, without the roots"""

    roots: str | None
    """bundled or system: which roots to trust"""

    proxy: str | None
    """http://host:port of a proxy"""

    timeout_ms: int | str | None
    """total time for one request, in milliseconds"""

    min_valid_s: int | str | None
    """how long a token must still be valid, in seconds"""

    assume_lifetime_s: int | str | None
    """lifetime to assume where the answer has none, in seconds"""

    store: str | None
    """memory, file:DIR, redis://, rediss:// or postgres://"""

    store_create: str | None
    """false: the store must exist; nothing of it is created"""

    store_key: str | None
    """the key that encrypts the store"""

    store_key_file: Path | None
    """a file that has the key that encrypts the store"""

    store_key_env: str | None
    """the environment variable that has the key that encrypts the store"""
