"""What a provider's post may have us visit: over real TLS, and never inside."""

import http.server
import ssl
import threading
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from webapp.email_tracker import fetching
from webapp.lib import clock
from webapp.providers.contract import CannotTell


class Pages(http.server.BaseHTTPRequestHandler):
    visits: list[str] = []

    def do_GET(self) -> None:
        self.visits.append(self.path)
        status = {"/moved": 302, "/gone": 404}.get(self.path.partition("?")[0], 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write(b"x" * (70_000 if self.path == "/large" else 5))

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(address, the context that trusts it) of an https server on this host."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(private + pem)
    server = http.server.HTTPServer(("127.0.0.1", 0), Pages)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trust = ssl.create_default_context(cadata=pem.decode())
    yield f"https://127.0.0.1:{server.server_port}", trust
    server.shutdown()
    server.server_close()


def get(site, path: str) -> bytes:
    address, trust = site
    return fetching.get(address + path, trust=trust, is_refused=lambda host: False)


def test_a_page_is_fetched_with_its_query(site):
    assert get(site, "/page?a=1") == b"xxxxx"
    assert Pages.visits[-1] == "/page?a=1"


@pytest.mark.parametrize("path", ["/moved", "/gone", "/large"])
def test_no_redirect_is_followed_and_nothing_large_taken(site, path):
    with pytest.raises(OSError, match="answered"):
        get(site, path)
    assert "/secret" not in Pages.visits


def test_a_host_inside_is_not_visited(site):
    before = len(Pages.visits)
    for host in (site[0], "https://localhost/x.pem", "https://[::1]/x.pem", "http://example.org/"):
        with pytest.raises(OSError, match="not visited"):
            fetching.get(host, trust=site[1])
    assert len(Pages.visits) == before


def test_who_cannot_prove_its_name_is_not_believed(site):
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetching.get(site[0] + "/x", is_refused=lambda host: False)


def test_a_certificate_is_fetched_once_and_trouble_is_ours():
    asked: list[str] = []
    url = "https://sns.eu-west-1.amazonaws.com/once.pem"

    def fetch(address: str) -> bytes:
        asked.append(address)
        if address != url:
            raise OSError("away")
        return b"pem"

    assert [fetching.certificate(url, fetch) for _ in range(3)] == [b"pem"] * 3
    assert asked == [url]
    with pytest.raises(CannotTell):
        fetching.certificate(url + "2", fetch)
