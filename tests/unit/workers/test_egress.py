"""Connections to addresses that customers name: checked once, pinned, and still to the name."""

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.domain.webhooks import Answer
from tests.integration.receiver import Receiver, receiving
from workers import egress

HOST = "hooks.example.test"


class Names:
    """A resolver that gives its answers one after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.n_asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.n_asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def post(
    url: str,
    names: egress.Resolve = egress.resolve,
    tls: ssl.SSLContext | None = None,
    *,
    allow_private: bool = False,
) -> Answer:
    async def send() -> Answer:
        backend = egress.Pinned(allow_private=allow_private, resolve=names)
        async with egress.connections(backend, tls or ssl.create_default_context()) as pool:
            return await egress.post(pool, url, {}, b"{}", 10)

    return asyncio.run(send())


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["100.64.0.1"]),
        *(["fc00::7"], ["93.184.215.14", "10.0.0.1"]),
    ],
)
def test_a_name_with_any_private_address_is_refused(addresses: list[str]) -> None:
    with receiving() as receiver:
        answer = post(f"http://{HOST}:{receiver.port}/", Names(addresses))

        assert answer.error == f"{HOST} is not an address of the public Internet"
        assert receiver.idle


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001", "2130706433", "localhost"])
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with receiving() as receiver:
        answer = post(f"http://{host}:{receiver.port}/")

        assert answer.error is not None
        assert "not an address of the public Internet" in answer.error
        assert receiver.idle


def test_a_name_without_addresses_is_an_error() -> None:
    assert "has no address" in str(post("http://nowhere.invalid/").error)


def test_a_name_is_asked_once_so_it_cannot_change_its_mind() -> None:
    """Were it asked again for the connection, the second answer would lead inside."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with receiving() as receiver:
        answer = post(f"http://{HOST}:{receiver.port}/", names, allow_private=True)

        assert (answer, names.n_asked) == (Answer(200), 1)
        assert receiver.get().headers["host"] == f"{HOST}:{receiver.port}"


def test_the_next_address_is_tried() -> None:
    with receiving() as receiver:
        url = f"http://{HOST}:{receiver.port}/"

        assert post(url, Names(["127.0.0.9", "127.0.0.1"]), allow_private=True) == Answer(200)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name alone, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[tuple[Receiver, list[str]]]:
    """A receiver with TLS, and the names that it was asked for."""
    asked: list[str] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    server.sni_callback = lambda _socket, name, _context: asked.append(str(name))
    with receiving(server) as receiver:
        yield receiver, asked


def test_tls_is_with_the_name_though_the_connection_is_to_an_address(
    certificate: Path, secure: tuple[Receiver, list[str]]
) -> None:
    receiver, asked = secure
    trusting = ssl.create_default_context(cafile=str(certificate))
    names = Names(["127.0.0.1"])

    right = post(f"https://{HOST}:{receiver.port}/", names, trusting, allow_private=True)
    wrong = post(f"https://other.test:{receiver.port}/", names, trusting, allow_private=True)
    unknown = post(f"https://{HOST}:{receiver.port}/", names, allow_private=True)

    assert right == Answer(200)
    assert asked[:2] == [HOST, "other.test"]
    assert "CERTIFICATE_VERIFY_FAILED" in str(wrong.error)
    assert "CERTIFICATE_VERIFY_FAILED" in str(unknown.error)


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("soon", None), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0)]
)
def test_a_wish_to_wait_is_heard(header: str, seconds: float | None) -> None:
    with receiving() as receiver:

        def busy(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(429)
            handler.send_header("Retry-After", header)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        receiver.answer(busy)
        answer = post(receiver.url, allow_private=True)

    assert answer == Answer(429, "HTTP 429", seconds)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver, receiving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")

        assert post(receiver.url, allow_private=True) == Answer(200)
        assert proxy.idle
