"""The numbers of countersign.h. Made by `python generate.py` in bindings/python; do not edit."""

from enum import IntEnum

#: The ABI that this package was made for: major << 16 | minor.
ABI_VERSION = 1


class Status(IntEnum):
    """Numbers of `csign_status`."""

    OK = 0
    """It went well."""

    NULL_ARGUMENT = 1
    """An argument that must not be NULL is."""

    BAD_UTF8 = 2
    """Text is not UTF-8."""

    BAD_ARGUMENT = 3
    """A number or length is out of range, or calls come in the wrong order."""

    BAD_HANDLE = 4
    """The handle was freed, or is of another type."""

    CLOSED = 5
    """The client was closed."""

    REENTERED = 6
    """A callback called the client that is calling it."""

    FORKED = 7
    """The client was made before this process was forked: make one after."""

    BUFFER_TOO_SMALL = 8
    """The buffer is too small; the length that is needed was written."""

    SETTING = 20
    """A setting is missing, unknown, malformed or contradicts another."""

    KEY = 21
    """A key could not be read, or does not fit its use."""

    SIGNING = 22
    """A signature could not be made."""

    VERIFICATION = 23
    """A signature or token did not verify."""

    CONNECT = 40
    """Nothing of the request left: name not resolved, connection refused."""

    TLS = 41
    """The server's certificate or the TLS handshake was not accepted."""

    INTERRUPTED = 42
    """The request left, but no complete answer came back."""

    THROTTLED = 43
    """The server asks to slow down."""

    UNAVAILABLE = 44
    """The server cannot answer now."""

    STORE = 45
    """The store could not be read or written."""

    BUSY = 46
    """Another holder has the connection's lease."""

    REFUSED = 60
    """The server refused: an OAuth error (RFC 6749 section 5.2)."""

    LOGIN_REQUIRED = 61
    """The refresh token or consent is gone; a person has to log in."""

    CONSENT_REQUIRED = 62
    """The user has not consented, or an administrator has not approved."""

    NO_TOKEN = 63
    """Nothing usable is stored yet and the grant needs a login first."""

    CALLBACK = 64
    """The authorization response did not belong to this login, or the person said no."""

    CLOCK = 65
    """The clock of this machine and the server's disagree."""

    UNREADABLE = 80
    """The answer is not one this protocol knows."""

    PLUGIN = 90
    """A plugin could not be loaded, failed, or broke the plugin ABI's rules."""

    PANIC = 100
    """A panic was caught: a bug of ours. The client is poisoned."""

    POISONED = 101
    """An earlier call on this client panicked; make a new one."""

    INTERNAL = 102
    """A bug of ours."""


class Revocation(IntEnum):
    """Numbers of `csign_revocation`."""

    REVOKED = 1
    """The vendor revoked it."""

    NOT_OFFERED = 2
    """The vendor does not revoke such tokens: only the copy here is gone."""

    NOTHING_HELD = 3
    """There was nothing to revoke."""

    FAILED = 4
    """The vendor did not revoke it. csign_client_forget has kept it for another try; csign_client_force_forget has
    forgotten it all the same.
    """


class LogLevel(IntEnum):
    """Numbers of `csign_log_level`."""

    ERROR = 1
    """Something is lost or about to be."""

    WARN = 2
    """Something works, but worse than it could."""

    INFO = 3
    """Requests and their answers."""

    DEBUG = 4
    """Names of headers, and what plugins say."""


class Change(IntEnum):
    """Numbers of `csign_change`."""

    OBTAINED = 1
    """There is a new token; the refresh token is the former one, or there is none."""

    ROTATED = 2
    """There is a new token, and with it the vendor replaced the refresh token."""

    FORGOTTEN = 3
    """The connection was forgotten."""


class Verdict(IntEnum):
    """Numbers of `csign_verdict`."""

    RETRY = 1
    """Try again, after the wait that the error gives, if any."""

    REAUTHORIZE = 2
    """A person must act, at the error's URL if it has one."""

    FIX_CONFIGURATION = 3
    """A setting is wrong, here or at the vendor; the message names it."""

    OUTCOME_UNKNOWN = 4
    """The server may have rotated the refresh token; nothing was sent twice."""

    UNEXPECTED = 5
    """An unreadable response, a signature that does not verify, a wrong call, or a bug."""


class Source(IntEnum):
    """Numbers of `csign_source`."""

    MINTED = 1
    """Asked for anew: by assertion, client credentials or a login."""

    REFRESHED = 2
    """Got with a refresh token."""

    CACHE = 3
    """From this process's memory."""

    STORE = 4
    """From the store."""


class Counter(IntEnum):
    """Numbers of `csign_counter`."""

    HITS = 1
    """Tokens handed out from memory, other than by csign_client_copy_token and csign_client_peek_token."""

    ADOPTED = 2
    """Tokens taken over from the store."""

    MINTED = 3
    """Tokens asked for by assertion, client credentials or login."""

    REFRESHED = 4
    """Tokens got with a refresh token."""

    WAITS = 5
    """Callers that waited for a request that another one had started."""

    FAILURES = 6
    """Requests, or attempts at one, that brought no token."""
