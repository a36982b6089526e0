"""A TLS proxy on the loopback for a plain server there, with an authority made for this run.

Arguments: a folder for the certificates, with the authority's in `root.pem`; the port of the plain server.
Prints the port of the proxy.
"""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path


def certify(folder):
    """Makes a root, an intermediate and a server certificate: chain and keys are as long as AWS's."""
    authority = "basicConstraints=critical,CA:TRUE"
    for name, signer, extension in [
        ("root", None, authority),
        ("between", "root", authority),
        ("server", "between", "subjectAltName=IP:127.0.0.1"),
    ]:
        (folder / f"{name}.ext").write_text(extension)
        new = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"]
        sign = ["x509", "-req", "-days", "2", "-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.pem"]
        by = ["-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial"]
        for arguments in [
            [*new, "-keyout", f"{name}.key", "-out", f"{name}.csr"],
            [*sign, *(by if signer else ["-signkey", f"{name}.key"])],
        ]:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    chain = [(folder / f"{name}.pem").read_text() for name in ["server", "between"]]
    (folder / "chain.pem").write_text("".join(chain))


def carry(one, other):
    with contextlib.suppress(OSError):
        while some := one.recv(65536):
            other.sendall(some)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def serve(plain, context, port):
    # A client that does not trust the certificate closes the connection.
    with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as stream:
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=carry, args=(behind, stream))
            back.start()
            carry(stream, behind)
            back.join()


def main(folder, port):
    certify(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(plain, context, port), daemon=True).start()


main(Path(sys.argv[1]), int(sys.argv[2]))
