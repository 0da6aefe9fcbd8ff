"""Run the steps of a scenario, and return their results, named as in the README."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from sandbox import Sandbox
from scenario_client import Maker
from scenario_judge import Failed, Seen, reported

import countersign
import countersign.requests


class Steps:
    """A scenario's client and its named tokens."""

    def __init__(self, sandbox: Sandbox, maker: Maker, client: countersign.Client) -> None:
        self.sandbox = sandbox
        self.maker = maker
        self.client = client
        self.tokens: dict[str, countersign.Token] = {}

    def take(self, step: dict[str, Any]) -> Seen:
        take: Callable[[dict[str, Any]], Seen] = getattr(self, f"take_{step['do']}")
        try:
            return take(step)
        except countersign.Error as error:
            return Seen(error=reported(error))

    def take_token(self, step: dict[str, Any]) -> Seen:
        return self.named(step, self.client.token(step.get("min_valid_s", 0)))

    def take_refresh(self, step: dict[str, Any]) -> Seen:
        return self.named(step, self.client.refresh())

    def take_login(self, step: dict[str, Any]) -> Seen:
        # Save and restore the login, as a web server would between two requests.
        login = countersign.Login.restore(self.client.start_login().save())
        shown = self.sandbox.get(f"{login.url}&_sandbox={step['decision']}")
        if shown.location is None or "?" not in shown.location:
            raise Failed(f"the page responded with {shown.status} and does not redirect")
        if login.state not in shown.location:
            raise Failed(f"the login's state is not in {shown.location}")
        return self.named(step, self.client.complete_login(login, shown.location))

    def take_invalidate(self, step: dict[str, Any]) -> Seen:
        self.client.invalidate(self.tokens[step["token"]])
        return Seen()

    def take_identity(self, _: dict[str, Any]) -> Seen:
        return Seen({"extra": self.client.identity()})

    def take_forget(self, step: dict[str, Any]) -> Seen:
        return Seen({"revocation": self.client.forget(force=step.get("force", False)).revocation})

    def take_drain(self, _: dict[str, Any]) -> Seen:
        self.client.drain(10)
        return Seen()

    def take_counts(self, _: dict[str, Any]) -> Seen:
        return Seen(self.client.counts()._asdict())

    def take_advance(self, step: dict[str, Any]) -> Seen:
        self.sandbox.post("/_sandbox/clock", {"offset_s": self.maker.clock.advance(step["s"])})
        return Seen()

    def take_sandbox(self, step: dict[str, Any]) -> Seen:
        self.sandbox.post(step["post"], step["body"])
        return Seen()

    def take_reopen(self, _: dict[str, Any]) -> Seen:
        self.client.close()
        self.client = self.maker.client()
        return Seen()

    def take_threads(self, step: dict[str, Any]) -> Seen:
        def ask(_: int) -> Seen:
            try:
                return self.named(step, self.client.token())
            except countersign.Error as error:
                return Seen(error=reported(error))

        return Seen(each=at_once(step["count"], ask))

    def take_cancel(self, _: dict[str, Any]) -> Seen:
        before = len(self.sandbox.log())

        async def give_up() -> float:
            waiting = countersign.AsyncClient.sharing(self.client)
            call = asyncio.ensure_future(waiting.token())
            begun = time.monotonic()
            while len(await asyncio.to_thread(self.sandbox.log)) == before:
                if time.monotonic() - begun > 60:
                    raise Failed("no request was sent within 60 s")
                await asyncio.sleep(0.01)
            if call.done():
                raise Failed("the call ended before it was cancelled")
            gave_up = time.monotonic()
            call.cancel()
            try:
                await call
            except asyncio.CancelledError:
                return time.monotonic() - gave_up
            raise Failed("the cancelled call returned")

        if asyncio.run(give_up()) > 3:
            raise Failed("the cancellation took longer than 3 s")
        return Seen()

    def take_api(self, step: dict[str, Any]) -> Seen:
        before = len(self.sandbox.log())
        with requests.Session() as session:
            session.auth = countersign.requests.Auth(self.client)
            # Not set in the session, where $REQUESTS_CA_BUNDLE overrides it.
            response = session.get(self.sandbox.url + step["path"], verify=self.sandbox.ca_file, timeout=30)
        return Seen({"status": response.status_code, "token_requests": len(self.sandbox.log()) - before})

    def take_events(self, step: dict[str, Any]) -> Seen:
        return Seen(self.maker.heard.wait_for(step.get("expect", {}), 60))

    def take_close_in_use(self, step: dict[str, Any]) -> Seen:
        count = step["count"]
        all_have_one = threading.Barrier(count + 1)
        wrong: list[str] = []

        def use(number: int) -> None:
            first = True
            while True:
                try:
                    # Use both ways to get a token while the client is closed.
                    self.client.token() if number % 2 else self.client.access_token()
                except countersign.ClosedError:
                    return
                except countersign.Error as error:
                    wrong.append(repr(error))
                    return
                if first:
                    all_have_one.wait(30)
                    first = False

        threads = [threading.Thread(target=use, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        all_have_one.wait(30)
        self.client.close()
        for thread in threads:
            thread.join(60)
        if any(thread.is_alive() for thread in threads):
            raise Failed("a call had not ended 60 s after the client was closed")
        if wrong:
            raise Failed(f"calls ended with {wrong}")
        try:
            self.client.token()
        except countersign.ClosedError:
            return Seen()
        raise Failed("a closed client returns a token or another error")

    def take_collect(self, step: dict[str, Any]) -> Seen:
        for number in range(step["rounds"]):
            own, other = self.client.token(), self.maker.client().token()
            if own.access_token != other.access_token:
                raise Failed(f"round {number}: another token")
            if number % 10 == 9:
                gc.collect()
        gc.collect()
        return Seen()

    def named(self, step: dict[str, Any], token: countersign.Token) -> Seen:
        if "as" in step:
            self.tokens[step["as"]] = token
        expires_at = token.expires_at
        facts = {
            "source": token.source,
            "token_type": token.token_type,
            "scope": token.scope,
            "expires_in_about_s": None
            if expires_at is None
            else round(expires_at.timestamp()) - self.maker.clock.now_s(),
            "extra": dict(token.extra),
            "headers": None,
            "headers_error": None,
        }
        try:
            facts["headers"] = dict(token.headers)
        except countersign.Error as error:
            facts["headers_error"] = reported(error)
        return Seen(facts, token.access_token)


def at_once(count: int, call: Callable[[int], Seen]) -> list[Seen]:
    """Return the results of threads that are released together."""
    together = threading.Barrier(count)
    results: list[Seen | None] = [None] * count

    def run(number: int) -> None:
        together.wait(30)
        results[number] = call(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if None in results:
        raise Failed("a thread did not end")
    return [result for result in results if result is not None]
