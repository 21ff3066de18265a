"""Every reply belongs to its mail, and every way over the wire carries the same octets."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.smtp_server import SmtpServer
from webapp.mail.conversation import ConnectError, Conversation, Phase, Result, Server
from webapp.mail.template import Message

WAYS = {
    "lock-step": ("8BITMIME",),
    "pipelined": ("PIPELINING",),
    "chunked": ("PIPELINING", "CHUNKING"),
}


def server_at(port: int, **values) -> Server:
    return Server(
        **{
            "host": "127.0.0.1", "port": port, "security": "none", "verify": False,
            "connect_seconds": 5, "step_seconds": 0.5, "answer_seconds": 0.5,
        } | values
    )  # fmt: skip


def mail_to(address: str, content: bytes = b"Subject: x\r\n\r\nhello\r\n", **values) -> Message:
    return Message("ann@acme.test", address, content, **values)


def send(server: Server, messages: list[Message]) -> dict[str, Result | None]:
    """{address: Result} over one conversation."""

    async def run() -> dict:
        results, idle = {}, asyncio.Event()
        waiting = list(reversed(messages))
        talk = Conversation(server)
        await talk.open()
        talk.begin(
            lambda: (waiting[-1].address, waiting.pop()) if waiting else None,
            results.__setitem__,
            idle.set,
        )
        talk.feed()
        await asyncio.wait_for(idle.wait(), 20)
        await talk.close()
        return results

    return asyncio.run(run())


@pytest.fixture(params=WAYS)
def extensions(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return WAYS[request.param]


def test_many_mails_arrive_in_order_and_unchanged(extensions) -> None:
    mails = [mail_to(f"p{n}@x.test", b"N: %d\r\n\r\n%b\r\n" % (n, b"x" * n)) for n in range(100)]

    with SmtpServer(extensions=extensions) as server:
        results = send(server_at(server.port), mails)

    assert server.ledger.mails == [(mail.address, mail.content + b".\r\n") for mail in mails]
    assert {result.reply.code for result in results.values()} == {250}


@pytest.mark.parametrize(
    ("step", "answer", "phase"),
    [
        ("rcpt", b"550 5.1.1 no such user", Phase.RCPT),
        ("rcpt", b"450-busy\r\n450 4.2.0 later", Phase.RCPT),
        ("dot", b"554 5.7.1 spam", Phase.ANSWERED),
        ("dot", b"452 4.3.1 full", Phase.ANSWERED),
    ],
)
def test_a_refusal_hits_its_own_mail_only(extensions, step, answer, phase) -> None:
    def script(at: str, address: str):
        return answer if at == step and address in ("p3@x.test", "p4@x.test") else None

    with SmtpServer(script, extensions) as server:
        results = send(server_at(server.port), [mail_to(f"p{n}@x.test") for n in range(10)])

    refused = {address for address, result in results.items() if result.reply.code != 250}
    assert refused == {"p3@x.test", "p4@x.test"}
    assert results["p3@x.test"].phase is phase
    assert results["p3@x.test"].reply.code == int(answer[:3])
    assert len(server.ledger.mails) == 8


def test_a_sender_that_is_refused_refuses_its_mail(extensions) -> None:
    refusing = iter([b"550 5.7.1 not from you"])

    def script(at: str, address: str):
        return next(refusing, None) if at == "mail" else None

    with SmtpServer(script, extensions) as server:
        results = send(server_at(server.port), [mail_to("a@x.test"), mail_to("b@x.test")])

    assert results["a@x.test"].phase is Phase.MAIL
    assert results["b@x.test"].reply.code == 250
    assert server.ledger.addresses == ["b@x.test"]


def test_a_server_that_closes_after_the_end_leaves_only_what_it_may_have_taken(extensions) -> None:
    def script(at: str, address: str):
        return "close" if at == "dot" and address == "p2@x.test" else None

    with SmtpServer(script, extensions) as server:
        results = send(server_at(server.port), [mail_to(f"p{n}@x.test") for n in range(4)])

    assert results["p2@x.test"].is_ambiguous
    assert results["p1@x.test"].reply.code == 250
    rest = results.get("p3@x.test")
    # whole mails were sent ahead: then nobody can tell of them either
    assert rest.is_ambiguous if "CHUNKING" in extensions else rest is None


def test_what_comes_after_a_421_was_never_taken(extensions) -> None:
    def script(at: str, address: str):
        return b"421 4.3.2 closing" if at == "dot" and address == "p1@x.test" else None

    with SmtpServer(script, extensions) as server:
        results = send(server_at(server.port), [mail_to(f"p{n}@x.test") for n in range(4)])

    assert results["p1@x.test"].reply.code == 421
    assert results.get("p2@x.test") is None


def test_silence_after_the_end_is_a_doubt_and_before_it_is_none(extensions) -> None:
    for step, is_ambiguous in (("dot", True), ("rcpt", "CHUNKING" in extensions)):
        script = lambda at, address, step=step: "hang" if at == step else None  # noqa: E731
        with SmtpServer(script, extensions) as server:
            results = send(server_at(server.port), [mail_to("a@x.test")])

        assert results["a@x.test"].reply is None
        assert results["a@x.test"].is_ambiguous is is_ambiguous


def test_a_mail_too_large_for_the_server_is_not_even_begun(extensions) -> None:
    with SmtpServer(extensions=(*extensions, "SIZE 100")) as server:
        results = send(
            server_at(server.port), [mail_to("a@x.test", b"x" * 200), mail_to("b@x.test")]
        )

    assert results["a@x.test"].reply.code == 552
    assert server.ledger.addresses == ["b@x.test"]


def test_parameters_are_said_only_where_they_are_offered() -> None:
    mail = mail_to("jörg@x.test", envelope_id="1-abc")
    offered = ("PIPELINING", "SIZE", "SMTPUTF8", "8BITMIME", "DSN")
    with SmtpServer(extensions=offered) as server:
        send(server_at(server.port), [mail])
    with SmtpServer(extensions=("PIPELINING",)) as plain:
        results = send(server_at(plain.port), [mail, mail_to("bo@x.test", envelope_id="1-b")])

    wanted = f"SIZE={len(mail.content)} BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=1-abc"
    assert f"MAIL FROM:<ann@acme.test> {wanted}".encode() in server.commands
    assert b"MAIL FROM:<ann@acme.test>" in plain.commands
    assert results["jörg@x.test"].reply.code == 553


# ---- securing


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def test_the_same_mails_arrive_over_starttls(extensions, tls) -> None:
    mails = [mail_to(f"p{n}@x.test", b"Subject: x\r\n\r\n%d\r\n" % n) for n in range(50)]

    with SmtpServer(extensions=extensions, tls=tls) as server:
        send(server_at(server.port, security="starttls"), mails)

    assert server.ledger.mails == [(mail.address, mail.content + b".\r\n") for mail in mails]
    assert server.commands.count(b"EHLO localhost") == 2


def test_a_certificate_that_cannot_be_verified_is_refused(tls) -> None:
    with (
        SmtpServer(tls=tls) as server,
        pytest.raises(ConnectError, match="No secure connection"),
    ):
        send(server_at(server.port, security="starttls", verify=True), [mail_to("a@x.test")])


def test_a_server_without_starttls_gets_nothing(extensions) -> None:
    with SmtpServer(extensions=extensions) as server, pytest.raises(ConnectError) as caught:
        send(server_at(server.port, security="starttls"), [mail_to("a@x.test")])

    assert caught.value.is_refusal
    assert "does not offer STARTTLS" in str(caught.value)
