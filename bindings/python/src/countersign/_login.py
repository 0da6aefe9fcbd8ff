"""A started login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import check
from ._library import ffi, lib
from ._text import ERROR_OUT, TEXT_OUT, borrowed, given, taken

if TYPE_CHECKING:
    from ._abi import Pointer

LOGIN_OUT = ffi.typeof("csign_login **")


class Login:
    """A started login (RFC 6749 section 4.1, with PKCE): see `Client.start_login`."""

    __slots__ = ("_handle",)
    _handle: Pointer

    def __init__(self) -> None:
        raise TypeError("use Client.start_login or Login.restore")

    @property
    def url(self) -> str:
        """The URL to redirect the browser to."""
        return borrowed(lib.csign_login_url(self._handle, ffi.NULL)) or ""

    @property
    def state(self) -> str:
        """The `state` parameter of the URL, which identifies the login that a callback belongs to."""
        return borrowed(lib.csign_login_state(self._handle, ffi.NULL)) or ""

    def save(self) -> str:
        """Return the login as a string, for a web server whose callback may reach another process.

        Keep it in the server-side session: it contains the PKCE verifier.
        """
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_login_save(self._handle, out, error), error)
        return taken(out).decode("utf-8")

    @classmethod
    def restore(cls, saved: str) -> Login:
        """Restore a login that `save` saved, in this process or another one.

        Raises ReauthorizeError of kind "callback" if the string is not a saved login.
        """
        out, error = ffi.new(LOGIN_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_login_restore(*given(saved), out, error), error)
        return cls._owning(out)

    @classmethod
    def _owning(cls, out: Pointer) -> Login:
        login = cls.__new__(cls)
        login._handle = ffi.gc(out[0], lib.csign_login_free)
        return login

    def __repr__(self) -> str:
        return "<countersign.Login>"
