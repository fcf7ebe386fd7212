"""A client that a public generator makes of the published description posts and reverses every kind of operation."""

import datetime
import importlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from service import Service

ISSUER = "1234"
BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2199, 1, 1, tzinfo=datetime.timezone.utc)


def eur(value):
    return {"value": value, "exponent": 2, "isoCode": "EUR"}


# Of each kind: the account, what is posted, what the reversal says beside the two triplets.
KINDS = {
    "fee": ("CREDIT", {"feeType": "ANNUAL", "referenceAmount": eur(1_500)}, {"reversalReason": "REVERSAL_ON_DEMAND"}),
    "interest": ("CREDIT", {"interestType": "DEBIT", "referenceAmount": eur(77)}, {}),
    "transaction": ("CREDIT", {"operationCode": "NORMAL_PURCHASE", "referenceAmount": eur(4_200)}, {}),
    "payment": ("CREDIT", {"referenceAmount": eur(-20_000)}, {}),
    "bonus": ("CREDIT", {"bonusProgramReference": "BP", "referenceAmount": eur(-250)}, {}),
    "balance-adjustment": ("CREDIT", {"balanceAdjustmentReason": "GOODWILL", "referenceAmount": eur(-5)}, {}),
    "reimbursement": ("CREDIT", {"reimbursementType": "PARTIAL", "referenceAmount": eur(100)}, {}),
    "load": ("PREPAID", {"referenceAmount": eur(-9_000)}, {}),
    "unload": ("PREPAID", {"referenceAmount": eur(1_000)}, {}),
    # Says no amount: it is what the account owes, or has.
    "reset-balance": ("CREDIT", {}, {}),
}


class Generated:
    """What the generator made: a module of calls for each operation id, and models."""

    def __init__(self, service, directory):
        description = Path(directory) / "openapi.json"
        with urllib.request.urlopen(f"{service.url}/openapi.json") as answer:
            description.write_bytes(answer.read())
        # Formatting what nobody reads would need one more tool.
        config = Path(directory) / "config.yml"
        config.write_text("post_hooks: []\n")
        subprocess.run(
            [
                "openapi-python-client", "generate", "--path", description, "--meta", "none",
                "--config", config, "--output-path", Path(directory) / "generated_ledger_client",
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        sys.path.insert(0, str(directory))
        self.models = importlib.import_module("generated_ledger_client.models")
        client = importlib.import_module("generated_ledger_client")
        self.client = client.AuthenticatedClient(base_url=service.url, token=service.token())

    def command(self, name, *of, body, correlation):
        """Carries out a command twice: the second answer is the first again, byte for byte. Gives its `data`."""
        model = getattr(self.models, name.replace("-", " ").title().replace(" ", "") + "Request")
        body = model.from_dict(body)
        first, again = (
            self.call(name, *of, body=body, wl_correlation_id=correlation) for _ in range(2)
        )
        assert first.content == again.content, (first.content, again.content)
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        return first.parsed.data

    def call(self, name, *of, **given):
        suffix = "_by_external_reference" if len(of) == 2 else ""
        module = f"generated_ledger_client.api.default.{name.replace('-', '_')}{suffix}"
        answer = importlib.import_module(module).sync_detailed(*of, client=self.client, **given)
        assert answer.status_code == 200, (name, answer.status_code, answer.content)
        return answer


def triplet(prefix, reference):
    return {
        f"{prefix}OperationDate": "2024-03-01T10:00:00.000Z",
        f"{prefix}OperationReference": reference,
        f"{prefix}OperationServicePoster": "ISSUER",
    }


def balance(generated, account):
    return generated.call("retrieve-financial-information", ISSUER, account).parsed.data.account_balance.value


def set_up(generated):
    for number, (name, body) in enumerate([
        ("configure-issuer", {"timeZone": "Europe/Paris", "balanceAdjustmentReasons": ["GOODWILL"]}),
        ("define-product", {
            "productReference": "GOLD", "currency": "EUR", "workingMode": "PAY_LATER", "feeTypes": ["ANNUAL"],
            "defaultCreditLimitAmount": eur(1_000_000),
        }),
        ("define-product", {"productReference": "FUNDED", "currency": "EUR", "workingMode": "PAY_BEFORE"}),
        ("define-bonus-program", {"bonusProgramReference": "BP", "monetary": True}),
        ("open-account", {
            "productReference": "GOLD", "issuerAccountExternalReference": "CREDIT", "bonusProgramReferences": ["BP"],
        }),
        ("open-account", {"productReference": "FUNDED", "issuerAccountExternalReference": "PREPAID"}),
    ]):
        generated.command(name, ISSUER, body=body, correlation=f"set up {number}")


def post_and_reverse(generated):
    """Gives the ids of the operations on each account, in the order of their posting."""
    posted = {"CREDIT": [], "PREPAID": []}
    # So that a balance is there to be paid out and unloaded, one payment and one load stay.
    for kind, amount in (("payment", -50_000), ("load", -5_000)):
        account, body, _ = KINDS[kind]
        body = {**body, **triplet("external", f"first {kind}"), "referenceAmount": eur(amount)}
        done = generated.command(f"post-{kind}-operation", ISSUER, account, body=body, correlation=f"first {kind}")
        posted[account].append(done.operation_identifier.operation_id)
    for kind, (account, body, reversal) in KINDS.items():
        before = balance(generated, account)
        name = "reset-balance" if kind == "reset-balance" else f"post-{kind}-operation"
        body = {**body, **triplet("external", kind)}
        done = generated.command(name, ISSUER, account, body=body, correlation=f"post {kind}")
        posted[account].append(done.operation_identifier.operation_id)
        after = balance(generated, account)
        expected = body.get("referenceAmount", eur(-before))["value"]
        assert after - before == expected, (kind, before, after)
        done = generated.command(
            f"reverse-{kind}-operation", ISSUER, account,
            body={**triplet("external", f"undo {kind}"), **triplet("externalMatching", kind), **reversal},
            correlation=f"reverse {kind}",
        )
        posted[account].append(done.operation_identifier.operation_id)
        assert balance(generated, account) == before, kind
    return posted


def page_through(generated, account):
    """Gives the ids of all operations of an account, some at a time."""
    shown, page = [], 0
    while True:
        answer = generated.call(
            "list-operations", ISSUER, account, start_time=BEGIN, end_time=END, page=page, offset=4,
        ).parsed
        assert len(answer.data) <= 4
        shown += [operation.operation_identifier.operation_id for operation in answer.data]
        if not getattr(answer.response_metadata.links, "next_", None):
            return shown
        page += 1


def main():
    with Service() as service, tempfile.TemporaryDirectory() as directory:
        generated = Generated(service, directory)
        set_up(generated)
        posted = post_and_reverse(generated)
        for account, expected in posted.items():
            shown = page_through(generated, account)
            assert shown == expected, (account, shown, expected)
        final = {account: balance(generated, account) for account in posted}
        assert final == {"CREDIT": -50_000, "PREPAID": -5_000}, final
    operations = sum(len(ids) for ids in posted.values())
    print(json.dumps({"kinds": len(KINDS), "operations": operations, "balances": final}))


if __name__ == "__main__":
    main()
