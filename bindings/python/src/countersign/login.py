"""A login that has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._library import ffi, lib
from ._text import ERROR_OUT, TEXT_OUT, borrowed, given, taken
from .errors import check

if TYPE_CHECKING:
    from ._abi import Pointer

LOGIN_OUT = ffi.typeof("csign_login **")


class Login:
    """A login that has begun (RFC 6749 section 4.1, with PKCE of RFC 7636): see `Client.start_login`."""

    __slots__ = ("_handle",)
    _handle: Pointer

    def __init__(self) -> None:
        raise TypeError("a Login is made by Client.start_login or Login.restore")

    @property
    def url(self) -> str:
        """Where to send the browser."""
        return borrowed(lib.csign_login_url(self._handle, ffi.NULL)) or ""

    @property
    def state(self) -> str:
        """The `state` parameter of the URL: tells which of several logins a callback belongs to."""
        return borrowed(lib.csign_login_state(self._handle, ffi.NULL)) or ""

    def save(self) -> str:
        """The login as text, for a web server whose next request may reach another process: keep it in the session, on
        the server's side, for it holds the verifier.
        """
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_login_save(self._handle, out, error), error)
        return taken(out).decode("utf-8")

    @classmethod
    def restore(cls, saved: str) -> Login:
        """A login that `save` turned into text, here or in another process.

        Raises ReauthorizeError of kind "callback" where the text is not a saved login.
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
