"""A `ledger serve` of its own, that asks for tokens, and those who may call it."""

import json
import os
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

SCOPES = [
    f"{what}:{how}"
    for what, hows in {
        "operations": ["read", "write"],
        "accounts": ["read", "write"],
        "authorizations": ["read", "write"],
        "issuers": ["read", "write"],
        "events": ["read"],
    }.items()
    for how in hows
]
CLIENT = "everything"


class Service:
    """Runs until the `with` block ends; one client may do everything, for all issuers."""

    def __init__(self):
        self.binary = os.environ["LEDGER_BINARY"]

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        home = Path(self.directory.name)
        made = subprocess.run(
            [self.binary, "client-secret", CLIENT, "--scopes", ",".join(SCOPES), "--issuers", "*"],
            check=True, capture_output=True, text=True,
        )
        # The entry for the file of clients, and beside it the secret.
        (home / "clients.toml").write_text(made.stdout)
        self.secret = made.stderr.split()[-1]
        subprocess.run([self.binary, "token-key", home / "key.pem"], check=True, stdout=subprocess.DEVNULL)
        (home / "ledger.toml").write_text(
            f"""
            data = "{home}/data"
            listen = "127.0.0.1:0"
            [auth]
            issuer = "ledger"
            audience = "ledger"
            [token]
            key = "{home}/key.pem"
            clients = "{home}/clients.toml"
            lifetime_s = 7200
            """
        )
        self.log = open(home / "log", "wb")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", home / "ledger.toml"],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        status = self.process.wait(timeout=60)
        self.log.close()
        if status != 0 or failure[0]:
            print((Path(self.directory.name) / "log").read_text()[-4000:])
        self.directory.cleanup()
        assert failure[0] or status == 0, f"the service ended with {status}"

    def token(self, *scopes):
        """A token with these scopes, or with all."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": self.secret}
        if scopes:
            form["scope"] = " ".join(scopes)
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.url}/oauth2/token", data=body) as answer:
            return json.load(answer)["access_token"]

    def post(self, path, body):
        """Carries out a command that is not what is tested."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]
