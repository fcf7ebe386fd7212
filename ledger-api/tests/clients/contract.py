"""Calls made up from the published description by schemathesis, with all its checks: without a token, and with one of
each scope. Nothing fails, and nothing is answered with a failure of the service."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from service import SCOPES, Service

WHOLE = os.environ.get("LEDGER_CONTRACT") == "whole"
EXAMPLES = 50 if WHOLE else 3
# A stream does not end by itself.
ENDLESS = "followEvents"

# The rules of the books, and of one field beside another, are no part of a schema: by the catalogue of codes they are
# answered with 400, 404, 409 and 422; a missing token or scope with 401 and 403, and who has none is soon made to wait.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422", "429"]
"""
# So that calls get beyond an issuer and an account that are not there.
KNOWN = """
[parameters]
"path.issuerId" = "1234"
"path.issuerAccountExternalReference" = "A1"
"path.accountReference" = "{account}"
"""


def call(service, directory, name, token, phases, config=""):
    """Has calls made up; gives whether none failed."""
    file = Path(directory) / "schemathesis.toml"
    file.write_text(CONFIG + config)
    command = [
        "schemathesis", "--config-file", file, "run", f"{service.url}/openapi.json", "--checks", "all",
        "--max-examples", str(EXAMPLES), "--phases", phases, "--exclude-operation-id", ENDLESS,
        "--request-timeout", "30", "--no-color", "--suppress-health-check", "all",
    ]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, cwd=directory, env=hooks, capture_output=True, text=True)
    summary = [line for line in done.stdout.splitlines() if "generated" in line or line.startswith("==========")]
    print(f"{name}: {' '.join(line.strip(' =') for line in summary[-2:])}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-20_000:], done.stderr[-4_000:])
    return done.returncode == 0


def main():
    everything = "examples,coverage,fuzzing"
    # What a scope does not allow is refused before anything else is looked at.
    each = everything if WHOLE else "examples,fuzzing"
    with Service() as service, tempfile.TemporaryDirectory() as directory:
        service.post("issuers/1234/configure-issuer", {"timeZone": "Europe/Paris"})
        product = {"productReference": "GOLD", "currency": "EUR", "workingMode": "PAY_LATER", "feeTypes": ["0"]}
        service.post("issuers/1234/define-product", product)
        account = {"productReference": "GOLD", "issuerAccountExternalReference": "A1"}
        opened = service.post("issuers/1234/open-account", account)
        known = KNOWN.format(account=opened["accountIdentifier"]["accountReference"])
        runs = [("no token", None, each, "")]
        runs += [(scope, service.token(scope), each, "") for scope in SCOPES]
        runs += [("every scope", service.token(), everything, "")]
        runs += [("every scope, of an account that is there", service.token(), everything, known)]
        held = [call(service, directory, *run) for run in runs]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
