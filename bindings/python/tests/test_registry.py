"""Registries: profiles and plugins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import countersign
from countersign._numbers import Status

ROOT = Path(__file__).parents[3]

PROFILE = """
id = "acme"
name = "Acme"
documentation = "https://acme.example/docs"

[environments.production]
base_url = "https://login.acme.example"

[endpoints]
token = "{base_url}/token"

[grants.client-credentials]
client_auth = ["basic"]
"""


def ids(registry: countersign.Registry) -> set[str]:
    return {provider.id for provider in registry.providers()}


def test_add_profile() -> None:
    registry = countersign.Registry()
    registry.add_profile(PROFILE)
    assert ids(registry) == ids(countersign.Registry()) | {"acme"}
    assert {"docusign", "salesforce", "boldsign", "oidc", "xero"} <= ids(registry)
    client = countersign.Client(
        registry=registry,
        provider="acme",
        environment="production",
        grant="client-credentials",
        client_id="me",
        client_secret="s3cret",
        store="memory",
    )
    assert client.counts().minted == 0


def test_an_invalid_profile_is_rejected() -> None:
    with pytest.raises(countersign.FixConfigurationError) as raised:
        countersign.Registry().add_profile("id = 7")
    assert raised.value._status == Status.SETTING


def test_repr_counts_the_providers() -> None:
    registry = countersign.Registry()
    count = len(ids(registry))
    assert repr(registry) == f"<countersign.Registry of {count} providers>"
    with pytest.raises(countersign.FixConfigurationError) as raised:
        countersign.Client(registry=countersign.Registry(), provider="nobody")
    assert raised.value.setting == "provider"


def test_a_missing_plugin() -> None:
    with pytest.raises(countersign.FixConfigurationError):
        countersign.Registry().load_plugin("/nowhere/plugin.so")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the plugin with")
def test_load_plugin_and_log(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o700)
    plugin = folder / "xero.so"
    include, source = os.environ["COUNTERSIGN_INCLUDE_DIR"], ROOT / "examples/plugins/xero/xero.c"
    subprocess.run(["cc", "-std=c99", "-shared", "-fPIC", "-I", include, "-o", plugin, source], check=True)
    plugin.chmod(0o700)
    registry = countersign.Registry(log=lambda level, line: None)
    with pytest.raises(countersign.FixConfigurationError):
        registry.load_plugin(plugin, sha256="00" * 32)
    registry.load_plugin(plugin)
    assert "xero" in ids(registry)
