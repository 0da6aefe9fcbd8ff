"""Installs SDKs into a scratch folder, and runs them."""

import json
import os
import subprocess
from pathlib import Path

CASES = Path(__file__).resolve().parents[1] / "cases"


class Sdk:
    """A vendor's SDK, from a file in `cases`."""

    def __init__(self, file: Path, scratch: Path):
        self.name = file.stem
        self.data = json.loads(file.read_text())
        self.folder = scratch / self.name
        self.language = self.data["sdk"]["language"]
        self.packages = self.data["sdk"]["packages"]

    def hosts(self):
        return set(self.data["hosts"])

    def case(self, case):
        """Returns a case with what all cases of the file have in common."""
        common = dict(self.data.get("common", {}))
        settings = {**common.pop("settings", {}), **case["settings"]}
        common["common_differences"] = common.pop("differences", {})
        return {**common, **case, "settings": settings}

    def install(self):
        """Installs the exact versions that the file names, unless they are there."""
        done = self.folder / "installed"
        wanted = " ".join(self.packages)
        if done.exists() and done.read_text() == wanted:
            return
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)
        self.folder.mkdir(parents=True)
        if self.language == "python":
            command = [
                "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action",
                "ignore", "--no-warn-conflicts", "--target", ".", *self.packages,
            ]  # fmt: skip
        else:
            (self.folder / "package.json").write_text("{}")
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund",
                       "--ignore-scripts", *self.packages]  # fmt: skip
        ran = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if ran.returncode:
            raise SystemExit(f"{self.name}: {ran.stderr[-2000:]}")
        done.write_text(wanted)

    def run(self, case, values, folder, ca_file):
        """Runs the SDK for one case. Returns the token that it got."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "CASE": json.dumps({**case, **values}),
            "SSL_CERT_FILE": str(ca_file),
            "REQUESTS_CA_BUNDLE": str(ca_file),
            "NODE_EXTRA_CA_CERTS": str(ca_file),
        }
        if self.language == "python":
            # Some SDKs pass certifi's file to their HTTP library.
            site = folder / "site"
            site.mkdir(exist_ok=True)
            (site / "sitecustomize.py").write_text(
                "import os\ntry:\n    import certifi\n"
                "    certifi.where = lambda: os.environ['SSL_CERT_FILE']\n"
                "except ImportError:\n    pass\n"
            )
            environment["PYTHONPATH"] = f"{site}:{self.folder}"
        # A script beside the packages, because Node.js looks for them there.
        (script,) = (file for file in CASES.glob(f"{self.name}.*") if file.suffix != ".json")
        copy = self.folder / f"case{script.suffix}"
        copy.write_text(script.read_text())
        command = ["python3" if self.language == "python" else "node", str(copy)]
        ran = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120
        )
        lines = ran.stdout.strip().splitlines()
        if ran.returncode or not lines:
            raise RuntimeError(f"the SDK failed: {(ran.stderr + ran.stdout).strip()[-600:]}")
        return json.loads(lines[-1])["access_token"]
