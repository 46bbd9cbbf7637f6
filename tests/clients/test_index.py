"""An index on a web server: packages are installed by https, and by nothing else."""

import functools
import http.server
import os
import shutil
import ssl
import subprocess
import threading

import pytest
from conftest import DRS, EXAMPLE, IMAGES

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    """A folder on a server with TLS, whose certificate is its own."""

    def __init__(self, folder, work):
        self.cert, key = work / "cert.pem", work / "key.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run([*made, "-keyout", key, "-out", self.cert], check=True, capture_output=True)
        self.asked = []
        # The same files without TLS: nobody may be led there.
        plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=plain.serve_forever, daemon=True).start()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(_, *words):  # noqa: N805 (the site is `self`)
                self.asked.append(words[1])

            def do_GET(handler):  # noqa: N802, N805
                if handler.path.startswith("/away/"):
                    handler.send_response(302)
                    handler.send_header("Location", f"http://localhost:{plain.server_address[1]}/" + handler.path.removeprefix("/away/"))
                    handler.end_headers()
                    return
                if handler.path.startswith("/broken/"):
                    handler.send_error(500)
                    return
                super().do_GET()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"https://localhost:{self.server.server_address[1]}"


class User:
    """Somebody with a home of their own, who trusts a certificate, or none."""

    def __init__(self, home, cert=None):
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if "XDG" not in name and "proxy" not in name.lower()}
        self.environment = kept | {"HOME": str(home)} | ({"SSL_CERT_FILE": str(cert)} if cert else {})
        self.home = home

    def drs(self, *args):
        return subprocess.run([DRS, *map(str, args)], env=self.environment, cwd=self.home, capture_output=True, text=True)

    def done(self, *args):
        run = self.drs(*args)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def refused(self, *args):
        run = self.drs(*args)
        assert run.returncode in (1, 2), run.stderr
        return run.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """An index of the shipped pool on a server, and its key."""
    work = tmp_path_factory.mktemp("index")
    publisher = User(work / "publisher")
    publisher.done("expert", "keygen", "--no-password", "--out", "p.key")
    publisher.done("expert", "pack", EXAMPLE, "--name", "fashion", "--version", "1.0.0", "--license", "MIT", "--no-check")
    publisher.done("expert", "sign", "--key", "p.key", "fashion-1.0.0.drsx")
    publisher.done("expert", "index", "public", "--name", "lab", "--key", "p.key", "fashion-1.0.0.drsx")
    key = (publisher.home / "p.pub").read_text().splitlines()[-1]
    return Site(publisher.home / "public", work), key


def test_a_package_comes_by_https_and_is_used(published, tmp_path):
    site, key = published
    user = User(tmp_path / "user", site.cert)
    assert key in user.refused("expert", "install", "fashion", "--index", site.address)
    user.done("expert", "install", "fashion", "--index", site.address, "--trust-index", key)
    # One index, its signature, one listing, one package: nothing else is asked for.
    paths = {line.split()[1] for line in site.asked if line.startswith("GET")}
    assert paths == {"/index.json", "/index.json.minisig", "/names/fashion.json", "/packages/fashion-1.0.0.drsx"}
    assert "Ankle boot" in user.done("route", "--pool", "fashion", "--n", 500, "--seed", 3, IMAGES[1])
    assert "newest" in user.done("expert", "update")
    other = User(tmp_path / "other", site.cert)
    other.done("expert", "install", f"{site.address}/packages/fashion-1.0.0.drsx", "--trust", key)
    assert site.address in other.done("expert", "info", "fashion")


def test_a_server_that_nobody_vouches_for_is_refused(published, tmp_path):
    site, key = published
    user = User(tmp_path / "user")
    said = user.refused("expert", "install", "fashion", "--index", site.address, "--trust-index", key)
    assert site.address in said and "certificate" in said.lower()
    assert not (user.home / ".local/share/drs/packages/names").exists()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nowhere", "no index"),
        ("/broken", "500"),
        # To another server, and without TLS.
        ("/away", "http"),
    ],
)
def test_what_a_server_does_wrong_is_told(published, tmp_path, path, words):
    site, key = published
    user = User(tmp_path / "user", site.cert)
    said = user.refused("expert", "install", "fashion", "--index", site.address + path, "--trust-index", key)
    assert words in said and site.address in said, said


def test_no_address_without_tls_is_taken(published, tmp_path):
    site, key = published
    user = User(tmp_path / "user", site.cert)
    plain = site.address.replace("https", "http")
    assert "https:" in user.refused("expert", "install", "fashion", "--index", plain, "--trust-index", key)
    assert "https:" in user.refused("expert", "install", f"{plain}/packages/fashion-1.0.0.drsx", "--trust", key)
    assert "404" in user.refused("expert", "install", f"{site.address}/none.drsx")
