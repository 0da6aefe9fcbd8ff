"""Run the examples with the sandbox, whose API rejects the first token."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox import Sandbox

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def main_of(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[str], None]]:
    """Return an example's `main`, with a vendor's client that trusts the sandbox's CA."""
    monkeypatch.setenv("COUNTERSIGN_CONFIG", sandbox.connections)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", sandbox.ca_file)
    monkeypatch.syspath_prepend(EXAMPLES)

    def imported(name: str) -> Callable[[str], None]:
        certifi = pytest.importorskip("certifi")
        # docusign-esign has no other way.
        monkeypatch.setattr(certifi, "where", lambda: sandbox.ca_file)
        main: Callable[[str], None] = importlib.import_module(name).main
        return main

    return imported


@pytest.mark.parametrize(
    ("example", "package", "provider", "connection", "shown"),
    [
        ("docusign_esign_userinfo", "docusign_esign", "docusign", "docusign-jwt", "Countersign Demo"),
        ("simple_salesforce_userinfo", "simple_salesforce", "salesforce", "salesforce-jwt", "integration@example.com"),
        ("boldsign_userinfo", "boldsign", "boldsign", "boldsign-refresh", "@"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # The vendors' own.
def test_a_rejected_token_is_replaced(
    example: str,
    package: str,
    provider: str,
    connection: str,
    shown: str,
    main_of: Callable[[str], Callable[[str], None]],
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip(package)
    fault = {"status": 401, "endpoint": "userinfo", "provider": provider}
    # For DocuSign, the library's own identity request goes to userinfo first.
    main = main_of(example)
    if provider == "docusign":
        import countersign

        with countersign.Client.load(connection) as client:
            client.identity()
    sandbox.post("/_sandbox/faults", fault)
    main(connection)
    assert shown in capsys.readouterr().out
    assert len(sandbox.log()) == 2
    sys.modules.pop(example)
