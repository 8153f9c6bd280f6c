"""The API listener with a certificate: served, verified, and read again when its files change."""

import socket
import ssl
import subprocess
import urllib.error
import urllib.request

from harness.server import Towline, binary, clean_environment
from harness.waiting import eventually


def certificate(folder, name):
    """Writes `cert.pem` and `key.pem` for a subject of this name, one after the other as renewal tools do."""
    for attempt in ("key.pem", "cert.pem"):
        (folder / f"new-{attempt}").unlink(missing_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "new-key.pem", "-out", folder / "new-cert.pem"],
        check=True, capture_output=True,
    )
    for part in ("key.pem", "cert.pem"):
        (folder / f"new-{part}").replace(folder / part)


def subject(url):
    host, port = url.removeprefix("https://").split(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, int(port)), 10) as plain, context.wrap_socket(plain) as secured:
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True))


def test_the_api_is_served_by_tls_and_takes_a_renewed_certificate(folder):
    certificate(folder, "first")
    flags = ["--api-tls-certificate", str(folder / "cert.pem"), "--api-tls-key", str(folder / "key.pem")]
    with Towline(folder / "data", *flags) as server:
        assert server.api.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        try:
            urllib.request.urlopen(server.api + "/?Format=JSON", context=context, timeout=10)
        except urllib.error.HTTPError as error:
            assert b"MissingAction" in error.read()
        before = subject(server.api)
        certificate(folder, "second")
        eventually(lambda: subject(server.api) != before, 20)


def test_files_that_are_not_pem_are_one_clear_sentence(folder):
    (folder / "cert.pem").write_text("not a certificate")
    done = subprocess.run(
        [binary(), "dev", "--api-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
         "--api-tls-certificate", folder / "cert.pem", "--api-tls-key", folder / "cert.pem"],
        env=clean_environment(), capture_output=True, text=True, timeout=30,
    )
    assert done.returncode == 2
    assert "api.tls-certificate" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
